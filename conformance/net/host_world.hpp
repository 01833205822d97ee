// conformance/net/host_world.hpp - a host with an echo application, and clients on real loopback sockets.
// SPDX-License-Identifier: MIT
// One thread: waiting for something runs the io_context until it is there, ten seconds at most.
#pragma once

#include <gtest/gtest.h>

#include <asio/write.hpp>
#include <functional>

#include "net/run_until.hpp"
#include "siokit/net/engine_host.hpp"

namespace siokit::test {

using asio::ip::tcp;

inline std::string sid_of(int number) {
  return "session-id-000000-" + std::to_string(10 + number);
}

/// An Engine.IO server that admits everybody, sends back what it gets, and writes down what happens.
struct world {
  explicit world(engineio::server_config config = {}, net::host_options options = {})
      : engine(std::move(config)), host(std::in_place, context, engine, options) {
    host->on_drain([this](time_point now) { drain(now); });
  }

  void drain(time_point now) {
    while (auto const event = engine.poll_event(now)) {
      if (on_event && on_event(*event)) continue;
      switch (event->type) {
        case engineio::event::kind::handshake_requested:
          static_cast<void>(engine.admit(event->session, sid(sid_of(admitted++)), now));
          break;
        case engineio::event::kind::message: echo(event->session, event->data); break;
        case engineio::event::kind::opened:
          log.emplace_back("opened");
          last = event->session;
          break;
        case engineio::event::kind::upgraded: log.emplace_back("upgraded"); break;
        case engineio::event::kind::closed:
          log.push_back("closed: " + std::string(to_string(event->reason)));
          if (event->detail.code != errc::ok) log.back() += ", " + std::string(to_string(event->detail.code));
          break;
      }
    }
  }

  void echo(handle session, frame const& data) {
    bool const text = data.kind == frame_kind::text;
    send(session, text ? text_message("4" + std::string(data.data)) : binary_message(as_bytes(data.data)));
  }
  void send(handle session, message item) { static_cast<void>(engine.send(session, std::move(item))); }

  bool until(std::function<bool()> const& done) { return run_until(context, done); }
  bool until_log(std::string_view line) {
    return until([&] { return !log.empty() && log.back() == line; });
  }

  tcp::endpoint listen(net::tls_context tls = {}) {
    auto const bound = host->listen({asio::ip::address_v4::loopback(), 0}, std::move(tls));
    EXPECT_TRUE(bound) << bound.error().message();
    return *bound;
  }

  asio::io_context context{1};
  engineio::server engine;
  std::optional<net::engine_host> host;
  std::function<bool(engineio::event const&)> on_event;  // true: handled
  std::vector<std::string> log;
  handle last;
  int admitted = 0;
};

inline ::testing::AssertionResult has(std::string const& text, std::string_view part) {
  if (text.find(part) != text.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no \"" << part << "\" in:\n" << text;
}

/// A client that does nothing by itself.
struct raw_client {
  explicit raw_client(world& home, std::optional<tcp::endpoint> at = {})
      : around(home), socket(home.context) {
    socket.connect(at ? *at : home.listen());
    socket.set_option(tcp::no_delay(true));
    socket.non_blocking(true);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      std::error_code failure;
      bytes.remove_prefix(socket.write_some(asio::buffer(bytes.data(), bytes.size()), failure));
      if (failure && failure != asio::error::would_block) return;
      if (failure) around.context.poll();
    }
  }
  void send_by_byte(std::string_view bytes) {
    for (char const& one : bytes) {
      send({&one, 1});
      for (int i = 0; i < 3; ++i) around.context.poll(), around.context.restart();
    }
  }
  void pull() {
    char buffer[65536];
    std::error_code failure;
    while (!ended) {
      std::size_t const size = socket.read_some(asio::buffer(buffer), failure);
      in.append(buffer, size);
      if (failure == asio::error::would_block) return;
      if (failure) ended = true;
    }
  }
  bool until_ended() {
    return around.until([this] { return pull(), ended; });
  }
  bool until_in(std::string_view text) {
    return around.until([&] { return pull(), in.find(text) != in.npos; });
  }
  bool until_size(std::size_t size) {
    return around.until([&] { return pull(), in.size() >= size; });
  }
  /// Nothing comes for a while.
  bool stays_quiet() {
    for (int i = 0; i < 10; ++i) {
      around.context.restart();
      around.context.run_one_for(std::chrono::milliseconds(2));
      pull();
    }
    return in.empty() && !ended;
  }
  /// Takes one HTTP response off what was received; its head and body. Empty when none comes.
  std::string response(bool with_body = true) {
    if (!until_in("\r\n\r\n")) return {};
    std::size_t const head = in.find("\r\n\r\n") + 4;
    std::size_t const length = in.find("Content-Length: ");
    std::size_t body = 0;
    if (with_body && length < head) body = std::stoul(in.substr(length + 16));
    if (!until_size(head + body)) return {};
    std::string const whole = in.substr(0, head + body);
    in.erase(0, head + body);
    return whole;
  }
  std::string ask(std::string_view request) {
    send(request);
    return response();
  }
  void close() {
    std::error_code ignored;
    socket.close(ignored);
  }

  world& around;
  tcp::socket socket;
  std::string in;
  bool ended = false;
};

inline std::string get(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body, std::string_view more = {}) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}
inline std::string const polling = "/engine.io/?EIO=4&transport=polling";
inline std::string poll_of(int number) {
  return polling + "&sid=" + sid_of(number);
}
inline std::string body_of(std::string const& response) {
  auto const at = response.find("\r\n\r\n");
  return at == response.npos ? "no response" : response.substr(at + 4);
}

}  // namespace siokit::test
