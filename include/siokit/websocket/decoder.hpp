// siokit/websocket/decoder.hpp - bytes to messages and control frames.   SPDX-License-Identifier: MIT
// Spec: RFC 6455, sections 5, 7.1 and 8.1.  In: the host's buffer, whatever was read.  Out: views.
// A whole frame is unmasked where it lies and never copied. What is incomplete when the buffer ends is kept
// in one assembly, allocated on first need and freed with its message: an idle decoder owns no memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "siokit/core/bytes.hpp"
#include "siokit/core/error.hpp"
#include "siokit/core/frame_header.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/websocket/frame.hpp"

namespace siokit::inline v0::websocket {

/// The side that decodes: a server expects masked frames, a client unmasked ones.
enum class role : std::uint8_t { server, client };

struct decoder_limits {
  /// Longest message as it is on the wire, in bytes: of a compressed one it is the compressed length.
  std::size_t message_bytes_max = 1'000'000;
  /// Most frames of one message; 0 is as good as 1. Stops a peer that sends empty fragments for ever.
  std::uint32_t fragments_max = 1024;
};

/// What a peer said. `data` lives until the next call of next(), and as long as the buffer given to it.
struct event {
  enum class kind : std::uint8_t {
    message,  ///< `data` is the message; text is UTF-8, unless compressed
    ping,     ///< to be answered by a pong with the same `data`
    pong,
    close,  ///< `code`, close_codes::none without one, and `data`, the reason in UTF-8; nothing follows
  };

  kind type = kind::message;
  frame_kind payload = frame_kind::binary;  ///< of a message
  bool compressed = false;                  ///< a message still to be inflated, its text to be checked then
  std::uint16_t code = 0;                   ///< of a close
  std::string_view data{};
};

namespace impl {

/// Whether a message that begins with this byte is text to be checked.
[[nodiscard]] constexpr bool is_plain_text(std::uint8_t first) noexcept {
  return (first & (compressed_bit | 0x0F)) == opcodes::text;
}

/// A frame header, as read.
struct frame_head {
  std::uint8_t first = 0;  // FIN, RSV1 to RSV3, opcode
  bool masked = false;
  bool legal_size = true;  // in its shortest form, and not above 2^63
  std::uint32_t key = 0;
  std::uint64_t size = 0;

  [[nodiscard]] constexpr bool fin() const noexcept { return (first & 0x80) != 0; }
  [[nodiscard]] constexpr std::uint8_t opcode() const noexcept { return first & 0x0F; }
  [[nodiscard]] constexpr bool control() const noexcept { return (first & 0x08) != 0; }
};

/// The length of a header, of which at least the first two bytes are there, or 2.
[[nodiscard]] constexpr std::size_t head_length(std::string_view head) noexcept {
  if (head.size() < 2) return 2;
  unsigned const second = static_cast<unsigned char>(head[1]);
  unsigned const length = second & 0x7F;
  return 2 + (length < 126 ? 0u : length == 126 ? 2u : 8u) + ((second & 0x80) != 0 ? 4u : 0u);
}

/// The number at `at`, its highest byte first.
template <class Number>
[[nodiscard]] constexpr Number big_endian(char const* at) noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) number = number << 8 | static_cast<unsigned char>(at[i]);
  return static_cast<Number>(number);
}

/// Precondition: `head` is head_length() bytes long.
[[nodiscard]] constexpr frame_head read_head(char const* head) noexcept {
  frame_head out{.first = static_cast<std::uint8_t>(head[0]), .masked = (head[1] & 0x80) != 0};
  std::uint8_t const length = head[1] & 0x7F;
  char const* const longer = head + 2;
  char const* const key = longer + (length < 126 ? 0 : length == 126 ? 2 : 8);
  out.size = length < 126    ? length
             : length == 126 ? big_endian<std::uint16_t>(longer)
                             : big_endian<std::uint64_t>(longer);
  if (out.masked) out.key = big_endian<std::uint32_t>(key);
  out.legal_size = frame_header_size(out.size) == static_cast<std::size_t>(key - head) && out.size >> 63 == 0;
  return out;
}

/// What waits for more input: a part of a header, or of a payload, or of a message of several frames.
struct assembly {
  // The message so far, behind it what there is of a control frame between its fragments.
  std::unique_ptr<char[]> bytes;
  std::size_t capacity = 0;
  std::size_t size = 0;
  std::size_t control_size = 0;

  frame_head frame;
  std::uint64_t left = 0;  // how much of the payload of `frame` is still to come
  bool in_frame = false;

  std::uint8_t message = 0;  // the first byte of the first frame, 0: no message has begun
  utf8_stream text;
  std::uint32_t fragments = 0;

  std::uint8_t head_size = 0;
  char head[frame_header_max];

