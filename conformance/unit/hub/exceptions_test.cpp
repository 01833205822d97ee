// What a handler may do to the hub by throwing: nothing.
#ifdef __cpp_exceptions
#include <stdexcept>

#include "world.hpp"

namespace hub_exceptions_test {

using namespace hub_test;
using hub::socket;

TEST(exceptions, leave_the_hub_usable) {
  world w;
  std::string log;
  w.io.on("throw", [](socket&) { throw std::runtime_error("oh"); });
  w.io.on("ok", [&](socket&) { log += "ok;"; });
  w.io.of("/").on_disconnecting([](socket&, hub::disconnect_reason) { throw std::runtime_error("oh"); });
  w.io.of("/").on_disconnect([&](socket&, hub::disconnect_reason) { log += "disconnect;"; });
  int const client = w.guest();
  int const other = w.guest();
  EXPECT_THROW(w.say(client, R"(42["throw"])"), std::runtime_error);
  EXPECT_EQ(w.io.running().get(), w.io.of("/").find(w.id(client)));
  w.say(client, R"(42["ok"])");
  w.say(other, R"(42["ok"])");
  EXPECT_EQ(log, "ok;ok;");
  EXPECT_THROW(w.leave(client), std::runtime_error);
  w.pump();
  EXPECT_EQ(w.io.of("/").size(), 1u);
  EXPECT_EQ(w.io.connections(), 1u);
  EXPECT_THROW(w.io.close(), std::runtime_error);
  w.pump();
  EXPECT_EQ(w.io.connections(), 0u);
  EXPECT_EQ(log, "ok;ok;disconnect;disconnect;") << "every socket ends once";
}

TEST(exceptions, keep_no_acknowledgement_waiting) {
  world w;
  std::string log;
  int const client = w.guest();
  auto* s = w.io.find(w.id(client));
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(s->emit("question", [&log, i](std::error_code, siokit::args) {
      log += std::to_string(i);
      throw std::runtime_error("oh");
    }));
  }
  s->on_disconnect([&](socket&, hub::disconnect_reason) { log += "disconnect"; });
  EXPECT_THROW(w.leave(client), std::runtime_error);
  for (int i = 0; i < 3; ++i) {
    try {
      w.pump();
    } catch (std::runtime_error const&) {
    }
  }
  EXPECT_EQ(log, "012disconnect");
}

TEST(exceptions, of_who_hears_of_outgoing_events_lose_no_answer) {
  world w;
  int const client = w.guest();
  w.io.find(w.id(client))->on_any_outgoing([](socket&, std::string_view, siokit::args const&) {
    throw std::runtime_error("oh");
  });
  std::string log;
  EXPECT_THROW(
      static_cast<void>(w.io.emit(
          "ask", [&](std::error_code, hub::responses const& all) { log = std::to_string(all.size()); })),
      std::runtime_error);
  w.say(client, "430[1]");
  EXPECT_EQ(log, "1");
}

TEST(exceptions, do_not_keep_a_connection_open) {
  world w;
  w.io.on_disconnect([](socket&, hub::disconnect_reason) { throw std::runtime_error("oh"); });
  w.io.on("bye", [](socket& s) { s.disconnect(true); });
  int const client = w.guest();
  EXPECT_THROW(w.say(client, R"(42["bye"])"), std::runtime_error);
  EXPECT_EQ(w.heard(client), "41 shut");
}

TEST(exceptions, are_the_fault_of_whose_handler_it_is) {
  world w;
  w.io.on("x", [](socket&) {});
  int const bystander = w.guest();
  w.io.allow_request([](auto const&, hub::admission) { throw std::runtime_error("oh"); });
  w.say(bystander, R"(42["x"])");
  EXPECT_FALSE(w.io.running()) << "no handler runs";
  EXPECT_THROW(w.open(), std::runtime_error);
  EXPECT_FALSE(w.io.running());
  w.io.on("hurt", [&](socket&) { w.io.find(w.id(bystander))->disconnect(); });
  w.io.on("after", [&](socket& s) {
    w.io.of("/other").emit("x");
    EXPECT_EQ(w.io.running().get(), &s);
  });
  w.say(bystander, R"(42["after"])");
  try {
    w.io.in_turn([] { throw std::runtime_error("oh"); });
  } catch (std::runtime_error const&) {
    EXPECT_FALSE(w.io.running());
  }
}

TEST(exceptions, of_a_client_that_a_destructor_refuses_come_later) {
  world w;
  std::string log;
  w.io.use([&](socket& s, hub::next) {
    static_cast<void>(s.emit("question", [&](std::error_code, siokit::args) {
      log += "answer;";
      throw std::runtime_error("oh");
    }));
  });
  int const client = w.open();
  EXPECT_THROW(w.join(client), std::runtime_error);
  EXPECT_EQ(log, "answer;");
  EXPECT_EQ(w.heard(client), R"(420["question"] 44{"message":"refused"})");
  std::optional<hub::next> kept;
  w.io.of("/late").use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  int wakes = 0;
  w.io.on_wake([&] {
    ++wakes;
    return w.now;
  });
  w.join(client, "/late");
  kept.reset();
  EXPECT_EQ(wakes, 1) << "outside a turn";
  EXPECT_EQ(w.heard(client), R"(44/late,{"message":"refused"})");
}

}  // namespace hub_exceptions_test
#endif
