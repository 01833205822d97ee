// How a connection ends, and what comes after it.
import { eventually } from "../../harness.mjs";
import { fits, guide, own, rule, same, socketio } from "../expect.mjs";
import { bytes, flush, unusedNamespace } from "./common.mjs";

const namespaces = rule(
  "Namespaces on one connection have nothing to do with each other.",
  socketio("connection-to-a-namespace"),
);
const ends = rule(
  "A DISCONNECT ends one namespace, the end of the connection all of them.",
  socketio("disconnection-from-a-namespace"),
);
const breaks = rule(
  "A connection that breaks is a reason to connect again, with a new id.",
  guide("client-socket-instance/#disconnect"),
);
const broken = (reason) => ["transport close", "transport error"].includes(reason);

export const endings = [
  {
    name: "the server ends a namespace, the others live",
    rule: ends,
    needs: ["kick", "echo", "/chat"],
    async run({ open }) {
      const [main, chat] = await open({ namespaces: ["/", "/chat"] });
      main.emit("kick");
      await same("why", main.next("disconnect"), ["io server disconnect"]);
      await same("the other namespace answers", chat.ask("echo", 1), [1]);
    },
  },
  {
    name: "the server ends the connection",
    rule: ends,
    needs: ["kick-all", "/chat"],
    async run({ open }) {
      const [main, chat] = await open({ namespaces: ["/", "/chat"] });
      main.emit("kick-all");
      for (const peer of [main, chat])
        await same(`why ${peer.namespace} ended`, peer.next("disconnect"), ["io server disconnect"]);
    },
  },
  {
    name: "the client leaves: the server knows",
    rule: ends,
    needs: ["rooms", "/dynamic-1"],
    async run({ open }) {
      const namespace = unusedNamespace();
      const [peer, watcher] = [await open({ namespace }), await open({ namespace })];
      await peer.ask("join", "room");
      peer.leave();
      await same("the client's own reason", peer.next("disconnect"), ["io client disconnect"]);
      await eventually(
        async () => (await watcher.ask("members", "room"))[0].length === 0,
        "end of the socket in the server",
      );
    },
  },
  {
    name: "leaves a namespace, and joins it again",
    rule: namespaces,
    needs: ["echo", "/chat"],
    uses: ["leave"],
    async run({ open }) {
      const [main, chat] = await open({ namespaces: ["/", "/chat"] });
      await chat.next("hello");
      chat.leave();
      await same("why", chat.next("disconnect"), ["io client disconnect"]);
      await same("the main namespace answers", main.ask("echo", 1), [1]);
      chat.join();
      await chat.next("connect");
      await same("a new greeting", chat.next("hello"), ["/chat"]);
    },
  },
  {
    name: "the server drops the connection: the client returns",
    rule: breaks,
    needs: ["drop", "echo"],
    uses: ["drop"],
    async run({ open }) {
      const peer = await open();
      const { id } = peer;
      peer.emit("drop");
      await fits("why", peer.next("disconnect"), ([reason]) => broken(reason));
      await peer.next("connect");
      await fits("a new id", peer.id, (now) => now && now !== id);
      await same("the new connection answers", peer.ask("echo", 1), [1]);
    },
  },
  {
    name: "the wire is cut: the client returns",
    rule: breaks,
    needs: ["plain http", "echo", "/chat"],
    async run({ open, relay }) {
      const wire = await relay();
      const peers = await open({ namespaces: ["/", "/chat"], url: wire.url });
      const before = peers[0].id;
      wire.cut();
      for (const peer of peers)
        await fits(`why ${peer.namespace} ended`, peer.next("disconnect"), ([reason]) => broken(reason));
      wire.mend();
      for (const peer of peers) await peer.next("connect");
      await fits("a new id", peers[0].id, (now) => now && now !== before);
      for (const peer of peers) await same(`${peer.namespace} answers`, peer.ask("echo", 1), [1]);
    },
  },
  {
    name: "the wire is cut: the client recovers what it missed",
    rule: rule(
      "With connection state recovery, what was missed comes before CONNECT; id, rooms and data stay.",
      own("socketio"),
    ),
    needs: ["plain http", "recovery", "echo", "rooms", "say-in", "whoami", "set-data", "/dynamic-1"],
    uses: ["recovery"],
    profile: "csr",
    async run({ open, relay, way }) {
      const wire = await relay();
      const namespace = unusedNamespace();
      const other = await open({ namespace });
      const peer = await open({ namespace, url: wire.url });
      const { id } = peer;
      await peer.ask("join", "room");
      await peer.ask("set-data", 7);
      other.emit("say-in", "room", "before", 1);
      await same("an event before", peer.next("said"), ["before", 1]);
      if (way === "polling") await eventually(() => wire.asking, "poll, without which the server does not see the cut");
      wire.cut();
      await peer.next("disconnect");
      await eventually(
        async () => (await other.ask("members", "room"))[0].length === 0,
        "end of the socket in the server",
      );
      other.emit("say-in", "room", "missed", bytes(1));
      other.emit("say-in", "elsewhere", "not for it");
      await flush(other);
      wire.mend();
      await peer.next("connect");
      await same("the same id", peer.id, id);
      await same("what was missed", peer.next("said"), ["missed", bytes(1)]);
      await same("and nothing else", peer.heard("said"), []);
      const [{ recovered, rooms, data }] = await peer.ask("whoami");
      await same("recovered, rooms and data", [recovered, rooms, data], [true, ["room"], { value: 7 }]);
    },
  },
];
