// What one address, and one session, may ask for.
#include "engineio/world.hpp"
#include "siokit/engineio/metrics.hpp"

namespace engineio_quota_test {

using namespace engineio_test;

TEST(engineio_quota, networks_of_addresses) {
  EXPECT_NE(network_of("10.0.0.1"), 0u);
  EXPECT_NE(network_of("10.0.0.1"), network_of("10.0.0.2"));
  EXPECT_EQ(network_of("::ffff:10.0.0.1"), network_of("10.0.0.1"));
  EXPECT_EQ(network_of("2001:db8:1:2:3:4:5:6"), network_of("2001:db8:1:2::"));
  EXPECT_EQ(network_of("2001:db8::1"), network_of("2001:db8:0:0:ffff::"));
  EXPECT_NE(network_of("2001:db8:0:1::"), network_of("2001:db8::1"));
  EXPECT_EQ(network_of("2001:db8::1:2:3:4:5"), network_of("2001:db8:0:1::"));
  EXPECT_EQ(network_of("fe80::1%eth0"), network_of("fe80::2"));
  EXPECT_NE(network_of("::1"), 0u);
  EXPECT_NE(network_of("::"), 0u);
  for (std::string_view const none :
       {"", "unix", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4 ", "1:2:3", "1:2:3:4:5:6:7:8:9", "1::2::3",
        "12345::", ":1", "1:", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:", "x::", "1.2.3.-4"}) {
    EXPECT_EQ(network_of(none), 0u) << none;
  }
}

TEST(engineio_quota, sessions_of_an_address) {
  metrics counted;
  world w({.sessions_per_address_max = 2, .observer = &counted});
  w.open_polling();
  handle const first = w.opened_;
  ASSERT_TRUE(w.open_wire("EIO=4&transport=websocket"));
  exchange const refused = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.answer(refused), R"(429 {"code":4,"message":"Too many requests"})");
  EXPECT_FALSE(w.open_wire("EIO=4&transport=websocket"));
  EXPECT_NE(counted.text(w.server_).find(R"(siokit_errors_total{kind="too_many_sessions"} 2)"),
            std::string::npos);
  w.address_ = "127.0.0.2";
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket")) << "somebody else";
  w.address_ = "";
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket")) << "of a Unix socket";
  w.address_ = "127.0.0.1";
  w.server_.close(first, w.now_, true);
  w.pump();
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket")) << "there is room again";
}

TEST(engineio_quota, a_handshake_that_awaits_its_answer_counts) {
  world w({.sessions_per_address_max = 1});
  w.admit_ = false;
  exchange const first = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling")), R"(429 {"code":4,"message":"Too many requests"})");
  w.abort(first);
  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling")), "") << "it is asked for";
  EXPECT_TRUE(w.server_.refuse(w.pending_));
  w.pump();
  w.admit_ = true;
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket"));
}

TEST(engineio_quota, handshakes_a_second) {
  metrics counted;
  world w({.handshake_rate = {1, 2}, .observer = &counted});
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket"));
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket"));
  exchange const refused = w.get("EIO=4&transport=polling");
  EXPECT_EQ(w.answer(refused), R"(429 {"code":4,"message":"Too many requests"})");
  EXPECT_NE(counted.text(w.server_).find(R"(siokit_errors_total{kind="handshake_rate"} 1)"),
            std::string::npos);
  w.pass(1s);
  EXPECT_TRUE(w.open_wire("EIO=4&transport=websocket"));
}

TEST(engineio_quota, addresses_that_hold_nothing_are_forgotten) {
  address_quota addresses;
  rate_limit const rate(1, 5);
  time_point now{1h};
  for (network_key who = 1; who <= 1000; ++who) {
    EXPECT_EQ(addresses.enter(who, 1, errc::too_many_sessions, rate, now), errc::ok);
    if (who > 1) addresses.leave(who);
  }
  EXPECT_EQ(addresses.size(), 1000u);
  now += 10s;
  EXPECT_EQ(addresses.enter(2000, 1, errc::too_many_sessions, rate, now), errc::ok);
  EXPECT_EQ(addresses.size(), 2u) << "the one that holds something, and the new one";
  EXPECT_EQ(addresses.enter(1, 1, errc::too_many_sessions, rate, now), errc::too_many_sessions);
}

TEST(engineio_quota, packets_a_second_over_websocket) {
  world w({.packet_rate = {10, 3}});
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  for (int i = 0; i < 3; ++i) w.receive(wire, "4a");
  EXPECT_EQ(w.events(), "opened;message a;message a;message a;");
  w.pass(100ms);
  w.receive(wire, "4b");
  w.receive(wire, "6");
  EXPECT_EQ(w.events(), "message b;closed transport error (more packets a second than the limit);");
}

TEST(engineio_quota, packets_a_second_over_polling) {
  world w({.packet_rate = {10, 3}});
  w.open_polling();
  exchange const post = w.post("EIO=4&transport=polling&sid=sid1",
                               "4a\x1e"
                               "4b\x1e"
                               "6\x1e"
                               "4c\x1e"
                               "4d");
  EXPECT_EQ(w.events(),
            "opened;message a;message b;closed transport error (more packets a second than the limit);");
  EXPECT_EQ(w.answer(post), "200 ok");
}

TEST(engineio_quota, bytes_a_second) {
  world w({.byte_rate = {1000, 10}});
  wire const wire = w.open_wire("EIO=4&transport=websocket");
  w.receive(wire, "4123456789");
  w.pass(5ms);
  w.receive(wire, "41234");
  EXPECT_EQ(w.events(), "opened;message 123456789;message 1234;");
  w.receive(wire, "4");
  EXPECT_EQ(w.events(), "closed transport error (more bytes a second than the limit);");
}

TEST(engineio_quota, a_probe_counts_too) {
  world w({.packet_rate = {10, 3}});
  w.open_polling();
  wire const probe = w.open_wire("EIO=4&transport=websocket&sid=sid1");
  for (int i = 0; i < 4; ++i) w.receive(probe, "2probe");
  EXPECT_EQ(w.events(), "opened;closed transport error (more packets a second than the limit);");
}

TEST(engineio_quota, packets_of_a_payload) {
  world w({.payload_packets_max = 2});
  w.open_polling();
  w.post("EIO=4&transport=polling&sid=sid1",
         "4a\x1e"
         "4b");
  w.post("EIO=4&transport=polling&sid=sid1",
         "4c\x1e"
         "4d");
  EXPECT_EQ(w.events(), "opened;message a;message b;message c;message d;");
  w.post("EIO=4&transport=polling&sid=sid1",
         "4a\x1e"
         "4b\x1e"
         "4c");
  EXPECT_EQ(w.events(),
            "message a;message b;closed parse error (more packets in one payload than the limit);");
}

TEST(engineio_quota, messages_in_the_outbox) {
  world w({.outbox_messages_max = 3});
  w.open_polling();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(w.server_.send(w.opened_, text_message("4a")));
  EXPECT_EQ(w.server_.send(w.opened_, text_message("4a")).error().code, errc::outbox_full);
  w.pump();
  EXPECT_EQ(w.events(), "opened;closed transport error (" + std::string(to_string(errc::outbox_full)) + ");");
}

TEST(engineio_quota, causes_have_names_for_programs) {
  EXPECT_EQ(name_of(errc::outbox_full), "outbox_full");
  EXPECT_EQ(name_of(errc::packet_rate), "packet_rate");
  EXPECT_EQ(name_of(static_cast<errc>(255)), "unknown");
}

}  // namespace engineio_quota_test
