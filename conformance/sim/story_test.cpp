// Stories told in each run of the tests, and what makes them worth telling.
#include "sim/story.hpp"

#include <gtest/gtest.h>

#include "sim/ledger.hpp"
#include "siokit/sim/client.hpp"
#include "siokit/sim/server.hpp"
#include "unit/heap.hpp"

namespace story_test {

using namespace siokit;
using namespace std::chrono_literals;
using sim_test::ledger;

TEST(story, promises_are_kept_and_every_compiler_tells_the_same) {
  std::uint64_t traces = 0, lifetimes = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    auto const told = sim_test::tell(seed);
    for (auto const& fault : told.faults) ADD_FAILURE() << "seed " << seed << ": " << fault;
    traces = traces * 31 + told.trace;
    lifetimes += told.lifetimes;
  }
  EXPECT_GT(lifetimes, 1000u);
  EXPECT_EQ(traces,
            13547747890691105460u);  // of today; it changes with whatever changes what is sent, or when
}

TEST(story, nothing_is_left_on_the_heap) {
  static_cast<void>(sim_test::tell(1));  // what is made once and kept
  for (std::uint64_t seed = 2; seed <= 12; ++seed) {
    auto const before = conformance::heap;
    static_cast<void>(sim_test::tell(seed));
    auto const used = conformance::heap_since(before);
    EXPECT_GT(used.allocations, 1000u);
    EXPECT_EQ(used.allocations, used.releases) << "seed " << seed;
  }
}

// Memory that grows with what has been, not with what is there, would show as blocks that stay.
TEST(story, a_server_whose_clients_have_gone_is_as_large_as_before) {
  sim::world world(7);
  sim::server server(world, {.path = "/socket.io/"}, {.connection_state_recovery = hub::recovery_config{}});
  server.io().on("echo", [](hub::socket& s, socketio::args const& all, hub::ack reply) {
    static_cast<void>(s.join("room"));
    static_cast<void>(s.server().emit("news", all));
    reply(all);
  });
  socketio::client_config const config;
  auto const storm = [&] {
    auto const before = conformance::heap;
    std::vector<std::unique_ptr<sim::client>> clients;
    for (int i = 0; i < 50; ++i) {
      clients.push_back(std::make_unique<sim::client>(world, config, [&] {
        ref<sim::connection> line(new sim::connection(world, {}));
        server.accept(line);
        return line;
      }));
      auto& s = clients.back()->io().socket();
      s.connect();
      static_cast<void>(s.emit("echo", i, [](int) {}));
    }
    world.run_for(5s);
    EXPECT_EQ(server.io().size(), 50u);
    for (std::size_t i = 0; i < 25; ++i) clients[i]->io().close();
    clients = decltype(clients)();  // the others die
    world.run_for(10min);
    EXPECT_EQ(server.engine().size(), 0u);
    EXPECT_EQ(server.connections(), 0u);
    auto const used = conformance::heap_since(before);
    return static_cast<long>(used.allocations) - static_cast<long>(used.releases);
  };
  storm();  // tables take the size they need
  long kept = 0;
  for (int i = 0; i < 5; ++i) kept += storm();
  EXPECT_LE(kept, 0) << "blocks that stay";
}

TEST(ledger, an_event_that_is_missing_or_comes_twice_is_a_fault) {
  ledger l;
  auto const line = l.new_line(false);
  for (std::uint64_t number = 1; number <= 4; ++number) l.sent(line, l.next_event(line));
  l.received(line, 1, 1);
  l.received(line, 2, 1);
  EXPECT_TRUE(l.faults().empty());
  l.received(line, 2, 1);
  EXPECT_EQ(l.faults().size(), 1u) << "twice";
  l.received(line, 4, 1);
  EXPECT_EQ(l.faults().size(), 2u) << "behind a gap";
}

TEST(ledger, what_a_broken_connection_took_with_it_is_no_fault_but_what_was_kept_is) {
  ledger l;
  auto const line = l.new_line(false);
  l.sent(line, l.next_event(line));
  l.left(line);
  static_cast<void>(l.next_event(line));
  auto const third = l.next_event(line);
  EXPECT_TRUE(l.faults().empty());
  l.sent(line, third);
  EXPECT_EQ(l.faults().size(), 1u) << "the second one was emitted, and never sent";
}

