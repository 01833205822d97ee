import { SocketRequest, SocketResponse, SocketActionType } from './socket.types';

// Listen for get_capabilities request
socket.on('get_capabilities', async (request: SocketRequest<{}>) => {
  console.log('Received get capability configuration request');

  // Get from local or query server
  // Note: Usually client will directly return empty object, let server handle it
  // This event is mainly used to trigger client UI update

  const response: SocketResponse<{ capabilities: any }> = {
    requestId: request.requestId,
    success: true,
    data: { capabilities: {} }, // Empty object means server decides
    timestamp: Date.now()
  };

  socket.emit('socket_response', response);
});
