// A scripted peer against engineio::server, in virtual time.
#include "unit/heap.hpp"
#include "world.hpp"

namespace engineio_server_test {

using namespace engineio_test;

constexpr std::string_view polling = "EIO=4&transport=polling&sid=sid1";
constexpr std::string_view websocket = "EIO=4&transport=websocket&sid=sid1";
constexpr std::string_view unknown = R"(400 {"code":1,"message":"Session ID unknown"})";

TEST(engineio_server, handshake_by_polling_answers_with_the_open_packet_alone) {
  world w;
  auto const request = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.answer(request), R"(200 0{"sid":"sid1","upgrades":["websocket"],)"
                               R"("pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
  EXPECT_EQ(w.events(), "opened;");
}

TEST(engineio_server, handshake_by_websocket) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  EXPECT_EQ(
      w.sent(wire),
      R"(0{"sid":"sid1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000};)");
  w.receive(wire, "4hi");
  w.receive(wire, "raw", frame_kind::binary);
  EXPECT_EQ(w.events(), "opened;message hi;message bin:raw;");
  EXPECT_EQ(w.sent(wire), "4hi;4raw;");
  w.lose(wire);
  EXPECT_EQ(w.events(), "closed transport close;");
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, table_of_refusals) {
  struct row {
    std::string_view query, method, answer;
  };
  for (row const& each : std::initializer_list<row>{
           {"EIO=4", "GET", R"(400 {"code":0,"message":"Transport unknown"})"},
           {"EIO=4&transport=abc", "GET", R"(400 {"code":0,"message":"Transport unknown"})"},
           {"EIO=4&transport=polling&sid=__proto__", "GET", unknown},
           {"EIO=4&transport=polling&sid=a-very-long-id-that-no-server-has-given", "GET", unknown},
           {"EIO=4&transport=websocket&sid=sid1", "GET", R"(400 {"code":3,"message":"Bad request"})"},
           {"EIO=3&transport=polling&sid=sid1", "GET", R"(400 {"code":3,"message":"Bad request"})"},
           {"EIO=4&transport=polling", "POST", R"(400 {"code":2,"message":"Bad handshake method"})"},
           {"EIO=4&transport=polling", "OPTIONS", R"(400 {"code":2,"message":"Bad handshake method"})"},
           {"EIO=4&transport=websocket", "GET", R"(400 {"code":3,"message":"Bad request"})"},
           {"EIO=3&transport=polling", "GET", R"(400 {"code":5,"message":"Unsupported protocol version"})"},
           {"transport=polling", "GET", R"(400 {"code":5,"message":"Unsupported protocol version"})"},
           {"EIO=4&transport=polling&sid=sid1", "PUT", "500 "},
       }) {
    world w;
    w.open_polling();
    EXPECT_EQ(w.answer(w.get(each.query, each.method)), each.answer) << each.method << ' ' << each.query;
  }
}

TEST(engineio_server, the_last_of_the_same_parameters_counts) {
  auto const read = [](std::string_view target) { return request_parameters(target); };
  EXPECT_EQ(read("/?transport=polling&x=1&transport=websocket").wanted, transport::websocket);
  EXPECT_FALSE(read("/?transport=polling&transport=flash").wanted);
  EXPECT_EQ(read("/?sid=a&sid=b").sid, "b");
  EXPECT_FALSE(read("/?sid=a&sid=").sid);
  EXPECT_EQ(read("/?EIO=4&EIO=3").revision, 3);
  EXPECT_EQ(read("/?EIO=3&EIO=4").revision, 4);
  EXPECT_FALSE(read("/?b64=1&b64=").base64_only);
}

