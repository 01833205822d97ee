// Listeners that are coroutines. Not with Clang 14, which does not see asio::awaitable.
#include "siokit/net/awaitable.hpp"

#include <gtest/gtest.h>

#include <map>

#include "net/run_until.hpp"
#include "siokit/net/client.hpp"
#include "siokit/net/emit_with_ack.hpp"

#ifdef ASIO_HAS_CO_AWAIT
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

// GCC 12 at -O1 sees one where Asio inlines the new, but not the delete, of a frame.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace net_awaitable_test {

using namespace std::chrono_literals;
using asio::awaitable;

/// A server, and a client on the same thread.
struct world {
  world() {
    io.on_handler_error([this](std::exception_ptr const&, siokit::socket* s) {
      log += s == nullptr ? "error of nobody;" : "error of a socket;";
    });
    url = *io.listen();
  }
  siokit::client_socket& connect() {
    peer.emplace(context, url, siokit::client_options{.reconnection = false});
    peer->socket().on_disconnect([this](siokit::disconnect_reason) { log += "disconnect;"; });
    peer->socket().connect();
    return peer->socket();
  }
  bool until(std::function<bool()> const& done) { return siokit::test::run_until(context, done); }
  awaitable<void> pause() const {
    co_await asio::steady_timer(co_await asio::this_coro::executor, 1ms).async_wait(asio::use_awaitable);
  }

  asio::io_context context{1};
  std::optional<siokit::server> server{std::in_place, context,
                                       siokit::server_options{.host = "127.0.0.1", .port = 0}};
  siokit::server& io = *server;
  std::optional<siokit::client> peer;
  std::string url, log;
  std::error_code failure;
};

template <class T>
constexpr bool allowed = siokit::hub::impl::outlives_event<T>;
static_assert(allowed<std::string> && allowed<std::vector<std::string>> && allowed<siokit::socket_ref>);
static_assert(!allowed<std::string_view> && !allowed<siokit::socket&> && !allowed<siokit::args>);
static_assert(!allowed<std::optional<siokit::bytes_view>> && !allowed<std::vector<std::string_view>>);
static_assert(!allowed<std::map<std::string, std::tuple<int, siokit::raw_json>>>);
static_assert(!allowed<std::array<std::string_view, 2>>);

TEST(Awaitable, AListenerThatWaits) {
  world w;
  w.io.on("greet", [&w](siokit::socket_ref s, std::string name, siokit::ack reply) -> awaitable<void> {
    co_await w.pause();
    static_cast<void>(s.emit("greeting", name));
    co_await w.pause();
    reply("hello " + name);
  });
  auto& s = w.connect();
  s.on("greeting", [&w](std::string const& name) { w.log += "greeting " + name + ";"; });
  EXPECT_TRUE(s.emit("greet", "Ada", [&w](std::string const& text) { w.log += text + ";"; }));
  EXPECT_TRUE(w.until([&] { return w.log == "greeting Ada;hello Ada;"; })) << w.log;
}

TEST(Awaitable, ItAsksTheClientAndWaits) {
  world w;
  w.io.on("order", [&w](siokit::socket_ref s) -> awaitable<void> {
    int const n = co_await siokit::emit_with_ack<int>(s, "how many", "apples")(asio::use_awaitable);
    w.log += std::to_string(n) + ";";
    auto how = asio::redirect_error(asio::use_awaitable, w.failure);
    co_await siokit::emit_with_ack<int>(s, "never").timeout(1ms)(how);
    w.log += w.failure.message() + ";";
    co_await siokit::emit_with_ack<int>(s, "disconnect")(how);
    w.log += w.failure.message() + ";";
    co_await siokit::emit_with_ack<int>(s, "how many", siokit::raw_json{"["})(how);
    w.log += w.failure.message() + ";";
    s.get()->disconnect();
    while (!w.log.ends_with("disconnect;")) co_await w.pause();
    std::string const none = co_await siokit::emit_with_ack<std::string>(s, "late")(how);
    w.log += w.failure.message() + none + ";";
  });
  auto& s = w.connect();
  s.on("how many",
       [](std::string const& what, siokit::client_ack reply) { reply(what == "apples" ? 7 : 0); });
  EXPECT_TRUE(s.emit("order"));
  std::string const wanted = "7;" + siokit::make_error_code(siokit::errc::timed_out).message() + ";" +
                             siokit::make_error_code(siokit::errc::reserved_event).message() + ";" +
                             siokit::make_error_code(siokit::errc::bad_json).message() + ";disconnect;" +
                             siokit::make_error_code(siokit::errc::gone).message() + ";";
  EXPECT_TRUE(w.until([&] { return w.log == wanted; })) << w.log << "\n" << wanted;
}

