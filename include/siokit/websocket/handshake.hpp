// siokit/websocket/handshake.hpp - from HTTP to WebSocket.   SPDX-License-Identifier: MIT
// Spec: RFC 6455, sections 1.3, 4.1 and 4.2.  In: the values of HTTP headers, parsed by the host. Out: yes or
// no, the accept key, the text of request and response. SHA-1 and random bytes are the host's.
// Owns nothing; append_* grow a string.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "siokit/core/base64.hpp"
#include "siokit/core/error.hpp"
#include "siokit/core/header.hpp"

namespace siokit::inline v0::websocket {

/// What a handshake request says, borrowed; empty where a header is missing. A header that came in several
/// lines is given joined by commas. That the request is HTTP/1.1 and names a host is checked by the host.
struct handshake_headers {
  std::string_view method{};
  std::string_view upgrade{};
  std::string_view connection{};
  std::string_view version{};  ///< Sec-WebSocket-Version
  std::string_view key{};      ///< Sec-WebSocket-Key
};

/// The text of a handshake request. Borrows it.
struct handshake_text {
  std::string_view target{};  ///< path and query, not empty
  std::string_view key{};     ///< for accept_key()
  std::vector<header> headers{};
};

/// What the response to a handshake says, in the same way.
struct handshake_answer {
  std::uint16_t status = 0;
  std::string_view upgrade{};
  std::string_view connection{};
  std::string_view accept{};      ///< Sec-WebSocket-Accept
  std::string_view extensions{};  ///< Sec-WebSocket-Extensions that were not asked for
  std::string_view protocol{};    ///< Sec-WebSocket-Protocol that was not asked for
};

using request_key = std::array<char, 24>;
using response_key = std::array<char, 28>;

namespace impl {
/// Whether a comma-separated list holds `token`, case ignored.
[[nodiscard]] constexpr bool has_token(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    std::string_view const item = list.substr(0, list.find(','));
    list.remove_prefix(item.size() == list.size() ? item.size() : item.size() + 1);
    if (same_header_name(trimmed(item), token)) return true;
  }
  return false;
}

/// Whether this is the base64 of 16 bytes.
[[nodiscard]] constexpr bool is_request_key(std::string_view key) noexcept {
  if (key.size() != std::tuple_size_v<request_key> || !key.ends_with("==")) return false;
  bool good = true;
  for (char const c : key.substr(0, 22)) {
    good &= siokit::impl::base64_values[static_cast<unsigned char>(c)] < 64 && c != '-' && c != '_';
  }
  return good;
}

/// Whether this can stand in one line of a request or a response.
[[nodiscard]] constexpr bool is_one_line(std::string_view text) noexcept {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

template <class Headers>
[[nodiscard]] constexpr bool are_lines(Headers const& headers) noexcept {
  for (auto const& [name, value] : headers) {
    if (!is_token(name) || !is_field_value(value)) return false;
  }
  return true;
}

inline void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

template <class Headers>
void append_lines(std::string& out, Headers const& headers) {
  for (auto const& [name, value] : headers) append_line(out, name, value);
  out += "\r\n";
}
}  // namespace impl

/// The value of Sec-WebSocket-Accept for a key. `sha1(std::string_view)` returns the 20 bytes as a
/// std::array<unsigned char, 20>. Precondition: `key` is one that verify_request() let pass.
template <class Sha1>
[[nodiscard]] response_key accept_key(std::string_view key, Sha1&& sha1) {
  constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<char, std::tuple_size_v<request_key> + guid.size()> text;
  std::size_t const size = key.copy(text.data(), std::tuple_size_v<request_key>);
  guid.copy(text.data() + size, guid.size());
  std::array<unsigned char, 20> const digest = sha1(std::string_view(text.data(), size + guid.size()));
  response_key out;
  base64_encode({reinterpret_cast<char const*>(digest.data()), digest.size()}, out.data());
  return out;
}

/// The key of a client's request, from 16 random bytes.
[[nodiscard]] inline request_key make_key(std::array<unsigned char, 16> const& random) noexcept {
  request_key out;
  base64_encode({reinterpret_cast<char const*>(random.data()), random.size()}, out.data());
  return out;
}

/// Whether a server may answer this request with append_response(). Else: ws_bad_handshake, blame remote.
[[nodiscard]] inline result<void> verify_request(handshake_headers const& in) noexcept {
  bool const good = in.method == "GET" && impl::has_token(in.upgrade, "websocket") &&
                    impl::has_token(in.connection, "upgrade") && in.version == "13" &&
                    impl::is_request_key(in.key);
  if (!good) return remote_error(errc::ws_bad_handshake);
  return {};
}

/// Reads the text of a request, checked as by verify_request(): for hosts that have no HTTP parser. `text` is
/// all of it, the empty line at its end included. Stricter than HTTP: lines are not folded, bytes that are no
/// text are refused, and so is a header that the handshake is about when it comes twice.
/// Else: ws_bad_handshake, blame remote.
[[nodiscard]] inline result<handshake_text> read_request(std::string_view text) {
  constexpr auto bad = [] { return remote_error(errc::ws_bad_handshake); };
  constexpr std::string_view end = "\r\n", version = " HTTP/1.1";
  std::string_view const first = text.substr(0, text.find(end));
  std::size_t const blank = first.find(' ');
  if (blank == first.npos || !first.ends_with(version)) return bad();
  handshake_text out{.target = first.substr(blank + 1)};
  if (out.target.size() <= version.size()) return bad();
  out.target.remove_suffix(version.size());
  if (!impl::is_one_line(out.target) || out.target.find(' ') != first.npos) return bad();
  for (text.remove_prefix(first.size());;) {
    if (!text.starts_with(end)) return bad();
    text.remove_prefix(end.size());
    if (text == end) break;
    std::string_view const line = text.substr(0, text.find(end));
    std::size_t const colon = line.find_first_of(": \t");
    if (colon == 0 || colon == line.npos || line[colon] != ':' || !impl::is_one_line(line)) return bad();
    out.headers.push_back({line.substr(0, colon), trimmed(line.substr(colon + 1))});
    text.remove_prefix(line.size());
  }
  handshake_headers wants{.method = first.substr(0, blank)};
  struct {
    std::string_view name;
    std::string_view* value;
  } const fields[] = {{"upgrade", &wants.upgrade},
                      {"connection", &wants.connection},
                      {"sec-websocket-version", &wants.version},
                      {"sec-websocket-key", &wants.key}};
  for (header const& each : out.headers) {
    for (auto const& [name, value] : fields) {
      if (!same_header_name(each.name, name)) continue;
      if (!value->empty()) return bad();
      *value = each.value;
    }
  }
  out.key = wants.key;
  if (!verify_request(wants)) return bad();
  return out;
}

/// Whether a client may go on after this response. `accept`: the accept key of the key it sent.
/// Else: ws_bad_handshake, blame remote.
[[nodiscard]] inline result<void> verify_response(handshake_answer const& in,
                                                  std::string_view accept) noexcept {
  bool const good = in.status == 101 && same_header_name(in.upgrade, "websocket") &&
                    impl::has_token(in.connection, "upgrade") && in.accept == accept &&
                    in.extensions.empty() && in.protocol.empty();
  if (!good) return remote_error(errc::ws_bad_handshake);
  return {};
}

/// The response that opens a WebSocket. `extra`: a range of {name, value}, such as a span of header. Fails,
/// with nothing appended and blame local, with invalid_argument when one of them holds a line break.
template <class Headers = std::span<header const>>
[[nodiscard]] result<void> append_response(std::string& out, std::string_view accept,
                                           Headers const& extra = {}) {
  if (!impl::are_lines(extra)) return local_error(errc::invalid_argument);
  out += "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  impl::append_line(out, "Sec-WebSocket-Accept", accept);
  impl::append_lines(out, extra);
  return {};
}

/// The request of a client. `host`: name and port as in a URL; `target`: path and query, not empty and
/// without blanks. Otherwise as append_response().
template <class Headers = std::span<header const>>
[[nodiscard]] result<void> append_request(std::string& out, std::string_view host, std::string_view target,
                                          std::string_view key, Headers const& extra = {}) {
  bool const good = impl::is_one_line(host) && impl::is_one_line(target) && !target.empty() &&
                    target.find(' ') == target.npos && impl::are_lines(extra);
  if (!good) return local_error(errc::invalid_argument);
  out.append("GET ").append(target).append(" HTTP/1.1\r\n");
  impl::append_line(out, "Host", host);
  out += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  impl::append_line(out, "Sec-WebSocket-Key", key);
  impl::append_lines(out, extra);
  return {};
}

}  // namespace siokit::inline v0::websocket
