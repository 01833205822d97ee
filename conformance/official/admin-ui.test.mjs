// The Admin UI: the page of @socket.io/admin-ui as a person uses it, in Chromium (CHROMIUM=path for another one), and
// what a server tells it, compared with the official server with the official instrument().
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { hostname } from "node:os";
import { extname, join } from "node:path";
import { after, before, beforeEach, afterEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";
import { browser } from "./browser.mjs";
import { atEnd, cleanUp, contract, eventually, official, within } from "./harness.mjs";

const hash = "$2a$10$T9zH2m//F33yUv38o8Ur.uiSN7BsRgHo7h1wsOPNhgE2IRKRChDjm"; // of "secret"
const joe = { username: "joe", password: "secret" };
const admin = ["--admin-ui", "--admin-user", "joe", "--admin-password", hash];
const cors = ["--cors-origin", "http://127.0.0.1:*", "--cors-credentials"];

/** A client that is connected. */
async function connect(server, { nsp = "", ...options } = {}) {
  const client = io(server.url + nsp, { forceNew: true, reconnection: false, ...options });
  atEnd(() => client.disconnect());
  await within(once(client, "connect"), "connect");
  return client;
}

/** Starts a server that ends with the test; its address. */
async function start(program, ...args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  atEnd(() => child.kill("SIGKILL"));
  const [line] = await within(once(child.stdout, "data"), `line of ${program}`);
  return { url: /listening on (\S+)/.exec(line)[1] };
}

const reference = fileURLToPath(new URL("reference/server.mjs", import.meta.url));
const startOfficial = (...args) => start(process.execPath, reference, "--port", "0", ...args);
const startOurs = (...args) => start(process.env.SIOKIT_SERVER, "--port", "0", "--log-level", "off", ...args);

/** An admin, and all the events it hears, those before its connect too. */
async function look(server, auth = joe, more = {}) {
  const heard = [];
  const always = { forceNew: true, reconnection: false, transports: ["websocket"] };
  const socket = io(`${server.url}/admin`, { ...always, auth, ...more });
  atEnd(() => socket.disconnect());
  socket.onAny((...event) => heard.push(event));
  await within(Promise.race([once(socket, "connect"), once(socket, "connect_error")]), "an answer");
  const hears = (name, times = 1) =>
    eventually(() => heard.filter((event) => event[0] === name).length >= times, `${times} ${name}`);
  return { socket, heard, hears };
}

/** What differs from run to run is replaced by its type or a sign; the order of keys does not matter. */
function masked(value, ids, key = "") {
  const again = (inner, name) => masked(inner, ids, name);
  if (Array.isArray(value)) return value.map((inner) => again(inner, ""));
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString("hex")}`;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.keys(value).sort().map((name) => [name, again(value[name], name)]));
  }
  if (["pid", "uptime", "issued", "timestamp"].includes(key) && typeof value === "number") return "a number";
  if (typeof value !== "string") return value;
  if (ids.has(value)) return ids.get(value);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) return "a Date";
  if (/^\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT/.test(value)) return "a Date, printed";
  if (key === "clientId" && /^[\w-]{12}$/.test(value)) return "a client";
  if (key === "sec-websocket-key" || key === "t") return `a ${key}`;
  if (/^[0-9a-f]{16}$/.test(value)) return "a session";
  return value.replace(/127\.0\.0\.1:\d+/, "the server").replace(/([?&])t=[\w.-]+/, "$1t=time");
}

/** Figures of two seconds depend on when these begin: which kinds there are is what counts. */
function kindsOfStats(heard) {
  const stats = heard.filter(([name]) => name === "server_stats").map(([, value]) => value);
  const kinds = stats.flatMap(({ aggregatedEvents }) => aggregatedEvents);
  const shapes = kinds.map(({ timestamp, count, ...kind }) => {
    assert.ok(Number.isInteger(timestamp) && timestamp % 1000 === 0 && Number.isInteger(count) && count > 0);
    return JSON.stringify(kind);
  });
  return [...new Set(shapes)].sort();
}

/** The same for every server; what its admin heard, to be compared. */
async function scenario(server, auth) {
  const ids = new Map();
  const { socket, heard, hears } = await look(server, auth);
  ids.set(socket.id, "the admin");
  await hears("all_sockets");
  const client = await connect(server, { query: { one: "1 &", two: "b" }, extraHeaders: { "X-Two": "2" } });
  ids.set(client.id, "the client");
  await eventually(() => client.io.engine.transport.name === "websocket", "upgrade");
  await hears("socket_updated");
  await within(client.emitWithAck("message-with-ack", 1, "x"), "ack");
  client.emit("message", { deep: [null, true, "\u00e9\n"] }, Buffer.from([1, 2]));
  await hears("event_sent");
  await within(client.emitWithAck("join", "one"), "join");
  const other = await connect(server, { transports: ["websocket"] });
  ids.set(other.id, "the other");
  await hears("socket_connected", 3);
  socket.emit("join", "/", "two", "one");
  socket.emit("join", "/", "all");
  await hears("room_joined", 7);
  const told = once(client, "hello");
  socket.emit("emit", "/", "two", "hello", 1, [2]);
  await within(told, "hello");
  await hears("event_sent", 2);
  socket.emit("leave", "/", "two", null);
  await hears("room_left", 1);
  client.io.engine.close();
  await hears("room_left", 4);
  socket.emit("_disconnect", "/", false, other.id);
  await hears("room_left", 6);
  await hears("server_stats", 2 + heard.filter(([name]) => name === "server_stats").length); // the other's connection ends too
  const session = heard.find(([name]) => name === "session");
  const expected = heard.filter(([name]) => !["server_stats", "session"].includes(name));
  const [, stats] = heard.findLast(([name]) => name === "server_stats");
  return {
    session: masked(session, ids),
    events: masked(expected, ids),
    stats: masked({ ...stats, aggregatedEvents: [] }, ids),
    kinds: kindsOfStats(heard),
  };
}

const skip = official ? "two servers are compared" : !process.env.SIOKIT_SERVER && "SIOKIT_SERVER is not set";

describe("the Admin UI of siokit-server and that of the official server", { skip }, () => {
  afterEach(cleanUp);

  test("development: the same events, fields and values", async () => {
    const ours = await scenario(await startOurs(...admin));
    assert.deepEqual(ours, await scenario(await startOfficial(...admin)));
    assert.ok(ours.events.length > 20);
  });

  const production = ["--admin-mode", "production"];
  for (const options of [production, ["--admin-readonly"], [...production, "--admin-readonly"]]) {
    test(`${options.join(" ")}: the same features, and no more is told`, async () => {
      const told = async (server) => {
        const { socket, heard, hears } = await look(server);
        const client = await connect(server);
        const ids = new Map([[socket.id, "the admin"], [client.id, "the client"]]);
        await within(client.emitWithAck("join", "r"), "join");
        socket.emit("_disconnect", "/", false, "nobody");
        await hears("server_stats", 1 + heard.filter(([name]) => name === "server_stats").length);
        // Ours tells the session once more, when the page listens.
        const again = (i) => i > 0 && heard[i][0] === "session" && heard[i][1] === heard[0][1];
        const rest = heard.filter(([name], i) => name !== "server_stats" && name !== "socket_updated" && !again(i));
        return masked(rest, ids);
      };
      const ours = await told(await startOurs(...admin, ...options));
      assert.deepEqual(ours, await told(await startOfficial(...admin, ...options)));
    });
  }

  test("without credentials everybody is let in; nobody is, with wrong ones", async () => {
    for (const begin of [startOurs, startOfficial]) {
      const open = await look(await begin("--admin-ui"), {});
      await open.hears("all_sockets");
      assert.ok(!open.heard.some(([name]) => name === "session"));
      const closed = await begin(...admin);
      const wrong = [{}, { ...joe, password: "wrong" }, { sessionId: "0123456789abcdef" }];
      if (begin === startOurs) wrong.push({ username: "joe" }, { ...joe, password: 1 }); // upstream gives no answer
      for (const auth of wrong) {
        const { socket } = await look(closed, auth);
        assert.ok(!socket.connected);
      }
      const { heard } = await look(closed);
      const [, sessionId] = await eventually(() => heard.find(([name]) => name === "session"), "session");
      await (await look(closed, { sessionId })).hears("all_sockets");
    }
  });

  test("the msgpack parser", async () => {
    const server = await startOurs(...admin, "--parser", "msgpack");
    const { heard, hears } = await look(server, joe, { parser: msgpack });
    await hears("all_sockets");
    const client = await connect(server, { parser: msgpack });
    client.emit("message", { a: [Buffer.from([1])] });
    await hears("event_sent");
    const [, , id, args] = heard.find(([name]) => name === "event_sent");
    assert.deepEqual([id, args], [client.id, ["message-back", { a: [Buffer.from([1])] }]]);
  });

  test("a password in clear", async () => {
    const server = await startOurs("--admin-ui", "--admin-user", "joe", "--admin-password", "secret");
    await (await look(server)).hears("session");
    assert.ok(!(await look(server, { ...joe, password: "secret2" })).socket.connected);
  });

  test("many wrong passwords at once keep nobody else waiting", async () => {
    const server = await startOurs(...admin);
    const client = await connect(server);
    const guesses = Promise.all(Array.from({ length: 40 }, (_, i) => look(server, { ...joe, password: `${i}` })));
    const ack = client.emitWithAck("message-with-ack", 1).then(() => "ack");
    assert.equal(await within(Promise.race([ack, guesses]), "ack"), "ack");
    for (const { socket } of await guesses) assert.ok(!socket.connected);
    await (await look(server)).hears("session");
  });

  test("options that can't be meant", async () => {
    const cases = [
      [["--admin-user", "joe", "--admin-password", "x"], /--admin-ui/],
      [["--admin-ui", "--admin-user", "joe"], /--admin-password/],
      [["--admin-ui", "--admin-user", "joe", "--admin-password", "$2b$10$short"], /no bcrypt hash/],
      [["--admin-ui", "--admin-mode", "staging"], /--admin-mode/],
      [["--admin-ui", "--environment", "production"], /outside development/],
      [["--admin-ui", "--environment", "docker"], /outside development/],
      [["--admin-ui"], /outside development/, { CLAUDE_MPM_SOCKETIO_TOKEN: "x" }],
    ];
    for (const [args, message, more] of cases) {
      const env = { ...process.env, ...more };
      const child = spawn(process.env.SIOKIT_SERVER, args, { env, stdio: ["ignore", "ignore", "pipe"] });
      atEnd(() => child.kill("SIGKILL"));
      let text = "";
      child.stderr.on("data", (part) => (text += part));
      const [code] = await within(once(child, "close"), "end of the program");
      assert.equal(code, 2);
      assert.match(text, message);
    }
  });
});

const pages = fileURLToPath(new URL("ui/dist/", import.meta.resolve("@socket.io/admin-ui/package.json")));
const contentTypes = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

/** Serves the page, from another origin than that of the server under test. */
async function servePage() {
  const server = http.createServer(({ url }, response) => {
    const name = url === "/" ? "index.html" : new URL(url, "http://page").pathname;
    try {
      const body = readFileSync(join(pages, name));
      response.writeHead(200, { "Content-Type": contentTypes[extname(name)] ?? "image/png" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await within(once(server, "listening"), "page");
  return server;
}

contract("load", (server) => {
  const newPage = browser();
  let pageServer;
  let page;

  before(async () => {
    pageServer = await servePage();
  });
  after(() => pageServer?.close());
  beforeEach(async () => {
    page = await newPage({ viewport: { width: 1400, height: 1000 } });
    await page.route((url) => url.hostname !== "127.0.0.1", (route) => route.abort()); // fonts
    await page.goto(`http://127.0.0.1:${pageServer.address().port}/`);
  });
  afterEach(async () => {
    await page.close();
    assert.deepEqual(page.problems, []);
  });

  const open = (route) => page.evaluate((to) => (location.hash = to), `#/${route}`);
  const submit = () => page.getByRole("button", { name: "Connect" }).click();
  const status = (text) => page.locator("header").getByText(text, { exact: true }).first().waitFor();
  const login = async () => {
    await page.getByLabel("Server URL").fill(server.url);
    await page.getByLabel("Username").fill(joe.username);
    await page.getByLabel("Password").fill(joe.password);
    await submit();
    await status("connected");
  };
  const row = (...texts) => {
    let rows = page.locator("main tr");
    for (const hasText of texts) rows = rows.filter({ hasText });
    return rows.first();
  };
  const inNamespace = async (name) => {
    await page.locator("main .selector").click();
    await page.locator(".v-menu__content").getByText(name, { exact: true }).click();
  };
  const icon = (within, name) => within.locator(`button:has(.mdi-${name})`);
  /** A button in a row of a list; the page then goes on to what the row stands for. */
  const clickIn = async (text, name) => {
    await icon(row(text), name).click();
    await page.getByText(/ details$/).first().waitFor();
  };

  test("a wrong name or password is refused, the right one is let in", async () => {
    await page.getByLabel("Server URL").fill(server.url);
    for (const [username, password] of [["", ""], ["joe", "wrong"], ["eve", "secret"]]) {
      await page.getByLabel("Username").fill(username);
      await page.getByLabel("Password").fill(password);
      await submit();
      await page.getByText("Invalid credentials").waitFor();
      await status("disconnected");
      await page.reload();
      await page.getByLabel("Server URL").fill(server.url);
    }
    await login();
  });

  test("the dashboard: clients, servers, namespaces and graphs, live", async () => {
    await login();
    await row("WebSocket", "1", "100.0 %").waitFor();
    const client = await connect(server, { transports: ["polling"] });
    await row("HTTP long-polling", "1", "50.0 %").waitFor();
    await row("healthy", "1", "100.0 %").waitFor();
    await row("/admin", "1").waitFor();
    client.disconnect();
    await row("WebSocket", "1", "100.0 %").waitFor();
    await page.getByText("Connection and disconnection events").waitFor();
    await page.getByText("Bytes received and sent").waitFor();
    await eventually(async () => (await page.locator("main canvas").count()) === 4, "four graphs");
  });

  test("sockets come and go", async () => {
    const early = await connect(server);
    await login();
    await open("sockets/");
    await row(early.id, "127.0.0.1").waitFor();
    const late = await connect(server, { transports: ["websocket"] });
    await row(late.id, "WebSocket").waitFor();
    const { id } = late;
    late.disconnect();
    await row(id).waitFor({ state: "detached" });
    const left = once(early, "disconnect");
    await icon(row(early.id), "logout").click();
    assert.deepEqual((await within(left, "disconnect"))[0], "io server disconnect");
  });

  test("a socket: its details, join, leave, disconnect", async () => {
    const client = await connect(server, { query: { name: "a socket" } });
    await login();
    await open(`n/%2F/sockets/${client.id}`);
    await row("Transport", "WebSocket").waitFor();
    await row("name", "a socket").waitFor();
    await row("user-agent", "node-XMLHttpRequest").waitFor();
    const hears = async () => {
      const heard = [];
      client.on("room", (x) => heard.push(x));
      client.emit("room", "lobby", 1);
      await within(client.emitWithAck("message-with-ack", 1), "ack");
      client.off("room");
      return heard.length;
    };
    assert.equal(await hears(), 0);
    await page.getByLabel("Join a room").fill("lobby");
    await page.getByLabel("Join a room").press("Enter");
    await icon(page.locator("main form"), "tag-plus-outline").click();
    await row("lobby").waitFor();
    assert.equal(await hears(), 1);
    await icon(row("lobby"), "tag-off-outline").click();
    await eventually(async () => (await hears()) === 0, "leave");
    await open(`n/%2F/sockets/${client.id}`);
    await row("Transport", "WebSocket").waitFor();
    await row("lobby").waitFor({ state: "detached" });
    const left = once(client, "disconnect");
    await icon(row("Status", "connected").nth(0), "logout").click();
    assert.equal((await within(left, "disconnect"))[0], "io server disconnect");
  });

  test("events come in and go out as they happen", async () => {
    await login();
    const client = await connect(server);
    client.emit("message", "hello", { to: "you" });
    await open("events/");
    await inNamespace("/");
    await row(client.id, "Connection").waitFor();
    await row(client.id, "Room joined", client.id).waitFor();
    await row(client.id, "Event received", "message").waitFor();
    await row(client.id, "Event sent", "message-back").waitFor();
    await icon(row("Event sent", "message-back"), "chevron-down").click();
    await page.locator("main pre", { hasText: '"to": "you"' }).waitFor();
    client.disconnect();
    await row(client.id ?? "", "Disconnection", "client namespace disconnect").waitFor();
  });

  test("rooms: the list, clear, disconnect", async () => {
    const clients = [await connect(server), await connect(server)];
    for (const client of clients) await within(client.emitWithAck("join", "lobby"), "join");
    await login();
    await open("rooms/");
    await row("lobby", "Public", "2").waitFor();
    await clickIn("lobby", "tag-off-outline");
    await open("rooms/");
    await row("lobby").waitFor({ state: "detached" });
    for (const client of clients) await within(client.emitWithAck("join", "hall"), "join");
    await row("hall", "2").waitFor();
    const left = clients.map((client) => once(client, "disconnect"));
    await clickIn("hall", "logout");
    await open("rooms/");
    await within(Promise.all(left), "disconnects");
    await row("hall").waitFor({ state: "detached" });
  });

  test("clients and servers", async () => {
    const client = await connect(server);
    const clientId = client.io.engine.id.slice(0, 12);
    await login();
    await open("servers/");
    await row(hostname(), "healthy").waitFor();
    await open("clients/");
    await row(clientId, "127.0.0.1", "1").waitFor();
    const left = once(client.io.engine, "close");
    await clickIn(clientId, "logout");
    await within(left, "close");
    await open("clients/");
    await row(clientId).waitFor({ state: "detached" });
  });

  const deaf = official && "the page does not listen yet when the official server names the session";
  test("a page that is loaded again needs no password", { skip: deaf }, async () => {
    await login();
    const saved = () => page.evaluate(() => localStorage.getItem("session_id"));
    assert.match(await eventually(saved, "session"), /^[0-9a-f]{16}$/);
    await page.reload();
    await status("connected");
    await page.evaluate(() => localStorage.setItem("session_id", "0123456789abcdef"));
    await page.reload();
    await page.getByText("Invalid credentials").waitFor();
  });
}, { options: [...admin, ...cors] });
