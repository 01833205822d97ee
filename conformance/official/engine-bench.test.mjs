// The options of an Engine.IO server, one profile after the other: what each changes on the wire.
import assert from "node:assert/strict";
import { on } from "node:events";
import { test } from "node:test";
import { gunzipSync, inflateSync } from "node:zlib";
import { WebSocket } from "ws";
import { engine, next, ways } from "./clients.mjs";
import { contract, official, within } from "./harness.mjs";
import { Polling, Wire, assertRefused, errors, fetchText, separator } from "./wire.mjs";

const path = "/engine.io/";
const revision4 = { EIO: "4", transport: "polling" };
const bench = (profile, body) => contract("engine-bench", body, { profile });

async function burst(server, way) {
  const session = engine(server, way);
  await (way === "upgrade" ? next(session, "upgrade") : next(session, "open"));
  const seen = [];
  const all = new Promise((resolve) => session.on("message", (m) => seen.push(m) === 100 && resolve()));
  session.send("cmd:burst");
  await within(all, "100 messages", 20000);
  seen.forEach((message, i) => assert.ok(message === "a".repeat(65535) + "|" + i, `message ${i}`));
}

bench("main", (server) => {
  test("messages come back; commands are obeyed", async () => {
    const session = await Polling.open(server, { query: { a: "\u00e9 &" }, headers: { "X-Mine": "42" } });
    await session.send("4hello", "bAQI=", "4cmd:what?");
    await session.expect("4hello", "bAQI=", "4cmd:what?");
    await session.send("4cmd:transport", "4cmd:header:x-mine", "4cmd:remote", "4cmd:query", "4cmd:later:10");
    await session.expect("4polling", "442");
    assert.match(await session.next(), /^4(::ffff:)?127\.0\.0\.1$/);
    assert.deepEqual(JSON.parse((await session.next()).slice(1)), { ...revision4, a: "\u00e9 &" });
    await session.expect("4later");
    await session.send("4cmd:bin1024");
    const bytes = Buffer.from((await session.next()).slice(1), "base64");
    assert.deepEqual(bytes, Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 255)));
  });

  test("closing after three messages loses none", async () => {
    const wire = await Wire.session(server);
    wire.send("4cmd:abc-close");
    await wire.expect("4a", "4b", "4c");
    await wire.expectClose(1005);
    const other = await Wire.session(server);
    other.send("4cmd:close");
    await other.expectClose(1005);
  });

  for (const way of Object.keys(ways)) {
    test(`${way}: a burst of long messages comes whole and in order`, () => burst(server, way));
  }

  test("answers to polls of 1024 bytes and more are compressed, with what the client prefers", async () => {
    const session = await Polling.open(server);
    const text = "4" + "x".repeat(1023);
    const compressed = async (message, accept) => {
      await session.send(message);
      const { headers, bytes } = await session.get({ headers: accept ? { "Accept-Encoding": accept } : {} });
      const coding = headers["content-encoding"];
      const unpack = { gzip: gunzipSync, deflate: inflateSync }[coding] ?? ((plain) => plain);
      assert.equal(unpack(bytes).toString(), message);
      return coding;
    };
    assert.equal(await compressed(text, "gzip, deflate"), "gzip");
    assert.equal(await compressed(text, "deflate"), "deflate");
    assert.equal(await compressed(text, "gzip;q=0.1, deflate;q=0.2"), "deflate");
    assert.equal(await compressed(text, "br"), undefined);
    assert.equal(await compressed(text), undefined);
    assert.equal(await compressed(text.slice(0, -1), "gzip"), undefined);
  });

  test("not what was sent without compression, unless it goes along with something else", async () => {
    const session = await Polling.open(server);
    const headers = { "Accept-Encoding": "gzip" };
    await session.send("4cmd:nocompress");
    const plain = await session.get({ headers });
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal(plain.body, "4" + "x".repeat(2048));
    await session.send("4cmd:nocompress", "4y");
    const mixed = await session.get({ headers });
    assert.equal(mixed.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(mixed.bytes).toString(), "4" + "x".repeat(2048) + separator + "4y");
  });

  test("no cookie, no CORS", async () => {
    const { headers } = (await Polling.open(server, { headers: { Origin: "http://a.example" } })).response;
    assert.equal(headers["set-cookie"], undefined);
    assert.equal(headers["access-control-allow-origin"], undefined);
    assert.equal(headers.vary, undefined);
  });

  test("OPTIONS without CORS is refused as any other method", async () => {
    const method = "OPTIONS";
    assertRefused(await fetchText(server.at(path, revision4), { method }), 400, errors.method);
  });

  test("JSONP: scripts down, forms up", async () => {
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    const first = await fetchText(server.at(path, { ...revision4, j: "3<x" }));
    assert.match(first.headers["content-type"], /^text\/plain; ?charset=utf-8$/i);
    const unwrap = (body) => {
      assert.ok(body.startsWith("___eio[3](") && body.endsWith(");"), body);
      assert.ok(!/[\u2028\u2029]/.test(body));
      return JSON.parse(body.slice("___eio[3](".length, -2));
    };
    const { sid } = JSON.parse(unwrap(first.body).slice(1));
    const url = server.at(path, { ...revision4, j: "3", sid });
    const post = (d) => fetchText(url, { method: "POST", headers: form, body: `d=${encodeURIComponent(d)}` });
    assert.equal((await post("4\u20ac\u2028\u2029\"\\\\n+\\n")).body, "ok");
    assert.equal(unwrap((await fetchText(url)).body), "4\u20ac\u2028\u2029\"\\n+\n");
    assert.equal((await fetchText(url, { method: "POST", headers: form, body: "nothing=1" })).body, "ok");
    assert.equal((await post("4cmd:close")).body, "ok");
    assert.equal(unwrap((await fetchText(url)).body), "6\x1e1");
  });
});

