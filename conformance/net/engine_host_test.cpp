#include "siokit/net/engine_host.hpp"

#include "net/host_world.hpp"

namespace net_engine_host_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;

/// A session that polls on `socket`.
void shake_hands(raw_client& peer) {
  EXPECT_TRUE(has(peer.ask(get(polling)), "\r\n\r\n0{"));
}

TEST(EngineHostPolling, AnswersTheHandshake) {
  world w;
  raw_client c(w);
  std::string const answer = c.ask(get(polling));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(has(answer, "\r\nContent-Type: text/plain; charset=UTF-8\r\n"));
  EXPECT_TRUE(has(answer, "\r\nCache-Control: no-store\r\n"));
  EXPECT_TRUE(has(answer, "\r\nDate: "));
  EXPECT_TRUE(has(answer, "\r\n\r\n0{\"sid\":\"" + sid_of(0) + "\",\"upgrades\":[\"websocket\"],"));
  EXPECT_FALSE(has(answer, "X-XSS-Protection"));
  EXPECT_EQ(w.log, std::vector<std::string>{"opened"});
  EXPECT_EQ(w.engine.head(w.last)->remote_address(), "127.0.0.1");
  EXPECT_FALSE(w.engine.head(w.last)->secure());
}

TEST(EngineHostPolling, ReadsAHeadByteByByte) {
  world w;
  raw_client c(w);
  c.send_by_byte(get(polling));
  EXPECT_TRUE(has(c.response(), "\r\n\r\n0{"));
}

TEST(EngineHostPolling, TellsOldBrowsersNotToInterfere) {
  world w;
  raw_client c(w);
  EXPECT_TRUE(has(c.ask(get(polling, "User-Agent: x (Trident/7.0)\r\n")), "\r\nX-XSS-Protection: 0\r\n"));
  EXPECT_TRUE(has(c.ask(get(polling, "User-Agent: x;MSIE 9\r\n")), "\r\nX-XSS-Protection: 0\r\n"));
}

TEST(EngineHostPolling, RefusesWithJsonAndKeepsTheConnection) {
  world w;
  raw_client c(w);
  struct {
    std::string request, status, body;
  } const cases[] = {
      {get("/engine.io/?EIO=4&transport=x"), "400", R"({"code":0,"message":"Transport unknown"})"},
      {get(polling + "&sid=no"), "400", R"({"code":1,"message":"Session ID unknown"})"},
      {post(polling, "4x"), "400", R"({"code":2,"message":"Bad handshake method"})"},
      {get("/engine.io/?transport=polling"), "400", R"({"code":5,"message":"Unsupported protocol version"})"},
      {"OPTIONS " + polling + " HTTP/1.1\r\nHost: test\r\n\r\n", "400",
       R"({"code":2,"message":"Bad handshake method"})"},
  };
  for (auto const& one : cases) {
    std::string const answer = c.ask(one.request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + one.status)) << answer;
    EXPECT_TRUE(has(answer, "\r\nContent-Type: application/json\r\n"));
    EXPECT_FALSE(has(answer, "Connection: close"));
    EXPECT_EQ(body_of(answer), one.body);
  }
}

TEST(EngineHostPolling, EchoesThroughPostAndPoll) {
  world w;
  raw_client c(w);
  shake_hands(c);
  std::string const answer = c.ask(post(poll_of(0),
                                        "4one\x1e"
                                        "4two\x1e"
                                        "bAQID"));
  EXPECT_TRUE(has(answer, "\r\nContent-Type: text/html\r\n"));
  EXPECT_TRUE(has(answer, "\r\nContent-Length: 2\r\n"));
  EXPECT_EQ(body_of(answer), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))),
            "4one\x1e"
            "4two\x1e"
            "bAQID");
}

TEST(EngineHostPolling, AnswersAPendingPollFromAnotherConnection) {
  world w;
  auto const at = w.listen();
  raw_client poller(w, at), poster(w, at);
  shake_hands(poller);
  poller.send(get(poll_of(0)));
  EXPECT_TRUE(poller.stays_quiet());
  EXPECT_EQ(body_of(poster.ask(post(poll_of(0), "4hello"))), "ok");
  EXPECT_EQ(body_of(poller.response()), "4hello");
}

