// Starts the server under test, one for each contract; proves that it outlives the tests and stops when told to.
//
//   SIOKIT_SERVER=path   the siokit-server program: called as `path --port 0 --contract NAME`
//   SERVER=official      the official server (reference/server.mjs)
//   SIOKIT_URL=a=URL,b/p=URL   servers which run already, by contract and profile; other tests are skipped
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

/** The official server is known to differ where siokit does better; tests ask here, and only there. */
export const official = process.env.SERVER === "official";

const running = new Map(
  (process.env.SIOKIT_URL ?? "")
    .split(",")
    .filter(Boolean)
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
);

/** Milliseconds; far more than any correct server needs. */
const patience = 10000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let death; // rejects when the current server ends though it was not told to

/** The value of `promise`; fails, saying what was awaited, after `ms` or when the server has died. */
export async function within(promise, what, ms = patience) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race(death ? [promise, late, death] : [promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `condition` until it holds; its truthy value. */
export async function eventually(condition, what, ms = patience) {
  for (const end = Date.now() + ms; ; await pause(10)) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `${what}: not within ${ms} ms`);
  }
}

/** A port that nobody has, and that the system gives nobody unasked: it is below those of its own choice. */
export async function freePort() {
  for (;;) {
    const probe = net.createServer();
    const free = new Promise((resolve) => probe.once("listening", () => resolve(true)).once("error", () => resolve(false)));
    const port = 11000 + Math.floor(Math.random() * 19000);
    probe.listen(port, "127.0.0.1");
    if (!(await free)) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

const leftovers = [];

/** Registers what must be done when the current test is over, however it ends. */
export function atEnd(action) {
  leftovers.push(action);
}

/** Does what atEnd() has registered. */
export function cleanUp() {
  for (const action of leftovers.splice(0).reverse()) action();
}

export class Server {
  #child;
  #exit;
  #log = "";
  #stopping = false;
  path = "/socket.io/"; // of Socket.IO

  /** A server which runs already. */
  static at(url) {
    const server = new Server();
    server.url = url.replace(/\/$/, "");
    return server;
  }

  /** @returns {Promise<Server>} a server which accepts connections */
  static async start(contract, profile, options = [], parser) {
    const found = running.get(profile ? `${contract}/${profile}` : contract);
    const server = found ? Server.at(found) : new Server();
    server.parser = parser;
    if (found) return server;
    const args = ["--port", "0", "--contract", contract, ...(profile ? ["--profile", profile] : []), ...options];
    if (parser) args.push("--parser", parser);
    const reference = fileURLToPath(new URL("reference/server.mjs", import.meta.url));
    const [program, ...first] = official ? [process.execPath, reference] : [process.env.SIOKIT_SERVER];
    assert.ok(program, "say what to test: SIOKIT_SERVER=<program>, SERVER=official or SIOKIT_URL=<contract>=<url>");
    await server.#launch(program, [...first, ...args]);
    return server;
  }

  /** @returns {Promise<Server>} an application of siokit-server, on a free port unless `options` name one */
  static async startApp(name, options = [], env = {}) {
    assert.ok(process.env.SIOKIT_SERVER, "say what to test: SIOKIT_SERVER=<program>");
    const server = new Server();
    const port = options.includes("--port") ? [] : ["--port", "0"];
    await server.#launch(process.env.SIOKIT_SERVER, ["--app", name, ...port, ...options.map(String)], env);
    return server;
  }

  async #launch(program, args, env = {}) {
    const child = (this.#child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    }));
    const abandon = () => child.kill("SIGKILL");
    process.once("exit", abandon);
    let reportDeath;
    death = new Promise((_resolve, reject) => (reportDeath = reject));
    death.catch(() => {}); // for those who wait, and nobody else
    this.#exit = new Promise((resolve) => {
      child.once("error", (error) => resolve(`it could not be started: ${error.message}`));
      child.once("exit", (code, signal) => resolve(code ?? signal));
    });
    this.#exit.then((how) => {
      process.removeListener("exit", abandon);
      if (!this.#stopping) reportDeath(new Error(`the server has ended (${how})\n${this.#log}`));
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (this.#log = (this.#log + text).slice(-20000)));
    const listening = new Promise((resolve) => {
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text) => {
        output += text;
        const line = output.match(/listening on (https?:\/\/[^\s/]+)/);
        if (line && output.includes("\n", line.index)) resolve(line[1]);
      });
    });
    try {
      this.url = await within(listening, `"listening on" line of ${program}`, 10000);
    } catch (error) {
      abandon();
      throw error;
    }
  }

  /** What the server has written to its log. */
  get log() {
    return this.#log;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** The address of `path` with `query` (undefined values are left out). */
  at(path, query = {}) {
    const entries = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = new URLSearchParams(entries).toString();
    return this.url + path + (text && `?${text}`);
  }

  get host() {
    return new URL(this.url).hostname;
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  /** Fails if the server has ended and was not told to. */
  assertAlive() {
    if (!this.#child || this.#stopping) return;
    const how = this.#child.exitCode ?? this.#child.signalCode;
    assert.equal(how, null, `the server has ended (${how})\n${this.#log}`);
  }

  /** SIGTERM, while a connection is open. */
  async stop() {
    if (!this.#child) return;
    this.assertAlive();
    const idle = net.connect(this.port, this.host).on("error", () => {});
    atEnd(() => idle.destroy());
    await within(once(idle, "connect"), "connection");
    this.#stopping = true;
    this.#child.kill("SIGTERM");
    const how = await within(this.#exit, "end of the server after SIGTERM");
    assert.equal(how, 0, `the server ended with ${how}\n${this.#log}`);
  }

  kill() {
    this.#child?.kill("SIGKILL");
  }
}

/** A suite whose tests share a server, which `start` starts before the first and which ends well behind the last. */
function suite(title, start, body, skip = false) {
  describe(title, { skip, timeout: 120000 }, () => {
    let server;
    const standIn = new Proxy({}, {
      get(_target, key) {
        const value = server[key];
        return typeof value === "function" ? value.bind(server) : value;
      },
    });
    before(async () => {
      server = await start();
    });
    afterEach(() => {
      cleanUp();
      server?.assertAlive();
    });
    body(standIn);
    test("the server outlived these tests and ends with code 0 on SIGTERM", () => server.stop());
    after(() => server?.kill());
  });
}

/**
 * A suite whose tests share one server with that contract. `body` is given a stand-in which becomes the server
 * before the first test runs. `options`: further arguments of the server's command line.
 */
export function contract(name, body, { profile, parser, options = [], skip = false } = {}) {
  const full = profile ? `${name}/${profile}` : name;
  if (running.size > 0 && options.length > 0) skip = `the options of a server in SIOKIT_URL are not known`;
  if (running.size > 0 && (parser || !running.has(full))) skip = `no such ${full} server in SIOKIT_URL`;
  const title = `contract ${full}${parser ? `, parser ${parser}` : ""}`;
  suite(title, () => Server.start(name, profile, options, parser), body, skip);
}

/** The same for an application of siokit-server; other servers have none. `options` and `env` may be functions. */
export function app(name, body, { title = name, options = [], env = {} } = {}) {
  const skip = (official || running.size > 0) && "an application of siokit-server";
  const value = (given) => (typeof given === "function" ? given() : given);
  suite(`app ${title}`, async () => Server.startApp(name, await value(options), await value(env)), body, skip);
}
