// The official Engine.IO client, over every transport.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { engine, next, ways } from "./clients.mjs";
import { contract, within } from "./harness.mjs";
import { goodNight } from "./reference/texts.mjs";

contract("engine-client-suite", (server) => {
  /** The next `count` messages. */
  const messages = (session, count) => {
    const seen = [];
    const all = new Promise((resolve) => {
      session.on("message", (data) => seen.push(data) === count && resolve(seen));
    });
    return within(all, `${count} messages`);
  };
  const message = async (session) => (await next(session, "message"))[0];

  /** A session which has been greeted and uses the transport at which its way ends. */
  const open = async (way, options) => {
    const session = engine(server, way, options);
    const upgrade = way === "upgrade" ? next(session, "upgrade") : undefined;
    assert.equal(await message(session), "hi");
    await upgrade;
    assert.equal(session.transport.name, ways[way].final);
    return session;
  };

  for (const way of Object.keys(ways)) {
    describe(way, () => {
      test("opens, and is greeted", async () => {
        const session = await open(way);
        assert.equal(session.readyState, "open");
        assert.match(session.id, /^[\w-]{20}$/);
      });

      test("text and binary come back, in order", async () => {
        const session = await open(way);
        const sent = ["hello", Buffer.from([0, 1, 2, 255]), "", "\u00e9 \u20ac \u{1f600}", Buffer.from([3]), "end"];
        const back = messages(session, sent.length);
        for (const data of sent) session.send(data);
        // the client's decoder leaves an empty message without data
        assert.deepEqual((await back).map((data) => data ?? ""), sent);
      });

      test("an ArrayBuffer comes back as one, if asked for", async () => {
        const session = await open(way);
        session.binaryType = "arraybuffer";
        const back = message(session);
        session.send(new Uint8Array([1, 2, 3]).buffer);
        assert.deepEqual(await back, new Uint8Array([1, 2, 3]).buffer);
      });

      test("give binary, give utf8", async () => {
        const session = await open(way);
        const back = messages(session, 2);
        session.send("give binary");
        session.send("give utf8");
        assert.deepEqual(await back, [Buffer.from([0, 1, 2, 3, 4]), goodNight]);
      });

      test("many messages: no payload is longer than the limit", async () => {
        const session = await open(way);
        const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`);
        const back = messages(session, sent.length);
        for (const data of sent) session.send(data);
        assert.deepEqual(await back, sent);
      });

      test("heartbeats keep it open", async () => {
        const session = await open(way);
        for (let i = 0; i < 2; i++) await next(session, "heartbeat");
        const back = message(session);
        session.send("still here");
        assert.equal(await back, "still here");
      });

      test("close sends what was sent before it", async () => {
        const session = await open(way);
        const closed = next(session, "close");
        session.send("last");
        session.close();
        assert.equal((await closed)[0], "forced close");
      });

      test("a message over the limit ends the client's session", async () => {
        const session = await open(way);
        const closed = next(session, "close");
        session.send("x".repeat(100));
        const [reason, description] = await closed;
        if (ways[way].final === "polling") {
          assert.equal(reason, "transport error");
          assert.equal(description.description, 413);
        } else {
          assert.equal(reason, "transport close");
          assert.equal(description.context.code, 1009);
          assert.equal(description.context.reason, "");
        }
      });

      test("a refused client is told so", async () => {
        const session = engine(server, way, { query: { deny: "1" } });
        const [error] = await next(session, "error");
        assert.equal(error.type, "TransportError");
        if (way !== "websocket") assert.equal(error.description, 403);
      });

      test("an unknown sid is told so", async () => {
        const session = engine(server, way, { query: { sid: "abc" } });
        const [error] = await next(session, "error");
        assert.equal(error.type, "TransportError");
        if (way !== "websocket") assert.equal(error.description, 400);
      });
    });
  }

  test("polling: the cookies of the handshake come back, those which have not expired", async () => {
    const session = await open("polling", { withCredentials: true });
    const back = message(session);
    session.send("sendHeaders");
    assert.equal(JSON.parse(await back).cookie, "1=1; 2=2");
  });

  test("polling: extra headers and the content type reach the server", async () => {
    const session = await open("polling", { extraHeaders: { "X-Custom-Header": "One Two" } });
    const back = message(session);
    session.send("sendHeaders");
    const headers = JSON.parse(await back);
    assert.equal(headers["x-custom-header"], "One Two");
    assert.equal(headers["content-type"].toLowerCase(), "text/plain;charset=utf-8");
  });
});
