// Options of siokit-server on its command line, as far as no profile has them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contract, official } from "./harness.mjs";
import { fetchText } from "./wire.mjs";

const skip = official || process.env.SIOKIT_URL ? "only for siokit-server" : false;
const args = [
  ...["--cors-origin", "http://a.example,https://*.b.example", "--cors-max-age", "5", "--cors-credentials"],
  ...["--cookie-name", "lb", "--cookie-path", "", "--cookie-same-site", "none", "--cookie-secure"],
  ...["--cookie-max-age", "60", "--no-cookie-http-only", "--initial-packet", "hi"],
];

contract("engine-bench", (server) => {
  const url = () => server.at("/engine.io/", { EIO: "4", transport: "polling" });

  for (const [origin, allowed] of [
    ["http://a.example", true],
    ["https://x.y.b.example", true],
    ["https://b.example", false],
    ["https://x.b.example.evil", false],
  ]) {
    test(`${origin} is ${allowed ? "" : "not "}allowed`, async () => {
      const { headers } = await fetchText(url(), { method: "OPTIONS", headers: { Origin: origin } });
      assert.equal(headers["access-control-allow-origin"], allowed ? origin : undefined);
      assert.equal(headers["access-control-max-age"], "5");
      assert.equal(headers["access-control-allow-credentials"], "true");
    });
  }

  test("cookie and initial packet", async () => {
    const { headers, body } = await fetchText(url());
    const { sid } = JSON.parse(body.split("\x1e")[0].slice(1));
    assert.deepEqual(headers["set-cookie"], [`lb=${sid}; Max-Age=60; Secure; SameSite=None`]);
    assert.equal(body.split("\x1e")[1], "4hi");
  });
}, { options: args, skip });
