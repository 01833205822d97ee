// The application `studio`: the snippets of its document, and what the document says of users, rooms, media and processes.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ask, client, connected, refusal } from "./clients.mjs";
import { Server, app, atEnd, cleanUp, eventually, freePort, official, within } from "./harness.mjs";
import { runSnippet } from "./snippets.mjs";

const skip = (official || process.env.SIOKIT_URL) && "an application of siokit-server"; // as app() does
const secret = "a secret of the tests";
const pushToken = "push";
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const helper = (name) => fileURLToPath(new URL(`helpers/${name}`, import.meta.url));
const options = ["--jwt-secret", secret, "--push-token", pushToken, "--command", `sh '${helper("run-prompt.sh")}'`];

/** A JSON Web Token with these claims. */
function sign(claims, { key = secret, header = { alg: "HS256", typ: "JWT" } } = {}) {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}

let users = 0;
const newUser = () => `user-${++users}`;

/** A client that keeps what it gets, each as [event, ...arguments], in `got`; `saw` waits for one of them. */
function open(server, { namespace = "/", token, ...more } = {}) {
  const socket = client(server, "websocket", { namespace, auth: token === undefined ? {} : { token }, ...more });
  socket.got = [];
  socket.onAny((...event) => socket.got.push(event));
  socket.all = (event) => socket.got.filter(([name]) => name === event).map(([, data]) => data);
  socket.saw = (event, fits = () => true, ms) => eventually(() => socket.all(event).find(fits), event, ms);
  return socket;
}

/** One that is connected, and authenticated when it is a user's. */
async function device(server, userId, namespace) {
  const socket = open(server, { namespace, token: userId && sign({ userId }) });
  await connected(socket);
  if (userId) await socket.saw("authenticated");
  return socket;
}

/** Has a script run; the id of the process. */
async function execute(socket, prompt, more = {}) {
  const answer = await ask(socket, "claude:execute", { prompt, ...more });
  assert.equal(answer.success, true, answer.error);
  return answer.processId;
}

const of = (id) => (data) => data.processId === id;
const output = (socket, id) => socket.all("claude:progress").filter(of(id)).map(({ data }) => data ?? "").join("");
/** Waits until the process has written this much. */
const wrote = (socket, id, pattern) => eventually(() => pattern.exec(output(socket, id)), `output ${pattern}`);
const completed = async (socket, id) => (await socket.saw("claude:complete", of(id))).result;
const failed = (socket, id) => socket.saw("claude:error", of(id));
const statusOf = (socket, id) => ask(socket, "claude:status", id);

/** Waits until there is no such process. */
const gone = (pid) => eventually(() => !isThere(pid), `end of process ${pid}`);
function isThere(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A script that runs until `release` is called, or the test is over. */
function held() {
  const folder = mkdtempSync(join(tmpdir(), "siokit-"));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "go");
  return { script: `while [ -d '${folder}' ] && [ ! -e '${file}' ]; do sleep 0.02; done`, release: () => writeFileSync(file, "") };
}

