// Starts an embedded server and exchanges events with it by the official client, while other peers send
// nonsense or do not read. Usage: node try.mjs PROGRAM [polling]: whether it has that transport too
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect } from "node:net";

const require = createRequire(new URL("../official/package.json", import.meta.url));
const { io } = require("socket.io-client");
const { WebSocket } = require("ws");
const polls = process.argv[3] === "polling";
const server = spawn(process.argv[2], { stdio: ["ignore", "pipe", "inherit"] });
let failed = false;
const fail = (why) => {
  console.error(why);
  failed = true;
  server.kill();
};
const deadline = setTimeout(() => fail("not done within 20 s"), 20000);

const [line] = await once(server.stdout, "data");
server.on("exit", (code, signal) => {
  clearTimeout(deadline);
  if (!failed && signal !== "SIGTERM") console.error(`the server ended with ${code ?? signal}`);
  else if (!failed) console.log("1 passed, 0 failed");
  process.exit(!failed && signal === "SIGTERM" ? 0 : 1);
});
const url = new URL(/http:\S+/.exec(line)[0]);

const handshake = (target, key) =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\n${key}\r\n`;
const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const target = "/socket.io/?EIO=4&transport=websocket";
const nonsense = [
  "\r\n\r\n",
  "x\r\n\r\n",
  "GET\r\n\r\n",
  handshake(target, ""),
  handshake(target, "Sec-WebSocket-Key: short\r\n"),
  handshake("/socket.io/?EIO=4&transport=polling", key),
  handshake("/socket.io/?EIO=4&transport=websocket&sid=unknown", key),
  handshake("/other/?EIO=4&transport=websocket", key),
  "x".repeat(10000),
];
for (const text of nonsense) {
  const peer = connect(url.port, url.hostname);
  peer.end(text);
  const answer = [];
  peer.on("data", (bytes) => answer.push(bytes));
  peer.on("error", () => {});
  await once(peer, "close");
  if (Buffer.concat(answer).includes("101")) fail(`accepted: ${JSON.stringify(text)}`);
}
const pieces = connect(url.port, url.hostname);
for (const byte of handshake(target, key)) {
  pieces.write(byte);
  await new Promise((resolve) => setImmediate(resolve));
}
const [accepted] = await once(pieces, "data");
if (!`${accepted}`.startsWith("HTTP/1.1 101 ")) fail(`in pieces: ${accepted}`);
pieces.write(Buffer.alloc(20, 0xff));
await once(pieces, "close");

const stubborn = new WebSocket(`${url.href}socket.io/?EIO=4&transport=websocket`.replace("http", "ws"));
await once(stubborn, "open");
stubborn.send("40");
stubborn.pause();
for (let i = 0; i < 20; i++) stubborn.send(`42["echo","${"x".repeat(900000)}"]`);

const text = "h\u00e9".repeat(300000);
const exchange = async (transports, i) => {
  const client = io(url.href, { transports, forceNew: true, reconnection: false });
  client.on("connect_error", (error) => fail(`connect_error: ${error.message}`));
  const last = transports.at(-1);
  await new Promise((resolve) => client.on("connect", resolve));
  while (client.io.engine.transport.name !== last) await new Promise((r) => client.io.engine.once("upgrade", r));
  client.emit("echo", i, { text }, Buffer.from([1, 2, 3]), Buffer.alloc(0));
  const [n, object, ...bytes] = await new Promise((resolve) => client.on("echo", (...args) => resolve(args)));
  if (n !== i || object.text !== text || bytes.map((b) => b.toString("hex")).join() !== "010203,") fail("a wrong echo");
  client.close();
};
const echoes = [1, 2, 3].map((i) => exchange(["websocket"], i));
if (polls) echoes.push(exchange(["polling"], 4), exchange(["polling"], 5), exchange(["polling", "websocket"], 6));
await Promise.all(echoes);

let received = 0;
stubborn.on("message", (text) => (received += text.length > 900000));
stubborn.resume();
while (received < 20 && !failed) await once(stubborn, "message");
stubborn.terminate();

if (polls) {
  const polling = `${url.href}socket.io/?EIO=4&transport=polling`;
  const ask = async (target, body) => {
    const response = await fetch(target, body && { method: "POST", body });
    return `${response.status} ${await response.text()}`;
  };
  const expect = (wanted, ...answers) => {
    if (answers.sort().join() !== wanted) fail(`${answers} and not ${wanted}`);
  };
  const session = async () => `${polling}&sid=${JSON.parse((await ask(polling)).slice(5)).sid}`;
  const unknown = '400 {"code":1,"message":"Session ID unknown"}';
  expect("404 ", await ask(`${url.href}other/`));
  expect(unknown, await ask(`${polling}&sid=unknown`));
  expect(unknown, await ask(`${polling}&sid=a%26b`, text));
  expect('400 {"code":2,"message":"Bad handshake method"}', await ask(polling, "40"));
  const first = await session();
  expect("200 1,400 ", ...(await Promise.all([ask(first), ask(first)])));
  expect(unknown, await ask(first));
  const second = await session();
  expect("413 ", await ask(second, "x".repeat(1000001)));
  expect("200 ok", await ask(second, "1"));
  expect(unknown, await ask(second));
}
server.kill();
