// The official server with the applications which the tests expect: the yardstick for every other server.
// usage: node reference/server.mjs [--port 0] [--contract load] [--profile csr]
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server as EngineServer } from "engine.io";
import { Server as SocketServer } from "socket.io";
import { fiveTexts, goodNight } from "./texts.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    contract: { type: "string", default: "load" },
    profile: { type: "string", default: "" },
    "serve-client": { type: "string", default: "" }, // the official server has its own files
  },
});

const contracts = {
  /** Every message comes back. */
  "engine-echo"(http) {
    const engine = new EngineServer({
      pingInterval: 300,
      pingTimeout: 200,
      maxHttpBufferSize: 1e6,
      cors: { origin: "*" },
    });
    engine.attach(http, { path: "/engine.io/" });
    engine.on("connection", (session) => session.on("message", (data) => session.send(data)));
    return engine;
  },

  /** A greeting, then echo; messages of at most 100 bytes; cookies; a way to be refused. */
  "engine-client-suite"(http) {
    const engine = new EngineServer({
      pingInterval: 500,
      pingTimeout: 20000,
      maxHttpBufferSize: 100,
      allowRequest: (request, answer) => answer(null, !request._query || !("deny" in request._query)),
    });
    engine.attach(http, { path: "/engine.io/" });
    engine.on("initial_headers", (headers) => {
      headers["Set-Cookie"] = [
        "1=1; Max-Age=86400",
        "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
        "3=3; Max-Age=0",
        `4=4; Expires=${new Date().toUTCString()}`,
      ];
    });
    engine.on("connection", (session) => {
      session.send("hi");
      session.on("message", (data) => {
        if (data === "give binary") session.send(Buffer.from([0, 1, 2, 3, 4]));
        else if (data === "give utf8") session.send(goodNight);
        else if (data === "sendHeaders") session.send(JSON.stringify(session.transport.dataReq.headers));
        else session.send(data);
      });
    });
    return engine;
  },

  /** An application that does as it is told, with the options of a profile. */
  "engine-bench"(http) {
    const profile = benchProfiles[options.profile || "main"];
    if (!profile) throw new Error(`no profile ${options.profile}`);
    const { attach = {}, ...own } = profile;
    const engine = new EngineServer(own);
    engine.attach(http, { path: "/engine.io/", ...attach });
    if (options.profile === "headers") {
      engine.on("initial_headers", (headers) => Object.assign(headers, { test: "123", "set-cookie": "mycookie=456" }));
      engine.on("headers", (headers) => (headers["x-always"] = "1"));
    }
    engine.on("connection", (session) => {
      session.on("message", (data) => obey(session, data) || session.send(data));
    });
    return engine;
  },

  /** The application of the protocol document. */
  protocol(http) {
    const io = new SocketServer(http, {
      serveClient: false,
      pingInterval: 300,
      pingTimeout: 200,
      maxHttpBufferSize: 1e6,
      connectTimeout: 1000,
    });
    io.on("connection", (socket) => {
      socket.emit("auth", socket.handshake.auth);
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("message-with-ack", (...args) => args.pop()(...args));
    });
    io.of("/custom").on("connection", (socket) => socket.emit("auth", socket.handshake.auth));
    return io;
  },

  /** The application which the JavaScript client's own tests talk to. */
  "client-suite"(http) {
    const io = new SocketServer(http, {
      serveClient: false,
      pingInterval: 2000,
      ...(options.profile === "csr" && { connectionStateRecovery: {} }),
      allowRequest: (_request, answer) => setTimeout(() => answer(null, true), 10),
    });
    io.use((socket, next) =>
      next(socket.handshake.query.fail ? new Error("Auth failed (main namespace)") : undefined),
    );
    io.on("connection", clientSuiteEvents);
    io.of("/foo").on("connection", (socket) => socket.on("getId", (ack) => ack(socket.id)));
    for (const name of ["/timeout_socket", "/valid", "/asd"]) io.of(name).on("connection", () => {});
    io.of("/abc").on("connection", (socket) => socket.emit("handshake", socket.handshake));
    io.of("/no").use((_socket, next) => next(new Error("Auth failed (custom namespace)")));
    return io;
  },

  /** What load generators need; also the default. */
  load(http) {
    const io = new SocketServer(http, { serveClient: options["serve-client"] !== "" });
    io.on("connection", (socket) => {
      socket.on("message-with-ack", (...args) => args.pop()(...args));
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("broadcast", (x) => io.emit("broadcast", x));
      socket.on("join", (room, ack) => {
        socket.join(room);
        ack?.();
      });
      socket.on("room", (room, x) => io.to(room).emit("room", x));
    });
    return io;
  },
};

