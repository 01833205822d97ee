// What a server must answer to requests, frames and packets that clients never send, or never look at.
//
// Cases as in client-cases.mjs; `run({server, way, offers})`.
import { wireEngine } from "./wire-engine.mjs";
import { wireRevision3 } from "./wire-revision3.mjs";
import { wireSocketio } from "./wire-socketio.mjs";

export const wireCases = [...wireEngine, ...wireSocketio, ...wireRevision3];
