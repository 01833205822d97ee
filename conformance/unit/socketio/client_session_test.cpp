#include "siokit/socketio/client_session.hpp"

#include <gtest/gtest.h>

#include "siokit/siokit.hpp"
#include "siokit/socketio/encoder.hpp"
#include "unit/link.hpp"

namespace socketio_client_session_test {

using namespace siokit;
using namespace siokit::socketio;
using namespace std::chrono_literals;
using engineio::transport;

int count_of(std::string_view text, std::string_view what) {
  int count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

/// A client and a server that answers: echo, its arguments and its acknowledgement; hush, nothing.
struct world {
  client_config config;
  engineio::server_config engine_config{.path = "/socket.io/", .ping_interval = 25s, .ping_timeout = 20s};
  std::optional<engineio::server> engine;
  std::optional<hub::server> io;
  std::optional<client_session> client;
  std::optional<conformance::link<client_session>> link;
  std::map<std::uint32_t, std::string> auths;  // by namespace; missing: answered later
  std::string events;
  std::string heard;  // by the server
  std::uint8_t random = 0;
  time_point now{1h};

  world() {
    config.engine.transports = {transport::websocket};
    config.backoff.randomization_percent = 0;
  }
  void start_server() {
    io.reset();
    engine.emplace(engine_config);
    io.emplace(*engine, hub::server_config{}, [this](std::span<std::uint8_t, 12> out) {
      for (auto& byte : out) byte = ++random;
    });
    for (auto const name : {"/", "/chat"}) {
      hub::nsp& space = io->of(name);
      space.on("echo", [](hub::socket& s, args const& all, hub::ack reply) {
        static_cast<void>(s.emit("echo", all));
        static_cast<void>(reply(all));
      });
      space.on_any([this](hub::socket&, std::string_view event, args const& all) {
        heard += std::string(event) + std::string(all.empty() ? "" : *all.raw(0)) + " ";
      });
      space.on_connection([this](hub::socket& s) { heard += "+" + std::string(s.nsp().name()) + " "; });
      space.on_disconnect(
          [this](hub::socket&, disconnect_reason why) { heard += "-" + std::string(to_string(why)) + " "; });
    }
    io->of("/closed").use(
        [](hub::socket&, hub::next go_on) { go_on.refuse("not you", siokit::raw_json{R"({"code":7})"}); });
  }
  void start() {
    start_server();
    client.emplace(config, 42);
    connect_link();
  }
  /// The server is another one now; connections to the old one are cut.
  void restart_server() {
    now = link->now;
    link->cut();
    link.reset();
    start_server();
    connect_link();
    link->pump();
  }
  void connect_link() {
    link.emplace(*client, *engine);
    link->now = now;
    link->drain_client = [this] { drain(); };
    link->drain_server = [this] { io->drain(link->now); };
    link->advance_server = [this] { io->advance(link->now); };
    link->server_deadline = [this] { return io->next_deadline(); };
  }
  void drain() {
    using kind = client_event::kind;
    while (auto const out = client->poll_event(link->now)) {
      auto const name =
          out->type >= kind::auth_requested ? std::string(client->name(out->nsp)) : std::string();
      switch (out->type) {
        case kind::open: note("open"); break;
        case kind::error: note("error:" + text(out->detail)); break;
        case kind::ping: note("ping"); break;
        case kind::upgraded: note("upgraded"); break;
        case kind::upgrade_failed: note("upgrade_failed"); break;
        case kind::close: note("close:" + std::string(to_string(out->reason))); break;
        case kind::reconnect_attempt: note("reconnect_attempt:" + std::to_string(out->number)); break;
        case kind::reconnect_error: note("reconnect_error"); break;
        case kind::reconnect_failed: note("reconnect_failed"); break;
        case kind::reconnect: note("reconnect:" + std::to_string(out->number)); break;
        case kind::auth_requested:
          if (auto const auth = auths.find(out->nsp); auth != auths.end() || auths.empty()) {
            EXPECT_TRUE(
                client->authorize(out->nsp, out->number, auths.empty() ? "" : auth->second, link->now));
          } else {
            note(name + "auth?" + std::to_string(out->number));
          }
          break;
        case kind::connect:
          note(name + "connect" + (client->recovered(out->nsp) ? "(recovered)" : ""));
          break;
        case kind::connect_error:
          note(name + "connect_error:" +
               (out->text.empty() ? text(out->detail) : std::string(out->text) + std::string(out->data)));
          break;
        case kind::disconnect: note(name + "disconnect:" + std::string(to_string(out->reason))); break;
        case kind::received:
          note(name + std::string(out->name) +
               (out->arguments.empty() ? "" : std::string(*out->arguments.raw(0))) +
               (out->wants_ack ? "?" + std::to_string(out->number) : ""));
          break;
        case kind::acknowledged:
          note(name + "ack" + std::to_string(out->number) + std::string(*out->arguments.raw(0)));
          break;
        case kind::sent: break;
        case kind::ack_failed:
          note(name + "ack" + std::to_string(out->number) + ":" + text(out->detail));
          break;
      }
    }
  }
  static std::string text(error const& e) { return std::string(to_string(e.code)); }
  void note(std::string const& what) { events += (events.empty() ? "" : " ") + what; }
  std::string take() { return std::exchange(events, {}); }
  std::string take_heard() { return std::exchange(heard, {}); }

  std::uint32_t connect(std::string_view name = "/") {
    auto const nsp = client->nsp(name);
    client->connect(nsp, link->now);
    link->pump();
    return nsp;
  }
  void disconnect(std::uint32_t nsp) {
    client->disconnect(nsp, link->now);
    link->pump();
  }
  result<void> emit(std::uint32_t nsp, std::string_view event, int value,
                    client_session::emit_options how = {}) {
    std::optional<std::uint64_t> id;
    if (how.wants_ack || config.retries > 0) id = how.ack = client->next_ack(nsp);
    auto const sent = client->emit(nsp, *encode_event(client->name(nsp), id, event, value), how, link->now);
    link->pump();
    return sent;
  }
  result<void> ask(std::uint32_t nsp, std::string_view event, int value, duration within = {}) {
    return emit(nsp, event, value, {.wants_ack = true, .ack_timeout = within});
  }
};

TEST(socketio_client_session, connects_sends_and_is_answered) {
  for (auto const& transports : {std::vector{transport::websocket}, std::vector{transport::polling}}) {
    world w;
    w.config.engine.transports = transports;
    w.start();
    auto const nsp = w.connect();
    EXPECT_EQ(w.take(), "open /connect");
    EXPECT_EQ(w.client->id(nsp).size(), 20u);
    EXPECT_TRUE(w.emit(nsp, "echo", 1));
    EXPECT_EQ(w.take(), "/echo1");
    EXPECT_TRUE(w.ask(nsp, "echo", 2));
    EXPECT_EQ(w.take(), "/echo2 /ack02");
    w.disconnect(nsp);
    EXPECT_EQ(w.take(), "close:forced close /disconnect:io client disconnect");
    EXPECT_EQ(w.take_heard(), "+/ echo1 echo2 -client namespace disconnect ");
    EXPECT_EQ(w.link->wires() + w.link->requests(), 0u);
    EXPECT_EQ(w.client->next_deadline(), never);
    EXPECT_TRUE(w.client->id(nsp).empty());
  }
}

TEST(socketio_client_session, upgrades) {
  world w;
  w.config.engine.transports = {transport::polling, transport::websocket};
  w.start();
  auto const nsp = w.connect();
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "open /connect upgraded");
  EXPECT_TRUE(w.ask(nsp, "echo", 1));
  EXPECT_EQ(w.take(), "/echo1 /ack01");
}

TEST(socketio_client_session, namespaces_share_one_session) {
  world w;
  w.start();
  auto const main = w.connect(), chat = w.connect("/chat");
  EXPECT_EQ(w.take(), "open /connect /chatconnect");
  EXPECT_EQ(w.link->wires(), 1u);
  EXPECT_NE(w.client->id(main), w.client->id(chat));
  EXPECT_TRUE(w.ask(chat, "echo", 1));
  EXPECT_TRUE(w.ask(main, "echo", 2));
  EXPECT_EQ(w.take(), "/chatecho1 /chatack01 /echo2 /ack02") << "acknowledgements are counted by each";
  w.disconnect(main);
  EXPECT_EQ(w.take(), "/disconnect:io client disconnect");
  EXPECT_TRUE(w.client->connected(chat));
  w.link->pass(10ms);
  w.client->connect(main, w.link->now);
  w.link->pump();
  EXPECT_EQ(w.take(), "/connect");
}

// A server may close the connection of a client whose DISCONNECT and CONNECT come at once.
TEST(socketio_client_session, a_namespace_that_was_just_left_is_joined_a_little_later) {
  for (auto const& transports : {std::vector{transport::websocket}, std::vector{transport::polling}}) {
    world w;
    w.config.engine.transports = transports;
    w.start();
    w.connect();
    auto const chat = w.connect("/chat");
    static_cast<void>(w.take()), static_cast<void>(w.take_heard());
    w.client->disconnect(chat, w.link->now);
    w.client->connect(chat, w.link->now);
    EXPECT_TRUE(w.client->active(chat));
    w.link->pump();
    EXPECT_EQ(w.take_heard(), "-client namespace disconnect ");
    EXPECT_EQ(w.take(), "/chatdisconnect:io client disconnect");
    w.link->pass(10ms);
    EXPECT_EQ(w.take_heard(), "+/chat ");
    EXPECT_EQ(w.take(), "/chatconnect");
    w.client->disconnect(chat, w.link->now);
    w.client->connect(chat, w.link->now);
    w.client->disconnect(chat, w.link->now);
    w.link->pass(1s);
    EXPECT_EQ(w.take_heard(), "-client namespace disconnect ") << "and not again";
    EXPECT_FALSE(w.client->active(chat));
  }
}

TEST(socketio_client_session, who_joins_anew_joins_once_if_the_connection_is_lost) {
  world w;
  w.config.reconnection = false;
  w.start();
  w.connect();
  auto const chat = w.connect("/chat");
  w.client->disconnect(chat, w.link->now);
  w.client->connect(chat, w.link->now);
  w.link->cut();
  w.link->pump();
  static_cast<void>(w.take()), static_cast<void>(w.take_heard());
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "");
  EXPECT_EQ(w.take_heard(), "");
  EXPECT_EQ(w.client->next_deadline(), never);
}

