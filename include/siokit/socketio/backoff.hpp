// siokit/socketio/backoff.hpp - how long to wait before the next attempt to connect.
// SPDX-License-Identifier: MIT
// The formula of the official client: min * 2^attempts, moved up or down by a random part, then capped. In
// integers, so that every compiler agrees, and saturating: the official one overflows after a thousand
// attempts and then waits 0 ms.
#pragma once

#include <algorithm>

#include "siokit/core/time.hpp"

namespace siokit::inline v0::socketio {

struct backoff_config {
  duration delay = std::chrono::seconds(1);      ///< of the first attempt
  duration delay_max = std::chrono::seconds(5);  ///< of any attempt
  std::uint16_t randomization_percent = 50;      ///< how much of a delay is left to chance, at most 100
};

/// Counts attempts. Plain value, cannot fail.
class backoff {
 public:
  /// The delay of the next attempt, at least 1 ms and at most delay_max. `random`: 32 bits, evenly spread.
  [[nodiscard]] constexpr duration next(backoff_config const& config, std::uint32_t random) noexcept {
    duration const least = std::chrono::milliseconds(1);
    duration const most = std::clamp(config.delay_max, least, duration::max() / 4);  // 73 years are enough
    // Doubling stops where the cap is reached even if chance takes its whole part away.
    duration base = std::clamp(config.delay, least, most);
    duration const enough = most * 2;
    for (std::uint32_t i = 0; i < attempts_ && base < enough; ++i)
      base = base > enough / 2 ? enough : base * 2;
    if (attempts_ != UINT32_MAX) ++attempts_;
    auto const percent = std::min<std::int64_t>(config.randomization_percent, 100);
    // The lowest bit says up or down, the others how far.
    auto const share = static_cast<std::int64_t>(random >> 1);
    duration const part = base / 100 * percent;
    duration const deviation((part.count() >> 31) * share + ((part.count() & 0x7FFFFFFF) * share >> 31));
    return std::clamp((random & 1) == 0 ? base - deviation : base + deviation, least, most);
  }
  constexpr void reset() noexcept { attempts_ = 0; }
  [[nodiscard]] constexpr std::uint32_t attempts() const noexcept { return attempts_; }

 private:
  std::uint32_t attempts_ = 0;
};

}  // namespace siokit::inline v0::socketio
