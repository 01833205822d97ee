curl -X POST http://localhost:3000/emit -d '{"namespace":"system","event":"test","data":{}}'