  /// A header cut by the end of a buffer: takes what is missing. True when it is complete.
  bool take_head(std::span<char>& input) noexcept {
    while (head_size < head_length({head, head_size})) {
      if (input.empty()) return false;
      head[head_size++] = input.front();
      input = input.subspan(1);
    }
    return true;
  }

  void open(frame_head const& opened) noexcept {
    frame = opened;
    left = opened.size;
    in_frame = true;
    control_size = 0;
    if (opened.control()) return;
    if (message == 0) message = opened.first;
    ++fragments;
  }

  /// Takes what it can of the payload of `frame`. `limit`: of a message, in bytes.
  [[nodiscard]] errc take(std::span<char>& input, std::size_t limit) noexcept {
    auto const piece = input.first(static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size())));
    std::size_t const used = size + control_size;
    bool const last = frame.fin() && !frame.control();
    std::size_t const most = last ? used + static_cast<std::size_t>(left) : limit + control_payload_max;
    if (!reserve(used, piece.size(), most)) return errc::out_of_memory;
    std::span<char> const kept{bytes.get() + used, piece.size()};
    std::copy(piece.begin(), piece.end(), kept.begin());
    if (frame.masked) mask_bytes(kept, frame.key, static_cast<std::size_t>((frame.size - left) & 3));
    (frame.control() ? control_size : size) += piece.size();
    left -= piece.size();
    input = input.subspan(piece.size());
    bool const checked = !frame.control() && is_plain_text(message);
    return !checked || text.feed({kept.data(), kept.size()}) ? errc::ok : errc::bad_utf8;
  }

 private:
  // Grows with what came, not with what was announced: to twice of what there is, but no more than `most`.
  bool reserve(std::size_t used, std::size_t more, std::size_t most) noexcept {
    if (used + more <= capacity) return true;
    std::size_t const larger = std::min(2 * (used + more), most);
    std::unique_ptr<char[]> grown(new (std::nothrow) char[larger]);
    if (!grown) return false;
    std::copy_n(bytes.get(), used, grown.get());
    bytes = std::move(grown);
    capacity = larger;
    return true;
  }
};

}  // namespace impl

/// Decodes one direction of one WebSocket.
class decoder {
 public:
  /// `allow_rsv1`: permessage-deflate was negotiated; compressed messages are handed out as they are.
  explicit decoder(role own, decoder_limits const& limits = {}, bool allow_rsv1 = false) noexcept
      : bytes_max_(std::min(limits.message_bytes_max, std::size_t{PTRDIFF_MAX} / 4)),
        fragments_max_(limits.fragments_max),
        role_(own),
        allow_rsv1_(allow_rsv1) {}

  /// Takes bytes from the front of `input` and returns the next event, or nothing when all was taken: call it
  /// until then. Frames are unmasked in place: `input` is of no use to anybody else. An error is remote, or
  /// out_of_memory; close_code() says how to answer it. After an error, and after a close, everything is
  /// refused with wrong_state and left in `input`.
  [[nodiscard]] result<std::optional<event>> next(std::span<char>& input) noexcept;

  /// Whether an error or a close has ended it.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  using maybe_event = result<std::optional<event>>;

  [[nodiscard]] errc next_head(std::span<char>& input, std::optional<impl::frame_head>& head) noexcept;
  [[nodiscard]] errc check(impl::frame_head const& head) const noexcept;
  [[nodiscard]] maybe_event whole_frame(impl::frame_head const& head, std::span<char>& input) noexcept;
  [[nodiscard]] maybe_event end_of_frame() noexcept;
  [[nodiscard]] maybe_event control_event(std::uint8_t opcode, std::string_view data) noexcept;

  [[nodiscard]] bool inside_message() const noexcept { return assembly_ && assembly_->message != 0; }
  [[nodiscard]] bool assemble() noexcept {
    if (!assembly_) assembly_.reset(new (std::nothrow) impl::assembly);
    return assembly_ != nullptr;
  }
  [[nodiscard]] tl::unexpected<error> fail(errc code) noexcept {
    ended_ = true;
    assembly_.reset();
    return code == errc::out_of_memory ? local_error(code) : remote_error(code);
  }
  [[nodiscard]] static event message_event(std::uint8_t first, std::string_view data) noexcept {
    bool const text = (first & 0x0F) == opcodes::text;
    return {.payload = text ? frame_kind::text : frame_kind::binary,
            .compressed = (first & compressed_bit) != 0,
            .data = data};
  }

  std::unique_ptr<impl::assembly> assembly_;
  std::size_t bytes_max_;
  std::uint32_t fragments_max_;
  role role_;
  bool allow_rsv1_;
  bool delivered_ = false;  // the last event took all there was in the assembly
  bool ended_ = false;
};
static_assert(sizeof(decoder) <= 24);