bench("quick", (server) => {
  test("the handshake says so, and pings come", async () => {
    const wire = await Wire.session(server);
    assert.equal(wire.handshake.pingInterval, 300);
    assert.equal(wire.handshake.pingTimeout, 200);
    wire.pongs = false;
    await wire.expect("2");
    await wire.expectClose(1005);
  });
});

bench("small", (server) => {
  test("100 bytes at most", async () => {
    const session = await Polling.open(server);
    assert.equal(session.handshake.maxPayload, 100);
    assert.equal((await session.post("4" + "x".repeat(99))).status, 200);
    assert.equal((await session.post("4" + "x".repeat(100))).status, 413);
  });
});

for (const [profile, attributes] of [
  ["cookie", "io=SID; Path=/; HttpOnly; SameSite=Lax"],
  ["cookie-custom", "woot=SID; Path=/custom; SameSite=Strict"],
  ["cookie-nopath", "io=SID; HttpOnly; SameSite=Lax"],
]) {
  bench(profile, (server) => {
    test("the answer to a polling handshake sets the cookie, and no other answer does", async () => {
      const session = await Polling.open(server);
      assert.deepEqual(session.response.headers["set-cookie"], [attributes.replace("SID", session.sid)]);
      assert.equal((await session.post("4x")).headers["set-cookie"], undefined);
      assert.equal((await session.get()).headers["set-cookie"], undefined);
      const refused = await fetchText(server.at(path, { EIO: "4" }));
      assert.equal(refused.headers["set-cookie"], undefined);
      const wire = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket" }));
      assert.equal(wire.headers["set-cookie"], undefined);
    });
  });
}

/** The headers of CORS in an answer. */
function corsOf({ headers }) {
  const names = Object.keys(headers).filter((name) => name.startsWith("access-control-") || name === "vary");
  return Object.fromEntries(names.map((name) => [name.replace("access-control-", ""), headers[name]]));
}

