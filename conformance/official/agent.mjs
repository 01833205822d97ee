// Participants of the application `agent`, for its tests.
import { once } from "node:events";
import { io } from "socket.io-client";
import { atEnd, eventually, within } from "./harness.mjs";

/** The id of the node, unless it is told another one. */
export const node = "org.wt.session1";

let events = 0;

/** An event in which nothing is wrong, unless `fields` say so. */
export const eventOf = (participant, fields = {}) => ({
  id: `evt_${++events}`,
  type: "user.action",
  source: { id: participant },
  timestamp: new Date().toISOString(),
  ...fields,
});

/** A connection that keeps the messages and errors it gets. */
export async function open(server, token, options = {}) {
  const auth = token === undefined ? {} : { token };
  const socket = io(server.url, { auth, forceNew: true, reconnection: false, ...options });
  atEnd(() => socket.disconnect());
  socket.messages = [];
  socket.errors = [];
  socket.on("message", (message) => socket.messages.push(message));
  socket.on("error", (error) => socket.errors.push(error));
  await within(once(socket, "connect"), "connect");
  return socket;
}

export async function refused(server, token) {
  const socket = io(server.url, { auth: { token }, forceNew: true, reconnection: false });
  atEnd(() => socket.disconnect());
  const [error] = await within(once(socket, "connect_error"), "connect_error");
  return error.message;
}

export const answerTo = (socket, { id }) =>
  eventually(() => socket.messages.find(({ event }) => event.id === id), `message for ${id}`);
export const nextError = (socket) => eventually(() => socket.errors.shift(), "error");

export async function post(server, body, headers = {}) {
  const answer = await fetch(`${server.url}/event`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}
export const health = async (server) => (await fetch(`${server.url}/health`)).json();
