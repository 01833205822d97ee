// siokit/engineio/reason.hpp - why a session ended, in the words of the official server.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0::engineio {

enum class close_reason : unsigned char {
  ping_timeout,
  transport_error,
  transport_close,
  parse_error,
  forced_close,
};

[[nodiscard]] constexpr std::string_view to_string(close_reason reason) noexcept {
  switch (reason) {
    case close_reason::ping_timeout: return "ping timeout";
    case close_reason::transport_error: return "transport error";
    case close_reason::transport_close: return "transport close";
    case close_reason::parse_error: return "parse error";
    case close_reason::forced_close: return "forced close";
  }
  return "";
}

}  // namespace siokit::inline v0::engineio
