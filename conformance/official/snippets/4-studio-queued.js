socket.on('claude:queued', (data) => {
  console.log(`Request queued at position ${data.queuePosition}`);
  // Client should poll via claude:status or wait for claude:progress/complete
});