TEST(EngineHostPolling, ReadsAPostByteByByteAndInChunks) {
  world w;
  raw_client c(w);
  shake_hands(c);
  c.send_by_byte(post(poll_of(0), "4one"));
  EXPECT_EQ(body_of(c.response()), "ok");
  c.send_by_byte(
      "POST " + poll_of(0) +
      " HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4t\r\n2\r\nwo\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))),
            "4one\x1e"
            "4two");
}

TEST(EngineHostPolling, ReadsAPostBehindAPendingPollWhenThatIsAnswered) {
  world w;
  auto const at = w.listen();
  raw_client c(w, at), other(w, at);
  shake_hands(c);
  c.send(get(poll_of(0)) + post(poll_of(0), "4late"));
  EXPECT_TRUE(c.stays_quiet());
  EXPECT_EQ(body_of(other.ask(post(poll_of(0), "4now"))), "ok");
  EXPECT_EQ(body_of(c.response()), "4now");
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4late");
}

TEST(EngineHostPolling, NoticesThatAPollIsAborted) {
  world w;
  auto const at = w.listen();
  raw_client c(w, at);
  shake_hands(c);
  c.send(get(poll_of(0)));
  EXPECT_TRUE(c.stays_quiet());
  c.close();
  EXPECT_TRUE(w.until_log("closed: transport error, a polling request was closed before its end"));
  EXPECT_EQ(w.host->connections(), 0u);
}

TEST(EngineHostPolling, NoticesThatAPostIsAborted) {
  world w;
  auto const at = w.listen();
  raw_client c(w, at);
  shake_hands(c);
  std::string const request = post(poll_of(0), "4hello");
  c.send(request.substr(0, request.size() - 2));
  EXPECT_TRUE(c.stays_quiet());
  c.close();
  EXPECT_TRUE(w.until_log("closed: transport error, a polling request was closed before its end"));
}

TEST(EngineHostPolling, AnswersWhatTheClientSentBeforeItClosedItsSide) {
  world w;
  raw_client c(w);
  c.send(get(polling));
  c.socket.shutdown(tcp::socket::shutdown_send);
  EXPECT_TRUE(has(c.response(), "\r\n\r\n0{"));
  EXPECT_TRUE(c.until_ended());
}

