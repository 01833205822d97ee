socket.emit('authenticate', { token: 'jwt-token' }, (response) => {
  if (response.success) {
    console.log(`Authenticated as ${response.userId}`);
  } else {
    console.error(response.error);
  }
});
