const socket = io('http://localhost:3002', {
  auth: {
    token: 'your-token-here'
  }
});
