// siokit/core/header.hpp - one HTTP header.   SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// A header field, borrowed. Names compare without regard to case.
struct header {
  std::string_view name;
  std::string_view value;
};

/// Whether two header names are the same (ASCII, case ignored).
[[nodiscard]] constexpr bool same_header_name(std::string_view a, std::string_view b) noexcept {
  constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace siokit::inline v0
