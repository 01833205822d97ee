// siokit/core/json_scan.hpp - JSON checked and sliced, never made a tree.   SPDX-License-Identifier: MIT
// Spec: RFC 8259, and what JSON.parse makes of it.  In: text; that it is UTF-8 was the transport's to check.
// Out: a summary, then slices of the same text, which borrow it; numbers and strings on demand.
// Allocates nothing, recurses nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "siokit/core/error.hpp"
#include "siokit/core/json_scalar.hpp"

namespace siokit::inline v0 {

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object };

/// How deep arrays and objects may nest, unless asked otherwise. 1: an array of scalars.
inline constexpr std::uint16_t json_depth_default = 128;
inline constexpr std::uint16_t json_depth_max = 1024;

/// What scan_json() learnt on its way. Offsets are into the text it was given.
struct json_summary {
  json_kind kind = json_kind::null;
  bool placeholders = false;      ///< an object somewhere has the key "_placeholder", in whatever spelling
  std::uint32_t count = 0;        ///< elements of a top-level array, members of a top-level object, else 0
  std::uint32_t begin = 0;        ///< where the value starts
  std::uint32_t first_begin = 0;  ///< the first element of a top-level array...
  std::uint32_t first_end = 0;    ///< ...and its end; 0, 0 if there is none
};

/// Whether `text` is exactly one JSON value, white space around it allowed. At most `depth_max` arrays and
/// objects deep (values above json_depth_max mean json_depth_max). Errors, blame remote: bad_json at the
/// first byte that no valid text has there, text.size() if it ended early; json_too_deep at the bracket too
/// many; payload_too_large above 4 GiB.
[[nodiscard]] result<json_summary> scan_json(std::string_view text,
                                             std::uint16_t depth_max = json_depth_default) noexcept;

// What follows reads text that scan_json() accepted. Other text gives other results, never an access outside.

/// The kind of the value that `value` starts with.
[[nodiscard]] json_kind json_kind_at(std::string_view value) noexcept;

/// The index just past the value that starts at `at`, or behind white space there.
[[nodiscard]] std::size_t json_skip(std::string_view text, std::size_t at) noexcept;

namespace impl {

[[nodiscard]] constexpr bool json_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
[[nodiscard]] inline char const* json_space_end(char const* at, char const* end) noexcept {
  while (at != end && json_space(*at)) ++at;
  return at;
}

}  // namespace impl

// Slices.

inline json_kind json_kind_at(std::string_view value) noexcept {
  char const* const end = value.data() + value.size();
  char const* const at = impl::json_space_end(value.data(), end);
  switch (at == end ? '\0' : *at) {
    case '"': return json_kind::string;
    case '[': return json_kind::array;
    case '{': return json_kind::object;
    case 't':
    case 'f': return json_kind::boolean;
    case 'n':
    case '\0': return json_kind::null;
    default: return json_kind::number;
  }
}

namespace impl {

/// From behind the opening quote to behind the closing one.
[[nodiscard]] inline char const* json_string_end(char const* at, char const* end) noexcept {
  for (;;) {
    at = json_plain_end(at, end);
    if (at == end) return end;
    if (*at == '"') return at + 1;
    at += *at == '\\' && end - at > 1 ? 2 : 1;
  }
}

/// The end of the value that starts at `at`; `at` itself if none does.
[[nodiscard]] inline char const* json_value_end(char const* at, char const* end) noexcept {
  std::size_t depth = 0;
  while (at != end) {
    switch (*at) {
      case '"': at = json_string_end(at + 1, end); break;
      case '[':
      case '{': ++at, ++depth; continue;
      case ']':
      case '}':
        if (depth == 0) return at;  // out of contract
        ++at, --depth;
        break;
      default:
        if (depth != 0) {
          ++at;
          continue;
        }
        while (at != end && *at != ',' && *at != ']' && *at != '}' && !json_space(*at)) ++at;
    }
    if (depth == 0) return at;
  }
  return at;
}

}  // namespace impl

inline std::size_t json_skip(std::string_view text, std::size_t at) noexcept {
  char const* const end = text.data() + text.size();
  char const* const begin = at < text.size() ? text.data() + at : end;
  return static_cast<std::size_t>(impl::json_value_end(impl::json_space_end(begin, end), end) - text.data());
}

