// siokit/net/message_compressor.hpp - permessage-deflate of a server.   SPDX-License-Identifier: MIT
// Spec: RFC 7692.  In: the offers of a client; messages on their way to a wire, or from it. Out: the answer;
// their other form. Owns one compressor for all connections, and counts what those with contexts own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "siokit/core/message.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/net/deflate.hpp"
#include "siokit/websocket/deflate.hpp"
#include "siokit/websocket/frame.hpp"

namespace siokit::inline v0::net::impl {

/// What a connection owns that keeps contexts, or has a window of its own size. Null: the shared one will do.
struct deflate_contexts {
  deflate_contexts() = default;
  deflate_contexts(deflate_contexts const&) = delete;
  deflate_contexts& operator=(deflate_contexts const&) = delete;
  ~deflate_contexts() {
    if (counted != nullptr) *counted -= bytes;
  }

  std::unique_ptr<deflater> out;
  std::unique_ptr<inflater> in;
  std::size_t bytes = 0;
  std::size_t* counted = nullptr;  // where bytes are counted
};

class message_compressor {
 public:
  explicit message_compressor(per_message_deflate_options const& options) noexcept
      : options_(options), deflater_(options.level, options.mem_level, options.server_max_window_bits) {}

  /// The answer to the offers of a client; nothing: decline. `own` becomes what the connection has to keep,
  /// not longer than this object.
  [[nodiscard]] std::optional<std::string> agree(std::string_view offers,
                                                 std::unique_ptr<deflate_contexts>& own) {
    websocket::deflate_parameters ready{
        .server_no_context_takeover = options_.server_no_context_takeover,
        .client_no_context_takeover = options_.client_no_context_takeover,
        .server_max_window_bits = static_cast<std::uint8_t>(options_.server_max_window_bits),
        .client_max_window_bits = static_cast<std::uint8_t>(options_.client_max_window_bits)};
    auto choice = websocket::choose_deflate(offers, ready);
    if (!choice) return std::nullopt;
    auto const needs = [&] {
      return (owns_deflater(choice->agreed)
                  ? deflater_bytes(choice->agreed.server_max_window_bits, options_.mem_level)
                  : 0) +
             (choice->agreed.client_no_context_takeover ? 0 : inflater_bytes);
    };
    std::size_t const left = options_.context_memory_max - context_memory_;
    if (needs() > left) {
      ready.server_no_context_takeover = ready.client_no_context_takeover = true;
      choice = websocket::choose_deflate(offers, ready);
      if (!choice || needs() > left) return std::nullopt;
    }
    if (needs() == 0) return std::move(choice->answer);
    own = std::make_unique<deflate_contexts>();
    auto const& agreed = choice->agreed;
    if (owns_deflater(agreed)) {
      own->out = std::make_unique<deflater>(options_.level, options_.mem_level, agreed.server_max_window_bits,
                                            !agreed.server_no_context_takeover);
    }
    if (!agreed.client_no_context_takeover) own->in = std::make_unique<inflater>(true);
    own->bytes = needs();
    own->counted = &context_memory_;
    context_memory_ += own->bytes;
    return std::move(choice->answer);
  }

  /// What a wire is sent in place of a message. The form that fits everybody is made once and kept with it.
  [[nodiscard]] message deflate(message in, deflate_contexts* own) {
    if (!in.compress()) return in;
    bool const shared = own == nullptr || !own->out;
    if (message known; shared && (known = in.compressed())) return known;
    bool any = false;
    for (auto packets = in.packets(); !any && !packets.done();) any = is_worth_it(packets.next());
    if (!any) return in;
    message_builder out(0, in.frames().size() / 2);
    for (auto packets = in.packets(); !packets.done();) {
      frame packet = packets.next();
      std::uint8_t first = packet.kind == frame_kind::text ? 0x81 : 0x82;
      if (is_worth_it(packet)) {
        text_.clear();
        (shared ? deflater_ : *own->out)(packet.data, text_);
        first |= websocket::compressed_bit;
        packet.data = text_;
      }
      out.add_frame(first, packet.data);
    }
    message form = out.finish();
    if (shared) in.keep_compressed(form);
    return form;
  }

  /// What a client has compressed, `size_max` bytes at most; good until the next call. Errors, remote: those
  /// of inflater, and bad_utf8 for text.
  [[nodiscard]] result<std::string_view> inflate(frame in, std::size_t size_max, deflate_contexts* own) {
    inflated_.clear();
    auto& inflate = own != nullptr && own->in ? *own->in : inflater_;
    if (auto const done = inflate(in.data, inflated_, size_max); !done) return tl::unexpected(done.error());
    if (in.kind == frame_kind::text && !utf8_valid(inflated_)) return remote_error(errc::bad_utf8);
    return inflated_;
  }

 private:
  [[nodiscard]] bool owns_deflater(websocket::deflate_parameters const& agreed) const noexcept {
    return !agreed.server_no_context_takeover ||
           agreed.server_max_window_bits != options_.server_max_window_bits;
  }
  [[nodiscard]] bool is_worth_it(frame const& packet) const noexcept {
    return packet.data.size() >= options_.threshold;
  }

  per_message_deflate_options options_;
  deflater deflater_;
  inflater inflater_;
  std::string text_;
  std::string inflated_;
  std::size_t context_memory_ = 0;
};

}  // namespace siokit::inline v0::net::impl
