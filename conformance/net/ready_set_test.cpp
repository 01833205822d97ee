// How a server learns that its sockets are ready.
#include "siokit/net/ready_set.hpp"

#include <sys/socket.h>

#include <array>
#include <functional>
#include <memory>

#include "net/websocket_client.hpp"
#include "unit/heap.hpp"

namespace net_ready_set_test {

using namespace siokit;
using namespace siokit::test;

#ifdef SIOKIT_EPOLL

using net::impl::ready_set;
using net::impl::stream;

struct pair_of_streams {
  explicit pair_of_streams(asio::io_context& context)
      : near(context.get_executor()), far(context.get_executor()) {
    std::array<int, 2> both{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, both.data()), 0);
    std::error_code failure;
    near.assign({AF_UNIX, 0}, both[0], failure);
    far.assign({AF_UNIX, 0}, both[1], failure);
    EXPECT_FALSE(failure);
  }
  void say(std::string_view text) {
    std::error_code failure;
    EXPECT_EQ(far.send(asio::const_buffer(text.data(), text.size()), 0, failure), text.size());
  }
  std::string hear() {
    std::array<char, 100> text;
    std::error_code failure;
    std::size_t const size = near.read_some(text, failure);
    return failure ? failure.message() : std::string(text.data(), size);
  }

  stream near, far;
};

std::vector<std::uint32_t> events_of(ready_set& set, std::uint32_t place) {
  std::vector<std::uint32_t> out;
  set.visit([&](std::uint32_t at, std::uint32_t events) {
    EXPECT_EQ(at, place);
    out.push_back(events & (ready_set::readable | ready_set::writable));
  });
  return out;
}

TEST(ReadySet, TellsUntilItWasRead) {
  asio::io_context context;
  ready_set set(context);
  pair_of_streams s(context);
  using events = std::vector<std::uint32_t>;
  ASSERT_FALSE(set.watch(s.near, 7, ready_set::readable));
  EXPECT_EQ(events_of(set, 7), events{});
  s.say("hello");
  EXPECT_EQ(events_of(set, 7), events{ready_set::readable});
  EXPECT_EQ(events_of(set, 7), events{ready_set::readable});
  ASSERT_FALSE(set.watch(s.near, 7, ready_set::readable | ready_set::writable));
  EXPECT_EQ(events_of(set, 7), events{ready_set::readable | ready_set::writable});
  EXPECT_EQ(s.hear(), "hello");
  EXPECT_EQ(events_of(set, 7), events{ready_set::writable});
  s.say("more");
  set.forget(s.near);
  EXPECT_EQ(events_of(set, 7), events{});
}

TEST(ReadySet, TheEndIsToldWhateverIsAwaited) {
  asio::io_context context;
  ready_set set(context);
  pair_of_streams s(context);
  ASSERT_FALSE(set.watch(s.near, 1, ready_set::writable));
  std::error_code ignored;
  s.far.close(ignored);
  EXPECT_EQ(events_of(set, 1), std::vector<std::uint32_t>{ready_set::readable | ready_set::writable});
  EXPECT_EQ(s.hear(), asio::error_code(asio::error::eof).message());
  EXPECT_FALSE(set.watch(s.near, 1, 0));
  EXPECT_TRUE(set.watch(s.far, 2, ready_set::readable)) << "it is closed";
}

TEST(ReadySet, WaitsWhileSomethingIsWatched) {
  asio::io_context context;
  ready_set set(context);
  pair_of_streams s(context);
  std::vector<std::error_code> told;
  auto const wait = [&] { set.wait([&](std::error_code why) { told.push_back(why); }); };
  wait();
  EXPECT_EQ(context.run(), 0u);
  ASSERT_FALSE(set.watch(s.near, 0, ready_set::readable));
  wait();
  wait();  // once is enough
  s.say("hello");
  context.restart();
  EXPECT_EQ(context.run(), 1u);
  EXPECT_EQ(told, std::vector<std::error_code>{{}});
  EXPECT_EQ(s.hear(), "hello");
  wait();
  set.forget(s.near);
  context.restart();
  EXPECT_EQ(context.run(), 1u) << "it would wait for ever";
  EXPECT_EQ(told.back(), asio::error::operation_aborted);
}

