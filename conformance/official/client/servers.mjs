// The official server in its versions, and a wire to it that can be cut.
import { once } from "node:events";
import http from "node:http";
import { createRequire } from "node:module";
import net from "node:net";

const leftovers = [];
const atEnd = (action) => leftovers.push(action);

/** Runs `action`, then ends what it has begun. */
export async function perform(action) {
  try {
    await action();
  } finally {
    for (const each of leftovers.splice(0).reverse()) await each();
  }
}

const require = createRequire(import.meta.url);
export const versions = { "4.8": "socket.io", "4.4": "socket.io-4.4", "4.0": "socket.io-4.0", "3.1": "socket.io-3.1" };

/** A server that can be killed, as by a crash, and started again in the same place. */
export class OfficialServer {
  #http;
  #options;
  #setUp;

  static async start({ version = "4.8", options = {}, setUp = () => {} } = {}) {
    const server = new OfficialServer();
    server.#options = [versions[version], options];
    server.#setUp = setUp;
    await server.#listen(0);
    atEnd(() => server.kill());
    return server;
  }
  async #listen(port) {
    const [name, options] = this.#options;
    const { Server } = require(name);
    this.#http = http.createServer();
    this.io = new Server(this.#http, options);
    for (const nsp of ["/", "/chat"]) this.io.of(nsp).on("connection", handlers);
    // Else a process waits half a minute for the last poll of clients that are gone.
    this.io.engine.on("connection", ({ transport }) => (transport.closeTimeout = 100));
    this.#setUp(this.io);
    this.#http.listen(port, "127.0.0.1");
    await once(this.#http, "listening");
    this.port = this.#http.address().port;
    this.sockets = new Set();
    this.#http.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    this.url = `http://127.0.0.1:${this.port}`;
  }
  async kill() {
    if (!this.#http) return;
    const ended = once(this.#http, "close");
    // No session is closed in order: the server would wait for polls that never come.
    for (const socket of this.sockets) socket.destroy();
    this.#http.close();
    this.#http = undefined;
    await ended;
    this.io.engine.close();
  }
  async restart() {
    await this.kill();
    await this.#listen(this.port);
  }
}

function handlers(socket) {
  socket.emit("welcome", 1, Buffer.from([1, 2, 3]));
  socket.on("echo", (...args) => {
    const answer = args.at(-1);
    if (typeof answer === "function") answer(...args.slice(0, -1));
    else socket.emit("echo", ...args);
  });
  socket.on("kick", () => socket.disconnect());
  socket.on("kickall", () => socket.disconnect(true));
  socket.on("close", () => socket.conn.close());
  socket.on("garbage", () => socket.conn.write("nonsense"));
}

/** Passes bytes between a client and a server, until it is told otherwise. */
export class Wire {
  mode = "open";
  bytes = 0; // that have passed, either way
  #pairs = new Set();
  #left = Infinity; // bytes from the server until the next cut

  static async to(target) {
    const wire = new Wire();
    const server = net.createServer((near) => wire.#join(near, target));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    wire.url = `http://127.0.0.1:${server.address().port}`;
    atEnd(() => {
      wire.cut();
      server.close();
    });
    return wire;
  }
  #join(near, target) {
    if (this.mode === "refuse") return near.destroy();
    const far = net.connect(target, "127.0.0.1");
    this.#pairs.add(near).add(far);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", (data) => {
        this.bytes += data.length;
        if (this.mode === "silent") return;
        if (from === far) {
          const size = Math.min(data.length, this.#left);
          this.#left -= size;
          to.write(data.subarray(0, size));
          if (this.#left <= 0) this.cut();
          return;
        }
        to.write(data);
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#pairs.delete(from);
        to.destroy();
      });
    }
  }
  /** Breaks every connection after so many further bytes of the server. Later ones are whole. */
  cutAfter(bytes) {
    this.#left = bytes;
  }
  cut() {
    this.#left = Infinity;
    for (const socket of this.#pairs) socket.destroy();
  }
}
