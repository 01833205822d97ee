// The official Socket.IO clients of revision 3, of the lines 2 and 1, over every transport.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import io1 from "socket.io-client-1";
import io2 from "socket.io-client-2";
import { client as newer, connected, next, ways } from "./clients.mjs";
import { atEnd, contract, eventually, official, within } from "./harness.mjs";
import { fiveTexts } from "./reference/texts.mjs";

const asdfasdf = Buffer.from("asdfasdf");
const bytesOf = (data) => (data instanceof ArrayBuffer ? Buffer.from(data) : data);
const options = ["--allow-eio3", ...(official ? [] : ["--ping-interval", "500"])];

/** A client of its own connection. */
function older(io, server, way, { namespace = "/", ...more } = {}) {
  const { transports } = ways[way];
  const socket = io(server.url + namespace, { transports, forceNew: true, reconnectionDelay: 10, ...more });
  atEnd(() => {
    socket.io.reconnection(false);
    socket.close();
    socket.io.close();
  });
  return socket;
}

/** Another namespace of the same connection. */
const beside = (socket, namespace, more) => socket.io.socket(namespace, more);

const ask = (socket, ...args) =>
  within(new Promise((resolve) => socket.emit(...args, resolve)), `acknowledgement of ${args[0]}`);

async function joined(socket) {
  if (!socket.connected) {
    const refused = new Promise((_resolve, reject) => {
      socket.once("error", (what) => reject(new Error(`refused: ${JSON.stringify(what)}`)));
    });
    await Promise.race([next(socket, "connect"), refused]);
  }
  return socket;
}

for (const [version, io] of [["2.5.0", io2], ["1.7.4", io1]]) {
  contract("client-suite", (server) => {
    for (const way of Object.keys(ways)) {
      for (const forceBase64 of [false, true]) {
        /** A socket that uses the transport at which its way ends. */
        const open = async (more) => {
          const socket = await joined(older(io, server, way, { forceBase64, ...more }));
          const { engine } = socket.io;
          if (engine.transport.name !== ways[way].final) await next(engine, "upgrade");
          assert.equal(engine.transport.name, ways[way].final);
          return socket;
        };

        describe(`socket.io-client ${version}: ${way}${forceBase64 ? ", base64" : ""}`, () => {
          test("connects; its id is that of its session", async () => {
            const socket = await open();
            assert.equal(socket.id, socket.io.engine.id);
            assert.equal(await ask(socket, "getId"), socket.id);
            const foo = await joined(beside(socket, "/foo"));
            assert.equal(await ask(foo, "getId"), `/foo#${socket.id}`);
            if (version === "2.5.0") assert.equal(foo.id, `/foo#${socket.id}`);
          });

          test("events, and acknowledgements, both ways", async () => {
            const socket = await open();
            for (const value of [1, "text", { a: [null, true] }, []]) {
              assert.deepEqual(await ask(socket, "echo", value), value);
            }
            const done = next(socket, "got it");
            socket.on("ack", (answer) => answer(5, { test: true }));
            socket.emit("ack");
            await done;
          });

          test("events emitted before the connection arrive, in order", async () => {
            const socket = older(io, server, way, { forceBase64 });
            const answers = [1, 2, 3].map((i) => ask(socket, "echo", i));
            assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
          });

          test("binary, both ways", async () => {
            const socket = await open();
            const doge = next(socket, "doge");
            socket.emit("doge");
            assert.deepEqual(bytesOf((await doge)[0]), asdfasdf);
            const buffack = next(socket, "buffack");
            socket.emit("buffa", asdfasdf);
            await buffack;
            const whole = next(socket, "jsonbuff-ack");
            socket.emit("jsonbuff", { hello: "lol", message: asdfasdf, goodbye: "gotcha" });
            await whole;
            const parts = await ask(socket, "echo", [Buffer.from([0, 255]), "x", Buffer.from([4])]);
            assert.deepEqual(parts.map(bytesOf), [Buffer.from([0, 255]), "x", Buffer.from([4])]);
          });

          // The client of the line 1 encodes UTF-8 twice in polling, which the official server does not undo.
          const twice = version === "1.7.4" && ways[way].final === "polling";
          test("texts beyond ASCII", { skip: twice }, async () => {
            const socket = await open();
            assert.equal(await ask(socket, "echo", "\u00e9 \u20ac \u{1f600}"), "\u00e9 \u20ac \u{1f600}");
            const seen = [];
            socket.on("takeUtf8", (text) => seen.push(text));
            socket.emit("getUtf8");
            await eventually(() => seen.length === fiveTexts.length, "five texts");
            assert.deepEqual(seen, fiveTexts);
          });

          test("a namespace with a query", async () => {
            const socket = await open();
            const abc = beside(socket, "/abc", { query: "token=a%20b&n=1" });
            const [handshake] = await next(abc, "handshake");
            assert.deepEqual(handshake.auth, { token: "a b", n: "1" });
          });

          test("no auth", async () => {
            const [handshake] = await next(beside(await open(), "/abc"), "handshake");
            assert.deepEqual(handshake.auth, {});
            assert.equal(handshake.query.EIO, "3");
          });

          test("refusals", async () => {
            const socket = await open();
            assert.deepEqual(await next(beside(socket, "/no"), "error"), ["Auth failed (custom namespace)"]);
            assert.deepEqual(await next(beside(socket, "/doesnotexist"), "error"), [{ message: "Invalid namespace" }]);
            assert.equal(await ask(socket, "echo", 1), 1);
            const failing = older(io, server, way, { forceBase64, query: { fail: "true" } });
            assert.deepEqual(await next(failing, "error"), ["Auth failed (main namespace)"]);
          });

          test("leaves a namespace, and joins it again", async () => {
            const socket = await open();
            const foo = await joined(beside(socket, "/foo"));
            const left = next(foo, "disconnect");
            foo.disconnect();
            assert.deepEqual(await left, ["io client disconnect"]);
            assert.equal(await ask(socket, "echo", 1), 1);
            await joined(foo.open());
            assert.equal(await ask(foo, "getId"), `/foo#${socket.id}`);
          });

          test("reconnects, with a new id", async () => {
            const socket = await open();
            const before = socket.id;
            const again = next(socket, "reconnect");
            socket.io.engine.close();
            await again;
            await joined(socket);
            assert.notEqual(socket.id, before);
            assert.equal(await ask(socket, "getId"), socket.id);
          });

          test("pings are answered", async () => {
            const socket = await open();
            await next(socket, "pong");
            assert.equal(await ask(socket, "echo", 1), 1);
          });
        });
      }
    }
  }, { options });

  contract("load", (server) => {
    test(`socket.io-client ${version} and a client of revision 4 in one room`, async () => {
      const all = [];
      for (const way of Object.keys(ways)) {
        all.push(await joined(older(io, server, way)), await connected(newer(server, way)));
      }
      for (const each of all) await ask(each, "join", "lounge");
      const heard = all.map((each) => next(each, "room"));
      all[0].emit("room", "lounge", Buffer.from([1, 2]));
      for (const [data] of await Promise.all(heard)) assert.deepEqual(bytesOf(data), Buffer.from([1, 2]));
      const texts = all.map((each) => next(each, "broadcast"));
      all[1].emit("broadcast", "hello");
      for (const [text] of await Promise.all(texts)) assert.equal(text, "hello");
    });
  }, { options });
}