TEST(socketio_client_session, leaves_however_full_the_outbox_is) {
  world w;
  w.config.engine.outbox_bytes_max = 1000;
  w.start();
  w.connect();
  auto const chat = w.connect("/chat");
  static_cast<void>(w.take_heard());
  std::string const text(300, 'x');
  while (w.client->emit(chat, *encode_event("/chat", {}, "x", text), {}, w.link->now)) {
  }
  w.client->disconnect(chat, w.link->now);
  w.link->pump();
  EXPECT_NE(w.take_heard().find("-client namespace disconnect"), std::string::npos);
}

TEST(socketio_client_session, a_refusal_ends_one_namespace) {
  world w;
  w.start();
  w.connect();
  static_cast<void>(w.take());
  auto const closed = w.connect("/closed");
  EXPECT_EQ(w.take(), R"(/closedconnect_error:not you{"code":7})");
  EXPECT_FALSE(w.client->active(closed));
  w.connect("/nowhere");
  EXPECT_EQ(w.take(), "/nowhereconnect_error:Invalid namespace");
}

TEST(socketio_client_session, a_refusal_of_the_last_namespace_ends_the_session) {
  world w;
  w.start();
  w.connect("/closed");
  EXPECT_EQ(w.take(), R"(open close:forced close /closedconnect_error:not you{"code":7})");
  EXPECT_EQ(w.link->wires(), 0u);
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "") << "no reconnection";
}

