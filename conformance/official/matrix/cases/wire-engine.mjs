// Engine.IO, revision 4: requests and frames.
import { eventually, within } from "../../harness.mjs";
import { Polling, Wire, errors, fetchText, separator } from "../../wire.mjs";
import { engineio, fits, own, rule, same } from "../expect.mjs";
import { alive, both, brief, closed, joined, open, path, polling, upgrade, websocket } from "./wire-peers.mjs";

const at = (server, query) => server.at(path, { EIO: "4", transport: "polling", ...query });
const text = { "Content-Type": "text/plain;charset=UTF-8" };
const overlap = rule("One GET and one POST at a time: a second one gets 400 and ends the session.", own("polling"));
const garbage = rule(
  "A POST is answered ok after its packets were handled; the first bad one ends the session.",
  own("polling"),
);
const upgrading = rule("2probe, 3probe, 5; anything else on the new WebSocket closes that one only.", own("upgrade"));
const refused = rule("A refusal is JSON: code, a number, and message, a string.", own("refused-requests"));
const base64 = rule("Binary data in a poll or POST is b and base64.", own("polling"));

const gone = (peer) => same("the session is unknown after that", brief(peer.get()), `400 ${errors.sid}`);

const probed = async (session) => {
  const wire = await Wire.open(session.at({ transport: "websocket" }));
  wire.send("2probe");
  await same("2probe is answered", wire.next(), "3probe");
  return wire;
};