TEST(engineio_server, refused_admission) {
  world w;
  w.admit_ = false;
  auto const request = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.answer(request), "");
  EXPECT_TRUE(w.server_.refuse(w.pending_, refusals::forbidden("no \"entry\"")));
  w.pump();
  EXPECT_EQ(w.answer(request), R"(403 {"code":4,"message":"no \"entry\""})");
  EXPECT_EQ(w.server_.size(), 0u);
  EXPECT_EQ(w.server_.admit(w.pending_, sid("late"), w.now_).error().code, errc::gone);
}

TEST(engineio_server, admission_of_a_client_that_has_left) {
  world w;
  w.admit_ = false;
  auto const request = w.get("EIO=4&transport=polling");
  w.abort(request);
  EXPECT_EQ(w.server_.size(), 0u);
  EXPECT_EQ(w.server_.admit(w.pending_, sid("late"), w.now_).error().code, errc::gone);
  EXPECT_EQ(w.events(), "");
}

TEST(engineio_server, an_id_in_use_is_not_given_twice) {
  world w;
  w.open_polling();
  w.admit_ = false;
  auto const request = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.server_.admit(w.pending_, sid("sid1"), w.now_).error().code, errc::invalid_argument);
  w.pump();
  EXPECT_EQ(w.answer(request), R"(400 {"code":3,"message":"Bad request"})");
}

TEST(engineio_server, polling_echo) {
  world w;
  w.open_polling();
  auto const poll = w.get(polling);
  EXPECT_EQ(w.answer(poll), "");
  auto const post = w.post(polling,
                           "4a\x1e"
                           "4b\x1e"
                           "bAQI=");
  EXPECT_EQ(w.answer(post), "200 ok");
  EXPECT_EQ(w.answer(poll),
            "200 4a\x1e"
            "4b\x1e"
            "4\x01\x02");
  EXPECT_EQ(w.events(), "opened;message a;message b;message bin:\x01\x02;");
}

TEST(engineio_server, overlapping_polls_end_the_session) {
  world w;
  w.open_polling();
  auto const first = w.get(polling);
  auto const second = w.get(polling);
  EXPECT_EQ(w.answer(second), "400 ");
  EXPECT_EQ(w.answer(first), "200 1");
  EXPECT_EQ(w.events(), "opened;closed transport error (overlap from client: a GET is already pending);");
  EXPECT_EQ(w.answer(w.get(polling)), unknown);
}

TEST(engineio_server, overlapping_posts_end_the_session) {
  world w;
  w.open_polling();
  auto const first = w.get(polling, "POST");
  auto const second = w.get(polling, "POST");
  EXPECT_EQ(w.answer(second), "400 ");
  EXPECT_EQ(w.answer(first), "destroyed");
  EXPECT_EQ(w.answer(w.get(polling)), unknown);
}

TEST(engineio_server, aborted_poll_and_post) {
  for (auto const* method : {"GET", "POST"}) {
    world w;
    w.open_polling();
    w.abort(w.get(polling, method));
    EXPECT_EQ(w.events(), "opened;closed transport error (a polling request was closed before its end);");
    EXPECT_EQ(w.server_.size(), 0u);
  }
}

TEST(engineio_server, garbage_is_answered_ok_and_ends_the_session) {
  for (auto const* body : {"abc", "", "2",
                           "4a\x1e"
                           "9"}) {
    world w;
    w.echo_ = false;
    w.open_polling();
    EXPECT_EQ(w.answer(w.post(polling, body)), "200 ok") << body;
    EXPECT_EQ(w.answer(w.get(polling)), unknown) << body;
  }
}

TEST(engineio_server, close_packet_by_post) {
  world w;
  w.open_polling();
  auto const poll = w.get(polling);
  EXPECT_EQ(w.answer(w.post(polling,
                            "1\x1e"
                            "4late")),
            "200 ok");
  EXPECT_EQ(w.answer(poll), "200 6");
  EXPECT_EQ(w.events(), "opened;closed transport close;");
}

