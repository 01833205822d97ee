// A server on several threads, as clients on real sockets see it.
#include "siokit/net/shards.hpp"

#include <gtest/gtest.h>

#include <asio/write.hpp>
#include <atomic>
#include <numeric>
#include <set>

#include "net/certificate.hpp"
#include "net/run_until.hpp"
#include "siokit/net/client.hpp"

namespace net_shards_test {

using namespace siokit;
using namespace std::chrono_literals;
using asio::ip::tcp;

/// Shards on threads of their own; the clients' io_context is that of the test.
struct running_shards {
  explicit running_shards(std::size_t count, server_options options = {}, net::tls_context tls = {})
      : all(count, local(std::move(options)), [](server& io) { set_up(io); }) {
    auto const bound = all[0].listen({asio::ip::address_v4::loopback(), 0}, tls);
    EXPECT_TRUE(bound);
    where = *bound;
    url = (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(where.port());
    thread = std::thread([this] { all.run(); });
  }
  ~running_shards() {
    all.close(1s);
    thread.join();
  }

  static server_options local(server_options options) {
    options.host = "127.0.0.1";
    options.port = 0;
    return options;
  }
  static void set_up(server& io) {
    io.on("echo", [](siokit::socket&, args in, ack reply) { static_cast<void>(reply(in)); });
    io.on("join", [](siokit::socket& s, std::string_view room, ack reply) {
      static_cast<void>(s.join(room));
      static_cast<void>(reply());
    });
    io.on("say", [](siokit::socket& s, std::string_view room, args words) {
      static_cast<void>(s.nsp().to(room).emit("said", words));
    });
    io.on("thread", [](siokit::socket&, ack reply) {
      static_cast<void>(reply(std::hash<std::thread::id>{}(std::this_thread::get_id())));
    });
    io.on("ask all", [&io](siokit::socket&, ack reply) {
      io.timeout(5s).emit("number?",
                          [reply = std::move(reply)](std::error_code, responses const& got) mutable {
                            int sum = 0;
                            for (int const each : got.first<int>().value_or(std::vector<int>{})) sum += each;
                            static_cast<void>(reply(sum));
                          });
    });
    io.on("who", [&io](siokit::socket&, ack reply) {
      io.fetch_sockets([reply = std::move(reply)](std::error_code failure, auto const& found) mutable {
        static_cast<void>(reply(failure ? -1 : static_cast<int>(found.size())));
      });
    });
  }
  bool until(std::function<bool()> const& done) { return test::run_until(context, done); }
  /// How many sockets each shard has.
  std::vector<std::size_t> sizes() {
    std::atomic<bool> done = false;
    std::vector<std::size_t> out;
    all.gather(
        all[0], [](server& io) { return io.size(); },
        [&](std::vector<std::size_t> got) {
          out = std::move(got);
          done = true;
        });
    EXPECT_TRUE(until([&] { return done.load(); }));
    return out;
  }

  asio::io_context context{1};
  shards all;
  tcp::endpoint where;
  std::string url;
  std::thread thread;
};

/// Clients that are all connected.
struct crowd {
  crowd(running_shards& home, std::size_t count, client_options const& options) : w(home) {
    for (std::size_t i = 0; i < count; ++i) {
      auto& one = *clients.emplace_back(std::make_unique<client>(w.context, w.url, options));
      one.socket().on("said", [this](std::string const& words) { said.push_back(words); });
      one.socket().on("number?", [i](client_ack reply) { static_cast<void>(reply(1 << i)); });
      one.socket().connect();
    }
    EXPECT_TRUE(w.until([&] { return connected() == count; }));
  }
  std::size_t connected() const {
    std::size_t all = 0;
    for (auto const& each : clients) all += each->socket().connected() ? 1 : 0;
    return all;
  }
  template <class T, class... Args>
  T ask(std::size_t who, std::string_view event, Args const&... values) {
    std::optional<T> answer;
    static_cast<void>(clients[who]->socket().emit(event, values..., [&](T got) { answer = std::move(got); }));
    EXPECT_TRUE(w.until([&] { return answer.has_value(); })) << event;
    return answer.value_or(T{});
  }

