// siokit/net/http2_edge.hpp - where HTTP/2 is plugged in.   SPDX-License-Identifier: MIT
// A connection whose client has chosen h2 hands what it reads to an edge. That makes of each request a
// connection without a socket, which reads the request as HTTP/1.1, so that there is one path for all,
// and gives its answer back to the edge. Nothing here knows the library behind it: see http2.hpp.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

namespace impl {

class connection;

/// HTTP/2 on one connection. It runs nobody's code: what it does to requests, they do later, by themselves.
class http2_edge {
 public:
  http2_edge() = default;
  http2_edge(http2_edge const&) = delete;
  http2_edge& operator=(http2_edge const&) = delete;
  virtual ~http2_edge() = default;

  /// Takes all that the peer has sent.
  virtual void receive(std::span<char const> in) = 0;
  /// Writes what is to be written, as far as the peer takes it.
  virtual void resume() = 0;
  /// No further request will be served; the connection ends with its last answer.
  virtual void close_soon() = 0;
  /// The connection is lost: so are its requests.
  virtual void lose_streams() = 0;

  // --- From the connection of a request.

  virtual void respond(std::int32_t stream, unsigned status, std::span<header const> fields,
                       std::string_view body, bool bodyless) = 0;
  /// All that came of the body has been read.
  virtual void taken(std::int32_t stream) = 0;
  /// The connection of the request is over: its stream is reset, unless it is over too.
  virtual void forget(std::int32_t stream) noexcept = 0;
};

}  // namespace impl

/// HTTP/2 beside HTTP/1.1, for clients that come over TLS: off, unless made by net::http2().
struct http2_options {
  /// Requests of one connection that are served at once.
  std::uint32_t streams_max = 100;
  /// Requests of one connection that may be broken off, or break the rules, within ten seconds.
  std::uint32_t resets_max = 200;
  /// Makes the edge of a connection.
  std::unique_ptr<impl::http2_edge> (*make)(impl::connection& home) = nullptr;
};

}  // namespace siokit::inline v0::net
