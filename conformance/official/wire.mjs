// Raw Engine.IO peers, so that a test can say exactly which bytes it sends: HTTP exchanges, a polling session, a
// WebSocket, a bare TCP connection.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { WebSocket } from "ws";
import { atEnd, within } from "./harness.mjs";

export const bytes = (...values) => Buffer.from(values);
export const separator = "\x1e";

/**
 * One HTTP exchange, on a TCP connection of its own unless an agent is given. An array as body is sent in chunks;
 * with `begin` that much of the body is sent, the rest is up to the caller (`request.end(rest)` or `abort()`).
 */
export function exchange(url, { method = "GET", headers = {}, body, begin, agent = false } = {}) {
  const request = (url.startsWith("https:") ? https : http).request(url, { method, headers, agent });
  atEnd(() => request.destroy());
  const response = new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("response", (incoming) => {
      const parts = [];
      incoming.on("data", (part) => parts.push(part));
      incoming.once("error", reject);
      incoming.once("end", () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: incoming.statusCode, headers: incoming.headers, bytes, body: bytes.toString() });
      });
    });
  });
  response.catch(() => {}); // an aborted exchange need not be awaited
  if (begin !== undefined) {
    request.write(begin);
  } else if (Array.isArray(body)) {
    for (const part of body) request.write(part);
    request.end();
  } else {
    if (body !== undefined) request.setHeader("Content-Length", Buffer.byteLength(body));
    request.end(body);
  }
  return { request, response, abort: () => request.destroy() };
}

/** The response to a whole exchange. */
export function fetchText(url, options) {
  return within(exchange(url, options).response, `response to ${options?.method ?? "GET"} ${url}`);
}

/** A session over HTTP long-polling, revision 4. */
export class Polling {
  #packets = [];

  static async open(server, { path = "/engine.io/", query, headers } = {}) {
    const session = new Polling();
    session.#at = (extra) => server.at(path, { EIO: "4", transport: "polling", ...query, ...extra });
    session.response = await fetchText(session.#at(), { headers });
    assert.equal(session.response.status, 200, session.response.body);
    const [open, ...packets] = session.response.body.split(separator);
    assert.equal(open[0], "0");
    session.handshake = JSON.parse(open.slice(1));
    session.sid = session.handshake.sid;
    session.#packets = packets;
    return session;
  }
  #at;

  /** The address of a further request; `extra` adds to or replaces the query. */
  at(extra) {
    return this.#at({ sid: this.sid, ...extra });
  }

  /** Begins a poll which the server has received when this returns: it has answered a later request. */
  async poll(options) {
    const poll = exchange(this.at(), options);
    if (!poll.request.writableFinished) await within(once(poll.request, "finish"), "sending of the poll");
    await fetchText(this.at({ transport: "none" }));
    return poll;
  }

  /** Begins a POST of `length` bytes of which only `begin` is sent; the server has received its head. */
  async beginPost(length, begin) {
    const headers = { "Content-Length": length, Expect: "100-continue" };
    const post = exchange(this.at(), { method: "POST", headers, begin: "" });
    post.request.flushHeaders();
    await within(once(post.request, "continue"), "100 Continue");
    await new Promise((resolve) => post.request.write(begin, resolve));
    return post;
  }

  /** The answer to one whole poll. */
  get(options) {
    return fetchText(this.at(), options);
  }

  post(body, headers = { "Content-Type": "text/plain;charset=UTF-8" }) {
    return fetchText(this.at(), { method: "POST", body, headers });
  }

  /** Posts what the server must take. */
  async send(...packets) {
    const { status, body } = await this.post(packets.join(separator));
    assert.deepEqual({ status, body }, { status: 200, body: "ok" });
  }

  /** The next packet, polled for when needed; pings are answered and not returned. */
  async next() {
    for (const end = Date.now() + 5000; ; ) {
      while (this.#packets.length === 0) {
        assert.ok(Date.now() < end, "only pings for 5000 ms");
        const { status, body } = await this.get();
        assert.equal(status, 200, body);
        this.#packets = body.split(separator);
      }
      const packet = this.#packets.shift();
      if (packet !== "2") return packet;
      await this.send("3");
    }
  }

  async expect(...packets) {
    for (const packet of packets) assert.equal(await this.next(), packet);
  }

  /** Whether the server still knows the session: which of its refusals does a request for another transport get? */
  async isOpen() {
    const { body } = await fetchText(this.at({ transport: "websocket" }));
    assert.ok([errors.request, errors.sid].includes(body), body);
    return body === errors.request;
  }
}

/** Bodies of the refusals. */
export const errors = {
  transport: '{"code":0,"message":"Transport unknown"}',
  sid: '{"code":1,"message":"Session ID unknown"}',
  method: '{"code":2,"message":"Bad handshake method"}',
  request: '{"code":3,"message":"Bad request"}',
  forbidden: '{"code":4,"message":"Forbidden"}',
  version: '{"code":5,"message":"Unsupported protocol version"}',
};

/** Asserts a refusal with a JSON body. */
export function assertRefused(response, status, body) {
  assert.deepEqual({ status: response.status, body: response.body }, { status, body });
  assert.match(response.headers["content-type"], /^application\/json/);
}

/** Asserts a status without a body. */
export function assertBare(response, status) {
  assert.deepEqual({ status: response.status, body: response.body }, { status, body: "" });
}

/** A WebSocket. Pings are answered and not returned by next(), unless `pongs` is set to false. */
export class Wire {
  #messages = [];
  #wake = () => {};
  #code;
  pongs = true;

  async closeCode() {
    return (await this.closed).code;
  }