TEST(socketio_client_session, asks_for_auth_at_every_connect) {
  world w;
  w.start();
  w.auths = {{99, ""}};  // none for "/": answered later
  auto const nsp = w.connect();
  EXPECT_EQ(w.take(), "open /auth?1");
  EXPECT_EQ(w.client->authorize(nsp, 1, "[1]", w.link->now).error().code, errc::invalid_argument);
  EXPECT_EQ(w.client->authorize(nsp, 7, "{}", w.link->now).error().code, errc::wrong_state);
  EXPECT_TRUE(w.client->authorize(nsp, 1, R"({"token":"x"})", w.link->now));
  EXPECT_EQ(w.client->authorize(nsp, 1, "{}", w.link->now).error().code, errc::wrong_state) << "once";
  w.link->pump();
  EXPECT_EQ(w.take(), "/connect");
  EXPECT_EQ(w.io->of("/").sockets()[0].get()->handshake().auth(), R"({"token":"x"})");
  w.link->cut();
  w.link->pass(1s);
  EXPECT_EQ(w.take(),
            "error:websocket error close:transport error /disconnect:transport error reconnect_attempt:1 "
            "open /auth?2 reconnect:1");
}

TEST(socketio_client_session, what_is_emitted_before_connect_is_sent_then) {
  world w;
  w.start();
  auto const nsp = w.client->nsp("/");
  EXPECT_TRUE(w.emit(nsp, "echo", 1));
  EXPECT_TRUE(w.ask(nsp, "echo", 2));
  EXPECT_EQ(w.take_heard(), "");
  w.connect();
  EXPECT_EQ(w.take_heard(), "+/ echo1 echo2 ");
  EXPECT_EQ(w.take(), "open /connect /echo1 /echo2 /ack02");
}

TEST(socketio_client_session, the_send_buffer_is_bounded) {
  world w;
  w.config.send_buffer_max = 3 * encode_event("/", 0, "echo", 1)->cost();
  w.start();
  auto const nsp = w.client->nsp("/");
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(w.emit(nsp, "echo", i));
  EXPECT_EQ(w.ask(nsp, "echo", 4).error().code, errc::outbox_full);
  w.connect();
  EXPECT_EQ(w.take_heard(), "+/ echo1 echo2 echo3 ");
  EXPECT_EQ(w.take(), "open /connect /echo1 /echo2 /echo3") << "the one that was refused is not told twice";
}

TEST(socketio_client_session, all_that_was_kept_is_sent_however_small_the_outbox) {
  world w;
  w.config.engine.outbox_bytes_max = 4 * encode_event("/", 0, "echo", 1)->cost();
  w.start();
  auto const nsp = w.client->nsp("/");
  std::string all = "+/ ";
  for (int i = 10; i < 40; ++i) {
    EXPECT_TRUE(w.emit(nsp, "hush", i));
    all += "hush" + std::to_string(i) + " ";
  }
  EXPECT_TRUE(w.ask(nsp, "echo", 2));
  w.connect();
  EXPECT_EQ(w.take_heard(), all + "echo2 ");
  EXPECT_EQ(w.take(), "open /connect /echo2 /ack02");
}

TEST(socketio_client_session, very_many_may_expire_or_fail_at_once) {
  world w;
  w.start();
  auto const nsp = w.client->nsp("/");
  constexpr int many = 20'000;
  for (int i = 0; i < many; ++i) {
    auto const ack = w.client->next_ack(nsp);
    ASSERT_TRUE(w.client->emit(nsp, *encode_event("/", ack, "hush", i),
                               {.wants_ack = true, .ack = ack, .ack_timeout = i % 2 ? 1s : 5s}, w.link->now));
  }
  w.link->pass(1s);
  EXPECT_EQ(count_of(w.take(), "timed out"), many / 2);
  w.connect();
  EXPECT_EQ(count_of(w.take_heard(), "hush"), many / 2);
  w.link->cut();
  EXPECT_EQ(count_of(w.take(), "has been disconnected"), many / 2);
}

