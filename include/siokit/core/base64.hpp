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

/// Set by a character that stands for nothing, among the values of four.
inline constexpr std::uint32_t base64_foreign = 0x8000'0000;

/// The value of every character, 0x80 for those without one. '-' and '_' are the URL-safe '+' and '/'.
inline constexpr auto base64_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0x80);
  for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(base64_alphabet[i])] = i;
  values['-'] = values['+'];
  values['_'] = values['/'];
  return values;
}();

/// Every two characters that twelve bits stand for.
inline constexpr auto base64_pairs = [] {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {base64_alphabet[i >> 6], base64_alphabet[i & 0x3F]};
  return pairs;
}();

/// base64_values, each at the place it has among four characters: the first of them at [0].
inline constexpr auto base64_quads = [] {
  std::array<std::array<std::uint32_t, 256>, 4> quads{};
  for (std::size_t c = 0; c < 256; ++c) {
    std::uint32_t const value = base64_values[c];
    for (std::size_t i = 0; i < 4; ++i) quads[i][c] = value < 64 ? value << (18 - 6 * i) : base64_foreign;
  }
  return quads;
}();
}  // namespace impl

/// Writes base64_encoded_size(in.size()) characters, padding included; returns that number. `out` must not
/// overlap `in`.
constexpr std::size_t base64_encode(std::string_view in, char* out) noexcept {
  char const* const start = out;
  auto const byte = [&in](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(in[i])}; };
  auto const put = [&out](std::uint32_t bits) { *out++ = impl::base64_alphabet[bits & 0x3F]; };
  auto const put_pair = [&out](std::uint32_t bits) {
    auto const pair = impl::base64_pairs[bits & 0xFFF];
    out[0] = pair[0], out[1] = pair[1];
    out += 2;
  };
  std::size_t at = 0;
  for (std::size_t const whole = in.size() - in.size() % 3; at != whole; at += 3) {
    std::uint32_t const three = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    put_pair(three >> 12), put_pair(three);
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
  auto const quad = [&in](std::size_t place, std::size_t i) {
    return impl::base64_quads[place][static_cast<unsigned char>(in[i])];
  };
  auto const put = [&out](std::uint32_t bits) { *out++ = static_cast<char>(bits & 0xFF); };
  std::uint32_t bits = 0;
  unsigned count = 0;  // characters in `bits`
  for (std::size_t at = 0; at < in.size();) {
    while (count == 0 && in.size() - at >= 4) {
      std::uint32_t const three = quad(0, at) | quad(1, at + 1) | quad(2, at + 2) | quad(3, at + 3);
      if (three >= impl::base64_foreign) break;
      put(three >> 16), put(three >> 8), put(three);
      at += 4;
    }
    if (at == in.size() || in[at] == '=') break;
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