export const wireEngine = [
  {
    name: "handshake: sid of 20 characters, upgrades, pings, maxPayload",
    rule: rule("OPEN has sid, upgrades, pingInterval, pingTimeout and maxPayload.", engineio("handshake")),
    ways: both,
    gate: true,
    async run({ server, way }) {
      const { handshake } = await open(server, way);
      const keys = ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"];
      await same("the keys", Object.keys(handshake), keys);
      await fits("a sid of 20 characters of base64 for URLs", handshake.sid, (sid) => /^[\w-]{20}$/.test(sid));
      const numbers = [handshake.pingInterval, handshake.pingTimeout, handshake.maxPayload];
      await fits("numbers", numbers, (all) => all.every((each) => Number.isInteger(each) && each > 0));
      await fits("upgrades", handshake.upgrades, (all) =>
        way === "polling" ? all.includes("websocket") : all.length === 0,
      );
    },
  },
  {
    name: "refusals: statuses, codes, messages",
    rule: refused,
    ways: polling,
    async run({ server }) {
      const { sid } = await Polling.open(server, { path });
      for (const [what, query, method, body] of [
        ["an unknown transport", { transport: "tcp" }, "GET", errors.transport],
        ["no transport", { transport: undefined }, "GET", errors.transport],
        ["an unknown sid", { sid: "x".repeat(20) }, "GET", errors.sid],
        ["sid=__proto__", { sid: "__proto__" }, "GET", errors.sid],
        ["POST without a sid", {}, "POST", errors.method],
        ["a WebSocket request for a polling session", { sid, transport: "websocket" }, "GET", errors.request],
        ["transport=websocket without an upgrade", { transport: "websocket" }, "GET", errors.request],
      ]) {
        const response = await fetchText(at(server, query), { method });
        await same(what, `${response.status} ${response.body}`, `400 ${body}`);
        await fits("its type is JSON", response.headers["content-type"], (type) => /^application\/json/.test(type));
      }
    },
  },
  {
    name: "refusals of a WebSocket come before 101",
    rule: rule("A WebSocket is refused with 400 and the message as text, before any 101.", own("refused-requests")),
    ways: websocket,
    async run({ server }) {
      for (const [query, body] of [
        [{ transport: "tcp" }, "Transport unknown"],
        [{ sid: "nobody" }, "Session ID unknown"],
      ]) {
        const { status, body: seen } = await Wire.attempt(at(server, { transport: "websocket", ...query }));
        await same(`a WebSocket with ${JSON.stringify(query)}`, `${status} ${seen}`, `400 ${body}`);
      }
    },
  },
  {
    name: "the application refuses a handshake: 403, code 4",
    rule: refused,
    needs: ["deny"],
    ways: polling,
    run: ({ server }) => same("the refusal", brief(fetchText(at(server, { deny: "1" }))), `403 ${errors.forbidden}`),
  },
  {
    name: "another revision on a session is refused",
    rule: rule("A session is of one revision for good.", own("refused-requests")),
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      await same("EIO=3", brief(fetchText(session.at({ EIO: "3" }))), `400 ${errors.request}`);
      await alive(session);
    },
  },
  {
    name: "CORS headers are on refusals too",
    rule: rule("Headers for other origins are on every answer, refusals included.", own("refused-requests")),
    needs: ["cors"],
    ways: polling,
    async run({ server }) {
      const headers = { Origin: "http://good.example" };
      const allowed = async (query) =>
        (await fetchText(at(server, query), { headers })).headers["access-control-allow-origin"];
      for (const query of [{}, { sid: "nobody" }, { transport: "tcp" }]) {
        await same(`Access-Control-Allow-Origin for ${JSON.stringify(query)}`, allowed(query), "http://good.example");
      }
    },
  },
  {
    name: "a second GET while one is pending",
    rule: overlap,
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const first = await session.poll();
      await same("the second", brief(session.get()), "400");
      await same("the first", brief(within(first.response, "answer to the first GET")), "200 1");
      await gone(session);
    },
  },
  {
    name: "a second POST while one is being sent",
    rule: overlap,
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const first = await session.beginPost(20, "42[");
      await same("the second", brief(session.post("3")), "400");
      const outcome = await within(
        first.response.then(
          ({ status }) => status,
          () => "cut",
        ),
        "end of the first POST",
      );
      await fits("the first is cut, or refused", outcome, (seen) => seen === "cut" || seen >= 400);
      await gone(session);
    },
  },
  {
    name: "a GET while a POST is being sent is no overlap",
    rule: overlap,
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const body = "40/nowhere,";
      const post = await session.beginPost(body.length, body.slice(0, 5));
      const poll = await session.poll();
      post.request.end(body.slice(5));
      await same("the POST", brief(within(post.response, "answer to the POST")), "200 ok");
      const answer = '200 44/nowhere,{"message":"Invalid namespace"}';
      await same("the GET", brief(within(poll.response, "answer to the GET")), answer);
    },
  },
  {
    name: "a poll that the client aborts ends the session",
    rule: rule("A GET or POST that breaks ends the session.", own("polling")),
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      (await session.poll()).abort();
      await fits(
        "the session ends",
        eventually(async () => !(await session.isOpen()), "end of the session"),
      );
    },
  },
  {
    name: "what follows a bad packet in a POST is not handled",
    rule: garbage,
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const poll = await session.poll();
      const body = ['42["echo","before"]', "x", '42["echo","after"]'].join(separator);
      await same("the POST", brief(session.post(body)), "200 ok");
      const rest = brief(within(poll.response, "answer to the poll"));
      await fits("the pending poll: the first echo, or 1", rest, (seen) =>
        /^200 (42\["echo","before"\]|1)$/.test(seen),
      );
      await gone(session);
    },
  },
  {
    name: "garbage is answered ok, and ends the session",
    rule: garbage,
    ways: polling,
    async run({ server }) {
      for (const body of ["abc", "", "9", "2"]) {
        const session = await joined(server, "polling");
        await same(`POST ${JSON.stringify(body)}`, brief(session.post(body)), "200 ok");
        await gone(session);
      }
    },
  },
  {
    name: "frames that are no packets, and a ping, end the session",
    rule: rule("In revision 4 the server pings; what is no packet ends the session.", own("websocket")),
    ways: websocket,
    async run({ server }) {
      for (const frame of ["x", "", "9", "2"]) {
        const wire = await joined(server, "websocket");
        wire.send(frame);
        await closed(wire, `frame ${JSON.stringify(frame)}`);
      }
    },
  },
  {
    name: "the server pings, and ends a session that is silent",
    rule: rule("A ping comes one interval after the last pong; no pong in time ends the session.", own("heartbeat")),
    needs: ["short pings"],
    profile: "heartbeat",
    ways: both,
    async run({ server, way }) {
      const peer = await open(server, way);
      peer.pongs = false; // of a WebSocket
      const ping = () => (way === "polling" ? peer.get().then(({ body }) => body) : peer.next());
      await same("the first ping", ping(), "2");
      await peer.send("3");
      await same("the next one, after a pong", ping(), "2");
      if (way === "websocket") await closed(peer, "no pong");
      else
        await fits(
          "the session ends",
          eventually(async () => !(await peer.isOpen()), "end of the session"),
        );
    },
  },
  {
    name: "OPEN, UPGRADE and NOOP from the client are ignored",
    rule: rule("OPEN, UPGRADE and NOOP from a client mean nothing.", own("websocket")),
    ways: both,
    async run({ server, way }) {
      const peer = await joined(server, way);
      await peer.send("0", "5", "6");
      await alive(peer);
    },
  },
  {
    name: "a body of maxPayload is taken; a longer one: 413, the session lives",
    rule: rule("A POST longer than the limit gets 413; the session goes on.", own("polling")),
    needs: ["maxPayload"],
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const { maxPayload } = session.handshake;
      const frame = '42["noack",""]';
      const whole = frame.replace('""', `"${"x".repeat(maxPayload - frame.length)}"`);
      await same("maxPayload bytes", brief(session.post(whole)), "200 ok");
      await same("one byte more than maxPayload", brief(session.post("4".repeat(maxPayload + 1))), "413");
      await alive(session);
    },
  },
  {
    name: "a message longer than maxPayload: 1009",
    rule: rule("A message longer than the limit closes the WebSocket with 1009.", own("websocket")),
    needs: ["maxPayload"],
    ways: websocket,
    async run({ server }) {
      const wire = await joined(server, "websocket");
      wire.send("4".repeat(wire.handshake.maxPayload + 1));
      await same("the code", wire.closeCode(), 1009);
    },
  },
  {
    name: "a payload of a hundred packets",
    rule: rule("The number of packets in a payload has no limit.", engineio("http-long-polling-1")),
    needs: ["echo"],
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const packets = Array.from({ length: 100 }, (_, i) => `42["echo",${i}]`);
      await session.send(...packets);
      for (const packet of packets) await same("the next answer", session.next(), packet);
    },
  },
  {
    name: "the type of the body is text",
    rule: rule(
      "Revision 4 knows no binary bodies: application/octet-stream gets 400 and ends the session.",
      own("polling"),
    ),
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"]) {
        await same(`a POST as ${type}`, brief(session.post("3", { "Content-Type": type })), "200 ok");
      }
      await same("a POST as octets", brief(session.post("3", { "Content-Type": "application/octet-stream" })), "400");
      await gone(session);
    },
  },
  {
    name: "base64 without padding",
    rule: base64,
    needs: ["echo"],
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      await session.send('451-["echo",{"_placeholder":true,"num":0}]', "bAQIDBA");
      await same("the event", session.next(), '451-["echo",{"_placeholder":true,"num":0}]');
      await same("its attachment", session.next(), "bAQIDBA==");
    },
  },
  {
    name: "CLOSE by polling: ok, a pending poll gets NOOP",
    rule: rule("A POST of 1 ends the session; a pending GET is answered 6.", own("polling")),
    ways: polling,
    async run({ server }) {
      const session = await joined(server, "polling");
      const poll = await session.poll();
      await same("the POST", brief(session.post("1", text)), "200 ok");
      await same("the pending poll", brief(within(poll.response, "answer to the poll")), "200 6");
      await gone(session);
    },
  },
  {
    name: "JSONP: a call of a function, in which all is escaped",
    rule: rule(
      'With j the body is ___eio[j]("..."); U+2028 and U+2029 are escaped; POST is d=, url-encoded.',
      own("polling"),
    ),
    needs: ["jsonp", "echo"],
    ways: polling,
    async run({ server }) {
      const call = /^___eio\[7\]\((.*)\);$/s;
      const unwrap = async (response) => {
        const { body } = await response;
        return JSON.parse(
          await fits('___eio[7]("...");', body, (seen) => call.test(seen)).then((seen) => seen.match(call)[1]),
        );
      };
      const opened = await unwrap(fetchText(at(server, { j: "7" })));
      const query = { sid: JSON.parse(opened.slice(1)).sid, j: "7" };
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      const post = (packet) =>
        brief(fetchText(at(server, query), { method: "POST", headers, body: `d=${encodeURIComponent(packet)}` }));
      await same("POST of CONNECT", post("40"), "200 ok");
      await fits("the answer to CONNECT", unwrap(fetchText(at(server, query))), (packet) => packet.startsWith("40{"));
      const packet = '42["echo","\u2028 \u2029 \\" \\\\ \u00e9"]';
      await same("POST of an event", post(packet), "200 ok");
      const { body } = await fetchText(at(server, query));
      await fits("no line separator is in the script", body, (seen) => !/[\u2028\u2029]/.test(seen));
      await same("the event", unwrap({ body }), packet);
    },
  },
  {
    name: "upgrade: a pending poll gets NOOP, then all goes by the WebSocket",
    rule: upgrading,
    ways: upgrade,
    async run({ server }) {
      const session = await joined(server, "polling");
      const poll = await session.poll();
      const wire = await probed(session);
      await same("the poll that was pending", brief(within(poll.response, "answer to the poll", 2000)), "200 6");
      await same("a poll that begins after the probe", brief(session.get()), "200 6");
      wire.send("5");
      await alive(wire);
      for (const late of [session.get(), session.post("3")])
        await same("polling is over", brief(late), `400 ${errors.request}`);
      await alive(wire);
    },
  },
  {
    name: "upgrade: while probing, messages go by polling",
    rule: rule("Until 5 the old transport is the session's.", engineio("upgrade")),
    needs: ["echo"],
    ways: upgrade,
    async run({ server }) {
      const session = await joined(server, "polling");
      const wire = await probed(session);
      await session.send('42["echo",1]');
      const packets = async () => {
        for (let packet; (packet = await session.next());) if (packet !== "6") return packet;
      };
      await same("the answer by polling", packets(), '42["echo",1]');
      await same("nothing by the WebSocket", wire.waiting, []);
      wire.send("5");
      await alive(wire);
    },
  },
  {
    name: "upgrade: what waited comes first, in order",
    rule: rule("Nothing is lost, doubled or reordered when the transport changes.", engineio("upgrade")),
    needs: ["echo"],
    ways: upgrade,
    async run({ server }) {
      const session = await joined(server, "polling");
      const packets = Array.from({ length: 20 }, (_, i) => `42["echo",${i}]`);
      await session.send(...packets);
      const wire = await probed(session);
      wire.send("5", '42["echo","newer"]');
      for (const packet of [...packets, '42["echo","newer"]']) await same("the next packet", wire.next(), packet);
    },
  },
  {
    name: "upgrade: a wrong probe closes the new WebSocket only",
    rule: upgrading,
    ways: upgrade,
    async run({ server }) {
      const session = await joined(server, "polling");
      for (const wrong of ["4hello", "2", "2prob", "3probe", "1", "x", Buffer.from([1])]) {
        const wire = await Wire.open(session.at({ transport: "websocket" }));
        wire.send(wrong);
        await same(`${wrong} in place of 2probe: the code`, wire.closeCode(), 1005);
      }
      const wire = await probed(session);
      wire.send("4hello");
      await same("4hello in place of 5: the code", wire.closeCode(), 1005);
      await alive(session);
    },
  },
  {
    name: "upgrade: a second WebSocket comes to nothing",
    rule: rule("A session has one WebSocket; another is refused or closed at once.", own("upgrade")),
    ways: upgrade,
    async run({ server }) {
      const useless = async (when) => {
        const { status, wire } = await Wire.attempt(session.at({ transport: "websocket" }));
        const outcome = status === 101 ? (await within(wire.closed, "close")).code : status;
        await fits(`a second WebSocket ${when}: 400, or closed`, outcome, (seen) => [400, 1005].includes(seen));
      };
      const session = await joined(server, "polling");
      const wire = await probed(session);
      await useless("while the first probes");
      wire.send("5");
      await alive(wire);
      await useless("after the upgrade");
      await alive(wire);
    },
  },
  {
    name: "upgrade: the end of the session closes the WebSocket that probes",
    rule: upgrading,
    ways: upgrade,
    async run({ server }) {
      const session = await joined(server, "polling");
      const wire = await probed(session);
      await session.send("1");
      await same("the code", wire.closeCode(), 1005);
      await gone(session);
    },
  },
  {
    name: "a WebSocket that breaks ends its session",
    rule: rule("The end of the WebSocket is the end of the session.", own("websocket")),
    ways: websocket,
    async run({ server }) {
      const wire = await joined(server, "websocket");
      wire.socket.terminate();
      const refusal = async () =>
        (await brief(fetchText(at(server, { sid: wire.handshake.sid })))) === `400 ${errors.sid}`;
      await fits("the session is unknown", eventually(refusal, "end of the session"));
    },
  },
];
