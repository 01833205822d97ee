// The driver of socket.io-client in Chromium: every connection has a page of its own, from the server's origin.
// usage: node page.mjs (CHROMIUM=path for another browser)
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { launch } from "../../chromium.mjs";

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
process.on("uncaughtException", (error) => say({ trouble: error.stack }));
process.on("unhandledRejection", (error) => say({ trouble: `${error?.stack}` }));

// To Chromium our page is from nowhere, which may not open WebSockets to this machine.
const browser = await launch("--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets");

const bundle = new URL("../../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url);
const own = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const html = `<!doctype html><script src="client.js"></script><script type="module">
  import { session } from "./session.mjs";
  window.obey = session(io, 4, (bytes) => bytes.buffer, (message) => window.say(message));
</script>`;
const files = {
  "": ["text/html", html],
  "client.js": ["text/javascript", readFileSync(bundle, "utf8")],
  "session.mjs": ["text/javascript", own("session.mjs")],
  "lines.mjs": ["text/javascript", own("lines.mjs")],
};

/** A page which says that it comes from `url`, with the client in it. */
async function open(url) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => say({ trouble: `${error}` }));
  await page.exposeFunction("say", say);
  await page.route(/\/siokit-conformance\//, (route) => {
    const [contentType, body] = files[route.request().url().split("/siokit-conformance/")[1]] ?? ["text/plain", ""];
    return route.fulfill({ contentType, body });
  });
  await page.goto(new URL("/siokit-conformance/", url).href);
  return page;
}

const pages = new Map(); // promises of pages, by connection; commands for each are obeyed in their order

function obey(message) {
  const { command, connection, url } = message;
  if (command === "connect") pages.set(connection, open(url));
  const obeyed = pages.get(connection).then(async (page) => {
    await page.evaluate((each) => window.obey(each), message);
    if (command === "end") await page.close();
    return page;
  });
  if (command === "end") pages.delete(connection);
  else pages.set(connection, obeyed);
  obeyed.catch((error) => say({ trouble: error.message }));
}

createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line)))
  .on("close", async () => {
    await browser.close();
    process.exit();
  });
say({ ready: true });
