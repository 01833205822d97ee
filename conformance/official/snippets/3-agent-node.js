import { io } from 'socket.io-client';

// Connect to session agent
const socket = io('http://localhost:3000', {
  auth: {
    token: 'participant-123'  // Your participant ID
  }
});

// Handle connection
socket.on('connect', () => {
  console.log('Connected to SrvThreds!', socket.id);

  // Send an event
  const event = {
    id: `evt_${Date.now()}`,
    type: 'user.action',
    source: { id: 'participant-123' },
    timestamp: new Date().toISOString(),
    data: {
      action: 'button.clicked',
      buttonId: 'submit'
    }
  };

  socket.emit('message', event);
});

// Receive messages/events from engine
socket.on('message', (messageOrEvent) => {
  console.log('Received from server:', messageOrEvent);

  // Message format:
  // {
  //   event: { ...eventData },
  //   to: [{ participantId: 'participant-123', ... }]
  // }
});

// Handle disconnection
socket.on('disconnect', (reason) => {
  console.log('Disconnected:', reason);
});

// Handle errors
socket.on('connect_error', (error) => {
  console.error('Connection error:', error.message);
});
