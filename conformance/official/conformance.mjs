#!/usr/bin/env node
// Runs every official client, and raw requests, against a Socket.IO server. docs/conformance.md explains it.
import { mkdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Server, cleanUp, official } from "./harness.mjs";
import { clientCases, wireCases } from "./matrix/cases/index.mjs";
import { select } from "./matrix/clients.mjs";
import { probe, unreachable } from "./matrix/offers.mjs";
import { excuses, failure, junit, legend, markdown, summary, table, tap } from "./matrix/reports.mjs";
import { runClient, runWire, wire } from "./matrix/runner.mjs";

const usage = `usage: conformance.mjs [URL] [options]
  URL                a server which runs already, http://HOST:PORT; without it one is started: SIOKIT_SERVER=<program>
                     or SERVER=official
  --path PATH        where it speaks Socket.IO. Default: /socket.io/
  --clients A,B      these only (4.8, 2.5, python, ...; "wire": raw requests); also by CLIENTS. Default: all there are
  --cases PATTERN    the cases whose name matches that regular expression
  --strict           what the server does not offer is a failure; so it is for a server that was started here
  --report FOLDER    writes conformance.tap (TAP 14) and conformance.xml (JUnit)
  --markdown FILE    writes the tables`;

/** Ends with code 2, which says that nothing was tested. */
function refuse(...lines) {
  console.error(lines.join("\n"));
  process.exit(2);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      path: { type: "string" },
      clients: { type: "string", default: process.env.CLIENTS ?? "" },
      cases: { type: "string", default: "" },
      strict: { type: "boolean", default: false },
      report: { type: "string" },
      markdown: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (positionals.length > 1) throw new Error(`one URL at a time, not ${positionals.join(" ")}`);
  const [url] = positionals;
  if (url !== undefined) {
    const { protocol, pathname, search, hash } = URL.canParse(url) ? new URL(url) : {};
    if (!["http:", "https:"].includes(protocol)) throw new Error(`"${url}" is no URL, such as http://127.0.0.1:3000`);
    if (pathname + search + hash !== "/") throw new Error(`"${url}": a path goes by --path, and nothing else follows`);
  }
  if (values.path !== undefined && !url) throw new Error("--path goes with a URL");
  const path = (values.path ?? "/socket.io/").replace(/\/*$/, "/");
  if (!/^\/[^\s?#]*$/.test(path)) throw new Error(`--path: "${values.path}" is no path, such as /socket.io/`);
  return { options: values, url, path };
}

let read;
try {
  read = readArguments();
} catch (error) {
  refuse(error.message, "", usage);
}
const { options, url, path } = read;
if (options.help) {
  console.log(usage);
  process.exit();
}

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
  refuse(error.message, "", usage);
}
const wanted = ({ name }) => pattern.test(name);
const cases = { client: clientCases.filter(wanted), wire: wireCases.filter(wanted) };

/** A server for each profile that a case asks for, by contract and profile; one that runs already is all of them. */
const starts = { "": ["app"], csr: ["app", "csr"], heartbeat: ["protocol"] };
const profiles = Object.keys(starts);
const started = () => Promise.all(profiles.map((each) => Server.start(...starts[each])));
const servers = url ? [Server.at(url)] : await started().catch((error) => refuse(error.message));
if (url) servers[0].path = path;
const trouble = (await Promise.all(servers.map(unreachable))).find(Boolean);
if (trouble) refuse(trouble);
/** What the cases for a server need; all clients want to know their transport. */
const needs = (i) => {
  const those = (list) => list.filter(({ profile = "" }) => url || profile === profiles[i]);
  const clientNeeds = those(cases.client).flatMap((each) => ["whoami", "transport of whoami", ...(each.needs ?? [])]);
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
