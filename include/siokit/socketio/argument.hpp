// siokit/socketio/argument.hpp - which C++ type an argument is.   SPDX-License-Identifier: MIT
// The specialisations of siokit::argument<T>, and the writer that turns values into JSON and attachments:
//
//   C++                                                            on the wire
//   bool; integers but char; float, double                         true, false; a number
//   std::string, std::string_view; literals (written only)         a string
//   std::vector and std::span of std::byte or std::uint8_t         an attachment; spans are borrowed
//   std::optional                                                  null, or the value
//   std::vector, std::deque, std::set, ...                         an array
//   std::tuple, std::pair, std::array                              an array of that length
//   std::map, std::unordered_map, ... with std::string for a key   an object
//   raw_json                                                       what it says
//   nullptr, sid (written only)                                    null, a string
#pragma once

#include <array>
#include <tuple>
#include <utility>

#include "siokit/core/ids.hpp"
#include "siokit/core/json_scan.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/message.hpp"
#include "siokit/core/utf8.hpp"
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
    static_assert(
        writable<std::decay_t<T>>,
        "this type can't be written as an argument: specialise siokit::argument<T>; a callback needs "
        "fixed parameter types, without auto");
    argument<std::decay_t<T>>::write(*this, value);
  }
  /// JSON text, as it is.
  void json(std::string_view text) { out_->append(text); }
  void json(char c) { out_->push_back(c); }
  /// JSON text of the application's: one value. A peer would break the connection of everybody it is sent to
  /// for another; so the packet fails instead.
  void checked_json(std::string_view text) {
    auto const read = scan_json(text, json_depth_max);
    if (!read && failure_.code == errc::ok) failure_ = {read.error().code, side::local, read.error().offset};
    if (!utf8_valid(text) && failure_.code == errc::ok) failure_ = {errc::bad_utf8, side::local, 0};
    json(text);
  }
  /// A string or a number as JSON.
  template <class T>
  void scalar(T const& value) {
    json_write(*out_, value);
  }
  /// An attachment: a placeholder here, the bytes behind the text.
  void binary(bytes_view data) {
    place(attachments_.size());
    attachments_.push_back(data);
  }
  /// JSON text whose placeholders name `parts`. They are numbered anew; a part that several of them name is
  /// attached once, or a short text could make a message of any size.
  void json(std::string_view text, attachments_view parts) {
    std::size_t at = 0;
    if (!parts.empty()) {
      for (auto const& each : find_placeholders(text)) {
        if (each.num >= parts.size()) continue;
        json(text.substr(at, each.begin - at));
        share(parts[each.num]);
        at = each.end;
      }
    }
    json(text.substr(at));
  }

  [[nodiscard]] attachments_view attachments() const noexcept { return attachments_; }
  /// Why the packet must not be sent; errc::ok: nothing is wrong with it.
  [[nodiscard]] error failure() const noexcept { return failure_; }

 private:
  void place(std::size_t num) {
    json(R"({"_placeholder":true,"num":)");
    scalar(num);
    json("}");
  }
  void share(bytes_view part) {
    for (std::size_t num = 0; num < attachments_.size(); ++num) {
      if (attachments_[num].data() == part.data() && attachments_[num].size() == part.size()) {
        return place(num);
      }
    }
    binary(part);
  }

  message_builder* out_;
  std::vector<bytes_view> attachments_;  // allocates for binary packets only
  error failure_;
};

}  // namespace socketio

// Scalars.

