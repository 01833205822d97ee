const socket = io('http://localhost:3000/system', {
    auth: {
        token: 'your-auth-token'
    }
});
