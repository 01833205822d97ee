// siokit/core/json_scan.hpp - JSON checked and sliced, never made a tree.   SPDX-License-Identifier: MIT
// Spec: RFC 8259, and what JSON.parse makes of it.  In: text; that it is UTF-8 was the transport's to check.
// Out: a summary, then slices of the same text, which borrow it; numbers and strings on demand.
// Allocates nothing, recurses nowhere.
#pragma once

#include <algorithm>
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
  return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}
[[nodiscard]] inline char const* json_space_end(char const* at, char const* end) noexcept {
  while (at != end && json_space(*at)) ++at;
  return at;
}

}  // namespace impl

// Slices.

namespace impl {

/// The kind of the value that starts with this character, null for '\0'.
[[nodiscard]] constexpr json_kind json_kind_of(char first) noexcept {
  switch (first) {
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

}  // namespace impl

inline json_kind json_kind_at(std::string_view value) noexcept {
  char const* const end = value.data() + value.size();
  char const* const at = impl::json_space_end(value.data(), end);
  return impl::json_kind_of(at == end ? '\0' : *at);
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

/// The end of the array or object that starts at `at`.
[[nodiscard]] inline char const* json_container_end(char const* at, char const* end) noexcept {
  std::size_t depth = 0;
  while (at != end) {
    char const c = *at++;
    char const bracket = static_cast<char>(c | 0x20);  // of an array as if of an object
    if (c == '"') {
      at = json_string_end(at, end);
    } else if (bracket == '{') {
      ++depth;
    } else if (bracket == '}' && --depth == 0) {
      return at;
    }
  }
  return at;
}

/// The end of the value that starts at `at`; `at` itself if none does.
[[nodiscard]] inline char const* json_value_end(char const* at, char const* end) noexcept {
  if (at == end) return at;
  if (*at == '"') return json_string_end(at + 1, end);
  if (*at == '[' || *at == '{') return json_container_end(at, end);
  while (at != end && *at != ',' && *at != ']' && *at != '}' && !json_space(*at)) ++at;
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
  /// From behind a value, or from where one begins.
  explicit json_cursor(std::string_view rest) noexcept : at_(rest.data()), end_(rest.data() + rest.size()) {
    at_ = behind_comma(at_);
  }

  /// What is not read yet.
  [[nodiscard]] std::string_view rest() const noexcept { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  /// The value here and the comma behind it; nullopt at the end of the container.
  [[nodiscard]] std::optional<std::string_view> value() noexcept {
    char const* const begin = json_space_end(at_, end_);
    char const* const behind = json_value_end(begin, end_);
    if (behind == begin) {
      at_ = end_;
      return std::nullopt;
    }
    at_ = behind_comma(behind);
    return std::string_view{begin, static_cast<std::size_t>(behind - begin)};
  }
  /// Goes past so many values.
  void skip(std::size_t count) noexcept {
    char const* at = at_;
    for (; count != 0; --count) at = behind_comma(json_value_end(json_space_end(at, end_), end_));
    at_ = at;
  }

  void space() noexcept { at_ = json_space_end(at_, end_); }

  [[nodiscard]] bool take(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

 private:
  [[nodiscard]] char const* behind_comma(char const* at) const noexcept {
    at = json_space_end(at, end_);
    return at != end_ && *at == ',' ? at + 1 : at;
  }

  char const* at_;
  char const* end_;
};

}  // namespace impl

/// The elements of an array, in order, as slices without white space around them. Borrows `array`.
class json_elements {
 public:
  explicit json_elements(std::string_view array) noexcept : cursor_(array, '[') {}
  /// Those that are left: `rest` is the text of the array from behind an element, or a rest().
  [[nodiscard]] static json_elements from(std::string_view rest) noexcept {
    return json_elements(impl::json_cursor(rest));
  }

  /// The next element, nullopt behind the last.
  [[nodiscard]] std::optional<std::string_view> next() noexcept { return cursor_.value(); }
  /// Goes past so many elements. Precondition: there are as many.
  void skip(std::size_t count) noexcept { cursor_.skip(count); }
  /// The text behind the last element that was read.
  [[nodiscard]] std::string_view rest() const noexcept { return cursor_.rest(); }

 private:
  explicit json_elements(impl::json_cursor const& cursor) noexcept : cursor_(cursor) {}

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

/// Where reading stopped, and why: errc::ok, because all was read.
struct json_stop {
  char const* at;
  errc code;

  [[nodiscard]] constexpr bool ok() const noexcept { return code == errc::ok; }
};

/// From behind the backslash to behind the escape.
[[nodiscard]] inline json_stop json_check_escape(char const* at, char const* end) noexcept {
  constexpr std::string_view letters = "\"\\/bfnrtu";
  if (at == end || letters.find(*at) == letters.npos) return {at, errc::bad_json};
  if (*at++ != 'u') return {at, errc::ok};
  for (int i = 0; i < 4; ++i, ++at) {
    if (at == end) return {at, errc::bad_json};
    char const lower = static_cast<char>(*at | 0x20);
    if (!json_digit(*at) && (lower < 'a' || lower > 'f')) return {at, errc::bad_json};
  }
  return {at, errc::ok};
}

/// From behind the opening quote to behind the closing one.
[[nodiscard]] inline json_stop json_check_string(char const* at, char const* end) noexcept {
  for (;;) {
    at = json_plain_end(at, end);
    if (at == end) return {at, errc::bad_json};
    if (*at == '"') return {at + 1, errc::ok};
    if (*at != '\\') return {at, errc::bad_json};
    auto const escape = json_check_escape(at + 1, end);
    if (!escape.ok()) return escape;
    at = escape.at;
  }
}

/// A member's key and the colon: from the quote to behind the colon. Notes the key "_placeholder".
[[nodiscard]] inline json_stop json_check_key(char const* at, char const* end, bool& placeholder) noexcept {
  if (at == end || *at != '"') return {at, errc::bad_json};
  auto const key = json_check_string(++at, end);
  if (!key.ok()) return key;
  std::string_view const raw{at, static_cast<std::size_t>(key.at - at - 1)};
  constexpr std::string_view mark = "_placeholder";  // no spelling of it is shorter
  if (raw.size() >= mark.size() && json_string_equals(raw, mark)) placeholder = true;
  at = json_space_end(key.at, end);
  if (at == end || *at != ':') return {at, errc::bad_json};
  return {at + 1, errc::ok};
}

[[nodiscard]] inline json_stop json_check_number(char const* at, char const* end) noexcept {
  auto const take = [&at, end](char c) { return at != end && *at == c && ++at != nullptr; };
  auto const digits = [&at, end] {
    char const* const first = at;
    while (at != end && json_digit(*at)) ++at;
    return at != first;
  };
  static_cast<void>(take('-'));
  if (!take('0') && !digits()) return {at, errc::bad_json};
  if (take('.') && !digits()) return {at, errc::bad_json};
  if (take('e') || take('E')) {
    static_cast<void>(take('+') || take('-'));
    if (!digits()) return {at, errc::bad_json};
  }
  return {at, errc::ok};
}

[[nodiscard]] inline json_stop json_check_word(char const* at, char const* end,
                                               std::string_view word) noexcept {
  std::string_view const there{at, static_cast<std::size_t>(end - at)};
  if (there.starts_with(word)) return {at + word.size(), errc::ok};
  while (at != end && *at == word.front()) ++at, word.remove_prefix(1);
  return {at, errc::bad_json};
}

/// A value that nests nothing, and begins with `first`; '\0': at the end.
[[nodiscard]] inline json_stop json_check_scalar(char first, char const* at, char const* end) noexcept {
  switch (first) {
    case '"': return json_check_string(at + 1, end);
    case 't': return json_check_word(at, end, "true");
    case 'f': return json_check_word(at, end, "false");
    case 'n': return json_check_word(at, end, "null");
    default: return json_check_number(at, end);
  }
}

/// Reads the value at `at` and the white space behind it, to the end of the text that begins at `begin`.
/// Notes into `out` what stands in it.
[[nodiscard]] inline json_stop json_check_value(char const* begin, char const* at, char const* end,
                                                std::uint32_t depth_max, json_summary& out) noexcept {
  char closing[json_depth_max + 1];  // the bracket that each open container waits for; [0] is no container
  closing[0] = ' ';                  // matches nothing: white space is always skipped first
  std::uint32_t depth = 0;
  auto const offset = [&] { return static_cast<std::uint32_t>(at - begin); };
  char now = at == end ? '\0' : *at;  // the character here; '\0', which no valid text has here, at the end
  auto const go_to = [&](char const* place) {
    for (at = place; at != end; ++at) {
      if (!json_space(now = *at)) return;
    }
    now = '\0';
  };
  auto const value_ended = [&](char const* behind) {
    at = behind;
    if (depth == 1 && out.count++ == 0) out.first_end = offset();
    go_to(behind);
  };
  // One turn reads a scalar or an opening bracket, and all that may stand before the next of them.
  for (;;) {
    bool begun = false;         // a container that does not end at once
    if ((now | 0x20) == '{') {  // or '['
      if (depth == depth_max) return {at, errc::json_too_deep};
      closing[++depth] = static_cast<char>(now + 2);  // where ASCII has the other bracket of both
      go_to(at + 1);
      if (depth == 1) out.first_begin = offset();
      begun = now != closing[depth];
    } else {
      auto const scalar = json_check_scalar(now, at, end);
      if (!scalar.ok()) return scalar;
      value_ended(scalar.at);
    }
    if (!begun) {
      while (now == closing[depth]) --depth, value_ended(at + 1);
      if (depth == 0) return {at, at == end ? errc::ok : errc::bad_json};
      if (now != ',') return {at, errc::bad_json};
      go_to(at + 1);
    }
    if (closing[depth] != '}') continue;
    auto const key = json_check_key(at, end, out.placeholders);
    if (!key.ok()) return key;
    go_to(key.at);
  }
}

/// scan_json() into `out`, a new one.
[[nodiscard]] inline error scan_json_into(json_summary& out, std::string_view text,
                                          std::uint16_t depth_max) noexcept {
  if (text.size() > UINT32_MAX) return {errc::payload_too_large, side::remote};
  char const* const begin = text.data();
  char const* const end = begin + text.size();
  char const* const at = json_space_end(begin, end);
  out.begin = static_cast<std::uint32_t>(at - begin);
  auto const stop = json_check_value(begin, at, end, std::min(depth_max, json_depth_max), out);
  if (!stop.ok()) return {stop.code, side::remote, static_cast<std::size_t>(stop.at - begin)};
  out.kind = json_kind_of(*at);
  if (out.kind != json_kind::array || out.count == 0) out.first_begin = out.first_end = 0;
  return {};
}

}  // namespace impl

inline result<json_summary> scan_json(std::string_view text, std::uint16_t depth_max) noexcept {
  result<json_summary> out(json_summary{});
  if (error const why = impl::scan_json_into(*out, text, depth_max); why.code != errc::ok)
    out = tl::unexpected(why);
  return out;
}

}  // namespace siokit::inline v0
