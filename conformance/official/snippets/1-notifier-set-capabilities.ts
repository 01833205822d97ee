// Client sends set_capabilities event
socket.emit('set_capabilities', {
  requestId: 'req-' + Date.now(),  // Optional, for tracking
  data: {
    // Only need to set parts to modify
    "server-id-1": {
      "enabled": true,
      "tools": {
        "dangerous-tool": {
          "enabled": false,  // Disable dangerous tool
          "description": "...",
          "dangerLevel": 2
        }
      },
      "resources": {},
      "prompts": {}
    }
  }
});

// Listen for response
socket.on('ack', (data) => {
  console.log('Configuration updated:', data);
});
