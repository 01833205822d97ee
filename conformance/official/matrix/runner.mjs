// Runs the cases: every client, every way to connect, one after the other.
import { cleanUp, eventually } from "../harness.mjs";
import { ways } from "../clients.mjs";
import { Driver } from "./driver.mjs";
import { Violation, fits, show } from "./expect.mjs";
import { Relay } from "./relay.mjs";

/** Waits until whoami tells that transport. */
async function moves(peer, final) {
  let told;
  const moved = async () => (told = (await peer.ask("whoami"))[0]?.transport) === final;
  await eventually(moved, "WebSocket").catch(({ message }) => {
    const seen = `${message}; the transport that whoami tells: ${show(told)}`;
    throw new Violation("the connection moves to the WebSocket", seen);
  });
}

/** What cases of a client are given. `target`: {server, offers}; `client`: of clients.mjs. */
function clientKit(driver, client, way, target) {
  const { transports, final } = ways[way];
  const { offers, server } = target;
  const relays = [];
  const begin = (options) =>
    driver.connect({ url: server.url, path: server.path, transports, offsets: offers.has("recovery"), ...options });

  return {
    client,
    way,
    final,
    maxPayload: offers.maxPayload,
    /** Sockets of a new connection, which are not connected yet; options as in driver.mjs. */
    begin,
    /** The socket of a new connection; one for each of `namespaces`. It has ended at its transport, if `settle`. */
    async open({ namespace = "/", namespaces, settle = true, ...options } = {}) {
      const peers = begin({ namespaces: namespaces ?? [namespace], ...options });
      for (const peer of peers) await fits(`the client connects to ${peer.namespace}`, peer.next("connect"));
      if (settle && way === "upgrade" && offers.has("transport of whoami")) await moves(peers[0], final);
      return namespaces ? peers : peers[0];
    },
    /** A wire to the server that can be cut. */
    async relay() {
      const relay = await Relay.open(server.url);
      relays.push(relay);
      return relay;
    },
    end() {
      driver.endAll();
      for (const relay of relays) relay.close();
    },
  };
}

/** Why the case is not run: `{status, reason}`; undefined if it is to be. */
function excuse(each, client, way, { offers }) {
  if (each.ways && !each.ways.includes(way)) return { status: "not applicable", reason: "not for this transport" };
  const needs = [...ways[way].transports, ...(client.revision === 3 ? ["revision 3"] : []), ...(each.needs ?? [])];
  const missing = needs.find((need) => !offers.has(need));
  const reached = offers.has("polling") || offers.has("websocket");
  if (missing && (reached || !each.gate))
    return { status: "not offered", missing, reason: `the server does not offer "${missing}"` };
  for (const use of each.uses ?? []) {
    const reason = client.cannot?.[use]?.[way] ?? client.cannot?.[use];
    if (typeof reason === "string") return { status: "not applicable", reason };
  }
}

async function attempt(each, kit) {
  const began = Date.now();
  const done = (result) => ({ ...result, ms: Date.now() - began });
  try {
    await each.run(kit);
    return done({ status: "passed" });
  } catch (error) {
    const { expectation, seen } = error instanceof Violation ? error : { expectation: each.name, seen: error.message };
    return done({ status: "failed", expectation, seen });
  } finally {
    kit.end();
    cleanUp();
  }
}

/** The results of a column: those of `cases` by that client and that way. `kitFor(target)` is a promise of the kit. */
async function column(cases, client, way, targets, kitFor, report) {
  let closed; // the gate
  for (const each of cases) {
    const target = targets[each.profile ?? ""];
    const result =
      excuse(each, client, way, target) ??
      (closed ? { status: "not run", reason: closed } : await attempt(each, await kitFor(target)));
    if (each.gate && result.status === "failed") closed = `"${each.name}" has failed`;
    report({ each, client, way, ...result });
  }
}

/** False if the client could not be started, which is reported for each case. */
export async function runClient(cases, client, targets, report) {
  let driver;
  let command;
  const fresh = async () => {
    if (driver?.broken) {
      driver.stop();
      driver = undefined;
    }
    return (driver ??= await Driver.start(command));
  };
  try {
    command = await client.install();
    await fresh();
  } catch (error) {
    for (const way of Object.keys(ways)) {
      for (const each of cases) report({ each, client, way, status: "not run", reason: error.message });
    }
    return false;
  }
  for (const way of Object.keys(ways)) {
    const kitFor = async (target) => clientKit(await fresh(), client, way, target);
    await column(cases, client, way, targets, kitFor, report);
  }
  driver.stop();
  return true;
}

/** The cases in which no client takes part. */
export const wire = { name: "wire", title: "raw requests, frames and packets", revision: 4 };

export async function runWire(cases, targets, report) {
  for (const way of Object.keys(ways)) {
    const kitFor = async ({ server, offers }) => ({ server, way, offers, end() {} });
    await column(cases, wire, way, targets, kitFor, report);
  }
}
