// siokit/net/url.hpp - where a server is.   SPDX-License-Identifier: MIT
// Spec: RFC 3986, as far as addresses of servers need it.  In: text.  Out: parts, or a sentence about what is
// wrong.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>

#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

struct url {
  bool secure = false;
  std::string host{};      ///< without the brackets of IPv6
  std::uint16_t port = 0;  ///< never 0
  std::string path{};      ///< begins with '/'
  std::string query{};     ///< without '?'
  std::string user_info{};

  [[nodiscard]] std::string bracketed_host() const {
    return host.find(':') == host.npos ? host : "[" + host + "]";
  }
  /// As the Host header has it: the port of the scheme is left out.
  [[nodiscard]] std::string authority() const {
    std::string out = bracketed_host();
    if (port != (secure ? 443 : 80)) out.append(":") += std::to_string(port);
    return out;
  }
};

/// http, https, ws or wss; a URL without scheme is one of http. Error: a sentence.
[[nodiscard]] inline tl::expected<url, std::string> parse_url(std::string_view text) {
  auto const wrong = [&text](std::string_view what) {
    return tl::unexpected("URL \"" + std::string(text) + "\": " + std::string(what));
  };
  url out;
  std::string_view rest = text;
  if (auto const end = rest.find("://"); end < rest.find_first_of("/?#")) {
    std::string_view const scheme = rest.substr(0, end);
    auto const is = [scheme](std::string_view name) { return same_header_name(scheme, name); };
    out.secure = is("https") || is("wss");
    if (!out.secure && !is("http") && !is("ws")) return wrong("expected the scheme http, https, ws or wss");
    rest.remove_prefix(end + 3);
  }
  for (char const c : rest) {
    if (c <= ' ' || c > '~') return wrong("expected no blanks, and other characters percent-encoded");
  }
  rest = rest.substr(0, rest.find('#'));
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (auto const end = authority.rfind('@'); end != authority.npos) {
    out.user_info = authority.substr(0, end);
    authority.remove_prefix(end + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    auto const end = authority.find(']');
    if (end == authority.npos) return wrong("expected ] behind the address");
    out.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    out.host = authority.substr(0, authority.find(':'));
    port = authority.substr(out.host.size());
  }
  if (out.host.empty()) return wrong("expected a host");
  if (out.host.find_first_of("[]") != out.host.npos) return wrong("expected no bracket within the host");
  out.port = out.secure ? 443 : 80;
  if (!port.empty()) {
    auto const read = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
    bool const whole = read.ec == std::errc{} && read.ptr == port.data() + port.size();
    if (port[0] != ':' || !whole || out.port == 0) return wrong("expected a port from 1 to 65535");
  }
  auto const question = rest.find('?');
  out.path = rest.substr(0, question);
  if (out.path.empty()) out.path = "/";
  if (question != rest.npos) out.query = rest.substr(question + 1);
  return out;
}

}  // namespace siokit::inline v0::net