TEST(socketio_client_session, the_oldest_may_make_room) {
  world w;
  w.config.send_buffer_max = 3 * encode_event("/", 0, "echo", 1)->cost();
  w.config.send_buffer_policy = overflow::drop_oldest;
  w.start();
  auto const nsp = w.client->nsp("/");
  EXPECT_TRUE(w.ask(nsp, "echo", 1));
  for (int i = 2; i <= 4; ++i) EXPECT_TRUE(w.emit(nsp, "echo", i));
  EXPECT_EQ(w.take(), "/ack0:the peer reads too slowly: its send queue is full");
  w.connect();
  EXPECT_EQ(w.take_heard(), "+/ echo2 echo3 echo4 ");
  EXPECT_EQ(w.emit(nsp, "echo-with-a-name-that-is-longer-than-the-buffer", 1).has_value(), true)
      << "connected";
}

TEST(socketio_client_session, volatile_events_are_dropped_without_a_connection) {
  world w;
  w.start();
  auto const nsp = w.client->nsp("/");
  EXPECT_TRUE(w.emit(nsp, "echo", 1, {.is_volatile = true}));
  w.connect();
  EXPECT_TRUE(w.emit(nsp, "echo", 2, {.is_volatile = true}));
  EXPECT_EQ(w.take_heard(), "+/ echo2 ");
}

TEST(socketio_client_session, acknowledgements_time_out) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  EXPECT_TRUE(w.ask(nsp, "hush", 1, 2s));
  EXPECT_TRUE(w.ask(nsp, "hush", 2, 1s));
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "/ack1:operation has timed out");
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "/ack0:operation has timed out");
}

TEST(socketio_client_session, what_timed_out_in_the_buffer_is_not_sent) {
  world w;
  w.start();
  auto const nsp = w.client->nsp("/");
  EXPECT_TRUE(w.ask(nsp, "echo", 1, 1s));
  EXPECT_TRUE(w.emit(nsp, "echo", 2));
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "/ack0:operation has timed out");
  w.connect();
  EXPECT_EQ(w.take_heard(), "+/ echo2 ");
}

TEST(socketio_client_session, a_disconnect_fails_what_was_sent_not_what_is_still_to_be) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  EXPECT_TRUE(w.ask(nsp, "hush", 1));
  w.link->cut();
  EXPECT_EQ(w.take(),
            "error:websocket error close:transport error /disconnect:transport error /ack0:socket has been "
            "disconnected");
  EXPECT_TRUE(w.ask(nsp, "echo", 2));
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "reconnect_attempt:1 open reconnect:1 /connect /echo2 /ack12");
}

TEST(socketio_client_session, a_server_that_disconnects_is_left_alone) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  w.io->of("/").sockets()[0].get()->disconnect();
  w.link->pump();
  EXPECT_EQ(w.take(), "close:forced close /disconnect:io server disconnect");
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "");
  w.client->connect(nsp, w.link->now);
  w.link->pump();
  EXPECT_EQ(w.take(), "open /connect");
}

TEST(socketio_client_session, a_server_that_closes_the_connection_is_asked_again) {
  world w;
  w.start();
  w.connect();
  static_cast<void>(w.take());
  w.io->of("/").sockets()[0].get()->close_connection();
  w.link->pump();
  EXPECT_EQ(w.take(), "close:transport close /disconnect:transport close");
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "reconnect_attempt:1 open reconnect:1 /connect");
}

TEST(socketio_client_session, survives_the_restart_of_its_server) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  auto const before = std::string(w.client->id(nsp));
  w.restart_server();
  w.link->pass(1s);
  EXPECT_EQ(w.take(),
            "error:websocket error close:transport error /disconnect:transport error reconnect_attempt:1 "
            "open reconnect:1 /connect");
  EXPECT_NE(w.client->id(nsp), before);
  EXPECT_TRUE(w.ask(nsp, "echo", 1));
  EXPECT_EQ(w.take(), "/echo1 /ack01");
}

/// Every action of the host fails.
void break_network(world& w) {
  w.link->intercept = [&w](engineio::client_action const& action) {
    using kind = engineio::client_action::kind;
    if (action.type == kind::open_wire) w.client->wire_lost(action.on);
    if (action.type == kind::get || action.type == kind::post) w.client->request_failed(action.request);
    return true;
  };
}

TEST(socketio_client_session, waits_longer_after_each_attempt_and_gives_up) {
  world w;
  w.config.reconnection_attempts = 4;
  w.start();
  break_network(w);
  auto const nsp = w.connect();
  EXPECT_EQ(w.take(), "error:websocket error /connect_error:websocket error");
  for (auto const& [wait, number] : {std::pair{1s, "1"}, {2s, "2"}, {4s, "3"}}) {
    w.link->pass(wait - 1ms);
    EXPECT_EQ(w.take(), "");
    w.link->pass(1ms);
    EXPECT_EQ(w.take(), "reconnect_attempt:" + std::string(number) +
                            " error:websocket error /connect_error:websocket error reconnect_error");
  }
  w.link->pass(5s);
  EXPECT_EQ(w.take(),
            "reconnect_attempt:4 error:websocket error /connect_error:websocket error reconnect_failed "
            "reconnect_error");
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "");
  w.link->intercept = [](auto const&) { return false; };
  w.client->connect(nsp, w.link->now);
  w.link->pump();
  EXPECT_EQ(w.take(), "open /connect");
}

TEST(socketio_client_session, without_reconnection_one_attempt_is_made) {
  world w;
  w.config.reconnection = false;
  w.start();
  break_network(w);
  w.connect();
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "error:websocket error /connect_error:websocket error");
}

TEST(socketio_client_session, disconnect_stops_reconnection) {
  world w;
  w.start();
  break_network(w);
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  w.disconnect(nsp);
  w.link->pass(1h);
  EXPECT_EQ(w.take(), "close:forced close") << "the socket was not connected";
}