  running_shards& w;
  std::vector<std::unique_ptr<client>> clients;
  std::vector<std::string> said;
};

/// What every client of a server may expect, however many threads it has.
void expect_one_server(running_shards& w, client_options const& options) {
  constexpr std::size_t count = 6;
  crowd c(w, count, options);
  auto const sizes = w.sizes();
  EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), count);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), 0U), 0) << "each shard has some";
  std::set<std::size_t> threads;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(c.ask<std::string>(i, "echo", "hello " + std::to_string(i)), "hello " + std::to_string(i));
    auto const mine = c.ask<std::size_t>(i, "thread");
    threads.insert(mine);
    EXPECT_EQ(c.ask<std::size_t>(i, "thread"), mine) << "a socket stays with its thread";
  }
  EXPECT_EQ(threads.size(), w.all.size());
  for (std::size_t i = 0; i < count; i += 2) {
    bool joined = false;
    static_cast<void>(c.clients[i]->socket().emit("join", "even", [&] { joined = true; }));
    EXPECT_TRUE(w.until([&] { return joined; }));
  }
  static_cast<void>(c.clients[1]->socket().emit("say", "even", std::string(5000, 'x')));
  EXPECT_TRUE(w.until([&] { return c.said.size() == count / 2; }));
  EXPECT_EQ(c.ask<int>(0, "ask all"), (1 << count) - 1);
  EXPECT_EQ(c.ask<int>(3, "who"), static_cast<int>(count));
  c.clients.resize(2);
  EXPECT_TRUE(w.until([&] {
    auto const left = w.sizes();
    return std::accumulate(left.begin(), left.end(), std::size_t{0}) == 2;
  }));
  EXPECT_EQ(c.said.size(), count / 2);
}

TEST(Shards, AreOneServerByWebSocket) {
  running_shards w(3);
  expect_one_server(w, {.transports = {engineio::transport::websocket}});
}

TEST(Shards, AreOneServerByPolling) {
  running_shards w(3);
  expect_one_server(w, {.upgrade = false});
}

TEST(Shards, AreOneServerToWhoUpgrades) {
  running_shards w(3);
  expect_one_server(w, {});
}

TEST(Shards, AreOneServerByTls) {
  running_shards w(2, {}, test::server_context());
  expect_one_server(w, {.tls_verify = false});
}

TEST(Shards, OneIsAServerToo) {
  running_shards w(1, {.connection_state_recovery = recovery_config{}});
  expect_one_server(w, {});
}

