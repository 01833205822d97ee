// siokit/net/http_state.hpp - what a connection needs while it speaks HTTP.   SPDX-License-Identifier: MIT
// Owned by the connection, gone when it becomes a WebSocket: what it says is in connection_http.hpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "siokit/core/ref.hpp"
#include "siokit/net/http2_edge.hpp"
#include "siokit/net/http_parser.hpp"

namespace siokit::inline v0::net::impl {

struct http_state {
  /// What the deadline of the connection is for.
  enum class phase : std::uint8_t { head, body, answer, answered, idle };
  enum class sink : std::uint8_t { nowhere, engine, route };
  /// What the present middleware has said.
  enum class verdict : std::uint8_t { none, asked, awaited, good, bad };

  /// Moves to other loops without a word from the peer: more would let a few bytes copy many.
  static constexpr std::uint8_t moves_max = 16;

  explicit http_state(http_limits const& limits);  // in connection.hpp, for the sake of `parent`
  ~http_state();

  /// Whether the parser may go on: the present request is not read to its end, and it is known whom its body
  /// is for, or it has been answered.
  [[nodiscard]] bool may_read() const noexcept {
    return (reading && decision != verdict::awaited && !is_decided()) || !awaiting;
  }
  [[nodiscard]] bool is_decided() const noexcept {
    return awaiting && (decision == verdict::good || decision == verdict::bad);
  }
  [[nodiscard]] bool is_idle() const noexcept { return !reading && !awaiting; }
  /// A short one leaves its memory to the next.
  void forget_body() noexcept {
    constexpr std::size_t short_body = 256;
    if (body.capacity() > short_body) return std::string().swap(body);
    body.clear();
  }
  /// Whether a request has begun, and does not end. Who has said nothing at all is told nothing.
  [[nodiscard]] bool is_slow() const noexcept {
    return heard && (waits_for == phase::head || waits_for == phase::body);
  }

  http_parser parser;
  std::unique_ptr<http2_edge> http2;  // of a connection that speaks it
  ref<connection> parent;             // of a request of HTTP/2: whose stream it is
  std::int32_t stream = 0;
  std::string remote_address;
  std::string client_address;  // of the present request, when proxies are trusted
  std::string body;
  std::vector<owned_header> headers;  // of the answer, as far as they are known
  std::size_t middlewares_done = 0;
  std::size_t skipped = 0;  // bytes of a body that nobody wants
  std::uint8_t moves = 0;   // since the socket was read
  phase waits_for = phase::head;
  sink body_to = sink::nowhere;
  verdict decision = verdict::none;
  bool heard = false;      // a byte of the peer
  bool reading = false;    // between the head of a request and its end
  bool awaiting = false;   // between the head of a request and its answer
  bool close = false;      // after the next answer
  bool websocket = false;  // the request is a handshake
};

}  // namespace siokit::inline v0::net::impl