TEST(socketio_client_session, a_handshake_has_some_time) {
  world w;
  w.config.reconnection = false;
  w.start();
  w.link->intercept = [](auto const&) { return true; };
  w.connect();
  w.link->pass(19s);
  EXPECT_EQ(w.take(), "");
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "error:timeout /connect_error:timeout");
}

TEST(socketio_client_session, a_server_that_falls_silent_is_left) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  w.link->up = false;
  w.now = w.link->now;
  w.link->now += 46s;
  EXPECT_TRUE(w.ask(nsp, "echo", 1)) << "kept: the laptop slept";
  w.drain();
  EXPECT_EQ(w.take(), "close:ping timeout /disconnect:ping timeout");
  w.link->up = true;
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "reconnect_attempt:1 open reconnect:1 /connect /echo1 /ack01");
}

TEST(socketio_client_session, pings_are_answered) {
  world w;
  w.start();
  w.connect();
  static_cast<void>(w.take());
  w.link->pass(100s);
  EXPECT_EQ(w.take(), "ping ping ping ping");
}

TEST(socketio_client_session, retries_one_at_a_time_until_acknowledged) {
  world w;
  w.config.retries = 2;
  w.config.ack_timeout = 1s;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  static_cast<void>(w.take_heard());
  EXPECT_TRUE(w.ask(nsp, "hush", 1));
  EXPECT_TRUE(w.ask(nsp, "echo", 2));
  EXPECT_EQ(w.take_heard(), "hush1 ") << "the second waits for the first";
  w.link->pass(2s);
  EXPECT_EQ(w.take_heard(), "hush1 hush1 ");
  EXPECT_EQ(w.take(), "");
  w.link->pass(1s);
  EXPECT_EQ(w.take(), "/ack0:operation has timed out /echo2 /ack12");
  EXPECT_EQ(w.take_heard(), "echo2 ");
}

TEST(socketio_client_session, retries_after_a_reconnection) {
  world w;
  w.config.retries = 3;
  w.config.ack_timeout = 10s;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  w.link->up = false;
  EXPECT_TRUE(w.ask(nsp, "echo", 1));
  EXPECT_TRUE(w.emit(nsp, "echo", 2));
  w.link->up = true;
  w.link->cut();
  w.link->pass(1s);
  EXPECT_EQ(w.take(),
            "error:websocket error close:transport error /disconnect:transport error reconnect_attempt:1 "
            "open reconnect:1 /connect "
            "/echo1 /ack01 /echo2");
}

TEST(socketio_client_session, handlers_may_leave_while_they_are_told) {
  world w;
  w.start();
  auto const nsp = w.connect();
  static_cast<void>(w.take());
  w.link->cut();
  w.client->close(w.link->now);
  w.link->pass(1h);
  EXPECT_EQ(w.take(),
            "error:websocket error close:transport error /disconnect:transport error close:forced close")
      << "no attempt";
  EXPECT_FALSE(w.client->active(nsp));
}

// What a server may send: without one.

struct bare {
  client_config config{.engine = {.path = "/socket.io/", .transports = {transport::websocket}}};
  client_session client{config, 1};
  time_point now{1h};
  wire on;
  std::uint32_t nsp = client.nsp("/");
  std::vector<std::string> events;
  std::uint64_t asked = 0;
  bool asks_only = false;

