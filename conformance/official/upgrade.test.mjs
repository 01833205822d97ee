// Engine.IO, revision 4: from HTTP long-polling to a WebSocket, and all the ways in which that may fail.
// The contract greets with "hi", echoes, and waits 20 s for a PONG: what ends here ended for the reason under test.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contract, eventually, within } from "./harness.mjs";
import { Polling, Tcp, Wire, errors, fetchText } from "./wire.mjs";

contract("engine-client-suite", (server) => {
  const greeted = async () => {
    const session = await Polling.open(server);
    await session.expect("4hi");
    return session;
  };
  const wireFor = (session) => Wire.open(session.at({ transport: "websocket" }));

  const probed = async (session) => {
    const wire = await wireFor(session);
    wire.send("2probe");
    await wire.expect("3probe");
    return wire;
  };
  const upgraded = async (session) => {
    const wire = await probed(session);
    wire.send("5");
    return wire;
  };

  const echoes = async (peer) => {
    await peer.send("4are you there", "bAQID");
    await peer.expect("4are you there", peer instanceof Wire ? Buffer.from([1, 2, 3]) : "bAQID");
  };

  describe("that succeeds", () => {
    test("2probe is answered 3probe, a pending poll NOOP, and after 5 messages go by the WebSocket", async () => {
      const session = await greeted();
      const poll = await session.poll();
      const wire = await probed(session);
      assert.equal((await within(poll.response, "answer to the poll")).body, "6");
      wire.send("5");
      await echoes(wire);
    });

    test("a poll which begins after the probe is answered NOOP too", async () => {
      const session = await greeted();
      const wire = await probed(session);
      for (let i = 0; i < 3; i++) {
        const { status, body } = await session.get();
        assert.deepEqual({ status, body }, { status: 200, body: "6" });
      }
      wire.send("5");
      await echoes(wire);
    });

    test("without any poll", async () => {
      const wire = await upgraded(await greeted());
      await echoes(wire);
    });

    test("a probe may be repeated", async () => {
      const wire = await probed(await greeted());
      wire.send("2probe");
      await wire.expect("3probe");
      wire.send("5");
      await echoes(wire);
    });

    test("what waited for a poll comes by the WebSocket, in order, before anything newer", async () => {
      const session = await Polling.open(server);
      const packets = Array.from({ length: 50 }, (_, i) => (i % 5 ? `4${i}` : "bAQID"));
      for (const packet of packets) await session.send(packet);
      const wire = await upgraded(session);
      wire.send("4newer");
      const messages = packets.map((packet) => (packet === "bAQID" ? Buffer.from([1, 2, 3]) : packet));
      await wire.expect("4hi", ...messages, "4newer");
    });

    test("messages during the probe go by polling, both ways", async () => {
      const session = await greeted();
      const poll = await session.poll();
      const wire = await probed(session);
      await session.send("4one");
      const { body } = await within(poll.response, "answer to the poll");
      if (body === "6") await session.expect("4one"); // the NOOP came first
      else assert.equal(body, "4one");
      await session.send("4two");
      await session.expect("4two");
      assert.deepEqual(wire.waiting, []);
      wire.send("5");
      await echoes(wire);
    });

    test("a poll which is pending at 5 is not left hanging", async () => {
      const session = await greeted();
      const wire = await probed(session);
      const poll = await session.poll();
      wire.send("5");
      const { status, body } = await within(poll.response, "answer to the poll");
      assert.equal(status, 200);
      assert.match(body, /^[16]$/);
      await echoes(wire);
    });

    test("polling is over: GET and POST get code 3, the WebSocket is not disturbed", async () => {
      const session = await greeted();
      const wire = await upgraded(session);
      await echoes(wire);
      for (const response of [await session.get(), await session.post("4x"), await session.post("1")]) {
        assert.deepEqual({ status: response.status, body: response.body }, { status: 400, body: errors.request });
      }
      await echoes(wire);
    });

    test("PINGs come by the WebSocket, and a PING sent by polling may be answered by it", async () => {
      const session = await greeted();
      assert.equal((await session.get()).body, "2");
      const wire = await upgraded(session);
      wire.pongs = false;
      wire.send("3");
      await wire.expect("2");
      wire.pongs = true;
      wire.send("3");
      await echoes(wire);
    });

    test("the end of the WebSocket is the end of the session", async () => {
      const session = await greeted();
      const wire = await upgraded(session);
      await echoes(wire);
      wire.socket.close();
      await within(wire.closed, "answer to the close");
      await eventually(async () => (await session.get()).body === errors.sid, "end of the session");
    });

    test("the probe may follow the upgrade request at once", async () => {
      const session = await greeted();
      const tcp = await Tcp.open(server);
      const headers = {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      };
      const head = Tcp.request("GET", session.at({ transport: "websocket" }), { headers });
      const probe = Buffer.concat([Buffer.from([0x81, 0x86, 0, 0, 0, 0]), Buffer.from("2probe")]);
      tcp.socket.write(Buffer.concat([Buffer.from(head), probe]));
      assert.equal((await tcp.response()).status, 101);
      assert.equal(await tcp.frame(), "3probe");
    });
  });

  describe("that fails: only the new WebSocket is closed, the polling session lives on", () => {
    const wrong = [
      ["a message", "4hello"],
      ["a binary message", Buffer.from([1, 2, 3])],
      ["a PING without data", "2"],
      ["another word than probe", "2prob"],
      ["a PONG", "3probe"],
      ["OPEN", "0"],
      ["CLOSE", "1"],
      ["NOOP", "6"],
      ["an unknown packet type", "x"],
      ["an empty message", ""],
    ];
    for (const [name, message] of wrong) {
      test(`${name} instead of the probe`, async () => {
        const session = await greeted();
        const wire = await wireFor(session);
        wire.send(message);
        await wire.expectClose(1005);
        await echoes(session);
      });

      test(`${name} instead of 5`, async () => {
        const session = await greeted();
        const wire = await probed(session);
        wire.send(message);
        await wire.expectClose(1005);
        await echoes(session);
      });
    }

    test("a message which is too large instead of the probe", async () => {
      const session = await greeted();
      const wire = await wireFor(session);
      wire.send("4" + "x".repeat(100));
      await wire.expectClose(1009);
      await echoes(session);
    });

    const leave = {
      "closed by the client": (wire) => wire.socket.close(),
      "cut off": (wire) => wire.socket.terminate(),
    };
    for (const [name, end] of Object.entries(leave)) {
      for (const [when, begin] of Object.entries({ "before the probe": wireFor, "before 5": probed })) {
        test(`a WebSocket ${name} ${when}; a second attempt succeeds`, async () => {
          const session = await greeted();
          const poll = await session.poll();
          const first = await begin(session);
          end(first);
          await within(first.closed, "end of the WebSocket");
          await session.send("4still here");
          const { body } = await within(poll.response, "answer to the poll");
          if (body === "6") await session.expect("4still here");
          else assert.equal(body, "4still here");
          const second = await eventually(async () => {
            const { status, wire } = await Wire.attempt(session.at({ transport: "websocket" }));
            if (status !== 101) return undefined;
            wire.send("2probe");
            // closed again: the server does not know of the end of the first one yet
            return wire.next().then(() => wire).catch(() => undefined);
          }, "second attempt");
          second.send("5");
          await echoes(second);
        });
      }
    }

    test("another revision: refused, code 3", async () => {
      const session = await greeted();
      const { status, body } = await Wire.attempt(session.at({ transport: "websocket", EIO: "3" }));
      assert.deepEqual({ status, body }, { status: 400, body: "Bad request" });
      await echoes(session);
    });
  });

  describe("more than once", () => {
    /** A WebSocket which must come to nothing: refused, or accepted and closed at once (the official server). */
    const assertUseless = async (url) => {
      const { status, wire } = await Wire.attempt(url);
      if (status === 101) {
        await wire.expectClose(1005);
        assert.deepEqual(wire.waiting, []);
      } else {
        assert.equal(status, 400);
      }
    };

    test("a second WebSocket while the first has not probed", async () => {
      const session = await greeted();
      const first = await wireFor(session);
      await assertUseless(session.at({ transport: "websocket" }));
      first.send("2probe");
      await first.expect("3probe");
      first.send("5");
      await echoes(first);
    });

    test("a second WebSocket while the first has probed", async () => {
      const session = await greeted();
      const first = await probed(session);
      await assertUseless(session.at({ transport: "websocket" }));
      first.send("5");
      await echoes(first);
    });

    test("a second WebSocket after the upgrade", async () => {
      const session = await greeted();
      const first = await upgraded(session);
      await echoes(first);
      await assertUseless(session.at({ transport: "websocket" }));
      await echoes(first);
    });

    test("a WebSocket with the sid of a session that began as one does not disturb it", async () => {
      const first = await Wire.session(server);
      await first.expect("4hi");
      const query = { EIO: "4", transport: "websocket", sid: first.handshake.sid };
      const { wire } = await Wire.attempt(server.at("/engine.io/", query));
      wire?.send("4x");
      if (wire) await within(wire.closed, "end of the second WebSocket");
      await echoes(first);
    });
  });

  describe("of a session which ends meanwhile", () => {
    for (const [name, begin] of Object.entries({ "before the probe": wireFor, "before 5": probed })) {
      test(`by CLOSE ${name}: the WebSocket is closed`, async () => {
        const session = await greeted();
        const wire = await begin(session);
        await session.send("1");
        await wire.expectClose(1005);
        assert.equal((await fetchText(session.at())).body, errors.sid);
      });

      test(`by overlapping polls ${name}: the WebSocket is closed`, async () => {
        const session = await greeted();
        const poll = await session.poll();
        const wire = await begin(session);
        const second = await session.get();
        if (second.status === 200) return; // NOOP had ended the first poll, so that nothing overlapped
        assert.equal(second.status, 400);
        assert.equal((await within(poll.response, "answer to the poll")).body, "1");
        await wire.expectClose(1005);
      });
    }
  });
});
