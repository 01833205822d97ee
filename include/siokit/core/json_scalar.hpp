// siokit/core/json_scalar.hpp - what the strings and numbers of JSON mean.   SPDX-License-Identifier: MIT
// Spec: RFC 8259, sections 6 and 7.  In: the spelling of one string or number, which scan_json() accepted.
// Out: text, numbers.  Other spellings give other results, but no access outside of them. Allocates nothing.
#pragma once

#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "siokit/core/error.hpp"
#include "siokit/core/utf8.hpp"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace siokit::inline v0 {

namespace impl {

[[nodiscard]] constexpr bool json_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
/// Whether c can't stand in a string as it is: the quote, the backslash, control characters.
[[nodiscard]] constexpr bool json_special(char c) noexcept {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

/// Eight bytes at a time: the first special character of [at, end), or end.
[[nodiscard]] inline char const* json_plain_end_by_words(char const* at, char const* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101, high_bits = ones * 0x80;
  // A byte is zero: its borrow sets its high bit. Too many may be seen, but only where there is one.
  auto const zero = [](std::uint64_t bytes) { return (bytes - ones) & ~bytes; };
  for (; end - at >= 8; at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, at, 8);
    std::uint64_t const control = (eight - ones * 0x20) & ~eight;
    if (((control | zero(eight ^ (ones * '"')) | zero(eight ^ (ones * '\\'))) & high_bits) != 0) break;
  }
  while (at != end && !json_special(*at)) ++at;
  return at;
}

#if defined(__SSE2__) || defined(_M_X64)
// Both of these flip the bit of value 2, which puts the quote right behind the control characters, the space
// and all others above it: one comparison with 0x20 finds them all, and another one the backslash.

/// Sixteen bytes that are zero where the character at `at` is special.
[[nodiscard]] inline __m128i json_zero_where_special(char const* at) noexcept {
  __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
  __m128i const flipped = _mm_xor_si128(bytes, _mm_set1_epi8(2));
  __m128i const backslash = _mm_xor_si128(bytes, _mm_set1_epi8('\\'));
  return _mm_min_epu8(_mm_subs_epu8(flipped, _mm_set1_epi8(0x20)), backslash);
}

/// Sixteen bytes that are 0xFF where the character is neither special nor beyond ASCII, which is negative.
[[nodiscard]] inline __m128i json_ones_where_plain_ascii(char const* at) noexcept {
  __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
  __m128i const flipped = _mm_xor_si128(bytes, _mm_set1_epi8(2));
  __m128i const backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return _mm_andnot_si128(backslash, _mm_cmpgt_epi8(flipped, _mm_set1_epi8(0x20)));
}
#endif

#if defined(__SSE2__) || defined(_M_X64)
/// A bit for each of sixteen bytes, or for all that are the least of several at once: set where one is zero.
[[nodiscard]] inline unsigned json_zeros(__m128i bytes) noexcept {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128())));
}

/// json_plain_end() of a long text: sixteen bytes before `at` belong to it.
[[nodiscard]] inline char const* json_plain_end_far(char const* at, char const* end) noexcept {
  auto const least = [&at](int offset) {
    return _mm_min_epu8(json_zero_where_special(at + offset), json_zero_where_special(at + offset + 16));
  };
  for (bool first = true; end - at >= 16; at += 16) {
    unsigned const special = json_zeros(json_zero_where_special(at));
    if (special != 0) return at + std::countr_zero(special);
    if (!std::exchange(first, false)) continue;
    // It is not one of the many that are not much longer: on in larger steps.
    while (end - at >= 16 + 64 && json_zeros(_mm_min_epu8(least(16), least(48))) == 0) at += 64;
  }
  std::ptrdiff_t const done = 16 - (end - at);  // of the last sixteen bytes
  unsigned const special = json_zeros(json_zero_where_special(at - done)) >> done;
  return special == 0 ? end : at + std::countr_zero(special);
}
#endif

/// The first special character of [at, end), or end.
[[nodiscard]] inline char const* json_plain_end(char const* at, char const* end) noexcept {
#if defined(__SSE2__) || defined(_M_X64)
  if (end - at >= 16) {
    unsigned const special = json_zeros(json_zero_where_special(at));
    return special != 0 ? at + std::countr_zero(special) : json_plain_end_far(at + 16, end);
  }
#endif
  return json_plain_end_by_words(at, end);
}

