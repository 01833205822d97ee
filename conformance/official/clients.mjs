// The official clients, as the tests use them: every way to reach a server, and what they report within deadlines.
import assert from "node:assert/strict";
import { NodeWebSocket, NodeXHR, Socket as Engine } from "engine.io-client";
import { io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";
import { atEnd, within } from "./harness.mjs";

/** The ways of a client to its server, and the transport on which each ends. */
export const ways = {
  polling: { transports: ["polling"], final: "polling" },
  websocket: { transports: ["websocket"], final: "websocket" },
  upgrade: { transports: ["polling", "websocket"], final: "websocket" },
};

/** The arguments of the next `event`. */
export function next(emitter, event, ms) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `event "${event}"`, ms);
}

/** A Socket.IO client of its own connection; `way` is a key of ways. */
export function client(server, way, { namespace = "/", ...options } = {}) {
  const { transports } = ways[way];
  const parser = server.parser === "msgpack" ? msgpack : undefined;
  const socket = io(server.url + namespace, { transports, parser, forceNew: true, reconnectionDelay: 10, ...options });
  atEnd(() => {
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io._close();
  });
  return socket;
}

class LateWebSocket extends NodeWebSocket {
  doOpen() {
    setTimeout(() => this.readyState === "opening" && super.doOpen(), 100);
  }
}

/** A client whose upgrade begins late enough for messages to be on their way by polling. */
export function lateUpgrader(server, options) {
  return client(server, "upgrade", { transports: [NodeXHR, LateWebSocket], ...options });
}

/** Waits until the socket is connected; a refusal is a failure. */
export async function connected(socket) {
  if (!socket.connected) {
    const refused = new Promise((_resolve, reject) => socket.once("connect_error", reject));
    await Promise.race([next(socket, "connect"), refused]);
  }
  return socket;
}

/** Waits until the connection uses the transport at which its way ends. */
export async function settled(socket, way) {
  await connected(socket);
  const { engine } = socket.io;
  if (engine.transport.name !== ways[way].final) await next(engine, "upgrade");
  assert.equal(engine.transport.name, ways[way].final);
  return socket;
}

/** Why the server refused the socket. */
export async function refusal(socket) {
  const accepted = new Promise((_resolve, reject) => socket.once("connect", () => reject(new Error("connected"))));
  const [error] = await Promise.race([next(socket, "connect_error"), accepted]);
  return error;
}

/** The answer to `socket.emit(...args, ack)`: its first argument. */
export function ask(socket, ...args) {
  return socket.timeout(10000).emitWithAck(...args);
}

/** Asserts what an event brought; a server which keeps sessions for recovery adds one string to each. */
export function assertArgs(socket, args, expected) {
  const more = args.slice(expected.length);
  assert.deepEqual(args.slice(0, expected.length), expected);
  assert.ok(more.length === 0 || (socket._pid && more.length === 1 && typeof more[0] === "string"), `${more}`);
}

/** An Engine.IO client; `Client`: of which version. */
export function engine(server, way, options = {}, Client = Engine) {
  const { transports } = ways[way];
  const session = new Client(server.url, { path: "/engine.io/", transports, ...options });
  atEnd(() => session.close());
  return session;
}
