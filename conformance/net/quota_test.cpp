// Connections of one address, and what a peer hears of quotas.
#include "net/host_world.hpp"
#include "siokit/net/server.hpp"

namespace siokit::test::quota_test {

struct refusals_told final : engineio::observer {
  void on_refused(engineio::refusal const& why) noexcept override { last = why.quota; }
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

}  // namespace siokit::test::quota_test
