// Events and acknowledgements, with every kind of argument.
import { engineio, fits, own, rule, same, show, socketio } from "../expect.mjs";
import { bytes, flush } from "./common.mjs";

const event = rule("An event arrives once, with its arguments as they were.", socketio("sending-and-receiving-data"));
const acknowledgement = rule("An event with an id is answered by one ACK with that id.", socketio("acknowledgement"));

export const events = [
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
      const values = [
        null,
        true,
        false,
        0,
        -1,
        0.5,
        1e21,
        2 ** 53 - 1,
        "",
        [],
        {},
        [[], [{}]],
        { a: { b: [1, null] }, "": 0 },
      ];
      for (const value of values) await same(`the answer to ${show(value)}`, peer.ask("echo", value), [value]);
      await same("the answer to all of them", peer.ask("echo", ...values), values);
    },
  },
  {
    name: "binary data comes back, nested and several",
    rule: rule(
      "Binary data are attachments, in place of which the JSON has placeholders.",
      socketio("packet-encoding"),
    ),
    needs: ["echo", "give-binary"],
    async run({ open }) {
      const peer = await open();
      peer.emit("echo", bytes(0, 255), { a: [bytes(1, 2), "text", bytes(3)] });
      await same("echo has the attachments in their places", peer.next("echo"), [
        bytes(0, 255),
        { a: [bytes(1, 2), "text", bytes(3)] },
      ]);
      peer.emit("give-binary", 300);
      const expected = [
        Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256)),
        { nested: [bytes(0, 1, 2, 3)], tail: "end" },
      ];
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
      await same("each event gets its own acknowledgement", answers, [
        [1, { i: 1 }],
        [2, { i: 2 }],
        [3, { i: 3 }],
      ]);
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
    name: "volatile events may be lost, not reordered",
    rule: rule("A volatile event is dropped when it can't be sent at once.", own("socketio")),
    needs: ["volatile-burst"],
    async run({ open }) {
      const peer = await open();
      peer.emit("volatile-burst", 50);
      await fits("the last event, which is not volatile", peer.next("volatile-end"), () => true);
      const numbers = peer.heard("volatile").map(([number]) => number);
      await fits("the others in order, each once", numbers, (all) =>
        all.every((each, i) => i === 0 || each > all[i - 1]),
      );
    },
  },
  {
    name: "100 KiB of text and of binary data come back",
    rule: event,
    needs: ["echo"],
    async run({ open }) {
      const peer = await open();
      const text = "0123456789abcdef".repeat(6400);
      await same("the text", peer.ask("echo", text), [text]);
      const data = Buffer.from(Array.from({ length: 102400 }, (_, i) => (i * 7) % 256));
      await same("the bytes", peer.ask("echo", data), [data]);
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
      await same(
        "the numbers that came back",
        peer.heard("echo").map(([i]) => i),
        numbers,
      );
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
      peer.repeat(30, "echo", text);
      for (let i = 1; i <= 30; i++) {
        await same(`answer ${i} of 30, each of a twentieth of the limit`, peer.next("echo"), [text]);
      }
    },
  },
];
