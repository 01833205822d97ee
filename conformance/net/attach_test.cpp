// Connections that another HTTP server of the program has begun.
#include <array>

#include "net/websocket_client.hpp"

namespace net_attach_test {

using namespace siokit;
using namespace siokit::test;
namespace opcodes = websocket::opcodes;

/// Another server: accepts, and hands over.
struct other_server {
  explicit other_server(world& home)
      : around(home), acceptor(home.context, {asio::ip::address_v4::loopback(), 0}) {}

  [[nodiscard]] tcp::endpoint at() const { return acceptor.local_endpoint(); }
  std::error_code hand_over(net::attached_request const& first, bool upgraded = false) {
    return around.host->attach(acceptor.accept(), first, upgraded);
  }

  world& around;
  tcp::acceptor acceptor;
};

TEST(Attach, ARequestAndThoseThatFollowOnItsConnection) {
  world w;
  other_server other(w);
  raw_client c(w, other.at());
  std::array<header, 2> const headers{{{"Host", "a"}, {"X-Mine", "1"}}};
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .headers = headers, .keep_alive = true}));
  EXPECT_TRUE(body_of(c.response()).starts_with("0{\"sid\""));
  EXPECT_EQ(w.engine.head(w.last)->find("x-mine"), "1");
  EXPECT_EQ(w.engine.head(w.last)->remote_address(), "127.0.0.1");
  EXPECT_EQ(body_of(c.ask(post(poll_of(0), "4hello"))), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4hello");
}

TEST(Attach, OthersRequestsAreNotTaken) {
  world w;
  other_server other(w);
  raw_client c(w, other.at());
  std::array<header, 2> const headers{{{"Connection", "Upgrade, HTTP2-Settings"}, {"Upgrade", "h2c"}}};
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .headers = headers}));
  std::string const answer = c.response();
  EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n"));
  EXPECT_TRUE(body_of(answer).starts_with("0{\"sid\""));
  EXPECT_TRUE(c.until_ended());
}

TEST(Attach, ABodyAndWhatWasReadBehindIt) {
  world w;
  other_server other(w);
  raw_client first(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .keep_alive = true}));
  first.response();
  for (bool const chunked : {false, true}) {
    raw_client c(w, other.at());
    std::string const body = "4" + std::string(300'000, 'x'), rest = get(poll_of(0));
    std::vector<header> headers{{"Host", "a"}};
    if (chunked) headers.push_back({"Transfer-Encoding", "chunked"});
    ASSERT_FALSE(other.hand_over({.method = "POST",
                                  .target = poll_of(0),
                                  .headers = headers,
                                  .body = body,
                                  .rest = rest,
                                  .keep_alive = true}));
    EXPECT_EQ(body_of(c.response()), "ok");
    EXPECT_EQ(body_of(c.response()), body);
  }
}

/// Echoes like a world, as shard 1 beside it.
struct second_shard {
  explicit second_shard(world& first) : host(first.context, engine) {
    host.on_drain([this](time_point now) {
      while (auto const event = engine.poll_event(now)) {
        using kind = engineio::event::kind;
        std::array<std::uint8_t, 12> const random{};
        if (event->type == kind::handshake_requested)
          static_cast<void>(engine.admit(event->session, make_sid(random, session_counter(1, ++count)), now));
        if (event->type == kind::message)
          static_cast<void>(engine.send(event->session, text_message("4" + std::string(event->data.data))));
      }
    });
    std::array<net::engine_host*, 2> const both{&*first.host, &host};
    net::engine_host::share(both);
  }
  std::uint32_t count = 0;
  engineio::server engine{{}};
  net::engine_host host;
};

TEST(Attach, ARequestForAnotherShardWithMuchBehindIt) {
  world w;
  second_shard second(w);
  other_server other(w);
  auto const where = second.host.listen({asio::ip::address_v4::loopback(), 0});
  raw_client first(w, *where), opener(w, *where);
  EXPECT_TRUE(body_of(first.ask(get(polling))).find(sid_of(0)) != std::string::npos) << "dealt to the first";
  std::string const opened = body_of(opener.ask(get(polling)));
  std::string const target = polling + "&sid=" + opened.substr(opened.find("\"sid\":\"") + 7, 20);
  raw_client c(w, other.at());
  std::string const body = "4" + std::string(300'000, 'x'), rest = get(target);
  ASSERT_FALSE(
      other.hand_over({.method = "POST", .target = target, .body = body, .rest = rest, .keep_alive = true}));
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.response()), body);
  EXPECT_EQ(body_of(c.ask(get(poll_of(7)))), R"({"code":1,"message":"Session ID unknown"})");
  EXPECT_EQ(second.host.connections(), 2u) << "it stays";
}

