// siokit/engineio/cors.hpp - which pages of other origins may use a server.   SPDX-License-Identifier: MIT
// Spec: Fetch, "CORS protocol"; options and answers are those of the official server.
// In: options and a request. Out: headers of its answer. Pure; the host asks before the engine sees the
// request.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "siokit/engineio/request.hpp"

namespace siokit::inline v0::engineio {

/// Whose pages may read the answers.
class cors_origin {
 public:
  enum class kind : std::uint8_t {
    none,     ///< nobody's: no header of CORS is sent
    request,  ///< everybody's: the origin of the request is sent back
    any,      ///< everybody's: `*` is sent, with which browsers send no credentials
    one,      ///< this one's, whoever asks
    list,     ///< those of a list: the origin of the request is sent back if it is among them
  };

  /// True: every origin, reflected. False: none.
  cors_origin(bool reflect) : kind_(reflect ? kind::request : kind::none) {}
  /// "*", one origin, or one pattern of a list.
  cors_origin(std::string one) {
    if (one.empty()) return;
    bool const pattern = one.find('*') != one.npos;
    kind_ = one == "*" ? kind::any : pattern ? kind::list : kind::one;
    names_.push_back(std::move(one));
  }
  cors_origin(char const* one) : cors_origin(std::string(one)) {}
  /// Origins, such as "https://example.org". A `*` in one stands for any text without a slash.
  cors_origin(std::vector<std::string> list) : kind_(kind::list), names_(std::move(list)) {}
  cors_origin(std::initializer_list<char const*> list)
      : kind_(kind::list), names_(list.begin(), list.end()) {}

  [[nodiscard]] kind type() const noexcept { return kind_; }
  [[nodiscard]] std::vector<std::string> const& names() const noexcept { return names_; }
  /// Whether a list has this origin.
  [[nodiscard]] bool has(std::string_view origin) const noexcept {
    return std::any_of(names_.begin(), names_.end(),
                       [origin](std::string const& each) { return matches(each, origin); });
  }

 private:
  /// On a mismatch the last `*` takes one character more: linear in space, and patterns are the server's own.
  [[nodiscard]] static bool matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0, t = 0, star = pattern.npos, taken = 0;
    while (t < text.size()) {
      if (p < pattern.size() && pattern[p] == '*') {
        star = p++;
        taken = t;
      } else if (p < pattern.size() && pattern[p] == text[t]) {
        ++p, ++t;
      } else if (star != pattern.npos && text[taken] != '/') {
        p = star + 1;
        t = ++taken;
      } else {
        return false;
      }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
  }

  kind kind_ = kind::none;
  std::vector<std::string> names_;
};

/// Lists are text joined by commas, as they stand in the headers.
struct cors_options {
  cors_origin origin = "*";
  std::string methods = "GET,HEAD,PUT,PATCH,POST,DELETE";
  /// Headers that a page may send; empty: whatever it asks for.
  std::string allowed_headers{};
  /// Headers of answers that a page may read.
  std::string exposed_headers{};
  bool credentials = false;
  /// How long a browser may keep the answer to a preflight.
  std::optional<std::chrono::seconds> max_age{};
  /// Leave OPTIONS to middlewares and the engine.
  bool preflight_continue = false;
  std::uint16_t options_success_status = 204;
};

/// Whether the host answers this request itself, with options_success_status, the headers and no body.
[[nodiscard]] inline bool is_preflight(cors_options const& options, request const& in) noexcept {
  return in.method == "OPTIONS" && !options.preflight_continue &&
         options.origin.type() != cors_origin::kind::none;
}

/// Appends what any answer to this request says of CORS: with OPTIONS, what a preflight asks. Text of the
/// request that could not stand in a header is left out.
inline void append_cors_headers(cors_options const& options, request const& in,
                                std::vector<owned_header>& out) {
  using kind = cors_origin::kind;
  kind const type = options.origin.type();
  if (type == kind::none) return;
  std::string vary = type == kind::any ? "" : "Origin";
  auto const add = [&out](char const* name, std::string value) {
    if (!value.empty()) out.push_back({name, std::move(value)});
  };
  auto const of_request = [&in](std::string_view name) {
    auto const value = in.find(name).value_or("");
    return valid_header_value(value) ? std::string(value) : std::string();
  };
  std::string origin = of_request("origin");
  if (type == kind::list && !options.origin.has(origin)) origin.clear();
  bool const fixed = type == kind::any || type == kind::one;
  add("Access-Control-Allow-Origin", fixed ? options.origin.names()[0] : origin);
  if (options.credentials) add("Access-Control-Allow-Credentials", "true");
  if (in.method == "OPTIONS") {
    add("Access-Control-Allow-Methods", options.methods);
    if (options.allowed_headers.empty()) {
      vary += vary.empty() ? "Access-Control-Request-Headers" : ", Access-Control-Request-Headers";
      add("Access-Control-Allow-Headers", of_request("access-control-request-headers"));
    } else {
      add("Access-Control-Allow-Headers", options.allowed_headers);
    }
    if (options.max_age) add("Access-Control-Max-Age", std::to_string(options.max_age->count()));
  }
  add("Access-Control-Expose-Headers", options.exposed_headers);
  add("Vary", std::move(vary));
}

}  // namespace siokit::inline v0::engineio
