// Runs the test files given, two at a time, as they mostly wait. A file that fails is run once more, by itself: these are whole
// processes in real time, and a machine that does something else for seconds breaks a promise of theirs. What failed and
// passed then is told at the end, and is a bug to be found; what fails again is a failure, and so is a server that has ended or
// that a sanitizer complained of, at once. `node suite.mjs FILE...`
import { basename } from "node:path";
import { run } from "node:test";
import { tap } from "node:test/reporters";

const neverExcused = /the server (has )?ended|Sanitizer|runtime error:/;

/** Runs `files`; what failed in each: a map of file -> lines, `final` where another try would prove nothing. */
async function failuresOf(files, concurrency) {
  const failed = new Map();
  const stream = run({ files, concurrency, timeout: 180000 });
  stream.on("test:fail", ({ file, name, details: { error }, todo, skip }) => {
    if (todo !== undefined || skip !== undefined || error.failureType === "subtestsFailed") return;
    const lines = failed.get(file) ?? failed.set(file, []).get(file);
    const why = String(error.cause?.message ?? error.cause ?? error.message);
    lines.push(`${basename(file ?? "?")}: ${name}: ${why.split("\n", 3).join(" ").slice(0, 300)}`);
    if (!file || neverExcused.test(why)) lines.final = true;
  });
  for await (const text of stream.compose(tap)) process.stdout.write(text);
  return failed;
}

const files = process.argv.slice(2);
const first = await failuresOf(files, 2);
const excused = [...first].filter(([, lines]) => !lines.final).map(([file]) => file);
const again = excused.length ? await failuresOf(excused, 1) : new Map();
let failures = 0;
for (const [file, lines] of first) {
  const found = lines.final ? lines : again.get(file);
  for (const line of found ?? lines) console.log(`# ${found ? "FAILED" : "failed once, passed alone"}: ${line}`);
  if (found) ++failures;
}
process.exitCode = failures ? 1 : 0;