/** An operator pushes an event. */
const push = (server, body, token = pushToken) =>
  fetch(`${server.url}/push`, {
    method: "POST",
    headers: token ? { authorization: `Bearer ${token}` } : {},
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

app("studio", (server) => {
  const snippet = (name, given) => runSnippet(`4-studio-${name}.js`, server.url, given);
  /** What a snippet that begins with `socket` takes for granted. */
  const socketOf = (token) => `
    import { io } from "socket.io-client";
    const socket = io("${server.url}", { auth: ${token ? `{ token: "${token}" }` : "{}"} });`;
  const run = (prompt, then = "") =>
    `socket.emit("claude:execute", { prompt: ${JSON.stringify(prompt)} }, (answer) => { ${then} });`;

  describe("snippets", () => {
    test("connect: three ways", async () => {
      const running = await snippet("connect", {
        tokens: { "your-jwt-token": sign({ userId: "connect" }) },
        after: `
          for (const [name, each] of Object.entries({ socket, mediaSocket, authSocket })) {
            each.onAny((event, data) => console.log(name, event, data.userId ?? ""));
          }`,
      });
      for (const line of ["socket welcome", "mediaSocket welcome", "authSocket authenticated connect"]) await running.wrote(line);
    });

    test("connection options", async () => {
      const running = await snippet("options", {
        tokens: { "'jwt-token'": `'${sign({ userId: "options" })}'` },
        before: 'import { io } from "socket.io-client"; const options =',
        after: `;const socket = io("${server.url}", options);
          socket.on("authenticated", ({ userId }) => console.log(userId, socket.io.engine.transport.name));`,
      });
      await running.wrote("options websocket");
    });

    test("welcome", async () => {
      const running = await snippet("welcome", { before: socketOf() });
      await running.wrote(/^Connected as [\w-]{20}$/m);
    });

    test("claude:progress", async () => {
      const running = await snippet("progress", {
        before: `${socketOf(sign({ userId: newUser() }))} let outputBuffer = "";`,
        after: `${run("echo one; echo two")} socket.on("claude:complete", () => console.log(JSON.stringify(outputBuffer)));`,
      });
      await running.wrote('"one\\ntwo\\n"');
      assert.match(running.output, /^Process [0-9a-f]+: running$/m);
    });

    test("claude:queued", async () => {
      const waiting = held();
      const running = await snippet("queued", {
        before: socketOf(sign({ userId: newUser() })),
        after: run(waiting.script).repeat(4),
      });
      await running.wrote("Request queued at position 0");
      waiting.release();
    });

    test("claude:complete", async () => {
      const running = await snippet("complete", {
        before: socketOf(sign({ userId: newUser() })),
        after: run(`echo '{"content": "said"}'`),
      });
      await running.wrote("Response: said");
      assert.match(running.output, /^Process [0-9a-f]+ completed$/m);
      assert.ok(running.output.includes('Output: {"content": "said"}'));
    });

    test("claude:error", async () => {
      const running = await snippet("error", { before: socketOf(sign({ userId: newUser() })), after: run("echo why >&2; exit 3") });
      await running.wrote(/^Error EXECUTION_ERROR: Process exited with code 3: why\nProcess: [0-9a-f]+$/m);
    });

    test("authenticate", async () => {
      const good = await snippet("authenticate", { tokens: { "jwt-token": sign({ sub: "subject" }) }, before: socketOf() });
      await good.wrote("Authenticated as subject");
      const bad = await snippet("authenticate", { before: socketOf() });
      await bad.wrote("Invalid or expired token");
    });

    test("joinRoom, and events of the room", async () => {
      const joining = await snippet("join-room", { before: socketOf() });
      await joining.wrote("Joined room: project-123");
      const listening = await snippet("room-events", {
        before: socketOf(),
        after: `
          socket.on("projectUpdate", (data) => console.log("update", data.n));
          socket.on("roomJoined", ({ room }) => console.log("in", room));`,
      });
      await listening.wrote("in project-123");
      assert.equal((await push(server, { event: "projectUpdate", room: "project-123", data: { n: 7 } })).status, 200);
      await listening.wrote("update 7");
    });

    test("claude:status and claude:cancel", async () => {
      const waiting = held();
      const status = await snippet("status", {
        before: `${socketOf(sign({ userId: newUser() }))}
          const started = new Promise((resolve) => socket.once("claude:progress", resolve));
          const { processId } = await socket.emitWithAck("claude:execute", { prompt: ${JSON.stringify(waiting.script)} });
          await started;`,
      });
      await status.wrote("Status: running");
      waiting.release();
      const cancel = await snippet("cancel", {
        before: `${socketOf(sign({ userId: newUser() }))}
          const { processId } = await socket.emitWithAck("claude:execute", { prompt: "exec sleep 1000" });`,
      });
      await cancel.wrote("Process cancelled successfully");
      await cancel.wrote(/^Process [0-9a-f]+ was cancelled$/m);
    });

    test("authentication by handshake and by event", async () => {
      const before = 'import { io } from "socket.io-client";';
      const after = 'socket.on("authenticated", ({ userId }) => console.log("I am", userId));';
      const handshake = await snippet("auth-handshake", { tokens: { "your-jwt-token": sign({ userId: "hand" }) }, before, after });
      await handshake.wrote("I am hand");
      const event = await snippet("auth-event", { tokens: { "jwt-token": sign({ userId: "event" }) }, before, after });
      await event.wrote("I am event");
    });

    test("claude:execute without authentication", async () => {
      const running = await snippet("unauthorized", {
        before: `${socketOf()}
          const emit = socket.emit.bind(socket);
          socket.emit = (event, payload, then) => emit(event, payload, (answer) => (then(answer), console.log(JSON.stringify(answer))));
          socket.onAny((...event) => console.log(JSON.stringify(event)));`,
      });
      await running.wrote('{"error":"Authentication required to execute Claude commands","success":false}');
      await running.wrote(/\["claude:error",\{"code":"UNAUTHORIZED","message":"Authentication required to execute Claude commands"/);
    });

    test("rate limit", async () => {
      const running = await snippet("rate-limit", {
        before: `${socketOf(sign({ userId: newUser() }))}
          const setTimeout = (call, ms) => (console.log("again in", ms), call());
          const retryRequest = () => console.log("retried");`,
        after: run(":").repeat(11),
      });
      await running.wrote("again in 60000\nretried");
    });

    test("connection errors", async () => {
      const running = await snippet("connection-errors", {
        before: `import { io } from "socket.io-client"; const socket = io("${server.url}/notifications");`,
      });
      await running.wrote("Connection failed: Authentication required");
    });

    test("reconnection", async () => {
      const running = await snippet("reconnection", {
        before: 'import { io } from "socket.io-client";',
        after: `
          let times = 0;
          socket.on("connect", () => {
            console.log("connected", ++times);
            if (times === 1) socket.io.engine.close();
          });`,
      });
      await running.wrote("connected 2");
    });

    test("the complete client", async () => {
      const running = await snippet("client", {
        after: `
          const studio = new WebSocketClient("${server.url}", "${sign({ userId: "complete" })}");
          console.log("room", (await studio.joinRoom("project-1")).room);
          console.log("refused", await studio.joinRoom("user:somebody").catch((error) => error.message));
          console.log("ping", (await studio.ping()) < 5000);
          studio.disconnect();`,
      });
      await running.wrote("Disconnected: io client disconnect");
      assert.equal(await running.ended, 0);
      const { output: said } = running;
      for (const line of ["Connected", "Welcome: ", "Authenticated as: complete", "room project-1", "refused Access denied", "ping true"]) {
        assert.ok(said.includes(line), `${line} in ${said}`);
      }
    });
  });

  describe("who is who", () => {
    test("every namespace welcomes", async () => {
      for (const namespace of ["/", "/media", "/notifications"]) {
        const socket = await device(server, "somebody", namespace);
        const { message, socketId, serverTime } = await socket.saw("welcome");
        assert.equal(socket.got[0][0], "welcome");
        assert.equal(socketId, socket.id);
        assert.match(serverTime, iso);
        assert.ok(message);
        assert.equal((await socket.saw("authenticated")).userId, "somebody");
      }
    });

    test("by handshake: authenticated, with the email when there is one", async () => {
      const socket = open(server, { token: sign({ userId: "anna", sub: "other", email: "anna@example.org" }) });
      const { authenticatedAt, ...who } = await socket.saw("authenticated");
      assert.match(authenticatedAt, iso);
      assert.deepEqual(who, { userId: "anna", email: "anna@example.org" });
      const plain = await open(server, { token: sign({ sub: "berta" }) }).saw("authenticated");
      assert.deepEqual(Object.keys(plain).sort(), ["authenticatedAt", "userId"]);
      assert.equal(plain.userId, "berta");
    });

    const nested = (depth) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    const now = () => Math.floor(Date.now() / 1000);
    const bad = {
      "another secret": () => sign({ userId: "x" }, { key: "other" }),
      "no algorithm": () => sign({ userId: "x" }, { header: { alg: "none", typ: "JWT" } }),
      "another algorithm": () => sign({ userId: "x" }, { header: { alg: "HS512", typ: "JWT" } }),
      "expired": () => sign({ userId: "x", exp: now() - 10 }),
      "not yet": () => sign({ userId: "x", nbf: now() + 1000 }),
      "nobody": () => sign({ email: "x@example.org" }),
      "an empty user": () => sign({ userId: "" }),
      "no token": () => "nonsense",
      "empty": () => "",
      "a number": () => 17,
      "an object": () => ({ a: 1 }),
      "a deep one": () => sign({ userId: "x", deep: nested(2500) }, { key: "other" }),
      "a long one": () => sign({ userId: "x".repeat(100000) }),
    };
    for (const [name, make] of Object.entries(bad)) {
      test(`a bad token (${name}): authError, and nothing else is touched`, async () => {
        const socket = open(server, { token: make() });
        await connected(socket);
        assert.ok((await socket.saw("authError")).message);
        const answer = await ask(socket, "authenticate", { token: make() });
        assert.equal(answer.success, false);
        assert.ok(answer.error);
        assert.equal(socket.all("authError").length, 2);
        assert.equal((await ask(socket, "getConnectionInfo")).authenticated, false);
        assert.equal((await refusal(open(server, { namespace: "/notifications", token: make() }))).message, "Authentication required");
      });
    }

    test("by event, by another token, and logged out", async () => {
      const socket = await device(server);
      for (const payload of [[], [null], ["text"], [{}], [{ token: 1 }]]) {
        assert.equal((await ask(socket, "authenticate", ...payload)).success, false);
      }
      assert.deepEqual(await ask(socket, "authenticate", { token: sign({ userId: "a" }) }), { success: true, userId: "a" });
      assert.deepEqual((await ask(socket, "getConnectionInfo")).rooms.sort(), [socket.id, "user:a"].sort());
      assert.equal((await ask(socket, "authenticate", { token: "bad" })).success, false);
      assert.equal((await ask(socket, "getConnectionInfo")).authenticated, true, "a bad token changes nothing");
      assert.deepEqual(await ask(socket, "authenticate", { token: sign({ userId: "b" }) }), { success: true, userId: "b" });
      assert.deepEqual((await ask(socket, "getConnectionInfo")).rooms.sort(), [socket.id, "user:b"].sort());
      assert.deepEqual(await ask(socket, "logout"), { success: true });
      assert.ok((await socket.saw("loggedOut")).message);
      const { connectedAt, ...info } = await ask(socket, "getConnectionInfo");
      assert.match(connectedAt, iso);
      assert.deepEqual(info, { socketId: socket.id, connected: true, rooms: [socket.id], authenticated: false });
      assert.equal((await ask(socket, "claude:execute", { prompt: ":" })).success, false);
    });

    test("/notifications is for the authenticated, /media for all", async () => {
      assert.equal((await refusal(open(server, { namespace: "/notifications" }))).message, "Authentication required");
      assert.equal((await ask(await device(server, undefined, "/media"), "getConnectionInfo")).authenticated, false);
    });

    test("pages of any origin may connect", async () => {
      const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: "http://example.org" } });
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    });
  });

  describe("rooms and latency", () => {
    test("joined and left: callback and event", async () => {
      const socket = await device(server);
      assert.deepEqual(await ask(socket, "joinRoom", "r"), { success: true, room: "r" });
      assert.deepEqual(await socket.saw("roomJoined"), { room: "r", success: true });
      assert.ok((await ask(socket, "getConnectionInfo")).rooms.includes("r"));
      assert.deepEqual(await ask(socket, "leaveRoom", "r"), { success: true, room: "r" });
      assert.deepEqual(await socket.saw("roomLeft"), { room: "r", success: true });
      assert.ok(!(await ask(socket, "getConnectionInfo")).rooms.includes("r"));
    });

    test("not those of users, nor what is no name", async () => {
      const other = await device(server, "carla");
      const socket = await device(server, "dora");
      for (const name of ["user:carla", "user:", "user:dora", other.id]) {
        assert.match((await ask(socket, "joinRoom", name)).error, /^Access denied/, name);
      }
      for (const name of ["user:dora", socket.id]) assert.equal((await ask(socket, "leaveRoom", name)).success, false);
      for (const args of [[], [""], [1], [null], [{}], ["x".repeat(257)]]) {
        for (const event of ["joinRoom", "leaveRoom"]) {
          const { success, error } = await ask(socket, event, ...args);
          assert.equal(success, false);
          assert.ok(error);
        }
      }
      assert.equal(socket.all("roomJoined").length + socket.all("roomLeft").length, 0);
    });

    for (const [namespace, event] of [["/", "joinRoom"], ["/media", "subscribeMedia"]]) {
      test(`${event}: no more than 998, so that those of a user fit in`, async () => {
        const socket = await device(server, undefined, namespace);
        const fill = () => Promise.all(Array.from({ length: 999 }, (_, i) => ask(socket, event, `r${i}`)));
        const answers = await fill();
        assert.equal(answers.filter(({ success }) => success).length, 998);
        assert.match(answers.at(-1).error, /^Too many/);
        await ask(socket, "authenticate", { token: sign({ userId: "full" }) });
        assert.ok((await ask(socket, "getConnectionInfo")).rooms.includes("user:full"));
        assert.match((await ask(socket, event, "one more")).error, /^Too many/);
      });
    }

    test("ping and heartbeat", async () => {
      const socket = await device(server);
      const before = Date.now();
      const { timestamp } = await ask(socket, "ping");
      assert.ok(timestamp >= before && timestamp <= Date.now());
      assert.deepEqual(await socket.saw("pong"), { timestamp });
      const beat = await ask(socket, "heartbeat", { timestamp: before });
      assert.equal(beat.latency, beat.timestamp - before);
      assert.equal(new Date(beat.timestamp).toISOString(), beat.serverTime);
      assert.deepEqual(await socket.saw("heartbeatAck"), beat);
      for (const args of [[], [{}], [null], ["x"], [{ timestamp: "x" }]]) {
        assert.equal((await ask(socket, "heartbeat", ...args)).latency, null);
      }
      assert.equal(typeof (await ask(socket, "heartbeat", { timestamp: -Number.MAX_VALUE })).latency, "number");
      socket.emit("ping");
      await eventually(() => socket.all("pong").length === 2, "pong without callback");
    });
  });

  describe("what is pushed", () => {
    test("media: to those who follow the item", async () => {
      const follower = await device(server, undefined, "/media");
      const other = await device(server, undefined, "/media");
      assert.deepEqual(await ask(follower, "subscribeMedia", "m1"), { success: true, mediaId: "m1" });
      await ask(other, "subscribeMedia", "m2");
      const events = [
        ["mediaProgress", { mediaId: "m1", progress: 50, stage: "encoding", message: "half" }],
        ["mediaComplete", { mediaId: "m1", url: "http://example.org/1", thumbnailUrl: "t", metadata: { width: 1 } }],
        ["mediaError", { mediaId: "m1", error: "broken", code: "E1" }],
      ];
      for (const [event, data] of events) {
        const answer = await push(server, { event, data });
        assert.equal(answer.status, 200);
        assert.deepEqual(await answer.json(), { success: true });
        assert.deepEqual(await follower.saw(event), data);
      }
      assert.deepEqual(await ask(follower, "unsubscribeMedia", "m1"), { success: true, mediaId: "m1" });
      await push(server, { event: "mediaProgress", data: { mediaId: "m1", progress: 60, stage: "late" } });
      await push(server, { event: "mediaProgress", data: { mediaId: "m2", progress: 1, stage: "other" } });
      assert.equal((await other.saw("mediaProgress")).mediaId, "m2");
      await ask(follower, "ping");
      assert.deepEqual(follower.all("mediaProgress").map(({ progress }) => progress), [50]);
      for (const event of ["subscribeMedia", "unsubscribeMedia"]) {
        for (const args of [[], [""], [1], [{}], ["x".repeat(257)]]) {
          const answer = await ask(follower, event, ...args);
          assert.equal(answer.success, false);
          assert.ok(answer.error);
        }
      }
    });

    test("notifications: to all devices of a user, to a room, to everybody", async () => {
      const [first, second, other] = await Promise.all(["erna", "erna", "fritz"].map((user) => device(server, user, "/notifications")));
      const data = { type: "success", title: "Done", message: "It is done", data: { n: 1 } };
      assert.equal((await push(server, { event: "notification", userId: "erna", data })).status, 200);
      for (const socket of [first, second]) {
        const { id, timestamp, ...rest } = await socket.saw("notification");
        assert.ok(id);
        assert.match(timestamp, iso);
        assert.deepEqual(rest, data);
      }
      await ask(other, "joinRoom", "editors");
      const given = { ...data, id: "n1", timestamp: "2025-01-15T10:00:00.000Z" };
      await push(server, { event: "notification", room: "editors", data: given });
      assert.deepEqual(await other.saw("notification"), given, "and nothing before");
      await ask(first, "logout");
      await push(server, { event: "notification", data: { ...data, id: "n2" } });
      for (const socket of [second, other]) await socket.saw("notification", ({ id }) => id === "n2");
      await ask(first, "ping");
      assert.equal(first.all("notification").length, 1, "none behind its logout");
      assert.equal(second.all("notification").length, 2);
    });

    test("other events: to a user, or to everybody", async () => {
      const [mine, others] = await Promise.all([device(server, "gerda"), device(server)]);
      await push(server, { event: "projectUpdate", userId: "gerda", data: 1 });
      await push(server, { event: "projectUpdate", data: 2 });
      await mine.saw("projectUpdate", (data) => data === 2);
      await others.saw("projectUpdate");
      assert.deepEqual([mine.all("projectUpdate"), others.all("projectUpdate")], [[1, 2], [2]]);
    });

    test("401, 403, 400", async () => {
      const good = { event: "notification", data: { type: "info", title: "", message: "" } };
      assert.equal((await push(server, good, null)).status, 401);
      assert.equal((await push(server, good, "wrong")).status, 403);
      const media = { mediaId: "m", progress: 1, stage: "s" };
      const wrong = [
        "no json", "[]", "null", {}, { event: 1 }, { event: "" }, { event: "connect", data: {} },
        { ...good, userId: 1 }, { ...good, userId: "" }, { ...good, room: [] },
        { ...good, userId: "a", room: "r" },
        { event: "notification" }, { event: "notification", data: { ...good.data, type: "other" } },
        { event: "notification", data: { type: "info", title: "t" } },
        { event: "mediaProgress", data: { ...media, mediaId: undefined } },
        { event: "mediaProgress", data: { ...media, progress: 101 } },
        { event: "mediaProgress", data: { ...media, progress: "1" } },
        { event: "mediaProgress", data: { ...media, stage: undefined } },
        { event: "mediaComplete", data: { mediaId: "m" } }, { event: "mediaError", data: { mediaId: "m" } },
      ];
      for (const body of wrong) {
        const answer = await push(server, body);
        assert.equal(answer.status, 400, JSON.stringify(body));
        assert.ok((await answer.json()).error);
      }
    });

    test("/health", async () => {
      await device(server);
      const { status, timestamp, uptime, processes, sockets } = await (await fetch(`${server.url}/health`)).json();
      assert.equal(status, "healthy");
      assert.match(timestamp, iso);
      assert.ok(uptime >= 0 && sockets >= 1);
      assert.deepEqual(Object.keys(processes).sort(), ["queued", "running"]);
    });
  });

  describe("processes", () => {
    test("streamed, then complete", async () => {
      const user = newUser();
      const socket = await device(server, user);
      const waiting = held();
      const id = await execute(socket, `echo one; ${waiting.script}; echo two; echo bad >&2`);
      await wrote(socket, id, /^one\n$/);
      const [begin, chunk] = socket.all("claude:progress");
      assert.deepEqual({ ...begin, timestamp: "" }, { processId: id, status: "running", message: "Process started", timestamp: "" });
      assert.deepEqual({ ...chunk, timestamp: "" }, { processId: id, status: "running", data: "one\n", timestamp: "" });
      assert.match(begin.timestamp, iso);
      assert.deepEqual(await statusOf(socket, id), { success: true, status: "running" });
      waiting.release();
      const { startedAt, completedAt, durationMs, ...result } = await completed(socket, id);
      assert.deepEqual(result, { id, userId: user, status: "completed", stdout: "one\ntwo\n", stderr: "bad\n", exitCode: 0 });
      assert.equal(new Date(completedAt) - new Date(startedAt), durationMs);
      assert.equal(output(socket, id), "one\ntwo\n");
      assert.deepEqual(await statusOf(socket, id), { success: true, status: "completed" });
    });

    test("options go before the prompt, and nothing through a shell", async () => {
      const socket = await device(server, newUser());
      const script = `printf '<%s>' "$@" # '"$HOME\``;
      const more = { model: "m 1", maxTokens: 1000, systemPrompt: "be; brief", workingDirectory: "/usr" };
      const { stdout } = await completed(socket, await execute(socket, script, more));
      assert.equal(stdout, `<--model><m 1><--max-tokens><1000><--system-prompt><be; brief><${script}>`);
      const folder = realpathSync(tmpdir());
      assert.equal((await completed(socket, await execute(socket, "pwd -P", { workingDirectory: folder }))).stdout, `${folder}\n`);
      assert.equal((await completed(socket, await execute(socket, "echo $#", { model: null, timeoutMs: undefined }))).stdout, "1\n");
    });

    test("a process has no input, and no descriptor of the server", async () => {
      const socket = await device(server, newUser());
      const { stdout } = await completed(socket, await execute(socket, "cat; ls -l /proc/self/fd"));
      assert.match(stdout, / 0 -> \/dev\/null\n/);
      assert.match(stdout, / 1 -> pipe:/);
      assert.doesNotMatch(stdout, /socket:|anon_inode:/);
    });

    test("characters are whole", async () => {
      const socket = await device(server, newUser());
      const waiting = held();
      const id = await execute(socket, `printf 'a\\303'; ${waiting.script}; printf '\\251\\360\\237'; sleep 0.05; printf '\\230\\200\\303'`);
      await wrote(socket, id, /a/);
      waiting.release();
      const { stdout } = await completed(socket, id);
      assert.equal(stdout, "a\u00e9\u{1F600}\ufffd");
      assert.equal(output(socket, id), "a\u00e9\u{1F600}\ufffd");
    });

    test("what is parsed of the output", async () => {
      const socket = await device(server, newUser());
      const parsed = async (said) => {
        const id = await execute(socket, `cat <<'END'\n${typeof said === "string" ? said : JSON.stringify(said)}\nEND`);
        return (await completed(socket, id)).parsedResponse;
      };
      assert.deepEqual(
        await parsed({ content: "c", usage: { input_tokens: 1, output_tokens: 2 }, model: "m", stop_reason: "end_turn" }),
        { content: "c", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 }, model: "m", stopReason: "end_turn" },
      );
      assert.deepEqual(
        await parsed({ result: "r", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 9 }, stopReason: "x" }),
        { content: "r", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 9 }, stopReason: "x" },
      );
      assert.deepEqual(await parsed({ content: "c" }), { content: "c" });
      for (const other of ["text", "[1]", { other: 1 }, { content: 1 }]) assert.equal(await parsed(other), undefined);
    });

    test("exit codes and signals", async () => {
      const socket = await device(server, newUser());
      for (const [script, message] of [
        ["exit 3", "Process exited with code 3"],
        ["echo first >&2; echo last >&2; exit 1", "Process exited with code 1: last"],
        ["kill -9 $$", "Process was killed by signal 9"],
      ]) {
        const id = await execute(socket, script);
        const { timestamp, ...error } = await failed(socket, id);
        assert.match(timestamp, iso);
        assert.deepEqual(error, { processId: id, code: "EXECUTION_ERROR", message });
        assert.deepEqual(await statusOf(socket, id), { success: true, status: "failed" });
      }
      assert.equal(socket.all("claude:complete").length, 0);
    });

    test("timeout: the whole group ends", async () => {
      const socket = await device(server, newUser());
      const id = await execute(socket, "sleep 1000 & echo $!; wait", { timeoutMs: 3000 });
      const [pid] = await wrote(socket, id, /\d+/);
      const { code, message } = await failed(socket, id);
      assert.deepEqual([code, message], ["EXECUTION_ERROR", "Process timed out after 3000 ms"]);
      assert.deepEqual(await statusOf(socket, id), { success: true, status: "timeout" });
      await gone(Number(pid));
    });

    test("cancelled, also when it does not want to end", async () => {
      const socket = await device(server, newUser());
      for (const script of ["sleep 1000 & echo $!; wait", "trap '' TERM; echo $$; while :; do sleep 0.02; done"]) {
        const id = await execute(socket, script);
        const [pid] = await wrote(socket, id, /\d+/);
        assert.deepEqual(await ask(socket, "claude:cancel", id), { success: true, message: "Process cancelled successfully" });
        assert.equal((await failed(socket, id)).code, "CANCELLED");
        assert.deepEqual(await statusOf(socket, id), { success: true, status: "cancelled" });
        await gone(Number(pid));
        const again = await ask(socket, "claude:cancel", id);
        assert.deepEqual(again, { success: false, error: "Process is not running: it is cancelled" });
      }
      assert.equal(socket.all("claude:complete").length, 0);
    });

    test("what a command leaves behind ends with it", async () => {
      const socket = await device(server, newUser());
      const { stdout } = await completed(socket, await execute(socket, "sleep 1000 & echo $!"));
      await gone(Number(stdout));
    });

    test("output beyond what is kept: STREAM_ERROR, and the rest is cut", async () => {
      const socket = await device(server, newUser());
      const id = await execute(socket, "head -c 5000000 /dev/zero"); // each byte takes six in JSON
      const { result } = await socket.saw("claude:complete", of(id), 30000);
      const { stdout, error } = result;
      assert.equal(stdout.length, 4 * 1024 * 1024);
      assert.equal(error, "Output is cut after 4194304 bytes");
      const { code, message } = await failed(socket, id);
      assert.deepEqual([code, message], ["STREAM_ERROR", error]);
    });

    test("a process is its user's, on all his devices", async () => {
      const user = newUser();
      const [first, second, other] = await Promise.all([device(server, user), device(server, user), device(server, newUser())]);
      const waiting = held();
      const id = await execute(first, `echo mine; ${waiting.script}; echo rest`);
      await wrote(first, id, /mine/);
      for (const event of ["claude:status", "claude:cancel"]) {
        assert.deepEqual(await ask(other, event, id), { success: false, error: "Access denied" });
      }
      assert.equal((await failed(other, id)).code, "UNAUTHORIZED");
      assert.deepEqual(await statusOf(second, id), { success: true, status: "running" });
      assert.equal(output(second, id), "", "events go to who has asked");
      const left = once(first.io.engine.transport.ws, "close"); // the server has read all before it answers the close
      first.disconnect();
      await within(left, "end of the first");
      waiting.release();
      assert.equal((await completed(second, id)).stdout, "mine\nrest\n", "and when that is gone, to the others");
      const next = await execute(second, "exec sleep 1000");
      const third = await device(server, user);
      assert.equal((await ask(third, "claude:cancel", next)).success, true);
      for (const socket of [second, third]) assert.equal((await failed(socket, next)).code, "CANCELLED");
      assert.equal(other.all("claude:progress").length + other.all("claude:complete").length, 0);
    });

    test("who has logged out hears no more of it", async () => {
      const socket = await device(server, newUser());
      const waiting = held();
      const id = await execute(socket, `echo before; ${waiting.script}; echo after`);
      await wrote(socket, id, /before/);
      await ask(socket, "logout");
      waiting.release();
      await eventually(async () => (await (await fetch(`${server.url}/health`)).json()).processes.running === 0, "end");
      await ask(socket, "ping");
      assert.equal(output(socket, id), "before\n");
      assert.equal(socket.all("claude:complete").length, 0);
    });
  });

  describe("what is refused", () => {
    async function refused(socket, event, args, code, error) {
      const before = socket.all("claude:error").length;
      const answer = await ask(socket, event, ...args);
      assert.equal(answer.success, false, `${event} ${JSON.stringify(args).slice(0, 100)}`);
      assert.match(answer.error, error);
      const errors = socket.all("claude:error").slice(before);
      assert.equal(errors.length, 1);
      assert.deepEqual([errors[0].code, errors[0].message], [code, answer.error]);
      assert.match(errors[0].timestamp, iso);
      return errors[0];
    }

    test("UNAUTHORIZED", async () => {
      const socket = await device(server);
      await refused(socket, "claude:execute", [{ prompt: "x" }], "UNAUTHORIZED", /^Authentication required to execute Claude commands$/);
      for (const event of ["claude:status", "claude:cancel"]) await refused(socket, event, ["x"], "UNAUTHORIZED", /^Authentication required/);
      socket.emit("claude:execute");
      await eventually(() => socket.all("claude:error").length === 4, "claude:error without callback");
    });

    test("INVALID_PAYLOAD, which is not counted", async () => {
      const socket = await device(server, newUser());
      const prompt = ":";
      const payloads = [
        [], [null], ["text"], [[]], [{}], [{ prompt: "" }], [{ prompt: 1 }], [{ prompt: "a\0b" }],
        [{ prompt: "x".repeat(100001) }], [{ prompt: "\u{1F600}".repeat(50001) }],
        [{ prompt, systemPrompt: 1 }], [{ prompt, model: {} }], [{ prompt, maxTokens: "1" }], [{ prompt, maxTokens: 0 }],
        [{ prompt, maxTokens: 1.5 }], [{ prompt, timeoutMs: 0 }], [{ prompt, timeoutMs: 3600001 }], [{ prompt, timeoutMs: "1" }],
        [{ prompt, workingDirectory: "/no/such/folder" }], [{ prompt, workingDirectory: "/etc/passwd" }], [{ prompt, workingDirectory: 1 }],
      ];
      for (const args of payloads) await refused(socket, "claude:execute", args, "INVALID_PAYLOAD", /./);
      for (const event of ["claude:status", "claude:cancel"]) {
        for (const args of [[], [1], [null], [{}]]) await refused(socket, event, args, "INVALID_PAYLOAD", /processId/);
      }
      const longest = `:${" ".repeat(99999)}`;
      await completed(socket, await execute(socket, longest));
    });

    test("PROCESS_NOT_FOUND", async () => {
      const socket = await device(server, newUser());
      for (const event of ["claude:status", "claude:cancel"]) {
        assert.equal((await refused(socket, event, ["none"], "PROCESS_NOT_FOUND", /^Process not found$/)).processId, "none");
      }
    });

    test("INVALID_PAYLOAD: a prompt of more bytes than the system gives a program", async () => {
      const socket = await device(server, newUser());
      const prompt = "\u20ac".repeat(100000);
      await refused(socket, "claude:execute", [{ prompt }], "INVALID_PAYLOAD", /131071 bytes/);
    });

    test("RATE_LIMIT_EXCEEDED: ten a minute for all devices of a user", async () => {
      const user = newUser();
      const [first, second] = await Promise.all([device(server, user), device(server, user)]);
      for (let i = 0; i < 5; ++i) {
        await execute(first, ":");
        await execute(second, ":");
      }
      for (const socket of [first, second]) {
        await refused(socket, "claude:execute", [{ prompt: ":" }], "RATE_LIMIT_EXCEEDED", /^Rate limit exceeded/);
      }
      await execute(await device(server, newUser()), ":");
      const status = await ask(first, "claude:status", "none");
      assert.equal(status.error, "Process not found", "only claude:execute is limited");
    });
  });
}, { options });

