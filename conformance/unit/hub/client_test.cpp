#include "siokit/hub/client.hpp"

#include <gtest/gtest.h>

#include "siokit/siokit.hpp"
#include "unit/link.hpp"

namespace hub_client_test {

using namespace siokit;
using namespace std::chrono_literals;
using hub::client_socket;

/// A client and a server of hubs, linked in memory.
struct world {
  socketio::client_config config{.engine = {.path = "/socket.io/", .transports = {transport::websocket}}};
  engineio::server engine{engineio::server_config{.path = "/socket.io/"}};
  std::uint8_t random = 0;
  hub::server io{engine, hub::server_config{}, [this](std::span<std::uint8_t, 12> out) {
                   for (auto& byte : out) byte = ++random;
                 }};
  std::optional<hub::client> client;
  std::optional<conformance::link<socketio::client_session>> link;
  std::string log;

  world() { config.backoff.randomization_percent = 0; }
  client_socket& start() {
    client.emplace(config, 7);
    client->on_wake([this] { return link->now; });
    link.emplace(client->session(), engine);
    link->now = time_point(1h);
    link->drain_client = [this] { client->drain(link->now); };
    link->drain_server = [this] { io.drain(link->now); };
    link->advance_server = [this] { io.advance(link->now); };
    link->server_deadline = [this] { return io.next_deadline(); };
    return client->socket();
  }
  client_socket& connected() {
    client_socket& s = start();
    s.connect();
    link->pump();
    return s;
  }
  hub::socket& peer() { return *io.of("/").sockets()[0].get(); }
  void pump() { link->pump(); }
  std::string take() {
    pump();
    return std::exchange(log, {});
  }
};

TEST(hub_client, calls_listeners_with_what_they_ask_for) {
  world w;
  client_socket& s = w.connected();
  s.on("typed", [&](int number, std::string_view text, std::vector<double> list) {
    w.log += std::to_string(number) + std::string(text) + std::to_string(list.size());
  });
  s.on("all", [&](client_socket& from, args const& all) {
    w.log += std::to_string(all.size()) + std::string(from.nsp());
  });
  s.on("bytes", [&](bytes_view data) { w.log += std::to_string(data.size()); });
  EXPECT_TRUE(w.peer().emit("typed", 1, "a\"b", std::vector{1.5, 2.5}));
  EXPECT_EQ(w.take(), "1a\"b2");
  EXPECT_TRUE(w.peer().emit("all", 1, "2", nullptr));
  EXPECT_EQ(w.take(), "3/");
  EXPECT_TRUE(w.peer().emit("bytes", as_bytes(std::string_view("\0\1\2", 3))));
  EXPECT_EQ(w.take(), "3");
}

TEST(hub_client, answers_and_is_answered) {
  world w;
  w.io.on("sum", [](hub::socket&, int a, int b, ack reply) { static_cast<void>(reply(a + b)); });
  client_socket& s = w.connected();
  EXPECT_TRUE(s.emit("sum", 1, 2, [&](int sum) { w.log += std::to_string(sum); }));
  EXPECT_TRUE(s.emit("sum", 3, 4, [&](std::error_code failure, int sum) {
    w.log += failure.message() + std::to_string(sum);
  }));
  EXPECT_EQ(w.take(), "3Success7");
  s.on("double", [](int value, client_ack reply) { static_cast<void>(reply(2 * value)); });
  EXPECT_TRUE(w.peer().emit("double", 21, [&](int answer) { w.log += std::to_string(answer); }));
  EXPECT_EQ(w.take(), "42");
}

TEST(hub_client, acknowledgements_fail_in_time_and_at_the_end) {
  world w;
  client_socket& s = w.connected();
  auto const tell = [&](std::error_code failure) { w.log += failure.message() + ";"; };
  EXPECT_TRUE(s.timeout(2s).emit("hush", tell));
  EXPECT_TRUE(s.emit("hush", tell));
  w.link->pass(2s);
  EXPECT_EQ(w.take(), "operation has timed out;");
  w.link->cut();
  EXPECT_EQ(w.take(), "socket has been disconnected;");
}

TEST(hub_client, what_cannot_be_sent_is_told_once) {
  world w;
  w.config.send_buffer_max = 10;
  client_socket& s = w.start();
  auto const sent = s.emit("event", 1, [&](std::error_code) { w.log += "called"; });
  EXPECT_EQ(sent.error().code, errc::outbox_full);
  EXPECT_EQ(s.emit("connect", 1).error().code, errc::reserved_event);
  EXPECT_EQ(w.take(), "");
}

TEST(hub_client, an_answer_belongs_to_the_connection_that_asked) {
  world w;
  client_socket& s = w.connected();
  client_ack kept;
  s.on("question", [&](client_ack reply) { kept = std::move(reply); });
  EXPECT_TRUE(w.peer().emit("question", [&](std::error_code failure) { w.log += failure.message(); }));
  w.pump();
  ASSERT_TRUE(kept.wanted());
  w.link->cut();
  w.link->pass(1s);
  EXPECT_TRUE(s.connected());
  EXPECT_EQ(kept("late").error().code, errc::gone);
  EXPECT_EQ(w.take(), "socket has been disconnected");
}

TEST(hub_client, listeners_once_any_and_off) {
  world w;
  client_socket& s = w.connected();
  s.once("a", [&] { w.log += "once "; });
  auto const id = s.on("a", [&] { w.log += "on "; });
  auto const any = s.on_any([&](std::string_view event, args const& all) {
    w.log += "any:" + std::string(event) + std::to_string(all.size()) + " ";
  });
  EXPECT_TRUE(w.peer().emit("a"));
  EXPECT_EQ(w.take(), "any:a0 once on ");
  EXPECT_TRUE(w.peer().emit("a"));
  EXPECT_EQ(w.take(), "any:a0 on ");
  s.off(id);
  s.off(any);
  EXPECT_TRUE(w.peer().emit("a"));
  EXPECT_EQ(w.take(), "");
  EXPECT_FALSE(s.on("disconnect", [] {}));

  auto const tell = [&w](std::string who) {
    return [&w, who](std::string_view event, args const&) { w.log += who + ":" + std::string(event) + " "; };
  };
  s.on_any(tell("any"));
  s.prepend_any(tell("front"));
  s.on_any_outgoing(tell("sent"));
  s.prepend_any_outgoing(tell("sent first"));
  s.on("a", [&] { w.log += "on "; });
  s.off();
  EXPECT_TRUE(w.peer().emit("a"));
  EXPECT_TRUE(s.emit("b"));
  EXPECT_EQ(w.take(), "sent first:b sent:b front:a any:a ");
  s.off_any();
  s.off_any_outgoing();
  EXPECT_TRUE(w.peer().emit("a"));
  EXPECT_TRUE(s.emit("b"));
  EXPECT_EQ(w.take(), "");
}

TEST(hub_client, outgoing_events_are_told_when_they_leave) {
  world w;
  client_socket& s = w.start();
  s.on_any_outgoing([&](std::string_view event, args const& all) {
    w.log += std::string(event) + "(" + std::to_string(all.size()) + ") ";
  });
  s.on_connect([&] { w.log += "connect "; });
  EXPECT_TRUE(s.emit("early", 1));
  EXPECT_EQ(w.take(), "");
  s.connect();
  EXPECT_EQ(w.take(), "early(1) connect ");
  EXPECT_TRUE(s.emit("with \"quotes\" and bytes", 1, as_bytes("xyz")));
  EXPECT_EQ(w.take(), "with \"quotes\" and bytes(2) ");
}

TEST(hub_client, auth_is_a_value_or_asked_for) {
  world w;
  w.io.on_connection([&](hub::socket& s) { w.log += std::string(s.handshake().auth()); });
  client_socket& s = w.start();
  s.auth(R"({"token":1})");
  s.connect();
  EXPECT_EQ(w.take(), R"({"token":1})");
  std::optional<auth_reply> kept;
  s.auth([&](auth_reply reply) { kept = reply; });
  w.link->cut();
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "");
  ASSERT_TRUE(kept);
  EXPECT_EQ((*kept)("no object").error().code, errc::invalid_argument);
  EXPECT_TRUE((*kept)(R"({"token":2})"));
  EXPECT_EQ(w.take(), R"({"token":2})");
  EXPECT_EQ((*kept)("{}").error().code, errc::gone);
  w.link.reset();
  w.client.reset();
  EXPECT_EQ((*kept)("{}").error().code, errc::gone) << "safe without its client";
}

