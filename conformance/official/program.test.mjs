// The program itself: TLS with the official client, and what wrong options, ports and files get.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { certificate } from "./certificate.mjs";
import { eventually, within } from "./harness.mjs";

const program = process.env.SIOKIT_SERVER;
const skip = !program && "SIOKIT_SERVER is not set";

describe("siokit-server", { skip }, () => {
  const run = (...args) => spawnSync(program, args, { encoding: "utf8", timeout: 10000 });
  const oneLine = (text, ...parts) => {
    assert.equal(text.trim().split("\n").length, 1, text);
    for (const part of parts) assert.ok(text.includes(part), `${text} lacks ${part}`);
  };

  test("a wrong option: one line that names it, exit 2", () => {
    for (const [args, named] of [
      [["--port", "abc"], "--port"],
      [["--contract", "nope"], "nope"],
      [["--transports", "pigeon"], "--transports"],
      [["--parser", "bson"], "--parser"],
      [["--ping-interval", "0"], "--ping-interval"],
      [["--allow-misbehaviour", "--tls-cert", "a.pem", "--tls-key", "b.pem"], "--allow-misbehaviour"],
      [["--tls-cert", "only.pem"], "--tls-key"],
      [["--contract", "engine-bench", "--profile", "nope"], "nope"],
      [["--profile", "nope"], "nope"],
      [["--cors-origin", "http://a.example/"], "cors.origin"],
      [["--cors-max-age", "-1"], "--cors-max-age"],
      [["--cors-options-success-status", "404"], "--cors-options-success-status"],
      [["--cookie-name", "a b"], "cookie.name"],
      [["--cookie-same-site", "maybe"], "--cookie-same-site"],
      [["--http-compression-level", "10"], "--http-compression-level"],
      [["--max-disconnection-duration", "1000"], "--max-disconnection-duration"],
      [["--no-skip-middlewares"], "--skip-middlewares"],
      [["--no-such-option"], "--no-such-option"],
    ]) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(" "));
      oneLine(stderr, "siokit-server:", named);
    }
  });

  test("a port in use, a certificate that cannot be read: one line, exit 1", async () => {
    const holder = net.createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address();
    const taken = run("--port", String(port));
    holder.close();
    assert.equal(taken.status, 1);
    oneLine(taken.stderr, String(port));
    const unreadable = run("--port", "0", "--tls-cert", "/nonexistent.pem", "--tls-key", "/nonexistent.pem");
    assert.equal(unreadable.status, 1);
    oneLine(unreadable.stderr, "tls_cert: /nonexistent.pem");
    const bare = run("--port", "0", "--serve-client", "/nonexistent");
    assert.equal(bare.status, 1);
    oneLine(bare.stderr, "serve_client", "/nonexistent");
  });

  /** The log until the server listens. */
  async function logAtStart(...args) {
    const child = spawn(program, ["--port", "0", ...args]);
    let log = "";
    child.stderr.on("data", (text) => (log += text));
    await within(once(child.stdout, "data"), "line of the server");
    child.kill();
    await within(once(child, "close"), "end of the server");
    return log;
  }

  test("a cookie which browsers drop is warned of", async () => {
    const warning = /warn.*--cookie-same-site none without --cookie-secure/;
    assert.match(await logAtStart("--cookie-same-site", "none"), warning);
    assert.doesNotMatch(await logAtStart("--cookie-same-site", "none", "--cookie-secure"), warning);
  });

  test("how soon clients are recovered: with the option, or with a profile that recovers", async () => {
    await logAtStart("--connection-state-recovery", "--max-disconnection-duration", "1000");
    await logAtStart("--contract", "app", "--profile", "csr", "--max-disconnection-duration", "1000");
  });

  test("--help", () => {
    const { status, stdout } = run("--help");
    assert.equal(status, 0);
    for (const option of ["--port", "--ping-interval", "--tls-cert", "--contract", "--rooms-max", "--header-timeout"]) assert.ok(stdout.includes(option));
    assert.match(stdout, /\[Option Group: Compression\]/);
  });

  test("--log-json: every line is JSON, whatever a client sends; every namespace is logged", async () => {
    const child = spawn(program, ["--port", "0", "--contract", "protocol", "--log-json", "--log-level", "trace"]);
    try {
      const lines = [];
      createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
      const [first] = await within(once(createInterface({ input: child.stdout }), "line"), "line of output");
      const socket = io(`${first.split(" ").at(-1)}/custom`, { reconnection: false });
      await within(once(socket, "connect"), "connect");
      socket.emit('an "event" \n with quotes', { a: 1 });
      socket.disconnect();
      while (!lines.some((line) => line.includes("disconnect nsp=/custom"))) await within(once(child.stderr, "data"), "log line");
      for (const line of lines) assert.equal(typeof JSON.parse(line).message, "string", line);
      await eventually(() => lines.some((line) => JSON.parse(line).message.includes('reason="')), "reason");
    } finally {
      child.kill();
    }
  });

  test("goes on when who reads its log has gone", async () => {
    const child = spawn(program, ["--port", "0", "--log-level", "debug"], { stdio: ["ignore", "pipe", "pipe"] });
    try {
      const [first] = await within(once(createInterface({ input: child.stdout }), "line"), "line of output");
      child.stderr.destroy();
      for (let i = 0; i < 2; ++i) {
        const socket = io(first.split(" ").at(-1), { reconnection: false, forceNew: true });
        await within(once(socket, "connect"), "connect");
        socket.disconnect();
      }
    } finally {
      child.kill();
    }
    assert.deepEqual(await within(once(child, "exit"), "end"), [0, null]);
  });

  describe("over TLS", () => {
    const tls = certificate();
    let child;
    let url;
    before(async () => {
      child = spawn(program, ["--port", "0", ...tls.options, "--log-level", "off"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = await within(once(child.stdout, "data"), "line of the server");
      url = /https:\S+/.exec(line)[0].replace("127.0.0.1", "localhost");
    });
    after(async () => {
      child.kill();
      const [code] = await within(once(child, "exit"), "end of the server");
      assert.equal(code, 0);
    });

    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
      test(transports.join(", then "), async () => {
        const ca = readFileSync(tls.cert);
        const client = io(url, { transports, ca, forceNew: true });
        try {
          await within(once(client, "connect"), "connect");
          const sent = ["h\u00e9", { a: Buffer.alloc(100000, 7) }];
          const answer = await client.timeout(5000).emitWithAck("message-with-ack", sent[0], sent[1]);
          assert.ok(answer === sent[0] || answer[0] === sent[0]);
        } finally {
          client.close();
        }
      });
    }

    test("a client that trusts nobody is refused by itself, not served", async () => {
      const client = io(url, { transports: ["websocket"], forceNew: true, reconnection: false });
      const [error] = await within(once(client, "connect_error"), "connect_error");
      assert.equal(error.message, "websocket error");
      client.close();
    });
  });
});
