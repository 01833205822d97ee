// The official server on Bun, with the engine that is made for it.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { serve } from "./contract.mjs";

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
serve(io);
const server = Bun.serve({ ...engine.handler(), hostname: "127.0.0.1", port: 0 });
console.log(`listening on http://127.0.0.1:${server.port}`);
