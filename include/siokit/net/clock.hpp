// siokit/net/clock.hpp - the one place that reads a clock.   SPDX-License-Identifier: MIT
// The core's timeline is the steady clock of the standard library, epoch and all.
#pragma once

#include "siokit/core/time.hpp"

namespace siokit::inline v0::net {

/// What every input of the core is told.
[[nodiscard]] inline time_point now() noexcept {
  return time_point(std::chrono::steady_clock::now().time_since_epoch());
}

/// The same instant for timers of Asio.
[[nodiscard]] inline std::chrono::steady_clock::time_point to_steady(time_point at) noexcept {
  using std::chrono::steady_clock;
  return steady_clock::time_point(std::chrono::duration_cast<steady_clock::duration>(at.time_since_epoch()));
}

}  // namespace siokit::inline v0::net
