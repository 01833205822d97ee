// siokit/engineio/server_event.hpp - what comes out of a server.   SPDX-License-Identifier: MIT
// Events for the application; what to do with an exchange, and its response, for the host.
#pragma once

#include <optional>

#include "siokit/engineio/polling.hpp"
#include "siokit/engineio/reason.hpp"
#include "siokit/engineio/request.hpp"

namespace siokit::inline v0::engineio {

/// What the host learns from request(): what to do next with the exchange.
struct routed {
  enum class kind : std::uint8_t {
    answered,  ///< poll_response() has the answer, now or later
    post,      ///< read the body, then call post_received(), post_too_large() or exchange_aborted()
  } next;
  handle session;  ///< to name in later calls about this exchange; empty when none is concerned
};

/// What a server tells its application. Views live until the next input.
struct event {
  enum class kind : std::uint8_t { handshake_requested, opened, message, upgraded, closed } type;
  handle session;
  close_reason reason = close_reason::forced_close;
  error detail{};
  frame data{};
};

/// A response of the server: the session's, or a refusal, or the acceptance of a WebSocket.
struct server_response {
  response answer{};
  handle session{};          ///< with `accept_wire`, or when `initial`
  bool accept_wire = false;  ///< answer 101, then call wire_opened(session, ...)
  bool initial = false;      ///< the response to a handshake: initial_headers apply
  bool refused_wire =
      false;  ///< a refused WebSocket handshake: the body is plain text, the connection closes
  std::optional<refusal> refused{};  ///< what the event connection_error of the official server tells
};

/// The response that refuses a request, as the server itself gives it.
[[nodiscard]] inline server_response refused_response(exchange to, refusal const& why, bool websocket) {
  server_response out;
  out.answer.to = to;
  // Upstream answers a refused upgrade with 400, whatever the code; it knows no quotas.
  out.answer.status = websocket && why.status != 429 ? 400 : why.status;
  out.answer.content_type = websocket ? "text/html" : why.code < 0 ? "" : "application/json";
  out.answer.body = websocket ? why.message : why.body();
  out.answer.close = websocket;
  out.refused_wire = websocket;
  if (why.code >= 0) out.refused = why;
  return out;
}

}  // namespace siokit::inline v0::engineio
