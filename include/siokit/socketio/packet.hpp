// siokit/socketio/packet.hpp - the text of one Socket.IO packet.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5, "Packet encoding":  type [attachments '-'] [nsp ','] [id] [json].
// In: the text of an Engine.IO message, without its type digit. Out: views of it. Copies and allocates
// nothing. Stricter than the official parser, which takes for a count or an id what JavaScript takes for a
// number, white space included: here they are digits, and the payload begins right behind them.
#pragma once

#include <array>

#include "siokit/core/json_scan.hpp"

namespace siokit::inline v0::socketio {

enum class packet_type : std::uint8_t {
  connect,
  disconnect,
  event,
  ack,
  connect_error,
  binary_event,
  binary_ack
};

[[nodiscard]] constexpr bool is_event(packet_type type) noexcept {
  return type == packet_type::event || type == packet_type::binary_event;
}
[[nodiscard]] constexpr bool is_binary(packet_type type) noexcept {
  return type == packet_type::binary_event || type == packet_type::binary_ack;
}

/// Whether this name of a namespace, which begins with '/', is all there is of it.
[[nodiscard]] constexpr bool is_root(std::string_view nsp) noexcept {
  return nsp.size() == 1;
}

/// What one packet of a peer may hold, and one connection.
struct decoder_limits {
  std::uint8_t max_attachments = 10;
  /// Of all attachments of a packet together; each of them is a message, and limited as such.
  std::size_t attachment_bytes_max = SIZE_MAX;
  std::uint16_t json_depth_max = json_depth_default;
  std::size_t nsp_bytes_max = 512;
  /// Of a connection, beside "/".
  std::size_t namespaces_max = 1024;
};

/// The largest id that every peer can hold: JavaScript's largest exact integer.
inline constexpr std::uint64_t ack_id_max = (std::uint64_t{1} << 53) - 1;

/// A decoded packet. Borrows the text.
struct packet_view {
  packet_type type = packet_type::connect;
  std::uint8_t attachments = 0;
  bool has_id = false;
  std::uint64_t id = 0;  ///< of the acknowledgement asked for or given, at most ack_id_max
  std::string_view nsp = "/";
  std::string_view data{};  ///< JSON, empty when there is none
  json_summary summary{};   ///< of `data`