/// Says what it likes over one connection, as a proxy does that has many clients.
struct raw_connection {
  explicit raw_connection(running_shards& home) : socket(home.context) { socket.connect(home.where); }
  void send(std::string_view text) { asio::write(socket, asio::buffer(text.data(), text.size())); }
  /// The next answer: its head and body.
  std::string answer() {
    for (;;) {
      auto const head = in.find("\r\n\r\n");
      if (head != in.npos) {
        auto const length = in.find("Content-Length: ");
        std::size_t const body = length < head ? std::stoul(in.substr(length + 16)) : 0;
        if (in.size() >= head + 4 + body) {
          std::string const out = in.substr(0, head + 4 + body);
          in.erase(0, out.size());
          return out;
        }
      }
      char buffer[4096];
      std::error_code failure;
      std::size_t const size = socket.read_some(asio::buffer(buffer), failure);
      if (failure) return in;
      in.append(buffer, size);
    }
  }
  /// Opens a session; its target.
  std::string open() {
    send(get(base));
    std::string const opened = answer();
    auto const at = opened.find("\"sid\":\"");
    EXPECT_NE(at, opened.npos) << opened;
    return base + "&sid=" + opened.substr(at + 7, 20);
  }
  static std::string get(std::string const& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  static std::string post(std::string const& target, std::string const& body) {
    return "POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  /// One byte a chunk.
  static std::string chunked(std::string const& target, std::string const& body) {
    std::string out = "POST " + target + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (char const each : body) out += std::string("1\r\n") + each + "\r\n";
    return out + "0\r\n\r\n";
  }

  inline static std::string const base = "/socket.io/?EIO=4&transport=polling";
  tcp::socket socket;
  std::string in;
};

TEST(Shards, AConnectionServesSessionsOfSeveral) {
  running_shards w(4);
  std::vector<std::string> targets;
  std::set<std::uint8_t> homes;
  for (int i = 0; i < 4; ++i) {
    raw_connection fresh(w);
    targets.push_back(fresh.open());
    homes.insert(shard_of(targets.back().substr(targets.back().size() - 20)));
  }
  EXPECT_EQ(homes.size(), 4u);
  raw_connection proxy(w);
  for (auto const& each : targets) {
    proxy.send(raw_connection::post(each, "40"));
    EXPECT_TRUE(proxy.answer().ends_with("ok"));
    proxy.send(raw_connection::get(each));
    EXPECT_TRUE(proxy.answer().find("40{\"sid\":") != std::string::npos);
  }
  for (auto const& each : targets) {  // all at once: answers come in the order of the requests
    proxy.send(raw_connection::chunked(each, "420[\"echo\"]") + raw_connection::get(each));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_TRUE(proxy.answer().ends_with("ok"));
    EXPECT_TRUE(proxy.answer().ends_with("430[]"));
  }
}

TEST(Shards, SlowRequestsMoveToo) {
  running_shards w(2);
  raw_connection first(w), second(w);
  std::string const a = first.open(), b = second.open();
  std::string const request = raw_connection::post(b, "40");
  for (char const one : request) first.send({&one, 1});
  EXPECT_TRUE(first.answer().ends_with("ok"));
}

TEST(Shards, IdsOfNobodyAreUnknown) {
  running_shards w(2);
  raw_connection client(w);
  for (std::string const id : {"AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAQAA", "____________________", "x"}) {
    client.send(raw_connection::get(raw_connection::base + "&sid=" + id));
    auto const answer = client.answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.find("Session ID unknown") != answer.npos) << answer;
  }
}

TEST(Shards, WhoIsBehindSlowsTheOthersDown) {
  running_shards w(2);
  crowd c(w, 2, {.transports = {engineio::transport::websocket}});
  std::size_t busy = 0;  // the shard that hears, and does something else
  std::atomic<bool> known = false, free = false, paused = false;
  auto const id = c.clients[1]->socket().id();
  w.all.for_each([&, id = std::string(id)](server& io) {
    if (io.find(id) == nullptr) return;
    busy = w.all.index_of(io);
    known = true;
  });
  ASSERT_TRUE(w.until([&] { return known.load(); }));
  w.all[busy].post([&] { free.wait(false); });
  struct release {  // however the test ends
    std::atomic<bool>& flag;
    ~release() { flag = true, flag.notify_one(); }
  } const at_end{free};
  constexpr int events = 320;
  std::string const words(64 * 1024, 'x');
  for (int i = 0; i < events; ++i) EXPECT_TRUE(c.clients[0]->socket().emit("say", id, words)) << i;
  ASSERT_TRUE(w.until([&] {
    w.all[1 - busy].post([&] { paused = w.all[1 - busy].host().reading_paused(); });
    return paused.load();
  }));
  EXPECT_TRUE(c.said.empty());
  free = true;
  free.notify_one();
  EXPECT_TRUE(w.until([&] { return c.said.size() == events; })) << c.said.size();
  EXPECT_TRUE(w.until([&] {
    w.all[1 - busy].post([&] { paused = w.all[1 - busy].host().reading_paused(); });
    return !paused.load();
  }));
}

TEST(Shards, SayWhatTheyCantHave) {
  auto const nothing = [](server&) {};
  shards recovering(2, server_options{.port = 0, .connection_state_recovery = recovery_config{}}, nothing);
  EXPECT_EQ(recovering.listen().error(), "connection_state_recovery: it can't be had with several shards");
  shards wrong(2, server_options{.port = 0, .ping_interval = 0ms}, nothing);
  EXPECT_FALSE(wrong.listen());
  EXPECT_THROW(wrong.run(), std::runtime_error);
}

TEST(Shards, AFailureEndsAll) {
  shards all(3, server_options{.host = "127.0.0.1", .port = 0}, [](server&) {});
  asio::post(all[1].context(), [] { throw std::runtime_error("oh"); });
  EXPECT_THROW(all.run(), std::runtime_error);
}

TEST(Shards, WithoutMemoryTheyGoOn) {
  running_shards w(2);
  std::atomic<int> told = 0;
  w.all.for_each([&](server& io) {
    io.on_handler_error([&](std::exception_ptr const& why, siokit::socket* whose) {
      EXPECT_THROW(std::rethrow_exception(why), std::bad_alloc);
      EXPECT_EQ(whose, nullptr);
      ++told;
    });
  });
  for (std::size_t i = 0; i < 2; ++i) asio::post(w.all[i].context(), [] { throw std::bad_alloc(); });
  EXPECT_TRUE(w.until([&] { return told == 2; }));
  expect_one_server(w, {});
}

TEST(Shards, ClientsThatOpenTwoConnectionsAreSpreadToo) {
  running_shards w(2);
  std::vector<std::unique_ptr<client>> all;
  for (int i = 0; i < 12; ++i) {  // one after the other, each with one to poll and one to upgrade to
    auto& one = *all.emplace_back(std::make_unique<client>(w.context, w.url));
    one.socket().connect();
    ASSERT_TRUE(w.until(
        [&] { return one.socket().connected() && one.transport() == engineio::transport::websocket; }));
  }
  auto const sizes = w.sizes();
  EXPECT_GE(sizes[0], 3u);
  EXPECT_GE(sizes[1], 3u);
}

TEST(Shards, WhatIsGatheredEndsOnTheThreadThatAsked) {
  running_shards w(3);
  w.all.for_each([&](server& io) {
    io.on("sizes", [&](siokit::socket&, ack reply) {
      w.all.gather(
          io, [](server& each) { return each.size(); },
          [reply = std::move(reply)](std::vector<std::size_t> const& all) mutable {
            static_cast<void>(reply(all.size()));
          });
    });
  });
  crowd c(w, 3, {.transports = {engineio::transport::websocket}});
  for (int i = 0; i < 300; ++i) EXPECT_EQ(c.ask<std::size_t>(static_cast<std::size_t>(i % 3), "sizes"), 3u);
}

/// Says where it ends.
struct traced {
  explicit traced(std::atomic<std::thread::id>& out) : end(&out) {}
  traced(traced&& other) noexcept : end(std::exchange(other.end, nullptr)) {}
  ~traced() {
    if (end != nullptr) *end = std::this_thread::get_id();
  }
  std::atomic<std::thread::id>* end;
};

TEST(Shards, WhatCannotBeGatheredEndsThereToo) {
  running_shards w(2);
  std::atomic<std::thread::id> asked, ended;
  std::atomic<int> told = 0, done = 0;
  w.all[1].post([&] { w.all[1].on_handler_error([&](std::exception_ptr const&, auto*) { ++told; }); });
  w.all[0].post([&] {
    asked = std::this_thread::get_id();
    w.all.gather(
        w.all[0],
        [&](server& each) {
          if (&each == &w.all[1]) throw std::bad_alloc();
          return each.size();
        },
        [&, t = traced(ended)](std::vector<std::size_t> const&) { ++done; });
  });
  EXPECT_TRUE(w.until([&] { return ended.load() != std::thread::id(); }));
  EXPECT_EQ(ended, asked);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(done, 0);
}

/// Two connections, each with a session of its own shard.
struct two_homes {
  explicit two_homes(running_shards& w) : a(w), b(w), of_a(a.open()), of_b(b.open()) {
    EXPECT_NE(home_of(of_a), home_of(of_b));
  }
  static std::uint8_t home_of(std::string const& target) {
    return shard_of(target.substr(target.size() - 20));
  }

