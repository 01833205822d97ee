socket.emit('joinRoom', 'project-123', (response) => {
  if (response.success) {
    console.log(`Joined room: ${response.room}`);
  }
});
