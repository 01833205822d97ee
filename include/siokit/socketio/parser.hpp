// siokit/socketio/parser.hpp - packets in another form than the standard one.   SPDX-License-Identifier: MIT
// What the official packages call a parser. Everything in siokit reads and writes the packets of the
// Socket.IO protocol, text and attachments; a parser stands at the edge of a connection and translates them
// to and from the form that this peer speaks. The default one is none at all: null, no call, no copy.
#pragma once

#include <string>
#include <vector>

#include "siokit/core/message.hpp"
#include "siokit/socketio/packet.hpp"

namespace siokit::inline v0::socketio {

/// What one Engine.IO message of a peer says. One of:
/// - a packet: its text, and all its attachments, however many, when that is an EVENT or an ACK;
/// - the text of a BINARY_EVENT or BINARY_ACK, whose attachments are messages that follow;
/// - no text and one attachment of such a packet.
struct standard_packet {
  std::string text{};                     ///< as decode_packet() reads it
  std::vector<bytes_view> attachments{};  ///< borrow the message, or `memory`
  std::vector<std::string> memory{};
};

/// Implement it for a form of your own, and name it in the options of server or client; both sides must use
/// the same one. Stateless: one serves all connections, and outlives them.
class parser {
 public:
  parser() = default;
  parser(parser const&) = delete;
  parser& operator=(parser const&) = delete;
  virtual ~parser() = default;

  /// Reads one Engine.IO message; `in` is without its packet type. What it returns is checked as if the peer
  /// had sent that; what it allocates is its own to limit. An error is remote, and ends the connection.
  [[nodiscard]] virtual result<standard_packet> decode(frame const& in,
                                                       decoder_limits const& limits) const = 0;

  /// Writes a packet, given as the library made it: a text packet (the first character is the Engine.IO type
  /// `4`) and its attachments. Called once for all recipients of a broadcast. Errors, local, are those of the
  /// verb that sends.
  [[nodiscard]] virtual result<message> encode(message const& packet) const = 0;
};

/// A packet as the peers of `to` are to get it; null is the default parser.
[[nodiscard]] inline result<message> encode_for(parser const* to, message packet) {
  if (to == nullptr) return packet;
  auto out = to->encode(packet);
  if (out && *out && !packet.compress()) out->no_compress();
  return out;
}

}  // namespace siokit::inline v0::socketio