namespace impl {

/// A place within an array or object whose values are read one after the other.
class json_cursor {
 public:
  json_cursor(std::string_view container, char open) noexcept
      : at_(container.data()), end_(container.data() + container.size()) {
    space();
    if (!take(open)) at_ = end_;
  }

  /// The value here and the comma behind it; nullopt at the end of the container.
  [[nodiscard]] std::optional<std::string_view> value() noexcept {
    space();
    char const* const begin = at_;
    at_ = json_value_end(at_, end_);
    if (at_ == begin) {
      at_ = end_;
      return std::nullopt;
    }
    std::string_view const found{begin, static_cast<std::size_t>(at_ - begin)};
    space();
    static_cast<void>(take(','));
    return found;
  }

  void space() noexcept { at_ = json_space_end(at_, end_); }

  [[nodiscard]] bool take(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

 private:
  char const* at_;
  char const* end_;
};

}  // namespace impl

/// The elements of an array, in order, as slices without white space around them. Borrows `array`.
class json_elements {
 public:
  explicit json_elements(std::string_view array) noexcept : cursor_(array, '[') {}

  /// The next element, nullopt behind the last.
  [[nodiscard]] std::optional<std::string_view> next() noexcept { return cursor_.value(); }

 private:
  impl::json_cursor cursor_;
};

/// The members of an object, in order, duplicates included. Borrows `object`.
class json_members {
 public:
  struct member {
    std::string_view key;    ///< raw, between the quotes
    std::string_view value;  ///< without white space around it
  };

  explicit json_members(std::string_view object) noexcept : cursor_(object, '{') {}

  /// The next member, nullopt behind the last.
  [[nodiscard]] std::optional<member> next() noexcept {
    auto const key = cursor_.value();
    if (!key) return std::nullopt;
    cursor_.space();
    static_cast<void>(cursor_.take(':'));
    auto const value = cursor_.value();
    if (!value) return std::nullopt;
    return member{json_string_raw(*key), *value};
  }

 private:
  impl::json_cursor cursor_;
};

/// The value of a member of an object that scan_json() accepted; of several the last, as in JavaScript.
/// Nullopt: there is none, or `object` is empty.
[[nodiscard]] inline std::optional<std::string_view> json_find(std::string_view object,
                                                               std::string_view key) noexcept {
  std::optional<std::string_view> found;
  for (json_members members(object); auto const member = members.next();) {
    if (json_string_equals(member->key, key)) found = member->value;
  }
  return found;
}

// The scanner.

namespace impl {

/// Where reading stopped, and whether because all was read.
struct json_stop {
  char const* at;
  bool ok;
};

/// From behind the backslash to behind the escape.
[[nodiscard]] inline json_stop json_check_escape(char const* at, char const* end) noexcept {
  if (at == end || std::string_view{"\"\\/bfnrtu"}.find(*at) == std::string_view::npos) return {at, false};
  if (*at++ != 'u') return {at, true};
  for (int i = 0; i < 4; ++i, ++at) {
    if (at == end) return {at, false};
    char const lower = static_cast<char>(*at | 0x20);
    if (!json_digit(*at) && (lower < 'a' || lower > 'f')) return {at, false};
  }
  return {at, true};
}

/// From the opening quote to behind the closing one.
[[nodiscard]] inline json_stop json_check_string(char const* at, char const* end) noexcept {
  if (at == end || *at != '"') return {at, false};
  for (++at;;) {
    at = json_plain_end(at, end);
    if (at == end) return {at, false};
    if (*at == '"') return {at + 1, true};
    if (*at != '\\') return {at, false};
    auto const escape = json_check_escape(at + 1, end);
    if (!escape.ok) return escape;
    at = escape.at;
  }
}

/// A member's key and the colon: from the quote to where the value starts. Notes the key "_placeholder".
[[nodiscard]] inline json_stop json_check_key(char const* at, char const* end, bool& placeholder) noexcept {
  auto const key = json_check_string(at, end);
  if (!key.ok) return key;
  std::string_view const raw{at + 1, static_cast<std::size_t>(key.at - at - 2)};
  placeholder = placeholder || json_string_equals(raw, "_placeholder");
  at = json_space_end(key.at, end);
  if (at == end || *at != ':') return {at, false};
  return {json_space_end(at + 1, end), true};
}

[[nodiscard]] inline json_stop json_check_number(char const* at, char const* end) noexcept {
  auto const take = [&at, end](char c) { return at != end && *at == c && ++at != nullptr; };
  auto const digits = [&at, end] {
    char const* const first = at;
    while (at != end && json_digit(*at)) ++at;
    return at != first;
  };
  static_cast<void>(take('-'));
  if (!take('0') && !digits()) return {at, false};
  if (take('.') && !digits()) return {at, false};
  if (take('e') || take('E')) {
    static_cast<void>(take('+') || take('-'));
    if (!digits()) return {at, false};
  }
  return {at, true};
}

[[nodiscard]] inline json_stop json_check_word(char const* at, char const* end,
                                               std::string_view word) noexcept {
  for (char const c : word) {
    if (at == end || *at != c) return {at, false};
    ++at;
  }
  return {at, true};
}

/// A value that nests nothing.
[[nodiscard]] inline json_stop json_check_scalar(char const* at, char const* end) noexcept {
  switch (at == end ? '\0' : *at) {
    case '"': return json_check_string(at, end);
    case 't': return json_check_word(at, end, "true");
    case 'f': return json_check_word(at, end, "false");
    case 'n': return json_check_word(at, end, "null");
    default: return json_check_number(at, end);
  }
}

class json_scanner {
 public:
  json_scanner(std::string_view text, std::uint16_t depth_max) noexcept
      : begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        depth_max_(depth_max < json_depth_max ? depth_max : json_depth_max) {
    closing_[0] = ' ';  // matches nothing: white space is always skipped first
  }

