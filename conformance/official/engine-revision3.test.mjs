// Engine.IO revision 3: its official client over every transport, and its payloads byte by byte.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import oldEngine from "engine.io-client-3";
import { WebSocket } from "ws";
import { engine, next, ways } from "./clients.mjs";
import { atEnd, contract, eventually, official, within } from "./harness.mjs";
import { fetchText, exchange } from "./wire.mjs";

const octets = { "Content-Type": "application/octet-stream" };
const euro = "\u00e9\u20ac\u{1f600}"; // 2, 3 and 4 bytes; 1, 1 and 2 units of UTF-16

contract("engine-echo-v3", (server) => {
  for (const way of Object.keys(ways)) {
    for (const forceBase64 of [false, true]) {
      describe(`${way}${forceBase64 ? ", base64" : ""}`, () => {
        const open = async () => {
          const session = engine(server, way, { forceBase64 }, oldEngine.Socket);
          const upgrade = way === "upgrade" ? next(session, "upgrade") : undefined;
          await next(session, "open");
          await upgrade;
          assert.equal(session.transport.name, ways[way].final);
          return session;
        };

        test("text and binary come back, in order", async () => {
          const session = await open();
          const sent = ["hello", Buffer.from([0, 1, 2, 255]), euro, Buffer.from([3]), "12:34", "end"];
          const seen = [];
          session.on("message", (data) => seen.push(data));
          for (const data of sent) session.send(data);
          await eventually(() => seen.length === sent.length, "all messages");
          assert.deepEqual(seen.map((data) => (data instanceof ArrayBuffer ? Buffer.from(data) : data)), sent);
        });

        test("many messages", async () => {
          const session = await open();
          const seen = [];
          session.on("message", (data) => seen.push(data));
          const sent = Array.from({ length: 500 }, (_, i) => `${euro} ${i}`);
          for (const data of sent) session.send(data);
          await eventually(() => seen.length === sent.length, "all messages");
          assert.deepEqual(seen, sent);
        });

        test("pings keep it open", async () => {
          const session = await open();
          for (let i = 0; i < 3; i++) await next(session, "pong");
          assert.equal(session.readyState, "open");
        });

        test("the server ends a session whose client does not ping", async () => {
          const session = await open();
          session.ping = () => {};
          session.setPing = () => {};
          clearTimeout(session.pingIntervalTimer);
          session.onHeartbeat = () => {};
          clearTimeout(session.pingTimeoutTimer);
          if (official && way === "upgrade") return; // it forgets the deadline at an upgrade
          const [reason] = await next(session, "close");
          assert.match(reason, /^transport (close|error)$/);
        });

        test("close sends what was sent before it", async () => {
          const session = await open();
          const closed = next(session, "close");
          session.send("last");
          session.close();
          assert.equal((await closed)[0], "forced close");
        });
      });
    }
  }

  const at = (query) => server.at("/engine.io/", { EIO: "3", transport: "polling", ...query });
  const handshake = async (query) => {
    const response = await fetchText(at(query));
    assert.equal(response.status, 200, response.body);
    const [, length, json] = response.body.match(/^(\d+):0(.*)$/s);
    assert.equal(Number(length), json.length + 1);
    return { response, ...JSON.parse(json) };
  };
  const send = (sid, body, headers = {}) => fetchText(at({ sid }), { method: "POST", body, headers });
  const poll = (sid) => fetchText(at({ sid }));

  describe("polling, byte by byte", () => {
    test("the handshake is a payload", async () => {
      const { response, sid, ...rest } = await handshake();
      assert.match(sid, /^[\w-]{20}$/);
      assert.deepEqual(rest, { upgrades: ["websocket"], pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
      assert.equal(response.headers["content-type"].toLowerCase(), "text/plain; charset=utf-8");
    });

    for (const EIO of [undefined, "5", ""]) {
      test(`EIO=${EIO} is revision 3`, async () => void (await handshake({ EIO })));
    }

    test("revision 4 is served beside it, and sessions keep theirs", async () => {
      const newer = await fetchText(at({ EIO: "4" }));
      const { sid } = JSON.parse(newer.body.slice(1));
      for (const [one, other] of [[sid, "3"], [(await handshake()).sid, "4"]]) {
        const refused = await fetchText(at({ EIO: other, sid: one }));
        assert.deepEqual([refused.status, JSON.parse(refused.body).code], [400, 3]);
      }
    });

    test("text payloads count UTF-16 units", async () => {
      const { sid } = await handshake();
      assert.equal((await send(sid, `5:4${euro}2:4!`)).body, "ok");
      const answer = await poll(sid);
      assert.equal(answer.body, `5:4${euro}2:4!`);
      assert.equal(answer.headers["content-type"].toLowerCase(), "text/plain; charset=utf-8");
    });

    test("binary payloads, both ways", async () => {
      const { sid } = await handshake();
      const text = Buffer.from(`4${euro}`);
      const body = Buffer.concat([
        Buffer.from([0, 1, 0, 255]),
        text,
        Buffer.from([1, 4, 255, 4, 1, 2, 255, 0, 2, 255]),
        Buffer.from("4!"),
      ]);
      assert.equal(text.length, 10);
      assert.equal((await send(sid, body, octets)).body, "ok");
      const answer = await poll(sid);
      assert.deepEqual(answer.bytes, body);
      assert.equal(answer.headers["content-type"], "application/octet-stream");
    });

    test("base64 both ways when the handshake asks for it", async () => {
      const { sid } = await handshake({ b64: "1" });
      assert.equal((await send(sid, "6:b4AQL/2:4!")).body, "ok");
      const answer = await poll(sid);
      assert.equal(answer.body, "6:b4AQL/2:4!");
      assert.equal(answer.headers["content-type"].toLowerCase(), "text/plain; charset=utf-8");
    });

    test("a ping is answered by a pong, without its data", async () => {
      const { sid } = await handshake();
      await send(sid, "5:2data");
      assert.equal((await poll(sid)).body, "1:3");
    });

    test("close", async () => {
      const { sid } = await handshake();
      const pending = exchange(at({ sid }));
      if (!pending.request.writableFinished) await within(once(pending.request, "finish"), "sending of the poll");
      await fetchText(at({ sid, transport: "none" })); // who is answered this has read the poll
      assert.equal((await send(sid, "1:1")).body, "ok");
      assert.equal((await within(pending.response, "answer")).body, "1:6");
      assert.equal((await poll(sid)).status, 400);
    });

    for (const body of ["", "4hello", "9:4a", "x:4a", "2:4a3", ":4a", "99999999999999999999:4", "1:7"]) {
      test(`nonsense ends the session: ${JSON.stringify(body)}`, async () => {
        const { sid } = await handshake();
        assert.equal((await send(sid, body)).body, "ok");
        assert.equal((await poll(sid)).status, 400);
      });
    }
    // The official server takes the first two for packets, and waits for the end of the last one's length.
    for (const body of [[0, 2, 255, 52], [0, 255], [1, 1, 255, 7], [0, 1, 255, 55], [7, 7, 7], Array(1000).fill(1)]) {
      test(`binary nonsense ends the session: ${body.slice(0, 8)}`, { skip: official }, async () => {
        const { sid } = await handshake();
        assert.equal((await send(sid, Buffer.from(body), octets)).body, "ok");
        assert.equal((await poll(sid)).status, 400);
      });
    }
  });

  describe("websocket, frame by frame", () => {
    const open = async (query) => {
      const url = at({ transport: "websocket", ...query }).replace("http", "ws");
      const socket = new WebSocket(url, { perMessageDeflate: false });
      atEnd(() => socket.terminate());
      const frames = [];
      socket.on("message", (data, binary) => frames.push(binary ? data : data.toString()));
      const take = async () => {
        await eventually(() => frames.length > 0, "frame");
        return frames.shift();
      };
      assert.match(await take(), /^0\{"sid":/);
      return { socket, take };
    };

    test("binary messages begin with their type", async () => {
      const { socket, take } = await open();
      socket.send(Buffer.from([4, 1, 2, 255]));
      assert.deepEqual(await take(), Buffer.from([4, 1, 2, 255]));
      socket.send("b4AQL/");
      assert.deepEqual(await take(), Buffer.from([4, 1, 2, 255]));
    });

    test("without binary frames", async () => {
      const { socket, take } = await open({ b64: "1" });
      socket.send(Buffer.from([4, 1, 2, 255]));
      assert.equal(await take(), "b4AQL/");
    });

    test("ping and pong", async () => {
      const { socket, take } = await open();
      socket.send("2data");
      assert.equal(await take(), "3");
      const closed = next(socket, "close");
      socket.send("3");
      await closed;
    });

    test("a client that does not ping is closed, and never pinged", async () => {
      const { socket, take } = await open();
      await next(socket, "close");
      socket.emit("message", "none", false);
      assert.equal(await take(), "none");
    });
  });
});