/** What CORS says in the answers to a handshake, a POST, a refusal, a WebSocket and a preflight of one origin. */
async function allCors(server, origin) {
  const headers = { Origin: origin };
  const session = await Polling.open(server, { headers });
  const plain = corsOf(session.response);
  assert.deepEqual(corsOf(await session.post("4x", headers)), plain);
  assert.deepEqual(corsOf(await fetchText(server.at(path, { EIO: "4" }), { headers })), plain);
  const wire = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket" }), { headers });
  assert.deepEqual(corsOf(wire), plain);
  const refused = await Wire.attempt(server.at(path, { EIO: "4", transport: "none" }), { headers });
  assert.deepEqual(corsOf(refused), {});
  const asks = { ...headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "my-header" };
  const preflight = await fetchText(server.at(path, revision4), { method: "OPTIONS", headers: asks });
  assert.equal(preflight.body, "");
  return { plain, status: preflight.status, preflight: corsOf(preflight) };
}

bench("cors-reflect", (server) => {
  test("every origin is sent back, with credentials", async () => {
    const plain = { "allow-origin": "http://any.example", "allow-credentials": "true", vary: "Origin" };
    assert.deepEqual(await allCors(server, "http://any.example"), {
      plain,
      status: 204,
      preflight: {
        ...plain,
        "allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
        "allow-headers": "my-header",
      },
    });
  });
});

bench("cors-list", (server) => {
  for (const [origin, allowed] of [
    ["http://good-domain.com", { "allow-origin": "http://good-domain.com" }],
    ["http://bad-domain.com", {}],
  ]) {
    test(`${origin} is ${allowed["allow-origin"] ? "" : "not "}sent back`, async () => {
      assert.deepEqual(await allCors(server, origin), {
        plain: { ...allowed, vary: "Origin" },
        status: 204,
        preflight: {
          ...allowed,
          "allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE",
          "allow-headers": "my-header",
          vary: "Origin, Access-Control-Request-Headers",
        },
      });
    });
  }
});

bench("cors-full", (server) => {
  test("every option has its header", async () => {
    const plain = {
      "allow-origin": "http://good-domain.com",
      "allow-credentials": "true",
      "expose-headers": "my-exposed-header",
      vary: "Origin",
    };
    assert.deepEqual(await allCors(server, "http://any.example"), {
      plain,
      status: 200,
      preflight: { ...plain, "allow-methods": "GET,PUT,POST", "allow-headers": "my-header", "max-age": "123" },
    });
  });
});

bench("polling-only", (server) => {
  test("polling works, a WebSocket is refused", async () => {
    const session = await Polling.open(server);
    await session.send("4x");
    await session.expect("4x");
    const outcome = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket" })).catch(() => ({}));
    assert.notEqual(outcome.status, 101); // the official server just ends the connection
  });
});

bench("ws-only", (server) => {
  test("a WebSocket works, polling is refused", async () => {
    const wire = await Wire.session(server);
    wire.send("4x");
    await wire.expect("4x");
    assertRefused(await fetchText(server.at(path, revision4)), 400, errors.transport);
  });
});

bench("no-upgrade", (server) => {
  test("no upgrade is offered", async () => {
    assert.deepEqual((await Polling.open(server)).handshake.upgrades, []);
  });
});

bench("initial", (server) => {
  test("the packet comes with the handshake", async () => {
    const { body } = await fetchText(server.at(path, revision4));
    assert.equal(body.split(separator)[1], "4faster!");
    const wire = await Wire.session(server);
    await wire.expect("4faster!");
  });
  for (const way of Object.keys(ways)) {
    test(`${way}: the official client hears it once`, async () => {
      const session = engine(server, way);
      const seen = [];
      const heard = new Promise((resolve) => {
        session.on("message", (data) => seen.push(data) && data === "end" && resolve());
      });
      session.send("end");
      await within(heard, "end");
      assert.deepEqual(seen, ["faster!", "end"]);
    });
  }
});