TEST(hub_client, a_refusal_says_why) {
  world w;
  w.io.use([](hub::socket&, hub::next go_on) { go_on.refuse("no \"entry\"", R"({"code":7})"); });
  client_socket& s = w.start();
  s.on_connect_error([&](connect_error const& why) {
    EXPECT_TRUE(why.refused());
    w.log += std::string(why.message) + std::string(why.data);
  });
  s.connect();
  EXPECT_EQ(w.take(), R"(no "entry"{"code":7})");
  EXPECT_FALSE(s.active());
}

TEST(hub_client, a_failure_to_connect_is_described) {
  world w;
  client_socket& s = w.start();
  s.on_connect_error([&](connect_error const& why) {
    EXPECT_FALSE(why.refused());
    w.log += std::string(why.message) + "|" + std::string(why.description);
  });
  w.link->intercept = [&](engineio::client_action const& action) {
    w.client->describe("nobody is there");
    w.client->session().wire_lost(action.on);
    return true;
  };
  s.connect();
  EXPECT_EQ(w.take(), "websocket error|nobody is there");
  EXPECT_EQ(s.last_error().code, errc::websocket_error);
  EXPECT_TRUE(s.active()) << "it tries again";
}

TEST(hub_client, a_description_belongs_to_one_failure) {
  world w;
  client_socket& s = w.start();
  s.on_connect_error([&](connect_error const& why) {
    w.log += std::string(why.message) + "|" + std::string(why.description) + " ";
  });
  bool described = true;
  w.link->intercept = [&](engineio::client_action const& action) {
    if (action.type != engineio::client_action::kind::open_wire) return false;
    if (std::exchange(described, false)) {
      w.client->describe("nobody is there");
      w.client->session().wire_lost(action.on);
    }
    return true;  // the second is never answered
  };
  s.connect();
  w.link->pass(30s);
  EXPECT_EQ(w.take(), "websocket error|nobody is there timeout| ");
}

