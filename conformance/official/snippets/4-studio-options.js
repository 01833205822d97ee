{
  transports: ['websocket', 'polling'], // Transport preference
  auth: { token: 'jwt-token' },         // Authentication token
  reconnection: true,                    // Enable auto-reconnection
  reconnectionAttempts: 5,               // Max reconnection attempts
  reconnectionDelay: 1000,               // Initial delay (ms)
  timeout: 10000                         // Connection timeout (ms)
}
