// siokit/socketio/decoder.hpp - Engine.IO messages to Socket.IO packets.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5. A text packet is handed out as a view of its message: no copy, no
// allocation. The head of a binary packet and all attachments but the last are copied once, into an assembly
// that exists from the head to the packet after it; what another parser has translated is kept there too.
// Its size is limited: that of the head by the transport, that of the attachments here.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "siokit/core/bytes.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/socketio/packet.hpp"
#include "siokit/socketio/parser.hpp"
#include "siokit/socketio/placeholder.hpp"

namespace siokit::inline v0::socketio {

class decoder {
 public:
  /// The next message. Nullopt: attachments are still due. The packet and attachments() live until the next
  /// call of feed() or reset(); a text packet, and the last attachment, only as long as the message they came
  /// in. After an error the decoder waits for a new packet. `other`: reads the messages of this peer in place
  /// of the default parser, which null stands for.
  /// Errors, remote: those of decode_packet and of `other`, unexpected_text, unexpected_binary,
  /// attachments_too_large, illegal_attachments.
  [[nodiscard]] result<std::optional<packet_view>> feed(frame const& in, decoder_limits const& limits,
                                                        parser const* other = nullptr) {
    if (other != nullptr) return translated(other->decode(in, limits), limits);
    if (in.kind == frame_kind::binary && pending()) return attachment(as_bytes(in.data), limits);
    bool const interrupted = pending();
    reset();
    if (in.kind == frame_kind::binary) return remote_error(errc::unexpected_binary);
    if (interrupted) return remote_error(errc::unexpected_text);
    if (in.data.starts_with('5') || in.data.starts_with('6')) return head(std::string(in.data), limits);
    result<std::optional<packet_view>> out(tl::in_place, std::in_place);  // read where it is returned
    error const why = impl::read_packet(in.data, limits, **out);
    if (why.code != errc::ok) out = tl::unexpected(why);
    return out;
  }

  /// Whether attachments are due.
  [[nodiscard]] bool pending() const noexcept { return assembly_ != nullptr && assembly_->due > 0; }
  /// Those of the packet that was just returned.
  [[nodiscard]] std::span<bytes_view const> attachments() const noexcept {
    return assembly_ == nullptr ? std::span<bytes_view const>{}
                                : std::span<bytes_view const>(assembly_->views);
  }
  /// Forgets the packet that was returned last, or is not whole yet, and frees its memory.
  void reset() noexcept { assembly_.reset(); }

 private:
  struct assembly {
    std::string text;
    packet_view packet{};  // of `text`
    std::vector<std::string>
        parts;  // copies of all attachments but the last; never grows beyond what it reserved
    std::vector<bytes_view> views;    // of all attachments
    std::vector<std::string> memory;  // behind views, where a parser has made what they show
    std::size_t bytes = 0;
    std::uint8_t due = 0;
  };

  [[nodiscard]] result<std::optional<packet_view>> head(std::string text, decoder_limits const& limits) {
    auto started = std::make_unique<assembly>();
    started->text = std::move(text);
    auto const decoded = decode_packet(started->text, limits);
    if (!decoded) return tl::unexpected(decoded.error());
    started->packet = *decoded;
    started->due = decoded->attachments;
    started->views.reserve(started->due);
    started->parts.reserve(started->due);
    assembly_ = std::move(started);
    return std::optional<packet_view>{};
  }

  [[nodiscard]] result<std::optional<packet_view>> attachment(bytes_view data, decoder_limits const& limits) {
    auto& kept = *assembly_;
    kept.bytes += data.size();
    if (kept.bytes <= limits.attachment_bytes_max && --kept.due > 0) {
      kept.parts.emplace_back(as_text(data));
      kept.views.push_back(as_bytes(kept.parts.back()));
      return std::optional<packet_view>{};
    }
    kept.views.push_back(data);
    return whole(limits);
  }

  /// What another parser has read: a packet with all its attachments, the head of a binary packet, or one
  /// attachment. Its word is taken for nothing: the text is checked as if the peer had sent it.
  [[nodiscard]] result<std::optional<packet_view>> translated(result<standard_packet> in,
                                                              decoder_limits const& limits) {
    bool const interrupted = pending();
    if (in && in->text.empty() && interrupted && in->attachments.size() == 1) {
      assembly_->memory = std::move(in->memory);
      return attachment(in->attachments.front(), limits);
    }
    reset();
    if (!in) return tl::unexpected(in.error());
    if (in->text.empty()) return remote_error(errc::unexpected_binary);
    if (interrupted) return remote_error(errc::unexpected_text);
    if (!utf8_valid(in->text)) return remote_error(errc::bad_utf8);
    auto const begun = head(std::move(in->text), limits);
    if (!begun || (pending() && in->attachments.empty())) return begun;
    for (auto const each : in->attachments) assembly_->bytes += each.size();
    assembly_->views = std::move(in->attachments);
    assembly_->memory = std::move(in->memory);
    return whole(limits);
  }

  /// The packet, all of whose attachments are there.
  [[nodiscard]] result<std::optional<packet_view>> whole(decoder_limits const& limits) {
    auto const& kept = *assembly_;
    bool const fits = kept.bytes <= limits.attachment_bytes_max;
    bool const named = kept.views.empty() || !kept.packet.summary.placeholders ||
                       placeholders_fit(kept.packet.data, kept.views.size());
    if (fits && named && kept.due == 0) return std::optional<packet_view>(kept.packet);
    reset();
    return remote_error(fits ? errc::illegal_attachments : errc::attachments_too_large);
  }

  std::unique_ptr<assembly> assembly_;
};
static_assert(sizeof(decoder) == sizeof(void*));

}  // namespace siokit::inline v0::socketio