template <class T>
requires(std::same_as<T, bool> || json_integral<T> || json_floating<T>) struct argument<T> {
  static result<T> read(std::string_view json, attachments_view) {
    if constexpr (!std::same_as<T, bool>) {
      return json_number<T>(json);
    } else {
      if (json_kind_at(json) != json_kind::boolean) return remote_error(errc::wrong_argument_type);
      return json == "true";
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
  static void write(argument_writer& out, std::string_view value) { out.scalar(value); }
};

template <>
struct argument<char const*> {
  static void write(argument_writer& out, std::string_view value) { out.scalar(value); }
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
  static void write(argument_writer& out, raw_json const& value) { out.checked_json(value.text); }
};

template <class T>
struct argument<std::optional<T>> {
  using optional = void;
  static result<std::optional<T>> read(std::string_view json,
                                       attachments_view attachments) requires socketio::readable<T> {
    if (json_kind_at(json) == json_kind::null) return std::optional<T>{};
    return argument<T>::read(json, attachments).map([](T&& value) {
      return std::optional<T>(std::move(value));
    });
  }
  static void write(argument_writer& out, std::optional<T> const& value) requires socketio::writable<T> {
    value ? out.write(*value) : out.json("null");
  }
};

// Containers. None of their headers is needed here.

namespace socketio::impl {

template <class T>
concept byte_like = std::same_as<T, std::byte> || std::same_as<T, std::uint8_t>;

/// Contiguous bytes.
template <class T>
concept binary = requires(T const& value) {
  std::span(value);
  requires byte_like<typename decltype(std::span(value))::value_type>;
};

template <class T>
concept map = requires {
  typename T::mapped_type;
  requires std::same_as<typename T::key_type, std::string>;
};

template <class T>
concept tuple = !binary<T> && requires {
  std::tuple_size<T>::value;
};

template <class T>
concept sequence = !binary<T> && !tuple<T> && !requires {
  typename T::mapped_type;
}
&&!std::convertible_to<T, std::string_view> && requires(T const& value) {
  value.begin();
  requires !std::same_as<typename T::value_type, T>;
};
template <class T>
concept growing_sequence = requires(T& all, typename T::value_type& value) {
  all.insert(all.end(), std::move(value));
};

/// What stands between the values of an array or object.
class commas {
 public:
  explicit commas(argument_writer& out) noexcept : out_(&out) {}
  void operator()() { out_->json(std::exchange(first_, false) ? "" : ","); }

 private:
  argument_writer* out_;
  bool first_ = true;
};

}  // namespace socketio::impl

/// Binary data. A span read from an argument is borrowed from the packet.
template <socketio::impl::binary T>
struct argument<T> {
  using element = typename decltype(std::span(std::declval<T const&>()))::value_type;

  static result<T> read(std::string_view json, attachments_view attachments) requires
      std::constructible_from<T, element const*, element const*> {
    if (json_kind_at(json) == json_kind::object && !attachments.empty()) {
      for (auto const& each : socketio::find_placeholders(json)) {
        if (each.begin != 0 || each.num >= attachments.size()) break;
        auto const* const data = reinterpret_cast<element const*>(attachments[each.num].data());
        return T(data, data + attachments[each.num].size());
      }
    }
    return remote_error(errc::wrong_argument_type);
  }
  static void write(argument_writer& out, T const& value) { out.binary(std::as_bytes(std::span(value))); }
};

template <socketio::impl::sequence T>
struct argument<T> {
  static result<T> read(std::string_view json, attachments_view attachments) requires
      socketio::impl::growing_sequence<T> && socketio::readable<typename T::value_type> {
    if (json_kind_at(json) != json_kind::array) return remote_error(errc::wrong_argument_type);
    T all;
    for (json_elements elements(json); auto const element = elements.next();) {
      auto value = argument<typename T::value_type>::read(*element, attachments);
      if (!value) return tl::unexpected(value.error());
      all.insert(all.end(), std::move(*value));
    }
    return all;
  }
  static void write(argument_writer& out, T const& all) requires socketio::writable<typename T::value_type> {
    out.json("[");
    socketio::impl::commas comma(out);
    for (typename T::value_type const& each : all) {
      comma();
      out.write(each);
    }
    out.json("]");
  }
};

template <socketio::impl::map T>
struct argument<T> {
  static result<T> read(std::string_view json,
                        attachments_view attachments) requires socketio::readable<typename T::mapped_type> {
    if (json_kind_at(json) != json_kind::object) return remote_error(errc::wrong_argument_type);
    T all;
    for (json_members members(json); auto const member = members.next();) {
      auto value = argument<typename T::mapped_type>::read(member->value, attachments);
      if (!value) return tl::unexpected(value.error());
      std::string key;
      json_unescape(member->key, key);
      all.insert_or_assign(std::move(key), std::move(*value));
    }
    return all;
  }
  static void write(argument_writer& out, T const& all) requires socketio::writable<typename T::mapped_type> {
    out.json("{");
    socketio::impl::commas comma(out);
    for (auto const& [key, value] : all) {
      comma();
      out.scalar(std::string_view(key));
      out.json(":");
      out.write(value);
    }
    out.json("}");
  }
};

/// An array of fixed length. What is behind its end is ignored, as a function ignores arguments it has no
/// parameters for.
template <socketio::impl::tuple T>
struct argument<T> {
  static result<T> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::array) return remote_error(errc::wrong_argument_type);
    return [&]<std::size_t... I>(std::index_sequence<I...>)->result<T> {
      json_elements elements(json);
      std::tuple<result<std::tuple_element_t<I, T>>...> held{
          read_argument<std::tuple_element_t<I, T>>(elements.next(), attachments)...};
      error failure;
      auto const good = [&](auto const& each) { return each || (failure = each.error(), false); };
      if (!std::apply([&](auto const&... each) { return (... && good(each)); }, held)) {
        return tl::unexpected(failure);
      }
      return T{std::move(*std::get<I>(held))...};
    }
    (std::make_index_sequence<std::tuple_size_v<T>>{});
  }
  static void write(argument_writer& out, T const& all) {
    out.json("[");
    socketio::impl::commas comma(out);
    std::apply([&](auto const&... each) { ((comma(), out.write(each)), ...); }, all);
    out.json("]");
  }
};

