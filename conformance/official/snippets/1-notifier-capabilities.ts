import { io } from 'socket.io-client';

// Connect to server
const socket = io('http://localhost:3002', {
  auth: { token: 'your-token' }
});

// ========== Get Current Configuration ==========
async function getCurrentCapabilities() {
  return new Promise((resolve) => {
    const requestId = 'req-' + Date.now();

    // Send request
    socket.emit('get_capabilities', {
      requestId,
      data: {}
    });

    // Wait for response (one-time listener)
    socket.once('socket_response', (response) => {
      if (response.requestId === requestId && response.success) {
        resolve(response.data?.capabilities);
      } else {
        resolve(null);
      }
    });
  });
}

// ========== Set Configuration ==========
function setCapabilities(newConfig) {
  socket.emit('set_capabilities', {
    requestId: 'req-' + Date.now(),
    data: newConfig
  });
}

// ========== Usage Example ==========

// Get configuration
const currentConfig = await getCurrentCapabilities();
console.log('Current configuration:', currentConfig);

// Disable a tool
setCapabilities({
  "filesystem": {
    "enabled": true,
    "tools": {
      "delete_file": {
        "enabled": false,  // Disable delete file tool
        "description": "Delete a file",
        "dangerLevel": 2
      }
    },
    "resources": {},
    "prompts": {}
  }
});

// Listen for confirmation
socket.on('ack', (data) => {
  console.log('✅ Configuration updated');

  // Re-fetch latest configuration
  getCurrentCapabilities().then(config => {
    console.log('Latest configuration:', config);
  });
});