TEST(engineio_server, binary_content_is_refused) {
  world w;
  w.open_polling();
  w.headers_[0] = {"Content-Type", "application/octet-stream"};
  EXPECT_EQ(w.answer(w.post(polling, "4a")), "400 ");
  EXPECT_EQ(w.answer(w.get(polling)), unknown);
}

TEST(engineio_server, oversize_post_keeps_the_session) {
  world w;
  w.open_polling();
  auto const post = w.get(polling, "POST");
  w.server_.post_too_large(w.opened_, post);
  w.pump();
  EXPECT_EQ(w.answer(post), "413 ");
  EXPECT_EQ(w.answer(w.post(polling, "4a")), "200 ok");
}

TEST(engineio_server, graceful_close_of_polling_waits_for_the_next_poll) {
  world w;
  w.open_polling();
  w.server_.close(w.opened_, w.now_);
  w.pump();
  EXPECT_EQ(w.events(), "opened;");
  EXPECT_EQ(w.answer(w.get(polling)),
            "200 6\x1e"
            "1");
  EXPECT_EQ(w.events(), "closed forced close;");
}

TEST(engineio_server, graceful_close_of_polling_gives_up_after_30_s) {
  world w;
  w.open_polling();
  w.server_.close(w.opened_, w.now_);
  w.pump();
  w.pass(29s);
  EXPECT_EQ(w.events(), "opened;");
  w.pass(2s);
  EXPECT_EQ(w.events(), "closed forced close;");
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, close_over_websocket_sends_what_is_queued_first) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  EXPECT_NE(w.sent(wire), "");
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4last")));
  w.server_.close(w.opened_, w.now_);
  w.pump();
  EXPECT_EQ(w.sent(wire), "4last;shut;");
  EXPECT_EQ(w.events(), "opened;closed forced close;");
  EXPECT_EQ(w.server_.send(w.opened_, text_message("4late")).error().code, errc::gone);
}

TEST(engineio_server, websocket_packets_out_of_place) {
  struct row {
    std::string_view packet, events;
  };
  for (row const& each : std::initializer_list<row>{
           {"0", ""},
           {"1", ""},
           {"5", ""},
           {"6", ""},
           {"2", "closed transport error (invalid heartbeat direction);"},
           {"7", "closed parse error (unknown packet type);"},
           {"", "closed parse error (expected a packet type, found an empty packet);"},
       }) {
    world w;
    wire const wire = w.open_wire("EIO=4&transport=websocket");
    EXPECT_EQ(w.events(), "opened;");
    w.receive(wire, each.packet);
    EXPECT_EQ(w.events(), each.events) << each.packet;
  }
}

TEST(engineio_server, heartbeat) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  EXPECT_NE(w.sent(wire), "");
  w.pass(24999ms);
  EXPECT_EQ(w.sent(wire), "");
  w.pass(1ms);
  EXPECT_EQ(w.sent(wire), "2;");
  w.pass(10s);
  w.receive(wire, "3");
  w.pass(24999ms);
  EXPECT_EQ(w.sent(wire), "");
  w.pass(1ms);
  EXPECT_EQ(w.sent(wire), "2;") << "the next ping comes one interval after the pong";
  w.pass(20s);
  EXPECT_EQ(w.events(), "opened;closed ping timeout (no heartbeat from the peer within ping_timeout);");
  EXPECT_EQ(w.sent(wire), "shut;");
}

TEST(engineio_server, first_packet_after_a_ping_extends_the_wait_once) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  w.pass(25s);
  w.pass(15s);
  w.receive(wire, "4busy");
  w.pass(15s);
  w.receive(wire, "4still");
  EXPECT_EQ(w.events(), "opened;message busy;message still;");
  w.pass(5s);
  EXPECT_EQ(w.events(), "closed ping timeout (no heartbeat from the peer within ping_timeout);");
}

// --- upgrade ---

