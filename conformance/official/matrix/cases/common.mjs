// What several cases have in common.

export const bytes = (...values) => Buffer.from(values);

let last = Date.now() % 1e6;

/** A namespace which no other case, and no other run, has used. */
export const unusedNamespace = () => `/dynamic-${process.pid}${++last}`;

/** Once a socket has this answer, it has had all that was sent to it before. */
export async function flush(...peers) {
  for (const peer of peers) await peer.ask("echo", "flush");
}
