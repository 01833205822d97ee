// Engine.IO, revision 4: pings, pongs, and what happens without them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contract, eventually, pause } from "./harness.mjs";
import { Polling, Wire, assertRefused, errors } from "./wire.mjs";

contract("engine-echo", (server) => {
  const tolerance = 3000; // for a busy machine

  test("polling: a PING after each interval, as long as PONGs come", async () => {
    let began = performance.now();
    const session = await Polling.open(server);
    for (let i = 0; i < 3; i++) {
      const { status, body } = await session.get();
      assert.deepEqual({ status, body }, { status: 200, body: "2" });
      const waited = performance.now() - began;
      assert.ok(waited > 200 && waited < 300 + tolerance, `${waited} ms`);
      began = performance.now();
      await session.send("3");
    }
  });

  test("websocket: a PING after each interval, as long as PONGs come", async () => {
    let began = performance.now();
    const wire = await Wire.session(server);
    wire.pongs = false;
    for (let i = 0; i < 3; i++) {
      await wire.expect("2");
      const waited = performance.now() - began;
      assert.ok(waited > 200 && waited < 300 + tolerance, `${waited} ms`);
      began = performance.now();
      wire.send("3");
    }
  });

  test("websocket: the interval begins at the PONG", async () => {
    const wire = await Wire.session(server);
    wire.pongs = false;
    await wire.expect("2");
    wire.send("4x");
    await wire.expect("4x");
    await pause(50);
    const began = performance.now();
    wire.send("3");
    await wire.expect("2");
    assert.ok(performance.now() - began > 280, `${performance.now() - began} ms`);
  });

  test("a PONG may carry data, and may come unasked", async () => {
    const wire = await Wire.session(server);
    wire.send("3", "3whatever", "4hello");
    await wire.expect("4hello");
  });

  test("polling: without a PONG the session ends", async () => {
    const session = await Polling.open(server);
    assert.equal((await session.get()).body, "2");
    const began = performance.now();
    const { status, body } = await session.get(); // pending until the timeout
    assert.ok(performance.now() - began < 200 + tolerance);
    assert.equal(status, 200);
    assert.match(body, /^[16]$/);
    assert.equal(await session.isOpen(), false);
  });

  test("polling: a client which never polls is forgotten", async () => {
    const session = await Polling.open(server);
    await eventually(async () => !(await session.isOpen()), "end of the session");
    assertRefused(await session.get(), 400, errors.sid);
  });

  test("websocket: without a PONG it is closed, without a code", async () => {
    const began = performance.now();
    const wire = await Wire.session(server);
    wire.pongs = false;
    await wire.expect("2");
    await wire.expectClose(1005);
    const waited = performance.now() - began;
    assert.ok(waited > 450 && waited < 500 + tolerance, `${waited} ms`);
  });

  test("websocket: the first other packet after a PING gives the PONG more time", async () => {
    const wire = await Wire.session(server);
    wire.pongs = false;
    await wire.expect("2");
    await pause(50);
    const began = performance.now();
    wire.send("6");
    await wire.expectClose(1005);
    const waited = performance.now() - began;
    assert.ok(waited > 180 && waited < 200 + tolerance, `${waited} ms`);
  });

  test("websocket: other packets do not stand in for the PONG for ever", async () => {
    const wire = await Wire.session(server);
    wire.pongs = false;
    await wire.expect("2");
    const timer = setInterval(() => wire.send("6"), 50);
    await wire.expectClose(1005).finally(() => clearInterval(timer));
  });
});
