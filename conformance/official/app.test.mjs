// The contract `app`: namespaces, rooms, acknowledgements of many, packet middleware, recovery.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, assertArgs, client, connected, next, refusal, ways } from "./clients.mjs";
import { contract, eventually, official, within } from "./harness.mjs";

/** Everything a socket is told, as lines. */
function log(socket, ...events) {
  const lines = [];
  for (const event of events) socket.on(event, (...args) => lines.push(`${event} ${JSON.stringify(args)}`));
  return lines;
}

const suite = (server) => {
  for (const way of Object.keys(ways)) {
    const open = async (options) => {
      const socket = client(server, way, options);
      await connected(socket);
      return socket;
    };
    /** Several sockets in a room of their own, and one outside. */
    const party = async (room) => {
      const sockets = await Promise.all([open(), open(), open()]);
      for (const socket of sockets.slice(0, 2)) await ask(socket, "join", room);
      return sockets;
    };
    /** Once a socket has this answer, it has had all that was sent to it before; the sender goes first. */
    const flush = async (...sockets) => {
      for (const socket of sockets) await ask(socket, "echo", "flush");
    };

    describe(`${way}: events`, () => {
      test("echo, with and without acknowledgement", async () => {
        const socket = await open();
        const reply = next(socket, "echo");
        socket.emit("echo", 1, { a: [null] }, Buffer.from("x"));
        assert.deepEqual(await reply, [1, { a: [null] }, Buffer.from("x")]);
        assert.deepEqual(await ask(socket, "echo", "\u{1F600}"), "\u{1F600}");
      });

      test("binary data is reversed, and comes nested", async () => {
        const socket = await open();
        assert.deepEqual(await ask(socket, "reverse", Buffer.from([1, 2, 3])), Buffer.from([3, 2, 1]));
        assert.equal(await ask(socket, "reverse", "text"), "not-binary");
        const data = next(socket, "binary");
        socket.emit("give-binary", 300);
        const [bytes, { nested, tail }] = await data;
        assert.equal(bytes.length, 300);
        assert.equal(bytes[299], 299 % 256);
        assert.deepEqual([nested[0], tail], [Buffer.from([0, 1, 2, 3]), "end"]);
      });

      test("the server asks", async () => {
        const socket = await open();
        socket.on("question", (a, b, answer) => answer(a + b));
        const answered = next(socket, "answered");
        socket.emit("ask-me", 2, 3);
        assert.deepEqual(await answered, [5]);
      });

      test("the server asks, and waits no longer than it said", async () => {
        const socket = await open();
        const asked = next(socket, "asked");
        socket.emit("ask-timeout", 20);
        assert.deepEqual(await asked, ["timeout"]);
        socket.on("question-timeout", (answer) => answer());
        const again = next(socket, "asked");
        socket.emit("ask-timeout", 5000);
        assert.deepEqual(await again, ["answered"]);
      });

      test("nobody listens to noack", async () => {
        const socket = await open();
        await assert.rejects(socket.timeout(100).emitWithAck("noack", 1));
      });

      test("volatile events may be lost, the last one not", async () => {
        const socket = await open();
        const lines = log(socket, "volatile", "volatile-end");
        socket.emit("volatile-burst", 50);
        await next(socket, "volatile-end");
        const numbers = lines.slice(0, -1).map((line) => JSON.parse(line.slice(9))[0]);
        assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
        assert.ok(lines.at(-1).startsWith("volatile-end") && numbers.length <= 50);
      });
    });

    describe(`${way}: rooms`, () => {
      test("whom each way of saying reaches", async () => {
        const room = `room-${way}`;
        const [a, b, c] = await party(room);
        const heard = [a, b, c].map((socket) => log(socket, "said"));
        const reaches = async (expected, event, ...args) => {
          a.emit(event, ...args);
          const counts = () => heard.map((lines) => lines.length).join("");
          // The threads of a server tell each other in their own time.
          await eventually(() => counts() === expected, `${event}: ${expected}`);
          await flush(a, b, c);
          assert.equal(counts(), expected, "each once");
          for (const lines of heard) lines.length = 0;
        };
        await reaches("111", "say-all", 1);
        await reaches("011", "say-others", 1);
        await reaches("010", "say-room", room, 1);
        await reaches("110", "say-in", room, 1);
        await reaches("111", "say-in", [room, c.id], 1);
        await reaches("110", "say-in", [room, b.id], 1);
        await reaches("001", "say-except", room, 1);
        await ask(b, "leave", room);
        await reaches("100", "say-in", room, 1);
        assert.deepEqual(await ask(a, "members", room), [a.id]);
      });

      test("many are asked at once", async () => {
        const namespace = `/dynamic-${1000 + Object.keys(ways).indexOf(way)}`;
        const sockets = await Promise.all([1, 2, 3].map(() => open({ namespace })));
        sockets.forEach((socket, i) => socket.on("poll", (answer) => answer(i)));
        const collect = async (ms) =>
          within(new Promise((resolve) => sockets[0].emit("ask-all", ms, (late, answers) => resolve([late, answers.sort()]))), "answer");
        assert.deepEqual(await collect(5000), [false, [0, 1, 2]]);
        sockets[1].off("poll");
        assert.deepEqual(await collect(2000), [true, [0, 2]]);
        const bytes = { nested: [Buffer.from([1, 2])] };
        for (const socket of sockets) socket.off("poll").on("poll", (answer) => answer(bytes));
        assert.deepEqual(await collect(5000), [false, [bytes, bytes, bytes]]);
      });

      test("whoami", async () => {
        const socket = await open({ namespace: "/chat" });
        await ask(socket, "join", "z");
        await ask(socket, "join", "a");
        await ask(socket, "set-data", [1, { x: 2 }]);
        const { transport, ...me } = await ask(socket, "whoami");
        assert.ok(ways[way].transports.includes(transport));
        assert.deepEqual(me, { id: socket.id, nsp: "/chat", eio: 4, recovered: false, rooms: ["a", "z"], data: { value: [1, { x: 2 }] } });
      });
    });

    describe(`${way}: namespaces`, () => {
      test("a greeting follows the connection", async () => {
        const socket = client(server, way, { namespace: "/chat" });
        assert.deepEqual(await next(socket, "hello"), ["/chat"]);
      });

      test("a pattern makes them", async () => {
        const socket = client(server, way, { namespace: "/dynamic-42" });
        assert.deepEqual(await next(socket, "hello"), ["/dynamic-42"]);
        for (const namespace of ["/dynamic-", "/dynamic-4x", "/xdynamic-4"]) {
          assert.equal((await refusal(client(server, way, { namespace }))).message, "Invalid namespace");
        }
      });

      test("a token is wanted", async () => {
        const good = client(server, way, { namespace: "/auth", auth: { token: "secret", more: 1 } });
        assert.deepEqual(await next(good, "authenticated"), [{ token: "secret", more: 1 }]);
        const bad = await refusal(client(server, way, { namespace: "/auth", auth: { token: "x" } }));
        assert.deepEqual([bad.message, bad.data], ["not authorized", { code: 401, token: "x" }]);
        const none = await refusal(client(server, way, { namespace: "/auth" }));
        assert.deepEqual(none.data, { code: 401, token: null });
        assert.equal((await refusal(client(server, way, { namespace: "/deny" }))).message, "denied");
      });

      test("some take their time", async () => {
        const began = Date.now();
        await open({ namespace: "/slow" });
        assert.ok(Date.now() - began >= 190);
      });

      test("a packet middleware stops one event", async () => {
        const socket = await open({ namespace: "/guard" });
        const error = next(socket, "guard-error");
        socket.emit("forbidden", 1);
        assert.deepEqual(await error, ["forbidden event"]);
        assert.equal(await ask(socket, "echo", "still here"), "still here");
      });

      test("a request with deny is refused", async () => {
        const error = await refusal(client(server, way, { query: { deny: 1 }, reconnection: false }));
        assert.match(error.message, /^(xhr poll|websocket) error$/);
      });
    });

    describe(`${way}: endings`, () => {
      for (const [event, reason] of [["kick", "io server disconnect"], ["kick-all", "io server disconnect"], ["drop", "transport close"]]) {
        test(`${event}: ${reason}`, async () => {
          const socket = await open({ reconnection: false });
          const ended = next(socket, "disconnect");
          socket.emit(event);
          assert.equal((await ended)[0], reason);
        });
      }

      test("kick leaves other namespaces alone", async () => {
        const socket = await open();
        const other = socket.io.socket("/chat").connect();
        await connected(other);
        socket.emit("kick");
        await next(socket, "disconnect");
        assert.equal(await ask(other, "echo", 1), 1);
      });
    });
  }
};

