// siokit/core/header.hpp - one HTTP header.   SPDX-License-Identifier: MIT
#pragma once

#include <array>
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

namespace impl {
inline constexpr auto token_bytes = [] {
  std::array<bool, 256> out{};
  for (char const c : std::string_view("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "!#$%&'*+-.^_`|~")) {
    out[static_cast<unsigned char>(c)] = true;
  }
  return out;
}();
}  // namespace impl

/// A token of RFC 9110: what the name of a header is made of.
[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  bool good = !text.empty();
  for (char const c : text) good &= impl::token_bytes[static_cast<unsigned char>(c)];
  return good;
}

/// Whether `text` stays within its line: no control characters but TAB.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
  unsigned bad = 0;  // without branches, so that a compiler makes it many bytes at once
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    bad |= (unsigned{byte < 0x20} & unsigned{byte != '\t'}) | unsigned{byte == 0x7f};
  }
  return bad == 0;
}

}  // namespace siokit::inline v0
