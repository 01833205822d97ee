// siokit-client with --parser msgpack, against the official server with socket.io-msgpack-parser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { Ours, play, program, settled, ways } from "./drivers.mjs";
import { versions } from "./servers.mjs";

const skip = !program && "SIOKIT_CLIENT is not set";
const parser = createRequire(import.meta.url)("socket.io-msgpack-parser");
const client = { nsp: "/chat", auth: { token: "t" }, options: { parser: "msgpack" } };

describe("siokit-client --parser msgpack", { skip }, () => {
  for (const way of Object.keys(ways)) {
    for (const version of Object.keys(versions)) {
      test(`${way}, server ${version}: events, acknowledgements, binary data, leaving and refusal`, async () => {
        const story = await play(Ours, way, {
          server: { version, options: { parser } },
          client,
          async run(client) {
            await settled(client);
            client.emit("echo", "hi", { a: [1, null, -0.5], "\u00fc": 2 ** 40 });
            await client.until(/^event echo/);
            client.ask("echo", 1, "\u00fc\u{1F600}");
            await client.until(/^answer/);
            client.disconnect();
            await client.until(/^disconnect/);
            client.connect();
            await client.until("connect", 2);
            await client.until(/^event welcome/, 2);
            client.emit("kick");
            await client.until("disconnect io server disconnect");
          },
        });
        const welcome = 'event welcome [1,{"base64":"AQID"}]';
        assert.deepEqual(
          story.filter((line) => /^(event|answer|disconnect)/.test(line)),
          [
            welcome,
            'event echo ["hi",{"a":[1,null,-0.5],"\u00fc":1099511627776}]',
            'answer [1,"\u00fc\u{1F600}"]',
            "disconnect io client disconnect",
            welcome,
            "disconnect io server disconnect",
          ],
        );
      });
    }

    test(`${way}: an unknown namespace; auth`, async () => {
      let seen;
      const setUp = (io) => {
        io.of("/closed").use((socket, next) => {
          seen = socket.handshake.auth;
          next(Object.assign(new Error("not you"), { data: { code: [401, null] } }));
        });
      };
      const server = { options: { parser }, setUp };
      const refused = (nsp) =>
        play(Ours, way, { server, client: { ...client, nsp }, run: (client) => client.until(/^connect_error/) });
      assert.ok((await refused("/nowhere")).includes("connect_error Invalid namespace"));
      assert.ok((await refused("/closed")).some((line) => line.startsWith("connect_error not you")));
      assert.deepEqual(seen, { token: "t" });
    });
  }
});