  bare() {
    client.connect(nsp, now);
    open();
  }
  void open() {
    on = client.poll_action()->on;
    client.wire_opened(on, now);
    say(R"(0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
    events.clear();
  }
  void say(std::string_view text, frame_kind kind = frame_kind::text) {
    static_cast<void>(client.receive(on, {kind, text}, now));
    while (auto const out = client.poll_event(now)) {
      using k = client_event::kind;
      if (out->type == k::auth_requested) {
        asked = out->number;
        if (!asks_only) static_cast<void>(client.authorize(out->nsp, out->number, "", now));
        continue;
      }
      std::string line = std::to_string(static_cast<int>(out->type));
      if (out->type == k::connect_error) line = "connect_error:" + std::string(out->text);
      if (out->type == k::connect) line = "connect";
      if (out->type == k::received) {
        line = "event:" + std::string(out->name);
        for (std::size_t i = 0; i < out->arguments.size(); ++i)
          line += "," + std::string(*out->arguments.raw(i));
      }
      if (out->type == k::disconnect) line = "disconnect:" + std::string(to_string(out->reason));
      if (out->type == k::close) line = "close:" + std::string(to_string(out->reason));
      if (out->type == k::ping) line = "ping";
      events.push_back(line);
    }
  }
  std::string said() {
    std::string all;
    while (auto const item = client.poll_transmit(on)) {
      for (auto packets = item->packets(); !packets.done();) all += std::string(packets.next().data) + " ";
    }
    return all;
  }
  using lines = std::vector<std::string>;
};

TEST(socketio_client_session, recovers_with_pid_and_offset) {
  bare b;
  EXPECT_EQ(b.said(), "40 ");
  b.say(R"(40{"sid":"s1","pid":"p1"})");
  b.say(R"(42["a",1,"offset-1"])");
  b.say(R"(420["b","not an offset"])");
  b.events.clear();
  b.client.wire_lost(b.on);
  b.say("");
  b.now += 5s;
  b.client.advance(b.now);
  while (b.client.poll_event(b.now)) {
  }
  std::optional<engineio::client_action> action;
  while ((action = b.client.poll_action()) && action->type != engineio::client_action::kind::open_wire) {
  }
  b.on = action->on;
  b.client.wire_opened(b.on, b.now);
  b.say(R"(0{"sid":"f","upgrades":[],"pingInterval":25000,"pingTimeout":20000})");
  EXPECT_EQ(b.said(), R"(40{"pid":"p1","offset":"offset-1"} )");
  b.events.clear();
  b.say(R"(42["missed",1,"offset-2"])");
  EXPECT_TRUE(b.events.empty()) << "kept until connected";
  b.say(R"(40{"sid":"s1","pid":"p1"})");
  EXPECT_EQ(b.events, (bare::lines{R"(event:missed,1,"offset-2")", "connect"}));
  EXPECT_TRUE(b.client.recovered(b.nsp));
}

TEST(socketio_client_session, a_server_of_revision_4_is_named) {
  bare b;
  b.say("40");
  ASSERT_EQ(b.events.size(), 1u);
  EXPECT_TRUE(
      b.events[0].starts_with("connect_error:It seems you are trying to reach a Socket.IO server in v2.x"));
}

TEST(socketio_client_session, what_cannot_be_read_is_a_parse_error) {
  for (auto const text : {"42{}", "4x", "49", "42[\"a\"", "4511-[\"a\"]", "40[]"}) {
    bare b;
    b.say(R"(40{"sid":"s1"})");
    b.events.clear();
    b.say(text);
    EXPECT_EQ(b.events, (bare::lines{"close:parse error", "disconnect:parse error"})) << text;
    EXPECT_NE(b.client.next_deadline(), never) << "it tries again";
  }
}

TEST(socketio_client_session, what_is_out_of_place_is_ignored) {
  bare b;
  b.say(R"(40{"sid":"s1"})");
  b.events.clear();
  for (auto const text :
       {R"(40{"sid":"s2"})", R"(42/other,["a"])", "437[1]", "41/other,", R"(44/other,"no")", "42"}) {
    b.say(text);
  }
  EXPECT_EQ(b.events, (bare::lines{"event:"})) << "an event without a name has no listener";
  EXPECT_EQ(b.client.id(b.nsp), "s1");
}

TEST(socketio_client_session, events_before_connect_are_bounded) {
  bare b;
  b.config.receive_buffer_max = 2000;
  b.say(R"(42["a","1234567890"])");
  EXPECT_TRUE(b.events.empty());
  for (int i = 0; i < 20; ++i) b.say(R"(42["a","1234567890"])");
  EXPECT_EQ(b.events, (bare::lines{"close:parse error", "disconnect:parse error"}));
}

TEST(socketio_client_session, any_number_of_pings_is_answered_by_one_pong) {
  bare b;
  static_cast<void>(b.said());
  for (int i = 0; i < 1000; ++i) b.say("2");
  EXPECT_EQ(b.said(), "3 ");
}

TEST(socketio_client_session, who_leaves_while_events_are_replayed_hears_no_more) {
  bare b;
  for (auto const text : {R"(42["a",1])", R"(42["b",2])", R"(42["c",3])"}) b.say(text);
  static_cast<void>(b.client.receive(b.on, {frame_kind::text, R"(40{"sid":"s1"})"}, b.now));
  auto const first = b.client.poll_event(b.now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "a");
  b.client.disconnect(b.nsp, b.now);
  while (auto const out = b.client.poll_event(b.now)) {
    EXPECT_NE(out->type, client_event::kind::received);
  }
}

TEST(socketio_client_session, what_cannot_leave_at_connect_stays) {
  bare b;
  static_cast<void>(b.said());
  EXPECT_TRUE(b.client.emit(b.nsp, *encode_event("/", std::nullopt, "kept", 1), {}, b.now));
  b.now += 46s;  // the laptop slept; the answer was on its way
  b.say(R"(40{"sid":"s1"})");
  EXPECT_EQ(b.events.back(), "disconnect:ping timeout");
  while (b.client.poll_action()) {
  }
  b.now += 2s;
  b.client.advance(b.now);
  b.say("");
  b.open();
  b.say(R"(40{"sid":"s2"})");
  EXPECT_EQ(b.said(), R"(40 42["kept",1] )");
}

TEST(socketio_client_session, facts_that_wait_do_not_keep_data_out) {
  bare b;
  static_cast<void>(b.said());
  b.client.tell_sent();
  EXPECT_TRUE(b.client.emit(b.nsp, *encode_event("/", std::nullopt, "x"), {}, b.now));
  b.say(R"(40{"sid":"s1"})");
  EXPECT_TRUE(b.client.emit(b.nsp, *encode_event("/", std::nullopt, "x"), {}, b.now)) << "a fact waits";
  b.events.clear();
  EXPECT_TRUE(b.client.receive(b.on, {frame_kind::text, R"(42["e",5])"}, b.now));
  b.say("2");
  EXPECT_NE(std::find(b.events.begin(), b.events.end(), "event:e,5"), b.events.end());
}

TEST(socketio_client_session, asks_for_recovery_only_behind_an_event) {
  bare b;
  static_cast<void>(b.said());
  b.say(R"(40{"sid":"s1","pid":"p1"})");
  b.client.wire_lost(b.on);
  b.say("");
  b.now += 5s;
  b.client.advance(b.now);
  b.say("");
  b.open();
  EXPECT_EQ(b.said(), R"(40{"pid":"p1"} )");
}

TEST(socketio_client_session, forgets_what_nobody_waits_for) {
  world w;
  w.config.pending_acks_max = 2;
  w.start();
  auto const nsp = w.client->nsp("/");
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(w.ask(nsp, "echo", i)) << i;
    w.client->forget(nsp, static_cast<std::uint64_t>(i));
    w.client->forget(nsp, static_cast<std::uint64_t>(i));
  }
  EXPECT_TRUE(w.ask(nsp, "echo", 99));
  w.connect();
  EXPECT_EQ(w.take_heard(), "+/ echo99 ");
  EXPECT_EQ(w.take(), "open /connect /echo99 /ack1099");
}

