// siokit/socketio/read_back.hpp - the arguments of a packet of our own.   SPDX-License-Identifier: MIT
// For who must look at, or keep, what is already encoded: listeners of outgoing events, operations that are
// begun later.
#pragma once

#include "siokit/socketio/args.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"

namespace siokit::inline v0::socketio {

/// Calls `visit(packet_view const&, args const&)`, both borrowed. Precondition: `packet` was made by
/// encode_event() or encode_ack().
template <class Visit>
void read_back(message const& packet, Visit&& visit) {
  decoder whole;
  for (auto packets = packet.packets(); !packets.done();) {
    frame next = packets.next();
    if (next.kind == frame_kind::text) next.data.remove_prefix(1);  // the Engine.IO type
    auto const decoded = whole.feed(
        next, {.max_attachments = UINT8_MAX, .json_depth_max = UINT16_MAX, .nsp_bytes_max = SIZE_MAX});
    if (decoded && *decoded) visit(**decoded, args(**decoded, whole.attachments()));
  }
}

/// Arguments to be kept. Error: that of encode_event().
template <class... Args>
[[nodiscard]] result<owned_args> own_args(Args const&... values) {
  auto const packet = encode_ack("/", 0, values...);
  if (!packet) return tl::unexpected(packet.error());
  owned_args out;
  read_back(*packet, [&out](packet_view const&, args const& all) { out = all.own(); });
  return out;
}

}  // namespace siokit::inline v0::socketio
