// Whom a broadcast reaches, and what they answer.
import { fits, guide, rule, same, show, socketio } from "../expect.mjs";
import { bytes, flush, unusedNamespace } from "./common.mjs";

const acknowledgement = rule("An event with an id is answered by one ACK with that id.", socketio("acknowledgement"));
const rooms = rule("What is said to a room reaches its members, each once, and nobody else.", guide("rooms/"));
const partyNeeds = ["echo", "rooms", "/dynamic-1"];

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
  await same(
    "nobody is late, and what they answered",
    [late, answers.map(show).sort()],
    [false, given.map(show).sort()],
  );
}

export const broadcasts = [
  {
    name: "broadcast: to all, to all others",
    rule: rule(
      "A broadcast reaches every socket of the namespace, and no other namespace.",
      guide("broadcasting-events/"),
    ),
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
      const {
        peers: [a, b, c],
        reached,
      } = await party(open);
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
];
