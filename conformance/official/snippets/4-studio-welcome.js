socket.on('welcome', (data) => {
  console.log(`Connected as ${data.socketId}`);
});
