// The application `notifier`: the snippets of its document, and what the document says of users, devices, requests and capabilities.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { Server, app, atEnd, cleanUp, eventually, official, within } from "./harness.mjs";
import { runSnippet } from "./snippets.mjs";

const admin = "operator";
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The routes for operators of `server`: {status, body}. */
const routes = (server) => async (method, path, body, token = admin) => {
  const answer = await fetch(server.url + path, {
    method,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
};

let users = 0;

/** A user of his own: {id, token}. */
async function makeUser(call, fields = {}) {
  const id = `user-${++users}`;
  const { status, body } = await call("POST", "/admin/users", { userId: id, token: `token-of-${id}`, ...fields });
  assert.equal(status, 201, JSON.stringify(body));
  return { id, token: `token-of-${id}` };
}

/** A client that keeps what it gets, in `got`, each as [event, ...arguments]. */
function client(server, auth, options = {}) {
  const socket = io(server.url, { auth, forceNew: true, reconnection: false, ...options });
  atEnd(() => socket.disconnect());
  socket.got = [];
  socket.onAny((...event) => socket.got.push(event));
  socket.notified = (type) =>
    eventually(() => socket.got.find(([name, data]) => name === "notification" && data.type === type)?.[1], type);
  socket.has = (event) => eventually(() => socket.got.find(([name]) => name === event)?.[1], event);
  return socket;
}

async function connected(server, token, options) {
  const socket = client(server, { token }, options);
  await within(once(socket, "connect"), "connect");
  await socket.notified("online_sessions");
  return socket;
}

async function refused(server, auth, options) {
  const socket = client(server, auth, options);
  const [error] = await within(once(socket, "connect_error"), "connect_error");
  return error.message;
}

const catalogue = {
  filesystem: {
    enabled: true,
    tools: {
      read_file: { enabled: true, description: "Read a file", dangerLevel: 0 },
      delete_file: { enabled: true, description: "Delete a file", dangerLevel: 2 },
      format_disk: { enabled: false, description: "Format a disk", dangerLevel: 3 },
    },
    resources: { disk: { enabled: true, description: "The disk" } },
    prompts: {},
  },
  "server-id-1": { enabled: true, tools: { "dangerous-tool": { enabled: true } }, resources: {}, prompts: {} },
};

app("notifier", (server) => {
  const call = routes(server);
  const prelude = 'import { io } from "socket.io-client";\n';
  const given = (token) =>
    `${prelude}const socket = io(process.env.URL, { auth: { token: ${JSON.stringify(token)} } });\n` +
    'socket.on("notification", ({ type }) => console.log("notified", type));\n';

  before(async () => assert.equal((await call("PUT", "/admin/servers", catalogue)).status, 200));

  describe("the snippets of the document", () => {
    test("online sessions", async () => {
      const user = await makeUser(call);
      const add = (sessionId, fields) => call("POST", "/admin/sessions", { userId: user.id, sessionId, ...fields });
      assert.equal((await add("sess_abc123", { clientName: "Claude Desktop", userAgent: "Mozilla/5.0..." })).status, 201);
      await call("POST", "/admin/sessions/sess_abc123/initialize");
      const run = await runSnippet("1-notifier-online-sessions.ts", server.url, {
        tokens: { "your-token": user.token },
        after: "function updateSessionList(all) { console.log('shown', JSON.stringify(all.map(({ sessionId }) => sessionId))); }",
      });
      await run.wrote("You have 1 active sessions:");
      await run.wrote("- Claude Desktop (sess_abc123)");
      await run.wrote("User-Agent: Mozilla/5.0...");
      await run.wrote('shown ["sess_abc123"]');
    });

    test("the basic connection: connects, tells of its device, sends, is acknowledged and notified", async () => {
      const user = await makeUser(call);
      const run = await runSnippet("1-notifier-basic-connection.ts", server.url, {
        tokens: { "your-user-token-here": user.token },
        after: "socket.connect();", // its last line is an illustration
      });
      await run.wrote(/Connected! Socket ID: \S{20}/);
      await run.wrote(/Notification: \{\s+data: /);
      await run.wrote("Message acknowledged:");
      const { connections } = await eventually(async () => {
        const { body } = await call("GET", `/admin/users/${user.id}/connections`);
        return body.connections[0]?.appVersion && body;
      }, "client-info");
      assert.deepEqual(
        (({ deviceType, deviceName, appVersion }) => [deviceType, deviceName, appVersion])(connections[0]),
        ["desktop", "MacBook Pro", "1.0.0"],
      );
    });

    for (const [name, text] of [["auth-token.ts", "your-token-here"], ["auth-header.ts", "your-token-here"]]) {
      test(name, async () => {
        const user = await makeUser(call);
        const run = await runSnippet(`1-notifier-${name}`, server.url, {
          tokens: { [text]: user.token },
          before: prelude,
          after: 'socket.on("connect", () => console.log("connected"));',
        });
        await run.wrote("connected");
        assert.equal((await call("GET", `/admin/users/${user.id}/connections`)).body.deviceCount, 1);
      });
    }

    test("the quick test script", async () => {
      const user = await makeUser(call);
      const run = await runSnippet("1-notifier-quick-test.js", server.url, {
        tokens: { "your-test-token-here": user.token },
        after: 'socket.on("ack", ({ message }) => console.log("ack:", message));',
      });
      await run.wrote("✅ Connected:");
      await run.wrote("📬 Notification:");
      await run.wrote("ack: Message received");
      const bad = await runSnippet("1-notifier-quick-test.js", server.url);
      await bad.wrote("❌ Error: ");
      await bad.wrote("User not found (type: USER_NOT_FOUND)");
    });

    test("a client that handles requests, of Electron", async () => {
      const user = await makeUser(call);
      const run = await runSnippet("1-notifier-request-handling.ts", server.url, {
        tokens: { "your-token-here": user.token },
        before: 'import { app } from "electron";',
        after: 'socket.on("connect", () => console.log("connected"));',
        modules: {
          electron:
            "export const app = { getVersion: () => '2.1' };\n" +
            "export const dialog = { showMessageBox: async ({ message }) => (console.log(message), { response: 0 }) };",
          "./socket.types": "export enum SocketErrorCode { CLIENT_ERROR = 1101 }",
        },
      });
      await run.wrote("connected");
      const toolParams = JSON.stringify({ serverId: "abc123", force: true });
      const data = { toolName: "delete_server", toolDescription: "Delete a server permanently", toolParams };
      const ask = (action, with_ = {}) => call("POST", "/admin/request", { userId: user.id, action, data: with_ });
      const confirmed = (await ask(1001, data)).body;
      assert.deepEqual([confirmed.success, confirmed.data], [true, { confirmed: true }]);
      await run.wrote("Tool: delete_server");
      await run.wrote(`✅ Responded to request: ${confirmed.requestId}`);
      const failed = (await ask(1001, { ...data, toolParams: "no JSON" })).body;
      assert.deepEqual([failed.success, failed.error.code], [false, 1101]);
      assert.equal((await ask(2001)).body.data.appVersion, "2.1");
    });

    test("a client that leaves its capabilities to the server, and one that sets them", async () => {
      const user = await makeUser(call);
      const run = await runSnippet("1-notifier-get-capabilities-request.ts", server.url, {
        before: given(user.token),
        env: { URL: server.url },
        modules: { "./socket.types": "" },
      });
      await run.wrote("notified online_sessions");
      const { body } = await call("POST", "/admin/request", { userId: user.id, action: 3001, data: {}, timeout: 5000 });
      await run.wrote("Received get capability configuration request");
      assert.deepEqual(body.data.capabilities, { ...catalogue });
      const set = await runSnippet("1-notifier-set-capabilities.ts", server.url, {
        before: given(user.token),
        env: { URL: server.url },
      });
      await set.wrote("Configuration updated:");
      await set.wrote("notified permission_changed");
      await run.wrote("notified permission_changed");
    });

    test("the complete example of capabilities", async () => {
      const user = await makeUser(call);
      const run = await runSnippet("1-notifier-capabilities.ts", server.url, { tokens: { "your-token": user.token } });
      await run.wrote("Current configuration:");
      await run.wrote("✅ Configuration updated");
      await run.wrote("Latest configuration:");
      const watcher = await connected(server, user.token);
      watcher.emit("get_capabilities", { requestId: "mine" });
      const { data } = await watcher.has("socket_response");
      assert.equal(data.capabilities.filesystem.tools.delete_file.enabled, false);
    });

    test("curl of /health", async () => {
      const run = await runSnippet("1-notifier-health.sh", server.url);
      assert.equal(await within(run.ended, "end of curl"), 0);
      const shown = JSON.parse(run.output.slice(run.output.indexOf('{"'), run.output.lastIndexOf("}") + 1));
      assert.equal(shown.status, "healthy");
      assert.match(shown.timestamp, iso);
      assert.ok(shown.uptime >= 0 && shown.memory.rss > 1e6);
      for (const field of ["active", "total"]) assert.equal(typeof shown.sessions[field], "number");
      for (const field of ["onlineUsers", "totalConnections"]) assert.equal(typeof shown.socketio[field], "number");
      assert.deepEqual(shown.servers, { enabled: 2, total: 2 });
    });
  });

  describe("who may connect", () => {
    test("three refusals, as they are logged", async () => {
      const past = await makeUser(call, { expiresAt: "2020-01-01T00:00:00Z" });
      const disabled = await makeUser(call, { status: "disabled" });
      for (const [auth, why] of [
        [{ token: "nobody's" }, "User not found (type: USER_NOT_FOUND)"],
        [undefined, "User not found (type: USER_NOT_FOUND)"],
        [{ token: 7 }, "User not found (type: USER_NOT_FOUND)"],
        [{ token: disabled.token }, "User is Disabled (type: USER_DISABLED)"],
        [{ token: past.token }, "User authorization has expired (type: USER_EXPIRED)"],
      ]) {
        const line = `❌ Socket authentication failed: ${why}`;
        assert.equal(await refused(server, auth), line);
        await eventually(() => server.log.includes(line), "line in the log");
      }
    });

    test("a user gets a token when none is given, and is seen once", async () => {
      const { status, body } = await call("POST", "/admin/users", { userId: "made", expiresAt: Date.now() + 1e9 });
      assert.equal(status, 201);
      assert.match(body.token, /^[0-9a-f]{48}$/);
      assert.match(body.expiresAt, iso);
      await connected(server, body.token);
      assert.equal((await call("POST", "/admin/users", { userId: "made" })).status, 409);
      assert.equal((await call("POST", "/admin/users", { userId: "other", token: body.token })).status, 409);
    });

    test("a token is refreshed: the old one is good no more", async () => {
      const user = await makeUser(call, { expiresAt: Date.now() + 1e9 });
      const socket = await connected(server, user.token);
      socket.emit("refresh_token");
      assert.match((await socket.has("error")).message, /acknowledgement/, "else nobody would know the token");
      const { token, expiresAt } = await within(socket.emitWithAck("refresh_token"), "token");
      assert.match(expiresAt, iso);
      await connected(server, token);
      assert.match(await refused(server, { token: user.token }), /USER_NOT_FOUND/);
    });

    test("who is disabled, enabled, deleted or expires is told, then disconnected", async () => {
      const user = await makeUser(call);
      const path = `/admin/users/${user.id}`;
      const [phone, desk] = [await connected(server, user.token), await connected(server, user.token)];
      const left = Promise.all([phone, desk].map((each) => once(each, "disconnect")));
      assert.equal((await call("PATCH", path, { status: "disabled", reason: "Violates terms" })).status, 200);
      for (const each of [phone, desk]) {
        const { message, severity } = await each.notified("user_disabled");
        assert.deepEqual([message, severity], ["Violates terms", "error"]);
      }
      await within(left, "both disconnected");
      assert.equal((await call("PATCH", path, { status: "enabled" })).body.status, "enabled");
      const again = await connected(server, user.token);
      const gone = once(again, "disconnect");
      assert.equal((await call("PATCH", path, { expiresAt: Date.now() + 200 })).status, 200);
      assert.equal((await again.notified("user_expired")).severity, "error");
      await within(gone, "disconnected");
      await call("PATCH", path, { expiresAt: null });
      const last = await connected(server, user.token);
      const ended = once(last, "disconnect");
      assert.equal((await call("DELETE", path)).status, 200);
      await last.notified("user_deleted");
      await within(ended, "disconnected");
      assert.equal((await call("DELETE", path)).status, 404);
    });
  });

  describe("pushing", () => {
    test("to all devices of a user, to nobody else, and to everybody", async () => {
      const [ann, bob] = [await makeUser(call), await makeUser(call)];
      const [phone, desk] = [await connected(server, ann.token), await connected(server, ann.token)];
      const other = await connected(server, bob.token);
      const push = (userId, event, data) => call("POST", "/admin/notify", { userId, event, data });
      const data = { type: "task_notification", message: "done", timestamp: 1, severity: "info" };
      assert.deepEqual((await push(ann.id, "notification", data)).body, { delivered: true });
      assert.deepEqual(await phone.notified("task_notification"), data);
      assert.deepEqual(await desk.notified("task_notification"), data);
      await push(null, "custom", [1]);
      for (const each of [phone, desk, other]) assert.deepEqual(await each.has("custom"), [1]);
      assert.ok(!other.got.some(([, { type }]) => type === "task_notification"));
      assert.deepEqual((await push("nobody", "x", 1)).body, { delivered: false });
      assert.equal((await push(ann.id, "connect", 1)).status, 400);
      await call("POST", "/admin/system-message", { userId: bob.id, message: "maintenance", severity: "warning" });
      const system = await other.notified("system_message");
      assert.deepEqual([system.message, system.severity, typeof system.timestamp], ["maintenance", "warning", "number"]);
      await call("POST", "/admin/system-message", { userId: null, message: "over" });
      assert.equal((await phone.notified("system_message")).severity, "info");
      const { body } = await call("GET", "/admin/online");
      assert.ok(body.onlineUsers.includes(ann.id) && body.totalConnections >= 3);
    });

    test("online sessions: at connect, when one is initialised and when one is closed", async () => {
      const user = await makeUser(call);
      const socket = await connected(server, user.token);
      const lists = () =>
        socket.got.filter(([, { type }]) => type === "online_sessions").map(([, { data, message }]) => [message, data.sessions]);
      const { body } = await call("POST", "/admin/sessions", { userId: user.id });
      const path = `/admin/sessions/${body.sessionId}`;
      await call("POST", `${path}/initialize`);
      await eventually(() => lists().length === 2, "a list when it is initialised");
      assert.deepEqual(lists()[0], ["You have 0 active session(s)", []]);
      const [message, [shown]] = lists()[1];
      assert.equal(message, "You have 1 active session(s)");
      assert.match(shown.lastActive, iso);
      assert.deepEqual(
        { ...shown, lastActive: "" },
        { sessionId: body.sessionId, clientName: "Unknown Client", userAgent: "Unknown", lastActive: "" },
      );
      await call("DELETE", path);
      await eventually(() => lists().length === 3, "a list when it is closed");
      assert.deepEqual(lists()[2][1], []);
      assert.equal((await call("DELETE", path)).status, 404);
    });
  });

  describe("asking", () => {
    const ask = (user, action, more = {}) => call("POST", "/admin/request", { userId: user.id, action, data: {}, ...more });
    const answer = (socket, event, fields) =>
      socket.on(event, ({ requestId }) => socket.emit("socket_response", { requestId, timestamp: 5, ...fields }));

    test("every action has its event, and a request its form", async () => {
      const user = await makeUser(call);
      const socket = await connected(server, user.token);
      const events = {
        1001: "ask_user_confirm",
        1002: "ask_user_select",
        2001: "get_client_status",
        2002: "get_current_page",
        2003: "get_client_config",
        2004: "get_connection_info",
      };
      for (const [action, event] of Object.entries(events)) {
        answer(socket, event, { success: true, data: { event } });
        const { status, body } = await ask(user, Number(action), { data: { q: 1 } });
        const request = await socket.has(event);
        assert.equal(status, 200);
        assert.deepEqual(body, { requestId: request.requestId, success: true, data: { event }, timestamp: 5 });
        assert.deepEqual([request.action, request.data], [Number(action), { q: 1 }]);
        assert.ok(Math.abs(request.timestamp - Date.now()) < 60_000);
      }
    });

    test("errors are answers: offline, timeout, unknown action, invalid request, and those of the client", async () => {
      const user = await makeUser(call);
      const code = async (promise) => {
        const { status, body } = await promise;
        assert.deepEqual([status, body.success, typeof body.error.message], [200, false, "string"]);
        return body.error.code;
      };
      assert.equal(await code(ask(user, 2001)), 1002);
      const socket = await connected(server, user.token);
      assert.equal(await code(ask(user, 2001, { timeout: 30 })), 1001);
      assert.equal(await code(ask(user, 4711)), 1004);
      for (const wrong of [{ timeout: "soon" }, { timeout: -1 }, { action: "x" }, { userId: 7 }]) {
        assert.equal(await code(ask(user, 2001, wrong)), 1003, JSON.stringify(wrong));
      }
      for (const given of [1101, 1102, 1103, 1104]) {
        socket.off("ask_user_confirm");
        answer(socket, "ask_user_confirm", { success: false, error: { code: given, message: "no" } });
        assert.equal(await code(ask(user, 1001)), given);
      }
      socket.off("ask_user_confirm");
      answer(socket, "ask_user_confirm", { success: false });
      assert.equal(await code(ask(user, 1001)), 1101);
    });

    test("the first answer of several devices counts; one of them leaving changes nothing, the last one ends it", async () => {
      const user = await makeUser(call);
      const [phone, desk] = [await connected(server, user.token), await connected(server, user.token)];
      const first = ask(user, 1001);
      const { requestId } = await phone.has("ask_user_confirm");
      phone.disconnect();
      await eventually(async () => (await call("GET", `/admin/users/${user.id}/connections`)).body.deviceCount === 1, "one left");
      assert.ok((await call("GET", "/admin/online")).body.pendingRequests >= 1);
      desk.emit("socket_response", { requestId, success: true, data: { confirmed: true } });
      desk.emit("socket_response", { requestId, success: false, error: { code: 1102, message: "late" } });
      assert.equal((await first).body.data.confirmed, true);
      const second = ask(user, 1001);
      await eventually(() => desk.got.filter(([event]) => event === "ask_user_confirm").length === 2, "second request");
      desk.disconnect();
      assert.equal((await second).body.error.code, 1002);
      assert.equal((await call("GET", "/admin/online")).body.pendingRequests, 0);
    });

    test("nobody answers for another user", async () => {
      const [ann, bob] = [await makeUser(call), await makeUser(call)];
      const [hers, his] = [await connected(server, ann.token), await connected(server, bob.token)];
      const asked = ask(ann, 1001);
      const { requestId } = await hers.has("ask_user_confirm");
      his.emit("socket_response", { requestId, success: true, data: { confirmed: true } });
      his.emit("client-message", "to be sure that it came");
      await his.has("ack");
      hers.emit("socket_response", { requestId, success: true, data: { confirmed: false } });
      assert.equal((await asked).body.data.confirmed, false);
    });
  });

  describe("capabilities", () => {
    const shown = async (socket) => {
      const requestId = `r${Math.random()}`;
      socket.emit("get_capabilities", { requestId, data: {} });
      const response = await eventually(
        () => socket.got.find(([event, { requestId: id }]) => event === "socket_response" && id === requestId)?.[1],
        "socket_response",
      );
      return response.data.capabilities;
    };

    test("a user can only restrict; what he may not touch is ignored; all his devices are told", async () => {
      const user = await makeUser(call, { permissions: { filesystem: { tools: { read_file: { enabled: false } } } } });
      const [phone, desk] = [await connected(server, user.token), await connected(server, user.token)];
      assert.equal((await shown(phone)).filesystem.tools.read_file.enabled, false);
      phone.emit("set_capabilities", {
        requestId: "r",
        data: {
          filesystem: {
            enabled: true,
            tools: {
              read_file: { enabled: true }, // by his permissions it is not
              format_disk: { enabled: true }, // by the catalogue it is not
              delete_file: { enabled: false, description: "mine", dangerLevel: 9, secret: 1 },
              no_such_tool: { enabled: true },
            },
            resources: { disk: { enabled: "no boolean" } },
            others: {},
          },
          "no-such-server": { enabled: true },
        },
      });
      const ack = await phone.has("ack");
      assert.deepEqual([typeof ack.message, typeof ack.timestamp, ack.requestId], ["string", "number", "r"]);
      const { message, severity, data } = await desk.notified("permission_changed");
      assert.deepEqual([message, severity], ["User permissions have been updated", "warning"]);
      assert.ok(!desk.got.some(([event]) => event === "ack"), "the device that asked is acknowledged");
      const expected = structuredClone(catalogue);
      for (const tool of ["read_file", "delete_file"]) expected.filesystem.tools[tool].enabled = false;
      assert.deepEqual(data.capabilities, expected);
      phone.emit("set_capabilities", { data: { filesystem: { enabled: false } } });
      await eventually(() => desk.got.filter(([, { type }]) => type === "permission_changed").length === 2, "second");
      expected.filesystem.enabled = false; // its tools keep their own flags
      assert.deepEqual(await shown(desk), expected);
    });

    test("permissions that operators change are pushed", async () => {
      const user = await makeUser(call);
      const socket = await connected(server, user.token);
      await call("PATCH", `/admin/users/${user.id}`, { permissions: { "server-id-1": { enabled: false } } });
      const { data } = await socket.notified("permission_changed");
      assert.equal(data.capabilities["server-id-1"].enabled, false);
      assert.equal(data.capabilities["server-id-1"].tools["dangerous-tool"].enabled, true);
    });

    test("what is malformed is an error to who sent it, and nothing else", async () => {
      const user = await makeUser(call);
      const [socket, other] = [await connected(server, user.token), await connected(server, user.token)];
      const bad = [
        ["set_capabilities"],
        ["set_capabilities", "text"],
        ["set_capabilities", { requestId: 1 }],
        ["set_capabilities", { data: [] }],
        ["get_capabilities", {}],
        ["client-info", "text"],
        ["socket_response", { requestId: 1 }],
        ["socket_response"],
      ];
      for (const event of bad) socket.emit(...event);
      await eventually(() => socket.got.filter(([event]) => event === "error").length === bad.length, "an error each");
      for (const [event, { message }] of socket.got) if (event === "error") assert.equal(typeof message, "string");
      assert.deepEqual(other.got.filter(([event]) => event !== "notification"), []);
      assert.ok(socket.connected);
    });
  });

  test("routes for operators: who may, and what is wrong", async () => {
    assert.equal((await call("GET", "/admin/online", undefined, null)).status, 401);
    assert.equal((await call("GET", "/admin/online", undefined, "wrong")).status, 403);
    assert.equal((await call("POST", "/admin/online")).status, 405);
    for (const [path, body] of [
      ["/admin/users", {}],
      ["/admin/users", { userId: "x", status: "maybe" }],
      ["/admin/users", { userId: "x", expiresAt: "soon" }],
      ["/admin/users", { userId: "x", expiresAt: -1 }],
      ["/admin/users", { userId: "x", expiresAt: 253402300800000 }],
      ["/admin/users", { userId: "x", expiresat: null }],
      ["/admin/users", { userId: "x", permissions: { fs: { tools: [] } } }],
      ["/admin/notify", { userId: null }],
      ["/admin/notify", { userid: "x", event: "notification" }],
      ["/admin/system-message", { message: "m", severity: "loud" }],
      ["/admin/sessions", {}],
    ]) {
      const { status, body: said } = await call("POST", path, body);
      assert.deepEqual([status, typeof said.error], [400, "string"], path);
    }
    assert.equal((await call("PUT", "/admin/servers", { fs: 1 })).status, 400);
    assert.equal((await call("PATCH", "/admin/users/nobody", {})).status, 404);
    const broken = await fetch(`${server.url}/admin/users`, {
      method: "POST",
      headers: { authorization: `Bearer ${admin}` },
      body: "{",
    });
    assert.equal(broken.status, 400);
  });
}, { options: ["--admin-token", admin] });

app("notifier", (server) => {
  const call = routes(server);

  test("events for who is offline are kept, the oldest dropped first, and that is told", async () => {
    const user = await makeUser(call);
    for (let n = 1; n <= 5; n++) await call("POST", "/admin/notify", { userId: user.id, event: "n", data: n });
    const socket = await connected(server, user.token);
    const kept = socket.got.filter(([event]) => event === "n").map(([, n]) => n);
    assert.deepEqual(kept, [3, 4, 5]);
    assert.deepEqual((await socket.notified("system_message")).data, { dropped: 2 });
    socket.disconnect();
    const again = await connected(server, user.token);
    assert.ok(!again.got.some(([event]) => event === "n"), "they come once");
    again.disconnect();
    await eventually(async () => (await call("GET", "/admin/online")).body.totalConnections === 0, "offline");
    await call("POST", "/admin/notify", { userId: user.id, event: "n", data: 9 });
    await call("DELETE", `/admin/users/${user.id}`);
    await call("POST", "/admin/users", { userId: user.id, token: user.token });
    const another = await connected(server, user.token);
    assert.deepEqual(another.got.map(([, { type }]) => type), ["online_sessions"], "nothing is kept of who is deleted");
  });

  test("the newest device of too many is refused", async () => {
    const user = await makeUser(call);
    const first = await connected(server, user.token);
    await connected(server, user.token);
    assert.match(await refused(server, { token: user.token }), /TOO_MANY_DEVICES/);
    first.disconnect();
    await eventually(async () => (await call("GET", `/admin/users/${user.id}/connections`)).body.deviceCount === 1, "one left");
    await connected(server, user.token);
  });

  test("events that are not allowed, and too many of them, are refused with an error", async () => {
    const user = await makeUser(call);
    const socket = await connected(server, user.token);
    socket.emit("client-info", { deviceType: "x" });
    assert.match((await socket.has("error")).message, /not allowed: client-info/);
    for (let n = 0; n < 6; n++) socket.emit("client-message", n);
    await eventually(() => socket.got.some(([, { message }]) => message === "Rate limit exceeded"), "refusal");
    assert.equal(socket.got.filter(([event]) => event === "ack").length, 5);
  });
}, {
  title: "notifier, with limits",
  options: [
    ...["--admin-token", admin, "--offline-queue", "3", "--max-devices", "2"],
    ...["--event-rate", "5/60", "--event-allow", "client-message,refresh_token"],
  ],
});

const skip = (official || process.env.SIOKIT_URL) && "an application of siokit-server";

describe("app notifier, with a database", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "siokit-notifier-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(cleanUp);

  test("users, tokens (hashed), preferences and the catalogue outlive the server", async () => {
    const file = join(folder, "users.db");
    const start = () => Server.startApp("notifier", ["--admin-token", admin, "--db", file]);
    let server = await start();
    let call = routes(server);
    await call("PUT", "/admin/servers", catalogue);
    const user = await makeUser(call, { token: "a-secret-token" });
    const socket = await connected(server, "a-secret-token");
    socket.emit("set_capabilities", { data: { filesystem: { tools: { delete_file: { enabled: false } } } } });
    await socket.has("ack");
    cleanUp();
    await server.stop();
    assert.ok(!readFileSync(file).includes("a-secret-token"));
    server = await start();
    call = routes(server);
    const back = await connected(server, "a-secret-token");
    back.emit("get_capabilities", { requestId: "r" });
    const { data } = await back.has("socket_response");
    assert.equal(data.capabilities.filesystem.tools.delete_file.enabled, false);
    assert.equal((await call("POST", "/admin/users", { userId: user.id })).status, 409);
    assert.deepEqual((await (await fetch(`${server.url}/health`)).json()).servers, { enabled: 2, total: 2 });
    cleanUp();
    await server.stop();
  });

  test("a database that can't be opened is said at the start", async () => {
    await assert.rejects(Server.startApp("notifier", ["--db", join(folder, "no", "folder.db")]), /unable to open/i);
  });

  test("without --admin-token there are no routes for operators", async () => {
    const server = await Server.startApp("notifier");
    assert.equal((await routes(server)("GET", "/admin/online")).status, 404);
    await server.stop();
  });
});
