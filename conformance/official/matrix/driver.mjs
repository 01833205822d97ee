// A client in a process of its own, told by lines of JSON what to do.
//
//   in   {command: "connect", connection, url, path, namespaces, transports, auth, query, events, answers}
//            a new connection with a socket for each namespace; `events` are to be reported, and those of `answers`
//            are acknowledged with these arguments if the server asks
//        {command: "emit", connection, namespace, event, args, ask}    `ask`: report the acknowledgement as that;
//            {..., times} in its place: so often, without a pause
//        {command: "leave" | "join", connection, namespace}            this namespace only
//        {command: "end", connection}                                  at once, and nothing of it is reported any more
//   out  {ready: true}
//        {connection, namespace, event, args}    also connect [id], disconnect [reason], connect_error [{message, data}]
//        {ask, args}
//        {trouble: text}
//
// Binary data in arguments is {"$bytes": "<base64>"}. The end of the input is the end of the driver.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { within } from "../harness.mjs";
import { pack, unpack } from "./drivers/lines.mjs";

const buffer = (bytes) => Buffer.from(bytes);
const events = [
  "hello",
  "authenticated",
  "guard-error",
  "echo",
  "reverse",
  "binary",
  "question",
  "answered",
  "question-timeout",
  "asked",
  "said",
  "poll",
  "volatile",
  "volatile-end",
];
const withoutOffset = ["question", "question-timeout", "poll", "volatile"]; // volatile, or to be acknowledged

export class Driver {
  #child;
  #connections = new Map();
  #asks = new Map();
  #last = 0;
  #fail;

  /** Resolves when the driver is ready. */
  static async start([program, ...args], patience = 30000) {
    const driver = new Driver();
    const child = (driver.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] }));
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-2000)));
    child.stdin.on("error", () => {}); // its end is reported below
    driver.trouble = new Promise((_resolve, reject) => (driver.#fail = reject));
    driver.trouble.catch(() => (driver.broken = true));
    child.once("error", (error) => driver.#fail(new Error(`the client could not be started: ${error.message}`)));
    child.once("close", (code, signal) =>
      driver.#fail(new Error(`the client has ended (${code ?? signal}) ${errors}`)),
    );
    const ready = new Promise((resolve) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const message = JSON.parse(line);
        if (message.ready) resolve();
        else driver.#happened(message);
      });
    });
    await within(Promise.race([ready, driver.trouble]), "driver", patience);
    return driver;
  }

  #happened({ connection, namespace, event, args, ask, trouble }) {
    if (trouble) return this.#fail(new Error(`trouble in the client: ${trouble}`));
    const values = unpack(args, buffer);
    if (ask !== undefined) return this.#asks.get(ask)?.(values);
    this.#connections.get(connection)?.get(namespace)?.happened(event, values);
  }

  tell(message) {
    this.#child.stdin.write(JSON.stringify(message) + "\n");
  }

  /**
   * The sockets of a new connection, one for each namespace; they are not connected yet. `offsets`: the server
   * recovers connections, which adds a string to most events.
   */
  connect({ namespaces, answers = {}, offsets = false, ...options }) {
    const connection = ++this.#last;
    const peers = namespaces.map((namespace) => new Peer(this, connection, namespace, offsets));
    this.#connections.set(connection, new Map(peers.map((peer) => [peer.namespace, peer])));
    this.tell({ command: "connect", connection, namespaces, events, answers: pack(answers), ...options });
    return peers;
  }

  /** Emits; resolves with the arguments of the acknowledgement. */
  async ask(message) {
    const ask = ++this.#last;
    const answer = new Promise((resolve) => this.#asks.set(ask, resolve));
    this.tell({ ...message, ask });
    try {
      return await within(Promise.race([answer, this.trouble]), `acknowledgement of "${message.event}"`);
    } finally {
      this.#asks.delete(ask);
    }
  }

  /** Ends all connections. */
  endAll() {
    for (const connection of this.#connections.keys()) this.tell({ command: "end", connection });
    this.#connections.clear();
  }

  stop() {
    this.#child.stdin.end();
    setTimeout(() => this.#child.kill("SIGKILL"), 5000).unref();
  }
}

/** A socket of a driver, and what it has reported. */
class Peer {
  #driver;
  #connection;
  #offsets;
  #happenings = [];
  #waiting = [];

  constructor(driver, connection, namespace, offsets) {
    this.#driver = driver;
    this.#offsets = offsets;
    this.#connection = connection;
    this.namespace = namespace;
  }

  happened(event, args) {
    if (event === "connect") this.id = args[0];
    if (this.#offsets && events.includes(event) && !withoutOffset.includes(event)) args.pop();
    this.#happenings.push({ event, args });
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #tell(command, more) {
    return { command, connection: this.#connection, namespace: this.namespace, ...more };
  }

  emit(event, ...args) {
    this.#driver.tell(this.#tell("emit", { event, args: pack(args) }));
  }

  /** Emits so often, without a pause. */
  repeat(times, event, ...args) {
    this.#driver.tell(this.#tell("emit", { event, args: pack(args), times }));
  }

  /** The arguments of the acknowledgement. */
  ask(event, ...args) {
    return this.#driver.ask(this.#tell("emit", { event, args: pack(args) }));
  }

  leave() {
    this.#driver.tell(this.#tell("leave"));
  }

  join() {
    this.#driver.tell(this.#tell("join"));
  }

  /** What has been reported of `event` and was not taken yet: the arguments of each. */
  heard(event) {
    const found = this.#happenings.filter((each) => each.event === event);
    this.#happenings = this.#happenings.filter((each) => each.event !== event);
    return found.map(({ args }) => args);
  }

  /** The arguments of the next `event`. */
  async next(event) {
    const found = async () => {
      for (;;) {
        const at = this.#happenings.findIndex((each) => each.event === event);
        if (at >= 0) return this.#happenings.splice(at, 1)[0].args;
        await new Promise((resolve) => this.#waiting.push(resolve));
      }
    };
    try {
      return await within(Promise.race([found(), this.#driver.trouble]), `event "${event}"`);
    } catch (error) {
      const others = this.#happenings.map((each) => `${each.event} ${JSON.stringify(pack(each.args))}`.slice(0, 200));
      throw new Error(`${error.message}${others.length ? `; there was ${others.slice(0, 5).join(", ")}` : ""}`);
    }
  }
}