app("studio", (server) => {
  test("the queue: positions, and those behind move up", async () => {
    const socket = await device(server, newUser());
    const [running, ...waiting] = Array.from({ length: 4 }, held);
    const first = await execute(socket, running.script);
    await socket.saw("claude:progress", of(first));
    const ids = [];
    for (const each of waiting) ids.push(await execute(socket, each.script));
    const positions = (id) => socket.all("claude:queued").filter(of(id)).map(({ queuePosition }) => queuePosition);
    await eventually(() => positions(ids[2]).length === 2, "position");
    assert.deepEqual(ids.map(positions), [[0], [0, 1], [0, 2]]);
    const { timestamp, ...told } = socket.all("claude:queued").at(-1);
    assert.match(timestamp, iso);
    assert.deepEqual(told, { processId: ids[2], queuePosition: 2, message: "Queue position: 2" });
    assert.deepEqual(await statusOf(socket, ids[1]), { success: true, status: "queued", queuePosition: 1 });
    assert.equal((await ask(socket, "claude:cancel", ids[0])).success, true);
    assert.equal((await failed(socket, ids[0])).code, "CANCELLED");
    await eventually(() => positions(ids[2]).length === 3, "move");
    assert.deepEqual(ids.map(positions), [[0], [0, 1, 0], [0, 2, 1]]);
    assert.deepEqual(await (await fetch(`${server.url}/health`)).json().then(({ processes }) => processes), { running: 1, queued: 2 });
    assert.equal(socket.all("claude:progress").length, 1, "one at a time");
    for (const each of [running, ...waiting]) each.release();
    for (const id of [first, ids[1], ids[2]]) await completed(socket, id);
    const ends = socket.all("claude:complete").map(({ processId }) => processId);
    assert.deepEqual(ends, [first, ids[1], ids[2]]);
    assert.equal((await socket.saw("claude:progress", of(ids[2]))).message, "Process started");
  });
}, { title: "studio, one at a time", options: [...options, "--max-concurrent", 1] });

