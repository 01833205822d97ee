// siokit/socketio/argument.hpp - which C++ type an argument is.   SPDX-License-Identifier: MIT
// The specialisations of siokit::argument<T> for scalars, text, binary data and containers, and the writer
// that turns values into JSON and attachments. Your own type needs the same two functions.
#pragma once

#include <map>
#include <tuple>
#include <unordered_map>

#include "siokit/core/ids.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/message.hpp"
#include "siokit/socketio/args.hpp"
#include "siokit/socketio/placeholder.hpp"

namespace siokit::inline v0 {

namespace socketio {

/// Where arguments are written: JSON into the message, attachments behind it. Attachments are borrowed until
/// the message is finished.
class argument_writer {
 public:
  explicit argument_writer(message_builder& out) noexcept : out_(&out) {}

  /// Any value with a siokit::argument<T>.
  template <class T>
  void write(T const& value) {
    argument<std::decay_t<T>>::write(*this, value);
  }
  /// JSON text, as it is.
  void json(std::string_view text) { out_->append(text); }
  /// JSON of a scalar or a string.
  template <class T>
  void scalar(T const& value) {
    json_write(*out_, value);
  }
  /// An attachment: a placeholder here, the bytes behind the text.
  void binary(bytes_view data) {
    json(R"({"_placeholder":true,"num":)");
    json_write(*out_, attachments_.size());
    json("}");
    attachments_.push_back(data);
  }
  /// JSON text with placeholders for `parts`, which are numbered anew.
  void json(std::string_view text, attachments_view parts) {
    if (parts.empty()) return json(text);
    std::size_t at = 0;
    for (auto const& each : find_placeholders(text)) {
      if (each.num >= parts.size()) continue;
      json(text.substr(at, each.begin - at));
      binary(parts[each.num]);
      at = each.end;
    }
    json(text.substr(at));
  }

  [[nodiscard]] attachments_view attachments() const noexcept { return attachments_; }

 private:
  message_builder* out_;
  std::vector<bytes_view> attachments_;  // allocates for binary packets only
};

}  // namespace socketio

using socketio::argument_writer;
using socketio::attachments_view;

template <class T>
requires std::is_arithmetic_v<T>
struct argument<T> {
  static result<T> read(std::string_view json, attachments_view) {
    if constexpr (std::is_same_v<T, bool>) {
      if (json == "true") return true;
      if (json == "false") return false;
      return remote_error(errc::wrong_argument_type);
    } else {
      return json_number<T>(json);
    }
  }
  static void write(argument_writer& out, T value) { out.scalar(value); }
};

template <>
struct argument<std::string_view> {
  static result<std::string_view> read(std::string_view json, attachments_view) {
    if (json_kind_at(json) != json_kind::string) return remote_error(errc::wrong_argument_type);
    std::string_view const raw = json_string_raw(json);
    if (json_escaped(raw)) return remote_error(errc::argument_escaped);
    return raw;
  }
  static void write(argument_writer& out, std::string_view value) { out.scalar(value); }
};

template <>
struct argument<std::string> {
  static result<std::string> read(std::string_view json, attachments_view) {
    if (json_kind_at(json) != json_kind::string) return remote_error(errc::wrong_argument_type);
    std::string text;
    json_unescape(json_string_raw(json), text);
    return text;
  }
  static void write(argument_writer& out, std::string const& value) { out.scalar(std::string_view(value)); }
};
template <>
struct argument<char const*> {
  static void write(argument_writer& out, char const* value) { out.scalar(std::string_view(value)); }
};
template <>
struct argument<char*> : argument<char const*> {};
template <>
struct argument<sid> {
  static void write(argument_writer& out, sid const& value) { out.scalar(value.view()); }
};
template <>
struct argument<std::nullptr_t> {
  static void write(argument_writer& out, std::nullptr_t) { out.json("null"); }
};

template <>
struct argument<raw_json> {
  static result<raw_json> read(std::string_view json, attachments_view) { return raw_json{json}; }
  static void write(argument_writer& out, raw_json const& value) { out.json(value.text); }
};

/// Binary data: an attachment. Borrowed from the packet.
template <>
struct argument<bytes_view> {
  static result<bytes_view> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::object || attachments.empty())
      return remote_error(errc::wrong_argument_type);
    auto const found = socketio::find_placeholders(json);
    bool const whole = found.size() == 1 && found[0].begin == 0 && found[0].num < attachments.size();
    if (!whole) return remote_error(errc::wrong_argument_type);
    return attachments[found[0].num];
  }
  static void write(argument_writer& out, bytes_view value) { out.binary(value); }
};
template <>
struct argument<std::vector<std::byte>> {
  static result<std::vector<std::byte>> read(std::string_view json, attachments_view attachments) {
    return argument<bytes_view>::read(json, attachments).map([](bytes_view data) {
      return std::vector<std::byte>(data.begin(), data.end());
    });
  }
  static void write(argument_writer& out, std::vector<std::byte> const& value) { out.binary(value); }
};