TEST(EngineHostPolling, RefusesABodyThatIsTooLargeAsSoonAsThatShows) {
  world w({.max_http_buffer_size = 10});
  auto const at = w.listen();
  raw_client keeper(w, at);
  shake_hands(keeper);
  std::string const chunked =
      "POST " + poll_of(0) + " HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string const whole = post(poll_of(0), "4123456789x");
  for (std::string const& request :
       {whole.substr(0, whole.size() - 11), whole, chunked + "b\r\n4123456789x\r\n",
        chunked + "8\r\n41234567\r\n3\r\n89x\r\n"}) {
    raw_client c(w, at);
    std::string const answer = c.ask(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\nContent-Length: 0\r\n"));
    EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n"));
    EXPECT_TRUE(c.until_ended());
  }
  EXPECT_EQ(w.log.back(), "opened") << "the session stays";
  EXPECT_EQ(body_of(keeper.ask(post(poll_of(0), "4123456789"))), "ok");
  EXPECT_EQ(body_of(keeper.ask(get(poll_of(0)))), "4123456789");
}

TEST(EngineHostPolling, AsksForABodyThatWaitsForThat) {
  world w({.max_http_buffer_size = 10});
  auto const at = w.listen();
  raw_client c(w, at);
  shake_hands(c);
  std::string const request = post(poll_of(0), "4hello", "Expect: 100-continue\r\n");
  EXPECT_EQ(c.ask(request.substr(0, request.size() - 6)), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(body_of(c.ask("4hello")), "ok");
  std::string const large = post(poll_of(0), "4123456789x", "Expect: 100-continue\r\n");
  EXPECT_TRUE(c.ask(large.substr(0, large.size() - 11)).starts_with("HTTP/1.1 413 "));
}

TEST(EngineHostPolling, EndsASessionWithTwoPollsAtOnce) {
  world w;
  auto const at = w.listen();
  raw_client first(w, at), second(w, at);
  shake_hands(first);
  first.send(get(poll_of(0)));
  EXPECT_TRUE(first.stays_quiet());
  std::string const answer = second.ask(get(poll_of(0)));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(body_of(answer), "");
  EXPECT_EQ(body_of(first.response()), "1");
  EXPECT_TRUE(w.until_log("closed: transport error, overlap from client: a GET is already pending"));
}

TEST(EngineHostPolling, CutsThePostThatASecondOneOverlaps) {
  world w;
  auto const at = w.listen();
  raw_client first(w, at), second(w, at);
  shake_hands(first);
  std::string const request = post(poll_of(0), "4hello");
  first.send(request.substr(0, request.size() - 2));
  EXPECT_TRUE(first.stays_quiet());
  EXPECT_TRUE(second.ask(request).starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(first.until_ended());
  EXPECT_EQ(first.in, "");
}

TEST(EngineHostPolling, EndsAfterAnAnswerToHttp10) {
  world w;
  auto const at = w.listen();
  raw_client c(w, at);
  std::string const answer = c.ask("GET " + polling + " HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(has(answer, "\r\nConnection: close\r\n"));
  EXPECT_TRUE(c.until_ended());
  raw_client kept(w, at);
  EXPECT_TRUE(has(kept.ask("GET " + polling + " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                  "\r\nConnection: keep-alive\r\n"));
  EXPECT_TRUE(has(kept.ask(get(polling)), "\r\n\r\n0{"));
}

// --- Admission and hooks

TEST(EngineHost, WaitsForALateAdmission) {
  world w;
  handle asked;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::handshake_requested) return false;
    asked = event.session;
    return true;
  };
  auto const at = w.listen();
  raw_client c(w, at);
  c.send(get(polling));
  EXPECT_TRUE(c.stays_quiet());
  ASSERT_TRUE(asked);
  ASSERT_TRUE(w.engine.admit(asked, sid(sid_of(7)), net::now()));
  w.host->wake();
  EXPECT_TRUE(has(c.response(), sid_of(7)));

  raw_client refused(w, at);
  refused.send(get(polling));
  EXPECT_TRUE(refused.stays_quiet());
  ASSERT_TRUE(w.engine.refuse(asked));
  w.host->wake();
  EXPECT_TRUE(refused.response().starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

TEST(EngineHost, ForgetsAHandshakeWhoseClientIsGone) {
  world w;
  handle asked;
  w.on_event = [&](engineio::event const& event) {
    asked = event.session;
    return true;
  };
  raw_client c(w);
  c.send(get(polling));
  ASSERT_TRUE(w.until([&] { return bool(asked); }));
  c.close();
  EXPECT_TRUE(w.until([&] { return w.engine.size() == 0; }));
}

TEST(EngineHost, LetsTheApplicationAddHeaders) {
  world w;
  w.host->on_initial_headers(
      [](std::vector<net::owned_header>& headers, engineio::request const& in, std::string_view) {
        headers.push_back({"Set-Cookie", "io=1"});
        headers.push_back({"X-Asked", std::string(in.target)});
      });
  w.host->on_headers(
      [](std::vector<net::owned_header>& headers, engineio::request const& in, std::string_view) {
        headers.push_back({"Access-Control-Allow-Origin", std::string(in.find("origin").value_or("none"))});
      });
  raw_client c(w);
  std::string const first = c.ask(get(polling, "Origin: http://a\r\n"));
  EXPECT_TRUE(has(first, "\r\nSet-Cookie: io=1\r\nX-Asked: " + polling + "\r\n"));
  EXPECT_TRUE(has(first, "\r\nAccess-Control-Allow-Origin: http://a\r\n"));
  std::string const second = c.ask(post(poll_of(0), "4x"));
  EXPECT_FALSE(has(second, "Set-Cookie"));
  EXPECT_TRUE(has(second, "\r\nAccess-Control-Allow-Origin: none\r\n"));
  EXPECT_TRUE(has(c.ask(get(polling + "&sid=no")), "\r\nAccess-Control-Allow-Origin: none\r\n"));
}

TEST(EngineHost, AnswersWithAnErrorWhenAHeaderCanNotBeSent) {
  world w;
  w.host->on_headers([](std::vector<net::owned_header>& headers, engineio::request const&, std::string_view) {
    headers.push_back({"X", "a\r\nInjected: yes"});
  });
  raw_client c(w);
  std::string const answer = c.ask(get(polling));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_FALSE(has(answer, "Injected"));
}

TEST(EngineHost, CutsTheConnectionWhoseHeadersCanNotBeMade) {
  world w;
  w.host->on_headers([](std::vector<net::owned_header>&, engineio::request const& in, std::string_view) {
    if (in.find("bad")) throw std::runtime_error("hook");
  });
  auto const at = w.listen();
  raw_client bad(w, at), good(w, at);
  bad.send(get(polling, "Bad: yes\r\n"));
  EXPECT_THROW(w.until([] { return false; }), std::runtime_error);
  EXPECT_TRUE(bad.until_ended());
  EXPECT_EQ(bad.in, "");
  shake_hands(good);
}

TEST(EngineHost, CallsTheApplicationAtItsOwnDeadline) {
  world w;
  time_point wanted = later(net::now(), 20ms);
  w.host->on_next_deadline([&] { return wanted; });
  bool called = false;
  w.host->on_drain([&](time_point now) {
    called = called || now >= wanted;
    if (called) wanted = never;
  });
  w.host->wake();
  EXPECT_TRUE(w.until([&] { return called; }));
}

TEST(EngineHost, RunsTheHeartbeat) {
  world w({.ping_interval = 20ms, .ping_timeout = 20ms});
  raw_client c(w);
  shake_hands(c);
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "2");
  EXPECT_TRUE(w.until_log("closed: ping timeout, no heartbeat from the peer within ping_timeout"));
}

// --- Exceptions and ends

TEST(EngineHost, ClosesItsSessionsOneByOne) {
  world w;
  auto const at = w.listen();
  std::vector<std::unique_ptr<raw_client>> clients;
  for (int i = 0; i < 10; ++i) shake_hands(*clients.emplace_back(std::make_unique<raw_client>(w, at)));
  for (int i = 0; i < 10; ++i) clients[static_cast<std::size_t>(i)]->send(get(poll_of(i)));
  auto const begin = net::now();
  int done = 0;
  w.host->close_sessions(100ms, [&] {
    if (++done == 1) throw std::runtime_error("not yet");
  });
  w.host->close_sessions(0ms, [&] { done = -1; });  // too late
  EXPECT_TRUE(w.until([&] { return w.engine.size() <= 5; }));
  EXPECT_GE(net::now(), later(begin, 40ms));
  EXPECT_THROW(w.until([&] { return done == -1; }), std::runtime_error);
  EXPECT_TRUE(w.until([&] { return done == 2; })) << "what throws is called again";
  EXPECT_TRUE(w.until([&] { return w.engine.size() == 0; }));
  clients.clear();
  w.host->close();
  w.context.restart();
  w.context.run();  // ends: nothing is left to be done
  EXPECT_EQ(done, 2);
}

TEST(EngineHost, MayBeDestroyedWhenAllSessionsAreClosed) {
  world w;
  raw_client c(w);
  shake_hands(c);
  auto const kept = std::make_shared<int>();
  w.host->close_sessions(0ms, [&, kept] { w.host.reset(); });
  EXPECT_TRUE(w.until([&] { return !w.host; }));
  EXPECT_EQ(kept.use_count(), 1) << "it is gone with the host";
}

TEST(EngineHost, LosesNothingWhenTheApplicationThrows) {
  world w;
  int thrown = 0;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    w.echo(event.session, event.data);
    if (event.data.data.ends_with('!')) ++thrown, throw std::runtime_error("handler");
    return true;
  };
  raw_client c(w);
  shake_hands(c);
  c.send(post(poll_of(0),
              "4a!\x1e"
              "4b\x1e"
              "4c!\x1e"
              "4d") +
         get(poll_of(0)));
  int caught = 0;
  for (auto const limit = std::chrono::steady_clock::now() + 5s;
       c.in.find("4d") == std::string::npos && std::chrono::steady_clock::now() < limit;) {
    try {
      w.context.restart();
      w.context.run_one_for(5ms);
      c.pull();
    } catch (std::runtime_error const&) {
      ++caught;
    }
  }
  EXPECT_EQ(thrown, 2);
  EXPECT_EQ(caught, 2);
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.response()),
            "4a!\x1e"
            "4b\x1e"
            "4c!\x1e"
            "4d");
}

TEST(EngineHost, MayBeDestroyedInItsOwnHook) {
  world w;
  w.on_event = [&](engineio::event const& event) {
    if (event.type == engineio::event::kind::message) w.host.reset();
    return false;
  };
  auto const at = w.listen();
  raw_client c(w, at), other(w, at);
  shake_hands(c);
  other.send(get("/elsewhere"));
  c.send(post(poll_of(0),
              "4one\x1e"
              "4two"));
  EXPECT_TRUE(c.until_ended());
  EXPECT_TRUE(other.until_ended());
  EXPECT_FALSE(w.host);
  w.context.restart();
  w.context.run();  // ends: nothing is left to do
}

TEST(EngineHost, MayBeDestroyedWithConnectionsInEveryState) {
  world w;
  auto const at = w.listen();
  raw_client fresh(w, at), half(w, at), polls(w, at), posts(w, at);
  half.send("GET /x HT");
  shake_hands(polls);
  shake_hands(posts);
  polls.send(get(poll_of(0)));
  std::string const request = post(poll_of(1), "4hello");
  posts.send(request.substr(0, request.size() - 2));
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 4; }));
  EXPECT_TRUE(polls.stays_quiet());
  w.host.reset();
  for (raw_client* one : {&fresh, &half, &polls, &posts}) EXPECT_TRUE(one->until_ended());
  w.context.restart();
  w.context.run();
}

