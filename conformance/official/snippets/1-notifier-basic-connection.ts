import { io } from 'socket.io-client';

// Create connection
const socket = io('http://localhost:3002', {
  auth: {
    token: 'your-user-token-here'  // Recommended method
  },
  reconnection: true,
  reconnectionAttempts: 5,
  reconnectionDelay: 1000
});

// Listen for successful connection
socket.on('connect', () => {
  console.log('Connected! Socket ID:', socket.id);

  // Send client information (optional)
  socket.emit('client-info', {
    deviceType: 'desktop',
    deviceName: 'MacBook Pro',
    appVersion: '1.0.0'
  });
});

// Listen for server push notifications
socket.on('notification', (data) => {
  console.log('Notification:', data);
  // Show desktop notification or update UI
});

// Send message to server
socket.emit('client-message', {
  action: 'test',
  data: { foo: 'bar' }
});

// Listen for message acknowledgment
socket.on('ack', (data) => {
  console.log('Message acknowledged:', data);
});

// Disconnect
socket.disconnect();
