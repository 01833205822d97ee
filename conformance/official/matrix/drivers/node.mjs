// The driver of a socket.io-client from npm. usage: node node.mjs PACKAGE REVISION
import { createInterface } from "node:readline";
import { session } from "./session.mjs";

const [name, revision] = process.argv.slice(2);
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
process.on("uncaughtException", (error) => say({ trouble: error.stack }));

const { default: io } = await import(name);
const obey = session(io, Number(revision), (bytes) => Buffer.from(bytes), say);
createInterface({ input: process.stdin })
  .on("line", (line) => obey(JSON.parse(line)))
  .on("close", () => process.exit());
say({ ready: true });
