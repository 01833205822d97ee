// siokit/core/header.hpp - one HTTP header.   SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// A header field, borrowed. Names compare without regard to case.
struct header {
  std::string_view name;
  std::string_view value;
};

/// A header field that owns its text.
struct owned_header {
  std::string name;
  std::string value;
};

/// Without the blanks around it.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  constexpr auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

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
