// siokit/engineio/query.hpp - the query string of a request target.   SPDX-License-Identifier: MIT
// Spec: application/x-www-form-urlencoded (WHATWG URL): pairs joined by '&', percent encoding, '+' for space.
// A view over the target; nothing is decoded until asked for.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "siokit/core/bytes.hpp"
#include "siokit/core/utf8.hpp"

namespace siokit::inline v0::engineio {

/// What a '+' means: a blank in queries and forms, itself in paths.
enum class plus : std::uint8_t { blank, itself };

/// Decodes percent encoding and '+'. A '%' without two hex digits stays as it is; what is not UTF-8 then
/// becomes U+FFFD.
[[nodiscard]] inline std::string percent_decode(std::string_view text, plus meaning = plus::blank) {
  constexpr auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' && meaning == plus::blank ? ' ' : text[i];
    }
  }
  return utf8_valid(out) ? out : utf8_scrubbed(out);
}

/// Encodes everything but letters, digits and "-_.!~*'()", as encodeURIComponent() of JavaScript.
[[nodiscard]] inline std::string percent_encode(std::string_view text) {
  constexpr std::string_view plain = "-_.!~*'()", digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char const c : text) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    auto const byte = static_cast<unsigned char>(c);
    if (letter || plain.find(c) != plain.npos) {
      out += c;
    } else {
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return out;
}

/// One pair of a query, still encoded.
struct query_pair {
  std::string_view key;
  std::string_view value;
};

/// Walks over the pairs of a query string, in order.
class query_view {
 public:
  /// `target`: a request target; what follows its first '?' is read.
  explicit query_view(std::string_view target) noexcept {
    auto const mark = target.find('?');
    if (mark != std::string_view::npos) rest_ = target.substr(mark + 1);
  }
  /// Over the pairs of a form, which has no target before them.
  [[nodiscard]] static query_view of_form(std::string_view text) noexcept {
    query_view out({});
    out.rest_ = text;
    return out;
  }

  [[nodiscard]] std::optional<query_pair> next() noexcept {
    while (!rest_.empty()) {
      auto const end = std::min(rest_.find('&'), rest_.size());
      std::string_view const pair = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      if (pair.empty()) continue;
      auto const equals = std::min(pair.find('='), pair.size());
      return query_pair{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
    }
    return std::nullopt;
  }

  /// The value of the last pair with this key, still encoded; the protocol's own values need no decoding.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const noexcept {
    std::optional<std::string_view> found;
    query_view walk(*this);
    while (auto pair = walk.next()) {
      if (pair->key == key) found = pair->value;
    }
    return found;
  }

 private:
  std::string_view rest_;
};

}  // namespace siokit::inline v0::engineio