  /// The first element of `data`: the name of an event, with its quotes when it is a string.
  [[nodiscard]] std::string_view first() const noexcept {
    return {data.data() + summary.first_begin, summary.first_end - summary.first_begin};
  }
  /// The name of an event as it stands in the text, between its quotes; empty when the event has no payload.
  /// A number stands as itself.
  [[nodiscard]] std::string_view name_raw() const noexcept {
    std::string_view const name = first();
    return name.starts_with('"') ? json_string_raw(name) : name;
  }
  /// Whether name_raw() must go through json_unescape() to be the name.
  [[nodiscard]] bool name_escaped() const noexcept { return json_escaped(name_raw()); }
};

/// Event names that the protocol keeps for itself.
inline constexpr std::array<std::string_view, 6> reserved_events{
    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};

/// Whether a name is one of them: `raw` may hold escapes.
[[nodiscard]] inline bool is_reserved_event(std::string_view raw) noexcept {
  switch (raw.empty() ? '\0' : raw.front()) {
    case 'c':
    case 'd':
    case 'n':
    case 'r':
    case '\\': break;
    default: return false;  // as nearly every name: none of them begins so
  }
  for (auto const name : reserved_events) {
    if (json_string_equals(raw, name)) return true;
  }
  return false;
}

namespace impl {

struct digits {
  bool any = false;
  bool fits = true;
  std::uint64_t value = 0;
};

/// Takes decimal digits off the front of `text`. Precondition: most < 2^60.
[[nodiscard]] constexpr digits take_digits(std::string_view& text, std::uint64_t most) noexcept {
  digits out;
  std::size_t at = 0;
  for (; at < text.size() && siokit::impl::json_digit(text[at]); ++at) {
    out.value = out.value * 10 + static_cast<std::uint64_t>(text[at] - '0');
    if (out.value > most) {
      out.fits = false;
      out.value = most;  // keeps the next step from overflowing
    }
  }
  text.remove_prefix(at);
  out.any = at != 0;
  return out;
}

/// Whether the payload fits the type.
[[nodiscard]] inline errc check_payload(packet_view const& in) noexcept {
  if (in.data.empty()) return errc::ok;
  json_kind const kind = in.summary.kind;
  auto const ok_if = [](bool fits) { return fits ? errc::ok : errc::invalid_payload; };
  switch (in.type) {
    case packet_type::connect: return ok_if(kind == json_kind::object);
    case packet_type::disconnect: return errc::invalid_payload;
    case packet_type::connect_error: return ok_if(kind == json_kind::object || kind == json_kind::string);
    case packet_type::ack:
    case packet_type::binary_ack: return ok_if(kind == json_kind::array);
    case packet_type::event:
    case packet_type::binary_event: break;
  }
  if (kind != json_kind::array || in.summary.count == 0) return errc::invalid_payload;
  json_kind const name = siokit::impl::json_kind_of(in.first().front());
  if (name == json_kind::number) return errc::ok;
  if (name != json_kind::string) return errc::invalid_payload;
  return is_reserved_event(in.name_raw()) ? errc::reserved_event : errc::ok;
}

/// decode_packet() into `out`, which is a new one. errc::ok: all is well.
[[nodiscard]] inline error read_packet(std::string_view text, decoder_limits const& limits,
                                       packet_view& out) noexcept {
  if (text.empty()) return {errc::empty_packet, side::remote};
  if (text[0] < '0' || text[0] > '6') return {errc::unknown_packet_type, side::remote};
  out.type = static_cast<packet_type>(text[0] - '0');
  std::string_view rest(text.data() + 1, text.size() - 1);
  auto const fail = [&](errc code, std::size_t further = 0) {
    return error{code, side::remote, text.size() - rest.size() + further};
  };
  if (is_binary(out.type)) {
    auto const count = take_digits(rest, 255);
    if (!rest.starts_with('-') || count.value == 0) return fail(errc::illegal_attachments);
    if (!count.fits || count.value > limits.max_attachments) return fail(errc::too_many_attachments);
    out.attachments = static_cast<std::uint8_t>(count.value);
    rest.remove_prefix(1);
  }
  if (rest.starts_with('/')) {
    out.nsp = rest.substr(0, rest.find(','));
    if (out.nsp.size() > limits.nsp_bytes_max) return fail(errc::namespace_too_long);
    rest.remove_prefix(out.nsp.size() < rest.size() ? out.nsp.size() + 1 : rest.size());
  }
  auto const id = take_digits(rest, ack_id_max);
  if (!id.fits) return fail(errc::ack_id_too_large);
  out.has_id = id.any;
  out.id = id.value;
  if (rest.empty()) return {};
  if (siokit::impl::json_space(rest[0])) return fail(errc::bad_json);
  error const scanned = siokit::impl::scan_json_into(out.summary, rest, limits.json_depth_max);
  if (scanned.code != errc::ok) return fail(scanned.code, scanned.offset);
  out.data = rest;
  if (errc const code = check_payload(out); code != errc::ok) return fail(code);
  return {};
}

}  // namespace impl

/// Reads a packet. As upstream, an EVENT or ACK without any payload is one: `data` is empty.
/// Errors, remote: empty_packet, unknown_packet_type, illegal_attachments, too_many_attachments,
/// namespace_too_long, ack_id_too_large, bad_json, json_too_deep, invalid_payload, reserved_event.
[[nodiscard]] inline result<packet_view> decode_packet(std::string_view text,
                                                       decoder_limits const& limits) noexcept {
  result<packet_view> out(packet_view{});
  if (error const why = impl::read_packet(text, limits, *out); why.code != errc::ok)
    out = tl::unexpected(why);
  return out;
}

}  // namespace siokit::inline v0::socketio
