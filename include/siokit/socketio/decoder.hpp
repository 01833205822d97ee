// siokit/socketio/decoder.hpp - Engine.IO messages to Socket.IO packets.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5. A text packet is handed out as a view of its message: no copy, no
// allocation. The head of a binary packet and all attachments but the last are copied once, into an assembly
// that exists from the head to the packet after it. Its size is limited by the attachments' own limit and the
// transport's for the head.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "siokit/core/bytes.hpp"
#include "siokit/socketio/packet.hpp"
#include "siokit/socketio/placeholder.hpp"

namespace siokit::inline v0::socketio {

class decoder {
 public:
  /// The next message. Nullopt: attachments are still due. The packet and attachments() live until the next
  /// call, the last attachment as long as the message it came in. After an error the decoder waits for a new
  /// packet.
  /// Errors, remote: those of decode_packet, unexpected_text, unexpected_binary, attachments_too_large,
  /// illegal_attachments.
  [[nodiscard]] result<std::optional<packet_view>> feed(frame const& in, decoder_limits const& limits) {
    if (in.kind == frame_kind::binary) return attachment(as_bytes(in.data), limits);
    if (pending()) {
      reset();
      return remote_error(errc::unexpected_text);
    }
    assembly_.reset();
    auto decoded = decode_packet(in.data, limits);
    if (!decoded) return tl::unexpected(decoded.error());
    if (decoded->attachments == 0) return std::optional<packet_view>(*decoded);
    assembly_ = std::make_unique<assembly>();
    assembly_->text = in.data;
    assembly_->views.reserve(decoded->attachments);
    assembly_->parts.reserve(decoded->attachments);
    assembly_->due = decoded->attachments;
    return std::optional<packet_view>{};
  }

  /// Whether attachments are due.
  [[nodiscard]] bool pending() const noexcept { return assembly_ != nullptr && assembly_->due > 0; }
  /// Those of the packet that was just returned.
  [[nodiscard]] std::span<bytes_view const> attachments() const noexcept {
    return assembly_ == nullptr ? std::span<bytes_view const>{}
                                : std::span<bytes_view const>(assembly_->views);
  }
  void reset() noexcept { assembly_.reset(); }

 private:
  struct assembly {
    std::string text;                // the head
    std::vector<std::string> parts;  // copies of all attachments but the last
    std::vector<bytes_view> views;   // of all attachments
    std::size_t bytes = 0;
    std::uint8_t due = 0;
  };

  [[nodiscard]] result<std::optional<packet_view>> attachment(bytes_view data, decoder_limits const& limits) {
    if (!pending()) return remote_error(errc::unexpected_binary);
    auto& kept = *assembly_;
    kept.bytes += data.size();
    if (kept.bytes > limits.attachment_bytes_max) {
      reset();
      return remote_error(errc::attachments_too_large);
    }
    if (--kept.due > 0) {
      kept.parts.emplace_back(as_text(data));
      kept.views.push_back(as_bytes(kept.parts.back()));
      return std::optional<packet_view>{};
    }
    kept.views.push_back(data);
    auto decoded = decode_packet(kept.text, limits);
    bool valid = decoded.has_value();
    if (valid && decoded->summary.placeholders) {
      for (auto const& each : find_placeholders(decoded->data)) valid = valid && each.num < kept.views.size();
    }
    if (valid) return std::optional<packet_view>(*decoded);
    reset();
    return remote_error(errc::illegal_attachments);
  }

  std::unique_ptr<assembly> assembly_;
};
static_assert(sizeof(decoder) == sizeof(void*));

}  // namespace siokit::inline v0::socketio
