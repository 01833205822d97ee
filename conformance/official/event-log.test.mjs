// What the dashboard keeps, filters and counts: reference-server/apps/monitor/event_log.js.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventLog, makeEvent } from "../../reference-server/apps/monitor/event_log.js";

const none = { namespace: "", type: "", search: "" };
const names = (events) => events.map(({ event }) => event);

/** A log with these events, one each second: [namespace, event, data]. */
function logOf(...events) {
  const log = new EventLog();
  events.forEach(([namespace, event, data], second) => log.add(makeEvent(namespace, event, data, second * 1000)));
  return log;
}

test("errors are events of that name, and lines of a log at that level", () => {
  const isError = (event, data) => makeEvent("/", event, data, 0).error;
  for (const event of ["error", "hook_error", "_error"]) assert.equal(isError(event, {}), true, event);
  for (const event of ["errors", "error_count", "message", "terror"]) assert.equal(isError(event, {}), false, event);
  assert.equal(isError("message", { level: "ERROR" }), true);
  assert.equal(isError("message", { level: "error" }), true);
  for (const data of [{ level: "WARNING" }, { level: 40 }, { level: { toString: 1 } }, {}, null, undefined, "ERROR", ["ERROR"]]) {
    assert.equal(isError("message", data), false, JSON.stringify(data));
  }
});

test("the summary is short, whatever the data", () => {
  const summary = (data) => makeEvent("/", "x", data, 0).summary;
  assert.equal(summary({ tool: "Edit", timestamp: "…", ok: true, list: [1] }), "tool: Edit · ok: true · list: [1]");
  assert.deepEqual([summary("text"), summary(4), summary(null), summary(undefined)], ["text", "4", "", ""]);
  assert.ok(summary(Object.fromEntries(Array.from({ length: 100 }, (_, n) => [n, "x".repeat(500)]))).length <= 240);
});

test("the filter takes namespace, type and every word of the search", () => {
  const log = logOf(
    ["/agent", "task_completed", { task: "Write (tests)" }],
    ["/todo", "task_completed", { content: "write" }],
    ["/hook", "pre_tool", { tool_name: "Write" }],
  );
  const shown = (filter) => {
    log.select({ ...none, ...filter });
    return log.shown.map(({ namespace }) => namespace);
  };
  assert.deepEqual(shown({}), ["/agent", "/todo", "/hook"]);
  assert.deepEqual(shown({ namespace: "/todo" }), ["/todo"]);
  assert.deepEqual(shown({ type: "task_completed" }), ["/agent", "/todo"]);
  assert.deepEqual(shown({ search: "WRITE" }), ["/agent", "/todo", "/hook"]);
  assert.deepEqual(shown({ search: " write  task_ " }), ["/agent", "/todo"]);
  assert.deepEqual(shown({ search: "(tests)" }), ["/agent"]);
  assert.deepEqual(shown({ search: "/hook" }), ["/hook"]);
  assert.deepEqual(shown({ search: "write", namespace: "/hook", type: "task_completed" }), []);
  log.select({ ...none, type: "pre_tool" });
  log.add(makeEvent("/hook", "pre_tool", {}, 9000));
  log.add(makeEvent("/hook", "post_tool", {}, 9000));
  assert.deepEqual(names(log.shown), ["pre_tool", "pre_tool"]);
});

test("of too many events the oldest go, and counts follow; the totals stay", () => {
  const log = new EventLog();
  log.add(makeEvent("/log", "error", {}, 0));
  log.select({ ...none, namespace: "/log" });
  for (let n = 0; n < 50_000; ++n) log.add(makeEvent(n % 2 ? "/log" : "/hook", `e${n % 2}`, { n }, n));
  assert.deepEqual([log.all.length, log.total, log.errors], [50_000, 50_001, 1]);
  assert.deepEqual([...log.byType], [["e0", 25_000], ["e1", 25_000]]);
  assert.deepEqual([log.shown.length, log.shown[0].json, log.gone], [25_000, '{"n":1}', 1]);
});

test("of too much data the oldest goes", () => {
  const log = new EventLog();
  const data = "x".repeat(10_000_000);
  for (let n = 0; n < 10; ++n) log.add(makeEvent("/", `e${n}`, data, n));
  assert.deepEqual(names(log.all), ["e4", "e5", "e6", "e7", "e8", "e9"]);
  assert.equal(log.total, 10);
});

test("the history brings what is missing, each event as often as it happened, in order", () => {
  const log = logOf(["/", "a", 1], ["/", "b", 1], ["/", "b", 1]);
  const history = [["a", 1, -9], ["a", 1, 0], ["b", 1, 1], ["b", 1, 2], ["b", 2, 1.5], ["b", 1, 3]];
  log.merge(history.map(([event, data, second]) => makeEvent("/", event, data, second * 1000)));
  assert.deepEqual(log.all.map(({ event, json, time }) => `${event}${json}@${time}`).length, 6);
  assert.deepEqual([log.total, log.byType.get("a"), log.byType.get("b")], [6, 2, 4]);
  const times = log.all.map(({ time }) => time);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  log.merge(history.map(([event, data, second]) => makeEvent("/", event, data, second * 1000)));
  assert.equal(log.total, 6);
});

test("events are counted by the second, for a minute", () => {
  const log = new EventLog();
  for (const time of [1000, 40_500, 99_000, 99_500, 100_000]) log.add(makeEvent("/", "x", null, time));
  const seconds = log.lastMinute(100_000);
  assert.equal(seconds.length, 60);
  assert.deepEqual([seconds[0], seconds[58], seconds[59]], [1, 1, 2]);
  assert.equal(seconds.reduce((sum, count) => sum + count), 4);
});

test("clear() forgets everything but the filter", () => {
  const log = logOf(["/", "error", 1]);
  log.select({ ...none, type: "error" });
  log.clear();
  assert.deepEqual([log.all, log.shown, log.total, log.errors, log.byType.size], [[], [], 0, 0, 0]);
  assert.equal(log.filter.type, "error");
});
