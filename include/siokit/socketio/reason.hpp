// siokit/socketio/reason.hpp - why a socket was disconnected, in the exact words of the official libraries.
// SPDX-License-Identifier: MIT
#pragma once

#include "siokit/engineio/reason.hpp"

namespace siokit::inline v0::socketio {

enum class disconnect_reason : unsigned char {
  // On a server.
  transport_error,
  transport_close,
  forced_close,
  ping_timeout,
  parse_error,
  server_shutting_down,
  forced_server_close,
  client_namespace_disconnect,
  server_namespace_disconnect,
  // On a client, beside the first ones.
  io_server_disconnect,
  io_client_disconnect,
};

[[nodiscard]] constexpr std::string_view to_string(disconnect_reason reason) noexcept {
  switch (reason) {
    case disconnect_reason::transport_error: return "transport error";
    case disconnect_reason::transport_close: return "transport close";
    case disconnect_reason::forced_close: return "forced close";
    case disconnect_reason::ping_timeout: return "ping timeout";
    case disconnect_reason::parse_error: return "parse error";
    case disconnect_reason::server_shutting_down: return "server shutting down";
    case disconnect_reason::forced_server_close: return "forced server close";
    case disconnect_reason::client_namespace_disconnect: return "client namespace disconnect";
    case disconnect_reason::server_namespace_disconnect: return "server namespace disconnect";
    case disconnect_reason::io_server_disconnect: return "io server disconnect";
    case disconnect_reason::io_client_disconnect: return "io client disconnect";
  }
  return "";
}

/// The reason of a socket whose Engine.IO session ended so.
[[nodiscard]] constexpr disconnect_reason reason_of(engineio::close_reason reason) noexcept {
  switch (reason) {
    case engineio::close_reason::ping_timeout: return disconnect_reason::ping_timeout;
    case engineio::close_reason::transport_error: return disconnect_reason::transport_error;
    case engineio::close_reason::transport_close: return disconnect_reason::transport_close;
    case engineio::close_reason::parse_error: return disconnect_reason::parse_error;
    case engineio::close_reason::forced_close: break;
  }
  return disconnect_reason::forced_close;
}

/// Whether connection state recovery may bring the socket back.
[[nodiscard]] constexpr bool recoverable(disconnect_reason reason) noexcept {
  return reason == disconnect_reason::transport_error || reason == disconnect_reason::transport_close ||
         reason == disconnect_reason::forced_close || reason == disconnect_reason::ping_timeout ||
         reason == disconnect_reason::server_shutting_down ||
         reason == disconnect_reason::forced_server_close;
}

}  // namespace siokit::inline v0::socketio
