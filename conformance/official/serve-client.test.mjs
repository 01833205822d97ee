// The client for browsers, as the server hands it out.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { contract } from "./harness.mjs";
import { assertRefused, errors, fetchText } from "./wire.mjs";

const folder = fileURLToPath(new URL("node_modules/socket.io/client-dist", import.meta.url));
const skip = process.env.SIOKIT_URL ? "only for servers that are started here" : false;

contract("load", (server) => {
  for (const name of readdirSync(folder)) {
    test(name, async () => {
      const url = server.at(`/socket.io/${name}`);
      const content = readFileSync(`${folder}/${name}`);
      const plain = await fetchText(url);
      assert.equal(plain.status, 200);
      assert.ok(plain.bytes.equals(content));
      const type = name.endsWith(".map") ? "application/json" : "application/javascript";
      assert.equal(plain.headers["content-type"], `${type}; charset=utf-8`);
      assert.equal(plain.headers["cache-control"], "public, max-age=0");
      const { etag } = plain.headers;
      assert.match(etag, /^"[^"]+"$/);
      const zipped = await fetchText(url, { headers: { "Accept-Encoding": "gzip" } });
      assert.equal(zipped.headers["content-encoding"], "gzip");
      assert.ok(gunzipSync(zipped.bytes).equals(content));
      for (const known of [etag, `W/${etag}`]) {
        const { status, bytes } = await fetchText(url, { headers: { "If-None-Match": known } });
        assert.deepEqual({ status, length: bytes.length }, { status: 304, length: 0 });
      }
      assert.equal((await fetchText(url, { headers: { "If-None-Match": '"other"' } })).status, 200);
    });
  }

  test("no other file", async () => {
    for (const name of ["package.json", "..%2Fpackage.json", "socket.io.js.gz", "%73ocket.io.js"]) {
      assertRefused(await fetchText(server.url + "/socket.io/" + name), 400, errors.transport);
    }
  });
}, { options: ["--serve-client", folder], skip });
