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

  test("an unknown client is an error", async () => {
    const { code, output } = await conformance(url, "--clients", "4.8,netscape");
    assert.equal(code, 2);
    assert.match(output, /^no client netscape \(known: 1\.7, /);
  });
});
