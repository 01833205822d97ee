// siokit/engineio/cookie.hpp - the cookie that names a session.   SPDX-License-Identifier: MIT
// Spec: RFC 6265, section 4.1; options are those of the official server. Load balancers use it to keep a
// client of polling with one process. Pure: options and an id in, the value of Set-Cookie out.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "siokit/engineio/query.hpp"

namespace siokit::inline v0::engineio {

enum class same_site : std::uint8_t { unset, lax, strict, none };

/// Only the answer to a polling handshake sets it.
struct cookie_options {
  std::string name = "io";
  std::string path = "/";                         ///< empty: that of the request
  std::string domain{};                           ///< empty: the host alone
  std::optional<std::chrono::seconds> max_age{};  ///< none: until the browser is closed
  bool http_only = true;
  bool secure = false;
  engineio::same_site same_site = engineio::same_site::lax;
};

/// `io=<sid>; Path=/; HttpOnly; SameSite=Lax`
[[nodiscard]] inline std::string encode_cookie(cookie_options const& options, std::string_view sid) {
  std::string out = options.name + '=' + percent_encode(sid);
  if (options.max_age) out += "; Max-Age=" + std::to_string(options.max_age->count());
  if (!options.domain.empty()) out += "; Domain=" + options.domain;
  if (!options.path.empty()) out += "; Path=" + options.path;
  if (options.http_only) out += "; HttpOnly";
  if (options.secure) out += "; Secure";
  switch (options.same_site) {
    case same_site::unset: break;
    case same_site::lax: out += "; SameSite=Lax"; break;
    case same_site::strict: out += "; SameSite=Strict"; break;
    case same_site::none: out += "; SameSite=None"; break;
  }
  return out;
}

}  // namespace siokit::inline v0::engineio
