#include "siokit/engineio/client_session.hpp"

#include <gtest/gtest.h>

#include "unit/link.hpp"

namespace engineio_client_session_test {

using namespace siokit;
using namespace siokit::engineio;
using namespace std::chrono_literals;

/// One client and one server, which echoes.
struct world {
  client_config config;
  server_config server_options{.ping_interval = 25s, .ping_timeout = 20s};
  std::uint64_t names = 0;
  std::optional<engineio::server> server;
  std::optional<client_session> client;
  std::optional<conformance::link<client_session>> link;
  std::function<bool(client_action const&)> before;  // a look at each action first; true: it is dealt with
  std::string events;                                // of the client
  std::string heard;                                 // by the server
  handle session;

  explicit world(std::vector<transport> transports = {transport::polling, transport::websocket}) {
    config.transports = std::move(transports);
  }
  void open(bool websocket_first = false) {
    server.emplace(server_options);
    client.emplace(config, names, 1234567, websocket_first);
    link.emplace(*client, *server);
    link->now = time_point(1h);
    if (before) link->intercept = before;
    link->drain_client = [this] { drain_client(); };
    link->drain_server = [this] { drain_server(); };
    ASSERT_TRUE(client->open(link->now));
    link->pump();
  }
  void drain_client() {
    while (auto const out = client->poll_event(link->now)) {
      switch (out->type) {
        case client_event::kind::opened: events += "opened "; break;
        case client_event::kind::message:
          events +=
              (out->data.kind == frame_kind::text ? "text:" : "binary:") + std::string(out->data.data) + " ";
          break;
        case client_event::kind::ping: events += "ping "; break;
        case client_event::kind::upgraded: events += "upgraded "; break;
        case client_event::kind::upgrade_failed: events += "upgrade failed "; break;
        case client_event::kind::closed:
          events +=
              std::string(to_string(out->reason)) + " (" + std::string(to_string(out->detail.code)) + ") ";
          break;
      }
    }
  }
  void drain_server() {
    while (auto const out = server->poll_event(link->now)) {
      using kind = engineio::event::kind;
      if (out->type == kind::handshake_requested)
        static_cast<void>(server->admit(out->session, sid("id-1"), link->now));
      if (out->type == kind::opened) session = out->session;
      if (out->type == kind::upgraded) heard += "upgraded ";
      if (out->type == kind::message) {
        heard += std::string(out->data.data) + " ";
        if (!out->data.data.starts_with("quiet")) {
          static_cast<void>(server->send(out->session, out->data.kind == frame_kind::text
                                                           ? text_message("4" + std::string(out->data.data))
                                                           : binary_message(as_bytes(out->data.data))));
        }
      }
      if (out->type == kind::closed) heard += std::string(to_string(out->reason)) + " ";
    }
  }
  result<void> send(std::string_view text) {
    auto const sent = client->send(text_message("4" + std::string(text)), link->now);
    link->pump();
    return sent;
  }
  std::string log() { return std::exchange(link->log, {}); }
  std::string take_events() { return std::exchange(events, {}); }
  std::string take_heard() { return std::exchange(heard, {}); }
};

TEST(engineio_client_session, polls) {
  world w({transport::polling});
  w.open();
  EXPECT_EQ(w.take_events(), "opened ");
  EXPECT_EQ(w.client->id(), "id-1");
  EXPECT_EQ(w.log(), "[GET][GET sid]");
  EXPECT_TRUE(w.send("hello"));
  EXPECT_TRUE(w.client->send(binary_message(as_bytes("\x01\x02")), w.link->now));
  w.link->pump();
  EXPECT_EQ(w.take_events(), "text:hello binary:\x01\x02 ");
  EXPECT_EQ(w.log(), "[POST sid 4hello][GET sid][POST sid bAQI=][GET sid]");
  EXPECT_EQ(w.link->requests(), 1u) << "one GET waits";
}

TEST(engineio_client_session, sends_what_is_queued_in_one_post) {
  world w({transport::polling});
  w.open();
  static_cast<void>(w.log());
  for (auto const text : {"quiet1", "quiet2", "quiet3"}) {
    EXPECT_TRUE(w.client->send(text_message("4" + std::string(text)), w.link->now));
  }
  w.link->pump();
  EXPECT_EQ(w.log(),
            "[POST sid 4quiet1\x1e"
            "4quiet2\x1e"
            "4quiet3]");
  EXPECT_EQ(w.take_heard(), "quiet1 quiet2 quiet3 ");
}

TEST(engineio_client_session, posts_no_more_at_once_than_the_server_takes) {
  world w({transport::polling});
  w.server_options.max_http_buffer_size = 16;
  w.open();
  static_cast<void>(w.log());
  for (auto const text : {"quiet1", "quiet2", "quiet3", "quiet very long indeed"}) {
    EXPECT_TRUE(w.client->send(text_message("4" + std::string(text)), w.link->now));
  }
  w.link->pump();
  EXPECT_EQ(w.log(),
            "[POST sid 4quiet1\x1e"
            "4quiet2][POST sid 4quiet3][POST sid 4quiet very long indeed]");
}

TEST(engineio_client_session, begins_with_a_websocket) {
  world w({transport::websocket});
  w.open();
  EXPECT_EQ(w.take_events(), "opened ");
  EXPECT_TRUE(w.send("hello"));
  EXPECT_TRUE(w.client->send(binary_message(as_bytes("\x01\x02")), w.link->now));
  w.link->pump();
  EXPECT_EQ(w.take_events(), "text:hello binary:\x01\x02 ");
  EXPECT_EQ(w.log(), "[WS]");
  EXPECT_TRUE(w.client->websocket_succeeded());
}

TEST(engineio_client_session, upgrades) {
  world w;
  w.open();
  EXPECT_EQ(w.log(), "[GET][WS sid][GET sid]");
  EXPECT_EQ(w.take_events(), "opened ");
  EXPECT_EQ(w.client->current(), transport::polling);
  EXPECT_TRUE(w.client->send(text_message("4first"), w.link->now));
  w.link->pump();
  EXPECT_FALSE(w.client->writable()) << "writes are held while the poll is awaited";
  w.link->pass(100ms);  // the server lets the poll return
  EXPECT_EQ(w.take_events(), "upgraded text:first ");
  EXPECT_EQ(w.take_heard(), "upgraded first ");
  EXPECT_EQ(w.client->current(), transport::websocket);
  EXPECT_EQ(w.link->requests(), 0u);
  EXPECT_EQ(w.link->wires(), 1u);
  EXPECT_TRUE(w.send("hello"));
  EXPECT_EQ(w.take_events(), "text:hello ");
}

TEST(engineio_client_session, stays_with_polling_when_it_is_told_to) {
  world w;
  w.config.upgrade = false;
  w.open();
  w.link->pass(1s);
  EXPECT_EQ(w.log(), "[GET][GET sid]");
  world other;
  other.server_options.allow_upgrades = false;
  other.open();
  other.link->pass(1s);
  EXPECT_EQ(other.log(), "[GET][GET sid]");
}

TEST(engineio_client_session, goes_on_polling_when_the_upgrade_fails) {
  // The probe is lost in each of its stages.
  for (int stage = 0; stage < 3; ++stage) {
    world one;
    one.server.emplace(one.server_options);
    one.client.emplace(one.config, one.names, 1);
    one.link.emplace(*one.client, *one.server);
    one.link->drain_client = [&] { one.drain_client(); };
    one.link->drain_server = [&] { one.drain_server(); };
    wire on{};
    one.link->intercept = [&](client_action const& action) {
      if (action.type != client_action::kind::open_wire) return false;
      on = action.on;
      return true;
    };
    ASSERT_TRUE(one.client->open(one.link->now));
    one.link->pump();
    ASSERT_TRUE(on);
    if (stage > 0) {
      one.client->wire_opened(on, one.link->now);
      EXPECT_EQ(one.client->poll_transmit(on)->packets().next().data, "2probe");
    }
    if (stage > 1) {
      EXPECT_TRUE(one.client->receive(on, {frame_kind::text, "3wrong"}, one.link->now));
    }
    one.client->wire_lost(on);
    one.link->pump();
    EXPECT_EQ(one.take_events(), "opened upgrade failed ") << stage;
    EXPECT_TRUE(one.send("hello"));
    EXPECT_EQ(one.take_events(), "text:hello ") << stage;
    EXPECT_EQ(one.client->current(), transport::polling);
  }
}

TEST(engineio_client_session, tries_the_next_transport) {
  for (bool const all : {false, true}) {
    world w({transport::websocket, transport::polling});
    w.config.try_all_transports = all;
    w.server_options.transports.websocket = false;
    w.open();
    EXPECT_EQ(w.log(), all ? "[WS][GET][GET sid]" : "[WS]");
    EXPECT_EQ(w.take_events(), all ? "opened " : "transport error (websocket error) ");
    EXPECT_EQ(w.client->closed(), !all);
  }
  world w({transport::polling, transport::websocket});
  w.config.try_all_transports = true;
  w.server_options.transports.polling = false;
  w.open();
  EXPECT_EQ(w.log(), "[GET][WS]");
  EXPECT_EQ(w.take_events(), "opened ");
}

TEST(engineio_client_session, begins_with_what_has_worked) {
  world w;
  w.open(true);
  EXPECT_EQ(w.log(), "[WS]");
  world all;
  all.config.try_all_transports = true;
  all.server_options.transports.websocket = false;
  all.open(true);
  EXPECT_EQ(all.log(), "[WS][GET][GET sid]");
}

TEST(engineio_client_session, answers_pings_and_misses_them) {
  for (auto const first : {transport::polling, transport::websocket}) {
    world w({first});
    w.open();
    static_cast<void>(w.take_events());
    w.link->pass(51s);
    EXPECT_EQ(w.take_events(), "ping ping ");
    w.link->up = false;
    w.link->pass(43s);  // the last ping came after 50 s, the next is due within 45 s of it
    EXPECT_EQ(w.take_events(), "");
    w.link->pass(1s);
    EXPECT_EQ(w.take_events(), "ping timeout (no heartbeat from the peer within ping_timeout) ");
  }
}

TEST(engineio_client_session, notices_at_a_send_that_it_slept) {
  world w({transport::websocket});
  w.open();
  w.link->now += 10h;  // no timer ran
  auto const sent = w.send("hello");
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, errc::ping_timeout);
  EXPECT_EQ(w.take_events(), "opened ping timeout (no heartbeat from the peer within ping_timeout) ");
  EXPECT_EQ(w.send("again").error().code, errc::gone);
}

