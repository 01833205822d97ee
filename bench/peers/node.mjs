// The official server on Node.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve } from "./contract.mjs";

const http = createServer();
serve(new Server(http));
http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
