// Our client does what the official client does: the same scenario for both, the same story told by both.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pause } from "../harness.mjs";
import { Ours, Theirs, play, program, quick, settled, ways } from "./drivers.mjs";
import { versions } from "./servers.mjs";

const skip = !program && "SIOKIT_CLIENT is not set";

function same(title, scenario) {
  describe(title, { skip }, () => {
    for (const way of scenario.ways ?? Object.keys(ways)) {
      test(way, async () => {
        const theirs = await play(Theirs, way, scenario);
        const ours = await play(Ours, way, scenario);
        const end = Math.min(...[theirs, ours].map((story) => story.indexOf("end") + 1 || story.length));
        assert.deepEqual(ours.slice(0, end), theirs.slice(0, end));
      });
    }
  });
}

/** The last line that counts. */
const end = (client) => client.note("end");

for (const version of Object.keys(versions)) {
  same(`events, acknowledgements and binary data, server ${version}`, {
    server: { version },
    async run(client) {
      await settled(client);
      client.emit("echo", "hi", { a: [1, null] });
      await client.until(/^event echo/);
      client.ask("echo", 1, "ü\u{1F600}");
      await client.until(/^answer/);
      client.disconnect();
      await client.until(/^disconnect/);
      client.connect();
      await client.until("connect", 2);
      await client.until(/^event welcome/, 2);
      client.emit("echo", "again");
      await client.until(/^event echo/, 2);
      end(client);
    },
  });
}

same("a namespace", {
  client: { nsp: "/chat" },
  async run(client) {
    await settled(client);
    client.ask("echo", 1);
    await client.until(/^answer/);
    end(client);
  },
});

same("an unknown namespace", {
  client: { nsp: "/nowhere" },
  async run(client) {
    await client.until(/^connect_error/);
    end(client);
  },
});

same("the server disconnects the socket", {
  client: { options: quick },
  async run(client) {
    await settled(client);
    client.emit("kick");
    await client.until(/^disconnect/);
    await pause(200);
    end(client);
  },
});

same("the server disconnects the client", {
  client: { options: quick },
  async run(client) {
    await settled(client);
    client.emit("kickall");
    await client.until(/^disconnect/);
    await pause(200);
    end(client);
  },
});

same("the server closes the connection", {
  client: { options: quick },
  async run(client) {
    await settled(client);
    client.emit("close");
    await client.until("connect", 2);
    await client.until(/^event welcome/, 2);
    end(client);
  },
});

same("the server sends garbage", {
  client: { options: quick },
  async run(client) {
    await settled(client);
    client.emit("garbage");
    await client.until("connect", 2);
    await client.until(/^event welcome/, 2);
    end(client);
  },
});

same("nobody is there", {
  client: { options: { ...quick, reconnectionAttempts: 3 } },
  async run(client, server) {
    await server.kill();
    await client.until("reconnect_failed");
    await client.until(/^reconnect_error/, 3);
    end(client);
  },
});

same("disconnected while it waits to reconnect", {
  client: { options: { reconnectionDelay: 60_000, reconnectionDelayMax: 60_000 } },
  async run(client, server) {
    await settled(client);
    await server.kill();
    await client.until(/^disconnect/);
    client.disconnect();
    await client.until("close forced close");
    end(client);
  },
});

same("without reconnection", {
  client: { options: { reconnection: false } },
  async run(client, server, wire) {
    wire.mode = "refuse";
    await client.until(/^connect_error/);
    await pause(200);
    end(client);
  },
});

same("refused, then accepted", {
  server: {
    setUp(io) {
      io.use((socket, next) => {
        const good = socket.handshake.auth.token === "good";
        next(good ? undefined : Object.assign(new Error("not authorized"), { data: { code: 7 } }));
      });
    },
  },
  client: { auth: { token: "bad" } },
  async run(client) {
    await client.until(/^connect_error/);
    client.auth({ token: "good" });
    client.connect();
    await settled(client);
    end(client);
  },
});

same("an acknowledgement that never comes", {
  async run(client) {
    await settled(client);
    client.ask("hush");
    await client.until("ack operation has timed out");
    end(client);
  },
});

same("a server that falls silent", {
  ways: ["websocket", "polling, then websocket"],
  server: { options: { pingInterval: 300, pingTimeout: 200 } },
  client: { options: quick },
  async run(client, server, wire) {
    await settled(client);
    wire.mode = "silent";
    await client.until("disconnect ping timeout");
    wire.cut();
    wire.mode = "open";
    await client.until("connect", 2);
    await client.until(/^event welcome/, 2);
    client.lines = client.lines.filter((line) => !/^(error|connect_error|reconnect_error|reconnect_attempt|reconnect) /.test(line));
    end(client);
  },
});

same("a message larger than the server takes", {
  server: { options: { maxHttpBufferSize: 1000 } },
  client: { options: quick },
  async run(client) {
    await settled(client);
    client.emit("echo", "x".repeat(2000));
    await client.until("connect", 2);
    await client.until(/^event welcome/, 2);
    end(client);
  },
});