contract("app", suite);
contract("app", suite, { options: ["--threads", "3"], skip: official && "an option of siokit-server" });

for (const profile of ["csr", "csr-mw"]) {
  contract("app", (server) => {
    for (const way of Object.keys(ways)) {
      const cut = (socket) => socket.io.engine.close();

      test(`${profile}, ${way}: back with everything`, async () => {
        const socket = client(server, way, { namespace: "/chat", reconnection: false });
        assertArgs(socket, await next(socket, "hello"), ["/chat"]);
        const other = client(server, "websocket", { namespace: "/chat" });
        await connected(other);
        await ask(socket, "join", "r");
        await ask(socket, "set-data", 7);
        const { id } = socket;
        const lines = [];
        socket.on("said", (...args) => lines.push(args[0]));
        socket.on("connect", () => lines.push("connect"));
        other.emit("say-all", "before");
        await eventually(() => lines.length === 1, "first event");
        const ended = next(socket, "disconnect");
        cut(socket);
        await ended;
        await eventually(async () => (await ask(other, "members", "r")).length === 0, "end at the server");
        other.emit("say-room", "r", "room");
        other.emit("say-room", "s", "elsewhere");
        other.emit("say-in", id, Buffer.from("own"));
        await ask(other, "echo", 0);
        socket.connect();
        await next(socket, "connect");
        assert.ok(socket.recovered);
        assert.deepEqual(lines, ["before", "room", Buffer.from("own"), "connect"]);
        assert.equal(socket.id, id);
        const me = await ask(socket, "whoami");
        assert.deepEqual([me.recovered, me.rooms, me.data], [true, ["r"], { value: 7 }]);
        other.emit("say-room", "r", "after");
        await next(socket, "said");
      });

      test(`${profile}, ${way}: who was sent away is a new one`, async () => {
        const socket = client(server, way, { namespace: "/chat" });
        await next(socket, "hello");
        const { id } = socket;
        socket.emit("kick");
        await next(socket, "disconnect");
        socket.connect();
        await connected(socket);
        assert.ok(!socket.recovered && socket.id !== id);
      });
    }
  }, { profile });
}

contract("app", (server) => {
  test("csr-short: too late", async () => {
    const socket = client(server, "websocket", { namespace: "/chat", reconnectionDelay: 700, reconnectionDelayMax: 700, randomizationFactor: 0 });
    await next(socket, "hello");
    const { id } = socket;
    const ended = next(socket, "disconnect");
    socket.io.engine.close();
    await ended;
    await next(socket, "connect");
    assert.ok(!socket.recovered && socket.id !== id);
  });
}, { profile: "csr-short" });
