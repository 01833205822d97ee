// siokit::client as its users have it: over real sockets, against siokit::server and against impostors.
#include "siokit/net/client.hpp"

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/read_until.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#include <filesystem>

#include "net/certificate.hpp"
#include "net/run_until.hpp"
#include "siokit/net/server.hpp"
#ifdef ASIO_HAS_CO_AWAIT
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>
#endif

namespace net_client_test {

using namespace siokit;
using namespace std::chrono_literals;
using asio::ip::tcp;

/// A server and whatever else runs on one io_context.
struct world {
  asio::io_context context{1};
  server io;
  std::string log;

  /// `ping_timeout` is short for tests of who ends without a word between two polls: only a ping shows that.
  explicit world(std::chrono::milliseconds ping_timeout = 200ms)
      : io(context, {.host = "127.0.0.1", .port = 0, .ping_interval = 200ms, .ping_timeout = ping_timeout}) {
    io.on("echo", [](siokit::socket& s, args all, ack reply) {
      static_cast<void>(s.emit("echo", all));
      static_cast<void>(reply(all));
    });
  }
  std::string url(net::tls_context tls = {}) {
    bool const secure = tls != nullptr;
    auto const at = io.listen({asio::ip::address_v4::loopback(), 0}, std::move(tls));
    return (secure ? "https://localhost:" : "http://localhost:") + std::to_string(at->port());
  }
  bool until(std::function<bool()> const& done) { return test::run_until(context, done); }
};

TEST(Client, ManyLargeMessagesLeaveAtOnce) {
  world w;
  std::size_t heard = 0;
  w.io.on("large", [&](std::string_view text) { heard += text.size(); });
  client io(w.context, w.url(), {.transports = {engineio::transport::websocket}});
  io.socket().connect();
  ASSERT_TRUE(w.until([&] { return io.socket().connected(); }));
  std::string const text(100'000, 'x');
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(io.socket().emit("large", text));
  EXPECT_TRUE(w.until([&] { return heard == 30 * text.size(); })) << heard;
}

// Impostors: what a server may do to us.

/// Answers every connection with the same bytes, whatever it is asked.
struct impostor {
  world& w;
  tcp::acceptor acceptor{w.context, {asio::ip::address_v4::loopback(), 0}};
  std::string answer;
  bool closes;
  int connections = 0;
  std::string asked{};
  std::vector<std::shared_ptr<tcp::socket>> kept{};

  impostor(world& around, std::string with, bool then_closes = true)
      : w(around), answer(std::move(with)), closes(then_closes) {
    accept();
  }
  ~impostor() {
    std::error_code ignored;
    acceptor.close(ignored);
    for (int i = 0; i < 5; ++i) w.context.restart(), w.context.poll();
  }
  void accept() {
    acceptor.async_accept([this](std::error_code failure, tcp::socket socket) {
      if (failure) return;
      ++connections;
      auto const one = std::make_shared<tcp::socket>(std::move(socket));
      kept.push_back(one);
      auto const buffer = std::make_shared<std::string>();
      asio::async_read_until(*one, asio::dynamic_buffer(*buffer), "\r\n\r\n",
                             [this, one, buffer](std::error_code, std::size_t) {
                               asked = *buffer;
                               std::error_code ignored;
                               asio::write(*one, asio::buffer(answer), ignored);
                               if (closes) one->close(ignored);
                             });
      accept();
    });
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()); }
};

/// The first connect_error: message|description.
std::string failure_of(world& w, std::string const& url, client_options options) {
  options.reconnection = false;
  client io(w.context, url, std::move(options));
  std::string why;
  io.socket().on_connect_error(
      [&](connect_error const& e) { why = std::string(e.message) + "|" + std::string(e.description); });
  io.socket().connect();
  EXPECT_TRUE(w.until([&] { return !why.empty(); }));
  return why;
}

TEST(Client, TalksOverEveryTransport) {
  using both = std::vector<transport>;
  for (bool const secure : {false, true}) {
    for (auto const& transports : {both{transport::polling}, both{transport::websocket},
                                   both{transport::polling, transport::websocket}}) {
      world w(10s);  // the answer to a ping may have to wait for 900 KB of our own
      std::string const url = w.url(secure ? test::server_context() : net::tls_context());
      client io(w.context, url, {.transports = transports, .tls_verify = false});
      client_socket& s = io.socket();
      s.on("echo", [&](std::string_view text, bytes_view data) {
        w.log += std::string(text) + std::to_string(data.size());
      });
      s.connect();
      std::string const large(3'000'000, 'x');
      std::size_t answered = 0;
      EXPECT_TRUE(s.emit("echo", "hi", as_bytes(std::string_view("\0\1\2", 3)),
                         [&](std::string, bytes_view data) { answered = data.size(); }));
      ASSERT_TRUE(w.until([&] { return answered == 3; }));
      EXPECT_EQ(w.log, "hi3");
      bool const upgrades = transports.size() == 2;
      EXPECT_TRUE(
          w.until([&] { return io.transport() == (upgrades ? transport::websocket : transports[0]); }));
      if (transports[0] == transport::polling && !upgrades) continue;  // larger than a body may be
      std::size_t size = 0;
      EXPECT_TRUE(s.emit("echo", std::string(900'000, 'y'), as_bytes(""),
                         [&](std::string text) { size = text.size(); }));
      ASSERT_TRUE(w.until([&] { return size == 900'000; }));
    }
  }
}

TEST(Client, VerifiesItsServer) {
  world w;
  client io(w.context, w.url(test::server_context()), {.reconnection = false});
  std::string why;
  io.socket().on_connect_error(
      [&](connect_error const& e) { why = std::string(e.message) + "|" + std::string(e.description); });
  io.socket().connect();
  ASSERT_TRUE(w.until([&] { return !why.empty(); }));
  EXPECT_TRUE(why.starts_with("xhr poll error|https://localhost:")) << why;
  EXPECT_NE(why.find("TLS: certificate verify failed"), std::string::npos) << why;
}

TEST(Client, SaysWhyTlsCannotBegin) {
  world w;
  auto const settings = *net::make_client_context("", "", "");
  SSL_CTX_set_min_proto_version(settings.get(), TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(settings.get(), TLS1_2_VERSION);
  auto const why = failure_of(w, w.url(test::server_context()), {.tls = settings});
  EXPECT_TRUE(why.starts_with("xhr poll error|https://localhost:")) << why;
  EXPECT_NE(why.find("TLS: no protocols available"), std::string::npos) << why;
}

TEST(Client, StaysWhenThereIsNothingToSay) {
  world w;
  client io(w.context, w.url());
  int pings = 0;
  io.on_ping([&] { ++pings; });
  io.socket().connect();
  ASSERT_TRUE(w.until([&] { return pings == 5; }));
  EXPECT_TRUE(io.socket().connected());
}

TEST(Client, EndsInOrder) {
  for (auto const only : {transport::polling, transport::websocket}) {
    world w;
    std::string reason;
    w.io.on_disconnect([&](siokit::socket&, disconnect_reason why) { reason = to_string(why); });
    int heard = 0;
    w.io.on("last", [&](siokit::socket&) { ++heard; });
    client io(w.context, w.url(), {.transports = {only}});
    client_socket& s = io.socket();
    s.on_connect([&] {
      for (int i = 0; i < 10; ++i) static_cast<void>(s.emit("last"));
      io.close();
    });
    s.connect();
    ASSERT_TRUE(w.until([&] { return heard == 10 && !reason.empty(); }));
    EXPECT_EQ(reason, "client namespace disconnect");
    w.io.close();
    w.context.restart();
    auto const began = std::chrono::steady_clock::now();
    w.context.run_for(5s);
    EXPECT_TRUE(w.context.stopped()) << "nothing is left to do";
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3s) << "no connection is kept for later";
    EXPECT_TRUE(w.until([&] { return w.io.connections() == 0; }));
  }
}

TEST(Client, CompletesWithCallbacksAndFutures) {
  world w;
  client io(w.context, w.url());
  client_socket& s = io.socket();
  std::error_code connected = make_error_code(errc::gone);
  s.connect([&](std::error_code failure) { connected = failure; });
  EXPECT_EQ(connected, errc::gone) << "never at once";
  ASSERT_TRUE(w.until([&] { return !connected; }));
  auto answer = s.emit_with_ack<std::string, int>("echo", "hi", 7)(asio::use_future);
  ASSERT_TRUE(w.until([&] { return answer.wait_for(0s) == std::future_status::ready; }));
  EXPECT_EQ(std::get<1>(answer.get()), 7);
  auto late = s.timeout(20ms).emit_with_ack<int>("hush")(asio::use_future);
  ASSERT_TRUE(w.until([&] { return late.wait_for(0s) == std::future_status::ready; }));
  EXPECT_THROW(late.get(), std::system_error);
  auto wrong = s.emit_with_ack<int>("echo", "no number")(asio::use_future);
  ASSERT_TRUE(w.until([&] { return wrong.wait_for(0s) == std::future_status::ready; }));
  try {
    wrong.get();
    ADD_FAILURE();
  } catch (std::system_error const& e) {
    EXPECT_EQ(e.code(), errc::wrong_argument_type);
  }
}

TEST(Client, CompletesOnceWhateverHappens) {
  world w;
  asio::cancellation_signal stop;
  std::vector<std::string> ends;
  auto const note = [&](std::string name) {
    return [&ends, name = std::move(name)](std::error_code failure) {
      ends.push_back(name + ":" + failure.message());
    };
  };
  {
    client io(w.context, w.url());
    client_socket& s = io.socket();
    s.connect(note("connect"));
    ASSERT_TRUE(w.until([&] { return ends.size() == 1; }));
    s.emit_with_ack<>("hush")(asio::bind_cancellation_slot(stop.slot(), note("cancelled")));
    s.emit_with_ack<>("hush")(note("destroyed"));
    s.emit_with_ack<>("connect")(note("reserved"));
    stop.emit(asio::cancellation_type::total);
    ASSERT_TRUE(w.until([&] { return ends.size() == 3; }));
    client_socket& other = io.socket("/nowhere");
    other.connect(note("refused"));
    ASSERT_TRUE(w.until([&] { return ends.size() == 4; }));
    EXPECT_EQ(other.last_error_text(), "Invalid namespace");
    client_socket& third = io.socket("/third");
    third.connect(note("given up"));
    third.disconnect();
    ASSERT_TRUE(w.until([&] { return ends.size() == 5; }));
  }
  ASSERT_TRUE(w.until([&] { return ends.size() == 6; }));
  std::string const aborted = std::error_code(asio::error::operation_aborted).message();
  EXPECT_EQ(ends, (std::vector<std::string>{
                      "connect:Success", "reserved:the event name is reserved by the protocol",
                      "cancelled:" + aborted, "refused:the server refused the connection to the namespace",
                      "given up:" + aborted, "destroyed:" + aborted}));
}

TEST(Client, JoinsAnewRightAfterItHasLeft) {
  world w;
  static_cast<void>(w.io.of("/other"));
  client io(w.context, w.url());
  std::string log;
  auto const note = [&log](std::error_code failure) { log += failure ? failure.message() : "joined;"; };
  io.socket("/other").connect();
  io.socket().connect(note);
  ASSERT_TRUE(w.until([&] { return log == "joined;" && io.socket("/other").connected(); })) << log;
  io.on_close([&](disconnect_reason) { log += "closed;"; });
  io.socket().disconnect();
  io.socket().connect(note);
  ASSERT_TRUE(w.until([&] { return log != "joined;"; }));
  EXPECT_EQ(log, "joined;joined;");
  EXPECT_TRUE(io.socket("/other").connected());
}

TEST(Client, EndsItsRunThoughAnAnswerIsAwaited) {
  auto io = std::make_unique<client>("http://127.0.0.1:1", client_options{.reconnection = false});
  std::error_code end;
  io->socket().emit_with_ack<int>("never")([&](std::error_code failure, int) { end = failure; });
  io->socket().on_connect_error([&](connect_error const&) { io->close(); });
  io->socket().connect();
  io->run();
  EXPECT_FALSE(end) << "it could still be sent";
  io.reset();
}

TEST(Client, SocketsAreThoseOfTheBindingHoweverTheyAreMade) {
  world w;
  static_cast<void>(w.io.of("/b"));
  client io(w.context, w.url());
  hub::client_socket& plain = io.manager().socket("/b");
  client_socket& s = io.socket("/b");
  EXPECT_EQ(&plain, &s);
  std::string log;
  s.on("echo", [&log](siokit::client_socket& from, int number) {
    log += std::string(from.nsp()) + std::to_string(number) + ";";
  });
  io.on_bad_arguments([&log](siokit::client_socket& from, std::string_view event, error) {
    log += std::string(from.nsp()) + std::string(event) + ";";
  });
  w.io.of("/b").on("echo", [](siokit::socket& to, args all) { static_cast<void>(to.emit("echo", all)); });
  s.connect([](std::error_code) {});
  EXPECT_TRUE(s.emit("echo", 7));
  EXPECT_TRUE(s.emit("echo", "no number"));
  EXPECT_TRUE(w.until([&] { return log == "/b7;/becho;"; })) << log;
}

TEST(Client, NeedsNoThreadForAnAddress) {
  auto const threads = [] {
    auto const all = std::filesystem::directory_iterator("/proc/self/task");
    return std::distance(begin(all), end(all));
  };
  if (!std::filesystem::exists("/proc/self/task")) GTEST_SKIP();
  world w;
  std::string const url = "http://127.0.0.1" + w.url().substr(16);
  auto const before = threads();
  client io(w.context, url);
  io.socket().connect();
  EXPECT_TRUE(w.until([&] { return io.socket().connected(); }));
  EXPECT_EQ(threads(), before);
}

TEST(Clock, GoesOnWhileTheMachineSleeps) {
#ifdef __linux__
  timespec at{};
  ::clock_gettime(CLOCK_BOOTTIME, &at);
  auto const left = net::now() - time_point(std::chrono::seconds(at.tv_sec));
  EXPECT_LT(left, 3s);
  EXPECT_GE(left, 0s);
#endif
  auto const soon = net::to_steady(net::now() + 1h) - std::chrono::steady_clock::now();
  EXPECT_LT(soon, 1h + 3s);
  EXPECT_GT(soon, 1h - 3s);
  EXPECT_EQ(net::to_steady(never), std::chrono::steady_clock::time_point::max());
}

#ifdef ASIO_HAS_CO_AWAIT
TEST(Client, CompletesCoroutines) {
  world w;
  client io(w.context, w.url());
  bool done = false;
  asio::co_spawn(
      w.context,
      [&]() -> asio::awaitable<void> {
        client_socket& s = io.socket();
        co_await s.connect(asio::use_awaitable);
        std::string const answer =
            co_await s.timeout(5s).emit_with_ack<std::string>("echo", "hi")(asio::use_awaitable);
        EXPECT_EQ(answer, "hi");
        done = true;
      },
      asio::detached);
  EXPECT_TRUE(w.until([&] { return done; }));
}
#endif

TEST(Client, MayBeDestroyedAtAnyMoment) {
  for (auto const& transports : {std::vector{transport::polling}, std::vector{transport::websocket}}) {
    for (int steps = 0; steps < 60; ++steps) {
      world w;
      std::string const url = w.url();
      auto io = std::make_unique<client>(w.context, url, client_options{.transports = transports});
      io->socket().connect();
      EXPECT_TRUE(io->socket().emit("echo", 1));
      for (int i = 0; i < steps; ++i) w.context.restart(), w.context.run_one_for(1ms);
      io.reset();
      for (int i = 0; i < 10; ++i) w.context.restart(), w.context.poll();
    }
  }
}

TEST(Client, MayBeDestroyedByItsHandlers) {
  for (int where = 0; where < 5; ++where) {
    world w;
    auto io = std::make_unique<client>(w.context, w.url());
    client_socket& s = io->socket();
    bool ended = false, after = false;
    auto const end = [&](int place) {
      if (place != where || ended) return;
      ended = true;
      io.reset();
    };
    s.on_connect([&] { end(0); });
    s.on_connect([&] { after |= where == 0; });
    s.on("echo", [&](int) { end(1); });
    s.on_any([&](std::string_view, args const&) { end(2); });
    io->on_open([&] { end(3); });
    EXPECT_TRUE(s.emit("echo", 1, [&](int) { end(4); }));
    s.connect();
    ASSERT_TRUE(w.until([&] { return ended; })) << where;
    EXPECT_TRUE(w.until([&] { return w.io.connections() == 0; })) << where;
    EXPECT_FALSE(after) << "nothing is called any more";
  }
}

TEST(Client, ReportsHandlersThatThrow) {
  world w;
  client io(w.context, w.url());
  client_socket& s = io.socket();
  int thrown = 0;
  io.on_handler_error([&](std::exception_ptr const&) { ++thrown; });
  s.on("echo", [&](int value) {
    if (value == 1) throw std::runtime_error("oh");
    w.log += std::to_string(value);
  });
  s.connect();
  for (int i = 1; i <= 2; ++i) EXPECT_TRUE(s.emit("echo", i));
  ASSERT_TRUE(w.until([&] { return w.log == "2"; }));
  EXPECT_EQ(thrown, 1);
  EXPECT_TRUE(s.connected());
}

TEST(Client, RunsInAThreadOfItsOwn) {
  world w;
  std::string const url = w.url();
  std::atomic<int> answers = 0;
  {
    client io(url);
    client_socket& s = io.socket();
    s.on_connect([&] { static_cast<void>(s.emit("echo", 1, [&](int) { ++answers; })); });
    s.connect();
    io.run_in_background();
    ASSERT_TRUE(w.until([&] { return answers == 1; }));
    io.post([&] { static_cast<void>(s.emit("echo", 2, [&](int) { ++answers; })); });
    ASSERT_TRUE(w.until([&] { return answers == 2; }));
  }
  EXPECT_TRUE(w.until([&] { return w.io.connections() == 0; }));
}

TEST(Client, CompletesWhatItsOwnThreadLeaves) {
  world w;
  std::string const url = w.url();
  std::atomic<bool> asked = false;
  std::error_code end;
  {
    client io(url);
    client_socket& s = io.socket();
    s.on_connect([&] {
      s.emit_with_ack<>("hush")([&](std::error_code failure) { end = failure; });
      asked = true;
    });
    s.connect();
    io.run_in_background();
    ASSERT_TRUE(w.until([&] { return asked.load(); }));
  }
  EXPECT_EQ(end, asio::error::operation_aborted);
}

TEST(Client, EndsItsThreadWhenItsHandlerDestroysIt) {
  world w;
  std::string const url = w.url();
  auto const threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  auto const before = threads();
  std::atomic<bool> gone = false;
  auto* const io = new client(url);
  io->socket().on_connect([&] {
    delete io;
    gone = true;
  });
  io->socket().connect();
  io->run_in_background();
  EXPECT_TRUE(w.until([&] { return gone.load() && threads() == before; }));
}

TEST(Client, EndsSoonWhenItIsClosedWhileItConnects) {
  world w;
  impostor silent(w, "", false);
  client io(w.context, silent.url(), {.transports = {transport::polling}});
  io.socket().connect();
  io.close();
  EXPECT_TRUE(w.until([&] { return io.manager().session().at_rest(); }));
}

TEST(Client, ForgetsWhatWasCancelled) {
  world w;
  client io(w.context, w.url(), {.pending_acks_max = 10});
  client_socket& s = io.socket();
  int aborted = 0, others = 0;
  for (int i = 0; i < 100; ++i) {
    asio::cancellation_signal stop;
    s.emit_with_ack<>("hush")(asio::bind_cancellation_slot(stop.slot(), [&](std::error_code failure) {
      failure == asio::error::operation_aborted ? ++aborted : ++others;
    }));
    stop.emit(asio::cancellation_type::total);
  }
  EXPECT_TRUE(w.until([&] { return aborted + others == 100; }));
  EXPECT_EQ(others, 0);
  for (int i = 0; i < 100; ++i) {
    asio::cancellation_signal stop;
    s.connect(asio::bind_cancellation_slot(stop.slot(), [](std::error_code) {}));
    stop.emit(asio::cancellation_type::total);
  }
  bool connected = false;
  s.connect([&](std::error_code failure) { connected = !failure; });
  EXPECT_TRUE(w.until([&] { return connected; }));
}

TEST(Client, SendsHeadersQueryAuthAndCookies) {
  world w;
  w.io.on_initial_headers([](auto& headers, auto const&, auto) {
    headers.push_back({"Set-Cookie", "lb=7; Path=/"});
  });
  std::string seen;
  w.io.use_engine([&](net::http_request const& in, net::request_next next) {
    if (auto const cookie = in.find("cookie")) seen = *cookie;
    next();
  });
  w.io.of("/chat").on_connection([&](siokit::socket& s) {
    w.log = *s.handshake().header("x-env");
    w.log += *s.handshake().query("room") + *s.handshake().query("key") + std::string(s.handshake().auth());
  });
  client io(w.context, w.url() + "/chat?key=k",
            {.auth = R"({"token":1})", .query = {{"room", "a b"}}, .extra_headers = {{"X-Env", "test"}}});
  io.socket().connect();
  ASSERT_TRUE(w.until([&] { return !w.log.empty(); }));
  EXPECT_EQ(w.log, R"(testa bk{"token":1})");
  EXPECT_TRUE(w.until([&] { return seen == "lb=7"; }));
}

std::string http(std::string_view status, std::string_view body, std::string_view headers = {}) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

TEST(Client, SurvivesPollingImpostors) {
  struct {
    std::string answer, message, detail;
  } const cases[] = {
      {http("404 Not Found", "nothing here"), "xhr poll error", "status 404: nothing here"},
      {http("301 Moved", "", "Location: http://elsewhere/\r\n"), "xhr poll error",
       "status 301: redirect to http://elsewhere/"},
      {http("200 OK", "<html>"), "server error", "unknown packet type"},
      {http("200 OK", "0{}"), "expected an open packet", ""},
      {http("200 OK", "4hello"), "expected an open packet", ""},
      {http("200 OK", R"(0{"sid":"","pingInterval":1,"pingTimeout":1})"), "expected an open packet", ""},
      {"SSH-2.0-OpenSSH\r\n", "xhr poll error", "expected HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "xhr poll error", "closed the connection"},
      {"", "xhr poll error", "closed the connection"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), "xhr poll error", "expected HTTP"},
      {http("200 OK", std::string(20'000, '2')), "xhr poll error", "too long"},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
       "xhr poll error", "101"},
  };
  for (auto const& each : cases) {
    world w;
    impostor there(w, each.answer);
    auto const why =
        failure_of(w, there.url(), {.transports = {transport::polling}, .max_message_bytes = 10'000});
    EXPECT_TRUE(why.starts_with(each.message)) << why << "\nfor " << each.answer.substr(0, 60);
    EXPECT_NE(why.find(each.detail), std::string::npos) << why;
    EXPECT_EQ(there.connections, 1) << "no busy loop";
  }
}

TEST(Client, SurvivesWebsocketImpostors) {
  for (auto const& [answer, detail] :
       {std::pair{http("200 OK", "hello"), "expected status 101, found 200"},
        {http("302 Found", "", "Location: ws://elsewhere\r\n"), "found 302"},
        {std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
         "the answer to the WebSocket handshake is wrong"},
        {std::string("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "handshake is wrong"},
        {std::string(), "closed the connection"}}) {
    world w;
    impostor there(w, answer);
    auto const why = failure_of(w, there.url(), {.transports = {transport::websocket}});
    EXPECT_TRUE(why.starts_with("websocket error|ws://127.0.0.1:")) << why;
    EXPECT_NE(why.find(detail), std::string::npos) << why;
  }
}

TEST(Client, RefusesMessagesThatAreTooLong) {
  for (bool const compressed : {false, true}) {
    for (auto const only : {transport::polling, transport::websocket}) {
      for (std::size_t const size : {9'000u, 11'000u}) {
        SCOPED_TRACE(testing::Message() << compressed << to_string(only) << size);
        world w;
        server_options options{.host = "127.0.0.1", .port = 0};
        if (compressed) options.per_message_deflate.emplace();
        siokit::server packing(w.context, options);
        packing.on_connection(
            [size](siokit::socket& s) { static_cast<void>(s.emit("big", std::string(size, 'x'))); });
        auto const at = *packing.listen({asio::ip::address_v4::loopback(), 0});
        client c(w.context, "http://127.0.0.1:" + std::to_string(at.port()),
                 {.transports = {only}, .reconnection = false, .max_message_bytes = 10'000});
        std::string heard;
        c.socket().on("big", [&](std::string_view text) { heard = std::to_string(text.size()); });
        c.socket().on_disconnect([&](disconnect_reason why) { heard = to_string(why); });
        c.socket().connect();
        EXPECT_TRUE(w.until([&] { return !heard.empty(); }));
        EXPECT_EQ(heard, size == 9'000 ? "9000" : "transport error");
      }
    }
  }
}

TEST(Client, GivesUpASilentServer) {
  world w;
  impostor there(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false);
  for (auto const only : {transport::polling, transport::websocket}) {
    auto const why = failure_of(w, there.url(), {.transports = {only}, .timeout = 50ms});
    EXPECT_TRUE(only == transport::websocket ? why.starts_with("websocket error|")
                                             : why.starts_with("timeout|"))
        << why;
  }
}

TEST(Client, TriesOtherTransportsIfItIsToldTo) {
  world w;
  auto const port = w.url();
  impostor there(w, http("200 OK", "no WebSocket here"));
  client io(w.context, there.url(),
            {.transports = {transport::websocket, transport::polling},
             .try_all_transports = true,
             .reconnection = false});
  std::string why;
  io.socket().on_connect_error([&](connect_error const& e) { why = e.message; });
  io.socket().connect();
  ASSERT_TRUE(w.until([&] { return !why.empty(); }));
  EXPECT_EQ(there.connections, 2);
}

TEST(Client, AsksAgainWhenAnIdleConnectionWasClosed) {
  world w;
  auto const target = w.url();
  // The server closes connections that are idle for longer than this; the client must not take it ill.
  world impatient;
  net::host_options http_options;
  server io(impatient.context, {.host = "127.0.0.1",
                                .port = 0,
                                .ping_interval = 50ms,
                                .ping_timeout = 5s,
                                .http = {.keep_alive_timeout = 20ms}});
  auto const url = io.listen();
  ASSERT_TRUE(url);
  client polls(impatient.context, *url, {.transports = {transport::polling}});
  int pings = 0, ends = 0;
  polls.on_ping([&] { ++pings; });
  polls.socket().on_disconnect([&](disconnect_reason) { ++ends; });
  polls.socket().connect();
  ASSERT_TRUE(impatient.until([&] { return pings == 6; }));
  EXPECT_EQ(ends, 0);
}

TEST(Client, PassesAProxy) {
  world w;
  std::string const url = w.url();
  /// A proxy that knows CONNECT, and one pair of bytes.
  struct proxy : std::enable_shared_from_this<proxy> {};
  tcp::acceptor acceptor(w.context, {asio::ip::address_v4::loopback(), 0});
  std::vector<std::string> asked;
  struct tunnel {
    tcp::socket near, far;
    std::array<char, 65536> up{}, down{};
    explicit tunnel(tcp::socket from) : near(std::move(from)), far(near.get_executor()) {}
  };
  auto const pump = [](auto self, std::shared_ptr<tunnel> t, tcp::socket& from, tcp::socket& to,
                       auto& buffer) -> void {
    from.async_read_some(asio::buffer(buffer),
                         [=, &from, &to, &buffer](std::error_code failure, std::size_t size) {
                           std::error_code ignored;
                           if (failure) {
                             to.close(ignored);
                             return;
                           }
                           asio::write(to, asio::buffer(buffer.data(), size), ignored);
                           self(self, t, from, to, buffer);
                         });
  };
  std::function<void()> accept = [&] {
    acceptor.async_accept([&](std::error_code failure, tcp::socket socket) {
      if (failure) return;
      auto const t = std::make_shared<tunnel>(std::move(socket));
      auto const head = std::make_shared<std::string>();
      asio::async_read_until(
          t->near, asio::dynamic_buffer(*head), "\r\n\r\n", [&, t, head](std::error_code, std::size_t) {
            asked.push_back(*head);
            if (head->find("Basic dXNlcjpwYSBzcw==") == std::string::npos) {
              asio::write(t->near, asio::buffer(http("407 Proxy Authentication Required", "")));
              return;
            }
            auto const port = head->substr(head->find(':') + 1, head->find(" HTTP") - head->find(':') - 1);
            t->far.connect({asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::stoi(port))});
            asio::write(t->near,
                        asio::buffer(std::string_view("HTTP/1.1 200 Connection established\r\n\r\n")));
            pump(pump, t, t->near, t->far, t->up);
            pump(pump, t, t->far, t->near, t->down);
          });
      accept();
    });
  };
  accept();
  std::string const at = "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  for (auto const only : {transport::polling, transport::websocket}) {
    client io(w.context, url, {.transports = {only}, .proxy = "http://user:pa%20ss@" + at});
    io.socket().connect();
    int answer = 0;
    EXPECT_TRUE(io.socket().emit("echo", 5, [&](int value) { answer = value; }));
    ASSERT_TRUE(w.until([&] { return answer == 5; }));
    EXPECT_TRUE(asked.back().starts_with("CONNECT localhost:"));
  }
  auto const why = failure_of(w, url, {.proxy = "http://" + at});
  EXPECT_NE(why.find("proxy: HTTP/1.1 407"), std::string::npos) << why;
  std::error_code ignored;
  acceptor.close(ignored);
  w.context.restart();
  w.context.poll();
}

TEST(Client, NamesWhatIsWrongWithItsUrl) {
  world w;
  client io(w.context, "gopher://x");
  ASSERT_FALSE(io.valid());
  EXPECT_NE(failure_of(w, "gopher://x", {}).find("gopher"), std::string::npos);
  EXPECT_NE(failure_of(w, "http://localhost:1", {.transports = {}}).find("transports"), std::string::npos);
}

TEST(Client, MayBeDestroyedInItsOwnRun) {
  auto io = std::make_unique<client>("http://127.0.0.1:1", client_options{.reconnection = false});
  bool told = false;
  io->socket().on_connect_error([&](connect_error const&) {
    told = true;
    io.reset();
  });
  io->socket().connect();
  io->run();
  EXPECT_TRUE(told);
}

TEST(Client, CompletesWhenTheConnectionEndsInstead) {
  world w;
  w.io.use([](siokit::socket& s, next) { s.close_connection(); });
  client io(w.context, w.url(), {.transports = {transport::websocket}, .reconnection = false});
  std::error_code outcome;
  io.socket().connect([&](std::error_code failure) { outcome = failure; });
  EXPECT_TRUE(w.until([&] { return static_cast<bool>(outcome); }));
}

}  // namespace net_client_test
