// How a client gets into its namespaces, and why not.
import { engineio, fits, own, rule, same, socketio } from "../expect.mjs";
import { unusedNamespace } from "./common.mjs";

const connection = rule(
  "A client is in a namespace when the server has answered its CONNECT with an id.",
  socketio("connection-to-a-namespace"),
);
const namespaces = rule(
  "Namespaces on one connection have nothing to do with each other.",
  socketio("connection-to-a-namespace"),
);
const refusals = rule(
  "A refused CONNECT is answered with CONNECT_ERROR: message, and data if there is any.",
  socketio("connection-to-a-namespace"),
);

export const connecting = [
  {
    name: "connects",
    rule: connection,
    gate: true,
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await fits("every socket has an id of its own", [one.id, two.id], ([a, b]) => a && b && a !== b);
    },
  },
  {
    name: "reaches the transport asked for",
    rule: rule("A session begins by the first transport, and moves to the WebSocket if it may.", engineio("upgrade")),
    needs: ["whoami"],
    async run({ open, client, final }) {
      const peer = await open();
      const [me] = await peer.ask("whoami");
      await fits("whoami is answered by an object with transport and eio", me, (it) => it?.transport && it.eio);
      await same("the server's view of transport and revision", [me.transport, me.eio], [final, client.revision]);
    },
  },
  {
    name: "whom the server takes it for",
    rule: connection,
    needs: ["whoami", "rooms", "set-data", "/chat"],
    uses: ["ids"],
    async run({ open, final }) {
      const peer = await open({ namespace: "/chat" });
      for (const room of ["z", "a"]) await peer.ask("join", room);
      await peer.ask("set-data", [1, { x: 2 }]);
      const [{ id, nsp, recovered, rooms, data, transport }] = await peer.ask("whoami");
      await same("id, namespace and transport", [id, nsp, transport], [peer.id, "/chat", final]);
      await same("rooms and data", [rooms, data, recovered], [["a", "z"], { value: [1, { x: 2 }] }, false]);
    },
  },
  {
    name: "namespaces share a connection",
    rule: namespaces,
    needs: ["echo", "/chat", "/dynamic-1"],
    async run({ open }) {
      const namespace = unusedNamespace();
      const [main, chat, other] = await open({ namespaces: ["/", "/chat", namespace] });
      await same("greeting of /chat", chat.next("hello"), ["/chat"]);
      await same(`greeting of ${namespace}`, other.next("hello"), [namespace]);
      const answers = Promise.all([main, chat, other].map((peer, i) => peer.ask("echo", i)));
      await same("each has its own answers", answers, [[0], [1], [2]]);
      await same("nothing came to the main one", main.heard("hello"), []);
    },
  },
  {
    name: "an unknown namespace is refused, the others live",
    rule: refusals,
    needs: ["echo"],
    async run({ open, begin }) {
      const [main, none] = begin({ namespaces: ["/", "/nowhere"] });
      await same("why", none.next("connect_error"), [{ message: "Invalid namespace" }]);
      await main.next("connect");
      await same("the main namespace answers", main.ask("echo", 1), [1]);
      await open();
    },
  },
  {
    name: "a name that the pattern does not match is refused",
    rule: refusals,
    needs: ["/dynamic-1"],
    async run({ begin }) {
      for (const namespace of ["/dynamic-", "/dynamic-4x", "/xdynamic-4"]) {
        const [peer] = begin({ namespaces: [namespace] });
        await same(`why ${namespace} is refused`, peer.next("connect_error"), [{ message: "Invalid namespace" }]);
      }
    },
  },
  {
    name: "auth: refused with data, then accepted",
    rule: refusals,
    needs: ["/auth"],
    async run({ open, begin, client }) {
      const data = { code: 401, token: "wrong" };
      const refused = client.revision === 3 ? { data } : { message: "not authorized", data };
      const [bad] = begin({ namespaces: ["/auth"], auth: { token: "wrong" } });
      await same("why the wrong token is refused", bad.next("connect_error"), [refused]);
      const [none] = begin({ namespaces: ["/auth"] });
      const missing = { ...refused, data: { code: 401, token: null } };
      await same("why no token is refused", none.next("connect_error"), [missing]);
      const good = await open({ namespace: "/auth", auth: { token: "secret", more: "x" } });
      await same("the server has had the auth", good.next("authenticated"), [{ token: "secret", more: "x" }]);
    },
  },
  {
    name: "a middleware refuses without data",
    rule: refusals,
    needs: ["/deny"],
    async run({ begin }) {
      const [peer] = begin({ namespaces: ["/deny"] });
      await same("why", peer.next("connect_error"), [{ message: "denied" }]);
    },
  },
  {
    name: "the handshake is refused",
    rule: rule("A refused handshake is an HTTP error; the client says that it can't connect.", own("refused-requests")),
    needs: ["deny"],
    async run({ begin }) {
      const [peer] = begin({ namespaces: ["/"], query: { deny: "1" } });
      await fits("the client is told", peer.next("connect_error"));
      await same("and is not connected", peer.heard("connect"), []);
    },
  },
  {
    name: "emitted before the connection, delivered after it",
    rule: rule(
      "A client sends nothing for a namespace before its CONNECT was answered.",
      socketio("connection-to-a-namespace"),
    ),
    needs: ["/slow", "/chat", "echo"],
    uses: ["buffer"],
    async run({ begin }) {
      const [slow, chat] = begin({ namespaces: ["/slow", "/chat"] });
      const answers = Promise.all([1, 2, 3].map((i) => chat.ask("echo", i)));
      slow.emit("echo", 0);
      await same("the answers, in order", answers, [[1], [2], [3]]);
      await slow.next("connect");
    },
  },
];
