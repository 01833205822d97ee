// So many clients over WebSockets, in a process that can be killed: crowd.mjs URL COUNT. Says "ready" when all are connected.
import { WebSocket } from "ws";

const [url, count] = process.argv.slice(2);
const all = [];
for (let i = 0; i < Number(count); ++i) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
  socket.on("message", (data) => {
    if (data.toString() === "2") socket.send("3");
  });
  all.push(new Promise((resolve, reject) => {
    socket.once("open", () => (socket.send("40"), resolve()));
    socket.once("error", reject);
  }));
  if (i % 50 === 49) await Promise.all(all);
}
await Promise.all(all);
console.log("ready");
