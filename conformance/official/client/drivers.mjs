// Two clients that do the same and tell what they see in the same words: ours (siokit-client) and the official one.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { io as connect } from "socket.io-client";
import { eventually } from "../harness.mjs";
import { OfficialServer, Wire, perform } from "./servers.mjs";

export const program = process.env.SIOKIT_CLIENT;
export const ways = { polling: ["polling"], websocket: ["websocket"], "polling, then websocket": ["polling", "websocket"] };
export const quick = { reconnectionDelay: 50, reconnectionDelayMax: 100 };

/** Until the client is connected and greeted, over the transport that it keeps. */
export async function settled(client) {
  await client.until("connect");
  if (client.upgrades) await client.until("upgrade");
  await client.until(/^event welcome/);
}

/** Runs a scenario with a client and an official server of its own, a wire between them; the story told. */
export async function play(Client, way, { server: options, client: clientOptions, run }) {
  let client;
  await perform(async () => {
    const server = await OfficialServer.start(options);
    const wire = await Wire.to(server.port);
    client = new Client(wire.url, { transports: ways[way], ...clientOptions });
    try {
      await run(client, server, wire);
    } finally {
      await client.end();
    }
  });
  return client.story();
}

/** What both have: a list of lines, and waiting for one. */
class Client {
  lines = [];

  note(line) {
    this.lines.push(line);
  }
  /** The lines without those that depend on time alone. */
  story() {
    return this.lines.filter((line) => !/^(ping|upgrade)$/.test(line));
  }
  async until(line, times = 1) {
    const seen = () => this.lines.filter((each) => (line instanceof RegExp ? line.test(each) : each === line)).length;
    await eventually(() => seen() >= times, `${this.constructor.name}: ${line} x${times} in ${JSON.stringify(this.lines)}`, 15000);
  }
}

export class Ours extends Client {
  #child;
  #ended;

  constructor(url, { transports, nsp = "/", auth, options = {} }) {
    super();
    this.upgrades = transports.length > 1;
    assert.ok(program, "SIOKIT_CLIENT is the program to test");
    const args = [url, "--json", "--verbose", "--transport", transports.join(","), "--namespace", nsp];
    if (auth) args.push("--auth", JSON.stringify(auth));
    for (const [name, value] of Object.entries(options)) {
      const dashed = name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
      if (value === false) args.push(`--no-${dashed === "reconnection" ? "reconnect" : dashed}`);
      else args.push(`--${dashed}`, String(value));
    }
    this.#child = spawn(program, [...args, "repl", "--timeout", "1000"]);
    this.#ended = new Promise((resolve) => this.#child.on("close", (code, signal) => resolve(signal ?? code)));
    this.errors = "";
    this.#child.stderr.on("data", (text) => (this.errors += text));
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#onLine(JSON.parse(line)));
  }
  #onLine(line) {
    if (Array.isArray(line)) return this.note(`answer ${JSON.stringify(line)}`);
    if (line.event !== undefined) return this.note(`event ${line.event} ${JSON.stringify(line.args)}`);
    const text = line.type === "connect" ? "" : line.text.replace(/ \([^]*$/, "");
    this.note(`${line.type}${text && " "}${text}`);
  }
  #say(...words) {
    this.#child.stdin.write(`${words.join(" ")}\n`);
  }
  emit(event, ...args) {
    this.#say(event, ...args.map((arg) => JSON.stringify(arg)));
  }
  ask(event, ...args) {
    this.#say("/ack", event, ...args.map((arg) => JSON.stringify(arg)));
  }
  auth(payload) {
    this.#say("/auth", JSON.stringify(payload));
  }
  connect() {
    this.#say("/connect");
  }
  disconnect() {
    this.#say("/disconnect");
  }
  async end() {
    this.#child.stdin.end();
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    const code = await this.#ended;
    clearTimeout(killer);
    assert.ok(code === 0 || code === 1, `it ended with ${code}: ${this.errors}`);
    assert.doesNotMatch(this.errors, /Sanitizer|runtime error/);
  }
}

export class Theirs extends Client {
  constructor(url, { transports, nsp = "/", auth, options = {} }) {
    super();
    this.upgrades = transports.length > 1;
    const { ackTimeout, ...others } = options;
    const socket = connect(`${url}${nsp}`, { transports, auth, forceNew: true, autoConnect: false, ackTimeout, ...others });
    this.socket = socket;
    for (const event of ["open", "reconnect_attempt", "reconnect", "reconnect_failed", "close"]) {
      socket.io.on(event, (detail) => this.note(`${event}${detail === undefined ? "" : ` ${detail}`}`));
    }
    for (const event of ["error", "reconnect_error"]) socket.io.on(event, (error) => this.note(`${event} ${error.message}`));
    socket.io.on("open", () => socket.io.engine.on("upgrade", () => this.note("upgrade")));
    socket.on("connect", () => this.note("connect"));
    socket.on("connect_error", (error) => {
      this.note(`connect_error ${error.message}${error.data === undefined ? "" : ` ${JSON.stringify(error.data)}`}`);
    });
    socket.on("disconnect", (reason) => this.note(`disconnect ${reason}`));
    socket.onAny((event, ...args) => this.note(`event ${event} ${JSON.stringify(args, binary)}`));
    socket.connect();
  }
  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }
  ask(event, ...args) {
    this.socket.timeout(1000).emit(event, ...args, (error, ...answer) => {
      this.note(error ? `ack ${error.message}` : `answer ${JSON.stringify(answer, binary)}`);
    });
  }
  auth(payload) {
    this.socket.auth = payload;
  }
  connect() {
    this.socket.connect();
  }
  disconnect() {
    this.socket.disconnect();
  }
  async end() {
    this.socket.disconnect();
  }
}

function binary(_key, value) {
  return value?.type === "Buffer" ? { base64: Buffer.from(value.data).toString("base64") } : value;
}
