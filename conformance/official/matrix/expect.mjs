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

/** A value in one line that is not too long; bytes are in hex. */
export function show(value) {
  const text = JSON.stringify(value, (_key, each) => {
    if (each?.type === "Buffer" && Array.isArray(each.data)) return `<${Buffer.from(each.data).toString("hex")}>`;
    return each === undefined ? "<undefined>" : each;
  });
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length} characters)` : text;
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
  if (!isDeepStrictEqual(value, wanted)) throw new Violation(expectation, show(value), show(wanted));
}

/** `seen`, or what it resolves with, must be such that `fit` holds. Returns it. */
export async function fits(expectation, seen, fit = Boolean) {
  const value = await settled(expectation, seen);
  if (!fit(value)) throw new Violation(expectation, show(value));
  return value;
}
