socket.emit('claude:cancel', processId, (response) => {
  if (response.success) {
    console.log(response.message); // 'Process cancelled successfully'
  } else {
    console.error(response.error); // e.g., 'Process not found' or 'Access denied'
  }
});

// Also listen for claude:error with code 'CANCELLED'
socket.on('claude:error', (data) => {
  if (data.code === 'CANCELLED') {
    console.log(`Process ${data.processId} was cancelled`);
  }
});
