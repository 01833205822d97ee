curl http://localhost:8765/compatibility -d '{"client_version": "0.7.0"}'
