import { io, Socket } from 'socket.io-client';
import { dialog } from 'electron';
import {
  SocketRequest,
  SocketResponse,
  SocketActionType,
  SocketErrorCode
} from './socket.types';

// Connect to server
const socket = io('http://localhost:3002', {
  auth: { token: 'your-token-here' }
});

// Listen for 'ask_user_confirm' event
socket.on('ask_user_confirm', async (request: SocketRequest<{
  toolName: string;
  toolDescription: string;
  toolParams: string;
}>) => {
  try {
    // Parse tool parameters
    const params = JSON.parse(request.data.toolParams);

    // Construct confirmation message
    const message = `Tool: ${request.data.toolName}\nDescription: ${request.data.toolDescription}\nParameters: ${JSON.stringify(params, null, 2)}\n\nAre you sure you want to execute this operation?`;

    // Show confirmation dialog
    const result = await dialog.showMessageBox({
      type: 'question',
      message: message,
      buttons: ['Confirm', 'Cancel'],
      defaultId: 0,
      cancelId: 1
    });

    // Send response
    const response: SocketResponse = {
      requestId: request.requestId,
      success: true,
      data: { confirmed: result.response === 0 },
      timestamp: Date.now()
    };

    socket.emit('socket_response', response);
    console.log(`✅ Responded to request: ${request.requestId}`);

  } catch (error) {
    // Send error response
    const response: SocketResponse = {
      requestId: request.requestId,
      success: false,
      error: {
        code: SocketErrorCode.CLIENT_ERROR,
        message: error.message || 'Client error occurred'
      },
      timestamp: Date.now()
    };

    socket.emit('socket_response', response);
    console.error(`❌ Failed to handle request: ${request.requestId}`);
  }
});

// Listen for 'get_client_status' event
socket.on('get_client_status', (request: SocketRequest) => {
  const status = {
    platform: process.platform,
    appVersion: app.getVersion(),
    memoryUsage: process.memoryUsage(),
    uptime: process.uptime()
  };

  const response: SocketResponse = {
    requestId: request.requestId,
    success: true,
    data: status,
    timestamp: Date.now()
  };

  socket.emit('socket_response', response);
});
