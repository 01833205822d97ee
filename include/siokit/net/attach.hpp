// siokit/net/attach.hpp - a connection that another HTTP server of the program has begun.
// SPDX-License-Identifier: MIT
// In: its first request, parsed by that server. Out: the same as text, which the connection reads as if it
// had come from its socket: so there is one path for requests, wherever they come from.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "siokit/core/header.hpp"
#include "siokit/websocket/handshake.hpp"

namespace siokit::inline v0::net {

/// The request with which a connection is handed over, as far as it was read. Borrowed for the call.
struct attached_request {
  std::string_view method{};
  std::string_view target{};  ///< path and query
  std::span<header const> headers{};
  std::string_view body{};  ///< what was read of it; of a chunked one, without its framing, all
  std::string_view rest{};  ///< what was read behind the request
  /// Whether later requests on this connection are for siokit too, whatever their path. Else it is closed
  /// behind the answer, and the client makes another connection to the server that is in front.
  bool keep_alive = false;
};

namespace impl {

[[nodiscard]] inline bool is_of_handshake(std::string_view name) noexcept {
  return same_header_name(name, "connection") || same_header_name(name, "upgrade") ||
         same_header_name(name.substr(0, 14), "sec-websocket-");
}

/// Nothing, if it can't be written as a request.
[[nodiscard]] inline std::optional<std::string> request_text(attached_request const& in, bool upgraded) {
  auto const one_word = [](std::string_view text) {
    return !text.empty() && text.find_first_of(std::string_view(" \r\n\0", 4)) == text.npos;
  };
  if (!one_word(in.method) || !one_word(in.target) || !websocket::impl::are_lines(in.headers)) return {};
  std::string out;
  out.append(in.method).append(" ").append(in.target).append(" HTTP/1.1\r\n");
  bool host = false, length = false, chunked = false, handshake = upgraded;
  for (auto const& [name, value] : in.headers) {
    chunked |= same_header_name(name, "transfer-encoding");
    handshake |= same_header_name(name, "upgrade") && same_header_name(value, "websocket");
  }
  bool const close = !in.keep_alive && !handshake;
  for (auto const& [name, value] : in.headers) {
    host |= same_header_name(name, "host");
    // The body is not chunked any more. And what a handshake is about was settled by who has accepted it.
    bool const of_length = same_header_name(name, "content-length");
    if (same_header_name(name, "transfer-encoding") || (chunked && of_length)) continue;
    if (upgraded && is_of_handshake(name)) continue;
    if (close && same_header_name(name, "connection")) continue;
    length |= of_length;
    websocket::impl::append_line(out, name, value);
  }
  if (!host) websocket::impl::append_line(out, "Host", "localhost");
  if (close) websocket::impl::append_line(out, "Connection", "close");
  if (upgraded) {
    out += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    websocket::impl::append_line(out, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");  // anyone will do
  } else if (!length && !in.body.empty()) {
    websocket::impl::append_line(out, "Content-Length", std::to_string(in.body.size()));
  }
  out += "\r\n";
  return out.append(in.body).append(in.rest);
}

}  // namespace impl
}  // namespace siokit::inline v0::net
