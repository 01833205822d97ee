// What a server at work asks of the heap: nothing.
#include <gtest/gtest.h>

#include "siokit/siokit.hpp"
#include "unit/heap.hpp"

namespace hub_allocations_test {

using namespace siokit;
using namespace std::chrono_literals;
using conformance::heap;
using conformance::heap_log;
using conformance::heap_since;

/// A server with one client on a WebSocket, who has joined "/". Its own bytes are never copied.
struct host {
  engineio::server engine{{}};
  hub::server io{engine, {}, [](std::span<std::uint8_t, 12> out) { std::fill(out.begin(), out.end(), 1); }};
  handle session;
  time_point now{1h};
  std::size_t sent = 0;

  host() {
    engine.request(exchange{1}, {"GET", "/engine.io/?EIO=4&transport=websocket", {}, "10.0.0.1", false, true},
                   now);
    io.drain(now);
    session = engine.poll_response()->session;
    static_cast<void>(engine.wire_opened(session, wire{1}, now));
    say("40");
  }
  /// A burst: all of it is handled before anything is sent.
  void say(std::string_view packet, int times = 1) {
    for (int i = 0; i < times; ++i) {
      EXPECT_TRUE(engine.receive(session, wire{1}, {frame_kind::text, packet}, now));
      io.drain(now);
    }
    while (engine.poll_ready()) {
      while (auto const out = engine.poll_transmit(session, wire{1})) sent += out->data.frames().size();
    }
  }
};

/// How many allocations the second and every further round takes.
template <class Round>
std::size_t steady_cost(Round&& round) {
  round();
  heap_log const before = heap;
  for (int i = 0; i < 20; ++i) round();
  EXPECT_EQ(heap_since(before).allocations, heap_since(before).releases);
  return heap_since(before).allocations;
}

TEST(hub_allocations, an_acknowledged_event_costs_none) {
  host server;
  server.io.on("echo", [](args all, hub::ack reply) { reply(all); });
  server.io.on("say", [](std::string_view text, int number, hub::ack reply) { reply(text, number, true); });
  EXPECT_EQ(steady_cost([&] { server.say(R"(421["echo","0123456789abcdef",42])"); }), 0u);
  EXPECT_EQ(steady_cost([&] { server.say(R"(421["say","0123456789abcdef",42])"); }), 0u);
  EXPECT_EQ(steady_cost([&] { server.say(R"(421["echo","0123456789abcdef",42])", 16); }), 0u);
  EXPECT_GT(server.sent, 0u);
}

TEST(hub_allocations, an_event_to_one_and_a_broadcast_cost_none) {
  host server;
  server.io.on("ask", [](hub::socket& s, std::string_view text) { s.emit("told", text); });
  server.io.on("all", [](hub::socket& s, args all) { s.nsp().emit("told", all); });
  EXPECT_EQ(steady_cost([&] { server.say(R"(42["ask","0123456789abcdef"])", 4); }), 0u);
  EXPECT_EQ(steady_cost([&] { server.say(R"(42["all","0123456789abcdef"])", 4); }), 0u);
}

TEST(hub_allocations, a_large_answer_costs_its_block) {
  host server;
  server.io.on("echo", [](args all, hub::ack reply) { reply(all); });
  std::string const packet = R"(421["echo",")" + std::string(1000, 'x') + R"("])";
  EXPECT_EQ(steady_cost([&] { server.say(packet); }), 20u);
}

}  // namespace hub_allocations_test
