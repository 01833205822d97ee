// Engine.IO, revision 4, over HTTP: what a server answers to every kind of request and payload.
import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { contract, official, within } from "./harness.mjs";
import { Polling, Tcp, Wire, assertBare, assertRefused } from "./wire.mjs";
import { errors, exchange, fetchText, separator } from "./wire.mjs";

const path = "/engine.io/";
const revision4 = { EIO: "4", transport: "polling" };

contract("engine-echo", (server) => {
  describe("handshake", () => {
    for (const [transport, upgrades] of [["polling", ["websocket"]], ["websocket", []]]) {
      test(`${transport}: the OPEN packet has its five keys, in order, with the configured values`, async () => {
        const session = await (transport === "polling" ? Polling.open(server) : Wire.session(server));
        const { sid, ...rest } = session.handshake;
        assert.match(sid, /^[\w-]{20}$/);
        assert.deepEqual(rest, { upgrades, pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
        assert.deepEqual(Object.keys(session.handshake), [
          "sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload",
        ]);
      });
    }

    test("session ids differ", async () => {
      const sids = [];
      for (let i = 0; i < 20; i++) sids.push((await Polling.open(server)).sid);
      assert.equal(new Set(sids).size, 20);
    });

    test("the response is text in UTF-8, with its length, and must not be stored", async () => {
      const { headers, bytes } = (await Polling.open(server)).response;
      assert.match(headers["content-type"], /^text\/plain; ?charset=utf-8$/i);
      assert.equal(headers["content-length"], String(bytes.length));
      assert.equal(headers["cache-control"], "no-store");
    });

    test("unknown query parameters are ignored", async () => {
      const query = { t: "abc.0", "\u00e9": "\u20ac", x: "a&b=c", "": "" };
      await Polling.open(server, { query });
      await Wire.session(server, { query });
    });
  });

  describe("refusals", () => {
    const refused = [
      ["no query at all", {}, 400, errors.transport],
      ["no transport", { EIO: "4" }, 400, errors.transport],
      ["unknown transport", { EIO: "4", transport: "abc" }, 400, errors.transport],
      ["transport named like a property of objects", { EIO: "4", transport: "constructor" }, 400, errors.transport],
      ["WebTransport over HTTP", { EIO: "4", transport: "webtransport" }, 400, errors.transport],
      ["transport is checked before sid", { EIO: "4", transport: "abc", sid: "abc" }, 400, errors.transport],
      ["unknown sid", { ...revision4, sid: "abc" }, 400, errors.sid],
      ["sid of the right length", { ...revision4, sid: "AAAAAAAAAAAAAAAAAAAA" }, 400, errors.sid],
      ["sid __proto__", { ...revision4, sid: "__proto__" }, 400, errors.sid],
      ["sid constructor", { ...revision4, sid: "constructor" }, 400, errors.sid],
      ["websocket without an upgrade", { EIO: "4", transport: "websocket" }, 400, errors.request],
      ["no EIO", { transport: "polling" }, 400, errors.version],
      ["EIO 3", { EIO: "3", transport: "polling" }, 400, errors.version],
      ["EIO 5", { EIO: "5", transport: "polling" }, 400, errors.version],
      ["EIO abc", { EIO: "abc", transport: "polling" }, 400, errors.version],
      ["EIO 4.0", { EIO: "4.0", transport: "polling" }, 400, errors.version],
    ];
    for (const [name, query, status, body] of refused) {
      test(`GET, ${name}: ${status} ${body}`, async () => {
        assertRefused(await fetchText(server.at(path, query)), status, body);
      });
    }

    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      test(`${method} without a sid: 400 ${errors.method}`, async () => {
        assertRefused(await fetchText(server.at(path, revision4), { method }), 400, errors.method);
      });
      test(`${method} without a sid, of an unsupported revision: the method is looked at first`, async () => {
        const url = server.at(path, { EIO: "3", transport: "polling" });
        assertRefused(await fetchText(url, { method }), 400, errors.method);
      });
    }

    test("HEAD without a sid: 400 without a body", async () => {
      assertBare(await fetchText(server.at(path, revision4), { method: "HEAD" }), 400);
    });

    test("POST with an unknown sid: 400 code 1", async () => {
      const url = server.at(path, { ...revision4, sid: "abc" });
      const response = await fetchText(url, { method: "POST", body: "4x" });
      assertRefused(response, 400, errors.sid);
    });

    test("a request which names another transport than the session's: code 3, the session lives on", async () => {
      const session = await Polling.open(server);
      assertRefused(await fetchText(session.at({ transport: "websocket" })), 400, errors.request);
      assert.ok(await session.isOpen());
    });

    test("a request which polls a WebSocket session: code 3, the session lives on", async () => {
      const wire = await Wire.session(server);
      const query = { ...revision4, sid: wire.handshake.sid };
      assertRefused(await fetchText(server.at(path, query)), 400, errors.request);
      assertRefused(await fetchText(server.at(path, query), { method: "POST", body: "4x" }), 400, errors.request);
      wire.send("4hello");
      await wire.expect("4hello");
    });

    for (const EIO of ["3", "5", undefined]) {
      test(`a request of another revision than the session's (EIO ${EIO}): code 3, it lives on`, async () => {
        const session = await Polling.open(server);
        assertRefused(await fetchText(session.at({ EIO })), 400, errors.request);
        assertRefused(await fetchText(session.at({ EIO }), { method: "POST", body: "4x" }), 400, errors.request);
        assert.ok(await session.isOpen());
      });
    }

    for (const method of ["PUT", "PATCH", "DELETE"]) {
      test(`${method} on a session: a bare 500, the session lives on`, async () => {
        const session = await Polling.open(server);
        assertBare(await fetchText(session.at(), { method, body: "4x" }), 500);
        assert.ok(await session.isOpen());
      });
    }

    test("an Origin with a control character is refused", async () => {
      const tcp = await Tcp.open(server);
      tcp.send(Tcp.request("GET", server.at(path, revision4), { headers: { Origin: "http://a\x01b" } }));
      assert.equal((await tcp.response()).status, 400);
    });

    const upgrades = [
      ["unknown transport", { EIO: "4", transport: "abc" }, "Transport unknown"],
      ["no transport", { EIO: "4" }, "Transport unknown"],
      ["unknown sid", { EIO: "4", transport: "websocket", sid: "abc" }, "Session ID unknown"],
      ["sid __proto__", { EIO: "4", transport: "websocket", sid: "__proto__" }, "Session ID unknown"],
    ];
    for (const [name, query, body] of upgrades) {
      test(`WebSocket, ${name}: 400 with the bare message, and the connection is closed`, async () => {
        const refusal = await Wire.attempt(server.at(path, query));
        assert.deepEqual({ status: refusal.status, body: refusal.body }, { status: 400, body });
        assert.equal(refusal.headers.connection, "close");
      });
    }

    // The official server accepts these two upgrades before it looks at them.
    for (const [name, query, body] of [
      ["EIO 3", { EIO: "3", transport: "websocket" }, "Unsupported protocol version"],
      ["no EIO", { transport: "websocket" }, "Unsupported protocol version"],
      ["transport polling", revision4, undefined],
    ]) {
      test(`WebSocket, ${name}: no session comes of it`, async () => {
        const answer = await Wire.attempt(server.at(path, query));
        if (official) {
          await within(answer.wire.closed, "end of the WebSocket");
          assert.deepEqual(answer.wire.waiting, []);
        } else {
          assert.equal(answer.status, 400);
          if (body) assert.equal(answer.body, body);
        }
      });
    }
  });

  describe("paths and CORS", () => {
    test("the path is a prefix", async () => {
      await Polling.open(server, { path: "/engine.io/foo" });
      await Polling.open(server, { path: "/engine.io/foo/bar" });
      const wire = await Wire.session(server, { path: "/engine.io/foo" });
    });

    const others = ["/engine.io", "/engine.iox/", "/nowhere/", "/ENGINE.IO/", "/x/engine.io/", "/engine%2Eio/"];
    for (const other of others) {
      test(`${other} is not the path: 404`, async () => {
        for (const method of ["GET", "POST", "HEAD"]) {
          const { status } = await fetchText(server.at(other, revision4), { method });
          assert.equal(status, 404, method);
        }
      });
    }

    test("a WebSocket on another path is refused", async () => {
      const attempt = Wire.attempt(server.at("/nowhere/", { EIO: "4", transport: "websocket" }));
      const outcome = await attempt.catch(() => ({ status: 0 })); // or the connection just ends
      assert.notEqual(outcome.status, 101);
    });

    test("Access-Control-Allow-Origin is * on handshakes, polls, posts and refusals", async () => {
      const headers = { Origin: "http://example.org" };
      const session = await Polling.open(server, { headers });
      const responses = [
        session.response,
        await session.post("4x", headers),
        await session.get({ headers }),
        await fetchText(server.at(path, { EIO: "4" }), { headers }),
      ];
      assert.deepEqual(responses.map(({ status }) => status), [200, 200, 200, 400]);
      for (const response of responses) assert.equal(response.headers["access-control-allow-origin"], "*");
    });

    test("a preflight: 204, with the methods, the requested headers and no body", async () => {
      const preflight = { Origin: "http://example.org", "Access-Control-Request-Method": "POST" };
      const session = await Polling.open(server);
      for (const url of [server.at(path, revision4), session.at()]) {
        const headers = { ...preflight, "Access-Control-Request-Headers": "x-one, x-two" };
        const response = await fetchText(url, { method: "OPTIONS", headers });
        assertBare(response, 204);
        assert.equal(response.headers["access-control-allow-origin"], "*");
        assert.equal(response.headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
        assert.equal(response.headers["access-control-allow-headers"], "x-one, x-two");
        assert.equal(response.headers.vary, "Access-Control-Request-Headers");
      }
    });
  });

  describe("polling: messages", () => {
    const payloads = [
      ["one text packet", ["4hello"]],
      ["several text packets", ["4one", "4two", "4three"]],
      ["an empty message", ["4"]],
      ["text of one to four UTF-8 bytes a character", ["4h\u00e9llo \u20ac \u{1f600}"]],
      ["binary packets in base64", ["bAQIDBA==", "b/+8=", "bAA=="]],
      ["text and binary in their order", ["4hello", "bAQIDBA==", "4world", "bBQ=="]],
      ["an empty binary packet", ["4x", "b", "4y"]],
      ["text which looks like a packet", ["42", "4b", "40{\"sid\":1}", "41"]],
      ["control characters, NUL included", ["4a\u0000b\u001fc\u007f\r\n"]],
      ["a hundred packets", Array.from({ length: 100 }, (_, i) => `4${i}`)],
    ];
    for (const [name, packets] of payloads) {
      test(`${name}: echoed in one payload`, async () => {
        const session = await Polling.open(server);
        await session.send(...packets);
        const { status, body } = await session.get();
        assert.deepEqual({ status, packets: body.split(separator) }, { status: 200, packets });
      });
    }

    test("a pending poll is answered when there is something to say", async () => {
      const session = await Polling.open(server);
      const poll = await session.poll();
      await session.send("4hello");
      assert.equal((await within(poll.response, "answer to the poll")).body, "4hello");
    });

    test("the response to a POST is ok in HTML, with its length", async () => {
      const session = await Polling.open(server);
      const { status, headers, body } = await session.post("4hello");
      assert.deepEqual({ status, body }, { status: 200, body: "ok" });
      assert.match(headers["content-type"], /^text\/html/);
      assert.equal(headers["content-length"], "2");
      assert.equal(headers["cache-control"], "no-store");
    });

    test("the response to a poll is text in UTF-8, with its length in bytes", async () => {
      const session = await Polling.open(server);
      await session.send("4\u20ac");
      const { headers, bytes } = await session.get();
      assert.match(headers["content-type"], /^text\/plain; ?charset=utf-8$/i);
      assert.equal(headers["content-length"], "4");
      assert.equal(bytes.toString(), "4\u20ac");
      assert.equal(headers["cache-control"], "no-store");
    });

    test("base64 without padding is understood", async () => {
      const session = await Polling.open(server);
      await session.send("bAQIDBA", "bBQ");
      await session.expect("bAQIDBA==", "bBQ==");
    });

    const types = [undefined, "text/plain", "application/x-www-form-urlencoded", "application/octet-stream; x"];
    for (const type of types) {
      test(`a POST of type ${type} is taken as text`, async () => {
        const session = await Polling.open(server);
        const { status, body } = await session.post("4\u00e9", type ? { "Content-Type": type } : {});
        assert.deepEqual({ status, body }, { status: 200, body: "ok" });
        await session.expect("4\u00e9");
      });
    }

    test("a chunked POST body, a character cut in two", async () => {
      const session = await Polling.open(server);
      const text = Buffer.from("4h\u00e9llo\x1e4world");
      const body = [text.subarray(0, 3), text.subarray(3, 4), text.subarray(4)];
      const response = await fetchText(session.at(), { method: "POST", body });
      assert.deepEqual({ status: response.status, body: response.body }, { status: 200, body: "ok" });
      await session.expect("4h\u00e9llo", "4world");
    });

    test("a POST which asks for 100 Continue is told to", async () => {
      const session = await Polling.open(server);
      const post = await session.beginPost(6, "4he");
      post.request.end("llo");
      assert.equal((await within(post.response, "response to the POST")).body, "ok");
      await session.expect("4hello");
    });

    test("a payload of maxPayload bytes comes back", async () => {
      const session = await Polling.open(server);
      const message = "4" + "x".repeat(999999);
      await session.send(message);
      assert.equal(await session.next(), message);
    });

    test("a payload of more than maxPayload bytes: a bare 413, the session lives on", async () => {
      const session = await Polling.open(server);
      const body = "4" + "x".repeat(1000000);
      const response = await fetchText(session.at(), { method: "POST", body }).catch((error) => {
        // the server need not read the rest, so that the sender may see an error instead of the response
        assert.match(error.code, /^(EPIPE|ECONNRESET)$/);
      });
      if (response) assertBare(response, 413);
      assert.ok(await session.isOpen());
    });

    test("a large response may be compressed, if the client takes it", async () => {
      const session = await Polling.open(server);
      const message = "4" + "abc".repeat(1000);
      await session.send(message, message);
      const plain = await session.get();
      assert.equal(plain.headers["content-encoding"], undefined);
      assert.equal(plain.body, message + separator + message);

      await session.send(message);
      const { headers, bytes } = await session.get({ headers: { "Accept-Encoding": "gzip" } });
      assert.ok([undefined, "gzip"].includes(headers["content-encoding"]));
      assert.equal((headers["content-encoding"] ? gunzipSync(bytes) : bytes).toString(), message);
    });
  });

  describe("polling: one TCP connection", () => {
    test("many requests, one after the other", async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const url = server.at(path, revision4);
      const ports = new Set();
      const ask = async (target, options) => {
        const { request, response } = exchange(target, { ...options, agent });
        request.once("socket", (socket) => {
          if (socket.localPort) ports.add(socket.localPort);
          else socket.once("connect", () => ports.add(socket.localPort));
        });
        return within(response, "response");
      };
      const { sid } = JSON.parse((await ask(url)).body.slice(1));
      for (let i = 0; i < 20; i++) {
        assert.equal((await ask(`${url}&sid=${sid}`, { method: "POST", body: `4${i}` })).body, "ok");
        assert.equal((await ask(`${url}&sid=${sid}`)).body, `4${i}`);
      }
      assertRefused(await ask(`${url}&sid=abc`), 400, errors.sid);
      assert.equal((await ask(`${url}`)).status, 200);
      assert.equal(ports.size, 1);
      agent.destroy();
    });

    test("a POST and a GET sent together are answered in their order", async () => {
      const session = await Polling.open(server);
      const tcp = await Tcp.open(server);
      tcp.send(Tcp.request("POST", session.at(), { body: "4hello" }) + Tcp.request("GET", session.at()));
      assert.equal((await tcp.response()).body, "ok");
      assert.equal((await tcp.response()).body, "4hello");
    });

    test("a GET and a POST sent together are answered in their order", async () => {
      const session = await Polling.open(server);
      const tcp = await Tcp.open(server);
      tcp.send(Tcp.request("GET", session.at()) + Tcp.request("POST", session.at(), { body: "3\x1e4hello" }));
      const poll = await tcp.response();
      assert.equal(poll.status, 200);
      assert.equal((await tcp.response()).body, "ok");
      if (poll.body === "2") await session.expect("4hello"); // a server may take one request at a time
      else assert.equal(poll.body, "4hello");
    });

    test("a request which arrives byte by byte", async () => {
      const session = await Polling.open(server);
      const tcp = await Tcp.open(server);
      tcp.socket.setNoDelay(true);
      for (const byte of Tcp.request("POST", session.at(), { body: "4\u00e9" }).match(/[^\u00e9]|\u00e9/g)) {
        await new Promise((resolve) => tcp.socket.write(byte, resolve));
      }
      assert.equal((await tcp.response()).body, "ok");
      await session.expect("4\u00e9");
    });

    test("Connection: close is obeyed", async () => {
      const tcp = await Tcp.open(server);
      tcp.send(Tcp.request("GET", server.at(path, revision4), { headers: { Connection: "close" } }));
      assert.equal((await tcp.response()).status, 200);
      await within(tcp.closed, "end of the connection");
    });

    test("what is not HTTP gets 400 or an end, not a hang", async () => {
      const tcp = await Tcp.open(server);
      tcp.send("\x16\x03\x01 this is not HTTP\r\n\r\n");
      await within(tcp.closed, "end of the connection");
    });
  });

  describe("polling: packets which end the session", () => {
    const ends = [
      ["an unknown packet type", "abc"],
      ["an empty payload", ""],
      ["an empty packet between others", "6\x1e\x1e6"],
      ["a PING from the client", "2"],
      ["a probe", "2probe"],
      ["a packet type above 6", "7"],
      ["CLOSE", "1"],
    ];
    for (const [name, payload] of ends) {
      test(`${name}: the POST is answered ok, then the session is unknown`, async () => {
        const session = await Polling.open(server);
        await session.send(payload);
        assertRefused(await session.get(), 400, errors.sid);
        assertRefused(await session.post("4x"), 400, errors.sid);
      });
    }

    test("OPEN, UPGRADE and NOOP from the client are ignored", async () => {
      const session = await Polling.open(server);
      await session.send("0", "5", "6", "4hello");
      await session.expect("4hello");
    });

    test("the packets before an invalid one are handled, those after it are not", async () => {
      const session = await Polling.open(server);
      const poll = await session.poll();
      await session.send("4before", "x", "4after");
      const { status, body } = await within(poll.response, "answer to the poll");
      assert.deepEqual({ status, body }, { status: 200, body: "4before" });
      assert.equal(await session.isOpen(), false);
    });
  });
});
