socket.emit('claude:status', processId, (response) => {
  if (response.success) {
    console.log(`Status: ${response.status}`);
    if (response.queuePosition !== undefined) {
      console.log(`Queue position: ${response.queuePosition}`);
    }
  } else {
    console.error(response.error);
  }
});