inline auto decoder::next(std::span<char>& input) noexcept -> maybe_event {
  if (ended_) return local_error(errc::wrong_state);
  if (std::exchange(delivered_, false)) assembly_.reset();
  while (true) {
    if (!assembly_ || !assembly_->in_frame) {
      std::optional<impl::frame_head> head;
      if (errc const wrong = next_head(input, head); wrong != errc::ok) return fail(wrong);
      if (!head) return std::nullopt;
      bool const alone = head->control() || (head->fin() && !inside_message());
      if (alone && head->size <= input.size()) return whole_frame(*head, input);
      if (!assemble()) return fail(errc::out_of_memory);
      assembly_->open(*head);
    }
    if (errc const wrong = assembly_->take(input, bytes_max_); wrong != errc::ok) return fail(wrong);
    if (assembly_->left != 0) return std::nullopt;
    if (auto done = end_of_frame(); !done || *done) return done;
  }
}

/// The next header, checked; none when it is not complete.
inline errc decoder::next_head(std::span<char>& input, std::optional<impl::frame_head>& head) noexcept {
  std::size_t const length = impl::head_length({input.data(), input.size()});
  if ((!assembly_ || assembly_->head_size == 0) && length <= input.size()) {
    head = impl::read_head(input.data());
    input = input.subspan(length);
  } else {
    if (input.empty()) return errc::ok;
    if (!assemble()) return errc::out_of_memory;
    if (!assembly_->take_head(input)) return errc::ok;
    head = impl::read_head(assembly_->head);
    assembly_->head_size = 0;
  }
  return check(*head);
}

/// Whether this frame may come from this peer, now.
inline errc decoder::check(impl::frame_head const& head) const noexcept {
  if (!head.legal_size) return errc::ws_bad_length;
  bool const starts = head.opcode() == opcodes::text || head.opcode() == opcodes::binary;
  unsigned const reserved = starts && allow_rsv1_ ? 0x30 : 0x70;
  if ((head.first & reserved) != 0) return errc::ws_reserved_bits;
  if (!starts && head.opcode() != opcodes::continuation &&
      (head.opcode() < opcodes::close || head.opcode() > opcodes::pong)) {
    return errc::ws_bad_opcode;
  }
  if (head.masked != (role_ == role::server)) return head.masked ? errc::ws_masked : errc::ws_not_masked;
  if (head.control()) {
    return head.fin() && head.size <= control_payload_max ? errc::ok : errc::ws_bad_control_frame;
  }
  // A message begins outside of messages and goes on inside.
  if (starts == inside_message()) return errc::ws_bad_continuation;
  if (head.size > bytes_max_ - (starts ? 0 : assembly_->size)) return errc::ws_message_too_large;
  if (!starts && assembly_->fragments >= fragments_max_) return errc::ws_too_many_fragments;
  return errc::ok;
}

/// A frame that needs no other one and lies in `input` as a whole: unmasked and shown there.
inline auto decoder::whole_frame(impl::frame_head const& head, std::span<char>& input) noexcept
    -> maybe_event {
  if (!inside_message()) assembly_.reset();  // a part of the header may have been kept
  auto const payload = input.first(static_cast<std::size_t>(head.size));
  input = input.subspan(payload.size());
  if (head.masked) mask_bytes(payload, head.key);
  std::string_view const data(payload.data(), payload.size());
  if (head.control()) return control_event(head.opcode(), data);
  if (impl::is_plain_text(head.first) && !utf8_valid(data)) return fail(errc::bad_utf8);
  return message_event(head.first, data);
}

/// The frame in the assembly is complete: what that is worth.
inline auto decoder::end_of_frame() noexcept -> maybe_event {
  auto& kept = *assembly_;
  kept.in_frame = false;
  if (kept.frame.control()) {
    delivered_ = kept.message == 0;
    return control_event(kept.frame.opcode(), {kept.bytes.get() + kept.size, kept.control_size});
  }
  if (!kept.frame.fin()) return std::nullopt;
  if (impl::is_plain_text(kept.message) && !kept.text.complete()) return fail(errc::bad_utf8);
  delivered_ = true;
  return message_event(kept.message, {kept.bytes.get(), kept.size});
}

inline auto decoder::control_event(std::uint8_t opcode, std::string_view data) noexcept -> maybe_event {
  if (opcode == opcodes::ping) return event{.type = event::kind::ping, .data = data};
  if (opcode == opcodes::pong) return event{.type = event::kind::pong, .data = data};
  event close{.type = event::kind::close, .code = close_codes::none};
  if (!data.empty()) {
    if (data.size() < 2) return fail(errc::ws_bad_close);
    close.code = impl::big_endian<std::uint16_t>(data.data());
    if (!valid_close_code(close.code)) return fail(errc::ws_bad_close);
    close.data = data.substr(2);
    if (!utf8_valid(close.data)) return fail(errc::bad_utf8);
  }
  ended_ = true;
  return close;
}

}  // namespace siokit::inline v0::websocket
