socket.on('claude:error', (data) => {
  console.error(`Error ${data.code}: ${data.message}`);
  if (data.processId) {
    console.error(`Process: ${data.processId}`);
  }
});