TEST(ledger, an_event_belongs_to_its_stay) {
  ledger l;
  auto const line = l.new_line(false);
  l.greeted(line, 1);
  l.sent(line, l.next_event(line));
  l.left(line);
  l.greeted(line, 2);
  l.sent(line, l.next_event(line));
  l.received(line, 1, 1);
  l.received(line, 2, 2);
  EXPECT_TRUE(l.faults().empty());
  l.sent(line, l.next_event(line));
  l.left(line);
  l.greeted(line, 3);
  l.received(line, 3, 3);
  EXPECT_EQ(l.faults().size(), 1u) << "sent in the second one";
}

TEST(ledger, with_retries_nothing_may_be_left_out) {
  ledger l;
  auto const line = l.new_line(true);
  for (std::uint64_t number = 1; number <= 3; ++number) l.sent(line, l.next_event(line));
  l.sent(line, 3);
  l.received(line, 1, 1);
  l.received(line, 1, 1);
  EXPECT_TRUE(l.faults().empty());
  l.received(line, 3, 1);
  EXPECT_EQ(l.faults().size(), 1u);
}

TEST(ledger, a_question_is_settled_once) {
  ledger l;
  auto const question = l.asked(1);
  l.settled(question);
  l.settled(question);
  EXPECT_EQ(l.faults().size(), 1u);
  static_cast<void>(l.asked(1));
  l.expect_no_open_questions();
  EXPECT_EQ(l.faults().size(), 2u);
}

/// One end that keeps what it hears.
struct end final : sim::connection_end {
  void on_bytes(std::span<char> bytes) override { heard.append(bytes.data(), bytes.size()), ++pieces; }
  void on_room() override { room = true; }
  void on_closed() override { closed = true; }
  std::string heard;
  int pieces = 0;
  bool room = false, closed = false;
};
struct pair {
  explicit pair(sim::line how = {}) : line(new sim::connection(world, how)) {
    line->listen(sim::connection::end::client, &client);
    line->listen(sim::connection::end::server, &server);
  }
  std::size_t write(std::string_view bytes) { return line->write(sim::connection::end::client, bytes); }
  sim::world world{3};
  end client, server;
  ref<sim::connection> line;
};

TEST(connection, bytes_come_in_pieces_and_in_order) {
  pair p({.latency_max = 1s, .segment_max = 7});
  std::string const text(500, 'x');
  EXPECT_EQ(p.write("begin" + text + "end"), 508u);
  p.world.run_for(1min);
  EXPECT_EQ(p.server.heard, "begin" + text + "end");
  EXPECT_GT(p.server.pieces, 70);
}

TEST(connection, who_is_not_read_may_not_write_on) {
  pair p({.window = 100});
  p.line->read(sim::connection::end::server, false);
  EXPECT_EQ(p.write(std::string(300, 'x')), 100u);
  EXPECT_EQ(p.write("more"), 0u);
  p.world.run_for(1h);
  EXPECT_TRUE(p.server.heard.empty());
  EXPECT_FALSE(p.client.room);
  p.line->read(sim::connection::end::server, true);
  p.world.run_for(1s);
  EXPECT_TRUE(p.client.room);
  EXPECT_EQ(p.server.heard.size(), 100u);
}

TEST(connection, what_was_written_arrives_before_the_end) {
  pair p;
  p.write("last words");
  p.line->close(sim::connection::end::client);
  p.world.run_for(1s);
  EXPECT_EQ(p.server.heard, "last words");
  EXPECT_TRUE(p.server.closed);
  EXPECT_FALSE(p.client.closed) << "it has closed it itself";
}

TEST(connection, a_cut_takes_what_is_under_way_and_may_be_silent) {
  pair p;
  p.write("lost");
  p.line->cut(false, true);
  p.world.run_for(1h);
  EXPECT_TRUE(p.server.heard.empty());
  EXPECT_TRUE(p.server.closed);
  EXPECT_FALSE(p.client.closed);
  EXPECT_EQ(p.write("nobody hears"), 12u);
}

TEST(connection, a_line_that_stalls_goes_on_later) {
  pair p;
  p.line->stall_until(p.world.now() + 10s);
  p.write("late");
  p.world.run_for(9s);
  EXPECT_TRUE(p.server.heard.empty());
  p.world.run_for(2s);
  EXPECT_EQ(p.server.heard, "late");
}

}  // namespace story_test
