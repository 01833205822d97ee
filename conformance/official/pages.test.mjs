// The client of the server's pages, reference-server/pages/socketio.js, with the official server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Server } from "socket.io";
import { WebSocket, WebSocketServer } from "ws";
import { Connection } from "../../reference-server/pages/socketio.js";
import { atEnd, cleanUp, eventually, freePort, within } from "./harness.mjs";

// As in a browser: an error that nobody listens to ends nothing.
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url);
    this.on("error", () => {});
  }
};

let io;
let http;
let url;

async function start(options, port = 0) {
  http = createServer();
  io = new Server(http, options);
  io.of("/chat");
  await once(http.listen(port, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${http.address().port}`;
}

/** The next time that `what` happens: its arguments. */
const next = (source, what) => within(new Promise((resolve) => source.on(what, (...args) => resolve(args))), what);

function connect(options) {
  const connection = new Connection(url, { delay: 10, ...options });
  atEnd(() => connection.close());
  return connection;
}

/** The socket of a namespace, when it is connected. */
async function join(connection, namespace = "/", auth) {
  const socket = connection.of(namespace, auth);
  await next(socket, "connect");
  return socket;
}

beforeEach(() => start());
afterEach(async () => {
  cleanUp();
  await io.close();
});

for (const transport of ["polling", "websocket", "upgrade"]) {
  describe(transport, () => {
    test("events in order, both ways, through the upgrade", async () => {
      const count = 300;
      const there = [];
      const here = [];
      io.on("connection", (socket) => {
        socket.on("n", (n) => there.push(n));
        for (let n = 0; n < count; ++n) socket.emit("n", n);
      });
      const connection = connect({ transport });
      const socket = connection.of("/");
      socket.on("n", (n) => {
        here.push(n);
        socket.emit("n", n);
      });
      const all = Array.from({ length: count }, (_, n) => n);
      await eventually(() => there.length >= count, "echoes");
      assert.deepEqual(here, all);
      assert.deepEqual(there, all);
      const settled = transport === "polling" ? "polling" : "websocket";
      await eventually(() => connection.transport === settled, settled);
      await eventually(() => io.sockets.sockets.get(socket.id).conn.transport.name === settled, `${settled} at the server`);
    });

    test("acknowledgements, both ways", async () => {
      io.on("connection", (socket) => socket.on("add", (a, b, ack) => ack(a + b, "€")));
      const socket = await join(connect({ transport }));
      assert.deepEqual(await within(socket.ask("add", 40, 2), "answer"), [42, "€"]);
      socket.on("ask", (value, ack) => ack({ value }));
      assert.deepEqual(await within(io.timeout(5000).emitWithAck("ask", [1]), "answer"), [{ value: [1] }]);
    });

    test("several namespaces over one connection, with auth", async () => {
      const auths = [];
      for (const name of ["/", "/chat"]) {
        io.of(name).use((socket, go) => {
          auths.push([name, socket.handshake.auth]);
          go();
        });
      }
      const connection = connect({ transport });
      const root = connection.of("/", { token: "a" });
      const chat = connection.of("/chat", { token: "b" });
      await eventually(() => root.connected && chat.connected, "both");
      assert.deepEqual(auths.sort(), [["/", { token: "a" }], ["/chat", { token: "b" }]]);
      assert.equal(io.engine.clientsCount, 1);
      const heard = [];
      root.onAny((...event) => heard.push(["/", ...event]));
      chat.onAny((...event) => heard.push(["/chat", ...event]));
      io.emit("one", 1);
      io.of("/chat").emit("two", 2);
      await eventually(() => heard.length === 2, "both events");
      assert.deepEqual(heard.sort(), [["/", "one", 1], ["/chat", "two", 2]]);
    });

    test("close() is told to the server", async () => {
      const reasons = [];
      io.on("connection", (socket) => socket.on("disconnect", (reason) => reasons.push(reason)));
      const connection = connect({ transport });
      await join(connection);
      const closed = next(connection, "close");
      connection.close();
      assert.deepEqual((await closed)[0], "io client disconnect");
      await eventually(() => reasons.length > 0, "disconnect");
      assert.equal(reasons[0], "client namespace disconnect");
    });

    test("a server that comes back is found again, and questions without an answer are rejected", async () => {
      await io.close();
      await start({}, await freePort());
      const connection = connect({ transport });
      const socket = await join(connection, "/chat");
      const first = socket.id;
      const question = assert.rejects(socket.ask("never answered"));
      const tries = [];
      connection.on("reconnecting", (attempt, wait) => tries.push([attempt, wait]));
      const left = next(socket, "disconnect");
      await io.close();
      await left;
      await question;
      assert.equal(socket.emit("lost"), false);
      assert.equal(socket.id, undefined);
      await eventually(() => tries.length >= 3, "three tries");
      assert.deepEqual(tries.slice(0, 3).map(([attempt]) => attempt), [1, 2, 3]);
      tries.slice(0, 3).forEach(([, wait], n) => assert.ok(wait >= 5 * 2 ** n && wait <= 10 * 2 ** n, `${wait}`));
      const again = next(socket, "connect");
      await start({}, Number(new URL(url).port));
      await again;
      assert.notEqual(socket.id, first);
    });
  });
}

test("a namespace that refuses says why, and the others are not touched", async () => {
  io.of("/chat").use((_socket, go) => go(Object.assign(new Error("no"), { data: { code: 7 } })));
  const connection = connect();
  const chat = connection.of("/chat");
  const [[error]] = await Promise.all([next(chat, "connect_error"), join(connection)]);
  assert.equal(error.message, "no");
  assert.deepEqual(error.data, { code: 7 });
  assert.equal(chat.connected, false);
});

test("the server puts a socket out", async () => {
  const socket = await join(connect());
  const left = next(socket, "disconnect");
  io.disconnectSockets();
  assert.deepEqual(await left, ["io server disconnect"]);
});

test("attachments are put in their places", async () => {
  const socket = await join(connect());
  const heard = next(socket, "bytes");
  io.emit("bytes", { a: [Buffer.from([1, 2])] }, Buffer.from([3]));
  assert.deepEqual(await heard, [{ a: [new Uint8Array([1, 2])] }, new Uint8Array([3])]);
});

test("a payload is no larger than the server allows", async () => {
  await io.close();
  await start({ maxHttpBufferSize: 1000 });
  const heard = [];
  io.on("connection", (socket) => socket.onAny((event, text) => heard.push([event, text.length])));
  const socket = await join(connect({ transport: "polling" }));
  for (let n = 0; n < 20; ++n) socket.emit(`e${n}`, "€".repeat(100));
  await eventually(() => heard.length === 20, "all events");
  assert.deepEqual(heard, Array.from({ length: 20 }, (_, n) => [`e${n}`, 100]));
});

test("a server that has gone silent is left", async () => {
  const silent = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  atEnd(() => silent.close());
  await once(silent, "listening");
  const handshake = { sid: "x", upgrades: [], pingInterval: 50, pingTimeout: 50, maxPayload: 1000 };
  silent.on("connection", (socket) => socket.send(`0${JSON.stringify(handshake)}`));
  url = `http://127.0.0.1:${silent.address().port}`;
  const connection = connect({ transport: "websocket", reconnection: false });
  assert.equal((await next(connection, "close"))[0], "ping timeout");
});

test("a server that breaks the protocol is left", async () => {
  io.engine.on("connection", (session) => session.send("2[not json"));
  const connection = connect({ reconnection: false });
  const [reason, problem] = await next(connection, "close");
  assert.equal(reason, "parse error");
  assert.ok(problem instanceof SyntaxError);
});

test("a listener that throws is reported, and keeps nothing from the others", async (t) => {
  const later = globalThis.setTimeout;
  const reports = [];
  t.mock.method(globalThis, "setTimeout", (f, ms) => (ms === undefined ? reports.push(f) : later(f, ms)));
  const socket = await join(connect());
  socket.on("x", () => {
    throw new Error("mine");
  });
  const heard = next(socket, "x");
  io.emit("x", 1);
  assert.deepEqual(await heard, [1]);
  assert.throws(reports[0], { message: "mine" });
});
