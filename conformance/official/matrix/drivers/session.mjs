// One version of socket.io-client doing what a driver is told (driver.mjs has the commands). Node.js and browsers.
import { pack, unpack } from "./lines.mjs";

/** A function which obeys a command; what happens goes to `say`. */
export function session(io, revision, binary, say) {
  const connections = new Map(); // a Map of sockets by namespace for each

  /** What refused a socket. Clients of revision 3 are given the data, else the message. */
  const refusal = (what) => {
    if (revision === 4) return { message: what.message, data: what.data };
    if (typeof what === "string") return { message: what };
    return what instanceof Error || Object.keys(what).join() === "message" ? { message: what.message } : { data: what };
  };

  function listen(socket, connection, namespace, { events, answers }) {
    const tell = (event, ...args) => {
      if (connections.has(connection)) say({ connection, namespace, event, args: pack(args) });
    };
    socket.on("connect", () => tell("connect", socket.id));
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    for (const event of revision === 4 ? ["connect_error"] : ["error", "connect_error"]) {
      socket.on(event, (what) => tell("connect_error", refusal(what)));
    }
    for (const event of events) {
      socket.on(event, (...args) => {
        const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
        tell(event, ...args);
        if (answers[event]) answer?.(...unpack(answers[event], binary));
      });
    }
  }

  const commands = {
    connect({ connection, url, path, namespaces, transports, auth, query, ...listening }) {
      // Before revision 4, a namespace is asked for with a query in place of the auth.
      const own = revision === 4 ? { auth, query } : { query: new URLSearchParams({ ...query, ...auth }).toString() };
      const timing = { reconnectionDelay: 20, reconnectionDelayMax: 200 };
      const sockets = new Map();
      connections.set(connection, sockets);
      let manager;
      for (const namespace of namespaces) {
        const socket = manager
          ? manager.socket(namespace, own)
          : io(url + namespace, { path, transports, forceNew: true, ...timing, ...own });
        manager = socket.io;
        sockets.set(namespace, socket);
        listen(socket, connection, namespace, listening);
      }
    },
    emit({ socket, event, args, ask, times = 1 }) {
      const answer = ask === undefined ? [] : [(...values) => say({ ask, args: pack(values) })];
      for (let i = 0; i < times; i++) socket.emit(event, ...unpack(args, binary), ...answer);
    },
    leave: ({ socket }) => socket.disconnect(),
    join: ({ socket }) => socket.connect(),
    end({ connection }) {
      const sockets = [...connections.get(connection).values()];
      connections.delete(connection);
      const manager = sockets[0].io;
      manager.reconnection(false);
      for (const socket of sockets) socket.disconnect();
      manager.engine?.close();
    },
  };

  return ({ command, ...rest }) => {
    const socket = connections.get(rest.connection)?.get(rest.namespace);
    commands[command]({ socket, ...rest });
  };
}