app("studio", (server) => {
  test("QUEUE_TIMEOUT", async () => {
    const socket = await device(server, newUser());
    const running = held();
    const first = await execute(socket, running.script);
    const id = await execute(socket, ":");
    const { code } = await failed(socket, id);
    assert.equal(code, "QUEUE_TIMEOUT");
    assert.deepEqual(await statusOf(socket, id), { success: true, status: "timeout" });
    running.release();
    await completed(socket, first);
  });
}, { title: "studio, with little patience", options: [...options, "--max-concurrent", 1, "--queue-timeout", 500] });

app("studio", (server) => {
  test("the snippet of claude:execute, with a command that answers in JSON", async () => {
    const running = await runSnippet("4-studio-execute.js", server.url, {
      before: `import { io } from "socket.io-client";
        const socket = io("${server.url}", { auth: { token: "${sign({ userId: newUser() })}" } });
        socket.on("claude:complete", ({ processId, result }) => console.log(processId, JSON.stringify(result.parsedResponse)));`,
    });
    await running.wrote(/^Process started: [0-9a-f]+$/m);
    await running.wrote("You said: Explain how async/await works in JavaScript");
    await running.wrote(/"usage":\{"inputTokens":3,"outputTokens":4,"totalTokens":7\}/);
    await running.wrote(/"model":"claude-sonnet-4-20250514"/);
  });
}, { title: "studio, a command of another kind", options: ["--jwt-secret", secret, "--command", `node "${helper("answer-prompt.mjs")}"`] });

