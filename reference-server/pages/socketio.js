// A small Socket.IO client, so that the pages of this server need nothing from anywhere else: Engine.IO 4 and
// Socket.IO 5 over polling, a WebSocket, or polling with an upgrade; several namespaces over one connection,
// acknowledgements, reconnection. What comes may have attachments, as Uint8Array; what is sent is JSON.
//
//   const connection = new Connection("http://localhost:3000");
//   const chat = connection.of("/chat", { token: "secret" });
//   chat.on("connect", () => chat.emit("say", "hello"));
//   chat.on("said", (text, ack) => ack("read"));
//   const [answer] = await chat.ask("how many", "apples");
//   connection.close();

const RECORD = "\x1e";
const ANY = Symbol("any event");
const RESERVED = new Set(["connect", "connect_error", "disconnect"]);

/** Calls functions by name. */
class Listeners {
  #all = new Map();

  on(name, listener) {
    this.#all.set(name, [...(this.#all.get(name) ?? []), listener]);
    return this;
  }

  /** A listener that throws is reported, and the others are called all the same. */
  _fire(name, ...args) {
    for (const listener of this.#all.get(name) ?? []) {
      try {
        listener(...args);
      } catch (problem) {
        setTimeout(() => {
          throw problem;
        });
      }
    }
  }
}

/** One session of Engine.IO. Tells `on` what happens: open(), message(data), upgrade(), close(reason). */
class Engine {
  #base;
  #path;
  #on;
  #queue = []; // packets to be sent
  #ended = false;
  #stop = new AbortController(); // of the polls
  #socket; // which carries the session, or may do so later
  #carried = false; // by that socket
  #upgrading = false; // no request begins any more
  #reading;
  #writing;
  #patience; // a timer
  #handshake = { upgrades: [] };

  constructor(base, path, transport, timeout, on) {
    this.#base = base;
    this.#path = path;
    this.#on = on;
    this.#expect(timeout, "timeout");
    if (transport === "websocket") this.#carry(new WebSocket(this.#url("websocket")));
    else this.#reading = this.#poll(transport === "upgrade");
  }

  get transport() {
    return this.#carried ? "websocket" : "polling";
  }

  send(packet) {
    this.#queue.push(packet);
    this.#flush();
  }

