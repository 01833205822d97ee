const io = require('socket.io-client');

// Connect to multiple namespaces
const systemSocket = io('http://localhost:3000/system');
const sessionSocket = io('http://localhost:3000/session');
const logSocket = io('http://localhost:3000/log');

// System events
systemSocket.on('connect', () => {
    console.log('Connected to system namespace');
});

systemSocket.on('status', (data) => {
    console.log('System status:', data);
});

// Session events
sessionSocket.on('start', (data) => {
    console.log('Session started:', data.session_id);
});

sessionSocket.on('end', (data) => {
    console.log('Session ended after', data.duration_seconds, 'seconds');
});

// Real-time logs
logSocket.on('message', (data) => {
    console.log(`[${data.level}] ${data.message}`);
});
