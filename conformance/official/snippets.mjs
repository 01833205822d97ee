// Runs the snippets of product documents as they stand there: snippets/, one file each. Only host, port and tokens are changed,
// and what a document takes for granted is put around them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { atEnd, eventually, within } from "./harness.mjs";
import { pythonPath } from "./matrix/clients.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The text of a snippet for the server at `url`; `tokens`: what stands there -> what is to stand there. */
export function snippetText(name, url, tokens = {}) {
  const { host } = new URL(url);
  let text = readFileSync(here(`snippets/${name}`), "utf8");
  text = text.replace(/(http|ws):\/\/localhost:\d+/g, `$1://${host}`);
  for (const [from, to] of Object.entries(tokens)) {
    assert.ok(text.includes(from), `${name} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** A program that runs: what it has written, and how it ends. Killed with the test. */
class Running {
  #child;
  output = "";

  constructor(program, args, env = {}) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    atEnd(() => this.#child.kill("SIGKILL"));
    this.#child.stdin.on("error", () => {}); // it may end before it has read
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    this.ended = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve(code ?? signal)));
  }

  /** Waits until `what`, a text or a pattern, was written. */
  async wrote(what) {
    const there = () => (typeof what === "string" ? this.output.includes(what) : what.test(this.output));
    await eventually(there, `${what}`).catch((error) => {
      throw new Error(`${error.message}; it wrote:\n${this.output}`);
    });
  }

  write(text) {
    this.#child.stdin.write(text);
  }

  stop() {
    this.#child.kill("SIGTERM");
    return within(this.ended, "end of the snippet");
  }
}

/**
 * Starts a snippet of JavaScript, TypeScript, Python or a shell, by the end of its name. `before` and `after`: what the document has
 * elsewhere, around it; `modules`: the text of modules that only the product has, by name. JavaScript may use await at the top.
 */
export async function runSnippet(name, url, { tokens = {}, before = "", after = "", modules = {}, env = {} } = {}) {
  const contents = `${before}\n${snippetText(name, url, tokens)}\n${after}\n`;
  if (name.endsWith(".sh")) return new Running("bash", ["-c", contents], env);
  if (name.endsWith(".py")) return new Running("python3", ["-u", "-c", contents], { PYTHONPATH: await pythonPath(), ...env });
  const folder = mkdtempSync(here(".cache-snippet-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const outfile = join(folder, "snippet.mjs");
  const { outputFiles } = await build({
    ...bundling(contents, name, modules),
    platform: "node",
    packages: "external",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  writeFileSync(outfile, outputFiles[0].text);
  return new Running(process.execPath, [outfile], env);
}

/** The same for a browser: the text of one script with everything in it. */
export async function bundleSnippet(name, url, { tokens = {}, before = "", after = "", modules = {} } = {}) {
  const contents = `${before}\n${snippetText(name, url, tokens)}\n${after}\n`;
  const { outputFiles } = await build({ ...bundling(contents, name, modules), platform: "browser", format: "iife" });
  return outputFiles[0].text;
}

function bundling(contents, name, modules) {
  const loader = name.slice(name.lastIndexOf(".") + 1);
  const ours = {
    name: "modules",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path }) => (path in modules ? { path, namespace: "ours" } : undefined));
      onLoad({ filter: /.*/, namespace: "ours" }, ({ path }) => ({ contents: modules[path], loader: "ts" }));
    },
  };
  return {
    stdin: { contents, loader, resolveDir: here(".") },
    plugins: [ours],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    logLevel: "silent",
  };
}