TEST(engineio_server, upgrade) {
  world w;
  w.open_polling();
  auto const poll = w.get(polling);
  wire const wire = w.open_wire(websocket);
  ASSERT_TRUE(wire);
  w.receive(wire, "2probe");
  w.receive(wire, "2probe");
  EXPECT_EQ(w.sent(wire), "3probe;3probe;") << "a probe may be repeated";
  EXPECT_EQ(w.answer(poll), "") << "the first NOOP comes after 100 ms";
  w.pass(100ms);
  EXPECT_EQ(w.answer(poll), "200 6");
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4queued")));
  w.receive(wire, "5");
  EXPECT_EQ(w.sent(wire), "4queued;");
  w.receive(wire, "4hi");
  EXPECT_EQ(w.events(), "opened;upgraded;message hi;");
  EXPECT_EQ(w.answer(w.get(polling)), R"(400 {"code":3,"message":"Bad request"})");
  w.pass(20s);
  EXPECT_EQ(w.sent(wire), "4hi;") << "nothing is left of the upgrade deadlines";
}

TEST(engineio_server, messages_during_the_probe_go_by_polling) {
  world w;
  w.open_polling();
  wire const wire = w.open_wire(websocket);
  w.receive(wire, "2probe");
  EXPECT_EQ(w.sent(wire), "3probe;");
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4a")));
  w.pump();
  EXPECT_EQ(w.sent(wire), "");
  EXPECT_EQ(w.answer(w.get(polling)), "200 4a");
}

TEST(engineio_server, wrong_probe_closes_the_wire_only) {
  for (auto const* packet : {"2", "2probes", "4hi", "5", "abc", ""}) {
    world w;
    w.open_polling();
    wire const wire = w.open_wire(websocket);
    w.receive(wire, packet);
    EXPECT_EQ(w.sent(wire), "shut;") << packet;
    EXPECT_EQ(w.answer(w.post(polling, "4a")), "200 ok") << packet;
    ASSERT_TRUE(w.open_wire(websocket)) << "and another upgrade may be tried";
  }
}

TEST(engineio_server, second_upgrade_is_refused_and_the_first_goes_on) {
  world w;
  w.open_polling();
  wire const wire = w.open_wire(websocket);
  w.receive(wire, "2probe");
  EXPECT_FALSE(w.open_wire(websocket));
  w.receive(wire, "5");
  EXPECT_EQ(w.events(), "opened;upgraded;");
  EXPECT_FALSE(w.open_wire(websocket));
  w.receive(wire, "4still here");
  EXPECT_EQ(w.events(), "message still here;");
}

TEST(engineio_server, upgrade_timeout_closes_the_wire_only) {
  world w;
  w.open_polling();
  wire const wire = w.open_wire(websocket);
  w.pass(10s);
  EXPECT_EQ(w.sent(wire), "shut;");
  EXPECT_EQ(w.answer(w.post(polling, "4a")), "200 ok");
}

TEST(engineio_server, wire_lost_during_the_probe) {
  world w;
  w.open_polling();
  wire const wire = w.open_wire(websocket);
  w.receive(wire, "2probe");
  w.lose(wire);
  EXPECT_EQ(w.events(), "opened;");
  EXPECT_EQ(w.answer(w.post(polling, "4a")), "200 ok");
  EXPECT_TRUE(w.open_wire(websocket));
}

TEST(engineio_server, closing_during_the_upgrade) {
  world w;
  w.open_polling();
  wire const wire = w.open_wire(websocket);
  w.receive(wire, "2probe");
  w.server_.close(w.opened_, w.now_);
  w.pump();
  w.receive(wire, "5");
  EXPECT_EQ(w.sent(wire), "3probe;shut;");
  EXPECT_EQ(w.events(), "opened;closed forced close;");
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, a_ping_that_was_sent_before_the_upgrade_keeps_its_deadline) {
  world w;
  w.open_polling();
  auto const poll = w.get(polling);
  w.pass(25s);
  EXPECT_EQ(w.answer(poll), "200 2");
  wire const wire = w.open_wire(websocket);
  w.receive(wire, "2probe");
  w.receive(wire, "5");
  w.pass(20s);
  EXPECT_EQ(w.events(),
            "opened;upgraded;closed ping timeout (no heartbeat from the peer within ping_timeout);");
}

