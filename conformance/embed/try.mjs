// Starts an embedded server and exchanges events with it by the official client. Usage: node try.mjs PROGRAM
import { spawn } from "node:child_process";
import { createRequire } from "node:module";

const { io } = createRequire(new URL("../official/package.json", import.meta.url))("socket.io-client");
const server = spawn(process.argv[2], { stdio: ["ignore", "pipe", "inherit"] });
const fail = (why) => {
  console.error(why);
  server.kill();
  process.exit(1);
};
setTimeout(() => fail("nothing came within 20 s"), 20000).unref();
server.on("exit", (code) => fail(`the server ended with code ${code}`));

server.stdout.once("data", (line) => {
  const url = /http:\S+/.exec(line)[0];
  const clients = [1, 2, 3].map(() => io(url, { transports: ["websocket"], forceNew: true, reconnection: false }));
  const done = clients.map(
    (client, i) =>
      new Promise((resolve) => {
        client.on("connect_error", (error) => fail(`connect_error: ${error.message}`));
        client.on("connect", () => client.emit("echo", i, { text: "h\u00e9" }, Buffer.from([1, 2, 3])));
        client.on("echo", (n, object, bytes) => {
          if (n !== i || object.text !== "h\u00e9" || bytes.toString("hex") !== "010203") fail("a wrong echo");
          client.close();
          resolve();
        });
      }),
  );
  Promise.all(done).then(() => {
    server.removeAllListeners("exit");
    server.kill();
    console.log("1 passed, 0 failed");
    process.exit(0);
  });
});
