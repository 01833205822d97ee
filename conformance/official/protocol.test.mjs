// Socket.IO, revision 5, packet by packet: what a server answers to each, over both transports.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contract, pause, within } from "./harness.mjs";
import { Polling, Wire, errors, fetchText, separator } from "./wire.mjs";

const path = "/socket.io/";
const tolerance = 3000; // for a busy machine
const placeholder = (num) => ({ _placeholder: true, num });

contract("protocol", (server) => {
  const transports = {
    polling: {
      open: () => Polling.open(server, { path }),
      attachment: (...values) => "b" + Buffer.from(values).toString("base64"),
      bytes: (message) => (message[0] === "b" ? Buffer.from(message.slice(1), "base64") : assert.fail(message)),
    },
    websocket: {
      open: () => Wire.session(server, { path }),
      attachment: (...values) => Buffer.from(values),
      bytes: (message) => (Buffer.isBuffer(message) ? message : assert.fail(message)),
    },
  };

  /** The id in a CONNECT reply for `namespace` ("" is the main one). */
  const connected = async (peer, namespace = "", auth = {}) => {
    const prefix = "40" + (namespace && `${namespace},`);
    const reply = await peer.next();
    assert.ok(reply.startsWith(prefix + "{"), reply);
    const { sid, ...rest } = JSON.parse(reply.slice(prefix.length));
    assert.deepEqual(rest, {});
    await peer.expect(`42${namespace && `${namespace},`}${JSON.stringify(["auth", auth])}`);
    return sid;
  };

  const inMain = async (transport) => {
    const peer = await transport.open();
    await peer.send("40");
    await connected(peer);
    return peer;
  };

  /** Leaves the main namespace; what the other one answers shows that the server has seen it. */
  const leave = async (peer) => {
    await peer.send("41");
    await peer.send("40/custom,");
    await connected(peer, "/custom");
  };

  const answers = async (peer) => {
    await peer.send('42["message","are you there"]');
    await peer.expect('42["message-back","are you there"]');
  };

  /** The answer to a poll; to the next one when a PING comes first, as it does on a busy machine. */
  const behindPing = async (peer) => {
    const answer = await peer.get();
    return answer.body === "2" ? peer.get() : answer;
  };

  /** The server ends the whole connection: a WebSocket without a code, a polling session by CLOSE. */
  const assertEnded = async (peer, ms) => {
    if (peer instanceof Wire) {
      await peer.expectClose(1005, ms);
      assert.deepEqual(peer.waiting, []);
    } else {
      const { status, body } = await behindPing(peer);
      assert.equal(status, 200);
      assert.match(body, /^(6\x1e)?1$/);
      const { body: refusal } = await peer.get();
      assert.equal(refusal, errors.sid);
    }
  };

  /** Polls, in good health, until the server forgets the session. */
  const assertGone = (peer) =>
    assert.rejects(async () => {
      for (;;) assert.match(await peer.next(), /^[16]$/);
    }, /Session ID unknown/);

  /** The next event or ack with its attachments put in place of the placeholders, as hex: `[head, data]`. */
  const assembled = async (transport, peer) => {
    const packet = await peer.next();
    const [, type, count, rest] = packet.match(/^4([56])(\d+)-(.*)$/s) ?? assert.fail(packet);
    const attachments = [];
    for (let i = 0; i < Number(count); i++) attachments.push(transport.bytes(await peer.next()).toString("hex"));
    const start = rest.indexOf("[");
    const data = JSON.parse(rest.slice(start), (_key, value) =>
      value?._placeholder === true ? attachments[value.num] ?? assert.fail(packet) : value,
    );
    return [type + rest.slice(0, start), data];
  };

  describe("handshake", () => {
    for (const [name, upgrades] of [["polling", ["websocket"]], ["websocket", []]]) {
      test(`${name}: the OPEN packet has its five keys, in order`, async () => {
        const { handshake } = await transports[name].open();
        const { sid, ...rest } = handshake;
        assert.match(sid, /^[\w-]{20}$/);
        assert.deepEqual(rest, { upgrades, pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
        assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
      });
    }

    test("revision 3 is refused", async () => {
      for (const EIO of [undefined, "3", "abc"]) {
        const { status, body } = await fetchText(server.at(path, { EIO, transport: "polling" }));
        assert.deepEqual({ status, body }, { status: 400, body: errors.version });
      }
    });

    test("another path is not served", async () => {
      const { status } = await fetchText(server.at("/engine.io/", { EIO: "4", transport: "polling" }));
      assert.equal(status, 404);
    });
  });

  for (const [name, transport] of Object.entries(transports)) {
    describe(`${name}: CONNECT`, () => {
      test("without a payload: CONNECT with a sid, and nothing else; auth is {}", async () => {
        const peer = await transport.open();
        await peer.send("40");
        const sid = await connected(peer);
        assert.match(sid, /^[\w-]{20}$/);
        assert.notEqual(sid, peer.handshake.sid);
      });

      test("with a payload", async () => {
        for (const auth of [{}, { token: "123" }, { a: { b: [1, null, "\u00e9"] }, "": "" }]) {
          const peer = await transport.open();
          await peer.send("40" + JSON.stringify(auth));
          await connected(peer, "", auth);
        }
      });

      test("to the main namespace by its name", async () => {
        const peer = await transport.open();
        await peer.send('40/,{"token":"123"}');
        await connected(peer, "", { token: "123" });
        await answers(peer);
      });

      for (const [packet, auth] of [
        ["40/custom", {}],
        ["40/custom,", {}],
        ['40/custom,{"token":"abc"}', { token: "abc" }],
      ]) {
        test(`to another namespace: ${packet}`, async () => {
          const peer = await transport.open();
          await peer.send(packet);
          await connected(peer, "/custom", auth);
        });
      }

      test("to two namespaces: two ids", async () => {
        const peer = await inMain(transport);
        await peer.send("40/custom,");
        const custom = await connected(peer, "/custom");
        const other = await transport.open();
        await other.send("40");
        assert.notEqual(custom, await connected(other));
        await answers(peer);
      });

      const unknown = ["/random", "/custom/", "/Custom", "/custom?token=1", "/?token=1", "/__proto__", "/\u00e9"];
      for (const namespace of unknown) {
        test(`to ${namespace}, which does not exist: CONNECT_ERROR, the connection lives on`, async () => {
          const peer = await transport.open();
          await peer.send(`40${namespace},`);
          await peer.expect(`44${namespace},{"message":"Invalid namespace"}`);
          await peer.send("40");
          await connected(peer);
          await answers(peer);
        });
      }

      for (const packet of ["40[]", '40["a"]', '40"token"', "40null", "40true", "40{", "40{}}", "40/custom,[]"]) {
        test(`with a payload which is no object, ${packet}: the connection is closed`, async () => {
          const peer = await transport.open();
          await peer.send(packet);
          await assertEnded(peer);
        });
      }

      test("twice: the connection is closed", async () => {
        const peer = await inMain(transport);
        await peer.send("40");
        await assertEnded(peer);
      });

      test("twice to another namespace: the connection is closed", async () => {
        const peer = await inMain(transport);
        await peer.send("40/custom,");
        await connected(peer, "/custom");
        await peer.send("40/custom,");
        await assertEnded(peer);
      });
    });

    describe(`${name}: DISCONNECT`, () => {
      test("leaves the namespace only: the connection lives on, CONNECT makes a new id", async () => {
        const peer = await transport.open();
        await peer.send("40");
        const first = await connected(peer);
        await leave(peer);
        await peer.send("40");
        assert.notEqual(await connected(peer), first);
        await answers(peer);
      });

      for (const packet of ["41/custom", "41/custom,"]) {
        test(`of another namespace, ${packet}, leaves the main one alone`, async () => {
          const peer = await inMain(transport);
          await peer.send("40/custom");
          await connected(peer, "/custom");
          await peer.send(packet, '42["message","message to main namespace"]');
          await peer.expect('42["message-back","message to main namespace"]');
        });
      }

      test("then an EVENT for it: the connection is closed", async () => {
        const peer = await inMain(transport);
        await leave(peer);
        await peer.send('42["message"]');
        await assertEnded(peer);
      });
    });

    describe(`${name}: EVENT and ACK`, () => {
      for (const [packet, answer] of [
        ['42["message"]', '42["message-back"]'],
        ['42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'],
        ['42["message","\u00e9 \u20ac \u{1f600}"]', '42["message-back","\u00e9 \u20ac \u{1f600}"]'],
        ['42["message",{"b":1,"a":2,"c":{}}]', '42["message-back",{"b":1,"a":2,"c":{}}]'],
        ['42["message","[]{},:\\"\\\\"]', '42["message-back","[]{},:\\"\\\\"]'],
        ['42["message","/custom,1[]"]', '42["message-back","/custom,1[]"]'],
        ['42/,["message",1]', '42["message-back",1]'],
        ['42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'],
        ['420["message-with-ack",null]', "430[null]"],
        ['4212["message-with-ack"]', "4312[]"],
        ['429007199254740991["message-with-ack",1]', "439007199254740991[1]"],
      ]) {
        test(`${packet} -> ${answer}`, async () => {
          const peer = await inMain(transport);
          await peer.send(packet);
          await peer.expect(answer);
        });
      }

      test("numbers, escapes and white space keep their meaning", async () => {
        const peer = await inMain(transport);
        const nested = "[".repeat(100) + "]".repeat(100);
        for (const json of [
          "0", "-0.5", "1e3", "1E-7", "123456789.125", "9007199254740991", "true", "false", "null", '""',
          '"\\u00e9\\n\\/\\ud83d\\ude00"', ' { "a" : [ 1 , 2 ] }\t', "[[],{},[{}]]", nested,
        ]) {
          await peer.send(`42[ "message" ,${json}]`);
          const packet = await peer.next();
          assert.equal(packet.slice(0, 2), "42");
          assert.deepEqual(JSON.parse(packet.slice(2)), ["message-back", JSON.parse(json)]);
        }
      });

      test("many packets are answered in their order", async () => {
        const peer = await inMain(transport);
        const numbers = Array.from({ length: 100 }, (_, i) => i);
        await peer.send(...numbers.map((i) => (i % 2 ? `42["message",${i}]` : `42${i}["message-with-ack",${i}]`)));
        await peer.expect(...numbers.map((i) => (i % 2 ? `42["message-back",${i}]` : `43${i}[${i}]`)));
      });

      test("what nobody listens to is ignored and not acknowledged", async () => {
        const peer = await inMain(transport);
        await peer.send("40/custom,");
        await connected(peer, "/custom");
        await peer.send('42["nobody"]', '427["nobody",1]', '42/custom,["message",1]', '42/custom,8["message",1]');
        await peer.send("42[1]", '42["error","x"]', '42["ping"]');
        await answers(peer);
      });

      test("an ACK which nobody waits for is ignored", async () => {
        const peer = await inMain(transport);
        await peer.send("430[]", '4312345["x"]');
        await answers(peer);
      });

      for (const packet of ['42/custom,["message"]', "41/custom,", "43/custom,0[]", '42/random,["message"]']) {
        test(`${packet} for a namespace which was not joined: the connection is closed`, async () => {
          const peer = await inMain(transport);
          await peer.send(packet);
          await assertEnded(peer);
        });
      }

      for (const packet of ['42["message"]', "41", "430[]"]) {
        test(`${packet} before any CONNECT: the connection is closed`, async () => {
          const peer = await transport.open();
          await peer.send(packet);
          await assertEnded(peer);
        });
      }
    });

    describe(`${name}: binary`, () => {
      const { attachment } = transport;
      const [p0, p1] = [JSON.stringify(placeholder(0)), JSON.stringify(placeholder(1))];

      test("BINARY_EVENT comes back as one", async () => {
        const peer = await inMain(transport);
        const attachments = [attachment(1, 2, 3), attachment(4, 5, 6)];
        await peer.send(`452-["message",${p0},${p1}]`, ...attachments);
        await peer.expect(`452-["message-back",${p0},${p1}]`, ...attachments);
      });

      test("BINARY_EVENT with an id is answered by BINARY_ACK", async () => {
        const peer = await inMain(transport);
        const attachments = [attachment(1, 2, 3), attachment(4, 5, 6)];
        await peer.send(`452-789["message-with-ack",${p0},${p1}]`, ...attachments);
        await peer.expect(`462-789[${p0},${p1}]`, ...attachments);
      });

      test("attachments in nested values, among text, in any order", async () => {
        const peer = await inMain(transport);
        const packet = `452-["message",{"a":[1,${p1}],"b":"\u00e9"},${p0},null]`;
        await peer.send(packet, attachment(1, 2), attachment(255, 0));
        const back = ["message-back", { a: [1, "ff00"], b: "\u00e9" }, "0102", null];
        assert.deepEqual(await assembled(transport, peer), ["5", back]);
      });

      test("an empty attachment", async () => {
        const peer = await inMain(transport);
        await peer.send(`451-1["message-with-ack",${p0}]`, attachment());
        assert.deepEqual(await assembled(transport, peer), ["61", [""]]);
      });

      test("a large attachment", async () => {
        const peer = await inMain(transport);
        const large = Buffer.alloc(300000, "0123456789");
        await peer.send(`451-["message",${p0}]`, name === "polling" ? "b" + large.toString("base64") : large);
        assert.deepEqual(await assembled(transport, peer), ["5", ["message-back", large.toString("hex")]]);
      });

      test("ten attachments", async () => {
        const peer = await inMain(transport);
        const all = Array.from({ length: 10 }, (_, i) => i);
        const packet = JSON.stringify(["message", ...all.map(placeholder)]);
        await peer.send(`4510-${packet}`, ...all.map((i) => attachment(i)));
        assert.deepEqual(await assembled(transport, peer), ["5", ["message-back", ...all.map((i) => `0${i}`)]]);
      });

      test("text and binary packets keep their order", async () => {
        const peer = await inMain(transport);
        await peer.send('42["message",1]', `451-["message",${p0}]`, attachment(1), '42["message",2]');
        await peer.expect('42["message-back",1]');
        await peer.expect(`451-["message-back",${p0}]`, attachment(1));
        await peer.expect('42["message-back",2]');
      });

      test("an object which only looks like a placeholder is data", async () => {
        const peer = await inMain(transport);
        await peer.send('42["message",{"_placeholder":true,"num":0},{"_placeholder":false}]');
        await peer.expect('42["message-back",{"_placeholder":true,"num":0},{"_placeholder":false}]');
      });

      for (const [what, ...packets] of [
        ["binary without a packet which announces it", attachment(1)],
        ["text while attachments are missing", `451-["message",${p0}]`, '42["message"]'],
        ["a placeholder beyond the attachments", `451-["message",${p1}]`, attachment(1)],
        ["a placeholder below zero", `451-["message",${JSON.stringify(placeholder(-1))}]`, attachment(1)],
        ["a placeholder which is no number", `451-["message",${JSON.stringify(placeholder("0"))}]`, attachment(1)],
        ["no count of attachments", `45["message",${p0}]`],
        ["an empty count of attachments", `45-["message",${p0}]`],
        ["a count of attachments which is no number", `45x-["message",${p0}]`],
        ["a count of zero", '450-["message"]'],
        ["too many attachments", '4511-["message"]'],
        ["far too many attachments", '4599999999999999999999-["message"]'],
      ]) {
        test(`${what}: the connection is closed`, async () => {
          const peer = await inMain(transport);
          await peer.send(...packets);
          await assertEnded(peer);
        });
      }
    });

    describe(`${name}: packets which end the connection`, () => {
      for (const packet of [
        "4", "4abc", "47", "49", "4-1",
        "42{}", '42"message"', "42[]", "42[null]", "42[{}]", "42[true]", "42[[]]",
        '42abc["message-with-ack",1,"2"]', '42-1["message"]', '421.5["message"]', '42custom,["message"]',
        '42["message"', '42["message",]', '42["message",nul]', '42["message",01]', '42["message",NaN]',
        '42["message"]x', "42['message']", '42["message",{a:1}]', '42["message","\n"]', '42["message","\\x"]',
        '42["message",+1]', '42["message",.5]', '42["message",{"a":1,}]', '42["message"][]',
        '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]', '42["newListener"]',
        '42["removeListener"]',
        "41{}", '41"bye"', "431{}", '431"x"', "431null", '44{"message":"x"}', '44"x"', "44",
      ]) {
        test(JSON.stringify(packet), async () => {
          const peer = await inMain(transport);
          await peer.send(packet);
          await assertEnded(peer);
        });
      }

      test("as the first packet: 4abc", async () => {
        const peer = await transport.open();
        await peer.send("4abc");
        await assertEnded(peer);
      });
    });

    describe(`${name}: no CONNECT`, () => {
      test("the connection is closed after the connect timeout", async () => {
        const began = performance.now();
        const peer = await transport.open();
        if (peer instanceof Wire) {
          await peer.expectClose(1005);
        } else {
          await assertGone(peer);
        }
        const waited = performance.now() - began;
        assert.ok(waited > 900 && waited < 1000 + tolerance, `${waited} ms`);
      });

      test("a namespace which was refused does not count", async () => {
        const peer = await transport.open();
        await peer.send("40/random,");
        await peer.expect('44/random,{"message":"Invalid namespace"}');
        if (peer instanceof Wire) await peer.expectClose(1005);
        else await assertGone(peer);
      });

      test("any namespace counts", async () => {
        const peer = await transport.open();
        await peer.send("40/custom,");
        await connected(peer, "/custom");
        const end = performance.now() + 1300;
        while (performance.now() < end) {
          if (peer instanceof Wire) {
            await pause(100); // pings are answered meanwhile
          } else {
            const { status, body } = await peer.get();
            assert.deepEqual({ status, body }, { status: 200, body: "2" });
            await peer.send("3");
          }
        }
        await peer.send("40");
        await connected(peer);
        await answers(peer);
      });
    });

    describe(`${name}: heartbeat`, () => {
      test("a PING after each interval, as long as PONGs come", async () => {
        let began = performance.now();
        const peer = await inMain(transport);
        peer.pongs = false;
        for (let i = 0; i < 3; i++) {
          const packet = peer instanceof Wire ? await peer.next() : (await peer.get()).body;
          assert.equal(packet, "2");
          const waited = performance.now() - began;
          assert.ok(waited > 200 && waited < 300 + tolerance, `${waited} ms`);
          began = performance.now();
          await peer.send("3");
        }
      });

      test("without a PONG the connection is closed", async () => {
        const began = performance.now();
        const peer = await inMain(transport);
        peer.pongs = false;
        if (peer instanceof Wire) {
          await peer.expect("2");
          await peer.expectClose(1005);
        } else {
          assert.equal((await peer.get()).body, "2");
          const { body } = await peer.get();
          assert.match(body, /^[16]$/);
          assert.equal(await peer.isOpen(), false);
        }
        const waited = performance.now() - began;
        assert.ok(waited > 350 && waited < 500 + tolerance, `${waited} ms`);
      });
    });
  }

  describe("polling only", () => {
    test("a whole conversation in two payloads", async () => {
      const peer = await transports.polling.open();
      await peer.send('40{"token":"123"}', "40/custom,", "40/random,");
      const packets = [];
      for (let i = 0; i < 5; i++) packets.push(await peer.next());
      const seen = packets.map((packet) => packet.replace(/\{"sid":"[\w-]{20}"\}/, "SID"));
      const of = (namespace) => seen.filter((packet) => /^4\d(\/\w+,)?/.exec(packet)[1] === namespace);
      assert.deepEqual(of(undefined), ["40SID", '42["auth",{"token":"123"}]']);
      assert.deepEqual(of("/custom,"), ["40/custom,SID", '42/custom,["auth",{}]']);
      assert.deepEqual(of("/random,"), ['44/random,{"message":"Invalid namespace"}']);
    });

    test("a packet which ends the connection, while a poll is pending: ok, and CLOSE for the poll", async () => {
      const peer = await inMain(transports.polling);
      const poll = await peer.poll();
      await peer.send("4abc");
      const { status, body } = await within(poll.response, "answer to the poll");
      assert.deepEqual({ status, body }, { status: 200, body: "1" });
      assert.equal((await peer.get()).body, errors.sid);
    });

    test("a packet which ends the connection, without a pending poll: the next is NOOP and CLOSE", async () => {
      const peer = await inMain(transports.polling);
      await peer.send("4abc");
      assert.equal((await behindPing(peer)).body, `6${separator}1`);
      assert.equal((await peer.get()).body, errors.sid);
    });

    test("upgrade: nothing is lost, the namespaces stay joined", async () => {
      const peer = await inMain(transports.polling);
      await peer.send('42["message","by polling"]');
      const wire = await Wire.open(peer.at({ transport: "websocket" }));
      wire.send("2probe");
      await wire.expect("3probe");
      wire.send("5", '42["message","by websocket"]');
      await wire.expect('42["message-back","by polling"]', '42["message-back","by websocket"]');
    });
  });
});