bench("noslash", (server) => {
  test("the path has no slash at its end", async () => {
    await Polling.open(server, { path: "/engine.io" });
    await Polling.open(server, { path: "/engine.io/" });
    assert.equal((await fetchText(server.at("/engine", revision4))).status, 404);
  });
});

bench("compress0", (server) => {
  test("every answer to a poll is compressed", async () => {
    const response = await fetchText(server.at(path, revision4), { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.equal(gunzipSync(response.bytes).toString()[0], "0");
    const { sid } = JSON.parse(gunzipSync(response.bytes).toString().slice(1));
    const url = server.at(path, { ...revision4, sid });
    const post = await fetchText(url, { method: "POST", body: "4x", headers: { "Accept-Encoding": "gzip" } });
    assert.equal(post.body, "ok");
  });
});

bench("nocompress", (server) => {
  test("no answer is compressed", async () => {
    const session = await Polling.open(server);
    await session.send("4" + "x".repeat(5000));
    const { headers, body } = await session.get({ headers: { "Accept-Encoding": "gzip" } });
    assert.equal(headers["content-encoding"], undefined);
    assert.equal(body.length, 5001);
  });
});

bench("allow", (server) => {
  for (const [deny, message] of [["message", "Thou shall not pass"], ["", "Forbidden"]]) {
    test(`deny=${deny}: refused with "${message}"`, async () => {
      const polling = await fetchText(server.at(path, { ...revision4, deny }));
      assertRefused(polling, 403, JSON.stringify({ code: 4, message }));
      const wire = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket", deny }));
      assert.deepEqual({ status: wire.status, body: wire.body }, { status: 400, body: message });
    });
  }
  test("anybody else is let in", () => Polling.open(server));
});

bench("headers", (server) => {
  test("first answers have their headers, every answer has others", async () => {
    const session = await Polling.open(server);
    const first = session.response.headers;
    assert.deepEqual([first.test, first["set-cookie"], first["x-always"]], ["123", ["mycookie=456"], "1"]);
    const second = (await session.post("4x")).headers;
    assert.deepEqual([second.test, second["set-cookie"], second["x-always"]], [undefined, undefined, "1"]);
    const { headers } = await Wire.attempt(server.at(path, { EIO: "4", transport: "websocket" }));
    assert.deepEqual([headers.test, headers["x-always"]], ["123", "1"]);
    const upgrade = await Wire.attempt(session.at({ transport: "websocket" }));
    assert.deepEqual([upgrade.headers.test, upgrade.headers["x-always"]], [undefined, "1"]);
  });
});

bench("deflate", (server) => {
  test("messages of 1024 bytes and more are compressed on a WebSocket", async () => {
    const wire = new WebSocket(server.at(path, { EIO: "4", transport: "websocket" }).replace("http", "ws"));
    const messages = on(wire, "message");
    const next = async () => (await within(messages.next(), "a message")).value[0];
    await next();
    assert.match(wire.extensions, /^permessage-deflate/);
    for (const text of ["4" + "x".repeat(100000), "4short", "4" + "ü".repeat(5000)]) {
      wire.send(text);
      assert.equal((await next()).toString(), text);
    }
    wire.send(Buffer.alloc(50000, 1));
    assert.deepEqual(await next(), Buffer.alloc(50000, 1));
    assert.ok(wire._socket.bytesRead < 5000, `${wire._socket.bytesRead} bytes came`);
    wire.close();
  });
  for (const way of ["websocket", "upgrade"]) {
    test(`${way}: a burst of long messages comes whole and in order`, () => burst(server, way));
  }
});

bench("strict", (server) => {
  test("revision 3 is refused; what is not below the path is not there", async () => {
    assertRefused(await fetchText(server.at(path, { ...revision4, EIO: "3" })), 400, errors.version);
    assert.equal((await fetchText(server.at("/nowhere"))).status, 404);
  });
});
