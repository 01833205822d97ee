// siokit/websocket/deflate.hpp - what is agreed about compression.   SPDX-License-Identifier: MIT
// Spec: RFC 7692, section 7.1.  In: the value of Sec-WebSocket-Extensions. Out: agreed, declined, nonsense.
// Contexts are never kept from one message to the next, so that an idle connection owns no window; the codec
// itself is the host's (net/deflate.hpp has zlib).
#pragma once

#include "siokit/websocket/handshake.hpp"

namespace siokit::inline v0::websocket {

/// What a client asks for.
inline constexpr std::string_view deflate_offer =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

namespace impl {
/// server_max_window_bits=8 to 15, the value in quotes or not.
[[nodiscard]] constexpr bool is_window_bits(std::string_view value) noexcept {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return value == "8" || value == "9" ||
         (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5');
}
}  // namespace impl

/// Reads a server's answer to deflate_offer. False: it declines, nothing is compressed. Error, remote:
/// ws_bad_handshake, if it answers what was not offered, or names something twice.
[[nodiscard]] constexpr result<bool> read_deflate_answer(std::string_view extensions) noexcept {
  if (extensions.empty()) return false;
  bool first = true, client = false, server = false, bits = false;
  while (first || !extensions.empty()) {
    std::size_t const end = std::min(extensions.find(';'), extensions.size());
    std::string_view const part = trimmed(extensions.substr(0, end));
    extensions.remove_prefix(std::min(end + 1, extensions.size()));
    if (std::exchange(first, false)) {
      if (part != "permessage-deflate") return remote_error(errc::ws_bad_handshake);
      continue;
    }
    std::size_t const equals = std::min(part.find('='), part.size());
    std::string_view const name = part.substr(0, equals);
    bool const known = name == "server_max_window_bits"
                           ? equals < part.size() && impl::is_window_bits(part.substr(equals + 1)) &&
                                 !std::exchange(bits, true)
                       : part == "client_no_context_takeover" ? !std::exchange(client, true)
                       : part == "server_no_context_takeover" ? !std::exchange(server, true)
                                                              : false;
    if (!known) return remote_error(errc::ws_bad_handshake);
  }
  if (!server) return remote_error(errc::ws_bad_handshake);  // it must keep to what was asked
  return true;
}

}  // namespace siokit::inline v0::websocket
