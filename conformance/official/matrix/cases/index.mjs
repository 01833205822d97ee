// The cases. Each has a name; a rule; `needs`, what of the contract it uses (offers.mjs); `uses`, what not every client
// can do (clients.mjs); `ways`, if not all; the `profile` of the server; `run(kit)`, see runner.mjs. A case with `gate`
// decides whether the others of its column are run.
import { connecting } from "./connecting.mjs";
import { endings } from "./endings.mjs";
import { events } from "./events.mjs";
import { broadcasts } from "./rooms.mjs";
import { wireEngine } from "./wire-engine.mjs";
import { wireRevision3 } from "./wire-revision3.mjs";
import { wireSocketio } from "./wire-socketio.mjs";

/** What a client and a server must be able to do together, for every client and every way to connect. */
export const clientCases = [...connecting, ...events, ...broadcasts, ...endings];

/** What a server must answer to requests, frames and packets that clients never send, or never look at. */
export const wireCases = [...wireEngine, ...wireSocketio, ...wireRevision3];