TEST(engineio_client_session, closes) {
  world polling({transport::polling});
  polling.open();
  static_cast<void>(polling.log());
  EXPECT_TRUE(polling.client->send(text_message("4quiet"), polling.link->now));
  polling.client->close(polling.link->now);
  polling.link->pump();
  EXPECT_EQ(polling.log(), "[POST sid 4quiet][POST sid 1]") << "what is queued is sent first";
  EXPECT_EQ(polling.take_heard(), "quiet transport close ");
  EXPECT_EQ(polling.take_events(), "opened forced close (no error) ");
  EXPECT_TRUE(polling.client->finished());

  world websocket({transport::websocket});
  websocket.open();
  EXPECT_TRUE(websocket.client->send(text_message("4quiet"), websocket.link->now));
  websocket.client->close(websocket.link->now);
  websocket.link->pump();
  EXPECT_EQ(websocket.take_heard(), "quiet transport close ");
  EXPECT_EQ(websocket.take_events(), "opened forced close (no error) ");
  EXPECT_TRUE(websocket.client->finished());
}

TEST(engineio_client_session, closes_before_it_is_open) {
  for (bool const answered : {true, false}) {
    world w({transport::polling});
    exchange asked;
    w.before = [&](client_action const& action) {
      if (!asked) asked = action.request;
      return asked == action.request;
    };
    w.open();
    w.client->close(w.link->now);
    w.link->pump();
    EXPECT_EQ(w.log(), "[GET]") << "the server may have made a session: its answer is waited for";
    EXPECT_FALSE(w.client->finished());
    if (answered) {
      w.link->answer(asked, 200,
                     R"(0{"sid":"unwanted","upgrades":[],"pingInterval":1000,"pingTimeout":1000})");
    } else {
      w.client->request_failed(asked);
    }
    w.link->pump();
    EXPECT_EQ(w.log(), answered ? "[POST sid 1]" : "");
    EXPECT_EQ(w.take_events(), answered ? "forced close (no error) " : "transport error (xhr poll error) ");
    EXPECT_TRUE(w.client->finished());
  }
}

