// siokit/json/boost.hpp - boost::json::value as an argument.   SPDX-License-Identifier: MIT
// Include it, and handlers may take and emit() may be given boost::json::value, object or array. Boost.JSON
// has no binary values: an argument with attachments is refused; take it as args, or as a type of your own.
#pragma once

#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "siokit/core/utf8.hpp"
#include "siokit/socketio/argument.hpp"

namespace siokit::inline v0 {

namespace impl {
/// Puts null in the place of NaN and the infinities, as JavaScript does.
inline void numbers_only(boost::json::value& value) {
  if (auto* const number = value.if_double()) {
    if (!std::isfinite(*number)) value = nullptr;
  } else if (auto* const array = value.if_array()) {
    for (auto& each : *array) numbers_only(each);
  } else if (auto* const object = value.if_object()) {
    for (auto& each : *object) numbers_only(each.value());
  }
}

template <class T>
struct boost_argument {
  static result<T> read(std::string_view json, socketio::attachments_view attachments) {
    if (!attachments.empty() && !socketio::find_placeholders(json).empty())
      return remote_error(errc::wrong_argument_type);
    boost::json::parse_options options;
    options.max_depth = std::numeric_limits<std::size_t>::max();  // that of a packet is limited before
    boost::json::error_code failure;
    boost::json::value value = boost::json::parse({json.data(), json.size()}, failure, {}, options);
    if (failure) return remote_error(errc::bad_json);
    if constexpr (std::same_as<T, boost::json::value>) {
      return value;
    } else if constexpr (std::same_as<T, boost::json::object>) {
      if (auto* const object = value.if_object()) return std::move(*object);
    } else if (auto* const array = value.if_array()) {
      return std::move(*array);
    }
    return remote_error(errc::wrong_argument_type);
  }
  static void write(socketio::argument_writer& out, T const& value) {
    std::string text = boost::json::serialize(value);
    // What Boost.JSON makes of numbers that JSON has not.
    if (text.find("NaN") != text.npos || text.find("1e99999") != text.npos) {
      boost::json::value copy(value);
      numbers_only(copy);
      text = boost::json::serialize(copy);
    }
    out.json(utf8_valid(text) ? text : utf8_scrubbed(text));
  }
};
}  // namespace impl

template <>
struct argument<boost::json::value> : impl::boost_argument<boost::json::value> {};
template <>
struct argument<boost::json::object> : impl::boost_argument<boost::json::object> {};
template <>
struct argument<boost::json::array> : impl::boost_argument<boost::json::array> {};

}  // namespace siokit::inline v0