/// Whether all characters are ASCII, and none is special.
[[nodiscard]] inline bool json_plain_ascii(std::string_view text) noexcept {
  char const* at = text.data();
  char const* const end = at + text.size();
  if (text.size() >= 16) {
#if defined(__SSE2__) || defined(_M_X64)
    auto const all = [](__m128i bytes) { return _mm_movemask_epi8(bytes) == 0xFFFF; };
    auto const plain = [&at](int offset) { return json_ones_where_plain_ascii(at + offset); };
    for (; end - at > 64; at += 64) {
      __m128i const front = _mm_and_si128(plain(0), plain(16)), back = _mm_and_si128(plain(32), plain(48));
      if (!all(_mm_and_si128(front, back))) return false;
    }
    for (; end - at > 16; at += 16) {
      if (!all(plain(0))) return false;
    }
    return all(json_ones_where_plain_ascii(end - 16));  // overlaps what has been looked at
#else
    return json_plain_end_by_words(at, end) == end && ascii_end(at, end) == end;
#endif
  }
  while (at != end && static_cast<signed char>(*at) >= 0x20 && *at != '"' && *at != '\\') ++at;
  return at == end;
}

/// The value of four hexadecimal digits at the front, or one above 0xFFFF.
[[nodiscard]] constexpr std::uint32_t json_hex4(std::string_view text) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    char const c = i < text.size() ? text[i] : ' ';
    char const lower = static_cast<char>(c | 0x20);
    if (!json_digit(c) && (lower < 'a' || lower > 'f')) return UINT32_MAX;
    value = value << 4 | static_cast<std::uint32_t>(json_digit(c) ? c - '0' : lower - 'a' + 10);
  }
  return value;
}

struct json_escape {
  std::size_t read;
  std::size_t written;
};

/// Reads the escape at the front, both of them if they form a surrogate pair; writes up to four bytes.
constexpr json_escape json_read_escape(std::string_view raw, char* utf8) noexcept {
  char const c = raw.size() > 1 ? raw[1] : '\\';
  if (c != 'u') {
    constexpr std::string_view letters = "bfnrt", meanings = "\b\f\n\r\t";
    std::size_t const letter = letters.find(c);
    utf8[0] = letter == letters.npos ? c : meanings[letter];
    return {raw.size() < 2 ? raw.size() : 2, 1};
  }
  auto const follows = [](std::uint32_t unit, std::uint32_t base) { return (unit & ~0x3FFU) == base; };
  std::uint32_t const unit = json_hex4(raw.substr(2));
  if (follows(unit, 0xD800) && raw.size() >= 12 && raw[6] == '\\' && raw[7] == 'u') {
    std::uint32_t const low = json_hex4(raw.substr(8));
    if (follows(low, 0xDC00)) {
      return {12, utf8_encode(0x10000 + ((unit & 0x3FF) << 10 | (low & 0x3FF)), utf8)};
    }
  }
  bool const lone = follows(unit, 0xD800) || follows(unit, 0xDC00) || unit > 0xFFFF;
  return {raw.size() < 6 ? raw.size() : 6, utf8_encode(lone ? 0xFFFD : unit, utf8)};
}

}  // namespace impl

// Strings. `raw` is what stands between the quotes.

/// Between the quotes of a string value; empty for other values.
[[nodiscard]] inline std::string_view json_string_raw(std::string_view value) noexcept {
  if (value.size() < 2 || value.front() != '"') return {};
  return {value.data() + 1, value.size() - 2};
}

/// Whether `raw` must go through json_unescape() to be the text it means.
[[nodiscard]] inline bool json_escaped(std::string_view raw) noexcept {
  return raw.find('\\') != std::string_view::npos;
}

/// Whether `raw` means the UTF-8 text `plain`, in whatever spelling. A lone surrogate reads as U+FFFD.
[[nodiscard]] inline bool json_string_equals(std::string_view raw, std::string_view plain) noexcept {
  // Escapes never make a text shorter, and longer six times at most.
  if (raw.size() < plain.size() || raw.size() / 6 > plain.size()) return false;
  // Character by character: names are short, and most differ in the first.
  while (!raw.empty()) {
    char utf8[4] = {raw.front()};
    impl::json_escape one{1, 1};
    if (raw.front() == '\\') one = impl::json_read_escape(raw, utf8);
    if (!plain.starts_with(std::string_view{utf8, one.written})) return false;
    raw.remove_prefix(one.read);
    plain.remove_prefix(one.written);
  }
  return plain.empty();
}

/// Appends the UTF-8 text that `raw` means, by out.append(char const*, std::size_t). A lone surrogate, which
/// UTF-8 can't express, becomes U+FFFD.
template <class Out>
void json_unescape(std::string_view raw, Out& out) {
  while (!raw.empty()) {
    std::size_t const run = raw.substr(0, raw.find('\\')).size();
    if (run != 0) out.append(raw.data(), run);
    raw.remove_prefix(run);
    if (raw.empty()) return;
    char utf8[4];
    auto const [read, written] = impl::json_read_escape(raw, utf8);
    out.append(utf8, written);
    raw.remove_prefix(read);
  }
}