  close() {
    if (this.#ended) return;
    if (this.#carried) {
      this.#flush();
    } else if (this.#handshake.sid) {
      const body = [...this.#queue.splice(0), "1"].join(RECORD);
      fetch(this.#url("polling"), { method: "POST", body, keepalive: true }).catch(() => {}); // it is over anyway
    }
    this.#end("io client disconnect");
  }

  #url(transport) {
    const url = new URL(this.#path, this.#base);
    if (transport === "websocket") url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const { sid } = this.#handshake;
    url.search = new URLSearchParams({ EIO: 4, transport, ...(sid && { sid }) });
    return url;
  }

  /** A session from which nothing comes in time is over. */
  #expect(ms, reason = "ping timeout") {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#end(reason), ms);
  }

  async #poll(upgrade) {
    try {
      await this.#read();
      if (upgrade && this.#handshake.upgrades.includes("websocket")) this.#probe();
      while (!this.#ended && !this.#upgrading) await this.#read();
    } catch (problem) {
      this.#end("transport error", problem);
    }
  }

  async #read() {
    const answer = await fetch(this.#url("polling"), { signal: this.#stop.signal, cache: "no-store" });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`HTTP ${answer.status} ${text}`);
    for (const packet of text.split(RECORD)) this.#receive(packet);
  }

  #probe() {
    const socket = (this.#socket = new WebSocket(this.#url("websocket")));
    socket.onopen = () => socket.send("2probe");
    socket.onmessage = async ({ data }) => {
      if (data !== "3probe") return socket.close(); // and polling goes on
      this.#upgrading = true; // the server answers the poll that waits
      await Promise.all([this.#reading, this.#writing]);
      if (this.#ended) return;
      if (socket.readyState !== WebSocket.OPEN) return this.#end("transport close");
      socket.send("5");
      this.#carry(socket);
      this.#on.upgrade();
    };
  }

  #carry(socket) {
    this.#socket = socket;
    this.#carried = true;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#flush();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#end(this.#handshake.sid ? "transport close" : "transport error");
    this.#flush();
  }

  #receive(packet) {
    try {
      if (!this.#ended) this.#take(packet);
    } catch (problem) {
      this.#end("parse error", problem);
    }
  }

  #take(packet) {
    if (typeof packet !== "string") return this.#on.message(packet);
    const data = packet.slice(1);
    if (packet[0] === "b") this.#on.message(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
    else if (packet[0] === "0") this.#open(JSON.parse(data));
    else if (packet[0] === "1") this.#end("transport close");
    else if (packet[0] === "2") this.#answer(data);
    else if (packet[0] === "4") this.#on.message(data);
  }

  #open(handshake) {
    this.#handshake = handshake;
    this.#expect(handshake.pingInterval + handshake.pingTimeout);
    this.#on.open();
  }

  #answer(ping) {
    this.#expect(this.#handshake.pingInterval + this.#handshake.pingTimeout);
    this.send("3" + ping);
  }

  #flush() {
    if (this.#carried) {
      if (this.#socket.readyState !== WebSocket.OPEN) return;
      for (const packet of this.#queue.splice(0)) this.#socket.send(packet);
    } else if (!this.#writing && !this.#upgrading && this.#handshake.sid) {
      this.#writing = this.#write().finally(() => (this.#writing = undefined));
    }
  }

  async #write() {
    while (this.#queue.length > 0 && !this.#ended && !this.#upgrading) {
      const body = this.#queue.splice(0, this.#fitting()).join(RECORD);
      try {
        const answer = await fetch(this.#url("polling"), { method: "POST", body });
        if (!answer.ok) throw new Error(`HTTP ${answer.status} ${await answer.text()}`);
      } catch (problem) {
        this.#end("transport error", problem);
      }
    }
  }

  /** How many packets the server takes in one payload; one that is too large is its problem. */
  #fitting() {
    const encoder = new TextEncoder();
    let room = this.#handshake.maxPayload ?? Infinity;
    const after = this.#queue.findIndex((packet) => (room -= encoder.encode(packet + RECORD).length) < -1);
    return after < 0 ? this.#queue.length : Math.max(after, 1);
  }

  #end(reason, problem) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#patience);
    this.#stop.abort();
    this.#socket?.close();
    this.#on.close(reason, problem);
  }
}

/** A namespace. Listeners hear its events and `connect`, `connect_error` (an Error), `disconnect` (the reason). */
export class Socket extends Listeners {
  #namespace;
  #auth;
  #send;
  #acks = new Map();
  #lastAck = 0;
  id;
  connected = false;

  constructor(namespace, auth, send) {
    super();
    this.#namespace = namespace;
    this.#auth = auth;
    this.#send = (type, rest = "") => send(`4${type}${namespace === "/" ? "" : `${namespace},`}${rest}`);
  }

  /** Hears every event, its name first. */
  onAny(listener) {
    return this.on(ANY, listener);
  }

  /** False when there is no connection: nothing is kept for later. */
  emit(event, ...args) {
    if (this.connected) this.#send(2, JSON.stringify([event, ...args]));
    return this.connected;
  }

  /** The arguments of the acknowledgement; rejected when the connection ends before. */
  ask(event, ...args) {
    return new Promise((resolve, reject) => {
      if (!this.connected) return reject(new Error("not connected"));
      const id = this.#lastAck++;
      this.#acks.set(id, { resolve, reject });
      this.#send(2, id + JSON.stringify([event, ...args]));
    });
  }

  _join() {
    this.#send(0, this.#auth === undefined ? "" : JSON.stringify(this.#auth));
  }

  _leave() {
    if (this.connected) this.#send(1);
    this._left("io client disconnect");
  }

  _receive(type, id, data) {
    if (type === "0") {
      this.id = data.sid;
      this.connected = true;
      this._fire("connect");
    } else if (type === "1") this._left("io server disconnect");
    else if (type === "2") this.#heard(id, data);
    else if (type === "3") {
      this.#acks.get(Number(id))?.resolve(data);
      this.#acks.delete(Number(id));
    } else if (type === "4") this._fire("connect_error", Object.assign(new Error(data.message), { data: data.data }));
  }

