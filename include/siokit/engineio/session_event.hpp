// siokit/engineio/session_event.hpp - what comes out of a session.   SPDX-License-Identifier: MIT
// Events for the application, transmits for the host's wires.
#pragma once

#include "siokit/core/error.hpp"
#include "siokit/core/message.hpp"
#include "siokit/engineio/reason.hpp"

namespace siokit::inline v0::engineio {

/// What a session tells its application. `data` lives until the next input to the session.
struct session_event {
  enum class kind : std::uint8_t { opened, message, upgraded, closed } type;
  close_reason reason = close_reason::forced_close;  ///< closed
  error detail{};                                    ///< closed: what exactly was wrong
  frame data{};                                      ///< message
};

/// One thing to do with a wire: send `data`, or when `shut` is set, close the WebSocket without a code.
struct transmit {
  message data{};
  bool shut = false;
};

}  // namespace siokit::inline v0::engineio
