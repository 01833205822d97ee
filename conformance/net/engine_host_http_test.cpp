#ifdef __unix__
#include <sys/resource.h>
#endif

#include "net/host_world.hpp"

namespace net_engine_host_http_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;

TEST(EngineHostHttp, RefusesWhatIsNoRequest) {
  net::host_options options;
  options.head = {.request_line_bytes_max = 60, .head_bytes_max = 200};
  world w({}, options);
  auto const at = w.listen();
  struct {
    std::string request, status;
  } const cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {get("/" + std::string(100, 'x')), "414"},
      {get("/", "X: " + std::string(300, 'x') + "\r\n"), "431"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
  };
  for (auto const& one : cases) {
    raw_client c(w, at);
    std::string const answer = c.ask(one.request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + one.status)) << answer;
    EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n"));
    EXPECT_TRUE(c.until_ended());
  }
}

TEST(EngineHostHttp, EndsConnectionsThatAreTooSlow) {
  net::host_options options;
  options.header_timeout = options.keep_alive_timeout = options.body_timeout = 30ms;
  world w({}, options);
  auto const at = w.listen();
  raw_client silent(w, at), slow(w, at), idle(w, at), trickle(w, at), posts(w, at);
  EXPECT_TRUE(has(posts.ask(get(polling)), "\r\n\r\n0{"));
  std::string const request = post(poll_of(0), "4hello");
  posts.send(request.substr(0, request.size() - 2));
  slow.send("GET / HTTP/1.1\r\n");
  EXPECT_TRUE(has(idle.ask(get("/")), "404"));
  trickle.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
  EXPECT_TRUE(has(trickle.response(), "404"));
  EXPECT_TRUE(slow.response().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(posts.response().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(w.log.back(), "closed: transport error, a polling request was closed before its end");
  for (raw_client* one : {&silent, &slow, &idle, &trickle, &posts}) EXPECT_TRUE(one->until_ended());
  EXPECT_EQ(idle.in + trickle.in + silent.in, "");
}

TEST(EngineHostHttp, LetsAPollWaitLongerThanARequestMayTake) {
  net::host_options options;
  options.header_timeout = options.keep_alive_timeout = options.body_timeout = 10ms;
  world w({.ping_interval = 80ms}, options);
  raw_client c(w);
  EXPECT_TRUE(has(c.ask(get(polling)), "\r\n\r\n0{"));
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "2");
  EXPECT_TRUE(c.until_ended()) << "now it is idle";
}

TEST(EngineHostHttp, CarriesBinaryBodiesOfRevision3) {
  world w({.allow_eio3 = true});
  raw_client c(w);
  std::string const target = "/engine.io/?EIO=3&transport=polling";
  std::string const octets = "Content-Type: application/octet-stream\r\n";
  EXPECT_TRUE(has(c.ask(get(target)), "\r\n\r\n"));
  std::string const session = target + "&sid=" + sid_of(0);
  std::string const body("\0\2\xFF\x34!\1\4\xFF\4\0\r\n", 12);
  EXPECT_EQ(body_of(c.ask(post(session, body, octets))), "ok");
  std::string const answer = c.ask(get(session));
  EXPECT_TRUE(has(answer, "\r\n" + octets));
  EXPECT_EQ(body_of(answer), body);
  EXPECT_TRUE(c.ask(post(polling + "&sid=" + sid_of(0), body, octets)).starts_with("HTTP/1.1 400 "));
}

TEST(EngineHostHttp, ReadsABodyThatNobodyWantsWithinTheLimit) {
  world w({.max_http_buffer_size = 100});
  auto const at = w.listen();
  raw_client kept(w, at), ended(w, at);
  EXPECT_TRUE(kept.ask(post("/none", std::string(100, 'x'))).starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(kept.ask(get("/none")).starts_with("HTTP/1.1 404 "));
  std::string const large = post("/none", std::string(101, 'x'));
  EXPECT_TRUE(ended.ask(large.substr(0, large.size() - 101)).starts_with("HTTP/1.1 404 "));
  ended.send(std::string(101, 'x'));
  EXPECT_TRUE(ended.until_ended());
}

TEST(EngineHostHttp, ServesRoutes) {
  world w;
  w.host->route("/hello", [](net::http_request const& in, net::http_reply reply) {
    reply.send_ok("text/plain", std::string(in.method) + std::string(in.query().find("a").value_or("-")) +
                                    std::string(in.body) + std::string(in.remote_address));
  });
  raw_client c(w);
  EXPECT_EQ(body_of(c.ask(get("/hello?a=1"))), "GET1127.0.0.1");
  EXPECT_EQ(body_of(c.ask(post("/hello", "body"))), "POST-body127.0.0.1");
  c.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(has(c.response(false), "\r\nContent-Length: 14\r\n"));
  EXPECT_TRUE(c.ask(get("/hello/")).starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_TRUE(c.ask(post("/none", "ignored")).starts_with("HTTP/1.1 404 Not Found\r\n"));
  w.host->otherwise([](net::http_request const& in, net::http_reply reply) {
    reply.send(302, {}, {{"Location", "/hello?" + std::string(in.path())}});
  });
  EXPECT_TRUE(has(c.ask(get("/other?b")), "\r\nLocation: /hello?/other\r\n"));
}

TEST(EngineHostHttp, ServesRoutesWithParametersAndMethods) {
  world w;
  auto const answer = [&](char const* route, char const* text) {
    w.host->route(route, [text](net::http_request const& in, net::http_reply reply) {
      reply.send(200, text + (":" + in.parameter("id")) + "," + in.parameter("no"));
    });
  };
  answer("GET /users/{id}", "user");
  answer("DELETE /users/{id}", "gone");
  answer("/users/{id}/devices/{no}", "device");
  answer("/users/all", "all");
  raw_client c(w);
  EXPECT_EQ(body_of(c.ask(get("/users/a%2Fb+c?x=1"))), "user:a/b+c,");
  EXPECT_EQ(body_of(c.ask(get("/users/1/devices/2"))), "device:1,2");
  EXPECT_EQ(body_of(c.ask(get("/users/all"))), "all:,");
  c.send("HEAD /users/7 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(c.response(false).starts_with("HTTP/1.1 200 "));
  c.send("DELETE /users/7 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(body_of(c.response()), "gone:7,");
  std::string const refused = c.ask(post("/users/7", "body"));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(has(refused, "\r\nAllow: DELETE, GET\r\n"));
  for (auto const path : {"/users/", "/users", "/users/1/", "/users/1/devices", "/users/1/devices/2/3"}) {
    EXPECT_TRUE(c.ask(get(path)).starts_with("HTTP/1.1 404 ")) << path;
  }
  answer("GET /users/{id}", "again");
  EXPECT_EQ(body_of(c.ask(get("/users/8"))), "again:8,");
}

TEST(EngineHostHttp, AnswersPipelinedRequestsInTheirOrder) {
  world w;
  std::vector<net::http_reply> kept;
  w.host->route("/late",
                [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  w.host->route("/now", [](net::http_request const&, net::http_reply reply) { reply.send_ok("a/b", "now"); });
  raw_client c(w);
  c.send(get("/now") + get("/late") + get("/now") + get("/now"));
  EXPECT_EQ(body_of(c.response()), "now");
  EXPECT_TRUE(c.stays_quiet());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_TRUE(kept[0].send(200, "late"));
  EXPECT_FALSE(kept[0].send(200, "twice"));
  for (auto const expected : {"late", "now", "now"}) EXPECT_EQ(body_of(c.response()), expected);
  EXPECT_TRUE(c.stays_quiet());
}

TEST(EngineHostHttp, KnowsWhenNobodyWaitsForAReply) {
  world w;
  std::vector<net::http_reply> kept;
  w.host->otherwise(
      [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  auto const at = w.listen();
  raw_client c(w, at), other(w, at);
  c.send(get("/"));
  ASSERT_TRUE(w.until([&] { return kept.size() == 1; }));
  c.socket.set_option(tcp::socket::linger(true, 0));  // a reset: one that closes its side may still read
  c.close();
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 1; }));
  EXPECT_FALSE(kept[0].send(200));
  other.send(get("/"));
  ASSERT_TRUE(w.until([&] { return kept.size() == 2; }));
  w.host.reset();
  EXPECT_FALSE(kept[1].send(200));
}

TEST(EngineHostHttp, AnswersForAHandlerThatDoesNot) {
  world w;
  w.host->route("/drop", [](net::http_request const&, net::http_reply) {});
  w.host->route("/throw",
                [](net::http_request const&, net::http_reply) { throw std::runtime_error("handler"); });
  raw_client c(w);
  EXPECT_TRUE(c.ask(get("/drop")).starts_with("HTTP/1.1 500 "));
  c.send(get("/throw") + get("/drop"));
  EXPECT_THROW(w.until([] { return false; }), std::runtime_error);
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 500 "));
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 500 "));
}

TEST(EngineHostHttp, LimitsTheBodiesOfRoutes) {
  net::host_options options;
  options.route_body_max = 4;
  world w({}, options);
  w.host->otherwise([](net::http_request const& in, net::http_reply reply) { reply.send(200, in.body); });
  auto const at = w.listen();
  raw_client c(w, at);
  EXPECT_EQ(body_of(c.ask(post("/", "1234"))), "1234");
  EXPECT_TRUE(c.ask(post("/", "12345")).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(c.until_ended());
}

TEST(EngineHostHttp, SendsAnAnswerThatTheSocketDoesNotTakeAtOnce) {
  world w;
  std::string const large(8'000'000, 'x');
  int calls = 0;
  w.host->otherwise(
      [&](net::http_request const&, net::http_reply reply) { ++calls, reply.send(200, large); });
  raw_client c(w);
  c.send(get("/a") + get("/b", "Connection: close\r\n"));
  for (int i = 0; i < 20; ++i) w.context.restart(), w.context.run_one_for(1ms);
  EXPECT_EQ(calls, 1) << "the next request waits until the answer has left";
  for (int i = 0; i < 2; ++i) {
    std::string const answer = c.response();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(body_of(answer) == large);
  }
  EXPECT_TRUE(c.until_ended());
  EXPECT_EQ(c.in, "");
}

TEST(EngineHostHttp, ReadsNoFurtherThanItCanHold) {
  net::host_options options;
  options.linger_timeout = 1min;
  world w({}, options);
  std::vector<net::http_reply> kept;
  w.host->otherwise(
      [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  int turns = 0;
  w.host->on_next_deadline([&] { return ++turns, never; });
  raw_client c(w);
  c.send(get("/first", "Connection: close\r\n"));
  c.send(std::string(300'000, 'x'));
  ASSERT_TRUE(w.until([&] { return kept.size() == 1; }));
  turns = 0;
  EXPECT_TRUE(c.stays_quiet());
  EXPECT_LT(turns, 8) << "it spins";
  EXPECT_TRUE(kept[0].send(200, "done"));
  EXPECT_EQ(body_of(c.response()), "done");
  EXPECT_TRUE(c.until_ended());
  c.close();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; })) << "what was held no longer counts";
}

TEST(EngineHostHttp, WaitsNoLongerThanAllowedAfterALateAnswer) {
  net::host_options options;
  options.linger_timeout = 30ms;
  world w({}, options);
  std::vector<net::http_reply> kept;
  w.host->otherwise(
      [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  raw_client c(w);
  c.send(get("/", "Connection: close\r\n"));
  ASSERT_TRUE(w.until([&] { return kept.size() == 1; }));
  EXPECT_TRUE(c.stays_quiet());
  EXPECT_TRUE(kept[0].send(200));
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

TEST(EngineHostHttp, CutsAPeerThatDoesNotTakeItsAnswer) {
  net::host_options options;
  options.write_timeout = 30ms;
  world w({}, options);
  w.host->otherwise(
      [](net::http_request const&, net::http_reply reply) { reply.send(200, std::string(8'000'000, 'x')); });
  raw_client c(w);
  c.send(get("/"));
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 1; }));
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

// --- Listening

TEST(EngineHostListen, TellsThatAPortIsInUse) {
  world w;
  auto const at = w.listen();
  auto const again = w.host->listen(at);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), asio::error::address_in_use);
}

#ifdef RLIMIT_NOFILE
TEST(EngineHostListen, PausesWhenThereAreNoDescriptorsLeft) {
  world w;
  int drains = 0;
  w.host->on_next_deadline([&] { return ++drains, never; });  // asked once a turn
  auto const at = w.listen();
  tcp::socket late(w.context, tcp::v4());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit const none{static_cast<rlim_t>(late.native_handle()) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  late.connect(at);
  for (int i = 0; i < 50; ++i) w.context.restart(), w.context.run_one_for(1ms);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(w.host->connections(), 0u);
  EXPECT_LT(drains, 10) << "it spins";
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 1; }));
}
#endif

TEST(EngineHostListen, WaitsForNothingThatIsThereAlready) {
  world w;
  raw_client c(w);
  c.send(get(polling));
  while (w.host->connections() == 0) ASSERT_EQ(w.context.run_one_for(5s), 1u);
  c.pull();
  EXPECT_TRUE(c.in.starts_with("HTTP/1.1 200 OK\r\n")) << c.in;
}

// Each is accepted, read and answered by one handler of Asio, and what it asks for concerns the others.
TEST(EngineHostListen, MayBeClosedByWhoWasJustAccepted) {
  for (bool const destroyed : {false, true}) {
    world w;
    int asked = 0;
    w.host->route("/", [&](net::http_request const&, net::http_reply reply) {
      ++asked;
      reply.send(200, "bye");
      destroyed ? w.host.reset() : w.host->stop_listening();
    });
    auto const at = w.listen();
    raw_client first(w, at), second(w, at);
    first.send(get("/"));
    second.send(get("/"));
    EXPECT_TRUE(second.until_ended());
    EXPECT_EQ(asked, 1);
    EXPECT_TRUE(destroyed || body_of(first.response()) == "bye");
  }
}

TEST(EngineHostListen, GoesOnWhenTheApplicationThrows) {
  world w;
  w.host->route("/", [&](net::http_request const&, net::http_reply reply) {
    reply.send(200, "thrown");
    throw std::runtime_error("handler");
  });
  auto const at = w.listen();
  raw_client first(w, at), second(w, at);
  for (raw_client* const each : {&first, &second}) each->send(get("/") + get("/"));
  int caught = 0;
  auto const all = [](raw_client& c) {
    return c.pull(), c.in.find("thrown", c.in.find("thrown") + 1) != c.in.npos;
  };
  for (auto const limit = std::chrono::steady_clock::now() + 5s;
       !(all(first) && all(second)) && std::chrono::steady_clock::now() < limit;) {
    try {
      w.context.restart();
      w.context.run_one_for(5ms);
    } catch (std::runtime_error const&) {
      ++caught;
    }
  }
  EXPECT_TRUE(all(first) && all(second));
  EXPECT_EQ(caught, 4);
}

TEST(EngineHostListen, ServesSeveralListenersAndBothFamilies) {
  world w;
  auto const four = w.listen();
  auto const six = w.host->listen({asio::ip::address_v6::any(), 0});
  ASSERT_TRUE(six);
  raw_client a(w, four), b(w, tcp::endpoint(asio::ip::address_v6::loopback(), six->port())),
      c(w, tcp::endpoint(asio::ip::address_v4::loopback(), six->port()));
  std::string addresses;
  w.host->on_headers([&](std::vector<net::owned_header>&, engineio::request const& in, std::string_view) {
    addresses += std::string(in.remote_address) + " ";
  });
  for (raw_client* one : {&a, &b, &c}) EXPECT_TRUE(has(one->ask(get(polling)), "\r\n\r\n0{"));
  EXPECT_EQ(addresses, "127.0.0.1 ::1 ::ffff:127.0.0.1 ");
  w.host->stop_listening();
  std::error_code refused;
  tcp::socket(w.context).connect(four, refused);
  EXPECT_TRUE(refused);
  EXPECT_EQ(body_of(a.ask(post(poll_of(0), "4x"))), "ok");
}

TEST(EngineHostHttp, AnswersWhoHasClosedHisSide) {
  world w;
  std::string const large(8'000'000, 'x');
  std::vector<net::http_reply> kept;
  w.host->route("/large", [&](net::http_request const&, net::http_reply reply) { reply.send(200, large); });
  w.host->route("/late",
                [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  auto const at = w.listen();
  raw_client takes(w, at), waits(w, at), polls(w, at);
  takes.send(get("/large"));
  takes.socket.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(body_of(takes.response()), large);
  EXPECT_TRUE(takes.until_ended());
  // The same when the answer is the last one, and the end is read while its rest is still to be sent.
  for (int i = 0; i < 40; ++i) {
    raw_client last(w, at);
    std::string const some(3'900'000 + static_cast<std::size_t>(i) * 8'000, 'x');
    w.host->route("/some", [&](net::http_request const&, net::http_reply reply) { reply.send(200, some); });
    last.send(get("/some", "Connection: close\r\n"));
    last.socket.shutdown(tcp::socket::shutdown_send);
    for (int n = 0; n < 20; ++n) w.context.restart(), w.context.poll_one();
    ASSERT_EQ(body_of(last.response()).size(), some.size());
    ASSERT_TRUE(last.until_ended());
  }
  waits.send(get("/late"));
  waits.socket.shutdown(tcp::socket::shutdown_send);
  ASSERT_TRUE(w.until([&] { return kept.size() == 1; }));
  EXPECT_TRUE(waits.stays_quiet());
  EXPECT_TRUE(kept[0].send(200, "late"));
  EXPECT_EQ(body_of(waits.response()), "late");
  EXPECT_TRUE(waits.until_ended());
  polls.send(get(polling));
  EXPECT_NE(polls.response(), "");
  polls.send(get(poll_of(0)));
  polls.socket.shutdown(tcp::socket::shutdown_send);
  EXPECT_TRUE(polls.until_ended());
  EXPECT_TRUE(w.until_log("closed: transport error, a polling request was closed before its end"));
}

TEST(EngineHostHttp, DoesNotWaitForWhoHasClosedHisSide) {
  net::host_options options;
  options.linger_timeout = options.body_timeout = 1h;
  world w({}, options);
  std::vector<net::http_reply> kept;
  w.host->route("/late",
                [&](net::http_request const&, net::http_reply reply) { kept.push_back(std::move(reply)); });
  auto const at = w.listen();
  {
    raw_client c(w, at);  // within his request
    c.send("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    ASSERT_TRUE(w.until([&] { return w.host->connections() == 1; }));
    c.socket.shutdown(tcp::socket::shutdown_send);
    EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
    EXPECT_TRUE(kept.empty());
  }
  for (std::size_t const size : {4u, 8'000'000u}) {
    raw_client c(w, at);  // before his answer
    c.send(get("/late"));
    c.socket.shutdown(tcp::socket::shutdown_send);
    ASSERT_TRUE(w.until([&] { return kept.size() == 1; }));
    EXPECT_TRUE(kept[0].send(200, std::string(size, 'x')));
    kept.clear();
    EXPECT_EQ(body_of(c.response()).size(), size);
    EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  }
}

TEST(EngineHostHttp, SendsNoBodyWhereNoneMayBe) {
  world w;
  w.host->route("/204", [](net::http_request const&, net::http_reply reply) { reply.send(204, "body"); });
  w.host->route("/304", [](net::http_request const&, net::http_reply reply) { reply.send(304, "body"); });
  w.host->route("/100", [](net::http_request const&, net::http_reply reply) { reply.send(100, "body"); });
  w.host->route("/bad", [](net::http_request const&, net::http_reply reply) {
    reply.send(200, "body", {{"a b", "c"}});
  });
  w.host->route("/ok", [](net::http_request const&, net::http_reply reply) { reply.send(200, "ok"); });
  raw_client c(w);
  c.send(get("/204") + get("/304") + get("/100") + get("/bad") + get("/ok"));
  for (auto const status : {"204", "304", "500", "500"}) {
    ASSERT_TRUE(c.until_in("\r\n\r\n"));
    EXPECT_TRUE(c.in.starts_with("HTTP/1.1 " + std::string(status))) << c.in;
    c.in.erase(0, c.in.find("\r\n\r\n") + 4);
  }
  EXPECT_EQ(body_of(c.response()), "ok");
}

TEST(EngineHostHttp, UnderstandsAbsoluteTargets) {
  world w;
  w.host->route("/a", [](net::http_request const& in, net::http_reply reply) { reply.send(200, in.target); });
  w.host->route("/", [](net::http_request const&, net::http_reply reply) { reply.send(200, "root"); });
  raw_client c(w);
  EXPECT_EQ(body_of(c.ask(get("http://example.org:80/a?b=http://c/"))), "/a?b=http://c/");
  EXPECT_EQ(body_of(c.ask(get("http://example.org"))), "root");
  EXPECT_TRUE(c.ask(get("http://example.org" + polling)).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(EngineHostHttp, LetsARouteReplaceItself) {
  world w;
  std::string const captured = "captured, and long enough to have memory of its own";
  w.host->route("/", [&, captured](net::http_request const&, net::http_reply reply) {
    w.host->route("/", [](net::http_request const&, net::http_reply second) { second.send(200, "second"); });
    reply.send(200, captured);
  });
  raw_client c(w);
  EXPECT_EQ(body_of(c.ask(get("/"))), captured);
  EXPECT_EQ(body_of(c.ask(get("/"))), "second");
}

TEST(EngineHostHttp, MayBeDestroyedByARoute) {
  world w;
  w.host->route("/", [&](net::http_request const&, net::http_reply reply) {
    reply.send(200, "bye");
    w.host.reset();
  });
  raw_client c(w);
  c.send(get("/"));
  EXPECT_TRUE(c.until_ended());
}

TEST(EngineHostHttp, RefusesAWebsocketWhoseHeadersAreWrong) {
  world w;
  w.host->on_headers([](std::vector<net::owned_header>& headers, engineio::request const&, std::string_view) {
    headers.push_back({"X-Bad", "a\r\nb"});
  });
  raw_client c(w);
  std::string const answer =
      c.ask(get("/engine.io/?EIO=4&transport=websocket",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_TRUE(c.until_ended());
  EXPECT_TRUE(w.until([&] { return w.engine.size() == 0; }));
}

}  // namespace net_engine_host_http_test