app("studio", (server) => {
  test("without a command nothing is run, without a push token nothing pushed, without a secret nobody known", async () => {
    const socket = open(server, { token: sign({ userId: "x" }) });
    await socket.saw("authError");
    assert.equal((await push(server, { event: "x" })).status, 404);
    assert.equal((await ask(socket, "claude:execute", { prompt: "x" })).error, "Authentication required to execute Claude commands");
  });
}, { title: "studio, without options" });

app("studio", (server) => {
  test("no command, or none that is there: EXECUTION_ERROR", async () => {
    const socket = await device(server, newUser());
    const { error } = await ask(socket, "claude:execute", { prompt: "x" });
    assert.match(error, /No command is configured/);
    assert.equal((await socket.saw("claude:error")).code, "EXECUTION_ERROR");
  });
}, { title: "studio, without a command", options: ["--jwt-secret", secret] });

describe("app studio: its end", { skip }, () => {
  afterEach(cleanUp);

  test("SIGTERM ends all that runs, and says so", async () => {
    const server = await Server.startApp("studio", [...options, "--max-concurrent", 2]);
    atEnd(() => server.kill());
    const socket = await device(server, newUser());
    const scripts = ["sleep 1000 & echo $!; wait", "trap '' TERM; echo $$; while :; do sleep 0.02; done"];
    const ids = [];
    for (const script of scripts) ids.push(await execute(socket, script));
    const pids = [];
    for (const id of ids) pids.push(Number(await wrote(socket, id, /\d+/)));
    const queued = await execute(socket, ":");
    await socket.saw("claude:queued");
    await server.stop();
    for (const id of [...ids, queued]) assert.equal((await failed(socket, id)).code, "CANCELLED");
    for (const pid of pids) assert.ok(!isThere(pid), "the server ends behind its processes");
  });

  test("a command that is not there", async () => {
    const server = await Server.startApp("studio", ["--jwt-secret", secret, "--command", "no-such-command -p"]);
    atEnd(() => server.kill());
    const socket = await device(server, newUser());
    const { code, message } = await failed(socket, await execute(socket, "x"));
    assert.deepEqual([code, message], ["EXECUTION_ERROR", "cannot run no-such-command: No such file or directory"]);
    await server.stop();
  });

  test("options that are wrong", () => {
    for (const [option, value] of [["--command", "a 'b"], ["--command", " "], ["--redis", "http://localhost"], ["--max-concurrent", "0"]]) {
      const { status, stderr } = tryOptions(["--app", "studio", option, value]);
      assert.equal(status, 2);
      assert.ok(stderr.includes(option), stderr);
    }
  });
});

