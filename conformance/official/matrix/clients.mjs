// The clients of the matrix: how each is installed and started, and what it can't do.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { program as chromium } from "../chromium.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const cache = (name) => here(`../.cache/${name}`);

/** Runs a program; its failure is an error with what it said. */
async function run(program, ...args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const note = (text) => (output = (output + text).slice(-600));
  for (const stream of [child.stdout, child.stderr]) stream.on("data", note);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  const [code] = await Promise.race([once(child, "close"), failed]);
  if (code !== 0) throw new Error(`${program} ${args[0]}... ended with ${code}: ${output.trim()}`);
}

/** Calls `install` with a folder that becomes `folder`, unless that was done for what is written in `file` now. */
async function onceFor(file, folder, install) {
  const wanted = await readFile(file, "utf8");
  const there = async () => (await readFile(`${folder}/installed-for`, "utf8").catch(() => "")) === wanted;
  if (await there()) return;
  const fresh = `${folder}.${process.pid}`; // two programs may do this at once
  await mkdir(fresh, { recursive: true });
  await install(fresh);
  await writeFile(`${fresh}/installed-for`, wanted);
  if (!(await there())) {
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder).catch(() => {});
  }
  await rm(fresh, { recursive: true, force: true });
}

/** Where python-socketio is, for PYTHONPATH; installed when it is not there yet. */
export async function pythonPath() {
  const wanted = here("drivers/requirements.txt");
  await onceFor(wanted, cache("python"), (folder) =>
    run("python3", "-m", "pip", "install", "--quiet", "--target", folder, "--requirement", wanted),
  );
  return cache("python");
}

const noRecovery = "the client knows no connection state recovery";
const noClose = "the client does not answer a close frame, and waits for the end of the TCP connection";
const noLimit = "the client does not look at maxPayload";

/** socket.io-client of npm, installed by `npm ci` under that name. */
function npm(name, version, folder, { revision = 4, ...cannot } = {}) {
  return {
    name,
    title: `socket.io-client ${version}`,
    revision,
    cannot,
    async install() {
      const found = await readFile(here(`../node_modules/${folder}/package.json`), "utf8").catch(() => "{}");
      if (JSON.parse(found).version !== version) throw new Error(`${folder} ${version} is not there: run npm ci`);
      return [process.execPath, here("drivers/node.mjs"), folder, `${revision}`];
    },
  };
}

export const clients = [
  npm("1.7", "1.7.4", "socket.io-client-1", {
    revision: 3,
    recovery: noRecovery,
    limit: noLimit,
    ids: "the client does not know its id in another namespace",
    utf8: { polling: "the client encodes UTF-8 twice", upgrade: "the client encodes UTF-8 twice while it polls" },
  }),
  npm("2.5", "2.5.0", "socket.io-client-2", { revision: 3, recovery: noRecovery, limit: noLimit }),
  npm("3.1", "3.1.3", "socket.io-client-3.1", { recovery: noRecovery, limit: noLimit }),
  npm("4.0", "4.0.2", "socket.io-client-4.0", { recovery: noRecovery, limit: noLimit }),
  npm("4.4", "4.4.1", "socket.io-client-4.4", { recovery: noRecovery, limit: noLimit }),
  npm("4.6", "4.6.2", "socket.io-client-4.6"),
  npm("4.8", "4.8.4", "socket.io-client"),
  {
    name: "python",
    title: "python-socketio 5.18.1",
    revision: 4,
    cannot: {
      recovery: noRecovery,
      limit: noLimit,
      silence: "the client acknowledges every event",
      buffer: "the client refuses to emit before it is connected",
      leave: "the client leaves all namespaces, or none",
      burst: { polling: "the client takes 16 packets in a payload" },
      drop: { polling: "the client takes the end of a polling session for the server's wish, and stays away" },
    },
    async install() {
      return ["env", `PYTHONPATH=${await pythonPath()}`, "python3", here("drivers/client.py")];
    },
  },
  {
    name: "java",
    title: "socket.io-client for Java 2.1.2",
    revision: 4,
    cannot: { recovery: noRecovery, limit: noLimit, drop: { websocket: noClose, upgrade: noClose } },
    async install() {
      const wanted = here("drivers/pom.xml");
      await onceFor(wanted, cache("java"), (folder) =>
        run("mvn", "-B", "-q", "-f", wanted, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`),
      );
      return ["java", "-cp", `${cache("java")}/*`, here("drivers/Client.java")];
    },
  },
  {
    name: "browser",
    title: "socket.io-client 4.8.4 in Chromium",
    revision: 4,
    async install() {
      await access(chromium).catch(() => Promise.reject(new Error(`there is no ${chromium}`)));
      return [process.execPath, here("drivers/page.mjs")];
    },
  },
];

/** Those that are named, or all; "wire" is none of them. */
export function select(names) {
  if (names.length === 0 || names.includes("all")) return clients;
  const known = clients.map(({ name }) => name);
  const unknown = names.filter((name) => name !== "wire" && !known.includes(name));
  if (unknown.length > 0) throw new Error(`no client ${unknown.join(", ")} (known: ${known.join(", ")}, wire, all)`);
  return clients.filter(({ name }) => names.includes(name));
}
