// The official Socket.IO client, over every transport.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, assertArgs, client, connected, next, refusal, settled, ways } from "./clients.mjs";
import { contract, pause, within } from "./harness.mjs";
import { fiveTexts } from "./reference/texts.mjs";

const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const asdfasdf = Buffer.from("asdfasdf");

contract("client-suite", (server) => {
  for (const way of Object.keys(ways)) {
    const open = (options) => settled(client(server, way, options), way);
    const answer = async (socket, expected, event, ...args) => {
      const reply = next(socket, expected);
      socket.emit(event, ...args);
      return reply;
    };

    describe(`${way}: connection`, () => {
      test("connects, and its id is the server's", async () => {
        const socket = await open();
        assert.match(socket.id, /^[\w-]{20}$/);
        assert.equal(await ask(socket, "getId"), socket.id);
        assert.notEqual(socket.id, socket.io.engine.id);
        assert.ok(!socket.recovered);
      });

      test("the server saw the transport which was asked for", async () => {
        const socket = await open();
        const { query, headers } = await ask(socket, "getHandshake");
        assert.equal(query.transport, ways[way].transports[0]);
        assert.equal(headers.upgrade, way === "websocket" ? "websocket" : undefined);
      });

      test("two connections have two ids", async () => {
        const [a, b] = await Promise.all([open(), open()]);
        assert.notEqual(a.id, b.id);
        assert.notEqual(a.io.engine.id, b.io.engine.id);
      });

      test("events emitted before the connection arrive, in order", async () => {
        const socket = client(server, way);
        const answers = [1, 2, 3].map((i) => ask(socket, "echo", i));
        assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
      });

      test("a connect timeout of 0 ms expires before the server answers", async () => {
        const error = await refusal(client(server, way, { timeout: 0, reconnection: false }));
        assert.equal(error.message, "timeout");
      });

      test("a client which leaves at once does no harm", async () => {
        for (let i = 0; i < 10; i++) client(server, way).disconnect();
        await open();
      });

      test("events which nobody listens to are not acknowledged", async () => {
        const socket = await open();
        for (const event of ["unknown", "event", "my-event", "error", "constructor", "__proto__", ""]) {
          socket.emit(event, 1);
          socket.emit(event, 1, () => assert.fail("acknowledged"));
        }
        await assert.rejects(socket.timeout(100).emitWithAck("unknown"), /operation has timed out/);
        assert.equal(await ask(socket, "echo", 1), 1);
      });

      test("the server sends nothing unasked", async () => {
        const socket = client(server, way);
        const seen = [];
        socket.onAny((...args) => seen.push(args));
        await settled(socket, way);
        await ask(socket, "echo", 1);
        assert.deepEqual(seen, []);
      });
    });

    describe(`${way}: auth and handshake`, () => {
      const credentials = { token: "abc", nested: { list: [1, "\u00e9", null] } };
      for (const [name, auth] of [
        ["an object", credentials],
        ["a function", (give) => give(credentials)],
        ["a function which answers later", (give) => setTimeout(give, 20, credentials)],
      ]) {
        test(`auth as ${name}`, async () => {
          const socket = await open({ auth });
          const handshake = await ask(socket, "getHandshake");
          assert.deepEqual(handshake.auth, credentials);
          assert.equal("token" in handshake.query, false);
        });
      }

      test("auth is {} when there is none", async () => {
        assert.deepEqual((await ask(await open(), "getHandshake")).auth, {});
      });

      test("the query is decoded, whatever is in it", async () => {
        const mine = { "&a": "&=?a", "\u00e9": "\u20ac", plus: "1+1 = 2", "%41": "%42", empty: "", hash: "#/x" };
        const { query } = await ask(await open({ query: mine }), "getHandshake");
        const { EIO, transport, t, ...rest } = query;
        assert.equal(EIO, "4");
        assert.equal(transport, ways[way].transports[0]);
        assert.deepEqual(rest, mine);
      });

      test("headers come in lower case", async () => {
        const socket = await open({ extraHeaders: { "X-Custom-Header": "One Two" } });
        const { headers } = await ask(socket, "getHandshake");
        assert.equal(headers["x-custom-header"], "One Two");
        assert.equal(headers.host, `${server.host}:${server.port}`);
      });

      test("the rest: address, time, issued, url, secure, xdomain", async () => {
        const now = Date.now();
        const handshake = await ask(await open(), "getHandshake");
        assert.match(handshake.address, /^(::ffff:)?127\.0\.0\.1$/);
        assert.ok(Math.abs(Date.parse(handshake.time) - now) < 60000, handshake.time);
        assert.ok(Math.abs(handshake.issued - now) < 60000, handshake.issued);
        assert.match(handshake.url, /^\/socket\.io\/\?/);
        assert.equal(handshake.secure, false);
        assert.equal(handshake.xdomain, false);
      });

      test("an Origin makes it a cross-domain handshake", async () => {
        const socket = await open({ extraHeaders: { Origin: "http://example.org" } });
        assert.equal((await ask(socket, "getHandshake")).xdomain, true);
      });

      test("/abc sends the handshake by itself", async () => {
        const socket = client(server, way, { namespace: "/abc", query: { x: "1" }, auth: { token: "abc" } });
        const [handshake] = await next(socket, "handshake");
        assert.equal(handshake.query.x, "1");
        assert.deepEqual(handshake.auth, { token: "abc" });
      });
    });

    describe(`${way}: events`, () => {
      test("hi", async () => {
        const socket = await open();
        assertArgs(socket, await answer(socket, "hi", "hi"), []);
      });

      test("false", async () => {
        const socket = await open();
        assertArgs(socket, await answer(socket, "false", "false"), [false]);
      });

      test("dates are ISO strings", async () => {
        const socket = await open();
        assert.match(await ask(socket, "getAckDate", { test: true }), isoDate);
        assert.match((await answer(socket, "takeDate", "getDate"))[0], isoDate);
        assert.match((await answer(socket, "takeDateObj", "getDateObj"))[0].date, isoDate);
      });

      test("getUtf8: five texts, in order", async () => {
        const socket = await open();
        const texts = [];
        const all = new Promise((resolve) => socket.on("takeUtf8", (text) => texts.push(text) === 5 && resolve()));
        socket.emit("getUtf8");
        await within(all, "five texts");
        assert.deepEqual(texts, fiveTexts);
      });

      for (const [name, value] of [
        ["strings", ["", "hello", "\u00e9 \u20ac \u{1f600}", "\u2028\u2029"]],
        ["strings which must be escaped", ['quote "', "backslash \\", "newline \n", "nul \0", '[1,"}']],
        ["numbers", [0, -1, 1.5, 1e21, 1e-7, 9007199254740991, -9007199254740991, 0.1]],
        ["null and booleans", [null, true, false]],
        ["empty containers", [{}, [], [[]], [{}]]],
        ["nested values", { a: { b: [1, { c: null }, ["d"]] }, "": { " ": 1 }, "\u00e9": "\u00e9" }],
        ["what looks like a placeholder", { _placeholder: true, num: 0 }],
        ["a text of 100 KB", "0123456789".repeat(10000)],
        ["a text of 100 KB in which every character has three bytes", "\u20ac".repeat(34000)],
        ["null", null],
      ]) {
        test(`echo of ${name}`, async () => {
          assert.deepEqual(await ask(await open(), "echo", value), value);
        });
      }

      test("undefined becomes null", async () => {
        assert.equal(await ask(await open(), "echo", undefined), null);
      });

      test("an ack which the server asks for", async () => {
        const socket = await open();
        socket.once("ack", (...args) => args.pop()(5, { test: true }));
        await answer(socket, "got it", "ack");
      });

      test("an ack with other values is not taken for it", async () => {
        const socket = await open();
        socket.once("ack", (...args) => args.pop()("5", { test: true }));
        socket.once("got it", () => assert.fail("got it"));
        await answer(socket, "ack", "ack");
        await ask(socket, "echo", 1);
      });

      test("200 acks at once: each gets its own answer", async () => {
        const socket = await open();
        const numbers = Array.from({ length: 200 }, (_, i) => i);
        assert.deepEqual(await Promise.all(numbers.map((i) => ask(socket, "echo", i))), numbers);
      });

      test("more than one payload can hold", async () => {
        const socket = await open();
        const texts = Array.from({ length: 25 }, (_, i) => String.fromCharCode(97 + i).repeat(100000));
        assert.deepEqual(await Promise.all(texts.map((text) => ask(socket, "echo", text))), texts);
      });

      test("volatile events arrive while connected", async () => {
        const socket = await open();
        const reply = next(socket, "hi");
        // polling is not writable while a POST is under way
        const timer = setInterval(() => socket.volatile.emit("hi"), 10);
        await reply.finally(() => clearInterval(timer));
      });
    });

    describe(`${way}: binary`, () => {
      for (const [name, value] of [
        ["bytes", Buffer.from([0, 1, 254, 255])],
        ["no bytes", Buffer.alloc(0)],
        ["300 KB", Buffer.alloc(300000, "0123456789")],
        ["nested bytes", { a: [Buffer.from("one"), { b: Buffer.from("two") }], c: "three" }],
        ["bytes beside text", [Buffer.from("x"), "\u00e9", null, Buffer.alloc(0), 1]],
        ["ten attachments", Array.from({ length: 10 }, (_, i) => Buffer.from([i]))],
      ]) {
        test(`echo of ${name}`, async () => {
          assert.deepEqual(await ask(await open(), "echo", value), value);
        });
      }

      for (const [event, expected] of [["doge", "doge"], ["getbin", "takebin"]]) {
        test(`${event}: bytes from the server`, async () => {
          const socket = await open();
          assertArgs(socket, await answer(socket, expected, event), [asdfasdf]);
        });
      }

      const wholesome = { hello: "lol", message: asdfasdf, goodbye: "gotcha" };
      for (const [event, expected, value] of [
        ["buffa", "buffack", asdfasdf],
        ["buffa", "buffack", new Uint8Array([1, 2, 3]).buffer],
        ["buffa", "buffack", new Uint8Array([1, 2, 3])],
        ["blob", "back", asdfasdf],
        ["jsonbuff", "jsonbuff-ack", wholesome],
        ["jsonblob", "jsonblob-ack", wholesome],
      ]) {
        test(`${event}(${value.constructor.name}): the server sees bytes`, async () => {
          const socket = await open();
          await answer(socket, expected, event, value);
        });
      }

      test("buffa with a text: the server sees no bytes", async () => {
        const socket = await open();
        socket.once("buffack", () => assert.fail("buffack"));
        socket.emit("buffa", "text");
        await ask(socket, "echo", 1);
      });

      test("abuff1, abuff2: the packets keep their order", async () => {
        const socket = await open();
        const reply = next(socket, "abuff2-ack");
        socket.emit("abuff1", asdfasdf);
        socket.emit("abuff2", "please arrive second");
        await reply;
      });

      test("blob1, blob2, blob3: the packets keep their order", async () => {
        const socket = await open();
        const reply = next(socket, "blob3-ack");
        socket.emit("blob1", asdfasdf);
        socket.emit("blob2", "second");
        socket.emit("blob3", asdfasdf);
        await reply;
      });
    });

    describe(`${way}: namespaces`, () => {
      test("several share one connection; each has its own id and its own acks", async () => {
        const main = await open();
        const names = ["/foo", "/asd", "/valid", "/timeout_socket"];
        const others = await Promise.all(names.map((name) => connected(main.io.socket(name))));
        assert.equal(new Set([main, ...others].map(({ id }) => id)).size, 5);
        assert.equal(await ask(others[0], "getId"), others[0].id);
        assert.equal(await ask(main, "getId"), main.id);
        await assert.rejects(others[1].timeout(50).emitWithAck("getId"), /timed out/);
      });

      test("leaving one does not disturb the others; it can be joined again", async () => {
        const main = await open();
        const foo = await connected(main.io.socket("/foo"));
        const before = foo.id;
        foo.disconnect();
        assert.equal(await ask(main, "echo", 1), 1);
        foo.connect();
        await connected(foo);
        assert.notEqual(foo.id, before);
        assert.equal(await ask(foo, "getId"), foo.id);
      });

      for (const [namespace, message] of [
        ["/no", "Auth failed (custom namespace)"],
        ["/bar", "Invalid namespace"],
        ["/foo/", "Invalid namespace"],
        ["/FOO", "Invalid namespace"],
      ]) {
        test(`${namespace} is refused: ${message}`, async () => {
          const main = await open();
          const error = await refusal(main.io.socket(namespace));
          assert.equal(error.message, message);
          assert.equal(error.data, undefined);
          assert.equal(await ask(main, "echo", 1), 1);
        });
      }

      test("the main namespace is refused to a query with fail", async () => {
        const error = await refusal(client(server, way, { query: { fail: "true" } }));
        assert.equal(error.message, "Auth failed (main namespace)");
      });

      test("a namespace alone, without the main one", async () => {
        const foo = await settled(client(server, way, { namespace: "/foo" }), way);
        assert.equal(await ask(foo, "getId"), foo.id);
      });
    });

    describe(`${way}: the end, and a new beginning`, () => {
      test("the client disconnects, and connects again with a new id", async () => {
        const socket = await open();
        const before = socket.id;
        const reason = next(socket, "disconnect");
        socket.disconnect();
        assert.equal((await reason)[0], "io client disconnect");
        socket.connect();
        await settled(socket, way);
        assert.notEqual(socket.id, before);
        assert.equal(await ask(socket, "echo", 1), 1);
      });

      test("the server ends the connection: the client sees it, and comes back by itself", async () => {
        const socket = await open();
        const before = socket.id;
        const reason = next(socket, "disconnect");
        socket.io.engine.write('2/nowhere,["an event for a namespace which was not joined"]');
        assert.equal((await reason)[0], "transport close");
        const answer = ask(socket, "echo", "emitted meanwhile");
        await settled(socket, way);
        assert.notEqual(socket.id, before);
        assert.equal(await answer, "emitted meanwhile");
      });

      test("the connection is lost: the client comes back, with all its namespaces", async () => {
        const main = await open();
        const foo = await connected(main.io.socket("/foo"));
        const [a, b] = [main.id, foo.id];
        const again = Promise.all([next(main, "connect"), next(foo, "connect"), next(main.io, "reconnect")]);
        main.io.engine.close();
        const [, , [attempt]] = await again;
        assert.equal(attempt, 1);
        assert.notEqual(main.id, a);
        assert.notEqual(foo.id, b);
        assert.equal(await ask(foo, "getId"), foo.id);
      });

      test("twenty clients come and go at once", async () => {
        const numbers = Array.from({ length: 20 }, (_, i) => i);
        await Promise.all(
          numbers.map(async (i) => {
            const socket = await connected(client(server, way));
            assert.equal(await ask(socket, "echo", i), i);
            socket.disconnect();
          }),
        );
      });
    });
  }

  test("a reconnection is refused when the server's mind is changed by the query", async () => {
    const socket = await connected(client(server, "websocket"));
    socket.io.opts.query = { fail: "1" };
    const error = refusal(socket);
    socket.io.engine.close();
    assert.equal((await error).message, "Auth failed (main namespace)");
  });

  test("heartbeats keep idle connections open, over every transport", async () => {
    await Promise.all(
      Object.keys(ways).map(async (way) => {
        const socket = await settled(client(server, way), way);
        socket.once("disconnect", (reason) => assert.fail(reason));
        await next(socket.io, "ping", 20000);
        await pause(100);
        assert.equal(await ask(socket, "echo", way), way);
        socket.off("disconnect");
      }),
    );
  });
});
