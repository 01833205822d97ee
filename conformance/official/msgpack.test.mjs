// Clients with the package socket.io-msgpack-parser: every kind of packet and value, and what is no packet.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import msgpack from "socket.io-msgpack-parser";
import { ask, assertArgs, client, connected, next, refusal, settled, ways } from "./clients.mjs";
import { contract } from "./harness.mjs";
import { Polling, Wire } from "./wire.mjs";

const options = { parser: "msgpack" };
const encode = (packet) => new msgpack.Encoder().encode(packet)[0];

contract("client-suite", (server) => {
  for (const way of Object.keys(ways)) {
    describe(way, () => {
      const open = (more) => settled(client(server, way, more), way);

      for (const [name, value] of Object.entries({
        integers: [0, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
        "negative integers": [-1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 52)],
        fractions: [0.5, -1.25, 1e-7, 1.5e-300],
        texts: ["", "a", "\u00e9", "\u20ac", "\u{1F600}", '"\\\n\u0000', "x".repeat(31), "x".repeat(32), "x".repeat(256), "x".repeat(65536)],
        nesting: { a: [[], {}, [{ b: null }]], "": true, "\u00fc\"": false },
        "long arrays": [Array.from({ length: 16 }, (_, i) => i), Array.from({ length: 70000 }, () => 1)],
        "many members": Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i])),
        bytes: { a: Buffer.alloc(0), b: [Buffer.from([0, 255]), { c: Buffer.alloc(256, 7) }], d: Buffer.alloc(65536, 8) },
        "more than ten binary values": Array.from({ length: 30 }, (_, i) => Buffer.from([i])),
      })) {
        test(`echo of ${name}`, async () => assert.deepEqual(await ask(await open(), "echo", value), value));
      }

      test("an ArrayBuffer is bytes", async () => {
        assert.deepEqual(Buffer.from(await ask(await open(), "echo", new Uint8Array([1, 2, 3]))), Buffer.from([1, 2, 3]));
      });

      test("dates are dates to who reads them", async () => {
        const socket = await open();
        const date = new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 789));
        assert.equal(new Date(await ask(socket, "echo", date)).getTime(), date.getTime());
        assert.ok(Math.abs(new Date(await ask(socket, "getAckDate", 1)) - Date.now()) < 60000);
      });

      test("undefined is nothing", async () => {
        assert.ok((await ask(await open(), "echo", undefined)) == null);
      });

      test("the server sees bytes, and sends them", async () => {
        const socket = await open();
        const reply = next(socket, "jsonbuff-ack");
        socket.emit("jsonbuff", { hello: "lol", message: Buffer.from("x"), goodbye: "gotcha" });
        await reply;
        const bytes = next(socket, "doge");
        socket.emit("doge");
        assertArgs(socket, await bytes, [Buffer.from("asdfasdf")]);
      });

      test("an acknowledgement which the server asks for", async () => {
        const socket = await open();
        socket.on("ack", (answer) => answer(5, { test: true }));
        const done = next(socket, "got it");
        socket.emit("ack");
        await done;
      });

      test("namespaces share a connection; leaving and coming back", async () => {
        const root = await open();
        const foo = root.io.socket("/foo");
        await connected(foo);
        assert.equal(await ask(foo, "getId"), foo.id);
        foo.disconnect();
        assert.equal(await ask(root, "getId"), root.id);
        foo.connect();
        await connected(foo);
        assert.equal(await ask(foo, "getId"), foo.id);
      });

      test("auth reaches the server", async () => {
        const socket = await open({ auth: { token: "t", list: [1, null] } });
        assert.deepEqual((await ask(socket, "getHandshake")).auth, { token: "t", list: [1, null] });
      });

      test("refusals", async () => {
        assert.equal((await refusal(client(server, way, { namespace: "/no" }))).message, "Auth failed (custom namespace)");
        assert.equal((await refusal(client(server, way, { namespace: "/nowhere" }))).message, "Invalid namespace");
      });
    });
  }
}, options);

contract("protocol", (server) => {
  const inMain = async () => {
    const peer = await Wire.session(server, { path: "/socket.io/" });
    await peer.send(encode({ type: 0, nsp: "/" }));
    for (const type of [0, 2]) assert.equal((await read(peer)).type, type); // the second is the event "auth"
    return peer;
  };
  const read = (peer) => peer.next().then((data) => {
    assert.ok(Buffer.isBuffer(data), `${data}`);
    return new Promise((resolve) => {
      const decoder = new msgpack.Decoder();
      decoder.on("decoded", resolve);
      decoder.add(data);
    });
  });

  test("a packet is a map with type, data and nsp, and an id only when there is one", async () => {
    const peer = await inMain();
    await peer.send(encode({ type: 2, data: ["message", 1], nsp: "/", options: { compress: true } }));
    assert.deepEqual(await read(peer), { type: 2, data: ["message-back", 1], nsp: "/" });
    await peer.send(encode({ type: 2, data: ["message-with-ack", Buffer.from([7])], nsp: "/", id: 3 }));
    assert.deepEqual(await read(peer), { type: 3, data: [Buffer.from([7])], nsp: "/", id: 3 });
    await peer.send(encode({ type: 0, nsp: "/nope" }));
    assert.deepEqual(await read(peer), { type: 4, data: { message: "Invalid namespace" }, nsp: "/nope" });
  });

  test("over polling it is base64", async () => {
    const peer = await Polling.open(server, { path: "/socket.io/" });
    await peer.send("b" + encode({ type: 0, nsp: "/custom" }).toString("base64"));
    assert.match(await peer.next(), /^b/);
  });

  for (const [name, packet] of Object.entries({
    text: '42["message"]',
    "no MessagePack": Buffer.from([0xc1]),
    "half a packet": encode({ type: 2, data: ["message"], nsp: "/" }).subarray(0, 9),
    "two packets in one": Buffer.concat([encode({ type: 1, nsp: "/" }), encode({ type: 1, nsp: "/" })]),
    "an unknown type": encode({ type: 5, data: ["message"], nsp: "/" }),
    "no nsp": encode({ type: 2, data: ["message"] }),
    "no data": encode({ type: 2, nsp: "/" }),
    "data that is no array": encode({ type: 2, data: { message: 1 }, nsp: "/" }),
    "an id that is no integer": encode({ type: 2, data: ["message"], nsp: "/", id: "1" }),
    "a namespace that is not joined": encode({ type: 2, data: ["message"], nsp: "/custom" }),
  })) {
    test(`${name} ends the connection`, async () => {
      const peer = await inMain();
      await peer.send(packet);
      await peer.expectClose(1005);
    });
  }
}, options);