// Numbers.

namespace impl {

/// A JSON number as an integer: exact in every spelling, 1000, 1e3, 1000.0 and 100000e-2 are the same.
struct json_integer {
  enum class form : std::uint8_t { exact, fraction, too_large, no_number } is;
  bool negative;
  std::uint64_t magnitude;
};

/// What stands behind the 'e'. Saturates far beyond what the digits of a text of 4 GiB could make up for.
[[nodiscard]] constexpr std::int64_t json_exponent(std::string_view text) noexcept {
  bool const negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  for (char const c : text) {
    if (!json_digit(c)) break;
    if (exponent < std::int64_t{1} << 40) exponent = exponent * 10 + (c - '0');
  }
  return negative ? -exponent : exponent;
}

[[nodiscard]] constexpr json_integer json_read_integer(std::string_view text) noexcept {
  using enum json_integer::form;
  bool const negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || !json_digit(text.front())) return {no_number, false, 0};

  std::uint64_t magnitude = 0;
  bool overflow = false;
  auto const add_digit = [&](char c) {
    auto const digit = static_cast<std::uint64_t>(c - '0');
    overflow = overflow || magnitude > (UINT64_MAX - digit) / 10;
    magnitude = magnitude * 10 + digit;
  };
  std::int64_t scale = 0;  // the value is magnitude * 10^scale
  std::int64_t zeros = 0;  // not yet in magnitude: they may be the last
  bool behind_point = false;
  std::size_t at = 0;
  for (; at < text.size() && (json_digit(text[at]) || text[at] == '.'); ++at) {
    if (text[at] == '.') {
      behind_point = true;
      continue;
    }
    if (behind_point) --scale;
    if (text[at] == '0') {
      ++zeros;
      continue;
    }
    for (; zeros != 0; --zeros) add_digit('0');
    add_digit(text[at]);
  }
  if (at < text.size() && (text[at] | 0x20) != 'e') return {no_number, false, 0};
  scale += zeros + (at < text.size() ? json_exponent(text.substr(at + 1)) : 0);
  if (magnitude == 0 && !overflow) return {exact, negative, 0};
  if (scale < 0) return {fraction, negative, magnitude};
  for (; scale > 0 && !overflow; --scale) add_digit('0');
  return {overflow ? too_large : exact, negative, magnitude};
}

/// Of a number that is beyond a floating type: whether it is too far from zero, not too near.
[[nodiscard]] constexpr bool json_overflows(std::string_view text) noexcept {
  std::size_t const e = text.find_first_of("eE");
  std::int64_t const exponent = e == text.npos ? 0 : json_exponent(text.substr(e + 1));
  text = text.substr(0, e);
  std::size_t const point = text.substr(0, text.find('.')).size();
  std::size_t const first = text.substr(0, text.find_first_of("123456789")).size();
  return exponent + static_cast<std::int64_t>(point) > static_cast<std::int64_t>(first);
}

}  // namespace impl

/// The integers that JSON numbers are read into and written from. Not char: say whether text or number.
template <class T>
concept json_integral = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;
template <class T>
concept json_floating = std::same_as<T, float> || std::same_as<T, double>;

/// The number `value`, exactly as an integral T in whatever spelling, or rounded to the nearest floating T;
/// what is too near to zero for T is zero. Errors, blame remote: wrong_argument_type if it is not a number,
/// or has a fraction where T has none; number_out_of_range.
template <json_integral T>
[[nodiscard]] result<T> json_number(std::string_view value) noexcept {
  using enum impl::json_integer::form;
  auto const [is, negative, magnitude] = impl::json_read_integer(value);
  if (is == no_number || is == fraction) return remote_error(errc::wrong_argument_type);
  using limits = std::numeric_limits<T>;
  auto const most = negative ? 0 - static_cast<std::uint64_t>((limits::min)())
                             : static_cast<std::uint64_t>((limits::max)());
  if (is == too_large || magnitude > most) return remote_error(errc::number_out_of_range);
  return static_cast<T>(negative ? 0 - magnitude : magnitude);
}

template <json_floating T>
[[nodiscard]] result<T> json_number(std::string_view value) noexcept {
  bool const negative = value.starts_with('-');
  if (value.size() <= negative || !impl::json_digit(value[negative])) {
    return remote_error(errc::wrong_argument_type);  // from_chars would read "-inf"
  }
  T number{};
  char const* const end = value.data() + value.size();
  auto const [stop, problem] = std::from_chars(value.data(), end, number);
  if (stop != end) return remote_error(errc::wrong_argument_type);
  if (problem == std::errc{}) return number;
  if (impl::json_overflows(value)) return remote_error(errc::number_out_of_range);
  return negative ? -T{} : T{};
}

}  // namespace siokit::inline v0
