// siokit/json/nlohmann.hpp - nlohmann::json as an argument.   SPDX-License-Identifier: MIT
// Include it, and handlers may take and emit() may be given nlohmann::json, or ordered_json. Its binary
// values are attachments. What is no JSON is written as dump() does: NaN is null, bytes that are no UTF-8 are
// U+FFFD.
#pragma once

#include <nlohmann/json.hpp>

#include "siokit/socketio/argument.hpp"

namespace siokit::inline v0 {

namespace impl {

template <class Json>
[[nodiscard]] bool holds_binary(Json const& value) {
  if (value.is_binary()) return true;
  if (!value.is_structured()) return false;
  for (auto const& each : value) {
    if (holds_binary(each)) return true;
  }
  return false;
}

/// Puts attachments in the place of what stands for them.
template <class Json>
void put_attachments(Json& value, socketio::attachments_view attachments) {
  if (!value.is_structured()) return;
  if (value.is_object() && value.size() == 2) {
    auto const mark = value.find("_placeholder"), num = value.find("num");
    bool const stands_for_one = mark != value.end() && *mark == Json(true) && num != value.end() &&
                                num->is_number_unsigned() && *num < attachments.size();
    if (stands_for_one) {
      auto const bytes = as_text(attachments[num->template get<std::size_t>()]);
      value = Json::binary({bytes.begin(), bytes.end()});
      return;
    }
  }
  for (auto& each : value) put_attachments(each, attachments);
}

template <class Json>
void write_json(socketio::argument_writer& out, Json const& value) {
  if (value.is_binary()) {
    auto const& bytes = value.template get_ref<typename Json::binary_t const&>();
    return out.binary(as_bytes({reinterpret_cast<char const*>(bytes.data()), bytes.size()}));
  }
  if (!holds_binary(value)) return out.json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  bool const object = value.is_object();
  bool first = true;
  out.json(object ? "{" : "[");
  for (auto const& [key, each] : value.items()) {
    if (!std::exchange(first, false)) out.json(",");
    if (object) {
      out.scalar(key);
      out.json(":");
    }
    write_json(out, each);
  }
  out.json(object ? "}" : "]");
}

}  // namespace impl

template <class Json>
requires nlohmann::detail::is_basic_json<Json>::value struct argument<Json> {
  static result<Json> read(std::string_view json, socketio::attachments_view attachments) {
    Json value = Json::parse(json, nullptr, false);
    if (value.is_discarded()) return remote_error(errc::bad_json);  // a number beyond double
    if (!attachments.empty()) impl::put_attachments(value, attachments);
    return value;
  }
  static void write(socketio::argument_writer& out, Json const& value) { impl::write_json(out, value); }
};

}  // namespace siokit::inline v0
