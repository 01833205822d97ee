// Revision 3: clients before 3.0.
import { WebSocket } from "ws";
import { atEnd, eventually } from "../../harness.mjs";
import { fetchText } from "../../wire.mjs";
import { fits, own, rule, same } from "../expect.mjs";
import { brief, polling, websocket } from "./wire-peers.mjs";

const octets = "application/octet-stream";
const lengths = rule("A packet stands behind its length in UTF-16 code units.", own("revision-3"));
const implicit = rule("The client is in / without asking; a namespace is asked for with a query.", own("revision-3"));
const bodies = rule("Binary data without b64 makes the whole body binary.", own("revision-3"));

/** A polling session; `take()` is the next body, `give(body)` a POST. */
async function open(server, query) {
  const at = (more) => server.at(server.path, { EIO: "3", transport: "polling", ...query, ...more });
  const first = await fetchText(at());
  const text =
    first.headers["content-type"] === octets
      ? first.bytes.subarray(first.bytes.indexOf(255) + 1).toString()
      : first.body;
  const { sid } = JSON.parse(text.match(/\{.*?\}/)[0]);
  const session = {
    sid,
    first,
    poll: () => fetchText(at({ sid })),
    take: async () => (await session.poll()).body,
    give: (body, type = "text/plain;charset=UTF-8") =>
      brief(fetchText(at({ sid }), { method: "POST", body, headers: { "Content-Type": type } })),
  };
  if (!first.body.endsWith("2:40")) await same("CONNECT without asking", session.take(), "2:40");
  return session;
}

const cases = [
  {
    name: "revision 3: the handshake is a payload, and the client is in /",
    rule: implicit,
    ways: polling,
    async run({ server }) {
      const { first } = await open(server);
      await fits("<length>:0{...}", first.body, (body) => /^\d+:0\{"sid":/.test(body));
      const [, length] = first.body.match(/^(\d+):/);
      await fits("its length is right", first.body, (body) =>
        ["", "2:40"].includes(body.slice(length.length + 1 + Number(length))),
      );
    },
  },
  {
    name: "revision 3: lengths are UTF-16 code units",
    rule: lengths,
    needs: ["echo"],
    ways: polling,
    async run({ server }) {
      const session = await open(server);
      const packet = '42["echo","\u00e9\u20ac\u{1f600}"]';
      await same("the POST", session.give(`${packet.length}:${packet}`), "200 ok");
      await same("what comes back", session.take(), `${packet.length}:${packet}`);
    },
  },
  {
    name: "revision 3: binary bodies",
    rule: bodies,
    needs: ["echo"],
    ways: polling,
    async run({ server }) {
      const session = await open(server);
      const text = '451-["echo",{"_placeholder":true,"num":0}]';
      const digits = [...`${text.length}`].map(Number);
      const body = Buffer.concat([
        Buffer.from([0, ...digits, 255]),
        Buffer.from(text),
        Buffer.from([1, 4, 255, 4, 1, 2, 255]),
      ]);
      await same("the POST", session.give(body, octets), "200 ok");
      const { headers, bytes } = await session.poll();
      await same("the type of what comes back", headers["content-type"], octets);
      await same("what comes back", bytes.toString("hex"), body.toString("hex"));
    },
  },
  {
    name: "revision 3: base64 when the handshake asks for it",
    rule: bodies,
    needs: ["echo"],
    ways: polling,
    async run({ server }) {
      const session = await open(server, { b64: "1" });
      const body = '42:451-["echo",{"_placeholder":true,"num":0}]6:b4AQL/';
      await same("the POST", session.give(body), "200 ok");
      await same("what comes back", session.take(), body);
    },
  },
  {
    name: "revision 3: the client pings, the pong has no data",
    rule: rule("In revision 3 the client pings.", own("revision-3")),
    ways: polling,
    async run({ server }) {
      const session = await open(server);
      await same("the POST", session.give("6:2probe"), "200 ok");
      await same("the pong", session.take(), "1:3");
    },
  },
  {
    name: "revision 3: a namespace with a query, its answer and its refusals",
    rule: implicit,
    needs: ["/auth", "/deny", "/dynamic-1"],
    ways: polling,
    async run({ server }) {
      const session = await open(server);
      const ask = async (packet) => {
        await same("the POST", session.give(`${packet.length}:${packet}`), "200 ok");
        return session.take();
      };
      const greeting = '42/auth,["authenticated",{"token":"secret"}]';
      const packets = (...all) => all.map((packet) => `${packet.length}:${packet}`).join("");
      await same("accepted", ask("40/auth?token=secret,"), packets("40/auth,", greeting));
      await same("refused without data", ask("40/deny,"), packets('44/deny,"denied"'));
      await same("an unknown one", ask("40/none,"), packets('44/none,{"message":"Invalid namespace"}'));
    },
  },
  {
    name: "revision 3: a wrong length ends the session",
    rule: rule("Lengths are digits; a wrong one ends the session.", own("revision-3")),
    ways: polling,
    async run({ server }) {
      for (const body of ["", "3hello", "9:3", "x:3", "1:3x", ":3"]) {
        const session = await open(server);
        await same(`POST ${JSON.stringify(body)}`, session.give(body), "200 ok");
        await same(
          "then the session is unknown",
          session.poll().then(({ status }) => status),
          400,
        );
      }
    },
  },
  {
    name: "revision 3: binary frames begin with their type",
    rule: rule("A binary WebSocket message begins with a byte 4, both ways.", own("revision-3")),
    needs: ["echo"],
    ways: websocket,
    async run({ server }) {
      const url = server.at(server.path, { EIO: "3", transport: "websocket" }).replace("http", "ws");
      const socket = new WebSocket(url, { perMessageDeflate: false });
      atEnd(() => socket.terminate());
      const frames = [];
      socket
        .on("error", () => {})
        .on("message", (data, binary) => frames.push(binary ? data.toString("hex") : data.toString()));
      const take = async () => (await eventually(() => frames.length > 0, "frame")) && frames.shift();
      await fits("OPEN", take(), (frame) => frame.startsWith('0{"sid":'));
      await same("CONNECT without asking", take(), "40");
      socket.send('451-["echo",{"_placeholder":true,"num":0}]');
      socket.send(Buffer.from([4, 1, 2, 255]));
      await same("the packet", take(), '451-["echo",{"_placeholder":true,"num":0}]');
      await same("its attachment", take(), "040102ff");
      socket.send("2");
      await same("the pong", take(), "3");
    },
  },
];

export const wireRevision3 = cases.map((each) => ({ ...each, needs: ["revision 3", ...(each.needs ?? [])] }));
