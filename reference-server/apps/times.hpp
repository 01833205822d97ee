// Times as the applications write them.   SPDX-License-Identifier: MIT
// Unix time in milliseconds, and ISO 8601 as JavaScript writes it: 2025-01-15T10:00:00.000Z.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace apps {

/// Milliseconds since 1970.
[[nodiscard]] inline std::int64_t unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

[[nodiscard]] inline std::string iso8601(std::int64_t ms) {
  using namespace std::chrono;
  sys_time<milliseconds> const at{milliseconds(ms)};
  auto const day = floor<days>(at);
  year_month_day const date(day);
  hh_mm_ss const time(at - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
                int(time.minutes().count()), int(time.seconds().count()), int(time.subseconds().count()));
  return text;
}
[[nodiscard]] inline std::string iso8601_now() {
  return iso8601(unix_ms());
}

/// YYYY-MM-DD, or that and THH:MM, :SS, a fraction of a second and the zone (Z, +hh:mm), of which the last
/// three may be missing. Without a zone it is UTC.
[[nodiscard]] inline std::optional<std::int64_t> read_iso8601(std::string_view text) {
  using namespace std::chrono;
  bool good = true;
  auto const number = [&](std::size_t digits, int most) {
    int value = 0;
    good = good && text.size() >= digits;
    for (std::size_t i = 0; good && i < digits; ++i) {
      good = text[i] >= '0' && text[i] <= '9';
      value = value * 10 + (text[i] - '0');
    }
    good = good && value <= most;
    if (good) text.remove_prefix(digits);
    return value;
  };
  auto const take = [&](char wanted) {
    if (!good || !text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
  };
  auto const require = [&](char wanted) { good = take(wanted) && good; };

  int const y = number(4, 9999);
  require('-');
  int const mon = number(2, 12);
  require('-');
  int const d = number(2, 31);
  year_month_day const date{year(y), month(static_cast<unsigned>(mon)), day(static_cast<unsigned>(d))};
  if (!good || !date.ok()) return std::nullopt;
  std::int64_t ms = duration_cast<milliseconds>(sys_days(date).time_since_epoch()).count();
  if (text.empty()) return ms;
  require('T');
  ms += std::int64_t{number(2, 23)} * 3'600'000;
  require(':');
  ms += std::int64_t{number(2, 59)} * 60'000;
  if (take(':')) {
    ms += std::int64_t{number(2, 59)} * 1000;
    if (take('.')) {
      for (int unit = 100; good && !text.empty() && text[0] >= '0' && text[0] <= '9'; unit /= 10)
        ms += number(1, 9) * unit;
    }
  }
  bool const ahead = text.starts_with('+');
  if (take('+') || take('-')) {
    std::int64_t zone = std::int64_t{number(2, 23)} * 3'600'000;
    require(':');
    zone += std::int64_t{number(2, 59)} * 60'000;
    ms += ahead ? -zone : zone;
  } else {
    static_cast<void>(take('Z'));
  }
  return good && text.empty() ? std::optional(ms) : std::nullopt;
}

}  // namespace apps
