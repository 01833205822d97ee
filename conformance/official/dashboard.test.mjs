// The dashboard of the monitor, used as a person would, in Chromium (CHROMIUM=path for another one).
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { browser } from "./browser.mjs";
import { atEnd, cleanUp, eventually, freePort, official, Server } from "./harness.mjs";
import { Relay } from "./matrix/relay.mjs";

const NAMESPACES = ["/", "/system", "/session", "/claude", "/agent", "/hook", "/todo", "/memory", "/log"];
const skip = (official || process.env.SIOKIT_URL) && "an application of siokit-server";

describe("dashboard", { skip, timeout: 180_000 }, () => {
  const newPage = browser();
  let server;
  let page;

  beforeEach(async () => {
    server = await Server.startApp("monitor");
    await open();
  });
  afterEach(async () => {
    cleanUp();
    await page.close();
    await server.stop();
    assert.deepEqual(page.problems, []);
  });

  /** A fresh page of that server. */
  async function open(of = server, viewport = { width: 1280, height: 800 }) {
    await page?.close();
    page = await newPage({ viewport }, ({ hostname }) => hostname === server.host);
    page.server = of;
  }
  const visit = async (path = "/?autoconnect=true") => {
    await page.goto(page.server.url + path);
    if (path.includes("autoconnect=true")) await settled();
  };
  const state = (wanted) => page.locator(`#status[data-state="${wanted}"]`).waitFor();
  const text = (id) => page.locator(`#${id}`).textContent();
  const settled = async () => {
    await state("on");
    await eventually(async () => (await text("namespaces")).startsWith("9 of 9"), "all namespaces");
  };
  const emit = async (namespace, event, data = {}, to = server) => {
    const body = JSON.stringify({ namespace, event, data });
    const headers = { "Content-Type": "application/json" };
    assert.equal((await fetch(to.at("/emit"), { method: "POST", headers, body })).status, 200);
  };
  const row = (...texts) => {
    let rows = page.locator(".row");
    for (const hasText of texts) rows = rows.filter({ hasText });
    return rows.filter({ visible: true });
  };
  /** The names of the events that are in sight, in order. */
  const inSight = async () =>
    page.locator(".row").filter({ visible: true }).evaluateAll((rows) =>
      rows.map((each) => each.querySelector(".event").textContent),
    );
  const says = (what) => eventually(async () => what.test(await text("status")), `${what} as the status`); // between two tries
  const sees = (what, count) => eventually(async () => (await text(what)) === count, `${count} in #${what}`);

  for (const path of ["/", "/dashboard", "/claude_mpm_socketio_dashboard.html"]) {
    test(`${path} is the page, which connects when it is told`, async () => {
      await visit(path);
      assert.equal(await text("status"), "Disconnected");
      await page.getByRole("button", { name: "Connect", exact: true }).click();
      await settled();
      assert.match(await text("socket-id"), /^[\w-]{20}$/);
      assert.match(await text("connected-at"), /^\d\d:\d\d:\d\d, for 00:00:\d\d$/);
      assert.match(await text("server"), /^1\.0\.0 \S+/);
      await page.getByRole("button", { name: "Disconnect", exact: true }).click();
      await state("off");
      assert.equal(await text("namespaces"), "–");
    });
  }

  test("events of all namespaces, as they come and from the history", async () => {
    await emit("system", "before");
    await visit("/claude_mpm_socketio_dashboard.html?autoconnect=true");
    await row("/system", "before").waitFor();
    for (const namespace of NAMESPACES) await emit(namespace, "custom_event", { message: `of ${namespace}` });
    for (const namespace of NAMESPACES) await row("custom_event", `of ${namespace}`).first().waitFor();
    for (const namespace of NAMESPACES) {
      const tab = page.locator(`#tabs [data-name="${namespace}"]`);
      assert.ok(Number(await tab.locator("output").textContent()) >= 1, namespace);
    }
    await page.reload();
    await row("custom_event", "of /log").waitFor();
  });

  test("metrics, and errors that stand out", async () => {
    await visit();
    await page.locator("#clear").click();
    await emit("hook", "hook_error", { error: "boom" });
    await emit("log", "message", { level: "ERROR", message: "bad" });
    await emit("log", "message", { level: "INFO", message: "good" });
    await sees("errors", "2");
    await row("good").waitFor();
    await eventually(async () => (await text("rate")) === (await text("total")), "all of the last minute");
    assert.ok(Number(await text("types")) >= 2);
    assert.deepEqual(await page.locator(".row.error .event").allTextContents(), ["hook_error", "message"]);
    const colour = (what) => what.evaluate((element) => getComputedStyle(element).backgroundColor);
    assert.notEqual(await colour(row("boom")), await colour(row("good")));
  });

  test("tabs, type and search, by clicks and keys; the live events are filtered too", async () => {
    await visit();
    await emit("agent", "task_completed", { task: "Login" });
    await emit("todo", "task_completed", { content: "login" });
    await emit("hook", "pre_tool", { tool_name: "Login" });
    await row("pre_tool").waitFor();
    await page.getByRole("tab", { name: "/todo" }).click();
    await eventually(async () => `${await inSight()}` === "task_completed", "the tab's events");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.locator('#tabs [aria-selected="true"]').getAttribute("data-name"), "/hook");
    await eventually(async () => `${await inSight()}` === "pre_tool", "the next tab's events");
    await page.getByRole("tab", { name: "All" }).click();
    await page.getByLabel("Event type").selectOption("task_completed");
    await eventually(async () => `${await inSight()}` === "task_completed,task_completed", "the type's events");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("LOGIN /agent");
    await eventually(async () => `${await inSight()}` === "task_completed", "the found events");
    await emit("agent", "task_completed", { task: "Login again" });
    await emit("agent", "task_completed", { task: "Logout" });
    await row("Login again").waitFor();
    await eventually(async () => /^2 of \d+ events$/.test(await text("count")), "the count");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("nothing of this");
    await page.getByText("No event matches the filter.").waitFor();
  });

  test("details of an event: pretty JSON, copy, Escape", async () => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await visit();
    const data = { text: '<b>"€"</b>', list: [1, -2.5, null, true], deep: { a: {} } };
    await emit("claude", "output", data);
    await row("output").click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    assert.match(await dialog.locator("h2").textContent(), /\/claude output/);
    assert.equal(await dialog.locator("pre").textContent(), JSON.stringify(data, null, 2));
    await dialog.getByRole("button", { name: "Copy" }).click();
    await dialog.getByRole("button", { name: "Copied" }).waitFor();
    assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), data);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await row("output").click();
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "hidden" });
  });

  test("the stream by keyboard", async () => {
    await visit();
    await page.locator("#clear").click();
    for (const event of ["first", "second", "third"]) await emit("agent", event);
    await row("third").waitFor();
    await page.locator("#stream").focus();
    const at = () => page.locator("#stream").evaluate((stream) => {
      return document.getElementById(stream.getAttribute("aria-activedescendant"))?.querySelector(".event").textContent;
    });
    for (const [key, event] of [["Home", "first"], ["ArrowDown", "second"], ["End", "third"], ["ArrowUp", "second"]]) {
      await page.keyboard.press(key);
      await eventually(async () => (await at()) === event, `${event} after ${key}`);
    }
    await page.keyboard.press("Enter");
    await page.locator("#details-event", { hasText: "second" }).waitFor();
  });

  test("export: the filtered events, and what they are", async () => {
    await visit();
    await emit("agent", "task_completed", { task: "one" });
    await emit("agent", "agent_error", { task: "two", deep: [{ a: 1 }] });
    await emit("hook", "pre_tool");
    await row("pre_tool").waitFor();
    await page.getByRole("tab", { name: "/agent" }).click();
    await page.getByLabel("Search").fill("two");
    for (const start of [() => page.keyboard.press("Control+e"), () => page.locator("#export").click()]) {
      const [download] = await Promise.all([page.waitForEvent("download"), start()]);
      assert.match(download.suggestedFilename(), /^events-[\dT-]+\.json$/);
      const exported = JSON.parse(await readFile(await download.path(), "utf8"));
      assert.deepEqual(exported.filter, { namespace: "/agent", type: "", search: "two" });
      assert.equal(exported.count, 1);
      const [{ timestamp, ...event }] = exported.events;
      const data = { task: "two", deep: [{ a: 1 }] };
      assert.deepEqual(event, { namespace: "/agent", event: "agent_error", error: true, data });
      assert.ok(Math.abs(Date.now() - Date.parse(timestamp)) < 60_000);
      assert.equal(exported.server.url, server.url);
      assert.equal(exported.server.version, "1.0.0");
      assert.equal(exported.session.socket_id, await text("socket-id"));
      assert.deepEqual(exported.session.namespaces, NAMESPACES);
      assert.ok(exported.metrics.total >= 3 && exported.metrics.errors === 1);
    }
  });

  test("clear, also by Ctrl+R, which does not reload the page; the history does not bring it back", async () => {
    const relay = await Relay.open(server.url);
    atEnd(() => relay.close());
    await open(relay);
    await visit();
    await page.evaluate(() => (window.same = true));
    await emit("agent", "one");
    await row("one").waitFor();
    await page.keyboard.press("Control+r");
    await sees("total", "0");
    await page.getByText("No events yet.").waitFor();
    assert.equal(await page.evaluate(() => window.same), true);
    await emit("agent", "two");
    await row("two").waitFor();
    relay.cut();
    await state("failed");
    relay.mend();
    await settled();
    await emit("agent", "three");
    await row("three").waitFor();
    assert.deepEqual((await inSight()).filter((name) => ["one", "two", "three"].includes(name)), ["two", "three"]);
  });

  test("a lost connection is shown and found again, with what happened meanwhile, once", async () => {
    const relay = await Relay.open(server.url);
    atEnd(() => relay.close());
    await open(relay);
    await visit();
    await emit("todo", "updated", { n: 1 });
    await row("updated", "n: 1").waitFor();
    const id = await text("socket-id");
    relay.cut();
    await state("failed");
    await says(/^Connection lost, next try in \d+ s$/);
    await eventually(async () => (await text("namespaces")) === "–", "no namespaces");
    await emit("todo", "updated", { n: 2 });
    relay.mend();
    await settled();
    await row("updated", "n: 2").waitFor();
    assert.equal(await row("updated").count(), 2);
    assert.notEqual(await text("socket-id"), id);
  });

  test("a server that is not there: Connection failed, and the port can be changed", async () => {
    const port = `${await freePort()}`;
    await visit(`/?port=${port}`);
    assert.equal(await page.locator("#port").inputValue(), port);
    await page.locator("#toggle").click();
    await state("failed");
    await says(/^Connection failed, next try in \d+ s$/);
    await page.locator("#toggle").click();
    await page.getByLabel("Port").fill(`${server.port}`);
    await page.keyboard.press("Enter");
    await settled();
  });

  test("a token, typed and in the address", async () => {
    const guarded = await Server.startApp("monitor", [], { CLAUDE_MPM_SOCKETIO_TOKEN: "secret" });
    atEnd(() => guarded.kill());
    await open(guarded);
    await page.goto(`${guarded.url}/?autoconnect=true`);
    await state("failed");
    assert.equal(await text("status"), "Refused: Invalid authentication token");
    await page.getByLabel("Token").fill("secret");
    await page.keyboard.press("Enter");
    await settled();
    await visit("/?autoconnect=true&token=secret");
    await guarded.stop();
  });

  test("the page of one server watches another", async () => {
    const other = await Relay.open(server.url); // has a port of its own, so the browser asks for CORS
    atEnd(() => other.close());
    await open(other);
    await visit(`/?port=${server.port}&autoconnect=true`);
    await emit("log", "message", { message: "across" });
    await row("across").waitFor();
  });

  test("10,000 events: few of them in the document, all of them within reach", async () => {
    await visit();
    await page.locator("#clear").click();
    const count = 10_000;
    const { hidden, took } = await page.evaluate(
      async ({ count }) => {
        const { Connection } = await import("./dashboard/socketio.js");
        const socket = new Connection(location.origin, { transport: "websocket" }).of("/");
        await new Promise((resolve) => socket.on("connect", resolve));
        const begin = performance.now();
        let longest = 0;
        let last = begin;
        for (let n = 0; n < count; ++n) {
          socket.emit("claude_event", { namespace: "/agent", event: "task", data: { n } });
          if (n % 100 === 0) await new Promise(requestAnimationFrame);
          longest = Math.max(longest, performance.now() - last);
          last = performance.now();
        }
        return { hidden: document.hidden, took: longest };
      },
      { count },
    );
    assert.equal(hidden, false);
    assert.ok(took < 3000, `the page stood still for ${took} ms`);
    const all = page.locator('#tabs [data-name="/agent"] output');
    await eventually(async () => (await all.textContent()) === "10,000", "all events", 30_000);
    await page.getByRole("tab", { name: "/agent" }).click();
    await row("n: 9999").waitFor();
    assert.ok((await page.locator("*").count()) < 600);
    await page.locator("#stream").evaluate((stream) => (stream.scrollTop = 0));
    await row(/n: 0$/).waitFor();
    await page.locator("#latest").waitFor();
    await emit("agent", "task", { n: "new" });
    await eventually(async () => (await all.textContent()) === "10,001", "one more");
    assert.equal(await row(/n: 0$/).count(), 1, "the place is kept");
    await page.locator("#latest").click();
    await row("n: new").waitFor();
    await page.getByLabel("Search").fill('"n":5000');
    await eventually(async () => (await row("n: 5000").count()) === 1 && (await inSight()).length === 1, "the one");
    assert.ok((await page.locator("*").count()) < 600);
  });

  test("on a phone everything is within reach, and nothing sticks out", async () => {
    await open(server, { width: 375, height: 700 });
    await visit();
    await emit("agent", "task_delegated", { task: "a long text ".repeat(20) });
    await row("task_delegated").waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 375);
    await page.getByRole("tab", { name: "/log" }).click();
    await page.getByRole("tab", { name: "/agent" }).click();
    await row("task_delegated").click();
    await page.getByRole("dialog").waitFor();
  });

  test("every control has a name", async () => {
    await visit();
    const nameless = await page.locator("button, input, select, [tabindex]").evaluateAll((controls) =>
      controls
        .filter((each) => !(each.textContent.trim() || each.ariaLabel || each.labels?.length))
        .map((each) => each.outerHTML),
    );
    assert.deepEqual(nameless, []);
  });
});
