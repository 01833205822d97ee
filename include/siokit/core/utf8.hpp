// siokit/core/utf8.hpp - is this text UTF-8?                         SPDX-License-Identifier: MIT
// Spec: RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. RFC 6455, 8.1 asks for it.
// In: bytes, whole or in pieces.  Out: yes or no.  Allocates nothing; a stream owns three bytes of state.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "siokit/version.hpp"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif

namespace siokit::inline v0 {

namespace impl {

/// What may follow a lead byte: `count` continuation bytes, the first of them within [low, high].
struct utf8_lead {
  std::uint8_t count;  // 0: not a lead byte of more than one
  std::uint8_t low;
  std::uint8_t high;
};

[[nodiscard]] constexpr utf8_lead utf8_lead_of(unsigned char byte) noexcept {
  if (byte < 0xC2 || byte > 0xF4) return {0, 0, 0};
  if (byte < 0xE0) return {1, 0x80, 0xBF};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};  // below: overlong
  if (byte == 0xED) return {2, 0x80, 0x9F};  // above: surrogates
  if (byte < 0xF0) return {2, 0x80, 0xBF};
  if (byte == 0xF0) return {3, 0x90, 0xBF};  // below: overlong
  if (byte == 0xF4) return {3, 0x80, 0x8F};  // above: beyond U+10FFFF
  return {3, 0x80, 0xBF};
}

/// The length of the character at the front of a text that is not empty, 0 if it is none.
[[nodiscard]] constexpr std::size_t utf8_character(char const* at, char const* end) noexcept {
  auto const byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  if (byte(0) < 0x80) return 1;
  auto const [count, low, high] = utf8_lead_of(byte(0));
  if (count == 0 || end - at <= count || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i <= count; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return count + std::size_t{1};
}

/// Character by character: slow and plain, the yardstick of the fast one.
[[nodiscard]] constexpr bool utf8_valid_scalar(std::string_view text) noexcept {
  char const* const end = text.data() + text.size();
  for (char const* at = text.data(); at != end;) {
    std::size_t const size = utf8_character(at, end);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

/// Writes a code point that is no surrogate; up to four bytes. Returns how many.
constexpr std::size_t utf8_encode(std::uint32_t code, char* out) noexcept {
  auto const put = [out](std::size_t i, std::uint32_t byte) { out[i] = static_cast<char>(byte); };
  auto const tail = [code](unsigned shift) { return 0x80 | ((code >> shift) & 0x3F); };
  if (code < 0x80) return put(0, code), 1;
  if (code < 0x800) return put(0, 0xC0 | (code >> 6)), put(1, tail(0)), 2;
  if (code < 0x10000) return put(0, 0xE0 | (code >> 12)), put(1, tail(6)), put(2, tail(0)), 3;
  return put(0, 0xF0 | (code >> 18)), put(1, tail(12)), put(2, tail(6)), put(3, tail(0)), 4;
}

/// The first byte of [at, end) that is not ASCII, or end.
[[nodiscard]] inline char const* ascii_end(char const* at, char const* end) noexcept {
#if defined(__SSE2__) || defined(_M_X64)
  auto const load = [](char const* from) { return _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)); };
  auto const high_bits = [](__m128i bytes) { return static_cast<unsigned>(_mm_movemask_epi8(bytes)); };
  if (end - at >= 16) {
    for (; end - at >= 64; at += 64) {
      __m128i const front = _mm_or_si128(load(at), load(at + 16));
      __m128i const back = _mm_or_si128(load(at + 32), load(at + 48));
      if (high_bits(_mm_or_si128(front, back)) != 0) break;
    }
    for (; end - at >= 16; at += 16) {
      if (unsigned const others = high_bits(load(at)); others != 0) return at + std::countr_zero(others);
    }
    unsigned const others = high_bits(load(end - 16));  // overlaps what has been looked at
    return others == 0 ? end : end - 16 + std::countr_zero(others);
  }
#endif
  auto const word = [&at] {
    std::uint64_t eight;
    std::memcpy(&eight, at, 8);
    return eight;
  };
  while (end - at >= 8 && (word() & 0x8080808080808080) == 0) at += 8;
  while (at != end && static_cast<unsigned char>(*at) < 0x80) ++at;
  return at;
}

#if defined(__SSE2__) || defined(_M_X64)
// Looks at 16 bytes, and at the three before them, all at once: whether a byte must be a continuation, and
// which ones are allowed, is decided by those three. Comparisons alone do it, so that SSE2, which every
// x86-64 has, is enough: the usual table lookup (pshufb) needs SSSE3, thus a second build of the code or a
// choice at run time, for speed that no transport delivers. Not left to auto-vectorisation either: that
// proved to depend on the compiler and on details of spelling by a factor of ten.

/// Nonzero where the 16 bytes at `at` break a rule, or fail to complete what the three before them began.
[[nodiscard]] inline __m128i utf8_errors(char const* at) noexcept {
  auto const load = [at](int back) { return _mm_loadu_si128(reinterpret_cast<__m128i const*>(at - back)); };
  auto const all = [](int value) { return _mm_set1_epi8(static_cast<char>(value)); };
  auto const above = [all](__m128i bytes, int limit) { return _mm_subs_epu8(bytes, all(limit)); };
  auto const either = [](__m128i a, __m128i b) { return _mm_or_si128(a, b); };
  __m128i const now = load(0), before = load(1);
  // Signed, so the continuation bytes are the least of all: 0x80..0xBF is -128..-65.
  auto const below = [now, all](int limit) { return _mm_cmplt_epi8(now, all(limit)); };
  auto const after = [before, all](int lead) { return _mm_cmpeq_epi8(before, all(lead)); };

  __m128i const due = either(either(above(before, 0xBF), above(load(2), 0xDF)), above(load(3), 0xEF));
  __m128i errors = _mm_xor_si128(_mm_cmpgt_epi8(due, _mm_setzero_si128()), below(0xC0));
  errors = either(errors, _mm_cmpeq_epi8(_mm_and_si128(now, all(0xFE)), all(0xC0)));
  errors = either(errors, above(now, 0xF4));
  errors = either(errors, _mm_and_si128(after(0xE0), below(0xA0)));
  errors = either(errors, _mm_andnot_si128(below(0xA0), after(0xED)));
  errors = either(errors, _mm_and_si128(after(0xF0), below(0x90)));
  return either(errors, _mm_andnot_si128(below(0x90), after(0xF4)));
}

/// Precondition: the text before `at` is valid, at least three bytes long, and 16 bytes or more follow.
[[nodiscard]] inline bool utf8_valid_from(char const* at, char const* end) noexcept {
  auto const high = [&at](int i) { return _mm_loadu_si128(reinterpret_cast<__m128i const*>(at + 16 * i)); };
  __m128i errors = _mm_setzero_si128();
  auto const check = [&errors](char const* sixteen) { errors = _mm_or_si128(errors, utf8_errors(sixteen)); };
  for (; end - at >= 64; at += 64) {
    check(at);
    __m128i const any = _mm_or_si128(_mm_or_si128(high(0), high(1)), _mm_or_si128(high(2), high(3)));
    if (_mm_movemask_epi8(any) == 0) continue;  // ASCII: the first check has seen whether it may start here
    check(at + 16), check(at + 32), check(at + 48);
  }
  for (; end - at > 16; at += 16) check(at);
  check(end - 16);  // overlaps what has been checked, which does no harm
  auto const last = [end](int back) { return static_cast<unsigned char>(end[-back]); };
  bool const complete = last(1) < 0xC0 && last(2) < 0xE0 && last(3) < 0xF0;
  return complete && _mm_movemask_epi8(_mm_cmpeq_epi8(errors, _mm_setzero_si128())) == 0xFFFF;
}
#endif

}  // namespace impl

/// Whether `text` is UTF-8 as a whole. Empty text is.
[[nodiscard]] inline bool utf8_valid(std::string_view text) noexcept {
  char const* const end = text.data() + text.size();
  for (char const* at = impl::ascii_end(text.data(), end); at != end; at = impl::ascii_end(at, end)) {
#if defined(__SSE2__) || defined(_M_X64)
    if (at - text.data() >= 3 && end - at >= 16) return impl::utf8_valid_from(at, end);
#endif
    std::size_t const size = impl::utf8_character(at, end);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

/// How many UTF-16 code units a text of valid UTF-8 has: the length that JavaScript gives it.
[[nodiscard]] inline std::size_t utf16_size(std::string_view text) noexcept {
  std::size_t units = 0;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    units += std::size_t{(byte & 0xC0) != 0x80} + std::size_t{byte >= 0xF0};
  }
  return units;
}

/// How many bytes the first `units` UTF-16 code units of a text have. Nullopt: the text has fewer of them,
/// they end within a character, or are no UTF-8. Reads no further than it must.
[[nodiscard]] inline std::optional<std::size_t> utf16_prefix(std::string_view text,
                                                             std::uint64_t units) noexcept {
  char const* const end = text.data() + text.size();
  char const* at = text.data();
  while (units > 0) {
    auto const left = static_cast<std::size_t>(end - at);
    char const* const plain =
        impl::ascii_end(at, at + (units < left ? static_cast<std::size_t>(units) : left));
    units -= static_cast<std::uint64_t>(plain - at);
    at = plain;
    if (units == 0) break;
    std::size_t const size = at == end ? 0 : impl::utf8_character(at, end);
    std::uint64_t const taken = size == 4 ? 2 : 1;
    if (size == 0 || taken > units) return std::nullopt;
    units -= taken;
    at += size;
  }
  return static_cast<std::size_t>(at - text.data());
}

/// The text with U+FFFD for each byte that is no part of UTF-8.
[[nodiscard]] inline std::string utf8_scrubbed(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  char const* const end = text.data() + text.size();
  for (char const* at = text.data(); at != end;) {
    std::size_t const size = impl::utf8_character(at, end);
    size == 0 ? out.append("\xEF\xBF\xBD") : out.append(at, size);
    at += size == 0 ? 1 : size;
  }
  return out;
}

/// Checks text that arrives in pieces, cut anywhere. Answers at the first byte that can't be right.
class utf8_stream {
 public:
  /// False as soon as what was fed so far can't be the beginning of valid text; it stays so until reset().
  [[nodiscard]] bool feed(std::string_view chunk) noexcept {
    while (due_ != 0 && !chunk.empty()) {
      if (!step(chunk.front())) return false;
      chunk.remove_prefix(1);
    }
    std::size_t const whole = chunk.size() - cut_off(chunk);
    if (!utf8_valid(chunk.substr(0, whole))) return fail();
    for (char const byte : chunk.substr(whole)) {
      if (!step(byte)) return false;
    }
    return true;
  }

  /// Whether what was fed is valid text as a whole, not cut within a character.
  [[nodiscard]] bool complete() const noexcept { return due_ == 0; }

  void reset() noexcept { *this = {}; }

 private:
  // How many bytes at the end may belong to a character that is not complete.
  [[nodiscard]] static std::size_t cut_off(std::string_view chunk) noexcept {
    for (std::size_t back = 1; back <= 3 && back <= chunk.size(); ++back) {
      if (static_cast<unsigned char>(chunk[chunk.size() - back]) >= 0xC0) return back;
    }
    return 0;
  }

  bool step(char c) noexcept {
    auto const byte = static_cast<unsigned char>(c);
    if (due_ == 0 && byte < 0x80) return true;
    if (due_ == 0) {
      auto const [count, low, high] = impl::utf8_lead_of(byte);
      due_ = count, low_ = low, high_ = high;
      return count != 0 || fail();
    }
    if (byte < low_ || byte > high_) return fail();
    --due_, low_ = 0x80, high_ = 0xBF;
    return true;
  }

  bool fail() noexcept {
    due_ = 1, low_ = 1, high_ = 0;  // no byte fits
    return false;
  }

  std::uint8_t due_ = 0;  // continuation bytes to come
  std::uint8_t low_ = 0;  // the next of them is within [low_, high_]
  std::uint8_t high_ = 0;
};

}  // namespace siokit::inline v0