TEST(engineio_client_session, closes_in_the_midst_of_an_upgrade) {
  world w;
  w.open();
  w.client->close(w.link->now);
  w.link->pass(200ms);
  EXPECT_EQ(w.take_events(), "opened upgraded forced close (no error) ");
  EXPECT_TRUE(w.client->finished());
  EXPECT_EQ(w.link->wires(), 0u);
}

TEST(engineio_client_session, hears_of_the_servers_close) {
  for (auto const first : {transport::polling, transport::websocket}) {
    world w({first});
    w.open();
    w.server->close(w.session, w.link->now);
    w.link->pump();
    EXPECT_EQ(w.take_events(), "opened transport close (no error) ");
    EXPECT_TRUE(w.client->finished());
  }
}

TEST(engineio_client_session, loses_its_connection) {
  world polling({transport::polling});
  polling.open();
  polling.link->cut();
  EXPECT_EQ(polling.take_events(), "opened transport error (xhr poll error) ");
  world websocket({transport::websocket});
  websocket.open();
  websocket.link->cut();
  EXPECT_EQ(websocket.take_events(), "opened transport error (websocket error) ");
}

TEST(engineio_client_session, refuses_wrong_answers_to_the_handshake) {
  struct {
    std::uint16_t status;
    std::string_view body, reason;
  } const cases[] = {
      {400, R"({"code":0,"message":"Transport unknown"})", "xhr poll error"},
      {200, "", "expected a packet type, found an empty packet"},
      {200, "<html>", "unknown packet type"},
      {200, "2", "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, "4x", "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, "0{}", "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, "0null", "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, R"(0{"sid":"","pingInterval":1,"pingTimeout":1})",
       "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, R"(0{"sid":"a","pingInterval":-1,"pingTimeout":1})",
       "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, R"(0{"sid":"a","pingInterval":"1","pingTimeout":1})",
       "expected an open packet with sid, pingInterval and pingTimeout"},
      {200, "bAAAA", "expected an open packet with sid, pingInterval and pingTimeout"},
  };
  for (auto const& [status, body, reason] : cases) {
    world w;
    w.server.emplace(w.server_options);
    w.client.emplace(w.config, w.names, 1);
    w.link.emplace(*w.client, *w.server);
    w.link->drain_client = [&] { w.drain_client(); };
    w.link->intercept = [](client_action const&) { return true; };
    ASSERT_TRUE(w.client->open(w.link->now));
    w.link->pump();
    w.link->answer({1}, status, std::string(body));
    w.link->pump();
    EXPECT_EQ(w.take_events(), "transport error (" + std::string(reason) + ") ") << body;
    EXPECT_TRUE(w.client->finished());
  }
}

