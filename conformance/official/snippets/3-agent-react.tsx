import { useEffect, useState } from 'react';
import { io, Socket } from 'socket.io-client';

interface Event {
  id: string;
  type: string;
  source: { id: string };
  timestamp: string;
  data: any;
}

function SrvThreadsClient() {
  const [socket, setSocket] = useState<Socket | null>(null);
  const [connected, setConnected] = useState(false);
  const [messages, setMessages] = useState<any[]>([]);
  const participantId = `participant-${Date.now()}`;

  useEffect(() => {
    // Connect to session agent
    const newSocket = io('http://localhost:3000', {
      auth: {
        token: participantId
      }
    });

    newSocket.on('connect', () => {
      console.log('Connected!', newSocket.id);
      setConnected(true);
    });

    newSocket.on('message', (data) => {
      console.log('Received:', data);
      setMessages(prev => [...prev, { type: 'received', data }]);
    });

    newSocket.on('disconnect', () => {
      setConnected(false);
    });

    setSocket(newSocket);

    return () => {
      newSocket.close();
    };
  }, []);

  const sendEvent = () => {
    if (!socket) return;

    const event: Event = {
      id: `evt_${Date.now()}`,
      type: 'user.action',
      source: { id: participantId },
      timestamp: new Date().toISOString(),
      data: {
        action: 'button.clicked',
        buttonId: 'submit'
      }
    };

    socket.emit('message', event);
    setMessages(prev => [...prev, { type: 'sent', data: event }]);
  };

  return (
    <div>
      <h1>SrvThreads WebSocket Client</h1>
      <p>Status: {connected ? '✓ Connected' : '✗ Disconnected'}</p>
      <p>Participant: {participantId}</p>
      <button onClick={sendEvent} disabled={!connected}>
        Send Event
      </button>

      <div>
        <h2>Messages</h2>
        {messages.map((msg, i) => (
          <div key={i}>
            <strong>{msg.type}:</strong>
            <pre>{JSON.stringify(msg.data, null, 2)}</pre>
          </div>
        ))}
      </div>
    </div>
  );
}

export default SrvThreadsClient;
