// Chromium without a window (CHROMIUM=path for another one), which loads nothing that a page does not ask for.
import { chromium } from "playwright-core";

export const program = process.env.CHROMIUM ?? "/usr/bin/chromium";

const quiet = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser, which the caller closes. `args` are more of its options. */
export const launch = (...args) => chromium.launch({ executablePath: program, args: [...quiet, ...args] });
