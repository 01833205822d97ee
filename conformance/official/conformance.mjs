#!/usr/bin/env node
// Runs every official client, and raw requests, against a Socket.IO server. docs/conformance.md explains it.
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Server, cleanUp, official } from "./harness.mjs";
import { clientCases, wireCases } from "./matrix/cases/index.mjs";
import { select } from "./matrix/clients.mjs";
import { probe } from "./matrix/offers.mjs";
import { excuses, failure, junit, legend, markdown, summary, table, tap } from "./matrix/reports.mjs";
import { runClient, runWire, wire } from "./matrix/runner.mjs";

const usage = `usage: conformance.mjs [URL] [options]
  URL                a server which runs already; without it one is started: SIOKIT_SERVER=<program> or SERVER=official
  --clients A,B      these only (4.8, 2.5, python, ...; "wire": raw requests); also by CLIENTS. Default: all there are
  --cases PATTERN    the cases whose name matches that regular expression
  --strict           what the server does not offer is a failure; so it is for a server that was started here
  --report FOLDER    writes conformance.tap (TAP 14) and conformance.xml (JUnit)
  --markdown FILE    writes the tables`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: "string", default: process.env.CLIENTS ?? "" },
    cases: { type: "string", default: "" },
    strict: { type: "boolean", default: false },
    report: { type: "string" },
    markdown: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit();
}

/** Ends with code 2, which says that nothing was tested. */
function refuse(error) {
  console.error(`${error.message}\n\n${usage}`);
  process.exit(2);
}

const [url] = positionals;
const strict = options.strict || !url;
const names = options.clients.split(",").filter(Boolean);
const withWire = names.length === 0 || names.includes("wire") || names.includes("all");
let clients;
let pattern;
try {
  clients = select(names);
  pattern = new RegExp(options.cases);
  if (!url && !official && !process.env.SIOKIT_SERVER) throw new Error("say what to test");
} catch (error) {
  refuse(error);
}
const wanted = ({ name }) => pattern.test(name);
const cases = { client: clientCases.filter(wanted), wire: wireCases.filter(wanted) };

/** A server for each profile that a case asks for, by contract and profile; one that runs already is all of them. */
const starts = { "": ["app"], csr: ["app", "csr"], heartbeat: ["protocol"] };
const profiles = Object.keys(starts);
const servers = url ? [Server.at(url)] : await Promise.all(profiles.map((each) => Server.start(...starts[each])));
/** What the cases for a server need; all clients want to know their transport. */
const needs = (i) => {
  const those = (list) => list.filter(({ profile = "" }) => url || profile === profiles[i]);
  const clientNeeds = those(cases.client).flatMap((each) => ["whoami", ...(each.needs ?? [])]);
  return [...(clients.length > 0 ? clientNeeds : []), ...those(cases.wire).flatMap((each) => each.needs ?? [])];
};
const probed = await Promise.all(servers.map((server, i) => probe(server, needs(i))));
cleanUp();
const targets = Object.fromEntries(
  profiles.map((profile, i) => [profile, { server: servers[i % servers.length], offers: probed[i % servers.length] }]),
);

process.on("unhandledRejection", () => {}); // what a failed case did not wait for
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1)); // servers and clients end too

const results = [];
const report = (result) => {
  if (strict && result.status === "not offered") {
    Object.assign(result, { status: "failed", expectation: "the server offers the contract", seen: result.reason });
  }
  results.push(result);
  if (result.status === "failed") console.log(failure(result));
};

console.log(
  `${url ?? (official ? "the official server" : process.env.SIOKIT_SERVER)}: ${servers.map((each) => each.url).join(", ")}`,
);
let missing = false; // a client which was named, and could not be run
const told = (client) =>
  console.log(`${client.name}: ${summary(results.filter((result) => result.client === client))}`);
if (withWire && cases.wire.length > 0) {
  await runWire(cases.wire, targets, report);
  told(wire);
}
for (const client of clients) {
  const run = await runClient(cases.client, client, targets, report);
  if (!run && names.length > 0) missing = true;
  told(client);
}

const tables = [];
if (withWire && cases.wire.length > 0) tables.push([cases.wire, [wire]]);
if (clients.length > 0 && cases.client.length > 0) tables.push([cases.client, clients]);
for (const each of tables) console.log(`\n${table(results, ...each)}`);
console.log(`\n${[legend, ...excuses(results), summary(results)].join("\n")}`);

if (options.report) {
  await mkdir(options.report, { recursive: true });
  await writeFile(`${options.report}/conformance.tap`, tap(results));
  await writeFile(`${options.report}/conformance.xml`, junit(results));
}
if (options.markdown) {
  const notes = [...excuses(results), summary(results)].map((line) => `- ${line}`).join("\n");
  await writeFile(options.markdown, [...tables.map((each) => markdown(results, ...each)), notes, ""].join("\n\n"));
}

let alive = true;
for (const server of servers) {
  await server.stop().catch((error) => {
    alive = false;
    console.log(`✗ ${error.message}`);
  });
}
cleanUp();
process.exit(alive && !missing && !results.some(({ status }) => status === "failed") ? 0 : 1);
