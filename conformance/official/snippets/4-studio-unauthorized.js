// Attempting claude:execute without auth
socket.emit('claude:execute', { prompt: 'Hello' }, (response) => {
  // response.success === false
  // response.error === 'Authentication required to execute Claude commands'
});

// You'll also receive:
socket.on('claude:error', (data) => {
  // data.code === 'UNAUTHORIZED'
  // data.message === 'Authentication required to execute Claude commands'
});