template <class T>
struct argument<std::optional<T>> {
  using optional = void;  // a missing argument is nullopt too
  static result<std::optional<T>> read(std::string_view json, attachments_view attachments) {
    if (json == "null") return std::optional<T>{};
    return argument<T>::read(json, attachments).map([](T value) {
      return std::optional<T>(std::move(value));
    });
  }
  static void write(argument_writer& out, std::optional<T> const& value) {
    value ? out.write(*value) : out.json("null");
  }
};

template <class T>
struct argument<std::vector<T>> {
  static result<std::vector<T>> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::array) return remote_error(errc::wrong_argument_type);
    std::vector<T> all;
    for (json_elements elements(json); auto const element = elements.next();) {
      auto value = argument<T>::read(*element, attachments);
      if (!value) return tl::unexpected(value.error());
      all.push_back(std::move(*value));
    }
    return all;
  }
  static void write(argument_writer& out, std::vector<T> const& all) {
    out.json("[");
    for (bool first = true; auto const& each : all) {
      if (!std::exchange(first, false)) out.json(",");
      out.write(static_cast<T>(each));
    }
    out.json("]");
  }
};

namespace impl {
/// Objects whose keys are text.
template <class Map>
struct map_argument {
  static result<Map> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::object) return remote_error(errc::wrong_argument_type);
    Map all;
    for (json_members members(json); auto const member = members.next();) {
      auto value = argument<typename Map::mapped_type>::read(member->value, attachments);
      if (!value) return tl::unexpected(value.error());
      std::string key;
      json_unescape(member->key, key);
      all.insert_or_assign(std::move(key), std::move(*value));
    }
    return all;
  }
  static void write(argument_writer& out, Map const& all) {
    out.json("{");
    for (bool first = true; auto const& [key, value] : all) {
      if (!std::exchange(first, false)) out.json(",");
      out.scalar(std::string_view(key));
      out.json(":");
      out.write(value);
    }
    out.json("}");
  }
};
}  // namespace impl

template <class T>
struct argument<std::map<std::string, T>> : impl::map_argument<std::map<std::string, T>> {};
template <class T>
struct argument<std::unordered_map<std::string, T>> : impl::map_argument<std::unordered_map<std::string, T>> {
};

/// An array of fixed length.
template <class... T>
struct argument<std::tuple<T...>> {
  static result<std::tuple<T...>> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::array) return remote_error(errc::wrong_argument_type);
    json_elements elements(json);
    error failure;
    std::tuple<std::optional<T>...> held;
    auto const one = [&]<class U>(std::optional<U>& into) {
      auto const element = elements.next();
      auto value = element ? argument<U>::read(*element, attachments)
                           : result<U>(remote_error(errc::missing_argument));
      if (value) {
        into.emplace(std::move(*value));
      } else if (failure.code == errc::ok) {
        failure = value.error();
      }
    };
    std::apply([&](auto&... each) { (one(each), ...); }, held);
    if (failure.code != errc::ok) return tl::unexpected(failure);
    return std::apply([](auto&... each) { return std::tuple<T...>(std::move(*each)...); }, held);
  }
  static void write(argument_writer& out, std::tuple<T...> const& all) {
    out.json("[");
    bool first = true;
    auto const one = [&](auto const& each) {
      if (!std::exchange(first, false)) out.json(",");
      out.write(each);
    };
    std::apply([&](auto const&... each) { (one(each), ...); }, all);
    out.json("]");
  }
};

}  // namespace siokit::inline v0
