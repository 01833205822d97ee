// Connections of one address, and what a peer hears of quotas.
#include "net/host_world.hpp"
#include "siokit/net/server.hpp"

namespace siokit::test::quota_test {

struct refusals_told final : engineio::observer {
  void on_refused(engineio::refusal const& why) noexcept override { last = why.cause; }
  errc last = errc::ok;
};

TEST(Quotas, ConnectionsOfAnAddress) {
  refusals_told told;
  world w({.observer = &told}, {.connections_per_address_max = 2});
  auto const at = w.listen();
  raw_client first(w, at), second(w, at);
  EXPECT_TRUE(has(first.ask(get(polling)), "200 OK"));
  EXPECT_TRUE(has(second.ask(get(polling)), "200 OK"));
  EXPECT_EQ(told.last, errc::ok);
  raw_client third(w, at);
  EXPECT_TRUE(third.until_ended());
  EXPECT_EQ(third.in, "");
  EXPECT_EQ(told.last, errc::too_many_connections);
  EXPECT_EQ(w.host->connections(), 2u);
  second.close();
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 1; }));
  raw_client fourth(w, at);
  EXPECT_TRUE(has(fourth.ask(get(polling)), "200 OK")) << "there is room again";
}

TEST(Quotas, ATrustedProxyMayHaveAnyNumberOfConnections) {
  net::host_options options{.connections_per_address_max = 1};
  ASSERT_TRUE(options.trusted_proxies.add("127.0.0.1"));
  world w({}, options);
  auto const at = w.listen();
  raw_client first(w, at), second(w, at);
  EXPECT_TRUE(has(first.ask(get(polling, "X-Forwarded-For: 10.0.0.1\r\n")), "200 OK"));
  EXPECT_TRUE(has(second.ask(get(polling, "X-Forwarded-For: 10.0.0.2\r\n")), "200 OK"));
}

TEST(Quotas, TheClientsOfAProxyAreCountedEach) {
  net::host_options options;
  ASSERT_TRUE(options.trusted_proxies.add("127.0.0.1"));
  world w({.sessions_per_address_max = 1}, options);
  raw_client client(w);
  EXPECT_TRUE(has(client.ask(get(polling, "X-Forwarded-For: 10.0.0.1\r\n")), "200 OK"));
  EXPECT_TRUE(has(client.ask(get(polling, "X-Forwarded-For: 10.0.0.2\r\n")), "200 OK"));
  auto const refused = client.ask(get(polling, "X-Forwarded-For: 10.0.0.1\r\n"));
  EXPECT_TRUE(has(refused, "HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_EQ(body_of(refused), R"({"code":4,"message":"Too many requests"})");
}

TEST(Quotas, AWebSocketIsRefusedWith429) {
  world w({.handshake_rate = {0.001, 1}});
  raw_client client(w);
  std::string const upgrade = get("/engine.io/?EIO=4&transport=websocket",
                                  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  EXPECT_TRUE(has(raw_client(w, client.socket.remote_endpoint()).ask(upgrade), "101 Switching Protocols"));
  EXPECT_TRUE(has(client.ask(upgrade), "HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_TRUE(client.until_ended());
}

TEST(Quotas, WhoHasBrokenTheConnectionIsKnownAllTheSame) {
  world w({.sessions_per_address_max = 1});
  auto const at = w.listen();
  for (int i = 0; i < 5; ++i) {
    raw_client client(w, at);
    client.send(get(polling));
    client.socket.set_option(asio::socket_base::linger(true, 0));
    client.close();  // before the server has looked at it
  }
  raw_client last(w, at);
  EXPECT_TRUE(has(last.ask(get(polling)), "429")) << "of those before, one was served";
  EXPECT_EQ(w.engine.size(), 1u);
}

TEST(Quotas, ConnectionsThatWereHandedOverCount) {
  world w({}, {.connections_per_address_max = 1});
  raw_client first(w);
  EXPECT_TRUE(has(first.ask(get(polling)), "200 OK"));
  tcp::acceptor other(w.context, {asio::ip::address_v4::loopback(), 0});
  raw_client second(w, other.local_endpoint());
  tcp::socket accepted = other.accept();
  net::attached_request const asked{.method = "GET", .target = polling, .headers = {}};
  EXPECT_FALSE(w.host->attach(std::move(accepted), asked));
  EXPECT_TRUE(second.until_ended());
  EXPECT_EQ(second.in, "");
}

TEST(Quotas, WhatIsRefusedByItsHeadOrBodyHasACause) {
  refusals_told told;
  net::host_options const options{.header_timeout = std::chrono::milliseconds(30)};
  world w({.max_http_buffer_size = 10, .observer = &told}, options);
  auto const cause_of = [&](std::string const& request) {
    told.last = errc::ok;
    raw_client client(w);
    EXPECT_NE(client.ask(request), "");
    return name_of(told.last);
  };
  EXPECT_EQ(cause_of("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n\r\n"), "header_too_large");
  EXPECT_EQ(cause_of("GET / HTTP/1.1\r\nbad header\r\n\r\n"), "bad_request");
  EXPECT_EQ(cause_of("GET / HTTP/1.1\r\nHost:"), "slow_request");
  raw_client client(w);
  client.ask(get(polling));
  told.last = errc::ok;
  EXPECT_TRUE(has(client.ask(post(poll_of(0), "4" + std::string(20, 'a'))), "413"));
  EXPECT_EQ(told.last, errc::payload_too_large);
}

TEST(Quotas, OptionsOfAServerReachItsParts) {
  server_options options;
  options.sessions_per_address_max = 1;
  options.handshake_rate = 2;
  options.packet_rate = 3;
  options.byte_rate = 4;
  options.payload_packets_max = 5;
  options.outbox_messages_max = 6;
  options.slow_consumer = slow_consumer::drop;
  options.limits.namespaces_max = 7;
  auto const engine = options.engine();
  EXPECT_EQ(engine.sessions_per_address_max, 1u);
  EXPECT_EQ(engine.handshake_rate, rate_limit(2));
  EXPECT_EQ(engine.packet_rate, rate_limit(3));
  EXPECT_EQ(engine.byte_rate, rate_limit(4));
  EXPECT_EQ(engine.payload_packets_max, 5u);
  EXPECT_EQ(engine.outbox_messages_max, 6u);
  EXPECT_EQ(options.hub().slow_consumer, slow_consumer::drop);
  EXPECT_EQ(options.hub().limits.namespaces_max, 7u);
}

TEST(Addresses, AreWrittenAsAsioDoes) {
  for (std::string const text :
       {"0.0.0.0", "127.0.0.1", "10.9.99.100", "255.200.19.1", "::1", "2001:db8::1"}) {
    EXPECT_EQ(net::impl::text_of(asio::ip::make_address(text)), text);
  }
}

}  // namespace siokit::test::quota_test
