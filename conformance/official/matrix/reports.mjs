// The results as a table to be read, in TAP 14, as JUnit's XML, and as the Markdown of docs/conformance.md.
import { ways } from "../clients.mjs";

const signs = { passed: "✓", failed: "✗", "not offered": "○", "not applicable": "–", "not run": "?" };
export const legend = "polling, websocket, upgrade: ✓ passed  ✗ failed  – not applicable  ○ not offered  ? not run";

const title = ({ each, client, way }) => `${client.name} ${way}: ${each.name}`;
const unique = (values) => [...new Set(values)];

/** Rows of signs: `{name, cells}`, a cell being a string of three signs. */
function rows(results, cases, clients) {
  const sign = (each, client, way) => {
    const found = results.find((result) => result.each === each && result.client === client && result.way === way);
    return signs[found?.status ?? "not run"];
  };
  return cases.map((each) => ({
    each,
    cells: clients.map((client) =>
      Object.keys(ways)
        .map((way) => sign(each, client, way))
        .join(""),
    ),
  }));
}

/** A table for a terminal. */
export function table(results, cases, clients) {
  const width = Math.max(...cases.map(({ name }) => name.length));
  const columns = clients.map(({ name }) => Math.max(name.length, 3));
  const line = (name, cells) =>
    `${name.padEnd(width)}  ${cells.map((cell, i) => cell.padEnd(columns[i])).join("  ")}`.trimEnd();
  return [
    line(
      "",
      clients.map(({ name }) => name),
    ),
    ...rows(results, cases, clients).map(({ each, cells }) => line(each.name, cells)),
  ].join("\n");
}

/** What a failed cell has to say. */
export function failure({ each, client, way, expectation, seen }) {
  return [
    `✗ ${title({ each, client, way })}`,
    `    expected  ${expectation}`,
    `    seen      ${seen}`,
    `    rule      ${each.rule.sentence}`,
    `              ${each.rule.link}`,
  ].join("\n");
}

/** Why cells have no result, each reason once. */
export function excuses(results) {
  const missing = unique(results.flatMap((result) => result.missing ?? []));
  const others = results.filter(
    ({ each, way, reason, missing }) => reason && !missing && (each.ways ?? [way]).includes(way),
  );
  return [
    ...(missing.length > 0 ? [`${signs["not offered"]} the server does not offer: ${missing.join(", ")}`] : []),
    ...unique(others.map(({ status, reason, client }) => `${signs[status]} ${client.name}: ${reason}`)),
  ];
}

export function summary(results) {
  return Object.keys(signs)
    .map((status) => [results.filter((result) => result.status === status).length, status])
    .filter(([count]) => count > 0)
    .map(([count, status]) => `${count} ${status}`)
    .join(", ");
}

export function tap(results) {
  const line = (result, i) => {
    const { status, reason, each, expectation, seen, ms } = result;
    const head = `${i + 1} - ${title(result).replace(/[#\\]/g, "\\$&")}`;
    if (status === "passed") return `ok ${head}`;
    if (status !== "failed") return `ok ${head} # SKIP ${status}: ${reason.replace(/\s+/g, " ")}`;
    const detail = { expected: expectation, seen, rule: each.rule.sentence, link: each.rule.link, duration_ms: ms };
    const yaml = Object.entries(detail).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
    return [`not ok ${head}`, "  ---", ...yaml, "  ..."].join("\n");
  };
  return ["TAP version 14", `1..${results.length}`, ...results.map(line), ""].join("\n");
}

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
// Characters that XML 1.0 does not know are written as JavaScript would.
const xml = (text) =>
  text
    .replace(/[&<>"]/g, (char) => entities[char])
    .replace(
      /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );

export function junit(results) {
  const seconds = (each) => (each.reduce((sum, { ms = 0 }) => sum + ms, 0) / 1000).toFixed(3);
  const counts = (each) => {
    const failed = each.filter(({ status }) => status === "failed").length;
    const skipped = each.filter(({ status }) => !["failed", "passed"].includes(status)).length;
    return `tests="${each.length}" failures="${failed}" skipped="${skipped}" time="${seconds(each)}"`;
  };
  const testcase = (result) => {
    const { each, client, way, status, reason, expectation } = result;
    const head = `    <testcase classname="${xml(`${client.name}.${way}`)}" name="${xml(each.name)}" time="${seconds([result])}"`;
    if (status === "passed") return `${head}/>`;
    const inside =
      status === "failed"
        ? `<failure message="${xml(expectation)}">${xml(failure(result))}</failure>`
        : `<skipped message="${xml(`${status}: ${reason}`)}"/>`;
    return `${head}>${inside}</testcase>`;
  };
  const suites = unique(results.map(({ client, way }) => `${client.name} ${way}`)).map((name) => {
    const own = results.filter(({ client, way }) => `${client.name} ${way}` === name);
    return [`  <testsuite name="${xml(name)}" ${counts(own)}>`, ...own.map(testcase), "  </testsuite>"].join("\n");
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="conformance" ${counts(results)}>`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

/** A table in Markdown; the name of a case links to its rule. `base`: what links to docs/ are relative to. */
export function markdown(results, cases, clients) {
  const link = (each) =>
    `[${each.name}](${each.rule.link.replace(/^docs\//, "")} "${each.rule.sentence.replace(/"/g, "'")}")`;
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...clients.map(({ name }) => name)]),
    line(["---", ...clients.map(() => "---")]),
    ...rows(results, cases, clients).map(({ each, cells }) => line([link(each), ...cells])),
  ].join("\n");
}
