// Each promise of the handler rules: lifetimes, removal, reentrancy, exceptions, types.
#include <array>

#include "world.hpp"

namespace hub_handlers_test {

using namespace hub_test;
using hub::socket;

TEST(handlers, a_ref_outlives_its_socket) {
  world w;
  hub::socket_ref kept;
  w.io.of("/").use([&](socket& s, hub::next go_on) {
    if (s.handshake().auth() != "{}") kept = s.ref();
    go_on();
  });
  int const client = w.connect("/", R"({"keep":true})");
  static_cast<void>(w.heard(client));
  ASSERT_NE(kept.get(), nullptr);
  EXPECT_TRUE(kept.emit("hello", 1));
  EXPECT_EQ(w.heard(client), R"(42["hello",1])");
  w.leave(client);
  EXPECT_EQ(kept.get(), nullptr);
  EXPECT_EQ(kept.emit("hello").error().code, errc::gone);
  EXPECT_EQ(kept.disconnect().error().code, errc::gone);
  int const successor = w.guest();
  EXPECT_EQ(kept.emit("hello").error().code, errc::gone);
  EXPECT_EQ(w.heard(successor), "") << "nothing reaches whoever took the place";
}

TEST(handlers, a_ref_and_an_ack_outlive_the_server) {
  hub::socket_ref kept;
  std::optional<hub::ack> reply;
  {
    world w;
    w.io.on("x", [&](socket& s, hub::ack a) {
      kept = s.ref();
      reply.emplace(std::move(a));
    });
    w.say(w.guest(), R"(421["x"])");
    ASSERT_TRUE(kept);
  }
  EXPECT_EQ(kept.get(), nullptr);
  EXPECT_EQ((*reply)(1).error().code, errc::gone);
}

TEST(handlers, disconnect_inside_a_handler) {
  world w;
  std::string log;
  w.io.on("bye", [&](socket& s) {
    s.disconnect(true);
    log += s.connected() ? "still;" : "gone " + std::string(s.id().size() == 20 ? "but valid;" : "");
    EXPECT_EQ(s.emit("late").error().code, errc::not_connected);
    EXPECT_EQ(s.join("late").error().code, errc::not_connected);
    EXPECT_EQ(s.ref().get(), nullptr);
  });
  w.io.on("bye", [&](socket&) { log += "a second listener;"; });
  int const client = w.guest();
  w.say(client, R"(42["bye"])");
  EXPECT_EQ(log, "gone but valid;");
  EXPECT_EQ(w.heard(client), "41 shut");
}

TEST(handlers, disconnect_inside_connection_and_disconnect_handlers) {
  world w;
  int disconnects = 0;
  w.io.of("/").on_disconnect([&](socket& s, hub::disconnect_reason) {
    ++disconnects;
    s.disconnect(true);
  });
  w.io.on_connection([](socket& s) { s.disconnect(); });
  w.io.on_connection([](socket&) { FAIL() << "the socket is gone"; });
  EXPECT_EQ(w.heard(w.connect()), R"(40{"sid":"#"} 41)");
  EXPECT_EQ(disconnects, 1);
}

TEST(handlers, everybody_is_disconnected_inside_a_handler) {
  world w;
  int disconnects = 0;
  w.io.of("/").on_disconnect([&](socket&, hub::disconnect_reason) { ++disconnects; });
  w.io.on("all out", [&](socket& s) { s.nsp().disconnect_sockets(true); });
  std::array<int, 3> const clients{w.guest(), w.guest(), w.guest()};
  w.say(clients[1], R"(42["all out"])");
  EXPECT_EQ(disconnects, 3);
  EXPECT_EQ(w.io.connections(), 0u);
}

TEST(handlers, listeners_come_and_go_while_one_runs) {
  world w;
  std::string log;
  hub::listener_id first;
  hub::listener_id second;
  first = w.io.on("x", [&](socket&) {
    log += "first;";
    w.io.of("/").off(first);
    w.io.of("/").off(second);
    w.io.on("x", [&](socket&) { log += "third;"; });
  });
  second = w.io.on("x", [&](socket&) { log += "second;"; });
  int const client = w.guest();
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "first;") << "a removed listener does not run, a new one runs from the next event on";
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "first;third;");
}

TEST(handlers, once_off_and_any) {
  world w;
  std::string log;
  w.io.of("/").once("x", [&](socket&) { log += "once;"; });
  w.io.of("/").on_any([&](socket&, std::string_view event, args const& all) {
    log += "any " + std::string(event) + std::to_string(all.size()) + ";";
  });
  w.io.on_connection([&](socket& s) {
    s.on("x", [&](int n) { log += "own " + std::to_string(n) + ";"; });
    s.on_disconnect([&](socket&, hub::disconnect_reason) { log += "own end;"; });
  });
  int const client = w.guest();
  w.say(client, R"(42["x",1])");
  w.say(client, R"(42["x",2])");
  w.say(client, R"(42["\u0079"])");
  EXPECT_EQ(log, "any x1;once;own 1;any x1;own 2;any y0;");
  log.clear();
  w.io.of("/").find(w.id(client))->off("x");
  w.say(client, R"(42["x",3])");
  w.leave(client);
  EXPECT_EQ(log, "any x1;own end;");
}

