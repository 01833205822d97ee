// Engine.IO, revision 4: admission, cookies, the limit of a message, overlapping and broken requests.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contract, eventually, official, within } from "./harness.mjs";
import { goodNight } from "./reference/texts.mjs";
import { Polling, Wire, assertBare, assertRefused, bytes, errors, fetchText } from "./wire.mjs";

const path = "/engine.io/";
const revision4 = { EIO: "4", transport: "polling" };

contract("engine-client-suite", (server) => {
  const cookies = [
    /^1=1; Max-Age=86400$/,
    /^2=2; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    /^3=3; Max-Age=0$/,
    /^4=4; Expires=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  ];

  const greeted = async () => {
    const session = await Polling.open(server);
    await session.expect("4hi");
    return session;
  };
  const greetedWire = async () => {
    const wire = await Wire.session(server);
    await wire.expect("4hi");
    return wire;
  };

  describe("the application", () => {
    test("the handshake tells the limit", async () => {
      const { pingInterval, pingTimeout, maxPayload } = (await Polling.open(server)).handshake;
      assert.deepEqual([pingInterval, pingTimeout, maxPayload], [500, 20000, 100]);
    });

    test("hi is the first message, then everything comes back", async () => {
      const session = await greeted();
      await session.send("4hello", "bAQID");
      await session.expect("4hello", "bAQID");

      const wire = await greetedWire();
      wire.send("4hello", bytes(1, 2, 3));
      await wire.expect("4hello", bytes(1, 2, 3));
    });

    test("give binary, give utf8", async () => {
      const session = await greeted();
      await session.send("4give binary", "4give utf8");
      await session.expect("bAAECAwQ=", `4${goodNight}`);

      const wire = await greetedWire();
      wire.send("4give binary", "4give utf8");
      await wire.expect(bytes(0, 1, 2, 3, 4), `4${goodNight}`);
    });

    test("sendHeaders gives the headers of the POST which carried it", async () => {
      const session = await greeted();
      await session.post("4sendHeaders", { "X-Custom-Header": "One Two", "Content-Type": "text/plain" });
      const packet = await session.next();
      assert.equal(packet[0], "4");
      const headers = JSON.parse(packet.slice(1));
      assert.equal(headers["x-custom-header"], "One Two");
      assert.equal(headers["content-type"], "text/plain");
      assert.equal(headers["content-length"], "12");
    });

    test("four Set-Cookie headers on the first response of a polling session, and on no other", async () => {
      const session = await Polling.open(server);
      const given = session.response.headers["set-cookie"];
      assert.equal(given.length, cookies.length);
      cookies.forEach((cookie, i) => assert.match(given[i], cookie));
      assert.equal((await session.get()).headers["set-cookie"], undefined);
      assert.equal((await session.post("4x")).headers["set-cookie"], undefined);
    });

    test("four Set-Cookie headers on the 101 of a WebSocket session", async () => {
      const { headers, wire } = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket" }));
      // The official server joins the four into one header.
      const given = official ? headers["set-cookie"][0].split(/,(?=\d=)/) : headers["set-cookie"];
      assert.equal(given.length, cookies.length);
      cookies.forEach((cookie, i) => assert.match(given[i], cookie));
    });

    test("the application's refusal: 403 code 4", async () => {
      assertRefused(await fetchText(server.at(path, { ...revision4, deny: "1" })), 403, errors.forbidden);
      assertRefused(await fetchText(server.at(path, { ...revision4, deny: "" })), 403, errors.forbidden);
    });

    test("the application's refusal of a WebSocket", async () => {
      const refusal = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket", deny: "1" }));
      assert.ok([400, 403].includes(refusal.status)); // the official server: 400
      assert.equal(refusal.body, "Forbidden");
    });

    test("the application is asked after the checks of the request", async () => {
      assertRefused(await fetchText(server.at(path, { EIO: "4", deny: "1" })), 400, errors.transport);
      const url = server.at(path, { ...revision4, deny: "1" });
      assertRefused(await fetchText(url, { method: "POST" }), 400, errors.method);
    });
  });

  describe("without CORS", () => {
    test("OPTIONS is one more method: code 2 without a sid, a bare 500 on a session", async () => {
      const session = await greeted();
      assertRefused(await fetchText(server.at(path, revision4), { method: "OPTIONS" }), 400, errors.method);
      assertRefused(await fetchText(server.at(path), { method: "OPTIONS" }), 400, errors.transport);
      assertBare(await fetchText(session.at(), { method: "OPTIONS" }), 500);
    });

    test("no Access-Control header", async () => {
      const headers = { Origin: "http://example.org" };
      const session = await Polling.open(server, { headers });
      for (const response of [session.response, await session.get({ headers })]) {
        const given = Object.keys(response.headers).filter((name) => name.startsWith("access-control-"));
        assert.deepEqual(given, []);
      }
    });
  });

  describe("the limit of 100 bytes", () => {
    test("polling: a payload of 100 bytes is taken, separators and types counted", async () => {
      const session = await greeted();
      const packets = ["4" + "x".repeat(48), "4" + "y".repeat(49)];
      await session.send(...packets);
      await session.expect(...packets);
    });

    for (const [name, body] of [
      ["101 bytes", "4" + "x".repeat(100)],
      ["101 bytes of fewer characters", "4" + "\u00e9".repeat(50)],
      ["101 bytes in chunks", ["4" + "x".repeat(49), "y".repeat(51)]],
    ]) {
      test(`polling: a payload of ${name}: a bare 413, nothing is delivered, the session stays open`, async () => {
        const session = await greeted();
        assertBare(await fetchText(session.at(), { method: "POST", body }), 413);
        await session.send("4after");
        await session.expect("4after");
      });
    }

    test("polling: a pending poll outlives the 413", async () => {
      const session = await greeted();
      const poll = await session.poll();
      assertBare(await session.post("4" + "x".repeat(100)), 413);
      await session.send("4after");
      assert.equal((await within(poll.response, "answer to the poll")).body, "4after");
    });

    test("websocket: messages of 100 bytes are taken", async () => {
      const wire = await greetedWire();
      const messages = ["4" + "x".repeat(99), Buffer.alloc(100, 1)];
      wire.send(...messages);
      await wire.expect(...messages);
    });

    for (const [name, message] of [
      ["text", "4" + "x".repeat(100)],
      ["text of fewer characters", "4" + "\u00e9".repeat(50)],
      ["binary", Buffer.alloc(101, 1)],
    ]) {
      test(`websocket: a ${name} message of 101 bytes: closed with 1009 and no reason`, async () => {
        const wire = await greetedWire();
        wire.send(message);
        await wire.expectClose(1009);
      });
    }

    test("websocket: fragments of together 101 bytes: closed with 1009 and no reason", async () => {
      const wire = await greetedWire();
      wire.socket.send("4" + "x".repeat(59), { fin: false });
      wire.socket.send("y".repeat(41), { fin: true });
      await wire.expectClose(1009);
    });
  });

  // This contract waits 20 s for a PONG, so that a session which ends here ended for the reason under test.
  describe("polling: overlapping and broken requests", () => {
    const ended = (session) => eventually(async () => !(await session.isOpen()), "end of the session");

    test("a second GET: a bare 400; the first is answered with CLOSE; the session is gone", async () => {
      const session = await greeted();
      const first = await session.poll();
      assertBare(await session.get(), 400);
      const { status, body } = await within(first.response, "answer to the first GET");
      assert.deepEqual({ status, body }, { status: 200, body: "1" });
      assertRefused(await session.get(), 400, errors.sid);
    });

    test("a second POST: a bare 400; the first gets no ok; the session is gone", async () => {
      const session = await greeted();
      const first = await session.beginPost(6, "4he");
      assertBare(await session.post("4x"), 400);
      const outcome = await within(first.response.catch(() => undefined), "end of the first POST");
      assert.ok(outcome === undefined || outcome.status >= 400, outcome?.status);
      assertRefused(await session.get(), 400, errors.sid);
    });

    test("a GET while a POST is being sent is no overlap", async () => {
      const session = await greeted();
      const post = await session.beginPost(6, "4he");
      const poll = await session.poll();
      post.request.end("llo");
      assert.equal((await within(post.response, "answer to the POST")).body, "ok");
      assert.equal((await within(poll.response, "answer to the poll")).body, "4hello");
    });

    test("a GET which the client aborts ends the session", async () => {
      const session = await greeted();
      (await session.poll()).abort();
      await ended(session);
    });

    test("a POST which the client aborts in its body ends the session", async () => {
      const session = await greeted();
      (await session.beginPost(6, "4he")).abort();
      await ended(session);
    });

    test("application/octet-stream: a bare 400, the session is gone", async () => {
      const session = await greeted();
      assertBare(await session.post("4x", { "Content-Type": "application/octet-stream" }), 400);
      assertRefused(await session.get(), 400, errors.sid);
    });

    test("CLOSE: ok; a pending poll is answered with NOOP; the session is gone", async () => {
      const session = await greeted();
      const poll = await session.poll();
      await session.send("1");
      const { status, body } = await within(poll.response, "answer to the poll");
      assert.deepEqual({ status, body }, { status: 200, body: "6" });
      assertRefused(await session.get(), 400, errors.sid);
    });

    test("packets before CLOSE are handled, those after it are not", async () => {
      const session = await greeted();
      const poll = await session.poll();
      await session.send("4before", "1", "4after");
      assert.equal((await within(poll.response, "answer to the poll")).body, "4before");
      assert.equal(await session.isOpen(), false);
    });

    test("a WebSocket whose TCP connection is cut leaves nothing behind", async () => {
      const wire = await greetedWire();
      wire.socket.terminate();
      const url = server.at(path, { EIO: "4", transport: "polling", sid: wire.handshake.sid });
      await eventually(async () => (await fetchText(url)).body === errors.sid, "end of the session");
    });
  });
});
