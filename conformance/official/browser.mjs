// A browser for a suite of tests, and pages whose faults are remembered.
import { after, before } from "node:test";
import { launch } from "./chromium.mjs";

/**
 * Chromium, from before the tests of this suite until behind them. Returns what opens a page, with options as those of
 * Playwright: its `problems` are errors that nobody caught, and requests that `allowed(url)` denies.
 */
export function browser() {
  let chromium;
  before(async () => {
    chromium = await launch();
  });
  after(() => chromium?.close());
  return async (options, allowed = () => true) => {
    const page = await chromium.newPage(options);
    page.setDefaultTimeout(20_000);
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(`${error}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:"].includes(url.protocol) && !allowed(url)) page.problems.push(`request to ${url}`);
    });
    return page;
  };
}
