socket.on('connect_error', (error) => {
  console.error('Connection failed:', error.message);
});

socket.on('error', (error) => {
  console.error('Socket error:', error);
});

socket.on('disconnect', (reason) => {
  console.log('Disconnected:', reason);
});
