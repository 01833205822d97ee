// Rate limit exceeded response
socket.on('claude:error', (data) => {
  if (data.code === 'RATE_LIMIT_EXCEEDED') {
    // Wait before retrying
    setTimeout(() => retryRequest(), 60000);
  }
});