TEST(Awaitable, AQuestionToNobodyIsAnsweredByTheServersThread) {
  world w;
  std::optional<siokit::socket_ref> gone;
  w.io.on_connection([&](siokit::socket& s) {
    gone = s.ref();
    s.disconnect();
  });
  w.connect();
  EXPECT_TRUE(w.until([&] { return w.log == "disconnect;"; }));
  auto const here = std::this_thread::get_id();
  w.io.post([&] {
    siokit::emit_with_ack<int>(*gone, "x")([&](std::error_code failure, int) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      w.log += failure.message();
    });
  });
  EXPECT_TRUE(w.until([&] { return w.log.ends_with(make_error_code(siokit::errc::gone).message()); }))
      << w.log;
}

TEST(Awaitable, AQuestionEndsWithItsServer) {
  world w;
  std::future<int> answer;
  w.io.on_connection(
      [&](siokit::socket& s) { answer = siokit::emit_with_ack<int>(s, "never")(asio::use_future); });
  w.connect();
  EXPECT_TRUE(w.until([&] { return answer.valid(); }));
  w.server.reset();
  EXPECT_TRUE(w.until([&] { return answer.wait_for(0s) == std::future_status::ready; }));
  EXPECT_THROW(answer.get(), std::system_error);
}

TEST(Awaitable, WhatItThrowsEndsTheConnection) {
  for (bool const later : {false, true}) {
    world w;
    w.io.on("throw", [&w, later](siokit::socket_ref) -> awaitable<void> {
      if (later) co_await w.pause();
      throw std::runtime_error("oh");
    });
    EXPECT_TRUE(w.connect().emit("throw"));
    EXPECT_TRUE(w.until([&] { return w.log == "error of a socket;disconnect;"; })) << w.log;
  }
}

TEST(Awaitable, ItsCapturesOutliveItsListener) {
  world w;
  auto const id = w.io.on("go", [&w, text = std::string(100, 'x')](siokit::ack reply) -> awaitable<void> {
    co_await w.pause();
    reply(text);
  });
  auto& s = w.connect();
  std::string answer;
  EXPECT_TRUE(s.emit("go", [&answer](std::string const& text) { answer = text; }));
  w.io.on("go", [&w, id] { w.io.off(id); });
  EXPECT_TRUE(w.until([&] { return !answer.empty(); }));
  EXPECT_EQ(answer, std::string(100, 'x'));
}

TEST(Awaitable, SocketAndServerMayGoMeanwhile) {
  for (bool const server_too : {false, true}) {
    world w;
    bool begun = false, ended = false;
    w.io.on("go", [&](siokit::socket_ref s, siokit::ack reply) -> awaitable<void> {
      begun = true;
      asio::steady_timer never(co_await asio::this_coro::executor, 50ms);
      co_await never.async_wait(asio::use_awaitable);
      EXPECT_FALSE(s);
      EXPECT_EQ(s.emit("x").error().code, siokit::errc::gone);
      EXPECT_FALSE(reply(1));
      ended = true;
      throw std::runtime_error("nobody hears it");
    });
    EXPECT_TRUE(w.connect().emit("go", [](int) {}));
    EXPECT_TRUE(w.until([&] { return begun; }));
    w.peer.reset();
    if (server_too) w.server.reset();
    EXPECT_TRUE(w.until([&] { return ended; }));
    EXPECT_EQ(w.log, server_too ? "" : "error of nobody;");
  }
}

}  // namespace net_awaitable_test
#pragma GCC diagnostic pop
#endif