TEST(socketio_client_session, no_attempts_are_any_number_of_attempts) {
  world w;
  w.config.reconnection_attempts = 0;
  w.start();
  break_network(w);
  w.connect();
  w.link->pass(1min);
  EXPECT_GT(count_of(w.take(), "reconnect_attempt"), 5);
}

TEST(socketio_client_session, a_server_that_does_not_answer_is_not_waited_for_when_closed) {
  world w;
  w.config.engine.transports = {transport::polling};
  w.start();
  w.link->intercept = [](auto const&) { return true; };  // leave is not obeyed either
  auto const nsp = w.connect();
  w.disconnect(nsp);
  EXPECT_FALSE(w.client->at_rest());
  w.link->pass(10s);
  EXPECT_TRUE(w.client->at_rest());
  EXPECT_EQ(w.client->next_deadline(), never);
}

TEST(socketio_client_session, closing_does_not_take_for_ever) {
  world w;
  w.config.engine.transports = {transport::polling};
  w.start();
  auto const nsp = w.connect();
  w.link->intercept = [](engineio::client_action const& action) {
    return action.type == engineio::client_action::kind::post;  // never answered
  };
  EXPECT_TRUE(w.emit(nsp, "echo", 1));
  w.client->close(w.link->now);
  w.link->pass(60s);
  EXPECT_EQ(w.client->next_deadline(), never);
  EXPECT_TRUE(w.client->at_rest());
}

// Who leaves while joining; a second namespace keeps the connection.

/// A client that is in /other and has left "/" before the answer to its CONNECT.
struct left_early : bare {
  left_early() {
    auto const other = client.nsp("/other");
    client.connect(other, now);
    say("6");
    say(R"(40/other,{"sid":"o"})");
    client.disconnect(nsp, now);
    say("6");
    static_cast<void>(said());
    events.clear();
  }
  void pass(duration span) {
    now += span;
    client.advance(now);
    say("6");
  }
  void come_back() {
    client.connect(nsp, now);
    say("6");
  }
  /// The stay that nobody wants is left, and only then the wanted one asked for.
  void expect_another_stay() {
    pass(10ms);
    EXPECT_EQ(said(), "41 ");
    pass(10ms);
    EXPECT_EQ(said(), "40 ");
  }
  /// What is told when the connection is given up.
  static lines lost() {
    return {"close:transport error", "disconnect:transport error", "disconnect:transport error"};
  }
};

TEST(socketio_client_session, who_left_while_joining_is_taken_out_again) {
  left_early b;
  b.say(R"(42["for nobody"])");
  b.say(R"(40{"sid":"s1"})");
  b.say(R"(42["for nobody"])");
  EXPECT_EQ(b.said(), "") << "the server may be sending it away itself";
  b.pass(10ms);
  EXPECT_EQ(b.said(), "41 ");
  EXPECT_TRUE(b.events.empty());
}

TEST(socketio_client_session, who_comes_back_waits_for_the_answer_that_nobody_wants) {
  left_early b;
  b.come_back();
  EXPECT_EQ(b.said(), "") << "a second CONNECT would end the connection";
  b.say(R"(42["of the first stay"])");
  b.say(R"(40{"sid":"s1"})");
  EXPECT_FALSE(b.client.connected(b.nsp));
  b.expect_another_stay();
  b.say(R"(42["of the first stay, late"])");
  b.say(R"(40{"sid":"s2"})");
  EXPECT_EQ(b.events, (bare::lines{"connect"}));
  EXPECT_EQ(b.client.id(b.nsp), "s2");
}

TEST(socketio_client_session, a_refusal_that_nobody_wants_is_not_told) {
  left_early b;
  b.come_back();
  b.say(R"(44{"message":"no"})");
  EXPECT_EQ(b.said(), "40 ");
  EXPECT_TRUE(b.events.empty());
  b.say(R"(40{"sid":"s2"})");
  EXPECT_EQ(b.events, (bare::lines{"connect"}));
}

TEST(socketio_client_session, who_is_sent_away_at_once_does_not_leave_twice) {
  left_early b;
  b.come_back();
  b.say(R"(40{"sid":"s1"})");
  b.say("41");
  EXPECT_EQ(b.said(), "40 ");
  b.pass(10ms);
  EXPECT_EQ(b.said(), "");
}

TEST(socketio_client_session, an_answer_that_never_comes_is_not_waited_for_for_ever) {
  left_early b;
  b.come_back();
  b.pass(19s);
  EXPECT_EQ(b.said(), "");
  b.pass(1s);
  EXPECT_EQ(b.said(), "") << "the answer to another CONNECT could not be told from this one's";
  EXPECT_EQ(b.events, left_early::lost()) << "so it takes another connection";
}

