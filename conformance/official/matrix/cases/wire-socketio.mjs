// Socket.IO, revision 5: packet by packet.
import { within } from "../../harness.mjs";
import { Wire } from "../../wire.mjs";
import { fits, own, rule, same, socketio } from "../expect.mjs";
import { alive, both, closed, join, joined, open, polling } from "./wire-peers.mjs";

const placeholder = (num) => `{"_placeholder":true,"num":${num}}`;
const attachment = (way, ...values) =>
  way === "polling" ? `b${Buffer.from(values).toString("base64")}` : Buffer.from(values);
const outOfPlace = rule(
  "A packet that can't be read, or is out of place, closes the connection without a DISCONNECT.",
  own("socketio"),
);
const connects = rule(
  "CONNECT is answered by CONNECT with a sid, or by CONNECT_ERROR.",
  socketio("connection-to-a-namespace"),
);
const acks = rule(
  "An ACK has the id of its event, in its namespace; one that nobody waits for is ignored.",
  socketio("acknowledgement"),
);
const binary = rule("As many attachments follow as the packet says: one at least, ten at most.", own("socketio"));

/** Each of these packets, of a session of its own, must end it. */
const reading = (name, needs, packets, more) => ({
  name,
  rule: outOfPlace,
  needs,
  ways: both,
  async run({ server, way }) {
    for (const packet of packets) {
      const peer = await joined(server, way);
      await peer.send(...(typeof packet === "function" ? packet(way) : [packet]));
      await closed(peer, typeof packet === "function" ? packet(way)[0] : packet);
    }
  },
  ...more,
});