TEST(hub_client, a_disconnect_is_described_too) {
  world w;
  client_socket& s = w.connected();
  s.on_disconnect([&](disconnect_reason why, std::string_view text) {
    w.log += std::string(to_string(why)) + "|" + std::string(text);
  });
  w.client->describe("closed with code 1008: policy");
  w.link->cut({});
  EXPECT_EQ(w.take(), "transport close|closed with code 1008: policy");
  EXPECT_EQ(s.last_error_text(), "closed with code 1008: policy");
  w.link->pass(2s);
  w.client->close();
  EXPECT_EQ(w.take(), "io client disconnect|");
}

TEST(hub_client, a_deadline_counts_from_the_call) {
  world w;
  client_socket& s = w.connected();
  w.peer().on("go", [](hub::socket& from) { static_cast<void>(from.emit("went")); });
  s.on("went", [&] {
    w.link->now += 10s;  // a slow handler
    static_cast<void>(s.timeout(1s).emit("hush", [&](std::error_code) { w.log += "timed out"; }));
  });
  static_cast<void>(s.emit("go"));
  w.pump();
  w.link->pass(999ms);
  EXPECT_EQ(w.take(), "");
  w.link->pass(1ms);
  EXPECT_EQ(w.take(), "timed out");
}

TEST(hub_client, events_of_the_connection) {
  world w;
  w.config.engine.transports = {transport::polling, transport::websocket};
  client_socket& s = w.start();
  w.client->on_open([&] { w.log += "open "; });
  w.client->on_close([&](disconnect_reason why) { w.log += "close:" + std::string(to_string(why)) + " "; });
  w.client->on_upgrade([&] { w.log += "upgrade "; });
  w.client->on_ping([&] { w.log += "ping "; });
  w.client->on_reconnect_attempt([&](std::uint64_t n) { w.log += "attempt" + std::to_string(n) + " "; });
  w.client->on_reconnect([&](std::uint64_t n) { w.log += "reconnect" + std::to_string(n) + " "; });
  s.on_disconnect([&](disconnect_reason why) { w.log += "disconnect:" + std::string(to_string(why)) + " "; });
  s.connect();
  w.link->pass(26s);
  EXPECT_EQ(w.take(), "open upgrade ping ");
  w.link->cut();
  w.link->pass(1500ms);
  EXPECT_EQ(w.take(), "close:transport error disconnect:transport error attempt1 open reconnect1 upgrade ");
  w.client->close();
  EXPECT_EQ(w.take(), "close:forced close disconnect:io client disconnect ");
}

