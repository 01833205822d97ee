// Raw Socket.IO peers for the cases: what is common to a polling session and a WebSocket.
import { within } from "../../harness.mjs";
import { Polling, Wire } from "../../wire.mjs";
import { fits, same } from "../expect.mjs";

export const polling = ["polling"];
export const websocket = ["websocket"];
export const both = ["polling", "websocket"];
export const upgrade = ["upgrade"];

/** An Engine.IO session. */
export const open = (server, way, options) =>
  (way === "websocket" ? Wire.session : Polling.open)(server, { path: server.path, ...options });

/** Joins a namespace ("" is the main one); the payload of the answer. */
export async function join(peer, namespace = "", payload = "") {
  const head = `40${namespace && `${namespace},`}`;
  await peer.send(head + payload);
  const answer = await fits(`CONNECT is answered by ${head}{"sid":...}`, peer.next(), (packet) =>
    packet.startsWith(`${head}{`),
  );
  return JSON.parse(answer.slice(head.length));
}

let last = 0;

/** What the server says before it refuses a namespace that nobody has, as every server must. */
async function flush(peer) {
  const namespace = `/nobody-${++last}`;
  await peer.send(`40${namespace},`);
  const before = [];
  for (let packet; ; before.push(packet)) {
    packet = await peer.next();
    if (`${packet}`.slice(2).startsWith(`${namespace},`)) return before;
  }
}

/** A session which is in the main namespace, and has heard what an application says to everybody. */
export async function joined(server, way, options) {
  const peer = await open(server, way, options);
  peer.connect = await join(peer);
  await flush(peer);
  return peer;
}

/** The session is well, and nothing waits for it. */
export const alive = (peer) => same("the session lives; what else it is told", flush(peer), []);

/** How the server ends a session: the code of the WebSocket; the rest of polling and the refusal that follows. */
export async function ending(peer) {
  if (peer instanceof Wire) {
    const { code } = await within(peer.closed, "close of the WebSocket");
    return peer.waiting.length > 0 ? `${code}, after ${JSON.stringify(peer.waiting)}` : `${code}`;
  }
  let { status, body } = await peer.get();
  for (; body === "2"; { status, body } = await peer.get()) await peer.send("3");
  const next = await peer.get();
  return `${status} ${body.replaceAll("\x1e", " ")}, then ${next.status} ${next.body}`;
}

const gracefully = /^(1005|200 (6 )?1, then 400 \{"code":1,"message":"Session ID unknown"\})$/;

/** The server has ended the session without a Socket.IO packet. */
export const closed = (peer, why) =>
  fits(`${why}: the connection is closed (1005; or 6 1, then code 1)`, ending(peer), (seen) => gracefully.test(seen));

/** The answer, as far as it matters here. */
export const brief = async (response) => {
  const { status, body } = await response;
  return `${status} ${body}`.trimEnd();
};
