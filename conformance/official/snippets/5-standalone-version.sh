curl http://localhost:8765/version
