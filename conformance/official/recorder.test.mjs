// siokit-server --record, and siokit-replay: the official client's sessions are kept, told and happen again.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { ask, client, connected } from "./clients.mjs";
import { Server, atEnd, cleanUp, eventually, official } from "./harness.mjs";

const skip = official || process.env.SIOKIT_URL ? "only for siokit-server" : false;
const secret = "TopSecretToken1234567890";

/** Runs siokit-replay, which lies beside the server. */
function replay(...args) {
  const program = join(dirname(process.env.SIOKIT_SERVER), "siokit-replay");
  const { status, stdout, stderr } = spawnSync(program, args.map(String), { encoding: "utf8" });
  return { code: status, out: stdout, err: stderr, lines: stdout.trimEnd().split("\n") };
}

/** What happens to a server with these options; its recording. */
async function record(options, body, how = (server) => server.stop()) {
  const folder = mkdtempSync(join(tmpdir(), "siokit-recorder-"));
  const file = join(folder, "flight.rec");
  const server = await Server.start("client-suite", undefined, ["--record", file, ...options]);
  try {
    await body(server, file);
    cleanUp(); // the clients go first
    await how(server);
  } finally {
    server.kill();
    cleanUp();
  }
  atEnd(() => rmSync(folder, { recursive: true }));
  return file;
}

/** From polling to WebSocket, with auth, bytes and acknowledgements. */
async function session(server) {
  const socket = client(server, "upgrade", { auth: { token: secret } });
  await connected(socket);
  assert.deepEqual(await ask(socket, "echo", { text: "by polling or not", bytes: Buffer.from([1, 2, 3]) }), {
    text: "by polling or not",
    bytes: Buffer.from([1, 2, 3]),
  });
  await eventually(() => socket.io.engine.transport.name === "websocket", "upgrade");
  assert.equal(await ask(socket, "echo", "over the WebSocket"), "over the WebSocket");
  return socket;
}

describe("the flight recorder", { skip, timeout: 60000 }, () => {
  afterEach(cleanUp);

  for (const mask of ["none", "secrets", "everything"]) {
    test(`a session under the mask ${mask} is told, and happens again`, async () => {
      let sid;
      const file = await record(mask === "secrets" ? [] : ["--record-mask", mask], async (server) => {
        sid = (await session(server)).io.engine.id;
      });
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const bytes = readFileSync(file, "latin1");
      for (const hidden of [secret, sid]) assert.equal(bytes.includes(hidden), mask === "none", hidden);
      assert.equal(bytes.includes("over the WebSocket"), mask !== "everything");
      const { code, out, err, lines } = replay(file);
      assert.equal(code, 0, out + err);
      assert.match(lines.at(-1), new RegExp(`^sessions 1, entries \\d+, mask ${mask}: all happened again$`));
      assert.match(out, /client -> server {2}session \S+ by polling, revision 4/);
      assert.match(out, /message CONNECT \/ \{/);
      assert.match(out, /2probe|ping probe/);
      assert.match(out, /server -> app {5}upgraded/);
      assert.match(out, /BINARY_EVENT \/ #\d+ \+1/);
      assert.match(out, /binary, 3 bytes/);
      assert.match(out, /closed reason="/);
      if (mask !== "everything") assert.match(out, /EVENT \/ #\d+ \["echo","over the WebSocket"\]/);
    });
  }

  test("for programs there is JSON, one session, and the exit code", async () => {
    const file = await record([], async (server) => {
      await session(server);
      await session(server);
    });
    const all = replay(file, "--json", "--session", 2);
    assert.equal(all.code, 0, all.err);
    const entries = all.lines.map((line) => JSON.parse(line));
    const { sessions, same, ends_early: early } = entries.pop();
    assert.deepEqual({ sessions, same, early }, { sessions: 2, same: true, early: false });
    assert.deepEqual([...new Set(entries.map((each) => each.session))], [2]);
    assert.equal(entries.find((each) => each.reason).cause, "ok");
    assert.equal(replay(file, "--session", 3).code, 2);
    assert.equal(replay(join(dirname(file), "nothing")).code, 2);
    writeFileSync(file, "no recording\n");
    assert.equal(replay(file).code, 2);
  });

  test("what is changed is found", async () => {
    const file = await record(["--record-mask", "none"], session);
    const bytes = readFileSync(file);
    bytes[bytes.indexOf("over the WebSocket")] ^= 1;
    writeFileSync(file, bytes);
    const { code, out, lines } = replay(file);
    assert.equal(code, 1);
    assert.match(out, / DIFFERS$/m);
    assert.match(lines.at(-1), /entry at byte \d+: not what it was$/);
  });

  test("a server that is killed leaves what there is", async () => {
    const file = await record([], async (server, at) => {
      await session(server);
      // The end of the turn comes behind its answer.
      await eventually(() => readFileSync(at, "latin1").split("over the WebSocket").length > 2, "both ways in the file");
    }, (server) => server.kill());
    const whole = replay(file);
    assert.equal(whole.code, 0, whole.out + whole.err);
    assert.match(whole.out, /over the WebSocket/);
    truncateSync(file, statSync(file).size - 1);
    const { code, lines } = replay(file);
    assert.equal(code, 0);
    assert.match(lines.at(-1), /the recording ends early; until then all happened again$/);
  });

  test("at its longest the recording stops, and the server goes on", async () => {
    const file = await record(["--record-max", "4096"], async (server) => {
      const socket = await session(server);
      for (let i = 0; i < 20; ++i) assert.equal(await ask(socket, "echo", "x".repeat(1000) + i), "x".repeat(1000) + i);
      assert.match(server.log, /recording stopped file=\S+ why="it has become as long as --record-max allows"/);
    });
    assert.ok(statSync(file).size <= 4096);
    assert.equal(replay(file).code, 0);
  });

  test("what can't be written is said", { skip: !existsSync("/dev/full") }, async () => {
    const server = await Server.start("client-suite", undefined, ["--record", "/dev/full"]);
    try {
      await session(server);
      await eventually(() => /recording stopped file=\/dev\/full why="No space left/.test(server.log), "line in the log");
      cleanUp();
      await server.stop();
    } finally {
      server.kill();
      cleanUp();
    }
  });

  test("an earlier recording is kept", async () => {
    const file = await record([], session);
    const first = readFileSync(file);
    const again = await Server.start("client-suite", undefined, ["--record", file]);
    await again.stop();
    assert.deepEqual(readFileSync(`${file}.1`), first);
  });

  test("wrong options are refused", () => {
    for (const [args, text] of [
      [["--record-mask", "none"], /--record-mask: it goes together with --record/],
      [["--record-max", "10000"], /--record-max: it goes together with --record/],
      [["--record", "f", "--record-mask", "some"], /--record-mask/],
      [["--record", "f", "--record-max", "1"], /--record-max/],
    ]) {
      const { status, stderr } = spawnSync(process.env.SIOKIT_SERVER, args, { encoding: "utf8" });
      assert.equal(status, 2, stderr);
      assert.match(stderr, text);
    }
    const { status, stderr } = spawnSync(process.env.SIOKIT_SERVER, ["--record", "/nowhere/f", "--port", "0"], { encoding: "utf8" });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /--record: \/nowhere\/f can't be written/);
  });
});
