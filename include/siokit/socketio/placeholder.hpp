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
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t num = none;  ///< none: it names nothing that can be an index
};

namespace impl {

/// An object that is not closed yet.
struct open_object {
  std::size_t begin;
  bool marked = false;
  std::uint32_t num = placeholder::none;

  /// A member of it; `value` is all the text from its value on. Of equal keys the last one counts.
  void note(std::string_view key, std::string_view value) noexcept {
    if (json_string_equals(key, "_placeholder")) marked = value.starts_with("true");
    if (json_string_equals(key, "num")) {
      bool const number = json_kind_at(value) == json_kind::number;
      value = value.substr(0, number ? json_skip(value, 0) : 0);
      num = json_number<std::uint32_t>(value).value_or(placeholder::none);
    }
  }
};

}  // namespace impl

/// The placeholders of `json` in order. What stands inside one is part of it, and not looked at.
[[nodiscard]] inline std::vector<placeholder> find_placeholders(std::string_view json) {
  constexpr std::string_view space = " \t\r\n";
  std::vector<impl::open_object> open;
  std::vector<placeholder> found;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == '{') open.push_back({at});
    if (json[at] == '}' && !open.empty()) {
      auto const [begin, marked, num] = open.back();
      open.pop_back();
      if (!marked) continue;
      while (!found.empty() && found.back().begin > begin) found.pop_back();
      found.push_back({begin, at + 1, num});
    }
    if (json[at] != '"') continue;
    std::size_t const end = json_skip(json, at);
    std::string_view const text = json_string_raw(json.substr(at, end - at));
    at = end - 1;
    std::size_t const colon = json.find_first_not_of(space, end);
    if (open.empty() || colon == json.npos || json[colon] != ':') continue;  // not a key
    std::size_t const value = json.find_first_not_of(space, colon + 1);
    if (value != json.npos) open.back().note(text, json.substr(value));
  }
  return found;
}

/// Whether every placeholder of `json` names one of `count` attachments.
[[nodiscard]] inline bool placeholders_fit(std::string_view json, std::size_t count) {
  for (auto const& each : find_placeholders(json)) {
    if (each.num >= count) return false;
  }
  return true;
}

}  // namespace siokit::inline v0::socketio
