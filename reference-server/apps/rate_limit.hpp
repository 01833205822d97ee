// How often somebody may do something.   SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace apps {

/// So many times in so many seconds, written N/SECONDS.
struct rate {
  std::uint32_t times = 0;
  std::chrono::seconds within{};

  [[nodiscard]] static std::optional<rate> read(std::string_view text) {
    auto const slash = text.find('/');
    auto const number = [](std::string_view digits) {
      std::uint32_t value = 0;
      auto const [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return bad == std::errc() && end == digits.data() + digits.size() ? value : 0;
    };
    if (slash == text.npos) return std::nullopt;
    rate const out{number(text.substr(0, slash)), std::chrono::seconds(number(text.substr(slash + 1)))};
    return out.times == 0 || out.within.count() == 0 ? std::nullopt : std::optional(out);
  }
};

/// Counts in windows of time, the first of which begins with the first call.
class rate_limit {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Whether one more is within the limit; counts it then.
  [[nodiscard]] bool allow(rate const& limit, time_point now) noexcept {
    if (count_ == 0 || now - begin_ >= limit.within) {
      begin_ = now;
      count_ = 0;
    }
    if (count_ >= limit.times) return false;
    ++count_;
    return true;
  }
  /// Whether the window is over, so that nothing would be lost without this.
  [[nodiscard]] bool idle(rate const& limit, time_point now) const noexcept {
    return now - begin_ >= limit.within;
  }

 private:
  time_point begin_{};
  std::uint32_t count_ = 0;
};

}  // namespace apps
