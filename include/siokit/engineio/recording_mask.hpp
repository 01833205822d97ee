// siokit/engineio/recording_mask.hpp - what a recording keeps to itself.   SPDX-License-Identifier: MIT
// In and out: the bytes that a session is given, changed in place. Every length stays as it is, counted in
// bytes and in UTF-16 units, and so does what a session looks at: types, separators, whether text is UTF-8.
// So the masked bytes are handled as the real ones were. Owns nothing.
//
//   text     letters become x, digits 1 or, in strings of JSON, x; characters beyond ASCII one of the same
//            length; punctuation, what a backslash escapes, and the words of JSON stay, so that it stays JSON
//   binary   zeros, also as base64
//
// secrets: all that follows the type of a Socket.IO CONNECT, but the name of its namespace: auth in the one
// direction, sid and pid in the other. As MessagePack it is a binary message, and masked as a whole.
// everything: all that follows the types of Engine.IO and Socket.IO; counts of attachments stay.
#pragma once

#include "siokit/engineio/recording.hpp"

namespace siokit::inline v0::engineio {
namespace impl {

[[nodiscard]] constexpr bool mask_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr bool mask_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool mask_hex(char c) noexcept {
  return mask_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// What is beyond ASCII. The two line ends of Unicode stay, since JSONP writes them in another length. What
/// is no UTF-8 stays none, and counts as many UTF-16 units.
inline std::size_t mask_character(char* at, char const* end) noexcept {
  std::size_t const size = siokit::impl::utf8_character(at, end);
  if (size == 0) {
    auto const byte = static_cast<unsigned char>(*at);
    *at = byte >= 0xF0 ? '\xFF' : byte >= 0xC0 ? '\xC0' : '\x80';
    return 1;
  }
  constexpr std::string_view other[] = {"\xC3\xB7", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  std::string_view const was(at, size);
  if (was == "\xE2\x80\xA8" || was == "\xE2\x80\xA9") return size;
  std::copy(other[size - 2].begin(), other[size - 2].end(), at);
  return size;
}

/// The length of what stays as it is at the front of `rest`, which is ASCII: see above.
[[nodiscard]] inline std::size_t mask_spares(std::string_view rest, bool in_string, char before) noexcept {
  if (rest[0] == '\\') return std::min<std::size_t>(rest.size(), 2);
  if (in_string) return 0;
  bool const exponent = (rest[0] == 'e' || rest[0] == 'E') && mask_digit(before);
  if (exponent) return 1;
  for (std::string_view const word : {"true", "false", "null"}) {
    bool const whole =
        rest.size() == word.size() || !mask_letter(rest[std::min(word.size(), rest.size() - 1)]);
    if (rest.starts_with(word) && whole && !mask_letter(before)) return word.size();
  }
  return 0;
}

inline void mask_text(std::span<char> text) noexcept {
  bool in_string = false;
  char before = '\0';  // as it was
  for (std::size_t i = 0; i < text.size();) {
    char& c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      i += mask_character(&c, text.data() + text.size());
      before = '\0';
      continue;
    }
    if (c == '"') in_string = !in_string;
    std::size_t const spared = mask_spares({&c, text.size() - i}, in_string, before);
    before = c;
    bool const hidden = mask_letter(c) || (in_string && (mask_digit(c) || c == '-' || c == '_'));
    if (spared == 0) c = hidden ? 'x' : mask_digit(c) ? '1' : c;
    // An escaped character beyond ASCII is none that JSON knows.
    bool const whole = spared != 2 || static_cast<unsigned char>(text[i + 1]) < 0x80;
    bool const code = spared == 2 && text[i + 1] == 'u';
    i += whole ? std::max<std::size_t>(spared, 1) : 1;
    for (std::size_t const end = std::min(i + (code ? 4 : 0), text.size()); i < end && mask_hex(text[i]);
         ++i) {
      text[i] = '1';
    }
  }
}

inline void mask_base64(std::span<char> text) noexcept {
  for (char& c : text) {
    if (siokit::impl::base64_values[static_cast<unsigned char>(c)] < 64) c = 'A';
  }
}

/// Whether a binary message looks like a CONNECT as socket.io-msgpack-parser writes it.
[[nodiscard]] inline bool is_msgpack_connect(std::string_view data) noexcept {
  constexpr std::string_view type("\xA4type\0", 6);
  return !data.empty() && (static_cast<unsigned char>(data[0]) & 0xF0) == 0x80 &&
         data.find(type) != data.npos;
}

inline void mask_binary(std::span<char> data, recording_mask mask) noexcept {
  if (mask == recording_mask::everything || is_msgpack_connect({data.data(), data.size()})) {
    std::fill(data.begin(), data.end(), '\0');
  }
}

/// Whether a packet is of the namespace of the Admin UI, which tells of the requests of others.
[[nodiscard]] inline bool is_of_admin_ui(std::string_view packet) noexcept {
  std::string_view const nsp =
      packet.substr(std::min(packet.find_first_not_of("0123456789-"), packet.size()));
  return nsp.starts_with("/admin,");
}

/// The data of a message of text, which may be a Socket.IO packet: what follows its head.
inline void mask_message(std::span<char> text, recording_mask mask) noexcept {
  std::string_view const view(text.data(), text.size());
  std::size_t kept = !view.empty() && view[0] >= '0' && view[0] <= '6' ? 1 : 0;
  bool const connects = view.starts_with('0');
  if (mask == recording_mask::secrets) {
    if (!connects && !is_of_admin_ui(view)) return;
    if (connects && view.starts_with("0/")) kept = std::min(view.find_first_of("?,"), view.size());
    if (!connects) kept = view.find(',');
  } else if (view.starts_with('5') || view.starts_with('6')) {
    std::size_t const dash = view.find('-');
    if (dash < 5 && view.find_first_not_of("0123456789") == dash) kept = dash + 1;
  }
  std::size_t const query_end =
      connects && view.substr(kept).starts_with('?') ? std::min(view.find(',', kept), view.size()) : kept;
  for (char& c : text.subspan(kept, query_end - kept)) {
    if (mask_letter(c) || mask_digit(c) || c == '-' || c == '_' || c == '%') c = 'x';
  }
  mask_text(text.subspan(query_end));
}

/// One packet, as a WebSocket or a payload of this revision carries it.
inline void mask_packet(std::span<char> packet, frame_kind kind, std::uint8_t revision, recording_mask mask) {
  if (packet.empty()) return;
  if (kind == frame_kind::binary) return mask_binary(packet.subspan(revision == 3 ? 1 : 0), mask);
  if (packet[0] == 'b') {
    std::span<char> const text = packet.subspan(std::min<std::size_t>(revision == 3 ? 2 : 1, packet.size()));
    std::string bytes(text.size(), '\0');
    bytes.resize(base64_decode({text.data(), text.size()}, bytes.data()));
    if (mask == recording_mask::everything || is_msgpack_connect(bytes)) mask_base64(text);
    return;
  }
  if (static_cast<unsigned char>(packet[0]) >= 0x80) return mask_text(packet);  // no type, but a character
  std::span<char> const data = packet.subspan(1);
  if (packet[0] == '4') return mask_message(data, mask);
  // A probe stays one; what else stands behind other types is of no use to anybody.
  bool const probe = std::string_view(data.data(), data.size()) == "probe";
  if (!probe) mask_text(data);
}

/// A payload of revision 3. What is no packet fails as it did: at its length.
inline void mask_payload3(std::span<char> body, bool binary, recording_mask mask) {
  while (!body.empty()) {
    std::span<char> rest = binary ? body.subspan(1) : body;
    bool const text = !binary || body[0] == 0;
    auto const length =
        binary ? revision3::impl::take_length(rest, 0, 0xFF) : revision3::impl::take_length(rest, '0', ':');
    auto const size = !length  ? std::nullopt
                      : binary ? std::optional<std::size_t>(static_cast<std::size_t>(*length))
                               : utf16_prefix({rest.data(), rest.size()}, *length);
    if (!size || *size > rest.size()) {
      if (binary)
        return std::fill(rest.begin(), rest.end(), '\0');  // digits without an end, if they are read
      std::size_t kept = 0;
      while (kept < rest.size() && kept < 12 && (mask_digit(rest[kept]) || rest[kept] == ':')) ++kept;
      return mask_text(rest.subspan(kept));
    }
    mask_packet(rest.first(*size), text ? frame_kind::text : frame_kind::binary, 3, mask);
    body = rest.subspan(*size);
  }
}

inline void mask_payload(std::span<char> body, payload_form form, recording_mask mask) {
  if (form != payload_form::separated) return mask_payload3(body, form == payload_form::binary, mask);
  while (!body.empty()) {
    std::string_view const view(body.data(), body.size());
    std::size_t const end = std::min(view.find(payload_separator), view.size());
    mask_packet(body.first(end), frame_kind::text, 4, mask);
    body = body.subspan(std::min(end + 1, view.size()));
  }
}

/// A form of JSONP: only its field `d` is kept, with as little encoding as it needs; the rest is filled up.
[[nodiscard]] inline std::string masked_form(std::string_view form, payload_form of, recording_mask mask) {
  std::string out;
  if (auto payload = jsonp_payload(form)) {
    mask_payload(*payload, of, mask);
    out = "d=";
    for (std::size_t i = 0; i < payload->size(); ++i) {
      char const c = (*payload)[i];
      bool const line_feed = c == '\\' && i + 1 < payload->size() && (*payload)[i + 1] == 'n';
      if (line_feed) out += '\\';
      c == '%' || c == '&' || c == '+' ? void(out += percent_encode({&c, 1})) : void(out += c);
    }
  }
  if (out.size() < form.size()) out.resize(form.size(), '&');
  return out;
}

}  // namespace impl
}  // namespace siokit::inline v0::engineio