// Structs.

/// One member of a struct, and its name on the wire.
template <class T, class Member>
struct field {
  constexpr field(std::string_view wire_name, Member T::*where) noexcept : name(wire_name), member(where) {}

  std::string_view name;
  Member T::*member;
};

/// A struct as an object:
///   template <>
///   struct siokit::argument<point> : siokit::object_argument<point> {
///     static constexpr auto fields =
///         std::tuple(siokit::field("x", &point::x), siokit::field("y", &point::y));
///   };
/// Reading ignores members without a field. A field without a member is an error, unless it is optional. T is
/// default constructible.
template <class T>
struct object_argument {
  static result<T> read(std::string_view json, attachments_view attachments) {
    if (json_kind_at(json) != json_kind::object) return remote_error(errc::wrong_argument_type);
    T out{};
    error failure;
    auto const one = [&]<class Member>(field<T, Member> const& each) {
      std::optional<std::string_view> found;
      for (json_members members(json); auto const member = members.next();) {
        if (json_string_equals(member->key, each.name)) found = member->value;  // the last one counts
      }
      auto value = read_argument<Member>(found, attachments);
      if (value) {
        out.*each.member = std::move(*value);
      } else {
        failure = value.error();
      }
      return value.has_value();
    };
    if (!std::apply([&](auto const&... each) { return (... && one(each)); }, argument<T>::fields)) {
      return tl::unexpected(failure);
    }
    return out;
  }
  static void write(argument_writer& out, T const& value) {
    out.json("{");
    socketio::impl::commas comma(out);
    auto const one = [&](auto const& each) {
      comma();
      out.scalar(each.name);
      out.json(":");
      out.write(value.*each.member);
    };
    std::apply([&](auto const&... each) { (one(each), ...); }, argument<T>::fields);
    out.json("}");
  }
};

}  // namespace siokit::inline v0
