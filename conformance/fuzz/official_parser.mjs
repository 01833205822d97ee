// The other half of the target `official`: reads packets from standard input, answers what socket.io-parser makes of them.
// In: a count of frames (one byte), then for each of them its kind (0 text, 1 binary), a length (4 bytes, big endian), bytes.
// Out: a length (4 bytes) and JSON: an array of packets, and at its end "error" if there was one.
import { createRequire } from "node:module";
import { readSync, writeSync } from "node:fs";

const require = createRequire(new URL("../official/", import.meta.url));
const { Decoder } = createRequire(require.resolve("socket.io"))("socket.io-parser");

function read(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const got = readSync(0, bytes, at, size - at, null);
    if (got === 0) process.exit(0);
    at += got;
  }
  return bytes;
}

/** Attachments as what JSON can say. */
const plain = (value) =>
  Buffer.isBuffer(value) ? { _bytes: value.toString("hex") }
  : Array.isArray(value) ? value.map(plain)
  : value !== null && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
  : value;

for (;;) {
  const out = [];
  const decoder = new Decoder();
  decoder.on("decoded", ({ type, nsp, id, data }) => out.push({ type, nsp, id, data: plain(data) }));
  const frames = Array.from({ length: read(1)[0] }, () => {
    const binary = read(1)[0] === 1;
    const bytes = read(read(4).readUInt32BE());
    return binary ? bytes : bytes.toString("utf8");
  });
  try {
    for (const frame of frames) decoder.add(frame);
  } catch {
    out.push("error");
  }
  const text = Buffer.from(JSON.stringify(out));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  const answer = Buffer.concat([head, text]);
  for (let at = 0; at < answer.length; ) at += writeSync(1, answer, at);
}
