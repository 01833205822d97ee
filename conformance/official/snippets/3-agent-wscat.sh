# Install wscat
npm install -g wscat

# Connect to WebSocket
wscat -c "ws://localhost:3000/socket.io/?EIO=4&transport=websocket"

# You'll see Socket.IO protocol messages
# Send: 42["message",{"id":"evt_test","type":"test",...}]
