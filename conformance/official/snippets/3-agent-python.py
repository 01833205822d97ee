import socketio
import time

# Create a Socket.IO client
sio = socketio.Client()

@sio.event
def connect():
    print('Connected to SrvThreds!')

    # Send an event
    event = {
        'id': f'evt_{int(time.time() * 1000)}',
        'type': 'user.action',
        'source': {'id': 'participant-123'},
        'timestamp': time.strftime('%Y-%m-%dT%H:%M:%S.000Z'),
        'data': {
            'action': 'button.clicked',
            'buttonId': 'submit'
        }
    }
    sio.emit('message', event)

@sio.event
def message(data):
    print('Received from server:', data)

@sio.event
def disconnect():
    print('Disconnected from server')

@sio.event
def connect_error(data):
    print('Connection failed:', data)

# Connect with authentication
sio.connect('http://localhost:3000',
            auth={'token': 'participant-123'})

# Wait for events
sio.wait()
