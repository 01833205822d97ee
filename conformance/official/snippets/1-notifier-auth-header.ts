const socket = io('http://localhost:3002', {
  extraHeaders: {
    Authorization: 'Bearer your-token-here'
  }
});
