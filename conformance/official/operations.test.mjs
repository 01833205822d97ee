// siokit-server as operators run it: /metrics, a new certificate, an orderly end, a Unix socket, its log.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import tls from "node:tls";
import { io } from "socket.io-client";
import { certificate } from "./certificate.mjs";
import { eventually, within } from "./harness.mjs";
import { fetchText } from "./wire.mjs";

const program = process.env.SIOKIT_SERVER;
const skip = !program && "SIOKIT_SERVER is not set";

describe("siokit-server in operation", { skip }, () => {
  let folder;
  let child;
  let log;
  let clients;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "siokit-"));
    clients = [];
  });
  afterEach(() => {
    for (const client of clients) client.disconnect();
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  /** Starts the server; where it listens. */
  async function start(...args) {
    child = spawn(program, ["--port", "0", "--log-level", "debug", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    log = "";
    child.stderr.on("data", (text) => (log += text));
    const [line] = await within(once(child.stdout, "data"), "line of the server");
    return /listening on (\S+)/.exec(line)[1];
  }
  async function connect(url, options) {
    const client = io(url, { forceNew: true, ...options });
    clients.push(client);
    await within(once(client, "connect"), "connect");
    return client;
  }
  const logged = (pattern) => eventually(() => pattern.exec(log), `${pattern} in the log`);

  test("/metrics: sessions, packets, upgrades, refusals, as Prometheus reads them", async () => {
    const url = await start();
    const value = async (name) => {
      const { headers, body } = await fetchText(`${url}/metrics`);
      assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
      for (const line of body.trimEnd().split("\n")) {
        assert.match(line, /^# (HELP|TYPE) [a-z_]+ \S|^[a-z_]+(\{[a-z]+="[^"]*"\})? \d+(\.\d+)?$/);
      }
      const found = body.split("\n").find((line) => line.startsWith(`${name} `));
      return found && Number(found.split(" ").at(-1));
    };
    assert.equal(await value('siokit_sessions{transport="websocket"}'), 0);
    const client = await connect(url);
    await eventually(() => client.io.engine.transport.name === "websocket", "upgrade");
    await within(client.emitWithAck("message-with-ack", 1), "ack");
    assert.equal(await value('siokit_sessions{transport="websocket"}'), 1);
    assert.equal(await value("siokit_upgrades_total"), 1);
    assert.equal(await value('siokit_sockets{nsp="/"}'), 1);
    assert.ok((await value('siokit_packets_received_total{transport="websocket"}')) >= 1);
    assert.equal((await fetchText(`${url}/socket.io/?EIO=4&transport=polling&sid=none`)).status, 400);
    assert.equal(await value('siokit_requests_refused_total{code="1"}'), 1);
    client.io.engine.transport.ws.send("nonsense");
    await eventually(async () => (await value('siokit_sessions_closed_total{reason="parse error"}')) === 1, "parse error");
    assert.equal(await value('siokit_errors_total{kind="unknown_packet_type"}'), 1);
  });

  test("an address that asks for too much hears 429, and comes back when it may", async () => {
    const url = await start("--handshakes-per-second", "1");
    let refused;
    let error;
    for (let i = 0; !error && i < 100; ++i) {  // ten, and one more for each second that this takes
      refused = io(url, { forceNew: true, transports: ["polling"], reconnectionDelay: 100 });
      clients.push(refused);
      const first = Promise.race([once(refused, "connect"), once(refused, "connect_error")]);
      [error] = await within(first, "connect or connect_error");
    }
    assert.equal(error.description, 429);
    await logged(/request refused status=429 code=4 message="Too many requests" context="handshake_rate" cause=handshake_rate/);
    const { body } = await fetchText(`${url}/metrics`);
    assert.match(body, /siokit_errors_total\{kind="handshake_rate"\} [1-9]/);
    await within(once(refused, "connect"), "connect");
  });

  test("who sends too much is disconnected, and the log names the cause", async () => {
    const client = await connect(await start("--packets-per-second", "5"), { transports: ["websocket"] });
    const gone = once(client, "disconnect");
    for (let i = 0; i < 100; ++i) client.emit("message", i);
    const [reason] = await within(gone, "disconnect");
    assert.equal(reason, "transport close");
    await logged(/session closed session=\S+ reason="transport error" cause=packet_rate detail="/);
    await logged(/disconnect nsp=\/ sid=\S+ session=\S+ reason="transport error" cause=packet_rate/);
  });

  test("the log names sessions, but not enough to take them over", async () => {
    const client = await connect(await start());
    const { id } = client.io.engine;
    client.disconnect();
    await logged(new RegExp(`session opened session=${id.slice(0, 8)} transport=polling revision=4`));
    await logged(new RegExp(`connect nsp=/ sid=\\S+ session=${id.slice(0, 8)} address=127.0.0.1`));
    await logged(new RegExp(`session closed session=${id.slice(0, 8)} reason="`));
    assert.ok(!log.includes(id));
  });

  test("SIGHUP: new connections get the new certificate; a bad one is not taken", async () => {
    const { key, options } = certificate("first", folder);
    const url = await start(...options);
    const port = Number(new URL(url).port);
    const shown = async () => {
      const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
      await within(once(socket, "secureConnect"), "TLS");
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    assert.equal(await shown(), "first");
    const client = await connect(url, { rejectUnauthorized: false, transports: ["websocket"] });
    certificate("second", folder);
    child.kill("SIGHUP");
    await logged(/certificate read again/);
    assert.equal(await shown(), "second");
    rmSync(key);
    child.kill("SIGHUP");
    await logged(/certificate kept: .*key\.pem/);
    assert.equal(await shown(), "second");
    assert.equal(await within(client.emitWithAck("message-with-ack", 1), "ack"), 1, "open connections stay");
  });

  test("SIGTERM: sessions are closed one after the other, the last one in time", async () => {
    const url = await start("--drain-timeout", "2000");
    const ends = [];
    for (let i = 0; i < 10; i++) {
      const client = await connect(url, { transports: ["websocket"], reconnection: false });
      client.on("disconnect", (reason) => ends.push([Date.now(), reason]));
    }
    const begin = Date.now();
    child.kill("SIGTERM");
    const [code] = await within(once(child, "exit"), "end of the server");
    assert.equal(code, 0);
    await eventually(() => ends.length === 10, "the end of each session");
    assert.ok(ends.every(([, reason]) => reason === "transport close"), ends.join());
    assert.ok(ends[9][0] - ends[0][0] >= 500, "spread over the time given");
    assert.ok(ends[9][0] - begin < 7000);
  });

  test("SIGINT ends at once", async () => {
    const client = await connect(await start("--drain-timeout", "60000"));
    const [left, ended] = [once(client, "disconnect"), once(child, "exit")];
    child.kill("SIGINT");
    await within(left, "disconnect");
    assert.deepEqual(await within(ended, "end of the server"), [0, null]);
  });

  test("a Unix socket, behind a proxy that is trusted", async () => {
    const path = join(folder, "server.sock");
    assert.equal(await start("--host", `unix:${path}`, "--trusted-proxy", "unix"), `unix:${path}`);
    const request = http.get({ socketPath: path, path: "/socket.io/?EIO=4&transport=polling", headers: { "X-Forwarded-For": "1.2.3.4" } });
    const [response] = await within(once(request, "response"), "response");
    assert.equal(response.statusCode, 200);
    const [body] = await once(response, "data");
    const { sid } = JSON.parse(body.toString().slice(1));
    const post = http.request({ socketPath: path, method: "POST", path: `/socket.io/?EIO=4&transport=polling&sid=${sid}` });
    post.end("40");
    await within(once(post, "response"), "response");
    await logged(/connect nsp=\/ sid=\S+ session=\S+ address=1\.2\.3\.4/);
  });
});
