// A RabbitMQ of one test: a node of its own on free ports of 127.0.0.1, its files in a folder that goes with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, within } from "./harness.mjs";

// The one on the PATH of Debian is a wrapper that wants to be called by a certain user.
const program = process.env.RABBITMQ_SERVER ?? "/usr/lib/rabbitmq/bin/rabbitmq-server";
const patience = 60000; // it takes its time to start

export class Broker {
  #folder = mkdtempSync(join(tmpdir(), "rabbitmq-"));
  #env;
  #names; // the process that tells Erlang's nodes where others are, which RabbitMQ would else leave behind
  #node;

  /** A broker that can be talked to. */
  static async start() {
    const broker = new Broker();
    const [port, nodes, names] = [await freePort(), await freePort(), await freePort()];
    broker.url = `amqp://guest:guest@127.0.0.1:${port}/`;
    const file = (name) => join(broker.#folder, name);
    writeFileSync(file("rabbitmq.conf"), `listeners.tcp.1 = 127.0.0.1:${port}\n`);
    writeFileSync(file("plugins"), "[].\n");
    broker.#env = {
      PATH: process.env.PATH,
      HOME: broker.#folder,
      ERL_EPMD_PORT: `${names}`,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_NODENAME: `siokit-${process.pid}@localhost`,
      RABBITMQ_DIST_PORT: `${nodes}`,
      RABBITMQ_MNESIA_BASE: file("mnesia"),
      RABBITMQ_LOG_BASE: file("log"),
      RABBITMQ_LOGS: "-",
      RABBITMQ_PID_FILE: file("pid"),
      RABBITMQ_CONFIG_FILE: file("rabbitmq"),
      RABBITMQ_ENABLED_PLUGINS_FILE: file("plugins"),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    };
    const epmd = ["-port", `${names}`, "-address", "127.0.0.1"];
    broker.#names = spawn("epmd", epmd, { stdio: "ignore" }).on("error", () => {});
    process.once("exit", broker.#end);
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1)); // else it would outlive us
    try {
      await broker.restart();
    } catch (error) {
      broker.#leave();
      throw error;
    }
    return broker;
  }

  /** Starts it again, with what it has kept. */
  async restart() {
    let log = "";
    const node = (this.#node = spawn(program, { env: this.#env, detached: true, stdio: ["ignore", "pipe", "pipe"] }));
    const started = new Promise((resolve, reject) => {
      for (const stream of [node.stdout, node.stderr]) {
        stream.setEncoding("utf8").on("data", (text) => {
          log = (log + text).slice(-20000);
          if (log.includes("Server startup complete")) resolve();
        });
      }
      node.once("error", reject);
      node.once("exit", (code, signal) => reject(new Error(`${program} ended with ${code ?? signal}\n${log}`)));
    });
    await within(started, "start of RabbitMQ", patience).catch((error) => {
      throw new Error(`${error.message}\n${log}`);
    });
  }

  /** As when the power fails. */
  async kill() {
    const ended = once(this.#node, "close");
    process.kill(-this.#node.pid, "SIGKILL"); // a group: its first process is a shell
    await within(ended, "end of RabbitMQ");
  }

  #end = () => {
    try {
      process.kill(-this.#node.pid, "SIGKILL");
    } catch {
      // it has ended already, or never began
    }
    this.#names.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  };

  /** Nothing of it stays, also when it has not begun well. */
  #leave() {
    process.removeListener("exit", this.#end);
    this.#end();
  }

  async stop() {
    if (this.#node?.exitCode === null && this.#node.signalCode === null) await this.kill();
    this.#leave();
  }
}
