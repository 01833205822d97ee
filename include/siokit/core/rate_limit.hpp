// siokit/core/rate_limit.hpp - how much may come in a second.              SPDX-License-Identifier: MIT
// A token bucket as one point in time: when it will be full again. Pure: told what time it is.
#pragma once

#include "siokit/core/time.hpp"

namespace siokit::inline v0 {

/// So many a second, and so many at once. A number is a rate whose burst is what comes in one second.
class rate_limit {
 public:
  /// No limit.
  constexpr rate_limit() noexcept = default;
  constexpr rate_limit(double per_second) noexcept : rate_limit(per_second, per_second) {}
  /// `burst`: how many may come at once, at least 1. No limit when one of the two is zero or less.
  constexpr rate_limit(double per_second, double burst) noexcept {
    if (!(per_second > 0) || !(burst > 0)) return;
    per_second_ = per_second;
    burst_ = burst;
  }

  [[nodiscard]] constexpr double per_second() const noexcept { return per_second_; }
  [[nodiscard]] constexpr double burst() const noexcept { return burst_; }
  [[nodiscard]] constexpr bool unlimited() const noexcept { return per_second_ == 0; }

  friend bool operator==(rate_limit const&, rate_limit const&) = default;

 private:
  double per_second_ = 0;
  double burst_ = 0;
};

/// What is left of a rate. One each, beside a rate_limit that all share.
class token_bucket {
 public:
  /// Takes `count`. False when that is more than there are: then none is taken.
  [[nodiscard]] bool take(rate_limit const& from, double count, time_point now) noexcept {
    if (from.unlimited()) return true;
    time_point const begin = std::max(full_at_, now);
    double const missing = static_cast<double>((begin - now).count()) * from.per_second();
    if (missing + count * second > from.burst() * second) return false;
    full_at_ = begin + duration(static_cast<duration::rep>(count * second / from.per_second()));
    return true;
  }
  /// Whether it is as if nothing had ever been taken.
  [[nodiscard]] bool full(time_point now) const noexcept { return full_at_ <= now; }

 private:
  static constexpr double second = 1e9;  // of the timeline's resolution

  time_point full_at_{duration::min()};
};

}  // namespace siokit::inline v0
