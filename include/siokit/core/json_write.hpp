// siokit/core/json_write.hpp - scalars as JSON.                      SPDX-License-Identifier: MIT
// Spec: RFC 8259, byte for byte what JSON.stringify of JavaScript writes.
// In: strings, numbers, bool, null. Out: appended to anything with append(char const*, std::size_t) and
// push_back(char). Allocates nothing, but for text that is not UTF-8.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <string_view>

#include "siokit/core/json_scalar.hpp"
#include "siokit/core/utf8.hpp"

namespace siokit::inline v0 {

namespace impl {

/// What stands between the quotes of a string that is UTF-8.
template <class Out>
void json_write_escaped(Out& out, std::string_view text) {
  char const* const end = text.data() + text.size();
  for (char const* at = text.data();;) {
    char const* const special = json_plain_end(at, end);
    if (special != at) out.append(at, static_cast<std::size_t>(special - at));
    if (special == end) return;
    constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt", digits = "0123456789abcdef";
    std::size_t const letter = plain.find(*special);
    if (letter != plain.npos) {
      char const escape[] = {'\\', letters[letter]};
      out.append(escape, sizeof escape);
    } else {
      auto const code = static_cast<unsigned char>(*special);
      char const escape[] = {'\\', 'u', '0', '0', digits[code >> 4], digits[code & 0xF]};
      out.append(escape, sizeof escape);
    }
    at = special + 1;
  }
}

}  // namespace impl

/// A string in quotes. `text` is UTF-8; bytes that are not become U+FFFD, since one of them would cost every
/// recipient his connection.
template <class Out>
void json_write(Out& out, std::string_view text) {
  bool const plain = impl::json_plain_ascii(text);
  if (!plain && !utf8_valid(text)) return json_write(out, std::string_view(utf8_scrubbed(text)));
  out.push_back('"');
  if (!plain) impl::json_write_escaped(out, text);
  if (plain && !text.empty()) out.append(text.data(), text.size());
  out.push_back('"');
}

template <class Out>
void json_write(Out& out, std::nullptr_t) {
  out.append("null", 4);
}

/// Only for bool itself: no pointer becomes `true` here.
template <class Out, std::same_as<bool> Bool>
void json_write(Out& out, Bool value) {
  value ? out.append("true", 4) : out.append("false", 5);
}

/// Exact. JavaScript rounds what is beyond 2^53 when it reads it. Not for char: say whether text or number.
template <class Out, json_integral Integer>
void json_write(Out& out, Integer value) {
  char digits[24];
  auto const done = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, static_cast<std::size_t>(done.ptr - digits));
}

namespace impl {

/// Number::toString of ECMAScript: 0.digits * 10^point, laid out as people would write it if it is not too
/// long.
template <class Out>
void json_write_digits(Out& out, std::string_view digits, int point) {
  auto const rest = [&](std::size_t from) {
    out.push_back('.');
    out.append(digits.data() + from, digits.size() - from);
  };
  int const size = static_cast<int>(digits.size());
  if (point > 21 || point < -5) {
    out.push_back(digits[0]);
    if (size > 1) rest(1);
    out.append(point > 0 ? "e+" : "e-", 2);
    json_write(out, point > 0 ? point - 1 : 1 - point);
  } else if (point <= 0) {
    out.append("0.00000", static_cast<std::size_t>(2 - point));
    out.append(digits.data(), digits.size());
  } else if (point < size) {
    out.append(digits.data(), static_cast<std::size_t>(point));
    rest(static_cast<std::size_t>(point));
  } else {
    out.append(digits.data(), digits.size());
    out.append("00000000000000000000", static_cast<std::size_t>(point - size));
  }
}

}  // namespace impl

/// The shortest digits that read back as the same value of the same type, so that 0.1f is 0.1. What JSON has
/// no number for, NaN and the infinities, is null; -0 is 0.
template <class Out, json_floating Floating>
void json_write(Out& out, Floating value) {
  if (!std::isfinite(value)) return json_write(out, nullptr);
  if (value < 0) out.push_back('-');  // which -0 is not
  char text[32];                      // d.ddde+xx or de+xx
  auto const done = std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific);
  char* digits = text;
  char* e = text + 1;
  if (*e == '.') {
    *++digits = text[0];  // close the gap
    while (*e != 'e') ++e;
  }
  int exponent = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), done.ptr, exponent);
  impl::json_write_digits(out, {digits, static_cast<std::size_t>(e - digits)}, exponent + 1);
}

}  // namespace siokit::inline v0
