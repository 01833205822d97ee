// What our client goes through with the official server: kills, cuts, silence, losses.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../harness.mjs";
import { Ours, play, program, quick, settled, ways } from "./drivers.mjs";
import { versions } from "./servers.mjs";

const skip = !program && "SIOKIT_CLIENT is not set";

describe("our client", { skip }, () => {
  const ours = (way, scenario) => play(Ours, way, scenario);

  for (const perMessageDeflate of [true, false]) {
    test(`compresses when the server does: ${perMessageDeflate}`, () =>
      ours("websocket", {
        server: { options: { perMessageDeflate } },
        async run(client, server, wire) {
          await settled(client);
          for (const text of ["short", "x".repeat(100_000), "\u{1F600}".repeat(20_000)]) {
            client.ask("echo", text);
            await client.until(`answer ${JSON.stringify([text])}`);
          }
          assert.equal(wire.bytes < 20_000, perMessageDeflate, `${wire.bytes} bytes have passed`);
        },
      }));
  }

  for (const way of Object.keys(ways)) {
    for (const version of Object.keys(versions)) {
      test(`survives that server ${version} is killed and started again, ${way}`, () =>
        ours(way, {
          server: { version },
          client: { options: quick },
          async run(client, server) {
            await settled(client);
            await server.restart();
            await client.until("connect", 2);
            client.ask("echo", "back");
            await client.until('answer ["back"]');
            const reason = client.lines.find((line) => line.startsWith("disconnect"));
            assert.match(reason, /^disconnect transport (close|error)$/);
          },
        }));
    }

    test(`comes through, wherever its connection is cut, ${way}`, () =>
      ours(way, {
        client: { options: { reconnectionDelay: 10, reconnectionDelayMax: 20 } },
        async run(first, server, wire) {
          await settled(first);
          // Every byte of the handshake would take long: steps of a few cover each packet.
          for (let bytes = 1; bytes < 900; bytes += 23) {
            wire.cutAfter(bytes);
            const client = new Ours(wire.url, { transports: ways[way], options: { reconnectionDelay: 10, reconnectionDelayMax: 20 } });
            try {
              await client.until("connect");
              client.ask("echo", bytes);
              await eventually(() => client.lines.some((line) => /^(answer|disconnect)/.test(line)), `answer after ${bytes} bytes`);
            } finally {
              await client.end();
            }
          }
        },
      }));

    test(`recovers what it missed, ${way}`, () =>
      ours(way, {
        server: { options: { connectionStateRecovery: {}, pingInterval: 200, pingTimeout: 200 } },
        client: { options: { reconnectionDelay: 300, reconnectionDelayMax: 300 } },
        async run(client, server, wire) {
          await settled(client);
          server.io.emit("first", 1);
          await client.until(/^event first/);
          wire.mode = "refuse";
          wire.cut();
          await client.until(/^disconnect/);
          await eventually(() => server.io.of("/").sockets.size === 0, "the server has noticed");
          server.io.emit("missed", 2);
          wire.mode = "open";
          await client.until("connect", 2);
          const from = client.lines.findIndex((line) => line.startsWith("disconnect"));
          const after = client.lines.slice(from).filter((line) => /^(event|connect$)/.test(line));
          assert.match(after[0], /^event missed \[2,"/);
          assert.equal(after[1], "connect");
        },
      }));

    test(`leaves a server that falls silent, ${way}`, () =>
      ours(way, {
        server: { options: { pingInterval: 300, pingTimeout: 200 } },
        client: { options: quick },
        async run(client, server, wire) {
          await settled(client);
          wire.mode = "silent";
          await client.until("disconnect ping timeout");
          wire.cut();
          wire.mode = "open";
          await client.until("connect", 2);
        },
      }));

    test(`sends again until it is answered, ${way}`, () => {
      let tries = 0;
      return ours(way, {
        server: {
          setUp(io) {
            io.on("connection", (socket) => socket.on("save", (value, answer) => ++tries === 3 && answer(value)));
          },
        },
        client: { options: { retries: 3, ackTimeout: 150 } },
        async run(client) {
          await settled(client);
          client.ask("save", "it");
          await client.until('answer ["it"]');
          assert.equal(tries, 3);
        },
      });
    });
  }
});
