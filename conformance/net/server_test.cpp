// siokit::server as its users have it: handlers that throw, timers, listeners.
#include "siokit/net/server.hpp"

#include <gtest/gtest.h>

#include "net/host_world.hpp"
#include "net/websocket_client.hpp"

namespace net_server_test {

using namespace siokit::test;
using namespace std::chrono_literals;

/// A server on a free port, and what it says of handlers that throw.
struct running_server {
  running_server() : io({.host = "127.0.0.1", .port = 0}) {
    io.on_handler_error([this](std::exception_ptr const&, siokit::socket* s) {
      errors += s == nullptr ? "nobody;" : "somebody;";
    });
    auto const at = io.listen({asio::ip::address_v4::loopback(), 0});
    EXPECT_TRUE(at);
    where = *at;
  }
  bool until(std::function<bool()> const& done) { return siokit::test::run_until(io.context(), done); }
  std::string ask(std::string_view request) {
    tcp::socket socket(io.context());
    socket.connect(where);
    asio::write(socket, asio::buffer(request.data(), request.size()));
    return answer_on(socket);
  }
  std::string answer_on(tcp::socket& socket) {
    socket.non_blocking(true);
    std::string in;
    until([&] {
      char buffer[4096];
      std::error_code failure;
      std::size_t const size = socket.read_some(asio::buffer(buffer), failure);
      in.append(buffer, size);
      auto const head = in.find("\r\n\r\n");
      if (failure == asio::error::eof) return true;
      if (head == in.npos) return false;
      auto const length = in.find("Content-Length: ");
      return length < head && in.size() >= head + 4 + std::stoul(in.substr(length + 16));
    });
    return in;
  }

