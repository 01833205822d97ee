// A hostile world around a whole server: storms, the dead, the half dead, the slow and the mute. After each the server lets a new
// client in and answers it at once, has nothing left over, and has given its memory back.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { certificate } from "./certificate.mjs";
import { atEnd, contract, eventually, official, pause, within } from "./harness.mjs";
import { exchange, fetchText, Polling } from "./wire.mjs";

const skip = official && "about siokit-server";
const impatient = {
  "--ping-interval": 1000, "--ping-timeout": 3000, "--connect-timeout": 10000, "--header-timeout": 1000, "--body-timeout": 1000,
  "--keep-alive-timeout": 1000, "--outbox-bytes-max": 1_000_000,
};
const options = (changes) => Object.entries({ ...impatient, ...changes }).flat().map(String);
const insecure = { rejectUnauthorized: false }; // the certificate is of our own making
const agent = (server) => server.url.startsWith("https:") && new https.Agent(insecure);

/** What /metrics says of these, the labels of each together unless they are named. */
async function metrics(server, ...names) {
  const { body } = await fetchText(`${server.url}/metrics`, { agent: agent(server) });
  const lines = body.split("\n");
  return names.map((name) => {
    const those = lines.filter((line) => line.startsWith(name) && "{ ".includes(line[name.length]));
    assert.ok(those.length > 0, `${name} is on the page`);
    return those.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  });
}
const metric = async (server, name) => (await metrics(server, name))[0];
const sessions = (server) => metric(server, "siokit_sessions");

const sanitized = (server) => /libasan|libtsan/.test(readFileSync(`/proc/${server.pid}/maps`, "utf8"));

/**
 * Memory that the server has for itself, in bytes. Without the pages of its program, which would hide the rest: four fifths of the
 * resident ones, of 13 MB. Not of /proc/PID/status, where a system may be some 100 kB behind.
 */
