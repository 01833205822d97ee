// The default application with many clients: echoes, broadcasts, rooms, and messages during an upgrade.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, client, connected, lateUpgrader, next, settled, ways } from "./clients.mjs";
import { contract, eventually, official, pause, within } from "./harness.mjs";

const suite = (server) => {
  const inOrder = (count) => Array.from({ length: count }, (_, i) => i);
  const collect = (socket, event) => {
    const numbers = [];
    socket.on(event, (number) => numbers.push(number));
    return numbers;
  };
  const arrived = async (numbers, count) => {
    await eventually(() => numbers.length >= count, `${count} numbers`, 30000).catch(() => {}); // the comparison says more
    assert.deepEqual(numbers, inOrder(count));
  };

  /** A client that is connected while its upgrade goes on. */
  const beforeUpgrade = async () => {
    for (;;) {
      const socket = await connected(lateUpgrader(server));
      if (socket.io.engine.transport.name === "polling") return socket;
      socket.disconnect(); // the machine was too busy
    }
  };

  /** Calls `emit` with 0, 1, 2... while the upgrade goes on: at least 200 times, some before it and some after. */
  const throughUpgrade = async ({ io: { engine } }, emit) => {
    let count = 0;
    for (let before = 0, after = 0, end = Date.now() + 20000; count < 200 || after < 50; ) {
      if (engine.transport.name === "polling") before++;
      else after++;
      emit(count++);
      assert.ok(before > 0, "the upgrade was too early");
      assert.ok(Date.now() < end, "no upgrade");
      if (count % 3 === 0) await pause(1);
    }
    return count;
  };

  test("upgrade: nothing is lost, doubled or reordered, either way", async () => {
    await Promise.all(
      inOrder(5).map(async () => {
        const socket = await beforeUpgrade();
        const back = collect(socket, "message-back");
        await arrived(back, await throughUpgrade(socket, (i) => socket.emit("message", i)));
      }),
    );
  });

  test("upgrade: nothing is lost, doubled or reordered of what the server sends unasked", async () => {
    const sender = await connected(client(server, "websocket"));
    const receiver = await beforeUpgrade();
    const received = collect(receiver, "broadcast");
    await arrived(received, await throughUpgrade(receiver, (i) => sender.emit("broadcast", i)));
  });

  test("upgrade: binary events keep their attachments", async () => {
    const socket = await beforeUpgrade();
    const seen = [];
    socket.on("message-back", (i, { nested: [bytes] }, end) => {
      assert.deepEqual([bytes, end], [Buffer.from(`${i}`), "end"]);
      seen.push(i);
    });
    await arrived(seen, await throughUpgrade(socket, (i) => {
      socket.emit("message", i, { nested: [Buffer.from(`${i}`)] }, "end");
    }));
  });

  for (const way of Object.keys(ways)) {
    const open = () => settled(client(server, way), way);

    describe(`${way}: the application`, () => {
      test("message comes back as message-back, with all its arguments", async () => {
        const socket = await open();
        const args = [1, "two", { three: [3] }, null, Buffer.from("five"), true];
        const reply = next(socket, "message-back");
        socket.emit("message", ...args);
        assert.deepEqual(await reply, args);
      });

      test("message-with-ack is answered with all its arguments", async () => {
        const socket = await open();
        const args = [1, "two", { three: [3] }, null, Buffer.from("five"), true];
        const reply = new Promise((resolve) => socket.emit("message-with-ack", ...args, (...got) => resolve(got)));
        assert.deepEqual(await within(reply, "acknowledgement"), args);
      });

      test("broadcast reaches everybody, the sender included, once", async () => {
        const sockets = await Promise.all([open(), open(), open()]);
        const seen = sockets.map((socket) => collect(socket, "broadcast"));
        for (let i = 0; i < 20; i++) sockets[0].emit("broadcast", i);
        await Promise.all(seen.map((numbers) => arrived(numbers, 20)));
      });

      test("room reaches its members only, once, the sender needs not be one", async () => {
        const [outside, ...members] = await Promise.all([open(), open(), open()]);
        for (const member of members) await ask(member, "join", `room of ${way}`);
        for (const member of members) await ask(member, "join", `room of ${way}`);
        outside.on("room", () => assert.fail("not a member"));
        const seen = members.map((member) => collect(member, "room"));
        for (let i = 0; i < 20; i++) outside.emit("room", `room of ${way}`, i);
        await Promise.all(seen.map((numbers) => arrived(numbers, 20)));
        outside.off("room");
      });

      test("a member who left the server is left out", async () => {
        const [a, b] = await Promise.all([open(), open()]);
        for (const member of [a, b]) await ask(member, "join", `past of ${way}`);
        b.disconnect();
        const seen = collect(a, "room");
        for (let i = 0; i < 5; i++) a.emit("room", `past of ${way}`, i);
        await arrived(seen, 5);
      });
    });
  }

  test("a broadcast reaches fifty clients on all transports", async () => {
    const all = inOrder(51).map((i) => Object.keys(ways)[i % 3]);
    const sockets = await Promise.all(all.map((way) => settled(client(server, way), way)));
    const seen = sockets.map((socket) => next(socket, "broadcast"));
    sockets[0].emit("broadcast", { text: "\u20ac", bytes: Buffer.from([1, 2, 3]) });
    for (const args of await Promise.all(seen)) {
      assert.deepEqual(args, [{ text: "\u20ac", bytes: Buffer.from([1, 2, 3]) }]);
    }
  });
};

for (const parser of [undefined, "msgpack"]) contract("load", suite, { parser });
contract("load", suite, { options: ["--threads", "3"], skip: official && "an option of siokit-server" });
