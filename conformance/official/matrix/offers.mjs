// What a server offers of the contract `app`: asked before the cases are run. Only whether there is an answer counts
// here; whether it is right is what the cases find out.
import { io } from "socket.io-client";
import { Wire, fetchText } from "../wire.mjs";

const patience = 2000;
const path = "/socket.io/";

function connect(url, options) {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  const connected = new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  connected.catch(() => {});
  return { socket, connected };
}

const heard = (socket, event) => new Promise((resolve) => socket.once(event, () => resolve(true)));
const asked = (socket, ...args) => new Promise((resolve) => socket.emit(...args, () => resolve(true)));

/** A probe: an event, and the one which answers it. */
const tell =
  (answer, ...args) =>
  (socket) => {
    const done = heard(socket, answer);
    socket.emit(...args);
    return done;
  };
const ask =
  (...args) =>
  (socket) =>
    asked(socket, ...args);

const events = {
  echo: ask("echo", 1),
  reverse: ask("reverse", Buffer.from([1])),
  "give-binary": tell("binary", "give-binary", 4),
  "ask-me": tell("question", "ask-me", 1, 2),
  "ask-timeout": tell("asked", "ask-timeout", 10),
  "ask-all": ask("ask-all", 10),
  whoami: ask("whoami"),
  "set-data": ask("set-data", 1),
  rooms: async (socket) =>
    (await asked(socket, "join", "probe")) &&
    (await asked(socket, "members", "probe")) &&
    (await asked(socket, "leave", "probe")),
  "say-all": tell("said", "say-all", 1),
  "say-except": tell("said", "say-except", "nobody", 1),
  "say-in": async (socket) => (await asked(socket, "join", "probe")) && tell("said", "say-in", "probe", 1)(socket),
  "volatile-burst": tell("volatile-end", "volatile-burst", 1),
  kick: tell("disconnect", "kick"),
  "kick-all": tell("disconnect", "kick-all"),
  drop: tell("disconnect", "drop"),
};

const namespaces = ["/chat", "/auth", "/deny", "/slow", "/guard", "/dynamic-1"];

const handshake = (server, query, options) =>
  fetchText(server.at(path, { EIO: "4", transport: "polling", ...query }), options);

const requests = {
  polling: async (server) => (await handshake(server)).status === 200,
  websocket: async (server) => Boolean(await Wire.session(server, { path })),
  "revision 3": async (server) => (await handshake(server, { EIO: "3" })).status === 200,
  deny: async (server) => (await handshake(server, { deny: "1" })).status !== 200,
  cors: async (server) =>
    "access-control-allow-origin" in
    (await handshake(server, {}, { headers: { Origin: "http://good.example" } })).headers,
  jsonp: async (server) => (await handshake(server, { j: "0" })).body.startsWith("___eio"),
  "connect timeout": async (server) => Boolean(await (await Wire.session(server, { path })).closed),
};

const late = () => new Promise((resolve) => setTimeout(resolve, patience, false));
const answered = (promise) => Promise.race([Promise.resolve(promise).catch(() => false), late()]);

/** The names of what is offered, as a Set; and `maxPayload`, of the first handshake. */
export async function probe(server) {
  const found = new Set(server.url.startsWith("http:") ? ["plain http"] : []);
  const note = async (name, promise) => (await answered(promise)) && found.add(name);
  const sockets = [];
  const open = (url, options) => {
    const each = connect(url, options);
    sockets.push(each.socket);
    return each;
  };
  const first = open(server.url);
  await answered(first.connected.then(() => true));
  await Promise.all([
    ...Object.entries(events).map(async ([name, asks]) => {
      const { socket, connected } = open(server.url);
      await note(
        name,
        connected.then(() => asks(socket)),
      );
    }),
    ...namespaces.map((namespace) => {
      const { connected } = open(server.url + namespace);
      const refused = ({ message, type }) => message !== "Invalid namespace" && type !== "TransportError";
      return note(
        namespace,
        connected.then(() => true, refused),
      );
    }),
    ...Object.entries(requests).map(([name, asks]) => note(name, asks(server))),
  ]);
  if (first.socket._pid) found.add("recovery");
  for (const socket of sockets) socket.disconnect();
  const { body } = await handshake(server).catch(() => ({ body: "" }));
  const maxPayload = Number(body.match(/"maxPayload":(\d+)/)?.[1] ?? Infinity);
  if (maxPayload <= 20e6) found.add("maxPayload");
  const [interval, timeout] = ["Interval", "Timeout"].map((name) => Number(body.match(`"ping${name}":(\\d+)`)?.[1]));
  if (interval + timeout <= 2000) found.add("short pings");
  return Object.assign(found, { maxPayload });
}