TEST(engineio_client_session, survives_huge_numbers) {
  world w;
  w.server.emplace(w.server_options);
  w.client.emplace(w.config, w.names, 1);
  w.link.emplace(*w.client, *w.server);
  w.link->drain_client = [&] { w.drain_client(); };
  w.link->intercept = [](client_action const&) { return true; };
  ASSERT_TRUE(w.client->open(w.link->now));
  w.link->pump();
  w.link->answer(
      {1}, 200,
      R"(0{"sid":"a b&c","upgrades":7,"pingInterval":9007199254740991,"pingTimeout":20000,"x":[]})");
  EXPECT_EQ(w.take_events(), "opened ");
  EXPECT_GT(w.client->next_deadline(), w.link->now);
  auto const next = w.client->poll_action();
  ASSERT_TRUE(next);
  EXPECT_NE(next->target.find("&sid=a%20b%26c&"), std::string::npos) << next->target;
}

TEST(engineio_client_session, ignores_what_comes_late) {
  world w({transport::polling});
  w.open();
  exchange const old{1};
  w.link->answer(old, 200, "4late");
  w.client->request_failed(old);
  w.client->wire_lost({77});
  EXPECT_TRUE(w.client->receive({77}, {frame_kind::text, "4late"}, w.link->now));
  w.link->pump();
  EXPECT_EQ(w.take_events(), "opened ");
  w.client->close(w.link->now);
  w.link->pump();
  w.link->answer(exchange{2}, 200, "4late");
  EXPECT_EQ(w.take_events(), "forced close (no error) ");
}

TEST(engineio_client_session, misuse_is_an_error) {
  world w;
  w.open();
  EXPECT_EQ(w.client->open(w.link->now).error().code, errc::wrong_state);
  EXPECT_TRUE(w.client->receive(w.client->main_wire(), {frame_kind::text, "4a"}, w.link->now));
  w.config.transports.clear();
  client_session none(w.config, w.names, 1);
  EXPECT_EQ(none.open(w.link->now).error().code, errc::invalid_argument);
  EXPECT_EQ(none.send(text_message("4a"), w.link->now).error().code, errc::gone);
  world full({transport::polling});
  full.config.outbox_bytes_max = 100;
  full.open();
  EXPECT_EQ(full.send(std::string(100, 'x')).error().code, errc::outbox_full);
  EXPECT_TRUE(full.send("short"));
}

TEST(engineio_client_session, upgrades_as_soon_as_the_poll_is_over) {
  world w;
  w.open();
  EXPECT_EQ(w.take_events(), "opened ");
  static_cast<void>(w.server->send(w.session, text_message("4hello")));
  w.link->pump();
  EXPECT_EQ(w.take_events(), "text:hello upgraded ") << "without waiting for a NOOP";
}

}  // namespace engineio_client_session_test