  raw_connection a, b;
  std::string of_a, of_b;
};

TEST(Shards, NoneClosesBeforeAllHaveDrained) {
  running_shards w(2);
  two_homes t(w);
  t.a.send(raw_connection::post(t.of_a, "40"));
  EXPECT_TRUE(t.a.answer().ends_with("ok"));
  t.b.send(raw_connection::post(t.of_b, "1"));  // this one has no session left
  EXPECT_TRUE(t.b.answer().ends_with("ok"));
  w.all.drain(1h, 1s);
  static_cast<void>(w.sizes());
  t.b.send(raw_connection::post(t.of_a, "42[\"echo\"]"));
  EXPECT_TRUE(t.b.answer().ends_with("ok")) << "an idle connection, such as that of a proxy, is of use still";
}

TEST(Shards, AnIdleOneServesUntilAllHaveDrained) {
  running_shards w(2);
  two_homes t(w);
  auto& idle = w.all[two_homes::home_of(t.of_b)];
  std::atomic<bool> ready = false;
  idle.post([&] {
    idle.route("/late", [&](auto const&, net::http_reply reply) {
      auto const timer = std::make_shared<asio::steady_timer>(idle.context(), 300ms);
      timer->async_wait([timer, answer = std::move(reply)](auto) mutable { answer.send(200, "late"); });
    });
    ready = true;
  });
  t.b.send(raw_connection::post(t.of_b, "1"));
  EXPECT_TRUE(t.b.answer().ends_with("ok"));
  t.b.socket.close();
  EXPECT_TRUE(w.until([&] { return ready.load(); }));
  w.all.drain(100ms, 5s);
  t.a.send(raw_connection::get(t.of_b));  // moves there
  EXPECT_TRUE(t.a.answer().starts_with("HTTP/1.1 400"));
  t.a.send(raw_connection::get("/late"));
  EXPECT_TRUE(t.a.answer().ends_with("late"));
}

TEST(Shards, WhoMovesAndMovesIsClosed) {
  running_shards w(2);
  two_homes t(w);
  auto const hello = [&](int i) {
    return raw_connection::post(i % 2 == 0 ? t.of_a : t.of_b, i < 2 ? "40" : "3");
  };
  raw_connection polite(w), greedy(w);
  for (int i = 0; i < 40; ++i) {
    polite.send(hello(i));
    EXPECT_TRUE(polite.answer().ends_with("ok")) << i;
  }
  std::string all;
  for (int i = 2; i < 302; ++i) all += hello(i);
  greedy.send(all);
  int answered = 0;
  while (greedy.answer().ends_with("ok")) ++answered;
  EXPECT_GT(answered, net::impl::http_state::moves_max);
  EXPECT_LT(answered, 300);
}

TEST(Shards, WhoMovesToAPausedOneWaits) {
  running_shards w(2);
  two_homes t(w);
  auto& home = w.all[two_homes::home_of(t.of_b)];
  auto const on_home = [&](auto work) {
    std::atomic<bool> done = false;
    home.post([&] { work(), done = true; });
    EXPECT_TRUE(w.until([&] { return done.load(); }));
  };
  std::size_t before = 0, now = 0;
  on_home([&] { home.host().pause_reading(true), before = home.host().connections(); });
  t.a.send(raw_connection::post(t.of_b, "40"));
  EXPECT_TRUE(w.until([&] {
    on_home([&] { now = home.host().connections(); });
    return now == before + 1;
  }));
  std::size_t joined = 1;
  on_home([&] { joined = home.size(); });
  EXPECT_EQ(joined, 0u) << "it has moved, and is not read";
  on_home([&] { home.host().pause_reading(false); });
  EXPECT_TRUE(t.a.answer().ends_with("ok"));
  on_home([&] { joined = home.size(); });
  EXPECT_EQ(joined, 1u);
}

TEST(Shards, AnEndOfTlsMovesToo) {
  running_shards w(2, {}, test::server_context());
  net::tls_context const context = net::impl::make_tls_context(TLS_client_method());
  /// What a client hears that says this, and at once perhaps that it says no more.
  auto const answer = [&](std::string const& words, bool ends) {
    tcp::socket socket(w.context);
    socket.connect(w.where);
    socket.non_blocking(true);
    net::tls_filter tls(context.get(), net::tls_role::client, "localhost");
    std::string in;
    bool asked = false, over = false;
    EXPECT_TRUE(w.until([&] {
      if (tls.handshake_done() && !std::exchange(asked, true)) {
        static_cast<void>(tls.write(words));
        if (ends) tls.shutdown();
      }
      std::string cipher;
      if (tls.drain(cipher)) asio::write(socket, asio::buffer(cipher));
      char buffer[16384];
      std::error_code failure;
      std::size_t const size = socket.read_some(asio::buffer(buffer), failure);
      over = failure && failure != asio::error::would_block;
      static_cast<void>(tls.feed({buffer, size}));
      auto const plain = tls.read(buffer);
      if (plain) in.append(buffer, *plain);
      return over || (!ends && in.ends_with("}"));
    }));
    return in;
  };
  std::array<std::string, 2> targets;
  while (targets[0].empty() || targets[1].empty()) {
    std::string const opened = answer(raw_connection::get(raw_connection::base), false);
    auto const at = opened.find("\"sid\":\"");
    ASSERT_NE(at, opened.npos) << opened;
    std::string const target = raw_connection::base + "&sid=" + opened.substr(at + 7, 20);
    targets[two_homes::home_of(target)] = target;
  }
  // It moves to the second one, whether to the first one or not, and that is a poll that nobody waits for.
  auto const both = raw_connection::post(targets[0], "40") + raw_connection::get(targets[1]);
  EXPECT_TRUE(answer(both, true).ends_with("ok"));
}

TEST(Shards, DrainEndsAll) {
  running_shards w(2);
  crowd c(w, 4, {.transports = {engineio::transport::websocket}, .reconnection = false});
  w.all.drain(100ms, 1s);
  EXPECT_TRUE(w.until([&] { return c.connected() == 0; }));
}

}  // namespace net_shards_test
