// siokit/core/base64.hpp - binary data as text, for polling.         SPDX-License-Identifier: MIT
// Spec: RFC 4648, section 4, padded. Reading is as lenient as Buffer.from(text, "base64") of Node.js.
// In: bytes or characters.  Out: characters or bytes, into the caller's memory.  Owns and allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// How many characters base64_encode() writes for `size` bytes.
[[nodiscard]] constexpr std::size_t base64_encoded_size(std::size_t size) noexcept {
  return size / 3 * 4 + (size % 3 == 0 ? 0 : 4);
}

namespace impl {
inline constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of every character, 0x80 for those without one. '-' and '_' are the URL-safe '+' and '/'.
inline constexpr auto base64_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0x80);
  for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(base64_alphabet[i])] = i;
  values['-'] = values['+'];
  values['_'] = values['/'];
  return values;
}();
}  // namespace impl

/// Writes base64_encoded_size(in.size()) characters, padding included; returns that number. `out` must not
/// overlap `in`.
constexpr std::size_t base64_encode(std::string_view in, char* out) noexcept {
  char const* const start = out;
  auto const byte = [&in](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(in[i])}; };
  auto const put = [&out](std::uint32_t bits) { *out++ = impl::base64_alphabet[bits & 0x3F]; };
  std::size_t at = 0;
  for (; in.size() - at >= 3; at += 3) {
    std::uint32_t const three = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    put(three >> 18), put(three >> 12), put(three >> 6), put(three);
  }
  if (std::size_t const left = in.size() - at; left != 0) {
    std::uint32_t const three = byte(at) << 16 | (left == 2 ? byte(at + 1) << 8 : 0);
    put(three >> 18), put(three >> 12);
    if (left == 2) put(three >> 6);
    if (left == 1) *out++ = '=';
    *out++ = '=';
  }
  return static_cast<std::size_t>(out - start);
}

/// Reads both alphabets, the one of RFC 4648, section 4, and the URL-safe one. Can't fail, because the
/// official server does not: padding may be missing, the first '=' ends the data, every other character
/// outside the alphabets is skipped, bits that do not fill a byte are dropped. Returns how many bytes were
/// written, at most three quarters of in.size(). `out` may be in.data(): reading is always ahead of writing.
[[nodiscard]] constexpr std::size_t base64_decode(std::string_view in, char* out) noexcept {
  char const* const start = out;
  auto const value = [&in](std::size_t i) {
    return std::uint32_t{impl::base64_values[static_cast<unsigned char>(in[i])]};
  };
  auto const put = [&out](std::uint32_t bits) { *out++ = static_cast<char>(bits & 0xFF); };
  std::uint32_t bits = 0;
  unsigned count = 0;  // characters in `bits`
  for (std::size_t at = 0; at < in.size();) {
    if (count == 0 && in.size() - at >= 4) {
      std::uint32_t const a = value(at), b = value(at + 1), c = value(at + 2), d = value(at + 3);
      if (((a | b | c | d) & 0x80) == 0) {
        std::uint32_t const three = a << 18 | b << 12 | c << 6 | d;
        put(three >> 16), put(three >> 8), put(three);
        at += 4;
        continue;
      }
    }
    if (in[at] == '=') break;
    std::uint32_t const one = value(at++);
    if (one >= 64) continue;
    bits = bits << 6 | one;
    if (++count < 4) continue;
    put(bits >> 16), put(bits >> 8), put(bits);
    bits = count = 0;
  }
  if (count == 2) put(bits >> 4);
  if (count == 3) put(bits >> 10), put(bits >> 2);
  return static_cast<std::size_t>(out - start);
}

}  // namespace siokit::inline v0