TEST(engineio_server, late_bytes_of_a_refused_wire_reach_no_session) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  EXPECT_EQ(w.events(), "opened;");
  EXPECT_TRUE(w.server_.receive(w.opened_, siokit::wire{999}, {frame_kind::text, "4intruder"}, w.now_));
  w.pump();
  EXPECT_EQ(w.events(), "");
  w.receive(wire, "4mine");
  EXPECT_EQ(w.events(), "message mine;");
}

// --- limits and misuse ---

TEST(engineio_server, a_poll_is_answered_with_what_was_queued_before_the_session_ended) {
  for (auto const* body : {"4before\x1e"
                           "x",
                           "4before\x1e"
                           "1"}) {
    world w;
    w.open_polling();
    auto const poll = w.get(polling);
    w.post(polling, body);
    EXPECT_EQ(w.answer(poll), "200 4before");
    EXPECT_EQ(w.answer(w.get(polling)), unknown);
  }
}

TEST(engineio_server, closing_while_something_is_queued_takes_two_polls) {
  world w;
  w.open_polling();
  auto const poll = w.get(polling);
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4last")));
  w.server_.close(w.opened_, w.now_);
  w.pump();
  EXPECT_EQ(w.answer(poll), "200 4last");
  EXPECT_EQ(w.answer(w.get(polling)),
            "200 6\x1e"
            "1");
}

TEST(engineio_server, clients_without_binary_frames) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket&b64=1");
  EXPECT_NE(w.sent(wire), "");
  w.receive(wire, "bQUI=");
  EXPECT_EQ(w.events(), "opened;message bin:AB;");
  EXPECT_EQ(w.sent(wire), "4AB;");
  EXPECT_TRUE(w.server_.send(w.opened_, binary_message(as_bytes("AB"))));
  w.pump();
  EXPECT_EQ(w.sent(wire), "bQUI=;");
}

TEST(engineio_server, memory_of_decoded_messages_is_given_back) {
  server_config const config;
  server_session session(config, sid("a"), transport::websocket, time_point(1h), true);
  ASSERT_TRUE(session.wire_opened(wire{1}, time_point(1h)));
  std::string const base64 = "b" + std::string(1'000'000, 'A');
  for (bool const first : {true, false}) {
    auto const before = conformance::heap;
    ASSERT_TRUE(session.receive(wire{1}, {frame_kind::text, base64}, time_point(1h)));
    while (session.poll_event(time_point(1h))) continue;
    auto const since = conformance::heap_since(before);
    EXPECT_GE(since.bytes, 1'000'000u);
    if (!first) {  // the first one makes what polling needs
      EXPECT_EQ(since.allocations, since.releases);
    }
  }
}

