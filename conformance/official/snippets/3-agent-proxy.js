const socket = io('http://localhost:3000', {
  auth: {
    token: 'participant-123'
  },
  extraHeaders: {
    'x-proxy-message': 'true'
  }
});
