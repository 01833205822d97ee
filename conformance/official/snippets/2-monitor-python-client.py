import socketio

# Create Socket.IO client
sio = socketio.Client()

# Connect to server
sio.connect('http://localhost:3000')

# Connect to specific namespaces
system_sio = socketio.Client()
system_sio.connect('http://localhost:3000/system')

@system_sio.event
def status(data):
    print(f"System status: {data}")

@sio.event
def connect():
    print("Connected to Socket.IO server")

@sio.event  
def disconnect():
    print("Disconnected from Socket.IO server")

# Keep client running
sio.wait()
