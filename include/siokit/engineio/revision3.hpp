// siokit/engineio/revision3.hpp - packets and payloads as clients of revision 3 write them.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 3, and docs/protocol.md. Text packets are those of revision 4; binary
// ones have their type in front, and the packets of a polling body their length. Reading is in place, writing
// appends to the caller's string; nothing is owned.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "siokit/core/base64.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/engineio/packet.hpp"

namespace siokit::inline v0::engineio::revision3 {

/// Reads the packet of one WebSocket message that is not base64: a binary one begins with its type, a number.
/// Errors, all remote: empty_packet, unknown_packet_type.
[[nodiscard]] inline result<packet> decode_packet(frame const& in) noexcept {
  if (in.kind == frame_kind::text) return engineio::decode_packet(in);
  if (in.data.empty()) return remote_error(errc::empty_packet);
  auto const type = static_cast<unsigned char>(in.data[0]);
  if (type > static_cast<unsigned char>(packet_type::noop)) return remote_error(errc::unknown_packet_type);
  return packet{static_cast<packet_type>(type), {frame_kind::binary, in.data.substr(1)}};
}

/// The packet of a text that may be base64: 'b', the type digit, and base64, which is decoded over itself.
/// Same errors.
[[nodiscard]] inline result<packet> decode_text(std::span<char> text) noexcept {
  bool const base64 = !text.empty() && text[0] == 'b';
  if (base64) text = text.subspan(1);
  auto out = engineio::decode_packet({frame_kind::text, {text.data(), text.size()}});
  if (!out || !base64) return out;
  std::span<char> const data = text.subspan(1);
  out->data = {frame_kind::binary, {data.data(), base64_decode({data.data(), data.size()}, data.data())}};
  return out;
}

/// A binary packet as text: b4AQID. `packet` begins with its type, as decode_packet() reads it, and is not
/// empty.
inline void append_base64(std::string& out, std::string_view packet) {
  std::size_t const at = out.size() + 2;
  out.append({'b', static_cast<char>('0' + packet[0])});
  out.resize(at + base64_encoded_size(packet.size() - 1));
  base64_encode(packet.substr(1), out.data() + at);
}

// Payloads: each packet stands behind its length. That of text counts UTF-16 code units, as JavaScript does.

namespace impl {

/// Ten digits are more than any body has bytes.
inline constexpr std::size_t length_digits_max = 10;

/// Takes a length, whose digits begin at `zero`, and the byte behind it, `end`, off the front.
[[nodiscard]] inline std::optional<std::uint64_t> take_length(std::span<char>& body, unsigned char zero,
                                                              unsigned char end) noexcept {
  std::uint64_t length = 0;
  std::size_t const most = std::min(body.size(), length_digits_max + 1);
  for (std::size_t i = 0; i < most; ++i) {
    auto const byte = static_cast<unsigned char>(body[i]);
    if (byte == end && i > 0) {
      body = body.subspan(i + 1);
      return length;
    }
    if (byte < zero || byte - zero > 9) break;
    length = length * 10 + (byte - zero);
  }
  return std::nullopt;
}

}  // namespace impl

/// Takes one packet off the front of a text payload: 6:4hello. What has no length at all, 0:, is a NOOP.
/// After an error the rest is not to be trusted. Errors, all remote: bad_length, empty_packet,
/// unknown_packet_type.
[[nodiscard]] inline result<packet> take_text(std::span<char>& body) noexcept {
  auto const length = impl::take_length(body, '0', ':');
  if (!length) return remote_error(errc::bad_length);
  auto const size = utf16_prefix({body.data(), body.size()}, *length);
  if (!size) return remote_error(errc::bad_length);
  std::span<char> const one = body.first(*size);
  body = body.subspan(*size);
  if (one.empty()) return packet{packet_type::noop, {frame_kind::text, {}}};
  return decode_text(one);
}

/// The same of a binary payload: 0 for text or 1, the digits of the length in bytes, 0xFF, the packet.
/// Errors, all remote: those of take_text(), and bad_utf8.
[[nodiscard]] inline result<packet> take_binary(std::span<char>& body) noexcept {
  bool const text = !body.empty() && body[0] == 0;
  if (!body.empty()) body = body.subspan(1);
  auto const length = impl::take_length(body, 0, 0xFF);
  if (!length || *length > body.size()) return remote_error(errc::bad_length);
  std::span<char> const one = body.first(static_cast<std::size_t>(*length));
  body = body.subspan(one.size());
  std::string_view const view(one.data(), one.size());
  if (!text) return decode_packet({frame_kind::binary, view});
  return utf8_valid(view) ? decode_text(one) : remote_error(errc::bad_utf8);
}

/// Appends one packet to a text payload; a binary one, which begins with its type, as base64.
inline void append_text(std::string& body, frame const& packet) {
  std::string base64;
  if (packet.kind == frame_kind::binary) append_base64(base64, packet.data);
  std::string_view const text = base64.empty() ? packet.data : base64;
  body.append(std::to_string(utf16_size(text))).append(":").append(text);
}

/// Appends one packet to a binary payload.
inline void append_binary(std::string& body, frame const& packet) {
  body += packet.kind == frame_kind::text ? '\0' : '\1';
  for (char const digit : std::to_string(packet.data.size())) body += static_cast<char>(digit - '0');
  (body += '\xFF') += packet.data;
}

/// What a client of revision 3 is sent for one packet of revision 4; `base64`: instead of binary data.
[[nodiscard]] inline message encode_packet(frame const& in, bool base64) {
  if (in.kind == frame_kind::text) return text_message(in.data);
  std::string typed(1, static_cast<char>(packet_type::message));
  typed += in.data;
  if (!base64) return binary_message(as_bytes(typed));
  std::string text;
  append_base64(text, typed);
  return text_message(text);
}

}  // namespace siokit::inline v0::engineio::revision3
