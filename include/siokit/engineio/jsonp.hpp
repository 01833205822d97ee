// siokit/engineio/jsonp.hpp - polling for browsers that knew no other way across origins.
// SPDX-License-Identifier: MIT
// Spec: none but the official server: GET answers a script, POST brings a form. A session uses it when its
// handshake has the parameter `j`. Pure text in, text out.
#pragma once

#include <string>

#include "siokit/core/json_write.hpp"
#include "siokit/engineio/query.hpp"

namespace siokit::inline v0::engineio {

/// What stands before the payload in every script, for this value of `j`: of which only digits are taken.
[[nodiscard]] inline std::string jsonp_head(std::string_view j) {
  std::string out = "___eio[";
  for (char const c : percent_decode(j)) {
    if (c >= '0' && c <= '9') out += c;
  }
  return out += "](";
}

/// The script that hands over a payload: `___eio[0]("...");`
[[nodiscard]] inline std::string jsonp_script(std::string_view head, std::string_view payload) {
  std::string out(head);
  json_write(out, payload);
  // JSON may hold two line ends that a string of old JavaScript may not.
  constexpr std::string_view separator = "\xE2\x80\xA8", escape = "\\u2028";
  for (auto at = out.find(separator.substr(0, 2)); at != out.npos;
       at = out.find(separator.substr(0, 2), at + 1)) {
    char const last = out[at + 2];  // UTF-8: there is one
    if (last != separator[2] && last != separator[2] + 1) continue;
    out.replace(at, separator.size(), escape);
    if (last != separator[2]) out[at + 5] = '9';
  }
  return out += ");";
}

/// The payload in a form `d=...`, in which `\n` is a line feed and `\\n` are the characters backslash and n.
/// Nullopt without such a field, or with several.
[[nodiscard]] inline std::optional<std::string> jsonp_payload(std::string_view form) {
  std::optional<std::string_view> found;
  for (auto fields = query_view::of_form(form); auto const field = fields.next();) {
    if (field->key != "d") continue;
    if (found) return std::nullopt;
    found = field->value;
  }
  if (!found) return std::nullopt;
  std::string const text = percent_decode(*found);
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    if (rest.starts_with("\\n")) {
      out += '\n';
      rest.remove_prefix(2);
    } else if (rest.starts_with("\\\\n")) {
      out += "\\n";
      rest.remove_prefix(3);
    } else {
      out += rest.front();
      rest.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace siokit::inline v0::engineio
