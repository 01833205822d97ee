// Runs the test files given, three at a time, as they mostly wait. A file that fails is run once more, by itself: these are whole
// processes in real time, and a machine that does something else for seconds breaks a promise of theirs. What failed and
// passed then is told at the end, and is a bug to be found; what fails again is a failure, and so is a server that has ended or
// that a sanitizer complained of, at once. `node suite.mjs FILE...`
import { basename } from "node:path";
import { run } from "node:test";
import { tap } from "node:test/reporters";

const neverExcused = /the server (has )?ended|Sanitizer|runtime error:/;

/** Runs a file, whose output is printed when it is over: what failed in it, `final` where another try would prove nothing. */
async function failuresOf(file) {
  const lines = [];
  let tests = 0;
  const stream = run({ files: [file], timeout: 180000 });
  stream.on("test:pass", ({ name }) => (tests += name === file ? 0 : 1)); // a file without tests passes itself
  stream.on("test:fail", ({ name, details: { error }, todo, skip }) => {
    if (todo !== undefined || skip !== undefined || error.failureType === "subtestsFailed") return;
    if (error.failureType === "cancelledByParent" && lines.length > 0) return;
    const why = String(error.cause?.message ?? error.cause ?? error.message);
    lines.push(`${basename(file)}: ${name}: ${why.split("\n", 3).join(" ").slice(0, 300)}`);
    if (neverExcused.test(why)) lines.final = true;
  });
  let text = "";
  for await (const part of stream.compose(tap)) text += part;
  if (tests === 0 && lines.length === 0) lines.push(`${basename(file)}: no test ran`);
  process.stdout.write(`# ${file}\n${text}`);
  return lines;
}

/** Calls `work` for each of `items`, `count` of them at a time. */
async function each(items, count, work) {
  const rest = [...items];
  const worker = async () => {
    while (rest.length > 0) await work(rest.shift());
  };
  await Promise.all(Array.from({ length: count }, worker));
}

if (process.argv.length < 3) throw new Error("expected files of tests");
const first = new Map();
await each(process.argv.slice(2), 3, async (file) => first.set(file, await failuresOf(file)));
const told = [];
for (const [file, lines] of first) {
  if (lines.length === 0) continue;
  const again = lines.final ? lines : await failuresOf(file);
  const failed = again.length > 0;
  process.exitCode ||= failed ? 1 : 0;
  for (const line of (failed ? again : lines).slice(0, 20)) {
    told.push(`# ${failed ? "FAILED" : "failed once, passed alone"}: ${line}`);
  }
}
for (const line of told) console.log(line);