  siokit::server io;
  tcp::endpoint where;
  std::string errors;
};

TEST(Server, ReportsHandlersThatThrow) {
  running_server s;
  s.io.route("/throw", [](auto const&, siokit::net::http_reply) { throw std::runtime_error("oh"); });
  s.io.on_headers([](auto&, auto const&, auto) { throw std::runtime_error("oh"); });
  EXPECT_TRUE(s.ask(get("/throw")).starts_with("HTTP/1.1 500 "));
  EXPECT_EQ(s.errors, "nobody;");
  EXPECT_TRUE(s.ask(get("/socket.io/?EIO=4&transport=polling")).starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(s.errors, "nobody;nobody;");
  s.io.post([] { throw std::runtime_error("oh"); });
  s.io.after(1ms, [] { throw std::runtime_error("oh"); });
  EXPECT_TRUE(s.until([&] { return s.errors == "nobody;nobody;nobody;nobody;"; }));
}

TEST(Server, AHookMayDisconnectWhoIsAtFault) {
  running_server s;
  s.io.on_handler_error([&](std::exception_ptr const&, siokit::socket* at_fault) {
    s.errors += "heard;";
    if (at_fault != nullptr) at_fault->disconnect(true);
  });
  s.io.on_connection([](siokit::socket&) { throw std::runtime_error("oh"); });
  std::string const opened = s.ask(get("/socket.io/?EIO=4&transport=polling"));
  auto const sid = opened.find("\"sid\":\"") + 7;
  std::string const target =
      "/socket.io/?EIO=4&transport=polling&sid=" + opened.substr(sid, opened.find('"', sid) - sid);
  s.ask(post(target, "40"));
  EXPECT_TRUE(s.until([&] { return s.io.size() == 0; }));
  EXPECT_EQ(s.errors, "heard;");
}

TEST(Server, MayBeClosedByWhatATurnBeginsWith) {
  siokit::server_group group;
  asio::io_context context(1);
  siokit::server first(context, {.host = "127.0.0.1", .port = 0, .cluster = &group});
  siokit::server second(context, {.host = "127.0.0.1", .port = 0, .cluster = &group});
  auto const at = second.listen({asio::ip::address_v4::loopback(), 0});
  second.on_server_side("end", [&second] { second.close(); });
  tcp::socket client(context);
  context.poll();
  client.connect(*at);  // so that the listener has something to accept
  EXPECT_TRUE(first.server_side_emit("end"));
  context.restart();
  context.run_for(100ms);
  tcp::socket late(context);
  std::error_code failure;
  late.connect(*at, failure);
  EXPECT_TRUE(failure);
}

TEST(Server, RepeatsNothingAfterItsClose) {
  running_server s;
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    s.io.after(1ms, [&] { tick(); });
  };
  tick();
  s.io.after(1h, [&] { ticks = -1000; });
  auto cancelled = s.io.after(1ms, [&] { ticks = -2000; });
  cancelled.cancel();
  EXPECT_TRUE(s.until([&] { return ticks > 3; }));
  s.io.close(1s);
  s.io.context().restart();
  s.io.context().run_for(5s);
  EXPECT_TRUE(s.io.context().stopped());
  EXPECT_GT(ticks, 0);
}

TEST(Server, ListensOnlyWhereItWasTold) {
  running_server s;  // listens on an endpoint: that of its options stays closed
  s.io.post([&] { s.io.close(); });
  s.io.run();
  siokit::server local({.host = "localhost", .port = 0});
  EXPECT_EQ(local.url(), "");
  auto const url = local.listen();
  ASSERT_TRUE(url) << url.error();
  EXPECT_TRUE(url->starts_with("http://localhost:")) << *url;
  EXPECT_EQ(local.url(), *url);
  siokit::server nowhere({.host = "no address", .port = 0});
  EXPECT_EQ(nowhere.listen().error(), "host: no address is not an IP address");
}

TEST(Server, KeepsASocketUntilThePostedCallReturns) {
  running_server s;
  siokit::socket_ref kept;
  std::string log;
  s.io.on_connection([&](siokit::socket& one) { kept = one.ref(); });
  std::string const sid = [&] {
    auto const answer = s.ask(get("/socket.io/?EIO=4&transport=polling"));
    auto const at = answer.find("\"sid\":\"");
    return answer.substr(at + 7, 20);
  }();
  static_cast<void>(s.ask(post("/socket.io/?EIO=4&transport=polling&sid=" + sid, "40")));
  ASSERT_TRUE(kept);
  s.io.post([&] {
    auto* one = kept.get();
    one->disconnect();
    log = one->connected() ? "connected" : std::string(one->id());
  });
  EXPECT_TRUE(s.until([&] { return !log.empty(); }));
  EXPECT_EQ(log.size(), 20u);
  EXPECT_FALSE(kept);
}

TEST(Server, WithdrawsTimersThatAreOnTheirWay) {
  running_server s;
  std::string log;
  siokit::server::timer second;
  s.io.after(1ms, [&] {
    log += "first;";
    second.cancel();
  });
  second = s.io.after(1ms, [&] { log += "second;"; });
  s.io.after(2ms, [&] {
    s.io.close(1s);
    s.io.after(1h, [&] { log += "never;"; });
  });
  s.io.after(2ms, [&] { log += "closed;"; });
  std::this_thread::sleep_for(5ms);  // all of them are due
  s.io.context().restart();
  s.io.context().run_for(5s);
  EXPECT_TRUE(s.io.context().stopped()) << "nothing is left to wait for";
  EXPECT_EQ(log, "first;");
}

TEST(Server, LetsHooksReplaceThemselves) {
  running_server s;
  std::string captured(100, 'x'), log;
  s.io.on_headers([&, captured](auto& headers, auto const&, auto) {
    s.io.on_headers({});
    headers.push_back({"X-Captured", captured});
  });
  s.io.use_engine([&, captured](auto const&, siokit::net::request_next next) {
    s.io.use_engine([](auto const&, siokit::net::request_next second) { second(); });
    log += captured;
    next();
  });
  s.io.on_handler_error([&, captured](std::exception_ptr const&, siokit::socket*) {
    s.io.on_handler_error([](std::exception_ptr const&, siokit::socket*) {});
    log += captured;
  });
  EXPECT_NE(s.ask(get("/socket.io/?EIO=4&transport=polling")).find(captured), std::string::npos);
  EXPECT_EQ(log, captured);
  s.io.route("/throw", [](auto const&, siokit::net::http_reply) { throw std::runtime_error("oh"); });
  static_cast<void>(s.ask(get("/throw")));
  EXPECT_EQ(log, captured + captured);
}

TEST(Server, DecidesWhileTheRestOfARequestComes) {
  running_server s;
  bool waits = false;
  std::optional<siokit::net::request_next> kept;
  s.io.use_engine([&](auto const&, siokit::net::request_next next) {
    waits ? static_cast<void>(kept.emplace(std::move(next))) : next();
  });
  std::string const polling = "/socket.io/?EIO=4&transport=polling";
  std::string const opened = s.ask(get(polling));
  std::string const sid = opened.substr(opened.find("\"sid\":\"") + 7, 20);
  waits = true;
  /// What is answered to a request whose end comes just before, or behind, the word of the middleware.
  auto const answer = [&](std::string_view begin, std::string_view rest, bool before) {
    tcp::socket socket(s.io.context());
    socket.connect(s.where);
    asio::write(socket, asio::buffer(begin.data(), begin.size()));
    EXPECT_TRUE(s.until([&] { return kept.has_value(); }));
    auto const end = [&] {
      asio::write(socket, asio::buffer(rest.data(), rest.size()));
      if (rest.empty()) socket.shutdown(tcp::socket::shutdown_send);
    };
    if (before) end();
    asio::post(s.io.context(), [&] {
      auto go_on = std::move(*kept);
      kept.reset();
      go_on();
    });
    if (!before) end();
    return s.answer_on(socket);
  };
  for (bool const before : {true, false}) {
    std::string const request = post(polling + "&sid=" + sid, "40");
    EXPECT_TRUE(answer(request.substr(0, request.size() - 2), "40", before).ends_with("ok"));
    EXPECT_NE(answer(get(polling), "", before).find("\"sid\""), std::string::npos) << "who closed his side";
    // Who would have to stay for it gets nothing: a WebSocket, and a poll.
    std::size_t const sessions = s.io.engine().size();
    EXPECT_EQ(answer(websocket_handshake("/socket.io/?EIO=4&transport=websocket"), "", true), "");
    EXPECT_EQ(s.io.engine().size(), sessions);
  }
  waits = false;
  std::string const second = s.ask(get(polling));
  waits = true;
  std::size_t const sessions = s.io.engine().size();
  EXPECT_EQ(answer(get(polling + "&sid=" + second.substr(second.find("\"sid\":\"") + 7, 20)), "", true), "");
  EXPECT_EQ(s.io.engine().size(), sessions - 1);
}

TEST(Server, TellsThatAPortIsInUseByOneFamily) {
  asio::io_context context;
  tcp::acceptor taken(context, tcp::v6());
  std::error_code failure;
  taken.set_option(asio::ip::v6_only(true));
  taken.bind({asio::ip::address_v6::any(), 0}, failure);
  if (failure) GTEST_SKIP() << "no IPv6 here";
  taken.listen();
  siokit::server io({.host = "", .port = taken.local_endpoint().port()});
  auto const bound = io.listen();
  ASSERT_FALSE(bound);
  EXPECT_TRUE(bound.error().starts_with("cannot listen on every address, port ")) << bound.error();
}

}  // namespace net_server_test