TEST(hub_client, arguments_that_do_not_fit_are_told) {
  world w;
  client_socket& s = w.connected();
  s.on("number", [&](int) { w.log += "called"; });
  w.client->on_bad_arguments([&](client_socket&, std::string_view event, error why) {
    w.log += std::string(event) + ":" + std::to_string(why.offset);
  });
  EXPECT_TRUE(w.peer().emit("number", "text"));
  EXPECT_EQ(w.take(), "number:0");
}

TEST(hub_client, every_verb_may_be_used_in_a_handler) {
  world w;
  client_socket& s = w.connected();
  s.on("go", [&](std::string_view text, bytes_view data) {
    s.disconnect();
    s.connect();
    EXPECT_TRUE(s.emit("early"));
    w.log +=
        std::string(text) + std::to_string(std::to_integer<int>(data[0]));  // what it was given still stands
  });
  w.io.on("early", [&](hub::socket&) { w.log += " early"; });
  EXPECT_TRUE(w.peer().emit("go", "away", as_bytes("1")));
  EXPECT_EQ(w.take(), "away49 early");
  EXPECT_TRUE(s.connected());
}

#ifdef __cpp_exceptions
TEST(hub_client, a_handler_that_throws_loses_nothing) {
  world w;
  client_socket& s = w.start();
  s.on_connect([&] { w.log += "connect "; });
  s.connect();
  w.pump();
  s.on("bad", [&](int value) {
    w.log += std::to_string(value) + " ";
    if (value == 1) throw std::runtime_error("no");
  });
  EXPECT_TRUE(w.peer().emit("bad", 1));
  EXPECT_THROW(w.pump(), std::runtime_error);
  EXPECT_TRUE(w.peer().emit("bad", 2));
  EXPECT_EQ(w.take(), "connect 1 2 ");
}
#endif

TEST(hub_client, namespaces_have_sockets_of_their_own) {
  world w;
  client_socket& root = w.connected();
  client_socket& chat = w.client->socket("chat");
  EXPECT_EQ(&chat, &w.client->socket("/chat"));
  EXPECT_EQ(chat.nsp(), "/chat");
  static_cast<void>(w.io.of("/chat"));
  chat.connect();
  w.pump();
  EXPECT_TRUE(chat.connected());
  root.disconnect();
  w.pump();
  EXPECT_TRUE(chat.connected());
  EXPECT_EQ(w.io.of("/").size(), 0u);
}

TEST(hub_client, a_dropped_event_answers_for_itself) {
  world w;
  client_socket& s = w.start();
  auto const tell = [&](std::error_code failure) { w.log += failure.message() + ";"; };
  EXPECT_TRUE(s.volatile_().emit("event", tell));
  EXPECT_EQ(w.take(), "operation has timed out;");
  EXPECT_TRUE(s.volatile_().timeout(1s).emit("event", tell));
  EXPECT_EQ(w.take(), "");
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "operation has timed out;");
}

TEST(hub_client, auth_may_be_changed_while_it_is_asked_for) {
  world w;
  w.io.on_connection([&](hub::socket& s) { w.log += std::string(s.handshake().auth()); });
  client_socket& s = w.start();
  EXPECT_EQ(s.auth("[1]").error().code, errc::invalid_argument);
  std::string const captured(100, 'x');
  s.auth([&, captured](auth_reply reply) {
    EXPECT_TRUE(s.auth(R"({"later":1})"));
    EXPECT_TRUE(reply(R"({"now":")" + captured + R"("})"));
  });
  s.connect();
  EXPECT_EQ(w.take(), R"({"now":")" + captured + R"("})");
  w.link->cut();
  w.link->pass(1s);
  EXPECT_EQ(w.take(), R"({"later":1})");
}

}  // namespace hub_client_test
