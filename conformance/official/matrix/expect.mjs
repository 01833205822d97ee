// What a case expects, and how it says that it has seen something else.
import { isDeepStrictEqual } from "node:util";

const repository = "docs/protocol.md";
const official = "https://socket.io/docs/v4";

/** A sentence, and where it is written. */
export const rule = (sentence, link) => ({ sentence, link });
export const own = (anchor) => `${repository}#${anchor}`;
export const engineio = (anchor) => `${official}/engine-io-protocol/#${anchor}`;
export const guide = (page) => `${official}/${page}`;
export const socketio = (anchor) => `${official}/socket-io-protocol/#${anchor}`;

/** Something was seen that was not expected. */
export class Violation extends Error {
  constructor(expectation, seen, wanted) {
    super(`expected: ${expectation}; seen: ${seen}`);
    Object.assign(this, { expectation: wanted === undefined ? expectation : `${expectation}: ${wanted}`, seen });
  }
}

const longest = 300;

/** A value in one line; bytes are in hex. */
const line = (value) =>
  JSON.stringify(value, (_key, each) => {
    if (each?.type === "Buffer" && Array.isArray(each.data)) return `<${Buffer.from(each.data).toString("hex")}>`;
    return each === undefined ? "<undefined>" : each;
  });

/** The same, not too long. */
export function show(value) {
  const text = line(value);
  return text.length > longest ? `${text.slice(0, longest)}... (${text.length} characters)` : text;
}

/** Two values that differ: a long one by its length, and what it has where the difference begins. */
function contrast(...pair) {
  const lines = pair.map(line);
  if (lines.every((text) => text.length <= longest)) return lines;
  if (pair.every((each) => Array.isArray(each) && each.length === 1)) return contrast(...pair.map(([only]) => only));
  const bytes = pair.every(Buffer.isBuffer);
  const [one, other] = bytes || pair.every((each) => typeof each === "string") ? pair : lines;
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const told = (whole, i) => {
    if (lines[i].length <= longest) return lines[i];
    const there = at < whole.length ? line(whole.slice(at, at + 30)) : "nothing";
    return `${whole.length} ${bytes ? "bytes" : "characters"}, at ${at} ${there}`;
  };
  return [one, other].map(told);
}

async function settled(expectation, seen, wanted) {
  try {
    return await seen;
  } catch (error) {
    throw error instanceof Violation ? error : new Violation(expectation, error.message, wanted);
  }
}

/** `seen`, or what it resolves with, must be `wanted`. */
export async function same(expectation, seen, wanted) {
  const value = await settled(expectation, seen, show(wanted));
  if (!isDeepStrictEqual(value, wanted)) throw new Violation(expectation, ...contrast(value, wanted));
}

/** `seen`, or what it resolves with, must be such that `fit` holds. Returns it. */
export async function fits(expectation, seen, fit = Boolean) {
  const value = await settled(expectation, seen);
  if (!fit(value)) throw new Violation(expectation, show(value));
  return value;
}
