// siokit/socketio/placeholder.hpp - where attachments stand in a JSON text.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5: an object with "_placeholder": true and "num": index stands for an
// attachment. One pass over text that scan_json() accepted. Allocates; only binary packets come here.
#pragma once

#include <vector>

#include "siokit/core/json_scan.hpp"

namespace siokit::inline v0::socketio {

/// One placeholder: the object [begin, end) of the text, and the index it names.
struct placeholder {
  static constexpr std::uint32_t none = UINT32_MAX;
  std::size_t begin;
  std::size_t end;
  std::uint32_t num;  ///< none: it names nothing that can be an index
};

/// The placeholders of `json` in order. One inside another counts as part of the outer one.
[[nodiscard]] inline std::vector<placeholder> find_placeholders(std::string_view json) {
  struct level {
    std::size_t begin;
    bool marked = false;
    std::uint32_t num = placeholder::none;
  };
  constexpr std::string_view space = " \t\r\n";
  std::vector<level> open;
  std::vector<placeholder> found;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '{') open.push_back({at});
    if (json[at] == '}' && !open.empty()) {
      level const& top = open.back();
      if (top.marked) {
        while (!found.empty() && found.back().begin > top.begin) found.pop_back();
        found.push_back({top.begin, at + 1, top.num});
      }
      open.pop_back();
    }
    if (json[at] != '"') continue;
    std::size_t const end = json_skip(json, at);
    std::string_view const key = json_string_raw(json.substr(at, end - at));
    at = end - 1;
    std::size_t const colon = json.find_first_not_of(space, end);
    if (open.empty() || colon == std::string_view::npos || json[colon] != ':')
      continue;  // a string, not a key
    std::size_t const value = std::min(json.find_first_not_of(space, colon + 1), json.size());
    std::string_view const text = json.substr(value, json_skip(json, value) - value);
    if (json_string_equals(key, "_placeholder")) open.back().marked = text == "true";
    if (json_string_equals(key, "num")) {
      auto const index = text.starts_with('{') || text.starts_with('[')
                             ? result<std::uint32_t>(placeholder::none)
                             : json_number<std::uint32_t>(text);
      open.back().num = index.value_or(placeholder::none);
    }
  }
  return found;
}

}  // namespace siokit::inline v0::socketio
