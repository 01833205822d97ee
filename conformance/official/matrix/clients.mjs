// The clients of the matrix: how each is installed and started, and what it can't do.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const cache = (name) => here(`../.cache/${name}`);
const require = createRequire(import.meta.url);

/** Runs a program; its failure is an error with what it said. */
async function run(program, ...args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output = (output + text).slice(-600)));
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const [code] = await Promise.race([once(child, "close"), failed]);
  if (code !== 0) throw new Error(`${program} ${args[0]}... ended with ${code}: ${output.trim()}`);
}

/** Calls `install` with an empty folder's path unless that was done for what is written in `file` now. */
async function onceFor(file, folder, install) {
  const wanted = await readFile(file, "utf8");
  const stamp = `${folder}/installed-for`;
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return;
  await mkdir(folder, { recursive: true });
  await install(folder);
  await writeFile(stamp, wanted);
}

const noRecovery = "the client knows no connection state recovery";
const noLimit = "the client does not look at maxPayload";

/** socket.io-client of npm, installed by `npm ci`. */
function npm(name, version, cannot = {}, revision = 4) {
  return {
    name,
    title: `socket.io-client ${version}`,
    revision,
    cannot,
    async install() {
      const folder = version === "4.8.4" ? "socket.io-client" : `socket.io-client-${name.replace(/\.\d+$/, (minor) => (revision === 3 ? "" : minor))}`;
      const found = JSON.parse(await readFile(here(`../node_modules/${folder}/package.json`), "utf8").catch(() => "{}")).version;
      if (found !== version) throw new Error(`${folder} ${version} is not there: run npm ci`);
      return [process.execPath, here("node-client.mjs"), folder, `${revision}`];
    },
  };
}

export const clients = [
  npm("1.7", "1.7.4", {
    recovery: noRecovery,
    limit: noLimit,
    ids: "the client does not know its id in another namespace",
    utf8: { polling: "the client encodes UTF-8 twice", upgrade: "the client encodes UTF-8 twice while it polls" },
  }, 3),
  npm("2.5", "2.5.0", { recovery: noRecovery, limit: noLimit }, 3),
  npm("3.1", "3.1.3", { recovery: noRecovery, limit: noLimit }),
  npm("4.0", "4.0.2", { recovery: noRecovery, limit: noLimit }),
  npm("4.4", "4.4.1", { recovery: noRecovery, limit: noLimit }),
  npm("4.6", "4.6.2"),
  npm("4.8", "4.8.4"),
];

/** Those that are named, or all. */
export function select(names) {
  if (names.length === 0 || names.includes("all")) return clients;
  const unknown = names.filter((name) => !clients.some((client) => client.name === name));
  if (unknown.length > 0) {
    throw new Error(`no client ${unknown.join(", ")} (known: ${clients.map(({ name }) => name).join(", ")})`);
  }
  return clients.filter(({ name }) => names.includes(name));
}
