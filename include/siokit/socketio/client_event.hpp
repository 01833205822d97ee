// siokit/socketio/client_event.hpp - what a client's session tells its application.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "siokit/core/message.hpp"
#include "siokit/socketio/args.hpp"
#include "siokit/socketio/reason.hpp"

namespace siokit::inline v0::socketio {

/// Views live until the next call of poll_event() or any input. What the official Manager tells comes without
/// a namespace.
struct client_event {
  enum class kind : std::uint8_t {
    // Of the connection.
    open,               ///< an Engine.IO session is there
    error,              ///< one could not be had, or its transport has failed: `detail`
    ping,               ///< the server's heartbeat
    upgraded,           ///< from polling to a WebSocket
    upgrade_failed,     ///< it goes on polling: `detail`
    close,              ///< the session is over: `reason` and `detail`
    reconnect_attempt,  ///< the `number`-th begins
    reconnect_error,    ///< it failed: `detail`
    reconnect_failed,   ///< it was the last one
    reconnect,          ///< it succeeded: the `number`-th
    // Of a namespace.
    auth_requested,  ///< answer by authorize(nsp, number, ...), now or later
    connect,         ///< joined, with what was buffered sent already; see recovered()
    connect_error,   ///< refused: `text` and `data`; else `detail` says why it was not reached
    disconnect,      ///< `reason` and `detail`
    received,  ///< an event: `name`, `arguments`; with `wants_ack` it is answered by acknowledge(nsp, number)
    acknowledged,  ///< the answer to the event of the acknowledgement `number`: `arguments`
    sent,          ///< an event has left: `packet`; told only after tell_sent()
    ack_failed,    ///< it will not come: timed_out, not_connected, or outbox_full if it was never sent
  } type;
  bool wants_ack = false;
  std::uint32_t nsp = 0;  ///< as connect() returned it
  std::uint64_t number = 0;
  disconnect_reason reason = disconnect_reason::forced_close;
  error detail{};
  std::string_view name{};  ///< raw, between its quotes; may hold escapes
  std::string_view text{};  ///< the same
  std::string_view data{};  ///< JSON, empty if there is none
  args arguments{};
  message packet{};
};

}  // namespace siokit::inline v0::socketio
