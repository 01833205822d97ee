// siokit/engineio/client_event.hpp - what comes out of a client's session.   SPDX-License-Identifier: MIT
// Events for the application, actions for the host.
#pragma once

#include <string>

#include "siokit/core/bytes.hpp"
#include "siokit/core/error.hpp"
#include "siokit/core/ids.hpp"
#include "siokit/engineio/reason.hpp"

namespace siokit::inline v0::engineio {

/// What a session tells its application. `data` lives until the next input to the session.
struct client_event {
  enum class kind : std::uint8_t {
    opened,
    message,         ///< `data`
    ping,            ///< the server's heartbeat; it was answered
    upgraded,        ///< from polling to a WebSocket
    upgrade_failed,  ///< the session goes on polling; `detail` says why
    closed,          ///< the last event: `reason` and `detail`. Without `opened` before, the attempt failed
  } type;
  close_reason reason = close_reason::forced_close;
  error detail{};
  frame data{};
};

/// What the host is to do.
struct client_action {
  enum class kind : std::uint8_t {
    open_wire,  ///< a WebSocket `on` to `target`: answer by wire_opened() or wire_lost()
    shut_wire,  ///< close it without a code, or stop opening it; it is forgotten already
    get,        ///< send `request` to `target`: answer by response_received() or request_failed()
    post,       ///< the same with a `body`, of the content type text/plain;charset=UTF-8
    leave,      ///< the answer to `request` is to come soon, or else its connection to be cut
    abort,      ///< cut the connection of `request`; it is forgotten already
  } type;
  wire on{};
  exchange request{};
  std::string target{};  ///< path and query
  std::string body{};
};

}  // namespace siokit::inline v0::engineio