  #heard(id, [event, ...args]) {
    if (RESERVED.has(event)) return;
    if (id) args.push((...answer) => this.connected && this.#send(3, id + JSON.stringify(answer)));
    this._fire(ANY, event, ...args);
    this._fire(event, ...args);
  }

  _left(reason) {
    if (!this.connected) return;
    this.connected = false;
    this.id = undefined;
    for (const { reject } of this.#acks.values()) reject(new Error(reason));
    this.#acks.clear();
    this._fire("disconnect", reason);
  }
}

/**
 * A connection and its namespaces. Listeners hear `open`, `upgrade`, `close` (the reason, perhaps an Error) and, if it
 * is tried again, `reconnecting` (which attempt, in how many ms).
 */
export class Connection extends Listeners {
  #options;
  #url;
  #engine;
  #open = false;
  #sockets = new Map();
  #attempt = 0;
  #timer;
  #assembling; // a packet whose attachments are still to come

  /** `transport`: polling, websocket, or upgrade from the first to the second. Delays and `timeout` are in ms. */
  constructor(url, options = {}) {
    super();
    this.#url = new URL(url);
    this.#options = { path: "/socket.io/", transport: "upgrade", reconnection: true, delay: 1000, delayMax: 5000,
      timeout: 20000, ...options };
    this.#start();
  }

  /** The socket of that namespace, which is joined when there is a connection, and again with each new one. */
  of(namespace, auth) {
    const known = this.#sockets.get(namespace);
    if (known) return known;
    const socket = new Socket(namespace, auth, (packet) => this.#open && this.#engine.send(packet));
    this.#sockets.set(namespace, socket);
    if (this.#open) socket._join();
    return socket;
  }

  get transport() {
    return this.#engine.transport;
  }

  /** Ends the connection for good. */
  close() {
    clearTimeout(this.#timer);
    this.#options.reconnection = false;
    for (const socket of this.#sockets.values()) socket._leave();
    this.#engine.close();
  }

  #start() {
    const { path, transport, timeout } = this.#options;
    this.#assembling = undefined;
    this.#engine = new Engine(this.#url, path, transport, timeout, {
      open: () => {
        this.#open = true;
        this.#attempt = 0;
        this._fire("open");
        for (const socket of this.#sockets.values()) socket._join();
      },
      message: (data) => this.#receive(data),
      upgrade: () => this._fire("upgrade"),
      close: (reason, problem) => this.#lost(reason, problem),
    });
  }

  #lost(reason, problem) {
    this.#open = false;
    for (const socket of this.#sockets.values()) socket._left(reason);
    this._fire("close", reason, problem);
    if (!this.#options.reconnection) return;
    const { delay, delayMax } = this.#options;
    // Up to half less, so that the clients of a server that restarts do not come back all at once.
    const wait = Math.min(delay * 2 ** this.#attempt++, delayMax) * (1 - Math.random() / 2);
    this.#timer = setTimeout(() => this.#start(), wait);
    this._fire("reconnecting", this.#attempt, wait);
  }

  #receive(message) {
    if (typeof message !== "string") return this.#attach(message);
    const [, type, count, namespace = "/", id, json] = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),?)?(\d*)([^]*)$/.exec(message);
    const data = json ? JSON.parse(json) : undefined;
    if (count === undefined) return this.#sockets.get(namespace)?._receive(type, id, data);
    this.#assembling = { type: String(type - 3), namespace, id, data, count: Number(count), parts: [] };
    if (count === "0") this.#attach();
  }

  #attach(part) {
    const packet = this.#assembling;
    if (part) packet.parts.push(new Uint8Array(part));
    if (packet.parts.length < packet.count) return;
    this.#assembling = undefined;
    const { type, namespace, id, data, parts } = packet;
    this.#sockets.get(namespace)?._receive(type, id, restore(data, parts));
  }
}

/** `value` with its attachments in the places that are kept for them. */
function restore(value, parts) {
  if (Array.isArray(value)) return value.map((each) => restore(each, parts));
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder) return parts[value.num];
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restore(each, parts)]));
}