function memory(server) {
  return Number(readFileSync(`/proc/${server.pid}/smaps_rollup`, "utf8").match(/^Anonymous:\s+(\d+)/m)[1]) * 1024;
}
/** Seconds of CPU that the server has used. */
function cpu(server) {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Lets a new client in; the milliseconds until it is answered. */
async function serves(server) {
  const begin = performance.now();
  const socket = io(server.url, { ...insecure, forceNew: true, reconnection: false, transports: ["websocket"] });
  atEnd(() => socket.disconnect());
  assert.equal(await within(socket.emitWithAck("message-with-ack", 1), "answer"), 1);
  const took = performance.now() - begin;
  assert.ok(sanitized(server) || took < 1000, `a new client is answered within a second, not after ${took} ms`);
  socket.disconnect();
  return took;
}

/** Waits until nobody is left but who asks. */
async function empty(server) {
  const names = ["siokit_sessions", "siokit_sockets", "siokit_queued_bytes", "siokit_connections"];
  const nothing = ([connections, ...rest]) => connections <= 1 && rest.every((value) => value === 0);
  await eventually(async () => nothing((await metrics(server, ...names)).reverse()), "end of all", 20000);
}

/** A process with so many clients, all of them connected and answered. */
async function crowd(server, count) {
  const program = fileURLToPath(new URL("helpers/crowd.mjs", import.meta.url));
  const child = spawn(process.execPath, [program, server.url, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => child.kill("SIGKILL"));
  await within(new Promise((resolve) => child.stdout.once("data", resolve)), "crowd", 60000);
  assert.ok((await sessions(server)) >= count * 0.9); // one that was kept from its pongs is gone already
  return child;
}
const exit = (child) => within(new Promise((resolve) => child.once("exit", resolve)), "end of the crowd");

const usual = new Map(); // of each server: its memory after ordinary use, before any trouble

/** Runs `trouble` twice and sees that nothing of it is left: no more memory than ordinary use, `guests` who come and go, leaves. */
async function survives(t, server, trouble, guests = 1000) {
  if (!usual.has(server)) {
    const polite = await crowd(server, guests);
    polite.kill("SIGTERM");
    await exit(polite);
    await serves(server);
    await empty(server);
    usual.set(server, memory(server));
  }
  for (let round = 0; round < 2; ++round) {
    await trouble();
    const took = await serves(server);
    t.diagnostic(`a new client is answered after ${took.toFixed()} ms`);
    await empty(server);
  }
  const before = usual.get(server);
  if (sanitized(server)) return; // which keeps what was freed
  let now;
  await eventually(() => (now = memory(server)) <= before * 1.1, "memory as before", 5000)
    .catch((error) => assert.fail(`${error.message}: ${before} bytes have become ${now}`));
  t.diagnostic(`${before} bytes before, ${now} after it`);
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
  test("a storm of connections that say nothing, or half a word", async (t) => {
    await survives(t, server, async () => {
      const words = ["", "G", head("/socket.io/?EIO=4"), handshake.slice(0, -2), "\0\0\0\0", handshake];
      const all = await connections(server, 300, (socket, i) => {
        socket.write(words[i % words.length]);
        if (i % 2 === 0) socket.destroy();
      });
      all.forEach((socket) => socket.destroy());
    });
  });

  test("a thousand clients that are killed at once", { timeout: 100000 }, async (t) => {
    await survives(t, server, async () => {
      const child = await crowd(server, 1000);
      child.kill("SIGKILL");
      await exit(child);
    });
  });

  test("clients that stop without a word are missed by their pings", async (t) => {
    await survives(t, server, async () => {
      const child = await crowd(server, 50);
      child.kill("SIGSTOP");
      await empty(server); // while the other ends of the connections are still there
      child.kill("SIGKILL");
    });
  });

  test("slow heads and bodies are cut off, however many", async (t) => {
    await survives(t, server, async () => {
      const all = await connections(server, 99);
      const slow = all.map(async (socket, i) => {
        const words = [handshake, head("/socket.io/?EIO=4&transport=polling", "X: ") + "x".repeat(10000), "x".repeat(10000)][i % 3];
        if (i % 3 === 2) { // a body, of a session
          const { pathname, search } = new URL((await Polling.open(server, { path: "/socket.io/" })).at());
          socket.write(`POST ${pathname}${search} HTTP/1.1\r\nHost: a\r\nContent-Length: ${words.length}\r\n\r\n`);
        }
        let at = 0;
        const timer = setInterval(() => socket.write(words[at++]), 50);
        atEnd(() => clearInterval(timer));
        await closed(socket.resume());
        clearInterval(timer);
      });
      await within(Promise.all(slow), "end of the slow ones", 20000);
    });
  });

  test("polling sessions are given up, wherever they are abandoned", async (t) => {
    const open = () => Polling.open(server, { path: "/socket.io/" });
    const joined = async () => {
      const session = await open();
      await session.send("40");
      assert.match((await session.get()).body, /40\{"sid":/); // behind a ping, if that was slow
      return session;
    };
    const abandon = [
      open,
      joined,
      async () => (await (await joined()).poll()).abort(), // the answer has nobody to go to
      async () => (await (await joined()).beginPost(100, '42["message",')).abort(),
      async () => {
        const session = await joined();
        await session.poll(); // open until the end of the test, and nobody answers the ping that it brings
        (await session.beginPost(100, '42["message",')).request.socket.resetAndDestroy();
      },
    ];
    await survives(t, server, async () => {
      const opened = await metric(server, "siokit_sessions_opened_total");
      for (let i = 0; i < 20; ++i) await Promise.all(Array.from({ length: 25 }, (_, k) => abandon[k % abandon.length]()));
      assert.equal((await metric(server, "siokit_sessions_opened_total")) - opened, 500);
    });
  });

  test("garbage behind the handshake", async (t) => {
    await survives(t, server, async () => {
      const garbage = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3));
      const all = await connections(server, 50, (socket, i) => socket.write(Buffer.concat([Buffer.from(handshake), garbage.subarray(i)])));
      await within(Promise.all(all.map((socket) => closed(socket.resume()))), "end of all", 20000);
    });
  });
}, { options: options(), skip });

contract("load", (server) => {
  test("readers that have stopped reading cost what one may cost, and are cut off", async (t) => {
    await survives(t, server, async () => {
      const mute = await connections(server, 20, (socket) => socket.write(Buffer.concat([Buffer.from(handshake), join])));
      await eventually(async () => (await metric(server, "siokit_sockets")) === 20, "all mute readers");
      mute.forEach((socket) => socket.pause());
      const talker = io(server.url, { forceNew: true, reconnection: false, transports: ["websocket"] });
      atEnd(() => talker.disconnect());
      const text = "x".repeat(100_000);
      const full = 'siokit_errors_total{kind="outbox_full"}';
      const cut = (await metric(server, full)) + mute.length;
      for (let i = 0, now = 0; now < cut; ++i) {
        assert.ok(i < 300, `${cut - now} readers of 30 MB have not been cut off`); // the system takes some MB for each
        talker.emit("broadcast", text);
        assert.equal(await within(talker.emitWithAck("message-with-ack", i), "answer to who reads"), i);
        let queued;
        [now, queued] = await metrics(server, full, "siokit_queued_bytes");
        assert.ok(queued < 21 * 1_100_000, "what waits is bounded");
      }
      assert.deepEqual(await metrics(server, full, "siokit_sessions"), [cut, 1]);
      await eventually(async () => (await metric(server, "siokit_connections")) === 2, "end of their connections");
      talker.disconnect();
      mute.forEach((socket) => socket.destroy());
    });
  });
}, { options: options({ "--ping-interval": 100000, "--write-timeout": 1000 }), skip }); // no ping ends whom the outbox should end

