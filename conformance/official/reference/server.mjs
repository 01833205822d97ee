// The official server with the applications which the tests expect: the yardstick for every other server.
// usage: node reference/server.mjs [--port 0] [--contract load] [--profile csr] [--allow-eio3] [--parser msgpack]
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { instrument } from "@socket.io/admin-ui";
import { Server as EngineServer } from "engine.io";
import { Server as OfficialServer } from "socket.io";
import msgpack from "socket.io-msgpack-parser";
import { fiveTexts, goodNight } from "./texts.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    contract: { type: "string", default: "load" },
    profile: { type: "string", default: "" },
    "allow-eio3": { type: "boolean", default: false },
    parser: { type: "string", default: "text" },
    "cors-origin": { type: "string", default: "" }, // one with "*" for its port
    "cors-credentials": { type: "boolean", default: false },
    "admin-ui": { type: "boolean", default: false },
    "admin-user": { type: "string" },
    "admin-password": { type: "string" },
    "admin-mode": { type: "string", default: "development" },
    "admin-readonly": { type: "boolean", default: false },
    "serve-client": { type: "string", default: "" }, // the official server has its own files
  },
});

const allowEIO3 = options["allow-eio3"];

function echo(http, allowEIO3) {
  const engine = new EngineServer({
    pingInterval: 300,
    pingTimeout: 200,
    maxHttpBufferSize: 1e6,
    cors: { origin: "*" },
    allowEIO3,
  });
  engine.attach(http, { path: "/engine.io/" });
  engine.on("connection", (session) => session.on("message", (data) => session.send(data)));
  return engine;
}

class SocketServer extends OfficialServer {
  constructor(http, own) {
    const [host] = options["cors-origin"].split("*");
    const cors = { origin: (origin, answer) => answer(null, origin?.startsWith(host)), credentials: options["cors-credentials"] };
    super(http, { ...own, ...(host && { cors }), ...(options.parser === "msgpack" && { parser: msgpack }) });
    if (options["admin-ui"]) instrument(this, adminOptions());
  }
}

function adminOptions() {
  const { "admin-user": username, "admin-password": password, "admin-mode": mode, "admin-readonly": readonly } = options;
  const auth = username ? { type: "basic", username, password } : false;
  return { auth, mode, readonly };
}

const contracts = {
  /** Every message comes back. */
  "engine-echo": (http) => echo(http, allowEIO3),
  "engine-echo-v3": (http) => echo(http, true),

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
      allowEIO3,
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
      allowEIO3,
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

  /** An application with every kind of event. */
  app(http) {
    const recovery = {
      csr: {},
      "csr-mw": { skipMiddlewares: false },
      "csr-short": { maxDisconnectionDuration: 300 },
    }[options.profile];
    const io = new SocketServer(http, {
      serveClient: false,
      allowEIO3: true,
      connectTimeout: 500,
      cors: { origin: "http://good.example", methods: ["GET", "POST"], allowedHeaders: ["content-type"], credentials: true },
      ...(recovery && { connectionStateRecovery: recovery }),
      allowRequest: (request, answer) => answer(null, !("deny" in request._query)),
    });
    const numbered = io.of(/^\/dynamic-\d+$/);
    for (const space of [io.of("/"), io.of("/chat"), io.of("/auth"), io.of("/guard"), numbered]) {
      space.on("connection", appEvents);
    }
    for (const space of [io.of("/chat"), numbered]) space.on("connection", (socket) => socket.emit("hello", socket.nsp.name));
    io.of("/auth").use((socket, next) => {
      const { token } = socket.handshake.auth;
      if (token === "secret") return next();
      next(Object.assign(new Error("not authorized"), { data: { code: 401, token: token ?? null } }));
    });
    io.of("/auth").on("connection", (socket) => socket.emit("authenticated", socket.handshake.auth));
    io.of("/deny").use((_socket, next) => next(new Error("denied")));
    io.of("/slow").use((_socket, next) => setTimeout(next, 200));
    io.of("/guard").on("connection", (socket) => {
      socket.use(([event], next) => next(event === "forbidden" ? new Error("forbidden event") : undefined));
      socket.on("error", (error) => socket.emit("guard-error", error.message));
    });
    return io;
  },

  /** What load generators need; also the default. */
  load(http) {
    const io = new SocketServer(http, { serveClient: options["serve-client"] !== "", allowEIO3 });
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

function appEvents(socket) {
  const { nsp } = socket;
  const answer = (event, ack, ...values) => (typeof ack === "function" ? ack(...values) : socket.emit(event, ...values));
  socket.on("echo", (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    answer("echo", ack, ...args);
  });
  socket.on("reverse", (data, ack) => answer("reverse", ack, Buffer.isBuffer(data) ? Buffer.from(data).reverse() : "not-binary"));
  socket.on("give-binary", (size) => {
    const data = Buffer.from(Array.from({ length: size }, (_, i) => i % 256));
    socket.emit("binary", data, { nested: [data.subarray(0, 4)], tail: "end" });
  });
  socket.on("volatile-burst", (count) => {
    for (let i = 0; i < count; ++i) socket.volatile.emit("volatile", i);
    socket.emit("volatile-end");
  });
  socket.on("ask-me", (...args) => socket.emit("question", ...args, (value) => socket.emit("answered", value)));
  socket.on("ask-timeout", (ms) => {
    socket.timeout(ms).emit("question-timeout", (error) => socket.emit("asked", error ? "timeout" : "answered"));
  });
  socket.on("ask-all", (ms, ack) => nsp.timeout(ms).emit("poll", (error, answers) => ack(Boolean(error), answers)));
  socket.on("whoami", (ack) => {
    const rooms = [...socket.rooms].filter((room) => room !== socket.id).sort();
    const { id, recovered, data, conn } = socket;
    ack({ id, nsp: nsp.name, transport: conn.transport.name, eio: conn.protocol, recovered, rooms, data });
  });
  socket.on("set-data", (value, ack) => {
    socket.data = { value };
    ack();
  });
  socket.on("join", async (room, ack) => {
    await socket.join(room);
    ack?.();
  });
  socket.on("leave", async (room, ack) => {
    await socket.leave(room);
    ack?.();
  });
  socket.on("members", async (room, ack) => ack((await nsp.in(room).fetchSockets()).map(({ id }) => id).sort()));
  socket.on("say-all", (...args) => nsp.emit("said", ...args));
  socket.on("say-others", (...args) => socket.broadcast.emit("said", ...args));
  socket.on("say-room", (room, ...args) => socket.to(room).emit("said", ...args));
  socket.on("say-except", (room, ...args) => nsp.except(room).emit("said", ...args));
  socket.on("say-in", (rooms, ...args) => nsp.in(rooms).emit("said", ...args));
  socket.on("kick", () => socket.disconnect());
  socket.on("kick-all", () => socket.disconnect(true));
  socket.on("drop", () => socket.conn.close());
}

const benchProfiles = {
  main: { allowEIO3: true },
  strict: {},
  quick: { allowEIO3: true, pingInterval: 300, pingTimeout: 200, upgradeTimeout: 300 },
  small: { maxHttpBufferSize: 100 },
  cookie: { allowEIO3: true, cookie: true },
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
  deflate: { perMessageDeflate: true },
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