const benchProfiles = {
  main: {},
  strict: {},
  quick: { pingInterval: 300, pingTimeout: 200, upgradeTimeout: 300 },
  small: { maxHttpBufferSize: 100 },
  cookie: { cookie: true },
  "cookie-custom": { cookie: { name: "woot", path: "/custom", httpOnly: false, sameSite: "strict" } },
  "cookie-nopath": { cookie: { path: false } },
  "cors-reflect": { cors: { origin: true, headers: ["my-header"], credentials: true } },
  "cors-list": { cors: { origin: ["http://good-domain.com"] } },
  "cors-full": {
    cors: {
      origin: "http://good-domain.com",
      methods: ["GET", "PUT", "POST"],
      allowedHeaders: ["my-header"],
      exposedHeaders: ["my-exposed-header"],
      credentials: true,
      maxAge: 123,
      optionsSuccessStatus: 200,
    },
  },
  "polling-only": { transports: ["polling"] },
  "ws-only": { transports: ["websocket"] },
  "no-upgrade": { allowUpgrades: false },
  initial: { initialPacket: "faster!" },
  noslash: { attach: { addTrailingSlash: false } },
  compress0: { httpCompression: { threshold: 0 } },
  nocompress: { httpCompression: false },
  allow: {
    allowRequest: ({ _query }, answer) =>
      answer(_query.deny === "message" ? "Thou shall not pass" : null, !("deny" in _query)),
  },
  headers: {},
};

/** Does what a message says; false when it says nothing. */
function obey(session, data) {
  if (typeof data !== "string" || !data.startsWith("cmd:")) return false;
  const [, command, ...rest] = data.split(":");
  const known = {
    close: () => session.close(),
    "abc-close": () => ["a", "b", "c"].forEach((text) => session.send(text)) || session.close(),
    transport: () => session.send(session.transport.name),
    query: () => session.send(JSON.stringify(session.request._query)),
    header: () => session.send(session.request.headers[rest[0]] ?? ""),
    remote: () => session.send(session.remoteAddress),
    burst: () => {
      for (let i = 0; i < 100; i++) session.send("a".repeat(65535) + "|" + i);
    },
    bin1024: () => session.send(Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 255))),
    nocompress: () => session.send("x".repeat(2048), { compress: false }),
    later: () => setTimeout(() => session.send("later"), Number(rest[0])),
  }[command];
  known?.();
  return known !== undefined;
}

function clientSuiteEvents(socket) {
  const wholesome = (x) => x?.hello === "lol" && Buffer.isBuffer(x.message) && x.goodbye === "gotcha";
  const asdfasdf = Buffer.from("asdfasdf");
  let abuff1 = false;
  let blobs = "";

  socket.on("hi", () => socket.emit("hi"));
  socket.on("echo", (arg, ack) => ack(arg));
  socket.on("ack", () => {
    socket.emit("ack", (a, b) => {
      if (a === 5 && b?.test) socket.emit("got it");
    });
  });
  socket.on("getAckDate", (_any, ack) => ack(new Date()));
  socket.on("getDate", () => socket.emit("takeDate", new Date()));
  socket.on("getDateObj", () => socket.emit("takeDateObj", { date: new Date() }));
  socket.on("getUtf8", () => {
    for (const text of fiveTexts) socket.emit("takeUtf8", text);
  });
  socket.on("false", () => socket.emit("false", false));
  socket.on("doge", () => socket.emit("doge", asdfasdf));
  socket.on("getbin", () => socket.emit("takebin", asdfasdf));
  socket.on("buffa", (x) => Buffer.isBuffer(x) && socket.emit("buffack"));
  socket.on("jsonbuff", (x) => wholesome(x) && socket.emit("jsonbuff-ack"));
  socket.on("abuff1", (x) => (abuff1 = Buffer.isBuffer(x)));
  socket.on("abuff2", () => abuff1 && socket.emit("abuff2-ack"));
  socket.on("blob", (x) => Buffer.isBuffer(x) && socket.emit("back"));
  socket.on("jsonblob", (x) => wholesome(x) && socket.emit("jsonblob-ack"));
  socket.on("blob1", (x) => (blobs = Buffer.isBuffer(x) ? "1" : ""));
  socket.on("blob2", (x) => (blobs += x === "second" ? "2" : ""));
  socket.on("blob3", (x) => blobs === "12" && Buffer.isBuffer(x) && socket.emit("blob3-ack"));
  socket.on("getHandshake", (ack) => ack(socket.handshake));
  socket.on("getId", (ack) => ack(socket.id));
}

const start = contracts[options.contract];
if (!start) {
  console.error(`unknown contract ${options.contract} (known: ${Object.keys(contracts).join(", ")})`);
  process.exit(2);
}
const http = createServer((_request, response) => response.writeHead(404).end());
const server = start(http);
http.listen(Number(options.port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
process.once("SIGTERM", () => {
  server.close();
  http.close();
  setTimeout(() => process.exit(0), 100); // enough to say goodbye
});