export const wireSocketio = [
  {
    name: "CONNECT: a sid that is not the session's",
    rule: connects,
    ways: both,
    async run({ server, way }) {
      const peer = await open(server, way);
      const { sid } = await join(peer);
      await fits("a sid of 20 characters", sid, (id) => /^[\w-]{20}$/.test(id));
      await fits("it is another one than that of Engine.IO, which is a secret", sid, (id) => id !== peer.handshake.sid);
      await alive(peer);
    },
  },
  {
    name: "CONNECT to an unknown namespace: CONNECT_ERROR, the connection lives",
    rule: connects,
    ways: both,
    async run({ server, way }) {
      const peer = await open(server, way);
      for (const namespace of ["/nowhere", "/?a=1"]) {
        await peer.send(`40${namespace},`);
        await same(`CONNECT to ${namespace}`, peer.next(), `44${namespace},{"message":"Invalid namespace"}`);
      }
      await join(peer);
      await alive(peer);
    },
  },
  {
    name: "CONNECT_ERROR has message and data",
    rule: connects,
    needs: ["/auth", "/deny"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('40/auth,{"token":"x"}', "40/deny,");
      const refusal = '44/auth,{"message":"not authorized","data":{"code":401,"token":"x"}}';
      await same("with data", peer.next(), refusal);
      await same("without data", peer.next(), '44/deny,{"message":"denied"}');
      await alive(peer);
    },
  },
  reading("CONNECT twice closes the connection", [], ["40"]),
  reading("CONNECT with a payload that is no object closes the connection", [], ["40[]", '40"x"', "40{"], {
    async run({ server, way }) {
      for (const packet of ["40[]", '40"x"', "40{"]) {
        const peer = await open(server, way);
        await peer.send(packet);
        await closed(peer, packet);
      }
    },
  }),
  {
    name: "an event before CONNECT closes the connection",
    rule: outOfPlace,
    ways: both,
    async run({ server, way }) {
      for (const packet of ['42["echo",1]', "41", "430[]"]) {
        const peer = await open(server, way);
        await peer.send(packet);
        await closed(peer, packet);
      }
    },
  },
  {
    name: "no CONNECT in time closes the connection",
    rule: rule("Who joins no namespace in time is sent away.", own("socketio")),
    needs: ["connect timeout"],
    ways: both,
    run: async ({ server, way }) => closed(await open(server, way), "nothing for half a second"),
  },
  reading(
    "an event for a namespace that was not joined closes the connection",
    ["/chat"],
    ['42/chat,["echo",1]', "41/chat,", "43/chat,0[]"],
  ),
  reading(
    "packets that can't be read close the connection",
    [],
    ["42[]", "42{}", '42"x"', "42[", "42[null]", "43{}", "4", "47", "49", '42["connect"]', '42["disconnect"]'],
  ),
  {
    name: "what nobody listens to is ignored",
    rule: rule("An event without a listener is ignored, and not acknowledged.", own("socketio")),
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('42["nobody"]', '427["nobody",1]', "42[1]", '42["error","x"]', '42["ping"]');
      await alive(peer);
    },
  },
  {
    name: "ids of acknowledgements are those of the namespace",
    rule: acks,
    needs: ["echo", "/dynamic-1"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await join(peer, "/dynamic-5");
      await same("the greeting", peer.next(), '42/dynamic-5,["hello","/dynamic-5"]');
      await peer.send('420["echo","a"]', '42/dynamic-5,0["echo","b"]', '429007199254740991["echo","c"]');
      const answers = [await peer.next(), await peer.next(), await peer.next()].sort();
      await same("the answers", answers, ['43/dynamic-5,0["b"]', '430["a"]', '439007199254740991["c"]'].sort());
    },
  },
  {
    name: "an ACK for another namespace is not the answer",
    rule: acks,
    needs: ["ask-me", "/dynamic-1"],
    ways: both,
    async run({ server, way }) {
      const namespace = `/dynamic-${process.pid}${Date.now() % 1e6}`;
      const peer = await joined(server, way);
      await join(peer, namespace);
      await same("the greeting", peer.next(), `42${namespace},["hello","${namespace}"]`);
      await peer.send(`42${namespace},["ask-me",1,2]`);
      const question = new RegExp(`^42${namespace},(\\d+)\\["question",1,2\\]$`);
      const [, id] = (await fits("a question with an id", peer.next(), (packet) => question.test(packet))).match(
        question,
      );
      await peer.send(`43${id}["wrong"]`, `43${namespace},9${id}["wrong"]`);
      await alive(peer);
      await peer.send(`43${namespace},${id}["right"]`, `43${namespace},${id}["again"]`);
      await same("the server was told", peer.next(), `42${namespace},["answered","right"]`);
      await alive(peer);
    },
  },
  {
    name: "binary events: ten attachments are taken",
    rule: binary,
    needs: ["echo"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      const all = Array.from({ length: 10 }, (_, i) => attachment(way, i));
      const packet = `4510-["echo",${all.map((_, i) => placeholder(i)).join()}]`;
      await peer.send(packet, ...all);
      for (const expected of [packet, ...all]) await same("what comes back", peer.next(), expected);
    },
  },
  reading(
    "binary packets that are wrong close the connection",
    [],
    [
      `4511-["echo",${placeholder(0)}]`,
      `450-["echo"]`,
      `45-["echo"]`,
      (way) => [`451-["echo",${placeholder(1)}]`, attachment(way, 1)],
      (way) => [`451-["echo",${placeholder(0)}]`, '42["echo",1]', attachment(way, 1)],
      (way) => [attachment(way, 1)],
    ],
    { rule: binary },
  ),
  {
    name: "attachments are numbered in the order of the arguments",
    rule: binary,
    needs: ["give-binary"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('42["give-binary",5]');
      const expected = `452-["binary",${placeholder(0)},{"nested":[${placeholder(1)}],"tail":"end"}]`;
      for (const each of [expected, attachment(way, 0, 1, 2, 3, 4), attachment(way, 0, 1, 2, 3)]) {
        await same("the next message", peer.next(), each);
      }
    },
  },
  {
    name: "the server leaves a namespace: 41, the connection lives",
    rule: rule(
      "DISCONNECT is for one namespace; the connection stays, and may CONNECT again.",
      socketio("disconnection-from-a-namespace"),
    ),
    needs: ["kick", "/chat"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('42["kick"]');
      await same("the packet", peer.next(), "41");
      await join(peer);
      await alive(peer);
      await peer.send("41");
      await join(peer, "/chat"); // the answer comes when 41 was handled
      await same("the greeting of /chat", peer.next(), '42/chat,["hello","/chat"]');
      await join(peer);
      await alive(peer);
    },
  },
  {
    name: "the server ends the connection: 41, then 6 1 or 1005",
    rule: rule(
      "Each namespace gets its DISCONNECT; then polling is answered 6 and 1, a WebSocket is closed.",
      own("polling"),
    ),
    needs: ["kick-all"],
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('42["kick-all"]');
      await same("the packet", peer.next(), "41");
      await closed(peer, "after 41");
    },
  },
  {
    name: "the server closes while a poll is pending: 1",
    rule: rule("A pending poll is told of the end at once.", own("polling")),
    needs: ["drop"],
    ways: polling,
    async run({ server }) {
      const peer = await joined(server, "polling");
      const poll = await peer.poll();
      await peer.send('42["drop"]');
      await same(
        "the pending poll",
        within(poll.response, "answer to the poll").then(({ body }) => body),
        "1",
      );
    },
  },
  {
    name: "volatile: dropped unless a poll is pending",
    rule: rule("A volatile event is sent only if it can be sent at once: while a poll is pending.", own("socketio")),
    needs: ["volatile-burst"],
    ways: polling,
    async run({ server }) {
      const peer = await joined(server, "polling");
      await peer.send('42["volatile-burst",3]');
      await same("without a pending poll", peer.next(), '42["volatile-end"]');
      const poll = await peer.poll();
      await peer.send('42["volatile-burst",3]');
      const { body } = await within(poll.response, "answer to the poll");
      const packets = [...body.split("\x1e")];
      while (packets.at(-1) !== '42["volatile-end"]') packets.push(await peer.next());
      await same("with one, the first", packets[0], '42["volatile",0]');
    },
  },
  {
    name: "recovery: what was missed comes before CONNECT",
    rule: rule(
      "Missed events are replayed before the CONNECT that says recovered: the same sid, the same pid.",
      own("socketio"),
    ),
    needs: ["recovery", "say-in", "rooms", "echo"],
    profile: "csr",
    ways: both,
    async run({ server, way }) {
      const room = `room${process.pid}${Date.now()}`;
      const peer = await joined(server, way);
      const other = await joined(server, "websocket");
      await fits("CONNECT has a pid", peer.connect.pid, (pid) => typeof pid === "string");
      await peer.send(`421["join","${room}"]`);
      await same("joined", peer.next(), "431[]");
      other.send(`42["say-in","${room}","first"]`);
      const first = await fits("an event has an offset behind its arguments", peer.next(), (packet) => {
        const [name, word, offset, ...more] = JSON.parse(packet.slice(2));
        return name === "said" && word === "first" && typeof offset === "string" && more.length === 0;
      });
      const offset = JSON.parse(first.slice(2))[2];
      if (peer instanceof Wire) peer.socket.terminate();
      else (await peer.poll()).abort();
      await away(other, room);
      other.send(`42["say-in","${room}","missed"]`);
      await alive(other);
      const back = await open(server, way);
      await back.send(`40${JSON.stringify({ pid: peer.connect.pid, offset })}`);
      await fits("the event that was missed", back.next(), (packet) => packet.startsWith('42["said","missed","'));
      const connect = await fits("then CONNECT", back.next(), (packet) => packet.startsWith("40{"));
      await same("sid and pid are the same", JSON.parse(connect.slice(2)), peer.connect);
    },
  },
  {
    name: "recovery: binary events have an offset, acknowledgements have none",
    rule: rule(
      "An offset is the last argument of every event that is neither volatile nor to be acknowledged.",
      own("socketio"),
    ),
    needs: ["recovery", "echo", "give-binary"],
    profile: "csr",
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send('42["give-binary",5]');
      const head = /^452-\["binary",\{"_placeholder":true,"num":0\},\{"nested":\[.*\],"tail":"end"\},"[^"]+"\]$/;
      await fits("a binary event with an offset", peer.next(), (packet) => head.test(packet));
      await peer.next();
      await peer.next();
      await peer.send('421["echo","x"]');
      await same("an acknowledgement without", peer.next(), '431["x"]');
    },
  },
  {
    name: "recovery: a wrong pid or offset is a new session",
    rule: rule("Who can't be recovered is a new one, with a new sid and pid.", own("socketio")),
    needs: ["recovery"],
    profile: "csr",
    ways: both,
    async run({ server, way }) {
      for (const payload of [{ pid: "nobody", offset: "0" }, { pid: 1, offset: {} }, { pid: null }]) {
        const answer = await join(await open(server, way), "", JSON.stringify(payload));
        await fits(
          `the answer to ${JSON.stringify(payload)}`,
          answer,
          ({ sid, pid }) => sid && pid && pid !== payload.pid,
        );
      }
    },
  },
];

/** Waits until nobody is in the room. */
async function away(peer, room) {
  for (const end = Date.now() + 5000; Date.now() < end;) {
    peer.send(`425["members","${room}"]`);
    if ((await peer.next()) === "435[[]]") return;
  }
  throw new Error("the server does not notice the end of a connection");
}
