socket.on('claude:progress', (data) => {
  if (data.data) {
    // Append streaming chunk to output
    outputBuffer += data.data;
  }
  console.log(`Process ${data.processId}: ${data.status}`);
});
