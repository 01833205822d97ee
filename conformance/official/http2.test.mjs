// HTTP/2: the same client of node:http2, and the same browser, against siokit-server --http2 and against the
// official server on http2.createSecureServer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Server as OfficialServer } from "socket.io";
import { io } from "socket.io-client";
import { browser } from "./browser.mjs";
import { certificate } from "./certificate.mjs";
import { eventually, within } from "./harness.mjs";

const program = process.env.SIOKIT_SERVER;
const bundle = join(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist/socket.io.js");

const tls = certificate();

/** Each starts a server with the application `load`, and resolves to its URL and what stops it. */
const servers = {
  async "siokit-server"() {
    const options = ["--port", "0", "--log-level", "warn", ...tls.options, "--http2"];
    const child = spawn(program, [...options, "--max-http-buffer-size", "1000"], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await within(once(child.stdout, "data"), "line of the server");
    const ended = once(child, "exit");
    const stop = async () => {
      child.kill("SIGTERM");
      const [code] = await within(ended, "end of the server");
      assert.equal(code, 0);
    };
    return { url: /listening on (\S+)/.exec(line)[1], stop, hangUp: () => child.kill("SIGHUP") };
  },
  async "the official server"() {
    const settings = { allowHTTP1: true, cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
    const web = http2.createSecureServer(settings, ({ url }, response) => response.writeHead(url === "/" ? 200 : 404).end("-"));
    const server = new OfficialServer(web, { maxHttpBufferSize: 1000 });
    server.on("connection", (socket) => {
      socket.on("message", (...values) => socket.emit("message-back", ...values));
      socket.on("message-with-ack", (...values) => values.pop()(...values));
    });
    await once(web.listen(0, "127.0.0.1"), "listening");
    return { url: `https://127.0.0.1:${web.address().port}`, stop: () => server.close() };
  },
};

for (const [name, start] of Object.entries(servers)) {
  const official = name !== "siokit-server";
  describe(`HTTP/2, ${name}`, { skip: !official && !program && "SIOKIT_SERVER is not set", timeout: 60000 }, () => {
    const newPage = browser();
    let server;
    let session;
    before(async () => {
      server = await start();
      session = http2.connect(server.url, { rejectUnauthorized: false });
      session.on("error", () => {});
      await within(once(session, "connect"), "HTTP/2");
    });
    after(async () => {
      session?.destroy();
      await server?.stop();
    });

    const begin = (path, headers = {}, body = undefined) => {
      const stream = session.request({ ":path": path, ...(body !== undefined && { ":method": "POST" }), ...headers });
      stream.on("error", () => {});
      stream.end(body);
      return stream;
    };
    const read = async (stream) => {
      const [headers] = await within(once(stream, "response"), "answer");
      let text = "";
      for await (const part of stream) text += part;
      return { status: headers[":status"], headers, body: text };
    };
    const ask = (...request) => read(begin(...request));
    const polling = "/socket.io/?EIO=4&transport=polling";
    const open = async () => {
      const { status, body } = await ask(polling);
      assert.equal(status, 200);
      return `${polling}&sid=${JSON.parse(body.slice(1)).sid}`;
    };


    test("polls of several sessions and their POSTs at once on one connection", async () => {
      assert.equal(session.alpnProtocol, "h2");
      const paths = await Promise.all(Array.from({ length: 10 }, open));
      await Promise.all(paths.map(async (path, i) => {
        const joined = read(begin(path));
        assert.equal((await ask(path, {}, "40")).body, "ok");
        assert.match((await joined).body, /^40\{"sid":"/);
        let got = "";
        assert.equal((await ask(path, {}, `420["message-with-ack",${i}]`)).body, "ok");
        while (!got.includes(`430[${i}]`)) got += (await ask(path)).body;
      }));
    });

    test("errors have the bodies of HTTP/1.1", async () => {
      const unknown = await ask("/socket.io/?EIO=4&transport=polling&sid=none");
      assert.equal(unknown.status, 400);
      assert.deepEqual(JSON.parse(unknown.body), { code: 1, message: "Session ID unknown" });
      assert.equal((await ask("/elsewhere")).status, 404);
      const path = await open();
      const stream = begin(path, { "content-length": "5000" }, "4".repeat(5000));
      assert.equal((await read(stream)).status, 413);
    });

    test("a client of Socket.IO polls, then upgrades over HTTP/1.1", async () => {
      const client = io(server.url, { forceNew: true, rejectUnauthorized: false });
      await within(once(client, "connect"), "connect");
      await eventually(() => client.io.engine.transport.name === "websocket", "upgrade");
      assert.equal(await within(client.emitWithAck("message-with-ack", 7), "ack"), 7);
      client.disconnect();
    });

    test("a browser polls over h2, then upgrades", async () => {
      const page = await newPage({ ignoreHTTPSErrors: true });
      await page.goto(`${server.url}/`);
      await page.addScriptTag({ path: bundle });
      const used = await page.evaluate(async () => {
        const client = window.io({ transports: ["polling"] });
        const answers = [];
        for (let i = 0; i < 3; i++) answers.push(await client.emitWithAck("message-with-ack", i));
        client.disconnect();
        const protocols = performance.getEntriesByType("resource").filter(({ name }) => name.includes("polling"));
        return { answers, protocols: protocols.map(({ nextHopProtocol }) => nextHopProtocol).filter(Boolean) };
      });
      assert.deepEqual(used.answers, [0, 1, 2]);
      assert.deepEqual([...new Set(used.protocols)], ["h2"]);
      const upgraded = await page.evaluate(async () => {
        const client = window.io({ forceNew: true });
        await new Promise((resolve) => client.on("connect", resolve));
        if (client.io.engine.transport.name !== "websocket") {
          await new Promise((resolve) => client.io.engine.on("upgrade", resolve));
        }
        return [client.io.engine.transport.name, await client.emitWithAck("message-with-ack", "w")];
      });
      assert.deepEqual(upgraded, ["websocket", "w"]);
    });

    test("a certificate that is read again leaves HTTP/2 on", { skip: official && "it reads none" }, async () => {
      server.hangUp();
      await eventually(async () => {
        const fresh = http2.connect(server.url, { rejectUnauthorized: false });
        fresh.on("error", () => {});
        await within(once(fresh, "connect"), "HTTP/2");
        const { alpnProtocol } = fresh;
        fresh.destroy();
        return alpnProtocol === "h2";
      }, "HTTP/2 with the new certificate");
      await open();
    });
  });
}