TEST(ReadySet, SaysThatItHasNoMemory) {
  asio::io_context context;
  ready_set set(context);
  pair_of_streams s(context);
  conformance::heap.fail_after = 1;
  std::error_code const failure = set.watch(s.near, 7, ready_set::readable);
  EXPECT_EQ(std::exchange(conformance::heap.fail_after, 0), 0u) << "it asks for some";
  EXPECT_EQ(failure, std::errc::not_enough_memory);
  ASSERT_FALSE(set.watch(s.near, 7, ready_set::readable));
  s.say("hello");
  EXPECT_EQ(events_of(set, 7).size(), 1u);
}

TEST(ReadySet, AWaitThatWasGivenUpIsNoWait) {
  asio::io_context context;
  ready_set set(context);
  pair_of_streams last(context), next(context);
  int told = 0;
  std::function<void()> const wait = [&] {
    set.wait([&](std::error_code) {
      ++told;
      set.visit([&](std::uint32_t, std::uint32_t) { EXPECT_EQ(next.hear(), "hello"); });
      set.forget(next.near);
      wait();
    });
  };
  ASSERT_FALSE(set.watch(last.near, 0, ready_set::readable));
  wait();
  set.forget(last.near);  // and so the wait ends, but nobody was told yet
  ASSERT_FALSE(set.watch(next.near, 1, ready_set::readable));
  wait();
  next.say("hello");
  EXPECT_EQ(context.run(), 1u);
  EXPECT_EQ(told, 1);
}

#endif

/// Clients on one WebSocket each, whose messages come all at a time.
struct batch : world {
  explicit batch(std::size_t count) {
    auto const at = listen();
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<websocket_client>(*this, at));
      clients.back()->open();
      EXPECT_TRUE(clients.back()->next().starts_with("text 0{"));
      sessions.push_back(last);
    }
  }
  void all_say(std::string_view text) {
    for (auto const& each : clients) each->say(websocket::opcodes::text, text);
  }

  std::vector<std::unique_ptr<websocket_client>> clients;
  std::vector<handle> sessions;
};

TEST(Readiness, AHandlerThatThrowsTakesNobodyWithIt) {
  batch w(5);
  int caught = 0, answered = 0;
  w.on_event = [&, thrown = 0](engineio::event const& event) mutable {
    if (event.type == engineio::event::kind::message && thrown++ < 2) throw std::runtime_error("handler");
    return false;
  };
  w.all_say("4hello");
  auto const step = [&] {
    try {
      w.context.restart();
      w.context.run_one_for(std::chrono::milliseconds(2));
    } catch (std::runtime_error const&) {
      ++caught;
    }
    answered = 0;
    for (auto const& each : w.clients) each->pull(), answered += each->in.empty() ? 0 : 1;
    return answered == 3;
  };
  for (int i = 0; i < 5000 && !step(); ++i) continue;
  EXPECT_EQ(caught, 2);
  EXPECT_EQ(answered, 3);
  w.on_event = {};
  for (auto const& each : w.clients) {
    each->in.clear();
    each->say(websocket::opcodes::text, "4more");
    EXPECT_EQ(each->next(), "text 4more");
  }
}

TEST(Readiness, WhomAnotherHasEndedIsNotHeard) {
  batch w(4);
  int heard = 0;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    ++heard;
    for (handle const each : w.sessions) {
      if (each != event.session) w.engine.close(each, net::now(), true);
    }
    return false;
  };
  w.all_say("4hello");
  int echoes = 0, ends = 0;
  for (auto const& each : w.clients) {
    std::string const said = each->next();
    (said == "text 4hello" ? echoes : ends) += 1;
  }
  EXPECT_EQ(heard, 1);
  EXPECT_EQ(echoes, 1);
  EXPECT_EQ(ends, 3);
}

