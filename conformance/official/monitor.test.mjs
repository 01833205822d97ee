// The application `monitor`: the snippets of its two documents, and what they say of namespaces, events, routes,
// versions and history.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { io } from "socket.io-client";
import { app, atEnd, cleanUp, eventually, freePort, official, Server, within } from "./harness.mjs";
import { runSnippet, snippetText } from "./snippets.mjs";

const NAMESPACES = ["/", "/system", "/session", "/claude", "/agent", "/hook", "/todo", "/memory", "/log"];
const OWN_EVENTS = ["connection_ack", "compatibility_warning", "server_status", "event_history", "pong"];
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const token = "your-secret-token";

/** {status, body} of a request to the server. */
async function call(server, method, path, body, headers = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await fetch(server.at(path), { method, headers, body: body === undefined ? undefined : text });
  const said = await answer.text();
  return { status: answer.status, body: said && JSON.parse(said) };
}

async function emit(server, namespace, event, data, headers) {
  const { status, body } = await call(server, "POST", "/emit", { namespace, event, data }, headers);
  assert.equal(status, 200, JSON.stringify(body));
}

/** A connected client, which keeps what it gets in `got`, each as [event, ...arguments]. */
async function client(server, namespace = "/", auth = {}, options = {}) {
  const socket = io(server.url + namespace, { auth, forceNew: true, reconnection: false, ...options });
  atEnd(() => socket.disconnect());
  socket.got = [];
  socket.onAny((...event) => socket.got.push(event));
  socket.has = (event) => eventually(() => socket.got.find(([name]) => name === event)?.[1], event);
  await within(once(socket, "connect"), "connect");
  return socket;
}

async function refusal(server, namespace, auth) {
  const socket = io(server.url + namespace, { auth, forceNew: true, reconnection: false });
  atEnd(() => socket.disconnect());
  const [error] = await within(once(socket, "connect_error"), "connect_error");
  return error.message;
}

/** Whose pages may use the server, as it says to a page of `origin`. */
async function allowedOrigin(server, origin) {
  const urls = [server.at(server.path, { EIO: 4, transport: "polling" }), server.at("/health")];
  const answers = await Promise.all(urls.map((url) => fetch(url, { headers: { origin } })));
  const [said, ...others] = answers.map(({ headers }) => headers.get("access-control-allow-origin"));
  assert.deepEqual(others, [said]);
  return said;
}

const historyOf = async (socket) => (await within(socket.emitWithAck("get_history"), "history")).events;
const stats = async (server) => (await call(server, "GET", "/stats")).body;
const jsonOf = (name) => JSON.parse(readFileSync(new URL(`snippets/${name}`, import.meta.url), "utf8"));
const shape = (value) => (value && typeof value === "object" ? Object.keys(value) : typeof value);

/** What a snippet of the shell exports. */
function exported(name) {
  const text = readFileSync(new URL(`snippets/${name}`, import.meta.url), "utf8");
  return Object.fromEntries([...text.matchAll(/^export (\w+)=(.*)$/gm)].map((found) => found.slice(1)));
}

