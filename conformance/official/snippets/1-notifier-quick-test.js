const io = require('socket.io-client');

const socket = io('http://localhost:3002', {
  auth: {
    token: 'your-test-token-here'
  }
});

socket.on('connect', () => {
  console.log('✅ Connected:', socket.id);
});

socket.on('notification', (data) => {
  console.log('📬 Notification:', data);
});

socket.on('connect_error', (error) => {
  console.error('❌ Error:', error.message);
});

// Send test message
setTimeout(() => {
  socket.emit('client-message', { test: true });
}, 1000);
