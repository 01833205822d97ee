// siokit/engineio/packet.hpp - one Engine.IO packet.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 4, "Packet encoding". A text frame is a type digit and data, a binary
// frame is the data of a message. Pure functions over views; nothing is copied.
#pragma once

#include "siokit/core/bytes.hpp"
#include "siokit/core/error.hpp"
#include "siokit/core/message.hpp"

namespace siokit::inline v0::engineio {

enum class packet_type : std::uint8_t { open, close, ping, pong, message, upgrade, noop };

/// A decoded packet; `data` borrows the frame it was read from.
struct packet {
  packet_type type;
  frame data;
};

/// Reads the packet of one WebSocket message.
/// Errors, all remote: empty_packet, unknown_packet_type.
[[nodiscard]] inline result<packet> decode_packet(frame const& in) noexcept {
  if (in.kind == frame_kind::binary) return packet{packet_type::message, in};
  if (in.data.empty()) return remote_error(errc::empty_packet);
  auto const type = static_cast<unsigned char>(in.data[0] - '0');
  if (type > static_cast<unsigned char>(packet_type::noop)) return remote_error(errc::unknown_packet_type);
  return packet{static_cast<packet_type>(type), {frame_kind::text, in.data.substr(1)}};
}

/// A text packet of `type` with `data`, ready to send.
[[nodiscard]] inline message encode_packet(packet_type type, std::string_view data = {}) {
  message_builder out(1, data.size());
  char const digit = static_cast<char>('0' + static_cast<int>(type));
  out.append(data);
  out.prepend({&digit, 1});
  out.close_text();
  return out.finish();
}

}  // namespace siokit::inline v0::engineio
