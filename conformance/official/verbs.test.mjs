// The verbs of siokit-server (start, status, health, restart, stop, install), and what finds such servers: siokit-client discover,
// and listen --fallback. Servers in the background have folders of their own here.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { Server, atEnd, cleanUp, eventually, freePort, official, within } from "./harness.mjs";

const skip = (official || !process.env.SIOKIT_SERVER || !process.env.SIOKIT_CLIENT) && "the programs of siokit";

describe("verbs", { skip, timeout: 120000 }, () => {
  let home, port, env;

  before(() => (home = mkdtempSync(join(tmpdir(), "siokit-verbs-"))));
  after(() => rmSync(home, { recursive: true, force: true }));
  const run = (program, ...args) => {
    const { status, stdout, stderr } = spawnSync(program, args.map(String), { encoding: "utf8", env, timeout: 40000 });
    return { code: status, out: stdout, error: stderr };
  };
  const server = (...args) => run(process.env.SIOKIT_SERVER, ...args);
  /** A verb for the server of this test. */
  const verb = (name, ...more) => server(name, "--app", "notifier", "--port", port, ...more);

  before(async () => {
    port = await freePort();
    env = { ...process.env, HOME: home };
    delete env.XDG_RUNTIME_DIR;
  });
  afterEach(() => {
    verb("stop");
    cleanUp();
  });

  test("start, status, health, restart and stop, and their exit codes", async () => {
    assert.equal(verb("status").code, 3);
    assert.equal(verb("health").code, 1);
    assert.equal(verb("stop").code, 1);
    const started = verb("start");
    assert.deepEqual([started.code, started.error], [0, ""]);
    assert.match(started.out, new RegExp(`started: notifier on http://127.0.0.1:${port}, process \\d+, log `));
    const pid = Number(readFileSync(join(home, ".claude-mpm", `siokit-server-${port}.pid`), "utf8").split("\n")[0]);
    assert.match(started.out, new RegExp(`process ${pid},`));
    assert.match(readFileSync(join(home, ".claude-mpm", "logs", `notifier-${port}.log`), "utf8"), /app=notifier/);

    const status = verb("status", "-v");
    assert.equal(status.code, 0);
    assert.match(status.out, new RegExp(`running: notifier on http://127.0.0.1:${port}, process ${pid}`));
    assert.match(status.out, /\/health: \{.*"status":"healthy"/);
    const health = verb("health");
    assert.deepEqual([health.code, JSON.parse(health.out).status], [0, "healthy"]);

    const again = verb("start");
    assert.equal(again.code, 1);
    assert.match(again.error, new RegExp(`already running: notifier on http://127.0.0.1:${port}, process ${pid}`));

    const restarted = verb("restart");
    assert.equal(restarted.code, 0, restarted.error);
    assert.match(restarted.out, new RegExp(`stopped: .* process ${pid}\n.*started: `, "s"));
    const stopped = verb("stop");
    assert.equal(stopped.code, 0);
    assert.ok(!existsSync(join(home, ".claude-mpm", `siokit-server-${port}.pid`)));
    assert.equal(verb("status").code, 3);
    assert.equal(verb("restart").code, 0, "restart starts one that does not run");
  });

  test("XDG_RUNTIME_DIR is where files are when it is set, --log-file where the log is", () => {
    const runtime = join(home, "runtime");
    mkdirSync(runtime);
    env.XDG_RUNTIME_DIR = runtime;
    try {
      const log = join(home, "my.log");
      assert.equal(verb("start", "--log-file", log, "--log-level", "debug").code, 0);
      assert.ok(existsSync(join(runtime, "claude-mpm", `siokit-server-${port}.pid`)));
      assert.match(readFileSync(log, "utf8"), /app=notifier/);
      assert.equal(verb("stop").code, 0);
    } finally {
      delete env.XDG_RUNTIME_DIR;
    }
  });

  test("a file that a killed server has left is removed, also when its number is another process's", async () => {
    assert.equal(verb("start").code, 0);
    const file = join(home, ".claude-mpm", `siokit-server-${port}.pid`);
    const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
    process.kill(pid, "SIGKILL");
    await eventually(() => {
      try {
        return !readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return true;
      }
    }, "its end");
    const status = verb("status");
    assert.equal(status.code, 3);
    assert.match(status.out, /removed .*\.pid, which a server that is gone has left/);
    writeFileSync(file, `${process.pid}\n`);
    assert.equal(verb("start").code, 0, "this process is no siokit-server");
    const ours = readFileSync(file, "utf8").split("\n")[0];
    const other = await freePort();
    writeFileSync(file.replace(`${port}`, `${other}`), `${ours}\nhttp://127.0.0.1:${other}\nnotifier\n0\n`);
    const stopped = server("stop", "--port", `${other}`);
    assert.equal(stopped.code, 1, "it is the server of another file");
    assert.equal(verb("status").code, 0);
  });

  test("--app, when given, must be that of the server", () => {
    assert.equal(verb("start").code, 0);
    for (const name of ["stop", "status", "restart", "health"]) {
      const wrong = server(name, "--app", "agent", "--port", `${port}`);
      assert.deepEqual([wrong.code, /has notifier, not agent/.test(wrong.error)], [1, true], name);
    }
    assert.equal(server("stop", "--port", `${port}`).code, 0);
  });

  test("a port that is taken, by a server and by something else", async () => {
    const other = await Server.startApp("notifier", ["--port", port]);
    const taken = verb("start");
    assert.equal(taken.code, 1);
    assert.match(taken.error, new RegExp(`port ${port} is taken: a server answers at http://127.0.0.1:${port}`));
    const status = verb("status");
    assert.deepEqual([status.code, /not started by `start`/.test(status.out)], [0, true]);
    await other.stop();
    const stranger = spawn(process.execPath, ["-e", `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log(1))`]);
    atEnd(() => stranger.kill("SIGKILL"));
    await within(new Promise((resolve) => stranger.stdout.once("data", resolve)), "stranger");
    const failed = verb("start");
    assert.equal(failed.code, 1);
    assert.match(failed.error, /it did not start; the end of .*cannot listen on .*: Address already in use/s);
  });

  test("usage", () => {
    assert.equal(server("begin").code, 2);
    assert.equal(verb("start", "--no-such-option").code, 2);
    assert.equal(server("start", "--app", "nothing").code, 2);
    assert.equal(verb("start", "--pid-file", join(home, "x")).code, 2);
    const zero = server("start", "--port", 0);
    assert.deepEqual([zero.code, /--port/.test(zero.error)], [1, true]);
  });

  test("install writes a unit of the user, or of the system below another root", () => {
    const user = server("install", "--app", "notifier", "--db", "/tmp/a b%.db");
    assert.equal(user.code, 0, user.error);
    assert.match(user.out, /systemctl --user daemon-reload/);
    const unit = readFileSync(join(home, ".config/systemd/user/siokit-notifier.service"), "utf8");
    assert.match(unit, /^ExecStart="\/.*siokit-server" serve "--app" "notifier" "--db" "\/tmp\/a b%%\.db"$/m);
    assert.match(unit, new RegExp(`^WorkingDirectory=${process.cwd()}$`, "m"));
    assert.match(unit, /^WantedBy=default\.target$/m);
    assert.doesNotMatch(unit, /Environment/);
    env.CLAUDE_MPM_SOCKETIO_TOKEN = 'a "$b" %c';
    const secret = server("install", "--app", "monitor");
    delete env.CLAUDE_MPM_SOCKETIO_TOKEN;
    assert.equal(secret.code, 0, secret.error);
    const file = join(home, ".config/systemd/user/claude-mpm-socketio.env");
    assert.match(readFileSync(file.replace(".env", ".service"), "utf8"), new RegExp(`^EnvironmentFile=${file}$`, "m"));
    assert.equal(readFileSync(file, "utf8"), 'CLAUDE_MPM_SOCKETIO_TOKEN="a \\"\\$b\\" %c"\n');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const root = join(home, "root");
    const system = server("install", "--mode", "system", "--environment", "production", "--root", root, "--app", "notifier");
    assert.equal(system.code, 0, system.error);
    const written = readFileSync(join(root, "etc/systemd/system/siokit-notifier.service"), "utf8");
    assert.match(written, /^ExecStart=.* serve "--environment" "production" "--app" "notifier"$/m);
    assert.match(written, /^WantedBy=multi-user\.target$/m);
  });

  test("file, environment and command line, the weakest first", async () => {
    const shown = async (more, variables) => {
      Object.assign(env, variables);
      const child = spawn(process.env.SIOKIT_SERVER, ["--app", "notifier", ...more], { env });
      for (const name of Object.keys(variables)) delete env[name];
      const line = await within(new Promise((resolve) => child.stdout.once("data", (text) => resolve(`${text}`))), "line");
      child.kill();
      await within(new Promise((resolve) => child.once("exit", resolve)), "end");
      return Number(line.match(/:(\d+)\n/)[1]);
    };
    const [a, b, c, d] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const file = join(home, ".claude-mpm", "socketio_config.json");
    mkdirSync(join(home, ".claude-mpm"), { recursive: true });
    writeFileSync(file, JSON.stringify({ port: a, deployment_mode: "auto", log_level: "DEBUG" }));
    try {
      assert.equal(await shown([], {}), a);
      assert.equal(await shown([], { SOCKETIO_PORT: b }), b);
      assert.equal(await shown([], { SOCKETIO_PORT: b, CLAUDE_MPM_SOCKETIO_PORT: c }), c);
      assert.equal(await shown(["--port", d], { CLAUDE_MPM_SOCKETIO_PORT: c }), d);
      writeFileSync(file, '{"port": "many"}');
      const wrong = server("--app", "notifier");
      assert.deepEqual([wrong.code, /port is no port/.test(wrong.error)], [2, true]);
    } finally {
      rmSync(file);
    }
  });

  test("environments: production lets in no page that is not named, over no transport", async () => {
    const allowed = async (...more) => {
      const one = await Server.startApp("agent", ["--drain-timeout", "0", ...more]);
      const said = async (origin) => {
        const { status, headers } = await fetch(`${one.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
        const socket = io(one.url, { transports: ["websocket"], extraHeaders: { origin }, reconnection: false, forceNew: true });
        const opens = await new Promise((resolve) => {
          socket.on("connect", () => resolve(true));
          socket.on("connect_error", () => resolve(false));
        });
        socket.disconnect();
        return [status, headers.get("access-control-allow-origin"), opens];
      };
      const all = [await said("http://a.example"), await said(one.url)];
      await one.stop();
      return all;
    };
    const everybody = [200, "*", true];
    assert.deepEqual(await allowed(), [everybody, everybody]);
    const own = [200, null, true];
    assert.deepEqual(await allowed("--environment", "production"), [[403, null, false], own]);
    const named = ["--environment", "production", "--cors-origin", "http://a.example"];
    assert.deepEqual((await allowed(...named))[0], [200, "http://a.example", true]);
    assert.deepEqual((await allowed("--cors-origin", "http://b.example"))[0][2], true);
    assert.deepEqual((await allowed("--cors-origin", "http://b.example", "--check-origin"))[0][2], false);
  });

  test("discover finds servers by their files and says which one to use", () => {
    const discover = (...more) => run(process.env.SIOKIT_CLIENT, "discover", ...more);
    assert.equal(verb("start").code, 0);
    const found = discover("--json").out.trim().split("\n").map(JSON.parse);
    const ours = found.find(({ url }) => url === `http://127.0.0.1:${port}`);
    assert.deepEqual([ours.compatible, ours.chosen, ours.server_version], [true, true, "-"]);
    assert.match(discover().out, new RegExp(`^\\* http://127\\.0\\.0\\.1:${port}`));
    const asked = discover("--json", "--client-version", "1.0.0").out.trim().split("\n").map(JSON.parse);
    assert.equal(asked.find(({ url }) => url === `http://127.0.0.1:${port}`).compatible, false, "it does not say");
  });

  test("listen --fallback goes to another server when one dies, and back", async () => {
    const ports = [await freePort(), await freePort()];
    const start = (i) => Server.startApp("testbed", ["--port", ports[i]]);
    const servers = [await start(0), await start(1)];
    atEnd(() => servers.forEach((each) => each.kill()));
    const [first, second] = ports.map((each) => `http://127.0.0.1:${each}`);
    const child = spawn(process.env.SIOKIT_CLIENT, [first, "--reconnection-delay", "50", "listen", "--fallback", second]);
    atEnd(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (text) => (out += text));
    const connects = () => [...out.matchAll(/# connect: \S+ (\S+)/g)].map(([, url]) => url);
    const reached = (...urls) => eventually(() => connects().join() === urls.join(), `connected to ${urls}`);
    await reached(first);
    await servers[0].stop();
    await reached(first, second);
    servers[0] = await start(0);
    await servers[1].stop();
    await reached(first, second, first);
    const sender = io(first, { forceNew: true });
    atEnd(() => sender.disconnect());
    sender.emit("broadcast", "hello");
    await eventually(() => out.includes('"broadcast" "hello"'), "event");
    child.kill("SIGINT");
    assert.equal(await within(new Promise((resolve) => child.once("exit", resolve)), "end"), 0);
    await servers[0].stop();
  });
});