  [[nodiscard]] result<json_summary> run() noexcept {
    space();
    summary_.begin = offset();
    if (!document()) return remote_error(failure_, offset());
    summary_.kind = json_kind_at({begin_ + summary_.begin, 1});
    return summary_;
  }

 private:
  // One turn reads a scalar or an opening bracket, and all that may stand before the next of them.
  [[nodiscard]] bool document() noexcept {
    for (;;) {
      if (at_ != end_ && (*at_ == '[' || *at_ == '{')) {
        if (!open()) return false;
        if (!closes()) {
          if (!key()) return false;
          continue;
        }
      } else {
        if (!accept(json_check_scalar(at_, end_))) return false;
        value_ended();
      }
      while (closes()) close();
      if (depth_ == 0) return at_ == end_;
      if (at_ == end_ || *at_ != ',') return false;
      ++at_;
      space();
      if (!key()) return false;
    }
  }

  [[nodiscard]] bool open() noexcept {
    if (depth_ == depth_max_) {
      failure_ = errc::json_too_deep;
      return false;
    }
    closing_[++depth_] = *at_ == '{' ? '}' : ']';
    ++at_;
    space();
    if (depth_ == 1 && closing_[1] == ']' && !closes()) summary_.first_begin = offset();
    return true;
  }

  [[nodiscard]] bool closes() const noexcept { return at_ != end_ && *at_ == closing_[depth_]; }

  void close() noexcept {
    ++at_;
    --depth_;
    value_ended();
  }

  void value_ended() noexcept {
    if (depth_ == 1) {
      if (summary_.count++ == 0 && closing_[1] == ']') summary_.first_end = offset();
    }
    space();
  }

  // In an object, what comes before a value.
  [[nodiscard]] bool key() noexcept {
    return closing_[depth_] != '}' || accept(json_check_key(at_, end_, summary_.placeholders));
  }

  [[nodiscard]] bool accept(json_stop stop) noexcept {
    at_ = stop.at;
    return stop.ok;
  }

  void space() noexcept { at_ = json_space_end(at_, end_); }

  [[nodiscard]] std::uint32_t offset() const noexcept { return static_cast<std::uint32_t>(at_ - begin_); }

  char const* begin_;
  char const* at_;
  char const* end_;
  std::uint32_t depth_max_;
  std::uint32_t depth_ = 0;
  errc failure_ = errc::bad_json;
  json_summary summary_;
  char closing_[json_depth_max + 1];  // the bracket that each open container waits for; [0] is no container
};

}  // namespace impl

inline result<json_summary> scan_json(std::string_view text, std::uint16_t depth_max) noexcept {
  if (text.size() > UINT32_MAX) return remote_error(errc::payload_too_large);
  return impl::json_scanner(text, depth_max).run();
}

}  // namespace siokit::inline v0