TEST(engineio_server, gives_memory_of_base64_back_with_each_message) {
  server by({});
  time_point const now{1h};
  by.request(exchange{1}, {"GET", "/engine.io/?EIO=4&transport=websocket", {}, "::1", false, true}, now);
  handle const session = by.poll_event(now)->session;
  ASSERT_TRUE(by.admit(session, sid("a"), now));
  ASSERT_TRUE(by.poll_response());
  ASSERT_TRUE(by.wire_opened(session, wire{1}, now));
  while (by.poll_event(now)) continue;
  std::string const long_one(900'000, 'A');
  ASSERT_TRUE(by.receive(session, wire{1}, {frame_kind::text, "bQUJD"}, now));  // makes what polling needs
  while (by.poll_event(now)) continue;
  for (std::string const& packet : {"b" + long_one, "b=" + long_one}) {
    auto const before = conformance::heap;
    ASSERT_TRUE(by.receive(session, wire{1}, {frame_kind::text, packet}, now));
    int messages = 0;
    while (by.poll_event(now)) ++messages;
    EXPECT_EQ(messages, 1);
    auto const since = conformance::heap_since(before);
    EXPECT_GE(since.bytes, 900'000u);
    EXPECT_EQ(since.allocations, since.releases) << packet.substr(0, 2);
  }
}

TEST(engineio_server, a_peer_that_does_not_read_is_closed) {
  world w({.outbox_bytes_max = 1000});
  w.open_polling();
  std::string const big(600, 'x');
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4" + big)));
  EXPECT_EQ(w.server_.send(w.opened_, text_message("4" + big)).error().code, errc::outbox_full);
  w.pump();
  EXPECT_EQ(w.events(), "opened;closed transport error (the peer reads too slowly: its send queue is full);");
}

TEST(engineio_server, input_before_events_are_drained_is_refused) {
  world w;
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  EXPECT_TRUE(w.server_.receive(w.opened_, wire, {frame_kind::text, "4a"}, w.now_));
  auto const refused = w.server_.receive(w.opened_, wire, {frame_kind::text, "4b"}, w.now_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::events_pending);
  EXPECT_EQ(refused.error().blame, side::local);
  w.pump();
  EXPECT_EQ(w.events(), "opened;message a;");
}

TEST(engineio_server, handles_of_the_past_do_nothing) {
  world w;
  handle const old = w.open_polling();
  w.server_.close(old, w.now_, true);
  w.pump();
  w.open_polling();
  EXPECT_EQ(w.server_.send(old, text_message("4x")).error().code, errc::gone);
  w.server_.close(old, w.now_);
  w.pump();
  EXPECT_EQ(w.events(), "opened;closed forced close;opened;");
  EXPECT_EQ(w.server_.size(), 1u);
}

TEST(engineio_server, text_that_is_not_utf8_ends_a_session) {
  world w;
  w.open_polling();
  static_cast<void>(w.events());
  auto const posted = w.post("EIO=4&transport=polling&sid=sid1",
                             "4good\x1e"
                             "4\xFF\xFE\x1e"
                             "4after");
  EXPECT_EQ(w.answer(posted), "200 ok");
  EXPECT_NE(w.events().find("parse error"), std::string::npos);
}

TEST(engineio_server, a_session_that_closes_ends_when_its_client_says_so) {
  world w;
  handle const session = w.open_polling();
  w.server_.close(session, w.now_);
  w.pump();
  EXPECT_EQ(w.server_.size(), 1u) << "it waits for a poll to tell";
  static_cast<void>(w.events());
  static_cast<void>(w.post("EIO=4&transport=polling&sid=sid1",
                           "4late\x1e"
                           "1"));
  EXPECT_EQ(w.events().find("late"), std::string::npos);
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, a_session_that_closes_ends_at_once_when_it_must) {
  world w;
  handle const session = w.open_polling();
  w.server_.close(session, w.now_);
  w.pump();
  EXPECT_EQ(w.server_.size(), 1u);
  w.server_.close(session, w.now_, true);
  w.pump();
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, what_is_queued_at_a_close_leaves_before_the_end) {
  world w;
  handle const session = w.open_polling();
  EXPECT_TRUE(w.server_.send(session, text_message("41")));
  w.server_.close(session, w.now_);
  w.pump();
  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling&sid=sid1")), "200 41");
  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling&sid=sid1")),
            "200 6\x1e"
            "1");
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_server, the_revision_is_checked_after_the_application) {
  world w;
  w.admit_ = false;
  auto const asked = w.get("EIO=3&transport=polling");
  EXPECT_TRUE(w.server_.refuse(w.pending_, refusals::forbidden()));
  w.pump();
  EXPECT_EQ(w.answer(asked), R"(403 {"code":4,"message":"Forbidden"})");
}

}  // namespace engineio_server_test
