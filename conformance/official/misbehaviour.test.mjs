// siokit-server --allow-misbehaviour: each fault comes when it is asked for, and clients see it as such.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { atEnd, contract, official, pause, within } from "./harness.mjs";
import { Polling, fetchText } from "./wire.mjs";

const skip = official || process.env.SIOKIT_URL ? "only for siokit-server" : false;
const path = "/socket.io/";
const polling = (misbehave, more) => ({ EIO: "4", transport: "polling", misbehave, ...more });

contract("load", (server) => {
  const handshake = async (misbehave) => {
    const { body } = await fetchText(server.at(path, { EIO: "4", transport: "polling" }));
    return server.at(path, polling(misbehave, { sid: JSON.parse(body.slice(1)).sid }));
  };
  /** A WebSocket, and all it gets until it ends. */
  const wire = async (misbehave) => {
    const url = server.at(path, { EIO: "4", transport: "websocket", misbehave });
    const socket = new WebSocket(url.replace("http", "ws"), { perMessageDeflate: false });
    const seen = [];
    socket.on("message", (text) => seen.push(text.toString()));
    socket.on("error", (error) => seen.push(error.code ?? error.message));
    atEnd(() => socket.terminate());
    return { socket, seen, closed: once(socket, "close") };
  };
  const reasonOf = async (transport, misbehave) => {
    const options = { forceNew: true, transports: [transport], query: { misbehave }, reconnection: false };
    const socket = io(server.url, options);
    atEnd(() => socket.disconnect());
    return within(new Promise((resolve) => socket.once("disconnect", resolve)), "disconnect");
  };

  test("who asks for nothing is served as always", async () => {
    const session = await Polling.open(server, { path });
    await session.send("40");
    assert.match(await session.next(), /^40/);
    const socket = io(server.url, { forceNew: true });
    atEnd(() => socket.disconnect());
    await within(once(socket.io.engine, "upgrade"), "upgrade");
    const text = "x".repeat(100000);
    assert.equal(await within(socket.emitWithAck("message-with-ack", text), "ack"), text);
    assert.equal((await fetchText(server.at("/health"))).status, 200);
  });

  test("handshakes: late, an error page, a redirect, a reset", async () => {
    const begin = Date.now();
    assert.equal((await fetchText(server.at(path, polling("delay:150")))).status, 200);
    assert.ok(Date.now() - begin >= 150);
    const page = await fetchText(server.at(path, polling("error:502")));
    assert.deepEqual([page.status, page.headers["content-type"]], [502, "text/html"]);
    assert.equal((await fetchText(server.at(path, polling("error")))).status, 503);
    const moved = await fetchText(server.at(path, polling("redirect")));
    assert.deepEqual([moved.status, moved.headers.location], [302, "/elsewhere"]);
    await assert.rejects(fetchText(server.at(path, polling("cut:0"))), /ECONNRESET|socket hang up/);
  });

  test("polls: cut, half an answer, never answered", async () => {
    await assert.rejects(fetchText(await handshake("cut")), /ECONNRESET|socket hang up/);
    await assert.rejects(fetchText(await handshake("half")), /aborted|ECONNRESET|terminated/);
    const url = await handshake("mute");
    assert.equal(await Promise.race([fetchText(url), pause(200)]), undefined);
  });

  test("polls: bad packets, at the time that was asked for", async () => {
    assert.equal((await fetchText(await handshake("malformed"))).body, '42["the end is missing');
    assert.match((await fetchText(await handshake("attachments"))).body, /^451-.*\x1e42/);
    assert.equal((await fetchText(await handshake("oversize:1:5000"))).body.length, 5001);
    const second = await handshake("malformed:2");
    assert.equal((await fetchText(second, { method: "POST", body: "40" })).body, "ok");
    assert.match((await fetchText(second)).body, /^40/);
    assert.equal((await fetchText(second)).body, '42["the end is missing');
  });

  test("WebSockets: cut, half a frame, closed with a code", async () => {
    for (const [misbehave, code] of [["cut", 1006], ["half", 1006], ["close:1:1013", 1013], ["close", 1011]]) {
      const { seen, closed } = await wire(misbehave);
      assert.equal((await within(closed, "close"))[0], code, misbehave);
      assert.equal(seen.length, 1, "the open packet alone");
    }
  });

  test("WebSockets: bad packets, silence, a refused upgrade", async () => {
    for (const [misbehave, last] of [
      ["malformed:2", '42["the end is missing'],
      ["attachments:2", '42["the attachment is missing"]'],
      ["oversize:2:70000", "4" + "x".repeat(70000)],
    ]) {
      const { socket, seen } = await wire(misbehave);
      await within(once(socket, "message"), "open packet");
      socket.send("40");
      while (seen.at(-1) !== last) await within(once(socket, "message"), last.slice(0, 30));
      assert.match(seen[1], /^40/);
    }
    const { socket, seen } = await wire("mute");
    await within(once(socket, "message"), "open packet");
    socket.send("40");
    await pause(200);
    assert.equal(seen.length, 1);
    const url = (await handshake("refuse-upgrade")).replace("polling", "websocket").replace("http", "ws");
    const [, answer] = await within(once(new WebSocket(url), "unexpected-response"), "answer");
    assert.equal(answer.statusCode, 400);
  });

  test("the official client sees what it should", async () => {
    for (const transport of ["polling", "websocket"]) {
      assert.equal(await reasonOf(transport, "malformed:2"), "parse error", transport);
      assert.equal(await reasonOf(transport, "cut:2"), transport === "polling" ? "transport error" : "transport close");
    }
    const socket = io(server.url, { forceNew: true, query: { misbehave: "refuse-upgrade" } });
    atEnd(() => socket.disconnect());
    const failed = new Promise((resolve) => socket.io.once("open", () => socket.io.engine.once("upgradeError", resolve)));
    await within(once(socket, "connect"), "connect");
    await within(failed, "failed upgrade");
    assert.equal(await within(socket.emitWithAck("message-with-ack", 1), "ack"), 1);
  });

  test("what is no fault is refused, by polling and by WebSocket, and the answer names those there are", async () => {
    const wrong = ["nonsense:1", "cut:x", "cut:", "cut:1x", "cut:1:2", ":1", "redirect:1", "oversize:1:x", "mute:-1"];
    const without = ["delay:99999999999999999999", "error:99", "error:1000", "close:1:70000"];
    for (const misbehave of [...wrong, ...without]) {
      const { status, body, headers } = await fetchText(server.at(path, polling(misbehave)));
      assert.deepEqual([status, headers["content-type"]], [400, "text/plain; charset=UTF-8"], misbehave);
      assert.ok(body.startsWith(`misbehave=${misbehave}: `), body);
      assert.match(body, /Known: delay\[:N\] .* redirect cut.* oversize\[:N\[:N\]\] close/);
    }
    const url = server.at(path, { EIO: "4", transport: "websocket", misbehave: "nonsense" }).replace("http", "ws");
    const refused = new WebSocket(url).on("error", () => {}); // of the answer that is no 101
    const [, answer] = await within(once(refused, "unexpected-response"), "answer");
    assert.equal(answer.statusCode, 400);
    assert.equal((await fetchText(server.at(path, polling("")))).status, 200);
  });

  test("numbers without bound are bounded", async () => {
    const body = (await fetchText(await handshake("oversize:1:9999999999999999"))).body;
    assert.equal(body.length, 100_000_001);
  });

  test("the server goes away for a while, and clients come back", async () => {
    const socket = io(server.url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    atEnd(() => socket.disconnect());
    await within(once(socket, "connect"), "connect");
    const left = once(socket, "disconnect");
    await assert.rejects(fetchText(server.at(path, polling("restart:2000"))), /ECONNRESET|socket hang up/);
    await within(left, "disconnect");
    const again = once(socket, "connect");
    await assert.rejects(fetchText(server.at("/health")), /ECONNREFUSED/);
    await within(again, "connect again");
  });
}, { options: ["--allow-misbehaviour"], skip });

contract("load", (server) => {
  test("nothing happens unless it is allowed", async () => {
    assert.equal((await fetchText(server.at(path, polling("error")))).status, 200);
  });
}, { skip });