TEST(EngineHost, ClosesEverythingAndLetsTheContextEnd) {
  world w;
  auto const at = w.listen();
  raw_client fresh(w, at), idle(w, at), polls(w, at);
  shake_hands(idle);
  shake_hands(polls);
  polls.send(get(poll_of(1)));
  EXPECT_TRUE(polls.stays_quiet());
  w.host->close(1min);
  std::string const last = polls.response();
  EXPECT_EQ(body_of(last), "1");
  EXPECT_TRUE(has(last, "\r\nConnection: close\r\n"));
  for (raw_client* one : {&fresh, &idle, &polls}) {
    EXPECT_TRUE(one->until_ended());
    one->close();
  }
  w.context.restart();
  w.context.run_for(5s);
  EXPECT_TRUE(w.context.stopped()) << "well before the end of the grace";
  EXPECT_EQ(w.host->connections(), 0u);
  EXPECT_EQ(w.engine.size(), 0u);
  EXPECT_FALSE(w.host->listen(at));
  std::error_code refused;
  tcp::socket(w.context).connect(at, refused);
  EXPECT_TRUE(refused);
}

TEST(EngineHost, CutsWhatDoesNotEndWithinTheGrace) {
  world w;
  raw_client c(w);
  w.host->otherwise(
      [kept = std::vector<net::http_reply>()](net::http_request const&, net::http_reply reply) mutable {
        kept.push_back(std::move(reply));
      });
  c.send(get("/never"));
  EXPECT_TRUE(c.stays_quiet());
  w.host->close(20ms);
  EXPECT_TRUE(c.until_ended());
  EXPECT_EQ(c.in, "");
  w.context.restart();
  w.context.run();
}

}  // namespace net_engine_host_test