TEST(Readiness, WhoTakesThePlaceOfAnotherGetsNothingOfIt) {
  batch w(3);
  tcp::acceptor elsewhere(w.context, {asio::ip::address_v4::loopback(), 0});
  raw_client successor(w, elsewhere.local_endpoint());
  int heard = 0;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    switch (heard++) {
      case 0: return w.send(w.sessions[2], text_message("4you are gone")), true;
      case 1: {
        std::array<header, 1> const headers{{{"Host", "a"}}};
        EXPECT_EQ(w.host->connections(), 2u) << "its place is still taken";
        EXPECT_FALSE(
            w.host->attach(elsewhere.accept(),
                           {.method = "GET", .target = polling, .headers = headers, .keep_alive = true}));
        return true;
      }
      default: return false;
    }
  };
  w.clients[0]->say(websocket::opcodes::text, "4one");
  w.clients[1]->say(websocket::opcodes::text, "4two");
  w.clients[2]->socket.set_option(asio::socket_base::linger(true, 0));
  w.clients[2]->close();  // it is reset, which the server learns when it writes, and is told of once more
  EXPECT_TRUE(body_of(successor.response()).starts_with("0{\"sid\""));
  EXPECT_EQ(body_of(successor.ask(post(poll_of(3), "4hello"))), "ok");
  EXPECT_EQ(w.host->connections(), 3u);
  w.clients[0]->say(websocket::opcodes::text, "4three");
  EXPECT_EQ(w.clients[0]->next(), "text 4three");
}

TEST(Readiness, WhoIsNotReadCostsNothing) {
  world w;
  raw_client c(w, w.listen());
  ASSERT_TRUE(body_of(c.ask(get(polling))).starts_with("0{\"sid\""));
  w.host->pause_reading(true);
  c.send(get(poll_of(0)));
  c.socket.set_option(asio::socket_base::linger(true, 0));  // it is reset
  c.close();
  std::size_t handlers = 0;
  EXPECT_TRUE(w.until([&] {
    w.context.restart();
    std::size_t const now = w.context.poll();
    handlers += now;
    return now == 0;
  })) << handlers;
  EXPECT_LT(handlers, 10u);
  EXPECT_EQ(w.host->connections(), 1u);
  w.host->pause_reading(false);
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

TEST(Readiness, WhoWasNotReadTwiceIsReadAfterAll) {
  world w;
  raw_client c(w, w.listen());
  ASSERT_TRUE(body_of(c.ask(get(polling))).starts_with("0{\"sid\""));
  auto const settle = [&] { return w.until([&] { return w.context.restart(), w.context.poll() == 0; }); };
  w.host->pause_reading(true);
  c.send(post(poll_of(0), "4hello"));
  ASSERT_TRUE(settle());
  w.host->pause_reading(false);
  w.host->pause_reading(true);
  ASSERT_TRUE(settle());
  EXPECT_EQ(c.in, "");
  w.host->pause_reading(false);
  EXPECT_EQ(body_of(c.response()), "ok");
}

TEST(Readiness, WhoWasNotReadWithinAChunkGoesOnThere) {
  world w;
  raw_client c(w, w.listen());
  ASSERT_TRUE(body_of(c.ask(get(polling))).starts_with("0{\"sid\""));
  auto const settle = [&] { return w.until([&] { return w.context.restart(), w.context.poll() == 0; }); };
  c.send("POST " + poll_of(0) + " HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n4he");
  ASSERT_TRUE(settle());
  w.host->pause_reading(true);
  c.send("llo");
  ASSERT_TRUE(settle());
  w.host->pause_reading(false);
  ASSERT_TRUE(settle());
  c.send("\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(c.response()), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4hello");
}

TEST(Readiness, AContextWithoutConnectionsEnds) {
  world w;
  {
    raw_client c(w, w.listen());
    ASSERT_TRUE(has(c.ask(get("/elsewhere")), "404"));
  }
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  w.host->stop_listening();
  w.context.restart();
  w.context.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(w.context.stopped());
}

}  // namespace net_ready_set_test
