import { io } from 'socket.io-client';

const socket = io('http://localhost:3002', {
  auth: { token: 'your-token' }
});

// Listen for online session notifications
socket.on('notification', (data) => {
  if (data.type === 'online_sessions') {
    console.log(`You have ${data.data.sessions.length} active sessions:`);

    data.data.sessions.forEach(session => {
      console.log(`- ${session.clientName} (${session.sessionId})`);
      console.log(`  Last active: ${new Date(session.lastActive).toLocaleString()}`);
      console.log(`  User-Agent: ${session.userAgent}`);
    });

    // Update UI display
    updateSessionList(data.data.sessions);
  }
});
