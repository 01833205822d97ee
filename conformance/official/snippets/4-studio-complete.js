socket.on('claude:complete', (data) => {
  console.log(`Process ${data.processId} completed`);
  console.log('Output:', data.result.stdout);
  if (data.result.parsedResponse) {
    console.log('Response:', data.result.parsedResponse.content);
  }
});
