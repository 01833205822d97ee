// siokit/core/rate_limit.hpp - how much may come in a second.              SPDX-License-Identifier: MIT
// A token bucket as one point in time: when it will be full again. Pure: told what time it is.
#pragma once

#include <algorithm>

#include "siokit/core/time.hpp"

namespace siokit::inline v0 {

/// So many a second, and so many at once: a bucket that holds `burst`, and is filled again at this rate.
class rate_limit {
 public:
  /// No limit.
  constexpr rate_limit() noexcept = default;
  /// What comes in a second may come at once. 0: no limit.
  constexpr rate_limit(double per_second) noexcept
      : rate_limit(per_second, per_second > 0 ? std::max(per_second, 1.0) : per_second) {}
  constexpr rate_limit(double per_second, double burst) noexcept
      : per_second_(per_second), burst_(burst), interval_(per_second == 0 ? 0 : 1e9 / per_second) {}

  [[nodiscard]] constexpr double per_second() const noexcept { return per_second_; }
  [[nodiscard]] constexpr double burst() const noexcept { return burst_; }
  [[nodiscard]] constexpr bool unlimited() const noexcept { return per_second_ == 0; }
  /// From one to the next, in nanoseconds: of the timeline's resolution.
  [[nodiscard]] constexpr double interval() const noexcept { return interval_; }
  /// Whether it can be meant: no limit, or one that lets `least` pass at once.
  [[nodiscard]] constexpr bool valid(double least = 1) const noexcept {
    return unlimited() || (per_second_ > 0 && burst_ >= least);
  }

  friend bool operator==(rate_limit const&, rate_limit const&) = default;

 private:
  double per_second_ = 0;
  double burst_ = 0;
  double interval_ = 0;
};

/// What is left of a rate. One each, beside a rate_limit that all share.
class token_bucket {
 public:
  /// Takes `count`. False when that is more than there are: then none is taken.
  [[nodiscard]] bool take(rate_limit const& from, double count, time_point now) noexcept {
    if (from.unlimited()) return true;
    constexpr double second = 1e9;  // of the timeline's resolution
    time_point const begin = std::max(full_at_, now);
    if (begin == never) return false;
    double const missing = static_cast<double>((begin - now).count()) * from.per_second();
    if (!(missing + count * second <= from.burst() * second)) return false;
    double const refill = count * from.interval();
    constexpr double longest = 1e18;  // 31 years
    full_at_ = refill < longest ? later(begin, duration(rounded_up(refill))) : never;
    return true;
  }
  /// Whether it is as if nothing had ever been taken.
  [[nodiscard]] bool full(time_point now) const noexcept { return full_at_ <= now; }

 private:
  /// std::ceil is a call where the processor is an old one.
  [[nodiscard]] static duration::rep rounded_up(double value) noexcept {
    auto const whole = static_cast<duration::rep>(value);
    return whole + duration::rep{static_cast<double>(whole) < value};
  }

  time_point full_at_{duration::min()};
};

}  // namespace siokit::inline v0
