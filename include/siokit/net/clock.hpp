// siokit/net/clock.hpp - the one place that reads a clock.   SPDX-License-Identifier: MIT
// The core's timeline never goes back, and goes on while the machine sleeps, where the system has such a
// clock: a client that wakes up must know that its server has long given it up.
#pragma once

#ifdef __linux__
#include <ctime>
#endif

#include "siokit/core/time.hpp"

namespace siokit::inline v0::net {

/// What every input of the core is told.
[[nodiscard]] inline time_point now() noexcept {
#ifdef __linux__  // whose steady_clock stands still in that time
  timespec at{};
  ::clock_gettime(CLOCK_BOOTTIME, &at);
  return time_point(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
#else
  return time_point(std::chrono::steady_clock::now().time_since_epoch());
#endif
}

/// The same instant for timers of Asio.
[[nodiscard]] inline std::chrono::steady_clock::time_point to_steady(time_point at) noexcept {
  using std::chrono::steady_clock;
  if (at == never) return steady_clock::time_point::max();
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(at - now());
}

}  // namespace siokit::inline v0::net
