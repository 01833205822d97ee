// What a client and a server must be able to do together, for every client and every way to connect.
//
// A case: name; rule; `needs`, what of the contract it uses (offers.mjs); `uses`, what not every client can do
// (clients.mjs); `ways`, if not all; `profile` of the server; `run(kit)`, see runner.mjs. A case with `gate` decides
// whether the others of its column are run.
import { eventually } from "../harness.mjs";
import { fits, own, rule, same, show, socketio, engineio } from "./expect.mjs";

const bytes = (...values) => Buffer.from(values);
const broken = (reason) => ["transport close", "transport error"].includes(reason);
let last = Date.now() % 1e6;

/** Names which no other case, and no other run, has used. */
const unused = () => `${process.pid}${++last}`;
const unusedNamespace = () => `/dynamic-${unused()}`;

/** Once a socket has this answer, it has had all that was sent to it before. */
async function flush(...peers) {
  for (const peer of peers) await peer.ask("echo", "flush");
}

/** Several sockets alone in a namespace, the first two of them in a room. */
async function party(open) {
  const namespace = unusedNamespace();
  const peers = [await open({ namespace }), await open({ namespace }), await open({ namespace })];
  for (const peer of peers.slice(0, 2)) await peer.ask("join", "room");
  const reached = async (event, ...args) => {
    peers[0].emit(event, ...args);
    await flush(...peers);
    return peers.map((peer) => peer.heard("said").length).join("");
  };
  return { peers, reached };
}

/** Sockets alone in a namespace, which give these answers when all are asked at once. */
async function askAll(open, given) {
  const namespace = unusedNamespace();
  const peers = [];
  for (const answer of given) peers.push(await open({ namespace, answers: { poll: [answer] } }));
  const [late, answers] = await peers[0].ask("ask-all", 5000);
  await same("nobody is late, and what they answered", [late, answers.map(show).sort()], [false, given.map(show).sort()]);
}

const partyNeeds = ["echo", "rooms", "/dynamic-1"];

const connection = rule("A client is in a namespace when the server has answered its CONNECT with an id.",
  socketio("connection-to-a-namespace"));
const event = rule("An event arrives once, with its arguments as they were.", socketio("sending-and-receiving-data"));
const acknowledgement = rule("An event with an id is answered by one ACK with that id.", socketio("acknowledgement"));
const namespaces = rule("Namespaces on one connection have nothing to do with each other.",
  socketio("connection-to-a-namespace"));
const refusals = rule("A refused CONNECT is answered with CONNECT_ERROR: message, and data if there is any.",
  socketio("connection-to-a-namespace"));
const rooms = rule("What is said to a room reaches its members, each once, and nobody else.", own("socketio"));
const endings = rule("A DISCONNECT ends one namespace, the end of the connection all of them.",
  socketio("disconnection-from-a-namespace"));
const breaks = rule("A connection that breaks is a reason to connect again, with a new id.", own("socketio"));

