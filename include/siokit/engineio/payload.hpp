// siokit/engineio/payload.hpp - several packets in one HTTP body.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 4, "Payload encoding": packets joined by 0x1E, binary as 'b' and base64.
// The two forms of revision 3 are in revision3.hpp.
// Reading is lazy and in place (base64 is decoded over itself); writing appends to the caller's string.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "siokit/core/base64.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/engineio/revision3.hpp"

namespace siokit::inline v0::engineio {

inline constexpr char payload_separator = '\x1e';

/// How the packets of a body are told apart.
enum class payload_form : std::uint8_t {
  separated,  ///< revision 4
  text,       ///< revision 3
  binary,     ///< revision 3, application/octet-stream
};

/// Hands out the packets of a polling body one at a time. Borrows the body, and writes into it.
class payload_reader {
 public:
  payload_reader() noexcept = default;
  explicit payload_reader(std::span<char> body, payload_form form = payload_form::separated) noexcept
      : body_(body), form_(form), done_(form == payload_form::binary && body.empty()) {}

  [[nodiscard]] bool done() const noexcept { return done_; }

  /// The next packet; its data lives as long as the body. After an error nothing more is read: what follows
  /// an invalid packet is not trusted. Precondition: !done(). Errors, all remote: empty_packet,
  /// unknown_packet_type, bad_length, bad_utf8: text that passed here is fit for everybody's WebSocket.
  [[nodiscard]] result<packet> next() noexcept {
    if (form_ != payload_form::separated) {
      auto decoded =
          form_ == payload_form::text ? revision3::take_text(body_) : revision3::take_binary(body_);
      done_ = !decoded || body_.empty();
      return decoded;
    }
    std::string_view const rest(body_.data(), body_.size());
    std::size_t const end = std::min(rest.find(payload_separator), rest.size());
    std::span<char> const one = body_.first(end);
    done_ = end == body_.size();
    body_ = done_ ? std::span<char>{} : body_.subspan(end + 1);
    if (!one.empty() && one[0] == 'b') {
      std::size_t const size = base64_decode({one.data() + 1, one.size() - 1}, one.data() + 1);
      return packet{packet_type::message, {frame_kind::binary, {one.data() + 1, size}}};
    }
    frame const text{frame_kind::text, {one.data(), one.size()}};
    auto decoded = utf8_valid(text.data) ? decode_packet(text) : remote_error(errc::bad_utf8);
    if (!decoded) done_ = true;
    return decoded;
  }

 private:
  std::span<char> body_;
  payload_form form_ = payload_form::separated;
  bool done_ = true;
};

/// Appends one packet to a body, with the separator or the length that it needs. In the forms of revision 3
/// binary data begins with its type.
inline void append_packet(std::string& body, frame const& packet,
                          payload_form form = payload_form::separated) {
  if (form == payload_form::text) return revision3::append_text(body, packet);
  if (form == payload_form::binary) return revision3::append_binary(body, packet);
  if (!body.empty()) body += payload_separator;
  if (packet.kind == frame_kind::text) {
    body += packet.data;
    return;
  }
  std::size_t const at = body.size() + 1;
  body += 'b';
  body.resize(at + base64_encoded_size(packet.data.size()));
  base64_encode(packet.data, body.data() + at);
}

/// Appends all packets of a message.
inline void append_message(std::string& body, message const& item,
                           payload_form form = payload_form::separated) {
  for (auto packets = item.packets(); !packets.done();) append_packet(body, packets.next(), form);
}

}  // namespace siokit::inline v0::engineio