TEST(socketio_client_session, who_does_not_connect_again_waits_for_ever) {
  left_early b;
  b.config.reconnection = false;
  b.come_back();
  b.pass(20s);
  EXPECT_TRUE(b.events.empty()) << "another namespace would lose its only connection";
  b.say(R"(40{"sid":"s1"})");
  b.expect_another_stay();
}

TEST(socketio_client_session, an_answer_behind_all_patience_is_undone_too) {
  left_early b;
  b.pass(40s);
  EXPECT_TRUE(b.events.empty()) << "nobody waits for it";
  b.say("2");
  static_cast<void>(b.said());
  b.come_back();
  b.pass(19s);
  EXPECT_EQ(b.said(), "");
  b.say(R"(42["what was missed"])");
  b.say(R"(40{"sid":"s1"})");
  b.expect_another_stay();
}

TEST(socketio_client_session, a_connect_that_was_not_asked_for_is_undone) {
  left_early b;
  b.say(R"(44{"message":"no"})");
  b.client.connect(b.nsp, b.now);  // auth is asked for, and answered later
  b.asks_only = true;
  b.say("6");
  b.say(R"(40{"sid":"s1"})");
  EXPECT_FALSE(b.client.authorize(b.nsp, b.asked, "", b.now)) << "a second CONNECT would end the connection";
  b.asks_only = false;
  b.expect_another_stay();
}

TEST(socketio_client_session, patience_is_counted_from_the_first_time) {
  left_early b;
  b.config.timeout = {};
  for (int i = 0; i < 19; ++i) {
    b.come_back();
    b.pass(1s);
    b.client.disconnect(b.nsp, b.now);
  }
  b.come_back();
  EXPECT_TRUE(b.events.empty());
  b.pass(1s);
  EXPECT_EQ(b.events, left_early::lost());
}

TEST(socketio_client_session, what_a_middleware_says_is_told_again_when_nothing_can_be_late) {
  left_early b;
  b.say(R"(40{"sid":"s1"})");
  b.pass(10ms);
  b.say("2");
  b.say("2");
  static_cast<void>(b.said());
  b.come_back();
  b.pass(10ms);
  EXPECT_EQ(b.said(), "40 ");
  b.events.clear();
  b.say(R"(42["early"])");
  b.say(R"(40{"sid":"s2"})");
  EXPECT_EQ(b.events, (bare::lines{"event:early", "connect"}));
}

TEST(socketio_client_session, who_left_twice_while_joining_is_taken_out_once) {
  left_early b;
  b.come_back();
  b.client.disconnect(b.nsp, b.now);
  b.pass(30s);
  EXPECT_EQ(b.said(), "") << "nobody waits, however long it takes";
  b.say(R"(40{"sid":"s1"})");
  b.pass(10ms);
  EXPECT_EQ(b.said(), "41 ");
}

TEST(socketio_client_session, what_is_late_is_not_told_in_the_next_stay) {
  left_early b;
  b.say(R"(40{"sid":"s1"})");
  b.pass(10ms);
  b.come_back();
  EXPECT_EQ(b.said(), "41 ");
  b.pass(10ms);
  EXPECT_EQ(b.said(), "40 ");
  b.say(R"(42["late"])");
  b.say("41");
  b.say(R"(40{"sid":"s2"})");
  b.say(R"(42["new"])");
  EXPECT_EQ(b.events, (bare::lines{"connect", "event:new"}));
}

TEST(socketio_client_session, what_a_middleware_says_before_connect_is_told) {
  bare b;
  b.say(R"(42["early"])");
  b.say(R"(40{"sid":"s1"})");
  EXPECT_EQ(b.events, (bare::lines{"event:early", "connect"}));
}

TEST(socketio_client_session, what_came_before_a_refusal_is_not_told_in_the_next_stay) {
  bare b;
  b.client.connect(b.client.nsp("/other"), b.now);
  b.say("6");
  b.say(R"(42["early"])");
  b.say(R"(44{"message":"no"})");
  b.events.clear();
  b.client.connect(b.nsp, b.now);
  b.say("6");
  b.say(R"(40{"sid":"s2"})");
  EXPECT_EQ(b.events, (bare::lines{"connect"}));
}

TEST(socketio_client_session, an_offset_belongs_to_its_stay) {
  bare b;
  auto const reconnect = [&] {
    b.client.wire_lost(b.on);
    b.say("");
    b.now += 5s;
    b.client.advance(b.now);
    b.say("");
    static_cast<void>(b.said());
    b.open();
  };
  b.say(R"(40{"sid":"s1","pid":"p1"})");
  b.say(R"(42["a","offset-1"])");
  reconnect();
  b.say(R"(40{"sid":"s2","pid":"p2"})");
  static_cast<void>(b.said());
  reconnect();
  EXPECT_EQ(b.said(), R"(40{"pid":"p2"} )");
}

TEST(socketio_client_session, who_left_over_this_connection_is_not_restored) {
  bare b;
  b.client.connect(b.client.nsp("/other"), b.now);
  b.say("6");
  b.say(R"(40{"sid":"s1","pid":"p1"})");
  b.say(R"(42["a","offset-1"])");
  b.client.disconnect(b.nsp, b.now);
  static_cast<void>(b.said());
  b.now += 10ms;
  b.client.connect(b.nsp, b.now);
  b.say("6");
  EXPECT_EQ(b.said(), "40 ");
}

}  // namespace socketio_client_session_test
