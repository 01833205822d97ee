// siokit/websocket/frame.hpp - the numbers of RFC 6455, and frames as bytes.   SPDX-License-Identifier: MIT
// Spec: RFC 6455, sections 5.2, 5.3, 5.5 and 7.4.  In: opcode, payload, mask key.  Out: bytes in the caller's
// memory. Owns nothing; append_* grow a string. What a server sends to many is framed by core/message.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "siokit/core/error.hpp"
#include "siokit/core/frame_header.hpp"

namespace siokit::inline v0::websocket {

namespace opcodes {
inline constexpr std::uint8_t continuation = 0x0;
inline constexpr std::uint8_t text = 0x1;
inline constexpr std::uint8_t binary = 0x2;
inline constexpr std::uint8_t close = 0x8;
inline constexpr std::uint8_t ping = 0x9;
inline constexpr std::uint8_t pong = 0xA;
}  // namespace opcodes

namespace close_codes {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t none = 1005;  ///< a close frame without a code; never on the wire
inline constexpr std::uint16_t bad_data = 1007;
inline constexpr std::uint16_t policy = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t internal_error = 1011;
}  // namespace close_codes

/// RSV1, added to the opcode of the first frame of a message that is compressed (RFC 7692).
inline constexpr std::uint8_t compressed_bit = 0x40;
/// The longest header: first byte, length, mask key.
inline constexpr std::size_t frame_header_max = 14;
/// The longest payload of a ping, pong or close.
inline constexpr std::size_t control_payload_max = 125;

/// Whether a close frame may carry this code: those the RFC and the IANA registry define for the wire, and
/// the ranges for libraries (3000) and applications (4000).
[[nodiscard]] constexpr bool valid_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/// The code to close with because of this error of a decoder.
[[nodiscard]] constexpr std::uint16_t close_code(errc code) noexcept {
  switch (code) {
    case errc::bad_utf8: return close_codes::bad_data;
    case errc::ws_message_too_large:
    case errc::payload_too_large: return close_codes::too_big;
    case errc::ws_too_many_fragments: return close_codes::policy;
    case errc::out_of_memory: return close_codes::internal_error;
    default: return close_codes::protocol_error;
  }
}

/// Masks or unmasks in place. `key`: the four bytes as they stand on the wire, the first one highest.
/// `offset`: where in the payload of its frame `bytes` begins.
inline void mask_bytes(std::span<char> bytes, std::uint32_t key, std::size_t offset = 0) noexcept {
  key = std::rotl(key, static_cast<int>(8 * (offset & 3)));  // begins with the byte that is due
  char const pattern[4] = {static_cast<char>(key >> 24), static_cast<char>(key >> 16),
                           static_cast<char>(key >> 8), static_cast<char>(key)};
  std::uint32_t four;
  std::memcpy(&four, pattern, 4);
  std::uint64_t const keys = std::uint64_t{four} << 32 | four;
  char* at = bytes.data();
  auto const mask_word = [&at](auto mask) {
    decltype(mask) word;
    std::memcpy(&word, at, sizeof word);
    word ^= mask;
    std::memcpy(at, &word, sizeof word);
    at += sizeof word;
  };
  std::size_t left = bytes.size();
  for (; left >= 64; left -= 64) {
    for (int i = 0; i < 8; ++i) mask_word(keys);  // which compilers do in the largest registers they may use
  }
  for (; left >= 16; left -= 16) mask_word(keys), mask_word(keys);
  if ((left & 8) != 0) mask_word(keys);
  if ((left & 4) != 0) mask_word(four);
  for (std::size_t i = 0; i < (left & 3); ++i) at[i] = static_cast<char>(at[i] ^ pattern[i]);
}

/// Writes the header of a frame to `out`, which has room for frame_header_max bytes. Returns its length. A
/// client gives a mask key, fresh from a good source for every frame, and masks the payload with it.
constexpr std::size_t encode_header(char* out, std::uint8_t opcode, bool fin, std::uint64_t size,
                                    std::optional<std::uint32_t> mask = {}) noexcept {
  auto const first = static_cast<std::uint8_t>((fin ? 0x80 : 0) | opcode);
  std::size_t head = write_frame_header(out, first, size, mask.has_value());
  if (mask) {
    for (int shift = 24; shift >= 0; shift -= 8) out[head++] = static_cast<char>(*mask >> shift);
  }
  return head;
}

/// Writes the payload of a close frame to `out`, which has room for control_payload_max bytes. Returns its
/// length. close_codes::none: an empty payload. A reason that is too long is cut between characters.
/// Precondition: valid_close_code(code) or none; `reason` is UTF-8.
constexpr std::size_t encode_close(char* out, std::uint16_t code, std::string_view reason = {}) noexcept {
  if (code == close_codes::none) return 0;
  out[0] = static_cast<char>(code >> 8);
  out[1] = static_cast<char>(code);
  std::size_t size = reason.size();
  if (size > control_payload_max - 2) {
    size = control_payload_max - 2;
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0) == 0x80) --size;
  }
  for (std::size_t i = 0; i < size; ++i) out[2 + i] = reason[i];
  return 2 + size;
}

/// A whole frame. A client gives a mask key.
inline void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload,
                         std::optional<std::uint32_t> mask = {}) {
  char head[frame_header_max];
  out.append(head, encode_header(head, opcode, true, payload.size(), mask));
  std::size_t const start = out.size();
  out += payload;
  if (mask) mask_bytes({out.data() + start, payload.size()}, *mask);
}

/// A whole close frame; arguments as for encode_close().
inline void append_close(std::string& out, std::uint16_t code, std::string_view reason = {},
                         std::optional<std::uint32_t> mask = {}) {
  char payload[control_payload_max];
  append_frame(out, opcodes::close, {payload, encode_close(payload, code, reason)}, mask);
}

}  // namespace siokit::inline v0::websocket