contract("load", (server) => {
  test("TLS that is cut, that is none, that wants another version, and that wants to negotiate again", async (t) => {
    /** A TLS connection and the TCP connection under it, or the error that it ended with. */
    const open = async (how) => {
      const raw = net.connect(server.port, server.host).on("error", () => {});
      atEnd(() => raw.destroy());
      const secure = tls.connect({ socket: raw, ...insecure, ...how });
      const error = await within(new Promise((resolve) => secure.on("error", resolve).once("secureConnect", resolve)), "end of it");
      return { raw, secure, error };
    };
    const record = Buffer.from([23, 3, 3, 1, 0, 1, 2, 3]); // of which 253 bytes are missing
    await survives(t, server, async () => {
      for (let i = 0; i < 30; ++i) {
        const raw = net.connect(server.port, server.host).on("error", () => {});
        atEnd(() => raw.destroy());
        raw.write(i % 3 === 0 ? handshake : Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3].slice(0, 1 + (i % 11))));
        if (i % 2 === 0) raw.destroySoon();
      }
      const old = await open({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" });
      assert.equal(old.error?.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
      for (let i = 0; i < 10; ++i) {
        const { secure } = await open({ maxVersion: "TLSv1.2" });
        assert.equal(secure.getProtocol(), "TLSv1.2");
        const outcome = await within(new Promise((resolve) => {
          secure.once("close", () => resolve("closed"));
          if (!secure.renegotiate({}, (error) => resolve(error ? "refused" : "done"))) resolve("refused");
        }), "answer to the renegotiation");
        assert.notEqual(outcome, "done");
      }
      for (let i = 0; i < 40; ++i) {
        const { raw, secure } = await open({});
        if (i % 2 === 0) {
          secure.write(Buffer.concat([Buffer.from(handshake), join])); // a session is cut
          await within(new Promise((resolve) => secure.once("data", resolve)), "answer");
        } else {
          await new Promise((resolve) => secure.write(handshake.slice(0, 50), resolve));
        }
        if (i % 4 > 1) raw.write(record);
        if (i % 8 > 3) raw.resetAndDestroy();
        else raw.destroySoon(); // no close_notify
      }
    }, 100); // as many as there are in the trouble: OpenSSL's memory of a thousand would hide what is kept of these
  });
}, { options: [...options(), ...certificate().options], skip });

contract("load", (server) => {
  test("without descriptors nobody is let in, nothing spins, and later all is well", async (t) => {
    const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).map(Number);
    await survives(t, server, async () => {
      const limit = descriptors().length + 40;
      const usedUp = () => descriptors().filter((each) => each < limit).length === limit;
      execFileSync("prlimit", ["--pid", `${server.pid}`, `--nofile=${limit}:`]);
      const all = await connections(server, 100); // the kernel takes them, the server can't
      await eventually(usedUp, "end of the descriptors");
      const late = exchange(`${server.url}/metrics`);
      let answered = false;
      late.response.then(() => (answered = true), () => {});
      const before = cpu(server);
      await pause(2000);
      const used = cpu(server) - before;
      assert.ok(used < 0.5, `${used} s of CPU in 2 s`);
      assert.ok(usedUp());
      assert.ok(!answered, "nobody is let in");
      late.abort();
      all.forEach((socket) => socket.destroy()); // from here a second, the server's pauses of 0.1 s between two attempts included
    });
  });
}, { options: options({ "--header-timeout": 100000 }), skip }); // who says nothing keeps its descriptor

test("who is told to end as soon as it is there ends well", { skip: skip || (!process.env.SIOKIT_SERVER && "no program") }, async () => {
  for (let i = 0; i < 10; ++i) {
    const child = spawn(process.env.SIOKIT_SERVER, ["--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.once("data", () => child.kill("SIGTERM"));
    const code = await within(new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal))), "end");
    assert.equal(code, 0);
  }
});
