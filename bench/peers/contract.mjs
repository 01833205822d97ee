// What every server of the comparison does: the contract "load" of docs/testbed.md.
export function serve(io) {
  io.on("connection", (socket) => {
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("broadcast", (text) => io.emit("broadcast", text));
  });
}
