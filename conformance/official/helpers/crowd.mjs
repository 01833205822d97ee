// So many clients over WebSockets, in a process that can be killed: crowd.mjs URL COUNT. Says "ready" when all are connected and
// have had an answer. SIGTERM: they leave as polite clients do, and the process ends when all are gone.
import { once } from "node:events";
import { WebSocket } from "ws";

const [url, count] = process.argv.slice(2);
const address = `${url.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`;
const all = [];
const ready = [];
for (let i = 0; i < Number(count); ++i) {
  const socket = new WebSocket(address, { perMessageDeflate: false, rejectUnauthorized: false });
  all.push(socket);
  ready.push(new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed before its answer")));
    socket.once("open", () => socket.send("40"));
    socket.on("message", (data) => {
      const text = data.toString();
      if (text === "2") socket.send("3");
      if (text.startsWith("40")) socket.send('421["message-with-ack",1]');
      if (text.startsWith("431")) resolve();
    });
  }));
  if (i % 50 === 49) await Promise.all(ready);
}
await Promise.all(ready);
process.once("SIGTERM", async () => {
  const leave = (socket) => (socket.send("41"), socket.close(), once(socket, "close"));
  await Promise.all(all.filter((socket) => socket.readyState === WebSocket.OPEN).map(leave));
  process.exit();
});
console.log("ready");
