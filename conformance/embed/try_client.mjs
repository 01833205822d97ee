// Runs an embedded client against the official server, which is killed in between. Usage: node try_client.mjs PROGRAM
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";

const require = createRequire(new URL("../official/package.json", import.meta.url));
const { Server } = require("socket.io");
const deadline = setTimeout(() => {
  console.error("not done within 20 s");
  process.exit(1);
}, 20000);

async function serve(port, onSocket) {
  const http = require("node:http").createServer();
  const io = new Server(http);
  io.on("connection", onSocket);
  http.listen(port, "127.0.0.1");
  await once(http, "listening");
  return { port: http.address().port, io };
}
const positions = (socket, count) =>
  new Promise((resolve) => {
    const all = [];
    socket.on("position", (x) => all.push(x) === count && resolve(all));
  });

let program;
const first = new Promise((resolve) => {
  serve(0, async (socket) => {
    const seen = await positions(socket, 5);
    socket.emit("moved", "another", 7);
    resolve(seen);
  }).then(({ port, io }) => {
    program = spawn(process.argv[2], [String(port)], { stdio: ["ignore", "pipe", "inherit"] });
    program.io = io;
    program.port = port;
    program.text = "";
    program.stdout.on("data", (text) => (program.text += text));
  });
});
const seen = await first;
assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
while (!program.text.includes("another is at 7")) await once(program.stdout, "data");
await program.io.close();
while (!program.text.includes("disconnected: transport close")) await once(program.stdout, "data");
const again = await serve(program.port, async (socket) => {
  await positions(socket, 5);
  socket.emit("over");
});
const [code] = await once(program, "close");
await again.io.close();
clearTimeout(deadline);
assert.equal(code, 0);
assert.equal(program.text.match(/^connected$/gm).length, 2);
console.log("1 passed, 0 failed");
