// The application `agent` with its engine behind a real RabbitMQ: what goes there and comes from there, and that
// nothing is lost.
// RABBITMQ_SERVER=path for another rabbitmq-server than Debian's.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import amqp from "amqplib";
import { answerTo, eventOf, health, nextError, node, open, post } from "./agent.mjs";
import { Server, app, atEnd, cleanUp, eventually, freePort, official } from "./harness.mjs";
import { Broker } from "./rabbitmq.mjs";
import { runSnippet } from "./snippets.mjs";

const exchange = "srvthreds.events";
const messages = `srvthreds.messages.${node}`;
const skip = (official || process.env.SIOKIT_URL) && "an application of siokit-server"; // as app() does
const long = 30000; // until a broker has started and was found again

/** The engine's side: keeps the events that come to a queue of its own, and says what it is told to. */
class Engine {
  events = [];
  #url;
  #connection;
  #channel;

  constructor(url) {
    this.#url = url;
  }

  async connect() {
    this.#connection = await amqp.connect(this.#url);
    this.#connection.on("error", () => {}); // a broker that is killed
    this.#channel = await this.#connection.createConfirmChannel();
    this.#channel.on("error", () => {});
    const { queue } = await this.#channel.assertQueue("engine", { durable: true });
    await this.#channel.bindQueue(queue, exchange, "#");
    await this.#channel.consume(queue, (delivery) => {
      this.events.push({ ...delivery.fields, ...delivery.properties, event: JSON.parse(delivery.content) });
      this.#channel.ack(delivery);
    });
  }

  async say(message, queue = messages) {
    const content = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
    this.#channel.sendToQueue(queue, content, { persistent: true });
    await this.#channel.waitForConfirms();
  }

  /** How many messages of a queue nobody has acknowledged. Asks in a channel of its own, which a wrong name ends. */
  async waiting(queue = messages) {
    const channel = await this.#connection.createChannel();
    channel.on("error", () => {});
    const { messageCount } = await channel.checkQueue(queue);
    await channel.close();
    return messageCount;
  }

  /** The declaration of an exchange or a queue that is there already must be the same. */
  async declaredAs(declare) {
    const channel = await this.#connection.createChannel();
    await declare(channel);
    await channel.close();
  }

  got(id) {
    return eventually(() => this.events.find(({ event }) => event.id === id), `event ${id} at the engine`);
  }

  close() {
    return this.#connection.close().catch(() => {});
  }
}

