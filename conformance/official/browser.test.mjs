// The page which siokit-server serves on /, used as a person would, in Chromium (CHROMIUM=path for another one).
//
// What the page must have, by id: #url #namespace #auth (a JSON object) #transport (select: polling, websocket,
// upgrade) #connect #disconnect #event #args (a JSON array) #ack (checkbox) #send and #log, which gets one child
// for each thing that happens: connect with the id, events and acks with their arguments as JSON, errors with
// their message, disconnect with the reason. All controls have labels; the page loads nothing from elsewhere.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { browser } from "./browser.mjs";
import { contract, official } from "./harness.mjs";

const skip = official && "the official server has no page";

contract("load", (server) => {
  const open = browser();
  let page;

  beforeEach(async () => {
    page = await open({}, ({ host }) => host === new URL(server.url).host);
    await page.goto(`${server.url}/`);
  });
  afterEach(async () => {
    await page.close();
    assert.deepEqual(page.problems, []);
  });

  /** Waits for an entry of the log in which all these texts occur. */
  const logged = async (...texts) => {
    let entries = page.locator("#log > *");
    for (const hasText of texts) entries = entries.filter({ hasText });
    await entries.first().waitFor();
  };
  const connect = async (transport = "websocket", namespace = "/") => {
    await page.locator("#namespace").fill(namespace);
    await page.locator("#transport").selectOption(transport);
    await page.locator("#connect").click();
  };
  const send = async (event, json, ack = false) => {
    await page.locator("#event").fill(event);
    await page.locator("#args").fill(json);
    await page.locator("#ack").setChecked(ack);
    await page.locator("#send").click();
  };

  test("the controls have names and roles", async () => {
    await page.getByRole("button", { name: "Connect", exact: true }).waitFor();
    await page.getByRole("button", { name: "Disconnect", exact: true }).waitFor();
    await page.getByRole("button", { name: /^Send/ }).waitFor();
    for (const id of ["url", "namespace", "auth", "transport", "event", "args", "ack"]) {
      const labels = await page.locator(`#${id}`).evaluate((element) => element.labels.length);
      assert.ok(labels > 0, `#${id} has no label`);
    }
    const options = page.locator("#transport option");
    const values = await options.evaluateAll((elements) => elements.map(({ value }) => value));
    assert.deepEqual(values.sort(), ["polling", "upgrade", "websocket"]);
    await page.locator("#log").waitFor({ state: "attached" });
  });

  for (const transport of ["polling", "websocket", "upgrade"]) {
    describe(transport, () => {
      test("connects, sends message and sees message-back", async () => {
        await connect(transport);
        await logged("connect");
        await send("message", '["hello \u20ac", {"a": [1, null]}]');
        await logged("message-back", "hello \u20ac", '{"a":[1,null]}');
      });

      test("sends message-with-ack and sees the answer", async () => {
        await connect(transport);
        await logged("connect");
        await send("message-with-ack", '["answer me", 42]', true);
        await logged("ack", "answer me", "42");
      });

      test("disconnects, and connects again", async () => {
        await connect(transport);
        await logged("connect");
        await page.locator("#disconnect").click();
        await logged("disconnect", "io client disconnect");
        await connect(transport);
        await send("message", '["again"]');
        await logged("message-back", "again");
      });
    });
  }

  test("a namespace which does not exist: the page says why", async () => {
    await connect("websocket", "/nowhere");
    await logged("Invalid namespace");
  });

  test("auth is a JSON object", async () => {
    await page.locator("#auth").fill('{"token": "abc"}');
    const sent = page.waitForEvent("websocket").then((socket) =>
      socket.waitForEvent("framesent", ({ payload }) => `${payload}`.startsWith('40{"token":"abc"}')),
    );
    await connect();
    await sent;
    await logged("connect");
  });

  test("arguments which are no JSON are not sent", async () => {
    await connect();
    await logged("connect");
    await send("message", "[not json");
    await send("message", '["after"]');
    await logged("message-back", "after");
  });

  test("no arguments at all", async () => {
    await connect();
    await logged("connect");
    await send("message", "");
    await logged("message-back");
  });

  test("another server's address can be typed", async () => {
    await page.locator("#url").fill(server.url);
    await connect();
    await logged("connect");
  });
}, { skip });
