// A client that does not read, and what an application sees of it.
#include "hub/world.hpp"

namespace slow_consumer_test {

using namespace hub_test;

constexpr auto drop = hub::slow_consumer::drop;

TEST(slow_consumer, what_waits_can_be_asked) {
  world w;
  static_cast<void>(w.io.of("/chat"));
  int const client = w.guest();
  socket* const s = w.io.find(w.id(client));
  w.join(client, "/chat");
  static_cast<void>(w.heard(client));
  EXPECT_EQ(s->bytes_queued(), 0u);
  EXPECT_TRUE(s->emit("a", std::string(1000, 'x')));
  EXPECT_EQ(s->messages_queued(), 1u);
  EXPECT_GT(s->bytes_queued(), 1000u);
  EXPECT_TRUE(w.io.of("/chat").emit("a"));
  EXPECT_EQ(s->messages_queued(), 2u) << "the queue is that of the connection";
  w.pump();
  EXPECT_EQ(s->messages_queued(), 0u);
  EXPECT_EQ(s->bytes_queued(), 0u);
}

TEST(slow_consumer, is_disconnected) {
  world w({}, {.outbox_messages_max = 2});
  std::string log;
  int const client = w.guest();
  socket* const s = w.io.find(w.id(client));
  s->on_disconnect([&](socket& gone, disconnect_reason why) {
    log += std::string(to_string(why)) + " " + std::string(name_of(gone.last_error().code));
  });
  EXPECT_TRUE(s->emit("a"));
  EXPECT_TRUE(s->emit("b"));
  EXPECT_EQ(s->emit("c").error().code, errc::outbox_full);
  w.pump();
  EXPECT_EQ(log, "transport error outbox_full");
}

TEST(slow_consumer, misses_events_that_find_no_room) {
  world w({.slow_consumer = drop}, {.outbox_messages_max = 2});
  int const slow = w.guest();
  socket* const s = w.io.find(w.id(slow));
  EXPECT_TRUE(s->emit("a"));
  EXPECT_TRUE(s->emit("b"));
  auto const third = s->emit("c");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error(), (error{errc::outbox_full, side::remote, 0}));
  int called = 0;
  EXPECT_FALSE(s->emit("d", [&](std::error_code) { ++called; }));
  EXPECT_TRUE(w.io.emit("e")) << "broadcasts pass him by";
  EXPECT_EQ(w.heard(slow), R"(42["a"] 42["b"])");
  EXPECT_TRUE(s->emit("f"));
  EXPECT_EQ(w.heard(slow), R"(42["f"])");
  EXPECT_EQ(called, 0);
}

TEST(slow_consumer, does_not_keep_events_from_others) {
  world w({.slow_consumer = drop}, {.outbox_messages_max = 1});
  int const slow = w.guest();
  int const other = w.guest();
  EXPECT_TRUE(w.io.find(w.id(slow))->emit("a"));
  EXPECT_TRUE(w.io.emit("b"));
  EXPECT_EQ(w.heard(slow), R"(42["a"])");
  EXPECT_EQ(w.heard(other), R"(42["b"])");
}

TEST(slow_consumer, that_is_asked_among_others_fails_for_himself) {
  world w({.slow_consumer = drop}, {.outbox_messages_max = 1});
  int const slow = w.guest();
  int const other = w.guest();
  std::string log;
  EXPECT_TRUE(w.io.find(w.id(slow))->emit("a"));
  EXPECT_TRUE(w.io.timeout(1s).emit("q", [&](std::error_code why, responses const& all) {
    log += why.message() + ", answers: " + std::to_string(all.size());
  }));
  EXPECT_EQ(w.heard(other), R"(420["q"])");
  w.say(other, "430[1]");
  EXPECT_EQ(log, std::string(to_string(errc::outbox_full)) + ", answers: 1");
}

TEST(slow_consumer, volatile_events_never_wait_so_that_none_is_an_error) {
  world w({.slow_consumer = drop}, {.outbox_messages_max = 1});
  socket* const s = w.io.find(w.id(w.guest()));
  EXPECT_TRUE(s->emit("a"));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(s->volatile_().emit("b"));
  EXPECT_EQ(s->messages_queued(), 1u);
}

TEST(slow_consumer, is_disconnected_for_an_acknowledgement_without_room) {
  world w({.slow_consumer = drop}, {.outbox_messages_max = 2});
  std::string log;
  w.io.on_disconnect([&](socket& gone, disconnect_reason) { log += name_of(gone.last_error().code); });
  w.io.on("flood", [](socket& s, ack reply) {
    while (s.emit("a")) continue;
    static_cast<void>(reply());
  });
  int const client = w.guest();
  w.say(client, R"(421["flood"])");
  w.pump();
  EXPECT_EQ(log, "outbox_full");
}

}  // namespace slow_consumer_test
