// The cases of RFC 6455, byte by byte, and of RFC 7692, against the WebSocket transport of an echo server. Text begins with the
// type of an Engine.IO message, "4"; binary messages are what they are.
import assert from "node:assert/strict";
import net from "node:net";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { atEnd, contract, official, within } from "./harness.mjs";

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const bytes = (...values) => Buffer.from(values);

/** A frame of a client. `size`: the length that is announced, when another one is sent. */
function frame(opcode, payload = "", { fin = true, rsv = 0, mask = bytes(0x37, 0xfa, 0x21, 0x3d), size } = {}) {
  const data = Buffer.from(payload);
  const length = size ?? data.length;
  const masked = Buffer.from(data);
  for (let i = 0; i < masked.length; ++i) masked[i] ^= mask[i & 3];
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  if (length < 126) head.push(0x80 | length);
  else if (length < 65536) head.push(0x80 | 126, length >> 8, length & 255);
  else head.push(0x80 | 127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
  return Buffer.concat([Buffer.from(head), mask, masked]);
}
const text = (payload, how) => frame(opcodes.text, payload, how);
const close = (code, reason = "") => frame(opcodes.close, Buffer.concat([bytes(code >> 8, code & 255), Buffer.from(reason)]));

/** A WebSocket that sends bytes and reads frames. */
class Raw {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  static async open(server, extensions = "") {
    const raw = new Raw();
    raw.socket = net.connect(server.port, server.host);
    raw.socket.setNoDelay(true);
    atEnd(() => raw.socket.destroy());
    const end = () => ((raw.#ended = true), raw.#wake());
    raw.socket.on("data", (data) => ((raw.#bytes = Buffer.concat([raw.#bytes, data])), raw.#wake()));
    raw.socket.once("end", end).once("close", end).on("error", end);
    raw.socket.write(
      "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extensions}\r\n`,
    );
    const end_of_head = await raw.#until(() => raw.#bytes.indexOf("\r\n\r\n") + 1, "answer to the handshake");
    raw.head = raw.#bytes.subarray(0, end_of_head).toString();
    raw.#bytes = raw.#bytes.subarray(end_of_head + 3);
    assert.match(raw.head, /^HTTP\/1\.1 101 /);
    assert.equal((await raw.next()).data[0], 0x30, "OPEN");
    return raw;
  }
  async #until(found, what) {
    for (;;) {
      const value = found();
      if (value) return value;
      if (this.#ended) throw new Error(`the connection ended before the ${what}`);
      await within(new Promise((resolve) => (this.#wake = resolve)), what, 30000);
    }
  }
  send(...parts) {
    this.socket.write(Buffer.concat(parts));
  }
  /** Each `size` bytes by themselves, as far as TCP lets them be. */
  async sendInPieces(size, ...parts) {
    const all = Buffer.concat(parts);
    for (let at = 0; at < all.length; at += size) {
      await new Promise((resolve) => this.socket.write(all.subarray(at, at + size), resolve));
      if (size < 16) await new Promise(setImmediate);
    }
  }
  #head() {
    if (this.#bytes.length < 2) return undefined;
    const short = this.#bytes[1] & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (this.#bytes.length < head) return undefined;
    const length = head === 2 ? short : head === 4 ? this.#bytes.readUInt16BE(2) : Number(this.#bytes.readBigUInt64BE(2));
    return this.#bytes.length < head + length ? undefined : { head, length };
  }
  /** The next frame: {opcode, fin, rsv, data}; undefined when the connection ends instead. */
  async next() {
    const found = await this.#until(() => this.#head() ?? this.#ended, "frame");
    if (found === true) return undefined;
    const [first] = this.#bytes;
    const data = this.#bytes.subarray(found.head, found.head + found.length);
    this.#bytes = this.#bytes.subarray(found.head + found.length);
    return { opcode: first & 15, fin: first >= 128, rsv: (first >> 4) & 7, data };
  }
  async expect(opcode, payload) {
    const got = await this.next();
    assert.ok(got, "the connection ended before the frame");
    assert.deepEqual([got.opcode, got.fin, got.rsv], [opcode, true, 0]);
    assert.ok(got.data.equals(Buffer.from(payload)), `${got.data.length} other bytes than those expected`);
  }
  /** It still works. */
  async expectEcho() {
    this.send(text("4before"));
    await this.expectText("4before");
  }
  expectText(payload) {
    return this.expect(opcodes.text, payload);
  }
  /** The server closes with this code (undefined: without one), and ends the connection. */
  async expectClose(code) {
    const got = await this.next();
    assert.ok(got, "the connection ended without a close frame");
    assert.equal(got.opcode, opcodes.close);
    assert.equal(got.data.length === 0 ? undefined : got.data.readUInt16BE(0), code);
    if (code !== undefined && this.socket.writable) this.socket.write(close(code));
    assert.equal(await this.next(), undefined, "nothing follows a close frame");
  }
}

const skip = official && "its limits are others: ws neither refuses text before it ends nor counts fragments";
const size_max = 16 * 1024 * 1024 + 1;
const options = ["--ping-interval", "60000", "--max-http-buffer-size", `${size_max}`];

contract("engine-echo", (server) => {
  const open = () => Raw.open(server);

  describe("framing", () => {
    for (const size of [1, 124, 125, 126, 127, 65535, 65536]) {
      for (const piece of [1e9, 997]) {
        test(`text and binary of ${size} bytes, in pieces of ${piece}`, async () => {
          const raw = await open();
          const data = "4".padEnd(size, "*");
          await raw.sendInPieces(piece, text(data), frame(opcodes.binary, Buffer.alloc(size, 0xfe)));
          await raw.expectText(data);
          await raw.expect(opcodes.binary, Buffer.alloc(size, 0xfe));
        });
      }
    }
    test("empty messages: binary comes back, text is no packet of Engine.IO", async () => {
      const raw = await open();
      raw.send(frame(opcodes.binary), text(""));
      await raw.expect(opcodes.binary, "");
      await raw.expectClose(undefined);
    });
    test("byte by byte", async () => {
      const raw = await open();
      await raw.sendInPieces(1, text("4".padEnd(200, "x")));
      await raw.expectText("4".padEnd(200, "x"));
      await raw.sendInPieces(1, frame(opcodes.ping, "p"));
      await raw.expect(opcodes.pong, "p");
    });
    test("each mask is used, also one of zeros", async () => {
      const raw = await open();
      for (const mask of [bytes(0, 0, 0, 0), bytes(255, 255, 255, 255), bytes(1, 2, 3, 4)]) {
        raw.send(text("4abcdefghijklmnop", { mask }));
        await raw.expectText("4abcdefghijklmnop");
      }
    });
    for (const [name, wrong] of [
      ["a frame without a mask", bytes(0x81, 1, 0x34)],
      ["16 bits for a length of 5", bytes(0x82, 0x80 | 126, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5)],
      ["64 bits for a length of 5", bytes(0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5)],
    ]) {
      test(name, async () => {
        const raw = await open();
        raw.send(wrong);
        await raw.expectClose(1002);
      });
    }
    test("a length with its highest bit", async () => {
      const raw = await open();
      raw.send(bytes(0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
      await raw.expectClose(1002);
    });
  });

  describe("pings and pongs", () => {
    for (const payload of ["", "hello", bytes(0, 255, 254, 253), Buffer.alloc(125, 0xfe)]) {
      test(`a ping of ${payload.length} bytes is answered with the same`, async () => {
        const raw = await open();
        raw.send(frame(opcodes.ping, payload));
        await raw.expect(opcodes.pong, payload);
      });
    }
    test("ten pings at once, and byte by byte, are answered in order", async () => {
      for (const piece of [1e9, 1]) {
        const raw = await open();
        await raw.sendInPieces(piece, ...Array.from({ length: 10 }, (_, i) => frame(opcodes.ping, `ping ${i}`)));
        for (let i = 0; i < 10; ++i) await raw.expect(opcodes.pong, `ping ${i}`);
      }
    });
    test("pongs that nobody asked for are ignored", async () => {
      const raw = await open();
      raw.send(frame(opcodes.pong), frame(opcodes.pong, "unasked"), frame(opcodes.ping, "p"), text("4x"));
      await raw.expect(opcodes.pong, "p");
      await raw.expectText("4x");
    });
    for (const opcode of [opcodes.ping, opcodes.pong, opcodes.close]) {
      test(`a control frame (${opcode}) of 126 bytes, or in fragments`, async () => {
        for (const wrong of [frame(opcode, Buffer.alloc(126)), frame(opcode, "ab", { fin: false })]) {
          const raw = await open();
          await raw.expectEcho();
          raw.send(wrong, text("4behind"));
          await raw.expectClose(1002);
        }
      });
    }
  });

  describe("reserved bits and opcodes", () => {
    for (let rsv = 1; rsv < 8; ++rsv) {
      test(`reserved bits ${rsv}`, async () => {
        for (const wrong of [text("4x", { rsv }), frame(opcodes.ping, "p", { rsv }), frame(opcodes.close, "", { rsv })]) {
          const raw = await open();
          await raw.expectEcho();
          await raw.sendInPieces(3, wrong, frame(opcodes.ping));
          await raw.expectClose(1002);
        }
      });
    }
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
      test(`opcode ${opcode}`, async () => {
        for (const wrong of [frame(opcode), frame(opcode, "payload")]) {
          const raw = await open();
          await raw.expectEcho();
          raw.send(wrong, frame(opcodes.ping));
          await raw.expectClose(1002);
        }
      });
    }
  });

  describe("fragmentation", () => {
    const first = (payload) => text(payload, { fin: false });
    const middle = (payload) => frame(opcodes.continuation, payload, { fin: false });
    const last = (payload = "") => frame(opcodes.continuation, payload);
    for (const piece of [1e9, 7, 1]) {
      test(`fragments with pings between them, in pieces of ${piece}`, async () => {
        const raw = await open();
        await raw.sendInPieces(piece, first("4one "), frame(opcodes.ping, "1"), middle("two "), middle(""),
                               frame(opcodes.pong, "2"), frame(opcodes.ping, "3"), last("three"));
        await raw.expect(opcodes.pong, "1");
        await raw.expect(opcodes.pong, "3");
        await raw.expectText("4one two three");
      });
    }
    test("a fragment of nothing begins, goes on and ends a message", async () => {
      const raw = await open();
      raw.send(first(""), middle("4x"), last(), frame(opcodes.binary, "", { fin: false }), last());
      await raw.expectText("4x");
      await raw.expect(opcodes.binary, "");
    });
    for (const [name, ...frames] of [
      ["a continuation of nothing", last("x")],
      ["a continuation of nothing that goes on", middle("x"), last("y")],
      ["a message inside a message", first("4x"), text("4y")],
      ["a message in fragments inside another", first("4x"), first("4y"), last("z")],
    ]) {
      test(name, async () => {
        for (const piece of [1e9, 1]) {
          const raw = await open();
          await raw.sendInPieces(piece, ...frames);
          await raw.expectClose(1002);
        }
      });
    }
    test("a continuation behind the end", async () => {
      const raw = await open();
      raw.send(first("4x"), last("y"));
      await raw.expectText("4xy");
      raw.send(last("z"));
      await raw.expectClose(1002);
    });
    test("1024 fragments are a message, 1025 are too many", async () => {
      const raw = await open();
      const fragments = (count) => [first("4"), ...Array.from({ length: count - 2 }, () => middle("x")), last("e")];
      raw.send(...fragments(1024));
      await raw.expectText(`4${"x".repeat(1022)}e`);
      raw.send(...fragments(1025));
      await raw.expectClose(1008);
    });
  });

  describe("UTF-8", () => {
    for (const valid of ["4\u03ba\u03cc\u03c3\u03bc\u03b5", "4\u0000", "4\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff", "4\u{10000}\u{10ffff}"]) {
      test(`valid: ${JSON.stringify(valid)}, whole, in fragments, cut within characters`, async () => {
        const raw = await open();
        const data = Buffer.from(valid);
        const single = Array.from(data, (byte, i) =>
          frame(i === 0 ? opcodes.text : opcodes.continuation, bytes(byte), { fin: i === data.length - 1 }));
        raw.send(text(data), ...single);
        await raw.sendInPieces(1, text(data));
        for (let i = 0; i < 3; ++i) await raw.expectText(data);
      });
    }
    const invalid = {
      "a continuation byte alone": [0x80], "a lead byte alone": [0xc3], "a lead byte and a letter": [0xc3, 0x28],
      "two bytes for one": [0xc0, 0x80], "C1": [0xc1, 0xbf], "three bytes for one": [0xe0, 0x80, 0x80],
      "three bytes for two": [0xe0, 0x9f, 0xbf], "four bytes for three": [0xf0, 0x8f, 0xbf, 0xbf],
      "a high surrogate": [0xed, 0xa0, 0x80], "a low surrogate": [0xed, 0xbf, 0xbf], "beyond U+10FFFF": [0xf4, 0x90, 0x80, 0x80],
      "five bytes": [0xf8, 0x88, 0x80, 0x80, 0x80], "six bytes": [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], "FE": [0xfe], "FF": [0xff],
      "a character that does not end": [0xe2, 0x82],
    };
    for (const [name, wrong] of Object.entries(invalid)) {
      test(`invalid: ${name}`, async () => {
        for (const send of [
          (raw) => raw.send(text(bytes(0x34, ...wrong))),
          (raw) => raw.send(text("4good", { fin: false }), frame(opcodes.continuation, bytes(...wrong))),
          (raw) => raw.sendInPieces(1, text(bytes(0x34, ...wrong))),
        ]) {
          const raw = await open();
          await send(raw);
          await raw.expectClose(1007);
        }
      });
    }
    test("invalid text is refused before its message ends, and before its frame does", async () => {
      const wrong = bytes(0x34, 0xce, 0xba, 0xf4, 0x90);
      const fragment = await open();
      fragment.send(text(wrong, { fin: false }));
      await fragment.expectClose(1007);
      const unfinished = await open();
      unfinished.send(text(wrong, { size: 1000 }));
      await unfinished.expectClose(1007);
    });
    test("binary may be anything", async () => {
      const raw = await open();
      raw.send(frame(opcodes.binary, bytes(0xff, 0xc0, 0x80)));
      await raw.expect(opcodes.binary, bytes(0xff, 0xc0, 0x80));
    });
  });

  describe("close", () => {
    test("an empty close is answered by an empty close", async () => {
      const raw = await open();
      raw.send(frame(opcodes.close));
      await raw.expectClose(undefined);
    });
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
      test(`code ${code} is answered by itself`, async () => {
        const raw = await open();
        raw.send(close(code, "a reason"));
        await raw.expectClose(code);
      });
    }
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
      test(`code ${code} may not be sent`, async () => {
        const raw = await open();
        raw.send(close(code));
        await raw.expectClose(1002);
      });
    }
    test("a close of one byte, and one with a reason of 124", async () => {
      for (const wrong of [frame(opcodes.close, "x"), close(1000, "x".repeat(124))]) {
        const raw = await open();
        raw.send(wrong);
        await raw.expectClose(1002);
      }
    });
    test("a reason of 123 bytes is fine, one that is no UTF-8 is not", async () => {
      const fine = await open();
      fine.send(close(1000, "x".repeat(123)));
      await fine.expectClose(1000);
      const wrong = await open();
      wrong.send(close(1000, bytes(0xce, 0xba, 0xe1)));
      await wrong.expectClose(1007);
    });
    test("what follows a close is not heard", async () => {
      const raw = await open();
      await raw.expectEcho();
      raw.send(close(1000), text("4behind"), frame(opcodes.ping, "p"), close(1001));
      await raw.expectClose(1000);
    });
    test("a close amid a message in fragments", async () => {
      const raw = await open();
      raw.send(text("4begun", { fin: false }), close(1000));
      await raw.expectClose(1000);
    });
  });

  describe("limits", () => {
    for (const size of [256 * 1024, 1024 * 1024, 16 * 1024 * 1024]) {
      for (const fragment of [Infinity, 65536]) {
        test(`binary of ${size} bytes, in fragments of ${fragment}`, async () => {
          const raw = await open();
          const data = Buffer.alloc(size, "0123456789abcdef");
          const parts = [];
          for (let at = 0; at < size; at += fragment) {
            const end = Math.min(size, at + fragment);
            const opcode = at === 0 ? opcodes.binary : opcodes.continuation;
            parts.push(frame(opcode, data.subarray(at, end), { fin: end === size }));
          }
          raw.send(...parts);
          await raw.expect(opcodes.binary, data);
        });
      }
    }
    test("one byte more is refused by its length alone, in a frame and in fragments", async () => {
      const whole = await open();
      whole.send(frame(opcodes.binary, "", { size: size_max + 1 }));
      await whole.expectClose(1009);
      const parts = await open();
      parts.send(frame(opcodes.binary, "x", { fin: false }), frame(opcodes.continuation, "", { size: size_max }));
      await parts.expectClose(1009);
    });
    test("a thousand small messages at once come back in order", async () => {
      const raw = await open();
      raw.send(...Array.from({ length: 1000 }, (_, i) => text(`4${i}`)));
      for (let i = 0; i < 1000; ++i) await raw.expectText(`4${i}`);
    });
  });
}, { options, skip });

contract("engine-echo", (server) => {
  const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  const open = async () => {
    const raw = await Raw.open(server, offer);
    assert.match(raw.head, /sec-websocket-extensions: permessage-deflate/i);
    return raw;
  };
  const pack = (data) => zlib.deflateRawSync(Buffer.from(data), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const unpack = (data) => zlib.inflateRawSync(Buffer.concat([data, bytes(0, 0, 0xff, 0xff)]), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  /** The next message, inflated when it is compressed. */
  const next = async (raw) => {
    const { rsv, data } = await raw.next();
    return (rsv === 4 ? unpack(data) : data).toString();
  };

  describe("permessage-deflate", () => {
    test("what is compressed comes back, long messages compressed, short ones not", async () => {
      const raw = await open();
      raw.send(text(pack("4hello"), { rsv: 4 }), text(pack("4".padEnd(5000, "x")), { rsv: 4 }));
      const short = await raw.next();
      assert.deepEqual([short.rsv, short.data.toString()], [0, "4hello"]);
      const long = await raw.next();
      assert.equal(long.rsv, 4);
      assert.ok(long.data.length < 200);
      assert.equal(unpack(long.data).toString(), "4".padEnd(5000, "x"));
    });
    test("not every message has to be compressed", async () => {
      const raw = await open();
      raw.send(text("4plain"), text(pack("4packed"), { rsv: 4 }), text("4plain"));
      for (const expected of ["4plain", "4packed", "4plain"]) assert.equal(await next(raw), expected);
    });
    test("in fragments, whose first one alone has the bit; cut anywhere", async () => {
      const raw = await open();
      const packed = pack("4in fragments");
      const half = packed.length >> 1;
      const frames = [text(packed.subarray(0, half), { rsv: 4, fin: false }), frame(opcodes.ping, "p"),
                      frame(opcodes.continuation, packed.subarray(half))];
      raw.send(...frames);
      await raw.expect(opcodes.pong, "p");
      assert.equal(await next(raw), "4in fragments");
      await raw.sendInPieces(1, ...frames);
      await raw.expect(opcodes.pong, "p");
      assert.equal(await next(raw), "4in fragments");
    });
    for (const [name, code, ...frames] of [
      ["the bit on a continuation", 1002, text(pack("4x"), { rsv: 4, fin: false }), frame(opcodes.continuation, "", { rsv: 4 })],
      ["the bit on a control frame", 1002, frame(opcodes.ping, "", { rsv: 4 })],
      ["another reserved bit", 1002, text(pack("4x"), { rsv: 6 })],
      ["no UTF-8 once it is inflated", 1007, text(pack(bytes(0x34, 0xff)), { rsv: 4 })],
    ]) {
      test(name, async () => {
        const raw = await open();
        raw.send(...frames);
        await raw.expectClose(code);
      });
    }
    test("what is no compressed data ends the connection", async () => {
      const raw = await open();
      raw.send(text(bytes(0xff, 0xff, 0xff, 0xff), { rsv: 4 }));
      const answer = await raw.next();
      assert.ok(answer === undefined || answer.opcode === opcodes.close);
    });
    test("a message that inflates beyond the limit is refused, however small it came", async () => {
      const raw = await open();
      const bomb = pack(Buffer.alloc(50_000_000, "4"));
      assert.ok(bomb.length < 100_000);
      raw.send(text(bomb, { rsv: 4 }));
      await raw.expectClose(1009);
    });
    test("many blocks, stored blocks, and an end of the stream", async () => {
      const raw = await open();
      const stored = bytes(0, 3, 0, 0xfc, 0xff, ...Buffer.from("4ab"), 0);
      const ended = zlib.deflateRawSync(Buffer.from("4end"));
      raw.send(text(stored, { rsv: 4 }), text(Buffer.concat([ended, bytes(0)]), { rsv: 4 }), text(pack("4next"), { rsv: 4 }));
      for (const expected of ["4ab", "4end", "4next"]) assert.equal(await next(raw), expected);
    });
  });

  for (const [name, offered] of [
    ["an unknown extension", "x-webkit-deflate-frame"],
    ["an unknown parameter", "permessage-deflate; other"],
    ["a parameter twice", "permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
    ["a window out of range", "permessage-deflate; server_max_window_bits=16"],
  ]) {
    test(`${name} is not agreed to`, async () => {
      const raw = await Raw.open(server, `Sec-WebSocket-Extensions: ${offered}\r\n`);
      assert.doesNotMatch(raw.head, /sec-websocket-extensions/i);
    });
  }
}, { options: ["--ping-interval", "60000", "--per-message-deflate"], skip });