app("monitor", (server) => {
  let watcher; // hears of the heartbeat, which takes a while
  const beats = [];

  before(() => {
    watcher = io(`${server.url}/system`, { forceNew: true });
    watcher.on("heartbeat", (data) => beats.push(data));
  });
  after(() => watcher.disconnect());

  describe("the snippets of the documents", () => {
    test("the basic client", async () => {
      const { sockets } = await stats(server);
      const run = await runSnippet("2-monitor-basic-client.js", server.url);
      await run.wrote("Connected to system namespace");
      await eventually(async () => {
        const now = (await stats(server)).sockets;
        return ["/system", "/session", "/log"].every((name) => now[name] > sockets[name]);
      }, "its three sockets");
      await emit(server, "system", "status", jsonOf("2-monitor-status.json"));
      await emit(server, "session", "start", { session_id: "20250131_143052" });
      await emit(server, "session", "end", { session_id: "20250131_143052", duration_seconds: 890.333 });
      await emit(server, "log", "message", { level: "INFO", message: "Claude session started successfully" });
      await run.wrote(/System status: \{\s+session_id: '20250131_143052'/);
      await run.wrote("Session started: 20250131_143052");
      await run.wrote("Session ended after 890.333 seconds");
      await run.wrote("[INFO] Claude session started successfully");
    });

    test("the client in Python", async () => {
      const { sockets } = await stats(server);
      const run = await runSnippet("2-monitor-python-client.py", server.url);
      await eventually(async () => (await stats(server)).sockets["/"] === sockets["/"] + 2, "its sockets", 15_000);
      await eventually(async () => {
        await emit(server, "/", "status", { claude_status: "running" }); // its handler comes after its connection
        return run.output.includes("System status: {'claude_status': 'running'}");
      }, "status");
    });

    test("authentication, which development mode does not look at", async () => {
      const run = await runSnippet("2-monitor-authentication.js", server.url, {
        before: 'import { io } from "socket.io-client";',
        after: 'socket.on("connect", () => console.log("connected"));',
      });
      await run.wrote("connected");
    });

    test("/health", async () => {
      const run = await runSnippet("2-monitor-health.sh", server.url);
      assert.equal(await run.ended, 0);
      const health = JSON.parse(run.output.slice(run.output.indexOf("{"), run.output.lastIndexOf("}") + 1));
      assert.deepEqual(shape(health), shape(jsonOf("2-monitor-health.json")));
      assert.deepEqual([health.status, health.server], ["healthy", "claude-mpm-socketio"]);
      assert.match(health.timestamp, iso);
    });

    test("an event from outside, by curl", async () => {
      const socket = await client(server, "/system");
      const run = await runSnippet("2-monitor-inject.sh", server.url);
      assert.equal(await run.ended, 0);
      assert.deepEqual(await socket.has("test"), {});
    });

    test("an event from outside, as the document shows it", async () => {
      const socket = await client(server, "/system");
      const body = readFileSync(new URL("snippets/2-monitor-emit.json", import.meta.url), "utf8");
      assert.equal((await call(server, "POST", "/emit", body)).status, 200);
      const headers = { origin: "http://localhost", "content-type": "text/plain" }; // what a page may send unasked
      assert.equal((await fetch(`${server.url}/emit`, { method: "POST", headers, body })).status, 415);
      assert.deepEqual(await socket.has("custom_event"), { message: "Custom event data" });
    });

    test("the version, and what it is compatible with", async () => {
      const run = await runSnippet("5-standalone-version.sh", server.url);
      assert.equal(await run.ended, 0);
      const version = JSON.parse(run.output.slice(run.output.indexOf("{"), run.output.lastIndexOf("}") + 1));
      assert.deepEqual(shape(version), ["server_version", "server_id", "socketio_version", "compatibility_matrix",
        "supported_client_versions", "features"]);
      assert.match(version.server_id, /^socketio-[\da-f]{8}$/);
      assert.deepEqual([version.server_version, version.socketio_version], ["1.0.0", "5.11.0"]);
      assert.deepEqual(version.supported_client_versions, [">=0.7.0"]);
      const matrix = await runSnippet("5-standalone-compatibility-matrix.py", server.url, {
        after: "import json\nprint(json.dumps(COMPATIBILITY_MATRIX))",
      });
      assert.equal(await matrix.ended, 0, matrix.output);
      assert.deepEqual(version.compatibility_matrix, JSON.parse(matrix.output));
      assert.deepEqual(version.features, version.compatibility_matrix["1.0.0"].features);
    });

    test("compatibility, by curl and as the document shows the body", async () => {
      const run = await runSnippet("5-standalone-compatibility.sh", server.url);
      assert.equal(await run.ended, 0);
      assert.ok(run.output.includes('"compatible":true'), run.output);
      const { body } = await call(server, "POST", "/compatibility", jsonOf("5-standalone-compatibility.json"));
      assert.deepEqual(body, {
        compatible: true,
        client_version: "0.7.0",
        server_version: "1.0.0",
        supported_client_versions: [">=0.7.0"],
        warnings: [],
      });
    });

    test("the dashboard's address", async () => {
      const { host, port } = new URL(server.url);
      const url = snippetText("2-monitor-dashboard-url.txt", server.url, { "port=3000": `port=${port}` }).trim();
      assert.equal(new URL(url).host, host);
      const page = await fetch(url);
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
      assert.ok((await page.text()).includes("dashboard/dashboard.js"));
    });
  });

  describe("events", () => {
    test("at connect: connection_ack and server_status on /, server_info on /system", async () => {
      const root = await client(server);
      const ack = await root.has("connection_ack");
      assert.deepEqual(shape(ack), ["id", "server_id", "server_version", "timestamp"]);
      assert.equal(ack.id, root.id);
      assert.match(ack.timestamp, iso);
      assert.equal((await root.has("server_status")).server_id, ack.server_id);
      const system = await client(server, "/system");
      const info = await system.has("server_info");
      assert.deepEqual([info.host, info.port, info.server_id], ["127.0.0.1", server.port, ack.server_id]);
      assert.deepEqual([...new Set(root.got.map(([name]) => name))], ["connection_ack", "server_status"]);
    });

    test("questions are answered by event and by acknowledgement", async () => {
      const root = await client(server);
      const answers = { ping: "pong", get_version: "server_status", get_history: "event_history", get_status: "status",
        status: "status" };
      for (const [question, answer] of Object.entries(answers)) {
        root.got = [];
        const acknowledged = await within(root.emitWithAck(question, { what: "is not looked at" }), question);
        assert.deepEqual(await root.has(answer), acknowledged);
        root.got = [];
        root.emit(question);
        assert.deepEqual(shape(await root.has(answer)), shape(acknowledged));
      }
      const system = await client(server, "/system");
      const status = await within(system.emitWithAck("get_status"), "status");
      const documented = jsonOf("2-monitor-status.json");
      assert.deepEqual(shape(status), shape(documented));
      for (const field of Object.keys(documented.server_info)) assert.ok(field in status.server_info, field);
    });

    test("/emit reaches its namespace alone, with or without slash, data untouched", async () => {
      const all = await Promise.all(NAMESPACES.map((name) => client(server, name)));
      const data = { z: 1.50, a: [null, true, "€\u2028", 12345678901234567890n.toString()], deep: { er: {} } };
      const event = `event-${process.hrtime.bigint()}`;
      for (const name of NAMESPACES) await emit(server, name === "/" ? name : name.slice(1), event, { ...data, name });
      for (const name of NAMESPACES) await emit(server, name, event, { ...data, name });
      for (const [n, socket] of all.entries()) {
        await eventually(() => socket.got.filter(([name]) => name === event).length === 2, NAMESPACES[n]);
        for (const [, ...args] of socket.got.filter(([name]) => name === event)) {
          assert.deepEqual(args, [{ ...data, name: NAMESPACES[n] }]);
          assert.deepEqual(Object.keys(args[0]), [...Object.keys(data), "name"]);
        }
      }
    });

    test("claude_event goes to the namespace it names, else to /", async () => {
      const [root, agent] = [await client(server), await client(server, "/agent")];
      const event = `task-${process.hrtime.bigint()}`;
      for (const namespace of ["/agent", "agent"]) {
        agent.got = [];
        const said = await root.emitWithAck("claude_event", { namespace, event, data: { agent: "engineer" } });
        assert.deepEqual(said, { status: "ok" });
        assert.deepEqual(await agent.has(event), { agent: "engineer" });
      }
      root.emit("claude_event", { event, data: 1 });
      assert.equal(await root.has(event), 1);
      const whole = { type: "hook", tool: "Edit" };
      root.emit("claude_event", whole);
      assert.deepEqual(await root.has("claude_event"), whole);
      const strange = { namespace: "/nowhere", event: `${event}-2`, data: 2 };
      root.emit("claude_event", strange);
      assert.equal(await root.has(`${event}-2`), 2);
    });

    test("what the session and its process do shows in /health and status", async () => {
      const health = async () => {
        const { session_id, claude_status } = (await call(server, "GET", "/status")).body;
        return [session_id, claude_status];
      };
      await emit(server, "session", "start", { session_id: "s-1", start_time: "2025-01-31T14:30:52.123Z" });
      await emit(server, "claude", "status_changed", { status: "running", pid: 12345 });
      assert.deepEqual(await health(), ["s-1", "running"]);
      const status = await (await client(server, "/system")).emitWithAck("get_status");
      assert.deepEqual([status.session_start, status.claude_pid], ["2025-01-31T14:30:52.123Z", 12345]);
      await emit(server, "session", "end", { session_id: "s-1" });
      assert.deepEqual(await health(), [null, "stopped"]);
    });

    test("a client of another version is warned", async () => {
      const { body } = await call(server, "POST", "/compatibility", { client_version: "0.6.9" });
      assert.equal(body.compatible, false);
      assert.equal(body.warnings.length, 1);
      const old = await client(server, "/", { client_version: "0.6.9" });
      assert.deepEqual(await old.has("compatibility_warning"), body);
      const fit = await client(server, "/", { client_version: "0.7.0" });
      await fit.emitWithAck("ping");
      assert.ok(!fit.got.some(([name]) => name === "compatibility_warning"));
    });
  });

  test("history: each event with namespace, data and time, in order", async () => {
    const root = await client(server);
    const name = `h-${process.hrtime.bigint()}`;
    await emit(server, "todo", name, { n: 1 });
    await root.emitWithAck("claude_event", { namespace: "hook", event: name, data: { n: 2 } });
    const { events, total } = await root.emitWithAck("get_history");
    assert.equal(total, events.length);
    const mine = events.filter(({ event }) => event === name);
    for (const { timestamp } of mine) assert.match(timestamp, iso);
    assert.deepEqual(mine.map(({ timestamp, ...rest }) => rest), [
      { namespace: "/todo", event: name, data: { n: 1 } },
      { namespace: "/hook", event: name, data: { n: 2 } },
    ]);
  });

  describe("what makes no sense touches nothing", () => {
    const nested = (depth) => "[".repeat(depth) + "]".repeat(depth);
    const deep = nested(100_000);

    test("/emit and /compatibility", async () => {
      const before = (await stats(server)).events;
      const bad = [
        ...OWN_EVENTS.map((event) => ["/emit", { namespace: "/", event, data: null }, 400]),
        ["/emit", [{ namespace: "system", event: "x" }], 400], ["/emit", "", 400], ["/emit", "{", 400], ["/emit", "[]", 400], ["/emit", "null", 400], ["/emit", {}, 400],
        ["/emit", { namespace: "system" }, 400], ["/emit", { event: "x" }, 400],
        ["/emit", { namespace: "system", event: "" }, 400], ["/emit", { namespace: 1, event: "x" }, 400],
        ["/emit", { namespace: "system", event: {} }, 400], ["/emit", { namespace: "system", event: "connect" }, 400],
        ["/emit", { namespace: "nowhere", event: "x" }, 404], ["/emit", { namespace: "/admin", event: "x" }, 404],
        ["/emit", `{"namespace":"system","event":"x","data":${deep}}`, 400],
        ["/emit", `{"namespace":"system","event":"x","data":${nested(101)}}`, 400],
        ["/compatibility", "", 400], ["/compatibility", "0.7.0", 400], ["/compatibility", {}, 400],
        ["/compatibility", { client_version: 7 }, 400], ["/compatibility", deep, 400],
      ];
      for (const [path, body, status] of bad) {
        const answer = await call(server, "POST", path, body);
        assert.equal(answer.status, status, `${path} ${JSON.stringify(body).slice(0, 80)}`);
        assert.equal(typeof answer.body.error, "string");
      }
      const { status, headers } = await fetch(server.at("/emit"));
      assert.deepEqual([status, headers.get("allow")], [405, "POST"]);
      assert.equal((await stats(server)).events, before);
    });

    test("claude_event", async () => {
      const root = await client(server);
      const before = (await stats(server)).events;
      for (const args of [[], ["text"], [7], [null], [[]], [{ event: 1 }], [{ namespace: 1 }], [{ event: "connect" }],
        [{ event: "x", data: JSON.parse(nested(110)) }], [{ event: "x", data: Buffer.from("x") }],
        [{ event: "x", data: 1 }, Buffer.from("x")], ...OWN_EVENTS.map((event) => [{ event, data: null }])]) {
        root.got = [];
        const said = await within(root.emitWithAck("claude_event", ...args), "answer");
        assert.deepEqual(await root.has("error"), said);
        assert.equal(typeof said.message, "string");
      }
      assert.equal((await stats(server)).events, before);
    });
  });

  test("data may be deep, and comes back from the history", async () => {
    const root = await client(server);
    const data = JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`);
    assert.deepEqual(await root.emitWithAck("claude_event", { event: "deep", data }), { status: "ok" });
    assert.deepEqual(await root.has("deep"), data);
    assert.deepEqual((await historyOf(root)).at(-1).data, data);
  });

  test("pages of localhost may use it, others may not", async () => {
    for (const origin of ["http://localhost:3000", "http://127.0.0.1:8765", "https://localhost", "http://[::1]:80"]) {
      assert.equal(await allowedOrigin(server, origin), origin);
    }
    for (const origin of ["https://example.org", "http://localhost.example.org", "null"]) {
      assert.equal(await allowedOrigin(server, origin), null);
    }
  });

  test("/admin says how to reach the Admin UI", async () => {
    const page = await fetch(server.at("/admin"));
    assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
    assert.ok((await page.text()).includes("--admin-ui"));
  });

  test("a heartbeat on /system every 30 s", async () => {
    await eventually(() => beats.length > 0, "heartbeat", 35_000);
    assert.deepEqual(shape(beats[0]), ["server_id", "uptime_seconds", "clients", "timestamp"]);
    const { uptime_seconds } = beats[0]; // the clock that may be set is not that of the timer
    assert.ok(uptime_seconds >= 29 && uptime_seconds <= 40, uptime_seconds);
  });
});

app("monitor", (server) => {
  const bearer = { authorization: `Bearer ${token}` };

  test("every namespace needs the token", async () => {
    for (const name of NAMESPACES) {
      for (const given of [undefined, "", "wrong", `${token}x`, 7, null]) {
        const why = await refusal(server, name, { token: given });
        assert.equal(why, "Invalid authentication token", `${name} ${given}`);
      }
      await client(server, name, { token });
    }
  });

  test("the snippet, with the token and without", async () => {
    const around = {
      before: 'import { io } from "socket.io-client";',
      after:
        'socket.on("connect", () => console.log("connected"));' +
        'socket.on("connect_error", ({ message }) => console.log(message));',
    };
    const bad = await runSnippet("2-monitor-authentication.js", server.url, around);
    await bad.wrote("Invalid authentication token");
    const tokens = { "your-auth-token": token };
    const good = await runSnippet("2-monitor-authentication.js", server.url, { ...around, tokens });
    await good.wrote("connected");
  });

  test("/emit needs it too: 401 without, 403 with a wrong one", async () => {
    const body = { namespace: "log", event: "message", data: {} };
    assert.equal((await call(server, "POST", "/emit", body)).status, 401);
    assert.equal((await call(server, "POST", "/emit", body, { authorization: "Bearer wrong" })).status, 403);
    assert.equal((await stats(server)).events, 0);
    assert.equal((await call(server, "POST", "/emit", body, bearer)).status, 200);
  });
}, { title: "monitor with a token", env: exported("2-monitor-token.sh") });

const skip = (official || process.env.SIOKIT_URL) && "an application of siokit-server";

describe("monitor, started in other ways", { skip, timeout: 120_000 }, () => {
  let folder;
  let server;

  before(() => (folder = mkdtempSync(join(tmpdir(), "monitor-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs `body` with a server that ends well behind it. */
  async function withServer(options, body, env) {
    server = await Server.startApp("monitor", options, env);
    try {
      await body(server);
      cleanUp();
      await server.stop();
    } finally {
      cleanUp();
      server.kill();
    }
  }
  /** How a server with these options ends, which it does at once: {code, stderr}. */
  async function failure(options) {
    const ended = promisify(execFile)(process.env.SIOKIT_SERVER, ["--app", "monitor", ...options], { timeout: 15000 });
    return ended.then(() => assert.fail("it has ended well"), (error) => error);
  }
  const numbers = async () => (await historyOf(await client(server))).map(({ data }) => data);

  test("history outlives the server, up to its limit", async () => {
    const file = join(folder, "history.db");
    const options = ["--history", file, "--max-history-size", 5];
    await withServer(options, async () => {
      await emit(server, "session", "start", { session_id: "kept", start_time: "2025-01-31T14:30:52.123Z" });
      for (let n = 1; n <= 3; ++n) await emit(server, "log", "n", n);
    });
    await withServer(options, async () => {
      assert.equal((await call(server, "GET", "/health")).body.session_id, "kept");
      assert.deepEqual((await numbers()).slice(1), [1, 2, 3]);
      for (let n = 4; n <= 7; ++n) await emit(server, "log", "n", n);
      assert.deepEqual(await numbers(), [3, 4, 5, 6, 7]);
      await emit(server, "log", "n", 8);
    });
    await withServer(options, async () => assert.deepEqual(await numbers(), [4, 5, 6, 7, 8]));
    await withServer(["--history", file, "--max-history-size", 2], async () => {
      assert.deepEqual(await numbers(), [7, 8]);
      await emit(server, "log", "n", 9);
    });
    await withServer(["--history", file], async () => assert.deepEqual(await numbers(), [8, 9]));
  });

  test("what can't be written is written later; a record that is missing takes no other along", async () => {
    const file = join(folder, "full.db");
    const options = ["--history", file, "--max-history-size", 5];
    const code = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=5) as db: db.execute(sys.argv[2])";
    const inFile = (statement) => promisify(execFile)("python3", ["-c", code, file, statement]);
    await withServer(options, async () => {
      await emit(server, "log", "n", 0);
      await inFile("CREATE TRIGGER fail BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END");
      for (let n = 1; n <= 3; ++n) await emit(server, "log", "n", n);
      await eventually(() => server.log.includes("history not written: full"), "failure");
      await inFile("DROP TRIGGER fail");
      await emit(server, "log", "n", 4);
    });
    await inFile("DELETE FROM events WHERE number = 3");
    await withServer(options, async () => {
      assert.deepEqual(await numbers(), [0, 1, 3, 4]);
      await emit(server, "log", "n", 5);
    });
    await withServer(options, async () => assert.deepEqual(await numbers(), [0, 1, 3, 4, 5]));
  });

  test("of many events at once the newest are kept, also in the file", async () => {
    const options = ["--history", join(folder, "many.db"), "--max-history-size", 100];
    const expected = Array.from({ length: 100 }, (_, n) => 4900 + n);
    await withServer(options, async () => {
      const root = await client(server);
      for (let n = 0; n < 5000; ++n) root.emit("claude_event", { event: "n", data: n });
      await eventually(async () => (await stats(server)).events === 5000, "all events", 30_000);
      assert.deepEqual(await numbers(), expected);
    });
    await withServer(options, async () => assert.deepEqual(await numbers(), expected));
  });

  test("history is bounded in bytes, and is still delivered", async () => {
    await withServer(["--max-http-buffer-size", 2_000_000, "--outbox-bytes-max", 4_000_000], async () => {
      for (let n = 0; n < 10; ++n) await emit(server, "log", "big", `${n}${"x".repeat(300_000)}`);
      const root = await client(server);
      const kept = (await historyOf(root)).map(({ data }) => data[0]);
      assert.deepEqual(kept, ["7", "8", "9"]);
      await root.has("event_history");
    });
  });

  test("without a file history ends with the server; 0 keeps none", async () => {
    await withServer(["--max-history-size", 0], async () => {
      await emit(server, "log", "n", 1);
      assert.deepEqual(await numbers(), []);
    });
  });

  test("a file that is no history: the server says so", async () => {
    const file = join(folder, "text");
    writeFileSync(file, "no database ".repeat(1000));
    for (const path of [file, folder, join(folder, "nowhere", "history.db")]) {
      const error = await failure(["--port", "0", "--history", path]);
      assert.equal(error.code, 1);
      assert.match(error.stderr, /^siokit-server: --history: \S+: .+$/m);
    }
  });

  test("the environment of the document", async () => {
    const port = await freePort();
    const run = await runSnippet("5-standalone-environment.sh", "http://127.0.0.1", {
      tokens: { "0.0.0.0": "127.0.0.1", 8765: port },
      after: 'exec "$SIOKIT_SERVER" --app monitor',
    });
    await run.wrote(`listening on http://127.0.0.1:${port}\n`);
    await run.stop();
    cleanUp();
  });

  test("the configuration file of the document", async () => {
    const home = join(folder, "home");
    mkdirSync(join(home, ".claude-mpm"), { recursive: true });
    const text = snippetText("5-standalone-config.json", server.url);
    writeFileSync(join(home, ".claude-mpm", "socketio_config.json"), text);
    await withServer([], async () => {
      assert.equal((await stats(server)).history.max_size, 10_000);
      assert.equal(await allowedOrigin(server, "https://example.org"), "*");
    }, { HOME: home });
  });

  const ranges = {
    ">=0.7.0": { "0.7.0": true, "1.0.0": true, "0.6.9": false, "0.7.0-rc.1": false, "v0.7.1+build.5": true },
    "> 1.2, <=1.4.2": { "1.2.9": false, "1.3.0-rc.1": false, "1.3.0": true, "1.4.2": true, "1.4.3": false },
    ">=1.0.0-beta.2 <1.0.0": { "1.0.0-beta.1": false, "1.0.0-beta.10": true, "1.0.0-rc": true, "1.0.0": false },
    "^1.4": { "1.3.9": false, "1.4.0": true, "1.99.0": true, "2.0.0": false, "2.0.0-alpha": false },
    "^0.2.3": { "0.2.3": true, "0.2.9": true, "0.3.0": false },
    "^0.0.3": { "0.0.3": true, "0.0.4": false },
    "~2.1.5": { "2.1.4": false, "2.1.9": true, "2.2.0": false },
    "~1": { "1.9.9": true, "2.0.0": false },
    "=1.2": { "1.2.0": true, "1.2.7": true, "1.3.0": false },
    "1.2.3": { "1.2.3": true, "1.2.4": false },
    ">1.2.3-rc.1": { "1.2.3-rc.1": false, "1.2.3-rc.2": true, "1.2.3": true },
    ">=1.2": { "1.2.0-rc.1": false, "1.3.0-rc.1": true },
    "<2": { "1.9.9": true, "1.9.9-rc.1": true, "2.0.0-rc.1": false, "2.0.0": false },
    "<2.0.0-rc.2": { "2.0.0-rc.1": true, "2.0.0-rc.2": false },
    "<1": { "0.9.9": true, "1.0.0": false, "1": false, "0": true },
    "<0.5 || >=1 <1.2||2.x": { "0.4.9": true, "0.5.0": false, "1.1.0": true, "1.2.0": false, "2.9.0": true, "3.0.0": false },
    "1.2.*": { "1.1.9": false, "1.2.7": true, "1.3.0": false },
    "1.2.3 - 2.0": { "1.2.2": false, "1.2.3": true, "2.0.9": true, "2.1.0": false },
    "*": { "0.0.1": true, "no version": false, "": false, "1.2.3.4": false, "1..2": false, "1.2.3-": false },
  };
  for (const [range, versions] of Object.entries(ranges)) {
    test(`--client-versions '${range}'`, async () => {
      await withServer(["--client-versions", range], async () => {
        assert.deepEqual((await call(server, "GET", "/version")).body.supported_client_versions, [range]);
        for (const [client_version, fits] of Object.entries(versions)) {
          const { body } = await call(server, "POST", "/compatibility", { client_version });
          assert.equal(body.compatible, fits, client_version);
          assert.equal(body.warnings.length, fits ? 0 : 1);
        }
      });
    });
  }

  test("a range that is none is refused", async () => {
    for (const range of ["", " ", ">=", ">>1", "1 ||", "1 - ", "1 - 2 - 3", "^y", "=>1.0", "1.2.3.4"]) {
      const error = await failure(["--port", "0", "--client-versions", range]);
      assert.equal(error.code, 2, range);
      assert.match(error.stderr, range === "" ? /--client-versions: it is empty/ : /is no range of versions/);
    }
  });
});
