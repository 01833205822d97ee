// Whether a server is there, and what it offers of the contract `app`: asked before the cases are run. Only whether
// there is an answer counts here; whether it is right is what the cases find out.
import { io } from "socket.io-client";
import { Wire, fetchText } from "../wire.mjs";

const patience = 3000;

/** Resolves when `event` comes, its first argument being `marker` if one is given. */
const heard = (socket, event, marker) =>
  new Promise((resolve) => {
    socket.on(event, (first) => (marker === undefined || first === marker) && resolve(true));
  });
const asked = (socket, ...args) => new Promise((resolve) => socket.emit(...args, () => resolve(true)));

/** Probes: an event which is acknowledged, and one which is answered by another. */
const ask =
  (...args) =>
  (socket) =>
    asked(socket, ...args);
const tell = (answer, marker, ...args) => {
  return (socket) => {
    const done = heard(socket, answer, marker);
    socket.emit(...args);
    return done;
  };
};

const events = {
  echo: ask("echo", 1),
  reverse: ask("reverse", Buffer.from([1])),
  "give-binary": tell("binary", undefined, "give-binary", 4),
  "ask-me": tell("question", undefined, "ask-me", 1, 2),
  "ask-timeout": tell("asked", undefined, "ask-timeout", 10),
  "ask-all": ask("ask-all", 10),
  whoami: ask("whoami"),
  "transport of whoami": (socket) =>
    new Promise((resolve) => socket.emit("whoami", (told) => resolve(typeof told?.transport === "string"))),
  "set-data": ask("set-data", 1),
  rooms: async (socket) => (await asked(socket, "join", "probe")) && asked(socket, "members", "probe"),
  "say-all": tell("said", "all", "say-all", "all"),
  "say-except": tell("said", "except", "say-except", "nobody", "except"),
  "say-in": async (socket) => (await asked(socket, "join", "in")) && tell("said", "in", "say-in", "in", "in")(socket),
  "volatile-burst": tell("volatile-end", undefined, "volatile-burst", 1),
};

/** Events which end a connection. */
const endings = ["kick", "kick-all", "drop"];

const namespaces = ["/chat", "/auth", "/deny", "/slow", "/guard", "/dynamic-1"];

/** Whether a namespace is there: it accepts, or refuses for a reason of its own. */
const exists = (socket) =>
  new Promise((resolve) => {
    socket.on("connect", () => resolve(true));
    socket.on(
      "connect_error",
      ({ message, type }) => type !== "TransportError" && resolve(message !== "Invalid namespace"),
    );
  });

const version4 = { EIO: "4", transport: "polling" };
const handshake = (server, query, options) =>
  fetchText(server.at(server.path, { ...version4, ...query }), options);

const requests = {
  polling: async (server) => (await handshake(server)).status === 200,
  websocket: async (server) => Boolean(await Wire.session(server, { path: server.path })),
  "revision 3": async (server) => (await handshake(server, { EIO: "3" })).status === 200,
  deny: async (server) => (await handshake(server, { deny: "1" })).status !== 200,
  cors: async (server) =>
    "access-control-allow-origin" in
    (await handshake(server, {}, { headers: { Origin: "http://good.example" } })).headers,
  jsonp: async (server) => (await handshake(server, { j: "0" })).body.startsWith("___eio"),
  "connect timeout": async (server) => Boolean(await (await Wire.session(server, { path: server.path })).closed),
};

/** What was asked of a server which gives no handshake, what came, and what may help; undefined if it gives one. */
export async function unreachable(server) {
  const asked = `GET ${server.at(server.path, version4)}`;
  const told = await handshake(server).catch((error) => error);
  const why = told.code ?? told.message;
  if (told instanceof Error) return `no answer to ${asked}: ${why}; does the server run, and there?`;
  const { status, body } = told;
  if (status === 200 && /^(\d+:)?0\{/.test(body)) return;
  if (await requests.websocket(server).catch(() => false)) return; // it does not poll
  const began = JSON.stringify(body.slice(0, 80)) + (body.length > 80 ? "..." : "");
  return `no Engine.IO handshake in the answer to ${asked}: ${status} ${began}; is the path right (--path)?`;
}

const late = () => new Promise((resolve) => setTimeout(resolve, patience, false));
const answered = (promise) => Promise.race([Promise.resolve(promise).catch(() => false), late()]);

/** Which of `wanted` is offered, of transports and revisions: a Set of names; and `maxPayload`, of the first handshake. */
export async function probe(server, wanted) {
  const found = new Set(server.url.startsWith("http:") ? ["plain http"] : []);
  const sockets = [];
  const open = () => {
    const timing = { reconnectionDelay: 50, reconnectionDelayMax: 200 };
    const socket = io(server.url, { path: server.path, forceNew: true, ...timing });
    sockets.push(socket);
    return socket;
  };
  const asks = new Set(["polling", "websocket", "revision 3", ...wanted]);
  const note = async (name, ask) => asks.has(name) && (await answered(ask())) && found.add(name);
  const main = open();
  await Promise.all([
    ...Object.entries(events).map(([name, ask]) => note(name, () => ask(main))),
    ...endings.map((name) => note(name, () => tell("disconnect", undefined, name)(open()))),
    ...namespaces.map((name) => note(name, () => exists(main.io.socket(name)))),
    ...Object.entries(requests).map(([name, ask]) => note(name, () => ask(server))),
  ]);
  if (main._pid) found.add("recovery");
  for (const socket of sockets) {
    socket.io.reconnection(false);
    socket.io.engine?.close();
  }
  const { body } = await handshake(server).catch(() => ({ body: "" }));
  const maxPayload = Number(body.match(/"maxPayload":(\d+)/)?.[1] ?? Infinity);
  if (maxPayload <= 20e6) found.add("maxPayload");
  const [interval, timeout] = ["Interval", "Timeout"].map((name) => Number(body.match(`"ping${name}":(\\d+)`)?.[1]));
  if (interval + timeout <= 2000) found.add("short pings");
  return Object.assign(found, { maxPayload });
}
