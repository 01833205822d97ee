// siokit/core/time.hpp - time as an argument.                        SPDX-License-Identifier: MIT
// The core never reads a clock: every verb is told what time it is. `timeline` is a clock without now(), so
// reading it in the core does not compile. A host converts its own clock in one line, see docs/embedding.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// A monotonic clock that nobody inside the core can read. Resolution: nanoseconds, epoch: the host's choice.
struct timeline {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<timeline, duration>;
  static constexpr bool is_steady = true;
};

using duration = timeline::duration;
using time_point = timeline::time_point;

/// "No deadline": later than every other time point.
inline constexpr time_point never = time_point::max();

/// `at + by`, saturating at `never`: a huge option value must not wrap around into the past.
[[nodiscard]] constexpr time_point later(time_point at, duration by) noexcept {
  return by > never - at ? never : at + by;
}

[[nodiscard]] constexpr time_point earliest(time_point a, time_point b) noexcept {
  return std::min(a, b);
}

}  // namespace siokit::inline v0
