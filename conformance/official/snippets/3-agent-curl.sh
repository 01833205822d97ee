# Check health
curl http://localhost:3000/health

# Send event via HTTP POST (if enabled)
curl -X POST http://localhost:3000/event \
  -H "Content-Type: application/json" \
  -d '{
    "id": "evt_test",
    "type": "user.action",
    "source": {"id": "participant-test"},
    "timestamp": "'$(date -u +"%Y-%m-%dT%H:%M:%S.000Z")'"
  }'
