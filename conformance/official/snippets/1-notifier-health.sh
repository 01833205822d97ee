curl http://localhost:3002/health