  /** Tries to open one: `{status: 101, headers, wire}`, or the refusal `{status, headers, body}`. */
  static attempt(url, { headers } = {}) {
    const socket = new WebSocket(url.replace(/^http/, "ws"), { headers, perMessageDeflate: false });
    atEnd(() => socket.terminate());
    const wire = new Wire();
    wire.socket = socket;
    wire.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        wire.#code = code;
        wire.#wake();
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on("message", (data, binary) => {
      const message = binary ? data : data.toString();
      if (message === "2" && wire.pongs) return socket.send("3");
      wire.#messages.push(message);
      wire.#wake();
    });
    const outcome = new Promise((resolve, reject) => {
      let headers;
      socket.on("error", reject); // after the opening a close follows
      socket.once("upgrade", (response) => (headers = response.headers));
      socket.once("open", () => resolve({ status: 101, headers, wire }));
      socket.once("unexpected-response", (request, response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text) => (body += text));
        response.once("close", () => {
          resolve({ status: response.statusCode, headers: response.headers, body });
          request.destroy();
        });
      });
    });
    return within(outcome, `answer to the upgrade request ${url}`);
  }

  static async open(url, options) {
    const { status, body, wire } = await Wire.attempt(url, options);
    assert.equal(status, 101, body);
    return wire;
  }

  /** An Engine.IO session over a WebSocket: the OPEN packet was received. */
  static async session(server, { path = "/engine.io/", query, headers } = {}) {
    const wire = await Wire.open(server.at(path, { EIO: "4", transport: "websocket", ...query }), { headers });
    const open = await wire.next();
    assert.equal(open[0], "0");
    wire.handshake = JSON.parse(open.slice(1));
    return wire;
  }

  send(...messages) {
    for (const message of messages) this.socket.send(message);
  }

  /** The next message: a string, or a Buffer when it was binary. */
  async next(ms) {
    while (this.#messages.length === 0) {
      if (this.#code !== undefined) throw new Error(`the WebSocket closed (${this.#code}) before the message came`);
      await within(new Promise((resolve) => (this.#wake = resolve)), "WebSocket message", ms);
    }
    return this.#messages.shift();
  }

  async expect(...messages) {
    for (const message of messages) assert.deepEqual(await this.next(), message);
  }

  /** What arrived and was not taken yet. */
  get waiting() {
    return this.#messages;
  }

  /** The server closes the WebSocket; the code it gave (1005: none). */
  async expectClose(code, ms) {
    const close = await within(this.closed, "close of the WebSocket", ms);
    assert.deepEqual(close, { code, reason: "" });
  }

  /** Bytes below the WebSocket, as they are. */
  sendRaw(bytes) {
    this.socket._socket.write(bytes);
  }
}

/** A TCP connection which sends text as it is and reads HTTP responses. */
export class Tcp {
  #bytes = Buffer.alloc(0);
  #wake = () => {};
  #ended = false;

  static async open(server) {
    const tcp = new Tcp();
    tcp.socket = net.connect(server.port, server.host);
    atEnd(() => tcp.socket.destroy());
    const end = () => {
      tcp.#ended = true;
      tcp.#wake();
    };
    tcp.socket.on("data", (data) => {
      tcp.#bytes = Buffer.concat([tcp.#bytes, data]);
      tcp.#wake();
    });
    tcp.socket.once("end", end).once("close", end).on("error", end);
    tcp.closed = new Promise((resolve) => tcp.socket.once("close", resolve));
    await within(new Promise((resolve) => tcp.socket.once("connect", resolve)), "TCP connection");
    return tcp;
  }

  send(text) {
    this.socket.write(text);
  }

  /** The request head and body; Host and Content-Length are added. */
  static request(method, url, { headers = {}, body } = {}) {
    const { host, pathname, search } = new URL(url);
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const fields = Object.entries({ Host: host, ...length, ...headers });
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return `${method} ${pathname}${search} HTTP/1.1\r\n${lines}\r\n${body ?? ""}`;
  }

  async #until(found, what) {
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      if (this.#ended) throw new Error(`the connection ended before the ${what}: ${this.#bytes}`);
      await within(new Promise((resolve) => (this.#wake = resolve)), what);
    }
  }

  #take(length) {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken.toString();
  }

  #line() {
    const end = this.#bytes.indexOf("\r\n");
    return end < 0 ? undefined : this.#take(end + 2).slice(0, -2);
  }

  /** The next response on the connection, an interim one included. */
  async response() {
    const head = await this.#until(() => {
      const end = this.#bytes.indexOf("\r\n\r\n");
      return end < 0 ? undefined : this.#take(end + 4);
    }, "head of a response");
    const [first, ...lines] = head.trimEnd().split("\r\n");
    const status = Number(first.match(/^HTTP\/1\.1 (\d{3})/)?.[1]);
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    let body = "";
    if (headers["transfer-encoding"] === "chunked") {
      for (let size = -1; size !== 0; ) {
        size = parseInt(await this.#until(() => this.#line(), "size of a chunk"), 16);
        const whole = () => (this.#bytes.length < size + 2 ? undefined : this.#take(size + 2));
        body += (await this.#until(whole, "chunk")).slice(0, -2);
      }
    } else {
      const length = Number(headers["content-length"] ?? 0);
      body = await this.#until(() => (this.#bytes.length < length ? undefined : this.#take(length)), "body");
    }
    return { status, headers, body };
  }

  /** The text of the next WebSocket frame, which has less than 126 bytes. */
  async frame() {
    return this.#until(() => {
      const length = 2 + this.#bytes[1];
      return this.#bytes.length < length || this.#bytes.length < 2 ? undefined : this.#take(length).slice(2);
    }, "frame");
  }
}
