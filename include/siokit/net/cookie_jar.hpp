// siokit/net/cookie_jar.hpp - cookies of one server, kept between requests.   SPDX-License-Identifier: MIT
// Spec: RFC 6265, for one host and one path: what a session's balancer or its server has set goes back to it.
// Domain and path of a cookie are not looked at, since nobody else is ever sent one. Bounded in number and
// size.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "siokit/core/header.hpp"
#include "siokit/core/time.hpp"

namespace siokit::inline v0::net {

class cookie_jar {
 public:
  static constexpr std::size_t cookies_max = 50;
  static constexpr std::size_t cookie_bytes_max = 4096;

  /// The value of a Set-Cookie header. `unix_now`: seconds since 1970, for those that name a date.
  void keep(std::string_view set_cookie, time_point now, std::int64_t unix_now) {
    std::string_view const pair = trimmed(set_cookie.substr(0, set_cookie.find(';')));
    auto const equals = pair.find('=');
    if (equals == pair.npos || equals == 0 || pair.size() > cookie_bytes_max) return;
    std::string_view const name = trimmed(pair.substr(0, equals));
    time_point const end = expiry(set_cookie, now, unix_now);
    std::erase_if(cookies_, [&](cookie const& each) { return each.name == name || each.end <= now; });
    if (end <= now) return;
    if (cookies_.size() == cookies_max) cookies_.erase(cookies_.begin());
    cookies_.push_back({std::string(name), std::string(trimmed(pair.substr(equals + 1))), end});
  }

  /// The value of the Cookie header, empty if there is none.
  [[nodiscard]] std::string header(time_point now) const {
    std::string out;
    for (cookie const& each : cookies_) {
      if (each.end <= now) continue;
      if (!out.empty()) out += "; ";
      out.append(each.name).append("=") += each.value;
    }
    return out;
  }

 private:
  struct cookie {
    std::string name;
    std::string value;
    time_point end;
  };

  /// Max-Age counts more than Expires. `never`: until the end of the client.
  [[nodiscard]] static time_point expiry(std::string_view text, time_point now, std::int64_t unix_now) {
    time_point out = never;
    bool has_age = false;
    while (!text.empty()) {
      std::string_view const part = trimmed(text.substr(0, text.find(';')));
      text.remove_prefix(
          std::min(text.find(';') == text.npos ? text.size() : text.find(';') + 1, text.size()));
      auto const equals = std::min(part.find('='), part.size());
      std::string_view const name = trimmed(part.substr(0, equals));
      std::string_view const value = trimmed(part.substr(std::min(equals + 1, part.size())));
      std::int64_t left = 0;
      if (same_header_name(name, "Max-Age")) {
        auto const read = std::from_chars(value.data(), value.data() + value.size(), left);
        if (read.ec == std::errc::invalid_argument) continue;
        has_age = true;
      } else if (same_header_name(name, "Expires") && !has_age) {
        auto const at = date(value);
        if (at < 0) continue;
        left = at - unix_now;
      } else {
        continue;
      }
      constexpr std::int64_t longest = 400 * 86400;  // what browsers grant
      out = now + std::chrono::seconds(std::clamp<std::int64_t>(left, 0, longest));
    }
    return out;
  }

  /// "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since 1970, -1 if it is none. Dashes serve as blanks.
  [[nodiscard]] static std::int64_t date(std::string_view text) {
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (text.size() < 25 || text[3] != ',') return -1;
    auto const number = [text](std::size_t at, std::size_t size) {
      int out = -1;
      std::from_chars(text.data() + at, text.data() + at + size, out);
      return out;
    };
    auto const month = months.find(text.substr(8, 3));
    int const day = number(5, 2), year = number(12, 4);
    int const hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
    if (month == months.npos || month % 3 != 0 || day < 1 || year < 0 || hour < 0 || minute < 0 ||
        second < 0) {
      return -1;
    }
    auto const days = std::chrono::sys_days(std::chrono::year(year) /
                                            std::chrono::month(static_cast<unsigned>(month) / 3 + 1) /
                                            std::chrono::day(static_cast<unsigned>(day)));
    auto const at = std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count();
    return std::max<std::int64_t>(at + hour * 3600 + minute * 60 + second, 0);
  }

  std::vector<cookie> cookies_;
};

}  // namespace siokit::inline v0::net