TEST(Attach, MuchThatMustWaitForAnAnswer) {
  world w;
  std::optional<net::request_next> kept;
  w.host->use([&](net::http_request const& in, net::request_next next) {
    in.method == "POST" ? static_cast<void>(kept.emplace(std::move(next))) : next();
  });
  other_server other(w);
  raw_client first(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .keep_alive = true}));
  first.response();
  raw_client c(w, other.at());
  std::string const body = "4" + std::string(500'000, 'x');
  ASSERT_FALSE(other.hand_over({.method = "POST", .target = poll_of(0), .body = body, .keep_alive = true}));
  EXPECT_TRUE(w.until([&] { return kept.has_value(); }));
  w.context.restart();
  EXPECT_LT(w.context.poll(), 100u) << "it waits without turning";
  (*kept)();
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(first.ask(get(poll_of(0)))), body);
}

TEST(Attach, AChunkedBodyIsAsLongAsItIs) {
  world w;
  other_server other(w);
  raw_client first(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .keep_alive = true}));
  first.response();
  raw_client c(w, other.at());
  std::array<header, 2> const both{{{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}};
  ASSERT_FALSE(other.hand_over(
      {.method = "POST", .target = poll_of(0), .headers = both, .body = "4hello", .keep_alive = true}));
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4hello");
}

TEST(Attach, PartOfABody) {
  world w;
  other_server other(w);
  raw_client first(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = polling, .keep_alive = true}));
  first.response();
  raw_client c(w, other.at());
  std::array<header, 1> const length{{{"Content-Length", "6"}}};
  ASSERT_FALSE(other.hand_over(
      {.method = "POST", .target = poll_of(0), .headers = length, .body = "4he", .keep_alive = true}));
  c.send("llo");
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4hello");
}

TEST(Attach, AHandshakeThatIsStillToBeAnswered) {
  world w;
  other_server other(w);
  websocket_client c(w, other.at());
  std::array<header, 4> const headers{{{"Upgrade", "websocket"},
                                       {"Connection", "Upgrade"},
                                       {"Sec-WebSocket-Version", "13"},
                                       {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}};
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = websocket_target, .headers = headers}));
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(c.next().starts_with("text 0{"));
}

TEST(Attach, AnUpgradedSocket) {
  world w({}, {.per_message_deflate = {{.threshold = 0}}});
  other_server other(w);
  websocket_client c(w, other.at());
  std::array<header, 3> const headers{{{"sec-websocket-key", "nonsense"},
                                       {"Sec-WebSocket-Extensions", "permessage-deflate"},
                                       {"Cookie", "a=b"}}};
  std::string const rest = frame_of(opcodes::text, "4early");
  ASSERT_FALSE(
      other.hand_over({.method = "GET", .target = websocket_target, .headers = headers, .rest = rest}, true));
  EXPECT_TRUE(c.next().starts_with("text 0{"));
  EXPECT_EQ(c.next(), "text 4early");
  c.say(opcodes::text, "4hello");
  EXPECT_EQ(c.next(), "text 4hello");
  EXPECT_EQ(w.engine.head(w.last)->find("cookie"), "a=b");
}

TEST(Attach, AnUpgradedSocketThatIsRefused) {
  world w;
  other_server other(w);
  websocket_client c(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = websocket_target + "&sid=unknown"}, true));
  EXPECT_EQ(c.next(), "close 1008");
  websocket_client elsewhere(w, other.at());
  ASSERT_FALSE(other.hand_over({.method = "GET", .target = "/elsewhere"}, true));
  EXPECT_EQ(elsewhere.next(), "close 1008");
  c.close(), elsewhere.close();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

TEST(Attach, WhatIsNoRequest) {
  world w;
  other_server other(w);
  std::array<header, 1> const split{{{"A", "b\r\nC: d"}}};
  for (net::attached_request const& bad : {net::attached_request{},
                                           {.method = "GET"},
                                           {.method = "GET", .target = "/ x"},
                                           {.method = "G\nT", .target = "/"},
                                           {.method = "GET", .target = "/", .headers = split}}) {
    raw_client c(w, other.at());
    EXPECT_EQ(other.hand_over(bad), std::errc::invalid_argument);
    EXPECT_TRUE(c.until_ended());
  }
}

}  // namespace net_attach_test
