// The application `agent`: the snippets of its document, and what the document says of events, messages and sessions.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { answerTo, eventOf, health, nextError, node, open, post, refused } from "./agent.mjs";
import { browser } from "./browser.mjs";
import { app, atEnd, eventually, within } from "./harness.mjs";
import { bundleSnippet, runSnippet, snippetText } from "./snippets.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
function jwt(claims, { secret = "secret", header = { alg: "HS256", typ: "JWT" } } = {}) {
  const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** What is wrong with an event -> such events. */
const bad = {
  id: [{ id: undefined }, { id: 7 }, { id: "" }, { id: "i".repeat(257) }],
  type: [{ type: undefined }, { type: null }, { type: "" }, { type: "t".repeat(256) }],
  "source.id": [undefined, "me", {}, { id: 1 }, { id: "" }].map((source) => ({ source })),
  timestamp: [
    ...[undefined, 5, "yesterday", "2025-13-01T00:00:00Z", " 025-10-28", "2025- 1- 1", "2025-10-28T22:45:nan"],
    ...["2025-10-28T-1:30:00Z", "2025-10-28T22:45:00+99:99"],
  ].map((timestamp) => ({ timestamp })),
  thredId: [{ thredId: 1 }, { thredId: null }, { thredId: "" }],
  patternId: [{ patternId: {} }],
};

const long = 50000; // until the server has missed a client that was killed in its upgrade

app("agent", (server) => {
  describe("snippets", () => {
    test("Node.js", async () => {
      const snippet = await runSnippet("3-agent-node.js", server.url);
      await snippet.wrote(/Connected to SrvThreds! \S{20}/);
      await snippet.wrote("Received from server:");
      await snippet.wrote("participant-123_");
    });

    test("Python", async () => {
      const snippet = await runSnippet("3-agent-python.py", server.url);
      await snippet.wrote("Connected to SrvThreds!");
      await snippet.wrote(/Received from server: \{.*'sessionId': 'participant-123_\d{13}'/);
    });

    describe("in a browser", () => {
      const newPage = browser();
      let page;

      /** Shows this page, from another origin than the server's. */
      const show = async (body) => {
        const type = "text/html; charset=utf-8";
        const pages = createServer((_request, answer) => answer.setHeader("content-type", type).end(body));
        await once(pages.listen(0, "127.0.0.1"), "listening");
        atEnd(() => pages.closeAllConnections());
        atEnd(() => pages.close());
        page = await newPage();
        atEnd(() => page.close());
        const path = here("node_modules/socket.io/client-dist/socket.io.min.js");
        const contentType = "text/javascript";
        await page.route("https://cdn.socket.io/**", (route) => route.fulfill({ path, contentType }));
        await page.clock.setFixedTime(new Date()); // React's participant is another one in each millisecond
        await page.goto(`http://127.0.0.1:${pages.address().port}/`);
      };

      test("the page", async () => {
        await show(snippetText("3-agent-browser.html", server.url));
        const entry = (hasText) => page.locator("#output > p").filter({ hasText }).first().waitFor();
        await entry(/✓ Connected as participant-\d{13}/);
        await page.getByRole("button", { name: "Send Event" }).click();
        await entry("→ Sent:");
        await entry(/← Received: .*button\.clicked.*"sessionId": "participant-\d{13}_\d{13}"/s);
      });

      test("React", async () => {
        const script = await bundleSnippet("3-agent-react.tsx", server.url, {
          after: `import { createRoot } from "react-dom/client";
            createRoot(document.getElementById("root")!).render(<SrvThreadsClient />);`,
        });
        const inPage = script.replaceAll("</script", "<\\/script");
        await show(`<!DOCTYPE html><div id="root"></div><script>${inPage}</script>`);
        await page.getByText("Status: ✓ Connected").waitFor();
        await page.getByRole("button", { name: "Send Event" }).click();
        await page.getByText("sent:").waitFor();
        await page.getByText("received:").waitFor();
        await page.locator("pre").filter({ hasText: '"sessionId": "participant-' }).waitFor();
      });
    });

    test("several connections", async () => {
      const snippet = await runSnippet("3-agent-connections.js", server.url, {
        before: 'import { io } from "socket.io-client";',
        after: `for (const [name, socket] of Object.entries({ socket1, socket2 })) {
          socket.on("connect", () => console.log(name, "is there"));
          socket.on("message", ({ event, to }) => console.log(name, "got", event.id, to[0].sessionId));
        }`,
      });
      await snippet.wrote("socket1 is there");
      await snippet.wrote("socket2 is there");
      const event = eventOf("participant-123");
      await post(server, event);
      await snippet.wrote(`socket1 got ${event.id}`);
      await snippet.wrote(`socket2 got ${event.id}`);
      const [, first] = snippet.output.match(/socket1 got \S+ (\S+)/);
      const [, second] = snippet.output.match(/socket2 got \S+ (\S+)/);
      assert.notEqual(first, second);
    });

    test("curl", async () => {
      const snippet = await runSnippet("3-agent-curl.sh", server.url);
      assert.equal(await within(snippet.ended, "end of curl"), 0);
      await snippet.wrote('"status":"healthy"');
      await snippet.wrote('{"id":"evt_test"}');
    });

    test("wscat", async () => {
      const snippet = await runSnippet("3-agent-wscat.sh", server.url, {
        before: `npm() { :; }; PATH="${here("node_modules/.bin")}:$PATH"`, // which has wscat already
      });
      await snippet.wrote('0{"sid"');
      snippet.write('40{"token":"participant-w"}\n');
      await snippet.wrote('40{"sid"');
      snippet.write(`42["message",${JSON.stringify(eventOf("participant-w", { id: "evt_test", type: "test" }))}]\n`);
      await snippet.wrote(/42\["message",\{"event":\{.*"id":"evt_test"/);
    });

    test("curl of the root answers", async () => {
      assert.equal((await fetch(server.url)).status, 200);
    });
  });

  test("an event comes back as it was, to all connections of its source", async () => {
    const [one, two, other] = await Promise.all(["p-all", "p-all", "p-other"].map((name) => open(server, name)));
    const data = { deep: [{ "": null }, 1.5] };
    const event = eventOf("p-all", { data, thredId: "t", patternId: "p", more: { x: 1 } });
    two.emit("message", event);
    const answers = [await answerTo(one, event), await answerTo(two, event)];
    for (const answer of answers) {
      assert.deepEqual(Object.keys(answer).sort(), ["event", "to"]);
      assert.deepEqual(answer.event, event);
      const [{ participantId, sessionId, nodeId }] = answer.to;
      assert.deepEqual([participantId, nodeId, answer.to.length], ["p-all", node, 1]);
      assert.match(sessionId, /^p-all_\d{13}$/);
    }
    assert.notEqual(answers[0].to[0].sessionId, answers[1].to[0].sessionId);
    other.emit("message", eventOf("p-other", { id: "last" }));
    await answerTo(other, { id: "last" });
    assert.equal(other.messages.length, 1);
  });

  test("without a token a client is anonymous", async () => {
    const socket = await open(server);
    const event = eventOf("anonymous");
    socket.emit("message", event);
    assert.match((await answerTo(socket, event)).to[0].sessionId, /^anonymous_\d{13}$/);
  });

  test("a connection that is gone is counted no more, and the others go on", async () => {
    const [gone, here] = await Promise.all([open(server, "p-gone"), open(server, "p-gone")]);
    const connections = (count) => eventually(async () => (await health(server)).connections === count, `${count} connections`, long);
    await connections(2); // those of the tests before are gone
    gone.disconnect();
    await connections(1);
    const event = eventOf("p-gone");
    here.emit("message", event);
    await answerTo(here, event);
  });

  test("a token that is no participant is refused", async () => {
    assert.equal(await refused(server, 5), "Authentication error");
    assert.equal(await refused(server, "x".repeat(257)), "Authentication error");
  });

  test("a bad event: an error that says what is wrong, and nothing else", async () => {
    const socket = await open(server, "p-bad");
    for (const [member, list] of Object.entries(bad)) {
      for (const fields of list) {
        const event = eventOf("p-bad", fields);
        socket.emit("message", event);
        const error = await nextError(socket);
        assert.equal(error.code, "INVALID_EVENT");
        assert.ok(error.message.startsWith(member), `${error.message} for ${JSON.stringify(fields)}`);
        assert.equal(error.eventId, member === "id" ? undefined : event.id);
        assert.deepEqual(await post(server, event), { status: 400, body: error });
      }
    }
    const bytes = Buffer.from("x");
    for (const args of [[], ["text"], [null], [[]], [bytes], [eventOf("p-bad", { data: [{ bytes }] })]]) {
      socket.emit("message", ...args);
      assert.equal((await nextError(socket)).code, "INVALID_EVENT");
    }
    const good = eventOf("p-bad", { id: "i".repeat(256), type: "t".repeat(255) });
    socket.emit("message", good);
    await answerTo(socket, good);
    assert.equal(socket.messages.length, 1);
    assert.equal(socket.errors.length, 0);
  });

  test("times of ISO 8601", async () => {
    const socket = await open(server, "p-time");
    const times = ["2025-10-28T22:45:00.000Z", "2025-10-28T22:45:00+02:00", "2025-10-28T22:45Z", "2024-02-29"];
    for (const timestamp of times) {
      const event = eventOf("p-time", { timestamp });
      socket.emit("message", event);
      assert.equal((await answerTo(socket, event)).event.timestamp, timestamp);
    }
  });

  test("POST /event: what is no JSON, or too deep", async () => {
    for (const body of ["", "{", "[".repeat(400000), `${"[".repeat(300000)}${"]".repeat(300000)}`]) {
      const answer = await post(server, body);
      assert.deepEqual([answer.status, answer.body.code], [400, "INVALID_EVENT"]);
      assert.equal(answer.body.message, "the body is no JSON");
    }
    assert.equal((await fetch(`${server.url}/event`)).status, 405);
  });

  test("/health", async () => {
    await open(server, "p-health");
    const alone = ({ participants, connections }) => participants === 1 && connections === 1;
    await eventually(async () => alone(await health(server)), "the end of all others", long);
    const { status, timestamp, uptime, node: id, participants, connections, engine } = await health(server);
    assert.deepEqual([status, id, participants, connections], ["healthy", node, 1, 1]);
    assert.deepEqual(engine, { kind: "embedded", connected: true, pending: 0 });
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(uptime > 0);
  });

  test("a page of any origin may connect", async () => {
    const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const answer = await fetch(url, { headers: { origin: "https://anywhere.example" } });
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  });
});

const folder = mkdtempSync(join(tmpdir(), "agent-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const rulesFile = (name, rules) => {
  const path = join(folder, name);
  writeFileSync(path, typeof rules === "string" ? rules : JSON.stringify(rules));
  return path;
};

app(
  "agent",
  (server) => {
    test("each rule that an event fits makes a message", async () => {
      const [sender, listener] = await Promise.all([open(server, "sender"), open(server, "listener")]);
      const said = async (socket, fields, ...expected) => {
        const event = eventOf("sender", fields);
        const last = eventOf("sender", { type: "flush" });
        socket.messages.length = 0;
        sender.emit("message", event);
        sender.emit("message", last);
        for (const each of [sender, listener]) await answerTo(each, last);
        assert.deepEqual(socket.messages.slice(0, -1).map(({ data }) => data), expected);
      };
      await said(sender, { type: "order.placed" }, "to the source", { order: true });
      await said(listener, { type: "order.placed" }, { order: true });
      await said(sender, { type: "order.placed", patternId: "orders" }, "to the source", { order: true });
      await said(sender, { type: "order.placed", patternId: "other" }, "to the source");
      await said(sender, { type: "order" });
      await said(listener, { type: "a-b-c.end" }, undefined);
      await said(listener, { type: "a-b.ends" });
      await said(listener, { type: "session" });
      await said(listener, { type: "elsewhere" });
    });

    test("proxy mode: also what is for another session", async () => {
      const proxy = await open(server, "listener", { extraHeaders: { "x-proxy-message": "true" } });
      const event = eventOf("sender", { type: "session" });
      await post(server, event);
      const { to } = await answerTo(proxy, event);
      assert.deepEqual(to, [{ participantId: "listener", sessionId: "listener_1" }]);
    });
  },
  {
    title: "agent with rules",
    options: [
      ...["--environment", "production", "--drain-timeout", "500"],
      "--rules",
      rulesFile("rules.json", [
        { type: "order.*", data: "to the source" },
        {
          patternId: "orders",
          type: "*.placed",
          to: [{ participantId: "{source.id}" }, { participantId: "listener" }, { participantId: "listener" }],
          data: { order: true },
        },
        { type: "a*-?.e*d", to: { participantId: "listener", nodeId: node } },
        { type: "session", to: { participantId: "listener", sessionId: "listener_1" } },
        { type: "elsewhere", to: { participantId: "listener", nodeId: "other" } },
        { type: "flush", to: [{ participantId: "sender" }, { participantId: "listener" }] },
      ]),
    ],
  },
);

app(
  "agent",
  (server) => {
    const now = Math.floor(Date.now() / 1000);
    const secure = (claims) => ({ authorization: `Bearer ${jwt(claims)}` });

    test("the participant is who the token says", async () => {
      const dates = { exp: now + 3600, nbf: now - 60 };
      for (const claims of [{ sub: "p-1", ...dates }, { userId: "p-1" }, { sub: "p-1", userId: "x" }]) {
        const socket = await open(server, jwt(claims));
        const event = eventOf("p-1");
        socket.emit("message", event);
        assert.match((await answerTo(socket, event)).to[0].sessionId, /^p-1_/);
      }
    });

    test("other tokens are refused", async () => {
      const good = jwt({ sub: "p-1" });
      for (const token of [
        undefined,
        "p-1",
        "a.b.c",
        "..",
        "\u00e9\u00ff.x.y",
        good.slice(0, -1),
        `${good}.`,
        good.replace(/\..*\./, `.${Buffer.from('{"sub":"p-2"}').toString("base64url")}.`),
        jwt({ sub: "p-1" }, { secret: "another" }),
        jwt({ sub: "p-1" }, { header: { alg: "HS512" } }),
        jwt({ sub: "p-1" }, { header: { alg: "none" } }),
        jwt({ sub: "p-1" }, { header: { alg: 5 } }),
        jwt({ sub: "p-1" }, { header: { alg: "HS256", typ: "other" } }),
        jwt({ sub: "p-1" }, { header: "[]" }),
        jwt({ sub: "p-1" }, { header: "nonsense" }),
        `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"sub":"p-1"}').toString("base64url")}.`,
        jwt({ sub: "p-1", exp: now - 5 }),
        jwt({ sub: "p-1", exp: -1 }),
        jwt({ sub: "p-1", exp: "soon" }),
        jwt({ sub: "p-1", nbf: now + 3600 }),
        jwt({ sub: 5 }),
        jwt({}),
        jwt("[]"),
        jwt("nonsense"),
        "x".repeat(100000),
      ]) {
        assert.equal(await refused(server, token), "Authentication error", token);
        const headers = token ? { authorization: `Bearer ${encodeURI(token).slice(0, 4000)}` } : {};
        const { status, body } = await post(server, eventOf("p-1"), headers);
        assert.deepEqual([status, body.code], [401, "AUTHENTICATION_ERROR"]);
      }
    });

    test("the source of an event is who sends it", async () => {
      const [socket, victim] = await Promise.all(["p-2", "p-3"].map((sub) => open(server, jwt({ sub }))));
      const event = eventOf("p-3");
      socket.emit("message", event);
      const error = await nextError(socket);
      assert.deepEqual(error, { code: "SOURCE_MISMATCH", message: "source.id must be p-2", eventId: event.id });
      assert.deepEqual(await post(server, event, secure({ sub: "p-2" })), { status: 403, body: error });
      const own = eventOf("p-3");
      assert.deepEqual(await post(server, own, secure({ sub: "p-3" })), { status: 202, body: { id: own.id } });
      await answerTo(victim, own);
      assert.equal(victim.messages.length, 1);
    });

    test("so many events of a participant, over whatever connections", async () => {
      const [one, two, other] = await Promise.all(["p-4", "p-4", "p-5"].map((sub) => open(server, jwt({ sub }))));
      const send = async (socket) => {
        const event = eventOf(socket === other ? "p-5" : "p-4");
        socket.emit("message", event);
        await answerTo(socket, event);
      };
      await send(one);
      await send(two);
      one.emit("message", { id: "refused too" });
      assert.equal((await nextError(one)).code, "INVALID_EVENT");
      const late = eventOf("p-4");
      two.emit("message", late);
      const error = await nextError(two);
      assert.deepEqual([error.code, error.eventId], ["RATE_LIMITED", late.id]);
      assert.deepEqual(await post(server, late, secure({ sub: "p-4" })), { status: 429, body: error });
      await send(other);
      assert.equal(two.messages.some(({ event }) => event.id === late.id), false);
    });

    test("a page of another origin is not let in", async () => {
      const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
      const allowed = "access-control-allow-origin";
      const from = async (origin) => (await fetch(url, { headers: { origin } })).headers.get(allowed);
      assert.equal(await from("https://good.example"), "https://good.example");
      assert.notEqual(await from("https://evil.example"), "https://evil.example");
    });
  },
  {
    title: "agent with its security on",
    options: ["--validate-token", "--jwt-secret", "secret", "--check-source", "--event-rate", "3/60"].concat(
      ["--cors-origin", "https://good.example"],
    ),
  },
);

describe("agent: wrong options", { skip: !process.env.SIOKIT_SERVER && "SIOKIT_SERVER is not set" }, () => {
  const good = rulesFile("good.json", []);
  for (const [options, ...parts] of [
    [["--validate-token"], "--jwt-secret"],
    [["--jwt-secret", "x"], "--validate-token"],
    [["--event-rate", "often"], "--event-rate", "often"],
    [["--node", ""], "--node"],
    [["--broker", "http://localhost"], "--broker"],
    [["--broker", "amqps://localhost"], "--broker", "TLS"],
    [["--broker", "amqp://localhost", "--rules", good], "--rules", "--broker"],
    [["--rules", "/nonexistent"], "/nonexistent"],
    [["--rules", rulesFile("object.json", {})], "no JSON list"],
    [["--rules", rulesFile("text.json", "[")], "no JSON list"],
    [["--rules", rulesFile("type.json", [{ type: "a" }, {}])], "rule 2: type"],
    [["--rules", rulesFile("pattern.json", [{ type: "a", patternId: 1 }])], "rule 1: patternId"],
    [["--rules", rulesFile("to.json", [{ type: "a", to: [] }])], "rule 1: to"],
    [["--rules", rulesFile("member.json", [{ type: "a", patternID: "x" }])], "rule 1: a rule has no patternID"],
    [["--broker", ""], "--broker: it is empty"],
    [["--jwt-secret=", "--validate-token"], "--jwt-secret: it is empty"],
    [["--push-token", "x"], "--push-token: there is no such option"],
    [["--rules", rulesFile("address.json", [{ type: "a", to: { sessionId: "x" } }])], "rule 1: participantId"],
  ]) {
    test(options.join(" ").replace(folder, ""), () => {
      const { status, stderr } = spawnSync(process.env.SIOKIT_SERVER, ["--app", "agent", "--port", "0", ...options], {
        encoding: "utf8",
        timeout: 10000,
      });
      assert.equal(status, 2, stderr);
      assert.equal(stderr.trim().split("\n").length, 1, stderr);
      for (const part of parts) assert.ok(stderr.includes(part), `${stderr} lacks ${part}`);
    });
  }
});
