// siokit/engineio/webtransport.hpp - packets on a stream of WebTransport.   SPDX-License-Identifier: MIT
// Spec: the framing of the official packages: a byte with the kind (bit 7: binary) and a length, or 126 and 2
// bytes of length, or 127 and 8; then the packet. In: a stream, cut anywhere.  Out: packets.  A packet that
// is whole where it lies is not copied. The transport itself is the host's.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "siokit/core/json_scan.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/engineio/packet.hpp"

namespace siokit::inline v0::engineio {

/// Appends one packet, text with its type digit or binary, to what goes to the stream.
inline void append_webtransport_packet(std::string& out, frame const& packet) {
  // The same lengths as in a WebSocket frame, without its first byte; the bit of the mask says binary.
  char head[10];
  std::size_t const size = write_frame_header(head, 0, packet.data.size(), packet.kind == frame_kind::binary);
  out.append(head + 1, size - 1).append(packet.data);
}

/// Appends all packets of a message.
inline void append_webtransport_message(std::string& out, message const& item) {
  for (auto packets = item.packets(); !packets.done();) append_webtransport_packet(out, packets.next());
}

/// Reads the stream of one session.
class webtransport_decoder {
 public:
  /// `payload_max`: longest packet, in bytes.
  explicit webtransport_decoder(std::size_t payload_max) noexcept : payload_max_(payload_max) {}

  /// The next packet; takes what it has read off the front of `in`. Nullopt: all was read, more is needed.
  /// The packet lives until the next call, and as long as `in`. After an error it is the same for ever.
  /// Errors, remote: empty_packet (a length of zero), payload_too_large, bad_utf8.
  [[nodiscard]] result<std::optional<frame>> next(std::string_view& in) {
    if (failure_ != errc::ok) return remote_error(failure_);
    if (std::exchange(handed_out_, false)) std::string().swap(kept_);  // an idle stream owns no memory
    while (head_read_ < head_size_) {
      if (in.empty()) return std::optional<frame>{};
      head(static_cast<std::uint8_t>(in.front()));
      in.remove_prefix(1);
    }
    if (due_ == 0) return fail(errc::empty_packet);
    if (due_ > payload_max_ || due_ > exact_max) return fail(errc::payload_too_large);
    std::string_view const piece = in.substr(0, static_cast<std::size_t>(due_) - kept_.size());
    in.remove_prefix(piece.size());
    if (kept_.size() + piece.size() < due_) {
      kept_.append(piece);
      return std::optional<frame>{};
    }
    std::string_view data = piece;
    if (!kept_.empty()) data = kept_.append(piece);
    handed_out_ = true;
    head_read_ = 0;
    head_size_ = 1;
    if (kind_ == frame_kind::text && !utf8_valid(data)) return fail(errc::bad_utf8);
    return std::optional<frame>({kind_, data});
  }

 private:
  void head(std::uint8_t byte) noexcept {
    if (head_read_++ > 0) {
      due_ = due_ << 8 | byte;
      return;
    }
    std::uint8_t const length = byte & 0x7F;
    kind_ = byte == length ? frame_kind::text : frame_kind::binary;
    head_size_ = length < 126 ? 1 : length == 126 ? 3 : 9;
    due_ = length < 126 ? length : 0;
  }
  [[nodiscard]] tl::unexpected<error> fail(errc code) noexcept {
    failure_ = code;
    return remote_error(code);
  }

  static constexpr std::uint64_t exact_max = (std::uint64_t{1} << 53) - 1;  // of a length in JavaScript

  std::size_t payload_max_;
  std::uint64_t due_ = 0;  // length of the packet
  std::string kept_;       // its beginning, when that came earlier; grows as it comes
  std::uint8_t head_read_ = 0;
  std::uint8_t head_size_ = 1;
  frame_kind kind_ = frame_kind::text;
  bool handed_out_ = false;
  errc failure_ = errc::ok;
};

/// The first packet of a client on its stream: a new session, or an upgrade of the session `id`.
[[nodiscard]] inline message encode_webtransport_open(std::string_view id = {}) {
  std::string data;
  if (!id.empty()) {
    data = R"({"sid":)";
    json_write(data, id);
    data += '}';
  }
  return encode_packet(packet_type::open, data);
}

/// Reads it: the raw id of the session to upgrade, empty for a new one. Error, remote: bad_open_packet; the
/// stream is then to be closed.
[[nodiscard]] inline result<std::string_view> read_webtransport_open(frame const& first) noexcept {
  if (first.kind != frame_kind::text || !first.data.starts_with('0'))
    return remote_error(errc::bad_open_packet);
  std::string_view const data = first.data.substr(1);
  if (data.empty()) return std::string_view{};
  auto const scanned = scan_json(data);
  if (!scanned || scanned->kind != json_kind::object) return remote_error(errc::bad_open_packet);
  auto const id = json_find(data, "sid");
  if (!id || json_string_raw(*id).empty()) return remote_error(errc::bad_open_packet);
  return json_string_raw(*id);
}

}  // namespace siokit::inline v0::engineio
