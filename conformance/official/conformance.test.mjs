// The conformance tool itself: it finds nothing wrong with a good server, and says what is wrong with a bad one.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "socket.io";
import { freePort } from "./harness.mjs";
import { same } from "./matrix/expect.mjs";

const script = fileURLToPath(new URL("conformance.mjs", import.meta.url));
const { SIOKIT_URL, CLIENTS, ...env } = process.env;

/** Runs the tool: its exit code and what it printed. */
async function conformance(...args) {
  const child = spawn(process.execPath, [script, ...args], { env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const [code] = await once(child, "close");
  return { code, output };
}

/** Reads TAP 14 strictly: `{ok, name, directive, detail}` of each test. */
function readTap(text) {
  const lines = text.trimEnd().split("\n");
  assert.equal(lines.shift(), "TAP version 14");
  const [, count] = lines.shift().match(/^1\.\.(\d+)$/);
  const tests = [];
  while (lines.length > 0) {
    const [, not, number, name, directive] = lines.shift().match(/^(not )?ok (\d+) - (.*?)(?: # (SKIP .+))?$/);
    assert.equal(Number(number), tests.length + 1);
    const detail = {};
    if (lines[0] === "  ---") {
      lines.shift();
      for (let line; (line = lines.shift()) !== "  ...";) {
        const [, key, value] = line.match(/^  (\w+): (.*)$/);
        detail[key] = JSON.parse(value);
      }
    }
    tests.push({ ok: !not, name, directive, detail });
  }
  assert.equal(tests.length, Number(count));
  return tests;
}

/** Has Python read the XML: the attributes of all test suites together, and the messages of the failures. */
function readJunit(path) {
  const program = `
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites" and all(suite.tag == "testsuite" for suite in root)
assert sum(int(suite.get("tests")) for suite in root) == len(root.findall(".//testcase")) == int(root.get("tests"))
print(json.dumps([root.attrib, [each.text for each in root.findall(".//failure")]]))`;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program, path], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe("the conformance tool", { timeout: 120000 }, () => {
  let folder;
  let bad;
  let url;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "conformance-"));
    // Takes everybody for a new client, by a bad id, and everything else for an error whose code is a string.
    bad = createServer((request, response) => {
      const open = /transport=polling/.test(request.url) && !/sid=/.test(request.url) && request.method === "GET";
      const handshake = { sid: "<bad>", upgrades: [], pingInterval: 1000, pingTimeout: 1000, maxPayload: 1000 };
      response.writeHead(open ? 200 : 400, { "Content-Type": open ? "text/plain" : "application/json" });
      response.end(open ? `0${JSON.stringify(handshake)}` : '{"code":"1","message":"Session ID unknown"}');
    });
    bad.listen(0, "127.0.0.1");
    await once(bad, "listening");
    url = `http://127.0.0.1:${bad.address().port}`;
  });
  after(() => {
    bad.closeAllConnections();
    bad.close();
    rmSync(folder, { recursive: true });
  });

  const some =
    "connects|text|binary data comes|namespaces share|auth|rooms|ends the connection|wire is cut|CONNECT|upgrade:|acknowledged with";
  const skip = !env.SIOKIT_SERVER && env.SERVER !== "official" && "no server to start";
  test("a good server passes", { skip }, async () => {
    const { code, output } = await conformance("--clients", "4.8,wire", "--cases", some, "--report", folder);
    assert.equal(code, 0, output);
    assert.match(output, /^connects +✓✓✓$/m);
    const tests = readTap(readFileSync(join(folder, "conformance.tap"), "utf8"));
    assert.ok(tests.length > 50 && tests.every(({ ok }) => ok));
    const [total, failures] = readJunit(join(folder, "conformance.xml"));
    assert.deepEqual([total.tests, total.failures, failures], [`${tests.length}`, "0", []]);
  });

  test("a bad server fails: what was expected, what was seen, and the rule", async () => {
    const markdown = join(folder, "bad.md");
    const { code, output } = await conformance(
      url,
      "--clients",
      "wire",
      "--cases",
      "^refusals: ",
      "--report",
      folder,
      "--markdown",
      markdown,
    );
    assert.equal(code, 1, output);
    assert.match(output, /^✗ wire polling: refusals: statuses, codes, messages$/m);
    assert.match(output, /^ {4}expected {2}an unknown transport: ".*Transport unknown/m);
    assert.match(output, /^ {4}seen {6}".*Session ID unknown/m);
    assert.match(output, /^ {4}rule {6}A refusal is JSON: .*\n +docs\/protocol\.md#refused-requests$/m);
    const [{ ok, detail }] = readTap(readFileSync(join(folder, "conformance.tap"), "utf8"));
    assert.equal(ok, false);
    assert.match(detail.expected, /Transport unknown/);
    assert.match(detail.seen, /Session ID unknown/);
    assert.equal(detail.link, "docs/protocol.md#refused-requests");
    const [total, failures] = readJunit(join(folder, "conformance.xml"));
    assert.equal(total.failures, "1");
    assert.match(failures[0], /expected .*Transport unknown.*\n.*seen .*Session ID unknown/);
    assert.match(
      readFileSync(markdown, "utf8"),
      /^\| \[refusals: .*\]\(protocol\.md#refused-requests ".*"\) \| ✗–– \|$/m,
    );
  });

  test("who fails the handshake is not asked further", async () => {
    const { code, output } = await conformance(url, "--clients", "wire", "--cases", "^(handshake|CLOSE)");
    assert.equal(code, 1, output);
    assert.match(output, /seen {6}"<bad>"/);
    assert.match(output, /^CLOSE by polling.* \?––$/m);
  });

  test("what a server does not offer is no failure, unless that is wanted", async () => {
    const run = (...more) => conformance(url, "--clients", "wire", "--cases", "hundred", ...more);
    const [lenient, strict] = await Promise.all([run(), run("--strict")]);
    assert.equal(lenient.code, 0, lenient.output);
    assert.match(lenient.output, /○ the server does not offer: echo$/m);
    assert.equal(strict.code, 1, strict.output);
    assert.match(strict.output, /expected {2}the server offers the contract/);
  });

  /** A server for one test; its address. */
  async function serve(t, listener) {
    const server = createServer(listener).listen(await freePort(), "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return { server, at: `http://127.0.0.1:${server.address().port}` };
  }

  test("a server that is not there, or not one of Engine.IO: one line, at once, exit 2", async (t) => {
    const { server, at } = await serve(t, (request, response) => response.writeHead(500).end("<h1>Out of order</h1>"));
    const broken = await conformance(at);
    const asked = `${at}/socket.io/?EIO=4&transport=polling`;
    const seen = '500 "<h1>Out of order</h1>"; is the path right (--path)?';
    assert.deepEqual(broken, { code: 2, output: `no Engine.IO handshake in the answer to GET ${asked}: ${seen}\n` });
    const elsewhere = await serve(t, (request, response) => response.end("x".repeat(1000)));
    const page = await conformance(elsewhere.at, "--path", "/chat");
    assert.equal(page.code, 2);
    assert.match(page.output, /GET http:\S+\/chat\/\?EIO=4&transport=polling: 200 "x{80}"\.\.\.; is/);
    server.close();
    server.closeAllConnections();
    await once(server, "close");
    const gone = await conformance(at);
    const why = "ECONNREFUSED; does the server run, and there?";
    assert.deepEqual(gone, { code: 2, output: `no answer to GET ${asked}: ${why}\n` });
  });

  test("a wrong command line: what is wrong, the usage, exit 2", async () => {
    for (const [args, why] of [
      [["notaurl"], '"notaurl" is no URL'],
      [["127.0.0.1:3000"], '"127.0.0.1:3000" is no URL'],
      [["ws://127.0.0.1"], '"ws://127.0.0.1" is no URL'],
      [["http://127.0.0.1/chat"], '"http://127.0.0.1/chat": a path goes by --path'],
      [["http://127.0.0.1", "http://127.0.0.2"], "one URL at a time"],
      [["http://127.0.0.1", "--path", "chat"], '--path: "chat" is no path'],
      [["--path", "/chat"], "--path goes with a URL"],
      [["--nonsense"], "Unknown option '--nonsense'"],
    ]) {
      const { code, output } = await conformance(...args);
      assert.equal(code, 2, output);
      assert.ok(output.startsWith(why), output);
      assert.match(output, /\n\nusage: conformance\.mjs \[URL\]/);
    }
  });

  const few = ["--clients", "3.1,wire", "--cases"];
  test("a server on another path, and one that does not poll", async (t) => {
    const { server, at } = await serve(t);
    const chat = new Server(server, { path: "/chat/" });
    t.after(() => chat.close());
    const { code, output } = await conformance(at, "--path", "/chat", ...few, "^connects$|^handshake: ");
    assert.equal(code, 0, output);
    assert.match(output, /^connects +✓✓✓$/m);
    const wires = await serve(t);
    const mute = new Server(wires.server, { transports: ["websocket"] });
    t.after(() => mute.close());
    const { code: second, output: told } = await conformance(wires.at, ...few, "^connects$");
    assert.equal(second, 0, told);
    assert.match(told, /^connects +○✓○$/m);
  });

  test("whoami without a transport is no failed upgrade; a long answer is not shown whole", async (t) => {
    const { server, at } = await serve(t);
    const bad = new Server(server);
    t.after(() => bad.close());
    bad.on("connection", (socket) => {
      socket.on("whoami", (ack) => ack({ id: socket.id, eio: 4 }));
      socket.on("echo", (...args) => {
        const ack = args.pop();
        ack(...args.map((value) => (value?.length > 5000 ? value.slice(0, 5000) : value)));
      });
    });
    const { code, output } = await conformance(at, ...few, "^connects$|^reaches|^every kind|^100 KiB");
    assert.equal(code, 1, output);
    assert.match(output, /^connects +✓✓✓$/m);
    assert.match(output, /^reaches the transport asked for +✗✗✗$/m);
    assert.match(output, /expected {2}whoami is answered by an object with transport and eio\n +seen .*,"eio":4\}$/m);
    assert.match(output, /expected {2}the text: 102400 characters, at 5000 "89ab.*"\n +seen .* at 5000 nothing$/m);
    assert.doesNotMatch(output, /not within/);
  });

  test("how two values differ", async () => {
    const long = "x".repeat(500);
    const data = Buffer.from(long);
    const changed = Buffer.from(data);
    changed[400] = 0;
    for (const [seen, wanted, told] of [
      [1, [2], ["1", "[2]"]],
      [[long], [`${long}y`], ["500 characters, at 500 nothing", '501 characters, at 500 "y"']],
      [[changed], [data], [`500 bytes, at 400 "<00${"78".repeat(29)}>"`, `500 bytes, at 400 "<${"78".repeat(30)}>"`]],
      [[null], [long], ["null", `502 characters, at 0 "\\"${"x".repeat(29)}"`]],
      [[1, long], [2, long], ['506 characters, at 1 "1,\\"', '506 characters, at 1 "2,\\"']],
    ]) {
      const failure = await same("it", seen, wanted).catch((error) => error);
      assert.ok(failure.seen.startsWith(told[0]), failure.seen);
      assert.ok(failure.expectation.startsWith(`it: ${told[1]}`), failure.expectation);
    }
  });

  test("an unknown client is an error", async () => {
    const { code, output } = await conformance(url, "--clients", "4.8,netscape");
    assert.equal(code, 2);
    assert.match(output, /^no client netscape \(known: 1\.7, /);
  });
});
