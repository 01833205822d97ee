// A hostile world around a whole server: storms, the dead, the half dead, the slow and the mute. After each the server lets a new
// client in and answers it at once, has no session left over, and has given its memory back.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { certificate } from "./certificate.mjs";
import { atEnd, contract, eventually, official, pause, within } from "./harness.mjs";
import { fetchText } from "./wire.mjs";

const skip = official && "about siokit-server";
const options = ["--ping-interval", 1000, "--ping-timeout", 1000, "--connect-timeout", 10000, "--header-timeout", 1000,
                 "--body-timeout", 1000, "--keep-alive-timeout", 1000, "--outbox-bytes-max", 1_000_000].map(String);

/** What /metrics says of a gauge, all its labels together. */
async function metric(server, name) {
  const { body } = await fetchText(`${server.url}/metrics`);
  return body.split("\n").filter((line) => line.startsWith(name) && "{ ".includes(line[name.length]))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
const sessions = (server) => metric(server, "siokit_sessions");

/** Memory of the server in bytes; undefined where a sanitizer keeps what was freed. */
function memory(server) {
  if (/libasan|libtsan/.test(readFileSync(`/proc/${server.pid}/maps`, "utf8"))) return undefined;
  return Number(readFileSync(`/proc/${server.pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) * 1024;
}
/** Seconds of CPU that the server has used. */
function cpu(server) {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function serves(server) {
  const begin = Date.now();
  const socket = io(server.url, { forceNew: true, reconnection: false, transports: ["websocket"] });
  atEnd(() => socket.disconnect());
  assert.equal(await within(socket.emitWithAck("message-with-ack", 1), "answer"), 1);
  assert.ok(memory(server) === undefined || Date.now() - begin < 1000, "a new client is answered within a second");
  socket.disconnect();
}

/** Runs `trouble` and sees that nothing of it is left. The first time the server takes memory that it keeps. */
async function survives(server, trouble) {
  await trouble();
  await eventually(async () => (await sessions(server)) === 0, "end of all sessions", 20000);
  const before = memory(server);
  await trouble();
  await serves(server);
  await eventually(async () => (await sessions(server)) === 0, "end of all sessions", 20000);
  if (before === undefined) return;
  await eventually(() => memory(server) < before * 1.1 + 1_000_000, "memory as before", 5000);
}

/** Connections that stay open; `each(socket, i)` is called when one is there. */
async function connections(server, count, each) {
  const all = [];
  atEnd(() => all.forEach((socket) => socket.destroy()));
  for (let i = 0; i < count; ++i) {
    const socket = net.connect(server.port, server.host).on("error", () => {});
    all.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    each?.(socket, i);
  }
  return all;
}
const head = (target, more = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}`;
const handshake =
  head("/socket.io/?EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n") +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const join = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]); // 40
const closed = (socket) => new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", resolve)));

contract("load", (server) => {
  test("a storm of connections that say nothing, or half a word", async () => {
    await survives(server, async () => {
      const words = ["", "G", head("/socket.io/?EIO=4"), handshake.slice(0, -2), "\0\0\0\0", handshake];
      const all = await connections(server, 300, (socket, i) => {
        socket.write(words[i % words.length]);
        if (i % 2 === 0) socket.destroy();
      });
      all.forEach((socket) => socket.destroy());
    });
  });

  test("a thousand clients that are killed at once", { timeout: 100000 }, async () => {
    await survives(server, async () => {
      const child = spawn(process.execPath, [fileURLToPath(new URL("helpers/crowd.mjs", import.meta.url)), server.url, "1000"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      atEnd(() => child.kill("SIGKILL"));
      await within(new Promise((resolve) => child.stdout.once("data", resolve)), "crowd", 60000);
      assert.ok((await sessions(server)) >= 900);
      child.kill("SIGKILL");
      await within(new Promise((resolve) => child.once("exit", resolve)), "its end");
    });
  });

  test("clients that stop without a word are missed by their pings", async () => {
    await survives(server, async () => {
      const child = spawn(process.execPath, [fileURLToPath(new URL("helpers/crowd.mjs", import.meta.url)), server.url, "50"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      atEnd(() => child.kill("SIGKILL"));
      await within(new Promise((resolve) => child.stdout.once("data", resolve)), "crowd", 30000);
      child.kill("SIGSTOP");
      await eventually(async () => (await sessions(server)) === 0, "end of all sessions", 20000);
      child.kill("SIGKILL");
    });
  });

  test("slow heads and bodies are cut off, however many", async () => {
    await survives(server, async () => {
      const all = await connections(server, 100);
      const slow = all.map((socket, i) => {
        const words = i % 2 === 0 ? handshake : head("/socket.io/?EIO=4&transport=polling", "X: ") + "x".repeat(10000);
        let at = 0;
        const timer = setInterval(() => socket.write(words[at++] ?? "x"), 50);
        atEnd(() => clearInterval(timer));
        return closed(socket).then(() => clearInterval(timer));
      });
      await within(Promise.all(slow), "end of the slow ones", 20000);
    });
  });

  test("polling sessions that are abandoned at their handshake are given up", async () => {
    await survives(server, async () => {
      const open = () => fetchText(`${server.url}/socket.io/?EIO=4&transport=polling`);
      for (let i = 0; i < 20; ++i) await Promise.all(Array.from({ length: 25 }, open));
    });
  });

  test("readers that have stopped reading cost what one may cost, and are cut off", async () => {
    await survives(server, async () => {
      const mute = await connections(server, 20, (socket) => socket.write(Buffer.concat([Buffer.from(handshake), join])));
      await eventually(async () => (await sessions(server)) === 20, "all mute readers");
      mute.forEach((socket) => socket.pause());
      const talker = io(server.url, { forceNew: true, transports: ["websocket"] });
      atEnd(() => talker.disconnect());
      const text = "x".repeat(100_000);
      for (let i = 0; i < 100; ++i) {
        talker.emit("broadcast", text);
        await talker.emitWithAck("message-with-ack", i);
        assert.ok((await metric(server, "siokit_queued_bytes")) < 21 * 1_100_000, "what waits is bounded");
      }
      talker.disconnect();
      mute.forEach((socket) => socket.destroy());
    });
  });

  test("garbage behind the handshake", async () => {
    await survives(server, async () => {
      const garbage = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3));
      const all = await connections(server, 50, (socket, i) => socket.write(Buffer.concat([Buffer.from(handshake), garbage.subarray(i)])));
      await within(Promise.all(all.map((socket) => closed(socket.resume()))), "end of all", 20000);
    });
  });
}, { options, skip });

contract("load", (server) => {
  test("TLS that is cut, that is none, that wants another version, and that wants to negotiate again", async () => {
    const open = (how) => new Promise((resolve) => {
      const socket = tls.connect({ port: server.port, host: server.host, rejectUnauthorized: false, ...how }, () => resolve(socket));
      socket.on("error", () => resolve(socket));
      atEnd(() => socket.destroy());
    });
    for (let i = 0; i < 30; ++i) {
      const raw = net.connect(server.port, server.host).on("error", () => {});
      atEnd(() => raw.destroy());
      raw.write(i % 3 === 0 ? handshake : Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3].slice(0, 1 + (i % 11))));
      if (i % 2 === 0) raw.destroySoon();
    }
    const old = await open({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" });
    assert.ok(!old.authorized && old.getPeerCertificate()?.subject === undefined, "TLS 1.1 is too old");
    const again = await open({ maxVersion: "TLSv1.2" });
    assert.equal(again.getProtocol(), "TLSv1.2");
    const outcome = await within(new Promise((resolve) => {
      again.once("close", () => resolve("closed"));
      if (!again.renegotiate({}, (error) => resolve(error ? "refused" : "done"))) resolve("refused");
    }), "answer to the renegotiation");
    assert.notEqual(outcome, "done");
    const truncated = await open({});
    truncated.write(handshake.slice(0, 50));
    truncated._handle?.close?.(); // no close_notify
    const socket = io(server.url, { forceNew: true, reconnection: false, transports: ["websocket"], rejectUnauthorized: false });
    atEnd(() => socket.disconnect());
    assert.equal(await within(socket.emitWithAck("message-with-ack", 1), "answer"), 1);
  });
}, { options: [...options, ...certificate().options], skip });

contract("load", (server) => {
  test("without descriptors nobody is let in, nothing spins, and later all is well", async () => {
    if (memory(server) === undefined) return; // the sanitizer itself needs descriptors
    const limit = (count) => execFileSync("prlimit", ["--pid", `${server.pid}`, `--nofile=${count}:1000`]);
    limit(40);
    const all = await connections(server, 100); // the kernel takes them, the server can't
    await pause(500); // for it to find out
    const before = cpu(server);
    await pause(2000);
    const used = cpu(server) - before;
    assert.ok(used < 0.5, `${used} s of CPU in 2 s`);
    all.forEach((socket) => socket.destroy());
    await eventually(() => serves(server).then(() => true, () => false), "a new client", 20000);
  });
}, { options, skip });

test("who is told to end as soon as it is there ends well", { skip: skip || (!process.env.SIOKIT_SERVER && "no program") }, async () => {
  for (let i = 0; i < 10; ++i) {
    const child = spawn(process.env.SIOKIT_SERVER, ["--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.once("data", () => child.kill("SIGTERM"));
    const code = await within(new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal))), "end");
    assert.equal(code, 0);
  }
});
