socket.emit('joinRoom', 'project-123');

// Receive events sent to this room
socket.on('projectUpdate', (data) => {
  // Handle update
});