describe("agent with RabbitMQ", { skip }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  afterEach(cleanUp);
  after(() => broker?.stop());

  const options = () => ["--broker", broker.url];

  app(
    "agent",
    (server) => {
      let engine;
      before(async () => {
        await eventually(async () => (await health(server)).engine.connected, "connection of the agent", long);
        engine = new Engine(broker.url);
        await engine.connect();
      });
      after(() => engine?.close());

      /** Its sessionId, which the first message tells. */
      const sessionOf = async (socket, participantId) => {
        const event = eventOf(participantId);
        await engine.say({ event, to: [{ participantId }] });
        const { to } = await answerTo(socket, event);
        socket.messages.length = 0;
        return to[0].sessionId;
      };

      /** Waits until all that was said before has come to these sockets of a participant. */
      const flush = async (participantId, ...sockets) => {
        const event = eventOf(participantId);
        await engine.say({ event, to: [{ participantId }] });
        for (const socket of sockets) await answerTo(socket, event);
      };
      const ids = (socket) => socket.messages.map(({ event }) => event.id);

      test("exchange and queue are durable", async () => {
        await engine.declaredAs((channel) => channel.assertExchange(exchange, "topic", { durable: true }));
        await engine.declaredAs((channel) => channel.assertQueue(messages, { durable: true }));
      });

      test("an event goes out as it is, its type being the routing key", async () => {
        const socket = await open(server, "p-out");
        const event = eventOf("p-out", { type: "user.typed.\u00e4", data: { text: "\u{1F600}\u0000" }, more: [1] });
        socket.emit("message", event);
        const got = await engine.got(event.id);
        assert.deepEqual(got.event, event);
        assert.deepEqual([got.exchange, got.routingKey, got.deliveryMode], [exchange, event.type, 2]);
        assert.equal(got.contentType, "application/json");
        assert.deepEqual(socket.messages, []); // the engine alone answers
        const posted = eventOf("p-out");
        assert.deepEqual(await post(server, posted), { status: 202, body: { id: posted.id } });
        await engine.got(posted.id);
      });

      test("types of every kind are routing keys", async () => {
        const socket = await open(server, "p-type");
        for (const type of ["t".repeat(255), "#", "a.*", "\u0000", " ", "\u00e4".repeat(127)]) {
          const event = eventOf("p-type", { type });
          socket.emit("message", event);
          assert.equal((await engine.got(event.id)).routingKey, type);
        }
        assert.equal((await health(server)).engine.connected, true);
      });

      test("a bad event does not go out", async () => {
        const socket = await open(server, "p-bad");
        const event = eventOf("p-bad", { timestamp: "now" });
        const good = eventOf("p-bad");
        socket.emit("message", event);
        assert.equal((await nextError(socket)).code, "INVALID_EVENT");
        socket.emit("message", good);
        await engine.got(good.id);
        assert.equal(engine.events.some((got) => got.event.id === event.id), false);
      });

      test("a message goes to its participants, each connection once", async () => {
        const [one, two, other] = await Promise.all(["p-a", "p-a", "p-b"].map((name) => open(server, name)));
        const event = eventOf("somebody", { data: 1 });
        const to = ["p-a", "p-b", "p-a", "gone"].map((participantId) => ({ participantId }));
        await engine.say({ event, to, data: { message: "hello" }, more: true });
        for (const socket of [one, two, other]) {
          const { event: same, data, more } = await answerTo(socket, event);
          assert.deepEqual([same, data, more], [event, { message: "hello" }, true]);
        }
        assert.match(other.messages[0].to[1].sessionId, /^p-b_\d{13}$/);
        assert.deepEqual([other.messages[0].to[0], other.messages[0].to[3]], [to[0], to[3]]); // of others: as it was
        await flush("p-a", one, two);
        assert.deepEqual([one.messages.length, two.messages.length, other.messages.length], [2, 2, 1]);
      });

      test("a message for a session goes there, and to connections in proxy mode", async () => {
        const proxy = { extraHeaders: { "x-proxy-message": "true" } };
        const [one, two, all, stranger] = await Promise.all([
          open(server, "p-s"),
          open(server, "p-s"),
          open(server, "p-s", proxy),
          open(server, "p-t", proxy),
        ]);
        const sessionId = await sessionOf(one, "p-s");
        await flush("p-s", one, two, all);
        for (const socket of [one, two, all]) socket.messages.length = 0;
        const event = eventOf("p-s");
        const address = { participantId: "p-s", sessionId };
        await engine.say({ event, to: [address] });
        await flush("p-s", one, two, all);
        assert.ok(ids(one).includes(event.id) && ids(all).includes(event.id));
        assert.deepEqual([one.messages.length, two.messages.length, all.messages.length], [2, 1, 2]);
        assert.deepEqual(all.messages[0].to, [address]);
        assert.deepEqual(stranger.messages, []);
      });

      test("the snippet of proxy mode", async () => {
        const snippet = await runSnippet("3-agent-proxy.js", server.url, {
          before: 'import { io } from "socket.io-client";',
          after: `socket.on("connect", () => console.log("is there"));
            socket.on("message", ({ event, to }) => console.log("got", event.id, to[0].sessionId));`,
        });
        await snippet.wrote("is there");
        const event = eventOf("engine");
        await engine.say({ event, to: [{ participantId: "participant-123", sessionId: "participant-123_1" }] });
        await snippet.wrote(`got ${event.id} participant-123_1`);
      });

      test("null is an absent sessionId and nodeId", async () => {
        const socket = await open(server, "p-null");
        const event = eventOf("p-null");
        await engine.say({ event, to: [{ participantId: "p-null", sessionId: null, nodeId: null }] });
        const { to } = await answerTo(socket, event);
        assert.match(to[0].sessionId, /^p-null_\d{13}$/);
        assert.equal(to[0].nodeId, node);
      });

      test("a message for another node is not delivered here", async () => {
        const socket = await open(server, "p-n");
        const [there, here] = [eventOf("p-n"), eventOf("p-n")];
        await engine.say({ event: there, to: [{ participantId: "p-n", nodeId: "org.wt.session2" }] });
        await engine.say({ event: here, to: [{ participantId: "p-n", nodeId: node }] });
        await answerTo(socket, here);
        assert.deepEqual(ids(socket), [here.id]);
      });

      test("what is no message is dropped, and the rest goes on", async () => {
        const socket = await open(server, "p-m");
        const event = eventOf("p-m");
        const to = [{ participantId: "p-m" }];
        for (const message of [
          "",
          "no JSON",
          "[".repeat(100000),
          5,
          { event },
          { to },
          { event, to: [] },
          { event, to: "p-m" },
          { event, to: [{}] },
          { event, to: [{ participantId: "p-m", sessionId: 5 }] },
          { event: { ...event, id: 5 }, to },
          { event, to: [{ participantId: "nobody" }] },
        ]) {
          await engine.say(message);
        }
        const good = eventOf("p-m");
        await engine.say({ event: good, to });
        await answerTo(socket, good);
        assert.deepEqual(ids(socket), [good.id]);
        await eventually(async () => (await engine.waiting()) === 0, "acknowledgement of all");
      });

      for (const name of ["3-agent-node.js", "3-agent-python.py"]) {
        test(`the snippet ${name}`, async () => {
          const known = engine.events.length;
          const snippet = await runSnippet(name, server.url);
          await snippet.wrote("Connected to SrvThreds!");
          const mine = () => engine.events.slice(known).find(({ event }) => event.source.id === "participant-123");
          const { event } = await eventually(mine, "event of the snippet");
          await engine.say({ event, to: [{ participantId: "participant-123" }], data: { confirmationId: "conf-789" } });
          await snippet.wrote("Received from server:");
          await snippet.wrote("conf-789");
        });
      }

      test("a queue that is deleted is made again", async () => {
        await engine.declaredAs((channel) => channel.deleteQueue(messages));
        const socket = await open(server, "p-d");
        const there = () => engine.waiting().then(() => true, () => false);
        await eventually(there, "queue", long);
        const event = eventOf("p-d");
        await engine.say({ event, to: [{ participantId: "p-d" }] });
        await answerTo(socket, event);
      });

      test("an event that is refused is sent again, in growing pauses", { timeout: 60000 }, async () => {
        const refusing = { arguments: { "x-max-length": 0, "x-overflow": "reject-publish" } };
        await engine.declaredAs(async (channel) => {
          await channel.assertQueue("refusing", refusing);
          await channel.bindQueue("refusing", exchange, "refused");
        });
        const refusals = () => server.log.split("BASIC_NACK").length - 1;
        const begin = Date.now();
        const event = eventOf("p-r", { type: "refused" });
        assert.equal((await post(server, event)).status, 202);
        await eventually(() => refusals() >= 5, "the fifth refusal", long);
        assert.ok(Date.now() - begin >= 1500, "four pauses, each twice as long as that before"); // 100 ms at first
        assert.equal((await health(server)).engine.pending, 1);
        await engine.declaredAs((channel) => channel.deleteQueue("refusing"));
        await eventually(async () => (await health(server)).engine.pending === 0, "confirmation", long);
        await engine.got(event.id);
      });

      test("the broker is killed: all events arrive, in order; messages flow again", { timeout: 90000 }, async () => {
        const senders = await Promise.all(["p-k1", "p-k2"].map((participant) => open(server, participant)));
        const sent = [[], []];
        let number = 0;
        const send = () =>
          senders.forEach((socket, i) => {
            const event = eventOf(`p-k${i + 1}`, { type: "order.kept", data: { number: ++number } });
            sent[i].push(event.id);
            socket.emit("message", event);
          });
        const send100 = () => Array.from({ length: 100 }).forEach(send);
        send100();
        await engine.got(sent[0][20]);
        send100();
        await broker.kill(); // while it has some, has confirmed some, and is being sent others
        send100();
        await eventually(async () => !(await health(server)).engine.connected, "end of the connection");
        assert.equal((await health(server)).status, "degraded");
        const late = eventOf("p-k1", { type: "order.kept" });
        sent[0].push(late.id);
        assert.equal((await post(server, late)).status, 202);
        await broker.restart();
        send100();
        await engine.connect();
        await eventually(async () => (await health(server)).engine.pending === 0, "confirmation of all", long);
        const arrived = (i) => {
          const his = engine.events.filter(({ event }) => event.source.id === `p-k${i + 1}`);
          return [...new Set(his.map(({ event }) => event.id))];
        };
        for (const i of [0, 1]) {
          await eventually(() => arrived(i).length === sent[i].length, `all events of p-k${i + 1}`, long);
          const posted = (id) => id !== late.id; // by another way than the others of this participant
          assert.deepEqual(arrived(i).filter(posted), sent[i].filter(posted));
        }
        const event = eventOf("p-k1");
        await engine.say({ event, to: [{ participantId: "p-k1" }] });
        await answerTo(senders[0], event);
        assert.deepEqual([...senders[0].errors, ...senders[1].errors], []);
      });
    },
    { title: "agent with --broker", options },
  );

  test("an event that no queue takes is told and counted", { timeout: 60000 }, async () => {
    const server = await Server.startApp("agent", [...options(), "--node", "unrouted"]);
    atEnd(() => server.kill());
    await eventually(async () => (await health(server)).engine.connected, "connection of the agent", long);
    const engine = new Engine(broker.url);
    await engine.connect();
    await engine.declaredAs((channel) => channel.unbindQueue("engine", exchange, "#"));
    assert.equal((await post(server, eventOf("p-u"))).status, 202);
    await eventually(async () => (await health(server)).engine.unrouted === 1, "count");
    await eventually(() => /no queue that takes them is bound to the exchange srvthreds\.events/.test(server.log), "line in the log");
    await engine.close();
    await server.stop();
  });

  test("events that came last are with the broker when the server has ended", { timeout: 60000 }, async () => {
    const other = "srvthreds.messages.other";
    const server = await Server.startApp("agent", [...options(), "--node", "other"]);
    atEnd(() => server.kill());
    await eventually(async () => (await health(server)).engine.connected, "connection of the agent", long);
    const engine = new Engine(broker.url);
    await engine.connect();
    const socket = await open(server, "p-end");
    const sent = Array.from({ length: 200 }, () => eventOf("p-end"));
    for (const event of sent) socket.emit("message", event);
    const last = eventOf("p-end", { type: "" });
    socket.emit("message", last);
    await nextError(socket); // the server has read all of them, the broker has not
    await server.stop();
    await engine.got(sent.at(-1).id);
    const mine = engine.events.filter(({ event }) => event.source.id === "p-end").map(({ event }) => event.id);
    assert.deepEqual(mine, sent.map(({ id }) => id));
    assert.equal(await engine.waiting(other), 0);
    await engine.close();
  });
});

describe("agent without its broker", { skip }, () => {
  afterEach(cleanUp);

  test("so many events are kept, then the sender is told; the end comes in time", async () => {
    const port = await freePort();
    const server = await Server.startApp("agent", ["--broker", `amqp://127.0.0.1:${port}`, "--broker-backlog", "3"]);
    atEnd(() => server.kill());
    const socket = await open(server, "p-1");
    for (let i = 0; i < 3; ++i) assert.equal((await post(server, eventOf("p-1"))).status, 202);
    const event = eventOf("p-1");
    socket.emit("message", event);
    const error = await nextError(socket);
    assert.deepEqual([error.code, error.eventId], ["ENGINE_BUSY", event.id]);
    assert.deepEqual(await post(server, event), { status: 503, body: error });
    const { status, engine } = await health(server);
    assert.deepEqual([status, engine], ["degraded", { kind: "rabbitmq", connected: false, pending: 3, unrouted: 0 }]);
    await server.stop();
  });
});