TEST(handlers, catch_alls_in_front_and_their_end) {
  world w;
  int const client = w.connect();
  hub::socket& s = *w.io.of("/").find(w.id(client));
  std::string log;
  auto const tell = [&log](std::string_view who) {
    return [&log, who](socket&, std::string_view event, args const&) {
      log.append(who).append(" ").append(event).append(";");
    };
  };
  s.on_any(tell("first"));
  s.on_any([&](socket& to, std::string_view event, args const& all) {
    tell("adds")(to, event, all);
    if (event == "x") to.prepend_any(tell("front"));
  });
  s.on("x", [&] { log += "listener;"; });
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "first x;adds x;listener;") << "a walk does not see what is added before it";
  s.prepend_any(tell("very front"));
  log.clear();
  w.say(client, R"(42["y"])");
  EXPECT_EQ(log, "very front y;front y;first y;adds y;");

  s.off();
  log.clear();
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "very front x;front x;first x;adds x;");
  s.off_any();
  s.on("x", [&] { log += "listener;"; });
  log.clear();
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "listener;");

  w.io.of("/").on_any(tell("second of all"));
  w.io.prepend_any(tell("first of all"));
  log.clear();
  w.say(client, R"(42["z"])");
  EXPECT_EQ(log, "first of all z;second of all z;");
  w.io.off_any();
  s.on_any_outgoing(tell("sent"));
  s.prepend_any_outgoing(tell("sent first"));
  log.clear();
  s.emit("w");
  w.say(client, R"(42["z"])");
  EXPECT_EQ(log, "sent first w;sent w;");
  s.off_any_outgoing();
  log.clear();
  s.emit("w");
  w.say(client, R"(42["z"])");
  EXPECT_EQ(log, "");

  w.io.on_disconnect([&](socket&, hub::disconnect_reason) { log += "namespace;"; });
  s.on_disconnect([&](socket&, hub::disconnect_reason) { log += "socket;"; });
  s.off();
  w.io.off();
  w.say(client, "41");
  EXPECT_EQ(log, "");
}

TEST(handlers, arguments_are_read_by_their_types) {
  world w;
  std::string log;
  error seen;
  w.io.on_bad_arguments([&](socket&, std::string_view event, error e) {
    log += "bad " + std::string(event) + std::to_string(e.offset) + ";";
    seen = e;
  });
  w.io.on("typed", [&](std::string_view a, std::optional<int> b, std::vector<double> const& c) {
    log += std::string(a) + std::to_string(b.value_or(-1)) + std::to_string(c.size()) + ";";
  });
  int const client = w.guest();
  w.say(client, R"(42["typed","a",1,[1,2.5]])");
  w.say(client, R"(42["typed","esc\"aped\n",null,[]])");
  EXPECT_EQ(log, "a12;esc\"aped\n-10;");
  log.clear();
  w.say(client, R"(42["typed",5,1,[]])");
  EXPECT_EQ(seen.code, errc::wrong_argument_type);
  w.say(client, R"(42["typed","a",1])");
  EXPECT_EQ(seen.code, errc::missing_argument);
  w.say(client, R"(42["typed","a",99999999999,[]])");
  EXPECT_EQ(seen.code, errc::number_out_of_range);
  EXPECT_EQ(log, "bad typed0;bad typed2;bad typed1;");
}

TEST(handlers, data_is_kept_with_the_socket) {
  struct state {
    int count = 0;
  };
  world w;
  w.io.on("count", [](socket& s, hub::ack reply) { reply(++s.data<state>().count); });
  int const a = w.guest();
  int const b = w.guest();
  w.say(a, R"(421["count"])");
  w.say(a, R"(422["count"])");
  w.say(b, R"(421["count"])");
  EXPECT_EQ(w.heard(a) + "|" + w.heard(b), "431[1] 432[2]|431[1]");
}

TEST(handlers, closing_the_server_inside_a_handler) {
  world w;
  std::string log;
  w.io.of("/").on_disconnect(
      [&](socket&, hub::disconnect_reason why) { log += std::string(to_string(why)) + ";"; });
  w.io.on("stop", [&](socket& s) {
    w.io.close();
    EXPECT_FALSE(s.connected());
  });
  int const client = w.guest();
  int const other = w.guest();
  w.say(client, R"(42["stop"])");
  EXPECT_EQ(log, "server shutting down;server shutting down;");
  EXPECT_EQ(w.heard(other), "shut");
}

TEST(handlers, a_wake_is_asked_for_outside_a_turn) {
  world w;
  int wakes = 0;
  w.io.on_wake([&] {
    ++wakes;
    return w.now;
  });
  w.io.on("x", [](socket& s) { s.emit("y"); });
  int const client = w.guest();
  w.say(client, R"(42["x"])");
  EXPECT_EQ(wakes, 0) << "inside a turn the host pulls anyway";
  w.io.emit("news");
  EXPECT_GT(wakes, 0);
}

}  // namespace hub_handlers_test