function tryOptions(args) {
  try {
    execFileSync(process.env.SIOKIT_SERVER, args, { stdio: "pipe", timeout: 10000 });
    return { status: 0, stderr: "" };
  } catch ({ status, stderr }) {
    return { status, stderr: String(stderr) };
  }
}

/** A real Redis, which may be ended and come back at the same place. */
class Redis {
  #child;

  static async start(...args) {
    const redis = new Redis();
    redis.port = await freePort();
    redis.args = args;
    await redis.run();
    return redis;
  }

  async run() {
    const folder = mkdtempSync(join(tmpdir(), "siokit-redis-"));
    const args = ["--port", this.port, "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...this.args];
    const child = (this.#child = spawn("redis-server", args.map(String), { stdio: ["ignore", "pipe", "inherit"] }));
    atEnd(() => {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    });
    let log = "";
    child.stdout.on("data", (text) => (log += text));
    const ended = once(child, "exit").then(([code, signal]) => {
      throw new Error(`redis-server ended with ${code ?? signal}\n${log}`);
    });
    await Promise.race([eventually(() => log.includes("Ready to accept connections"), "redis-server"), ended]);
  }

  async kill() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await within(ended, "end of redis-server");
  }

  signal(name) {
    this.#child.kill(name);
  }

  tell(...words) {
    return execFileSync("redis-cli", ["-p", this.port, ...words].map(String), { stdio: "pipe" }).toString().trim();
  }
}

describe("app studio: the rate limit in Redis", { skip }, () => {
  afterEach(cleanUp);
  const key = (user) => `ws:claude:ratelimit:${user}`;
  const start = async (url) => {
    const server = await Server.startApp("studio", [...options, "--redis", url]);
    atEnd(() => server.kill());
    return server;
  };
  const logged = (server, pattern) => eventually(() => pattern.exec(server.log), `${pattern} in the log`);

  test("counted there, for 60 seconds, by all servers together", async () => {
    const redis = await Redis.start();
    const url = `redis://127.0.0.1:${redis.port}/2`;
    const user = newUser();
    const sockets = [];
    for (const server of [await start(url), await start(url)]) sockets.push(await device(server, user));
    const begin = Date.now();
    assert.equal((await ask(sockets[0], "claude:execute", { prompt: "" })).success, false);
    assert.equal(redis.tell("-n", 2, "exists", key(user)), "0", "an invalid one does not count");
    for (let i = 0; i < 10; ++i) await execute(sockets[i % 2], ":");
    const ttl = Number(redis.tell("-n", 2, "ttl", key(user)));
    assert.ok(ttl > 58 - (Date.now() - begin) / 1000 && ttl <= 60, `${ttl}`);
    for (const socket of sockets) {
      assert.match((await ask(socket, "claude:execute", { prompt: ":" })).error, /^Rate limit exceeded/);
      assert.equal((await socket.saw("claude:error", ({ code }) => code === "RATE_LIMIT_EXCEEDED")).code, "RATE_LIMIT_EXCEEDED");
    }
    assert.equal(redis.tell("-n", 2, "get", key(user)), "10", "a refused one does not count");
    redis.tell("-n", 2, "del", key(user));
    await execute(sockets[0], ":");
    redis.tell("-n", 2, "persist", key(user));
    await execute(sockets[0], ":");
    assert.ok(Number(redis.tell("-n", 2, "ttl", key(user))) > 0, "a key has an end");
    redis.tell("-n", 2, "set", key(user), 10);
    assert.match((await ask(sockets[0], "claude:execute", { prompt: ":" })).error, /^Rate limit exceeded/);
    assert.ok(Number(redis.tell("-n", 2, "ttl", key(user))) > 0, "also one that is full");
  });

  test("killed in the middle: all is allowed; and counted again when it is back", async () => {
    const redis = await Redis.start();
    const server = await start(`redis://127.0.0.1:${redis.port}`);
    const user = newUser();
    const socket = await device(server, user);
    for (let i = 0; i < 10; ++i) await execute(socket, ":");
    await redis.kill();
    for (let i = 0; i < 12; ++i) await execute(socket, ":");
    await logged(server, /redis 127\.0\.0\.1:\d+ is away/);
    await redis.run();
    await logged(server, /redis 127\.0\.0\.1:\d+ is back/);
    await execute(socket, ":");
    assert.equal(redis.tell("get", key(user)), "1");
    await server.stop();
  });

  test("hanging: a request waits no longer than half a second", async () => {
    const redis = await Redis.start();
    const server = await start(`redis://localhost:${redis.port}`);
    const user = newUser();
    const socket = await device(server, user);
    await eventually(async () => (await execute(socket, ":")) && redis.tell("exists", key(user)) === "1", "connection to Redis");
    redis.signal("SIGSTOP");
    const before = Date.now();
    await execute(socket, ":");
    assert.ok(Date.now() - before < 4500);
    await logged(server, /is away: no answer in time/);
    redis.signal("SIGCONT");
    await logged(server, /is back/);
    await server.stop();
  });

  test("with a password, and with a wrong one", async () => {
    const redis = await Redis.start("--requirepass", "pass:word");
    const user = newUser();
    const good = await device(await start(`redis://:pass%3Aword@127.0.0.1:${redis.port}`), user);
    await execute(good, ":");
    assert.equal(redis.tell("--no-auth-warning", "-a", "pass:word", "get", key(user)), "1");
    const server = await start(`redis://:wrong@127.0.0.1:${redis.port}`);
    const bad = await device(server, user);
    for (let i = 0; i < 11; ++i) await execute(bad, ":");
    await logged(server, /WRONGPASS/);
    await server.stop();
  });
});