export const clientCases = [
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
      const [{ transport, eio }] = await peer.ask("whoami");
      await same("the server's view of transport and revision", [transport, eio], [final, client.revision]);
    },
  },
  {
    name: "text comes back",
    rule: event,
    needs: ["echo"],
    async run({ open }) {
      const peer = await open();
      peer.emit("echo", "one", "", 'two "quoted" \\ \n');
      await same("echo has the arguments", peer.next("echo"), ["one", "", 'two "quoted" \\ \n']);
      peer.emit("echo");
      await same("echo without arguments has none", peer.next("echo"), []);
    },
  },
  {
    name: "text beyond ASCII comes back",
    rule: rule("Text is UTF-8.", socketio("packet-encoding")),
    needs: ["echo"],
    uses: ["utf8"],
    async run({ open }) {
      const peer = await open();
      const text = "\u00e9 \u20ac \u{1f600} \u2028 \u0000";
      await same("the answer is what was sent", peer.ask("echo", text), [text]);
    },
  },
  {
    name: "every kind of JSON comes back",
    rule: event,
    needs: ["echo"],
    async run({ open }) {
      const peer = await open();
      const values = [null, true, false, 0, -1, 0.5, 1e21, 2 ** 53 - 1, "", [], {}, [[], [{}]], { a: { b: [1, null] }, "": 0 }];
      for (const value of values) await same(`the answer to ${show(value)}`, peer.ask("echo", value), [value]);
      await same("the answer to all of them", peer.ask("echo", ...values), values);
    },
  },
  {
    name: "binary data comes back, nested and several",
    rule: rule("Binary data are attachments, in place of which the JSON has placeholders.", socketio("packet-encoding")),
    needs: ["echo", "give-binary"],
    async run({ open }) {
      const peer = await open();
      peer.emit("echo", bytes(0, 255), { a: [bytes(1, 2), "text", bytes(3)] });
      await same("echo has the attachments in their places", peer.next("echo"), [bytes(0, 255), { a: [bytes(1, 2), "text", bytes(3)] }]);
      peer.emit("give-binary", 300);
      const expected = [Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256)), { nested: [bytes(0, 1, 2, 3)], tail: "end" }];
      await same("the server's own binary event", peer.next("binary"), expected);
    },
  },
  {
    name: "the server acknowledges",
    rule: acknowledgement,
    needs: ["echo"],
    async run({ open }) {
      const peer = await open();
      await same("an acknowledgement without arguments", peer.ask("echo"), []);
      const answers = Promise.all([1, 2, 3].map((i) => peer.ask("echo", i, { i })));
      await same("each event gets its own acknowledgement", answers, [[1, { i: 1 }], [2, { i: 2 }], [3, { i: 3 }]]);
    },
  },
  {
    name: "acknowledgements with binary data",
    rule: rule("An ACK may have attachments: BINARY_ACK.", socketio("packet-encoding")),
    needs: ["reverse"],
    async run({ open }) {
      const peer = await open();
      await same("the bytes come back reversed", peer.ask("reverse", bytes(1, 2, 255)), [bytes(255, 2, 1)]);
      await same("text is no binary data", peer.ask("reverse", "text"), ["not-binary"]);
    },
  },
  {
    name: "the client acknowledges",
    rule: acknowledgement,
    needs: ["ask-me"],
    async run({ open }) {
      const peer = await open({ answers: { question: ["five"] } });
      peer.emit("ask-me", 2, "three");
      await same("the server asks with these arguments", peer.next("question"), [2, "three"]);
      await same("the server was told the answer", peer.next("answered"), ["five"]);
    },
  },
  {
    name: "the client acknowledges with binary data",
    rule: acknowledgement,
    needs: ["ask-me"],
    async run({ open }) {
      const peer = await open({ answers: { question: [bytes(9, 0)] } });
      peer.emit("ask-me", 1, 2);
      await same("the server was told the answer", peer.next("answered"), [bytes(9, 0)]);
    },
  },
  {
    name: "the server waits for an answer in time",
    rule: acknowledgement,
    needs: ["ask-timeout"],
    async run({ open }) {
      const peer = await open({ answers: { "question-timeout": [] } });
      peer.emit("ask-timeout", 5000);
      await same("what the server made of an answer", peer.next("asked"), ["answered"]);
    },
  },
  {
    name: "the server waits no longer than it said",
    rule: acknowledgement,
    needs: ["ask-timeout"],
    uses: ["silence"],
    async run({ open }) {
      const peer = await open();
      peer.emit("ask-timeout", 20);
      await same("what the server made of silence", peer.next("asked"), ["timeout"]);
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
    rule: rule("A client sends nothing for a namespace before its CONNECT was answered.",
      socketio("connection-to-a-namespace")),
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
  {
    name: "a packet middleware stops one event",
    rule: event,
    needs: ["/guard", "echo"],
    async run({ open }) {
      const peer = await open({ namespace: "/guard" });
      peer.emit("forbidden", 1);
      await same("the server says which", peer.next("guard-error"), ["forbidden event"]);
      await same("other events pass", peer.ask("echo", 1), [1]);
    },
  },
  {
    name: "broadcast: to all, to all others",
    rule: rule("A broadcast reaches every socket of the namespace, and no other namespace.", own("socketio")),
    needs: [...partyNeeds, "say-all"],
    async run({ open }) {
      const { reached } = await party(open);
      const outside = await open();
      await same("say-all reaches", reached("say-all", 1, bytes(2)), "111");
      await same("say-others reaches", reached("say-others", 1), "011");
      await flush(outside);
      await same("nothing reaches another namespace", outside.heard("said"), []);
    },
  },
  {
    name: "rooms: to, in, several, after leaving",
    rule: rooms,
    needs: [...partyNeeds, "say-in"],
    async run({ open }) {
      const { peers: [a, b, c], reached } = await party(open);
      await c.ask("join", "other");
      await same("say-room reaches the room without the sender", reached("say-room", "room", 1), "010");
      await same("say-in reaches the room", reached("say-in", "room", 1), "110");
      await same("two rooms", reached("say-in", ["room", "other"], 1), "111");
      await b.ask("join", "other");
      await same("two rooms, each socket once", reached("say-in", ["room", "other"], 1), "111");
      await b.ask("leave", "room");
      await same("after leaving", reached("say-in", "room", 1), "100");
      await fits("one member is left", a.ask("members", "room"), ([members]) => members.length === 1);
    },
  },
  {
    name: "rooms: except",
    rule: rooms,
    needs: [...partyNeeds, "say-except"],
    async run({ open }) {
      const { reached } = await party(open);
      await same("say-except reaches who is not in the room", reached("say-except", "room", 1), "001");
      await same("an empty room excepts nobody", reached("say-except", "nobody", 1), "111");
    },
  },
  {
    name: "a broadcast with acknowledgements",
    rule: acknowledgement,
    needs: ["ask-all", "/dynamic-1"],
    async run({ open }) {
      await askAll(open, [1, "two", { three: [3] }]);
    },
  },
  {
    name: "a broadcast acknowledged with binary data",
    rule: acknowledgement,
    needs: ["ask-all", "/dynamic-1"],
    async run({ open }) {
      await askAll(open, [bytes(1), [{ two: bytes(2) }], "three"]);
    },
  },
  {
    name: "volatile events may be lost, not reordered",
    rule: rule("A volatile event is dropped when it can't be sent at once.", own("socketio")),
    needs: ["volatile-burst"],
    async run({ open }) {
      const peer = await open();
      peer.emit("volatile-burst", 50);
      await fits("the last event, which is not volatile", peer.next("volatile-end"), () => true);
      const numbers = peer.heard("volatile").map(([number]) => number);
      await fits("the others in order, each once", numbers, (all) => all.every((each, i) => i === 0 || each > all[i - 1]));
    },
  },
  {
    name: "100 KiB of text and of binary data come back",
    rule: event,
    needs: ["echo"],
    async run({ open }) {
      const peer = await open();
      const text = "0123456789abcdef".repeat(6400);
      await fits("the text", peer.ask("echo", text), ([answer]) => answer === text);
      const data = Buffer.from(Array.from({ length: 102400 }, (_, i) => (i * 7) % 256));
      await fits("the bytes", peer.ask("echo", data), ([answer]) => data.equals(answer));
    },
  },
  {
    name: "a burst stays in order, through an upgrade too",
    rule: rule("Nothing is lost, doubled or reordered when the transport changes.", engineio("upgrade")),
    needs: ["echo"],
    uses: ["burst"],
    async run({ open }) {
      const peer = await open({ settle: false });
      const numbers = Array.from({ length: 200 }, (_, i) => i);
      for (const i of numbers) peer.emit("echo", ...(i % 10 ? [i] : [i, bytes(i)]));
      await flush(peer);
      await same("the numbers that came back", peer.heard("echo").map(([i]) => i), numbers);
    },
  },
  {
    name: "POSTs stay below maxPayload",
    rule: rule("A client sends no payload of several packets that is longer than maxPayload.", engineio("handshake")),
    needs: ["echo", "maxPayload"],
    uses: ["limit"],
    ways: ["polling"],
    async run({ open, maxPayload }) {
      const peer = await open();
      const text = "x".repeat(Math.floor(maxPayload / 20));
      const answers = Promise.all(Array.from({ length: 30 }, () => peer.ask("echo", text)));
      await fits("30 answers to packets of a twentieth of the limit", answers, (all) => all.every(([answer]) => answer === text));
    },
  },
  {
    name: "the server ends a namespace, the others live",
    rule: endings,
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
    rule: endings,
    needs: ["kick-all", "/chat"],
    async run({ open }) {
      const [main, chat] = await open({ namespaces: ["/", "/chat"] });
      main.emit("kick-all");
      for (const peer of [main, chat]) await same(`why ${peer.namespace} ended`, peer.next("disconnect"), ["io server disconnect"]);
    },
  },
  {
    name: "the client leaves: the server knows",
    rule: endings,
    needs: ["rooms", "/dynamic-1"],
    async run({ open }) {
      const namespace = unusedNamespace();
      const [peer, watcher] = [await open({ namespace }), await open({ namespace })];
      await peer.ask("join", "room");
      peer.leave();
      await same("the client's own reason", peer.next("disconnect"), ["io client disconnect"]);
      await eventually(async () => (await watcher.ask("members", "room"))[0].length === 0, "end of the socket in the server");
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
    needs: ["echo", "/chat"],
    async run({ open, relay }) {
      const wire = await relay();
      const peers = await open({ namespaces: ["/", "/chat"], url: wire.url });
      const before = peers[0].id;
      wire.cut();
      for (const peer of peers) await fits(`why ${peer.namespace} ended`, peer.next("disconnect"), ([reason]) => broken(reason));
      wire.mend();
      for (const peer of peers) await peer.next("connect");
      await fits("a new id", peers[0].id, (now) => now && now !== before);
      for (const peer of peers) await same(`${peer.namespace} answers`, peer.ask("echo", 1), [1]);
    },
  },
  {
    name: "the wire is cut: the client recovers what it missed",
    rule: rule("With connection state recovery, what was missed comes before CONNECT; id, rooms and data stay.",
      own("socketio")),
    needs: ["recovery", "echo", "rooms", "say-in", "whoami", "set-data", "/dynamic-1"],
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
      await eventually(async () => (await other.ask("members", "room"))[0].length === 0, "end of the socket in the server");
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
