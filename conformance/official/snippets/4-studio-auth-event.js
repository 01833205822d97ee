const socket = io('http://localhost:3000');

socket.on('connect', () => {
  socket.emit('authenticate', { token: 'jwt-token' }, (response) => {
    if (response.success) {
      // Now authenticated
    }
  });
});
