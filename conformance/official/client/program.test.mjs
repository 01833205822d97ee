// siokit-client as scripts use it: what it prints and how it ends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { program } from "./drivers.mjs";
import { OfficialServer, perform } from "./servers.mjs";

const skip = !program && "SIOKIT_CLIENT is not set";

describe("siokit-client", { skip }, () => {
  let folder;
  before(() => (folder = mkdtempSync(join(tmpdir(), "siokit-client-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Runs it to its end. */
  async function run(args, input = "") {
    const child = spawn(program, args);
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (text) => (out.stdout += text));
    child.stderr.on("data", (text) => (out.stderr += text));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const killer = setTimeout(() => child.kill("SIGKILL"), 20000);
    const [code, signal] = await once(child, "close");
    clearTimeout(killer);
    assert.equal(signal, null, out.stderr);
    return { code, ...out, lines: out.stdout.trim().split("\n") };
  }
  const served = (action, setUp) => perform(async () => action((await OfficialServer.start({ setUp })).url));

  test("--help teaches by example", async () => {
    const { code, stdout } = await run(["--help"]);
    assert.equal(code, 0);
    for (const word of ["Examples:", "emit say", "Exit codes", "--auth", "repl"]) assert.ok(stdout.includes(word), word);
  });

  test("a wrong URL, option or payload: one line that names it, exit 2", async () => {
    for (const [args, named] of [
      [["gopher://x"], "gopher"],
      [["http://x", "--auth", "[1]"], "auth"],
      [["http://x", "--transport", "pigeon"], "pigeon"],
      [["http://x", "--parser", "bson"], "--parser"],
      [["http://x", "--header", "nonsense"], "nonsense"],
      [["https://x", "--cacert", "/nonexistent.pem"], "/nonexistent.pem"],
      [["http://x", "--retries", "2"], "ack_timeout"],
      [["http://x", "emit"], "event"],
      [["http://x", "emit", "a", "@/nonexistent"], "/nonexistent"],
      [["http://x", "emit", "a", "@/"], "cannot be read"],
      [["http://x", "--proxy", "gopher://y", "listen"], "proxy"],
      [[], "url"],
    ]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      assert.ok(stderr.startsWith("siokit-client: ") && stderr.includes(named), stderr);
    }
  });

  test("emit: arguments of every kind, acknowledgements, exit codes", () =>
    served(async (url) => {
      const file = join(folder, "file");
      writeFileSync(file, Buffer.from([0, 1, 255]));
      const answer = await run([url, "--json", "emit", "echo", "text", "1.5", '{"a":[null]}', `@${file}`, "@-", "--ack"], "input");
      assert.equal(answer.code, 0, answer.stderr);
      const binary = (bytes) => ({ base64: Buffer.from(bytes).toString("base64") });
      assert.deepEqual(JSON.parse(answer.stdout), ["text", 1.5, { a: [null] }, binary([0, 1, 255]), binary("input")]);
      const arrays = await run([url, "--json", "emit", "echo", "[1,2]", "[]", "[[1],[2]]", "[no json]", "--ack"]);
      assert.deepEqual(JSON.parse(arrays.stdout), [[1, 2], [], [[1], [2]], "[no json]"]);
      assert.equal((await run([url, "emit", "echo", "1"])).code, 0);
      assert.equal((await run([url, "emit", "hush", "--ack", "--timeout", "100"])).code, 3);
      assert.equal((await run([`${url}/nowhere`, "emit", "echo"])).code, 1);
      assert.equal((await run(["http://127.0.0.1:1", "emit", "echo"])).code, 1);
    }));

  test("a server's text does not steer the terminal", () =>
    served(
      async (url) => {
        const seen = await run([url, "listen", "--count", "2"]);
        assert.ok(seen.stdout.includes(String.raw`"\u001b[31m\u007f\u009b" "\u0007\u009d"`), seen.stdout);
        const refused = await run([`${url}/closed`, "listen"]);
        assert.equal(refused.code, 1);
        assert.ok(refused.stderr.includes(String.raw`no\u001b]0;`), refused.stderr);
        for (const text of [seen.stdout, refused.stderr]) assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
      },
      (io) => {
        io.on("connection", (socket) => socket.emit("\x1b[31m\x7f\x9b", "\x07\x9d"));
        io.of("/closed").use((socket, next) => next(new Error("no\x1b]0;")));
      },
    ));

  test("emit tells why the server has ended it", () =>
    served(
      async (url) => {
        const { code, stderr } = await run([url, "emit", "kick", "--ack"]);
        assert.deepEqual([code, stderr.trim()], [1, "siokit-client: disconnected: io server disconnect"]);
        const refused = await run([`${url}/closed`, "emit", "x"]);
        assert.deepEqual([refused.code, refused.stderr.trim()], [1, "siokit-client: no"]);
      },
      (io) => {
        io.on("connection", (socket) => socket.on("kick", () => socket.disconnect()));
        io.of("/closed").use((socket, next) => next(new Error("no")));
      },
    ));

  test("--try-all-transports", () =>
    served(
      async (url) => {
        const both = ["-t", "websocket,polling", "--no-reconnect"];
        assert.equal((await run([url, ...both, "emit", "x"])).code, 1);
        assert.equal((await run([url, ...both, "--try-all-transports", "emit", "x"])).code, 0);
      },
      (io) => (io.engine.opts.transports = ["polling"]),
    ));

  test("emit ends when the server never lets it in", () =>
    served(
      async (url) => {
        const { code, stderr } = await run([`${url}/slow`, "emit", "echo", "--timeout", "200"]);
        assert.equal(code, 3);
        assert.match(stderr, /not connected in time/);
      },
      (io) => io.of("/slow").use(() => {}),
    ));

  test("listen: some events, as JSON; its end", () =>
    served(async (url) => {
      const counted = await run([url, "--json", "listen", "--event", "welcome", "--count", "1"]);
      assert.equal(counted.code, 0);
      assert.deepEqual(JSON.parse(counted.lines[1]), { event: "welcome", args: [1, { base64: "AQID" }] });
      assert.equal((await run([url, "listen", "--event", "never", "--count", "1", "--for", "100"])).code, 3);
      assert.equal((await run([url, "listen", "--for", "100"])).code, 0);
      const readable = await run([`${url}/chat`, "listen", "--count", "1"]);
      assert.equal(readable.lines.at(-1), '"welcome" 1 <binary AQID>');
    }));

  test("headers, query and auth arrive", () =>
    served(
      async (url) => {
        const args = ["-H", "X-One: 1", "-q", "two=2 3", "-a", '{"four":4}'];
        const { stdout } = await run([url, ...args, "--json", "emit", "tell", "--ack"]);
        assert.deepEqual(JSON.parse(stdout), ["1", "2 3", { four: 4 }]);
      },
      (io) =>
        io.on("connection", (socket) => {
          const { headers, query, auth } = socket.handshake;
          socket.on("tell", (answer) => answer(headers["x-one"], query.two, auth));
        }),
    ));

  test("ping and load: numbers", () =>
    served(async (url) => {
      const ping = await run([url, "--json", "ping", "echo", "--count", "3", "--interval", "1"]);
      assert.equal(ping.code, 0, ping.stderr);
      assert.equal(JSON.parse(ping.lines.at(-1)).answered, 3);
      const load = await run([url, "--json", "load", "echo", "--clients", "3", "--duration", "300", "--in-flight", "2"]);
      assert.equal(load.code, 0, load.stderr);
      const { clients, answered, lost, p50_ms, p99_ms } = JSON.parse(load.stdout);
      assert.ok(clients === 3 && answered > 0 && lost === 0 && p50_ms <= p99_ms, load.stdout);
    }));

  test("repl: a script", () =>
    served(async (url) => {
      const { code, lines } = await run([url, "repl"], 'echo "a b" {"c": 1}\n/ack echo 1 2\n/nonsense\n/disconnect\n/connect\n/ack echo "end"\n');
      assert.equal(code, 0);
      for (const line of ["= 1 2", "unknown command: /nonsense; /help shows all", '= "end"', '"echo" "a b" {"c":1}']) {
        assert.ok(lines.includes(line), `${line} in ${lines.join(" | ")}`);
      }
    }));

  test("repl: lines are edited, recalled and completed, the second as the first", () =>
    served(async (url) => {
      const terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
      const child = spawn("python3", ["-c", terminal, program, url, "repl"], { env: { ...process.env, TERM: "xterm" } });
      const killer = setTimeout(() => child.kill("SIGKILL"), 20000);
      const closed = once(child, "close");
      let screen = "";
      let look = () => {};
      child.stdout.on("data", (text) => look((screen += text)));
      child.stdin.on("error", () => {});
      /** Types when the screen shows it, and forgets what it showed. */
      const shown = async (text, keys) => {
        const seen = new Promise((resolve) => (look = () => screen.includes(text) && resolve(true)));
        look();
        assert.ok(await Promise.race([seen, closed.then(() => false)]), `ended without ${text}: ${screen}`);
        screen = "";
        child.stdin.write(keys);
      };
      await shown('"welcome"', "/ack echo 1 3\x7f2\n");
      await shown("= 1 2", "\x1b[A 4\n");
      await shown("= 1 2 4", "/ack ec\t 5\n");
      await shown("= 5", "wel\t");
      await shown("come ", "\x15/quit\n");
      assert.deepEqual(await closed, [0, null]);
      clearTimeout(killer);
    }));
});
