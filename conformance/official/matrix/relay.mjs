// A TCP relay to a server: a wire that can be cut, whatever the client.
import { once } from "node:events";
import net from "node:net";

export class Relay {
  #sockets = new Set();
  #asking = new Set(); // connections on which the client has spoken last
  #cut = false;

  static async open(target) {
    const relay = new Relay();
    const { hostname, port } = new URL(target);
    relay.listener = net.createServer((near) => {
      if (relay.#cut) return near.destroy();
      const far = net.connect(port || 80, hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ]) {
        relay.#sockets.add(socket);
        socket.on("error", () => {});
        socket.once("close", () => relay.#sockets.delete(socket) && other.destroy());
        socket.pipe(other);
      }
      near.on("data", () => relay.#asking.add(near));
      far.on("data", () => relay.#asking.delete(near));
      near.once("close", () => relay.#asking.delete(near));
    });
    relay.listener.listen(0, "127.0.0.1");
    await once(relay.listener, "listening");
    relay.url = `http://127.0.0.1:${relay.listener.address().port}`;
    return relay;
  }

  /** Whether a request is under way. */
  get asking() {
    return this.#asking.size > 0;
  }

  /** Cuts all connections, and those that are tried until mend(). */
  cut() {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#cut = false;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
