// Connection 1 (web browser)
const socket1 = io('http://localhost:3000', {
  auth: { token: 'participant-123' }
});

// Connection 2 (mobile app)
const socket2 = io('http://localhost:3000', {
  auth: { token: 'participant-123' }
});

// Both receive messages addressed to participant-123
