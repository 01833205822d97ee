// siokit/net/admin_ui_shown.hpp - sockets, events and times as the Admin UI shows them.
// SPDX-License-Identifier: MIT
// Spec: the events of the package @socket.io/admin-ui. Values that can be sent, and how they are made.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "siokit/hub/server.hpp"

namespace siokit::inline v0::net {

namespace impl {
inline void append_digits(std::string& out, unsigned value, std::size_t width) {
  std::string const digits = std::to_string(value);
  out.append(digits.size() < width ? width - digits.size() : 0, '0').append(digits);
}
inline void append_clock(std::string& out, std::chrono::milliseconds since_midnight) {
  std::chrono::hh_mm_ss const clock(since_midnight);
  append_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
  append_digits(out += ':', static_cast<unsigned>(clock.minutes().count()), 2);
  append_digits(out += ':', static_cast<unsigned>(clock.seconds().count()), 2);
}
}  // namespace impl

using unix_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// As a Date of JavaScript is sent: 2026-11-21T22:54:32.007Z
[[nodiscard]] inline std::string iso_time(unix_time at) {
  auto const midnight = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day const day(midnight);
  std::string out;
  impl::append_digits(out, static_cast<unsigned>(static_cast<int>(day.year())), 4);
  impl::append_digits(out += '-', static_cast<unsigned>(day.month()), 2);
  impl::append_digits(out += '-', static_cast<unsigned>(day.day()), 2);
  impl::append_clock(out += 'T', at - midnight);
  impl::append_digits(out += '.', static_cast<unsigned>((at - midnight).count() % 1000), 3);
  return out += 'Z';
}

/// As a Date of JavaScript is printed: Sat Nov 21 2026 22:54:32 GMT+0000 (Coordinated Universal Time)
[[nodiscard]] inline std::string date_text(unix_time at) {
  constexpr std::string_view weekdays = "SunMonTueWedThuFriSat",
                             months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  auto const midnight = std::chrono::floor<std::chrono::days>(at);
  std::chrono::year_month_day const day(midnight);
  std::string out(weekdays.substr(std::chrono::weekday(midnight).c_encoding() * 3, 3));
  (out += ' ') += months.substr((static_cast<unsigned>(day.month()) - 1) * 3, 3);
  impl::append_digits(out += ' ', static_cast<unsigned>(day.day()), 2);
  impl::append_digits(out += ' ', static_cast<unsigned>(static_cast<int>(day.year())), 4);
  impl::append_clock(out += ' ', at - midnight);
  return out += " GMT+0000 (Coordinated Universal Time)";
}

/// A name of an event or a room; of a long one the beginning, as clients may choose them.
[[nodiscard]] constexpr std::string_view shown_name(std::string_view name) noexcept {
  constexpr std::size_t bytes_max = 256;
  if (name.size() <= bytes_max) return name;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;  // amid a character
  return name.substr(0, end);
}

/// The value of a query parameter: an array when it occurs more than once.
struct shown_values {
  std::vector<std::string> all;
};

struct shown_handshake {
  std::string address;
  std::map<std::string, std::string> headers;
  std::map<std::string, shown_values> query;
  std::int64_t issued = 0;
  bool secure = false;
  std::string time;
  std::string url;
  bool xdomain = false;
};

/// JSON text that is owned: one value.
struct shown_json {
  std::string text;
};

struct shown_socket {
  std::string id;
  std::string client_id;
  std::string transport;
  std::string nsp;
  shown_json data;
  shown_handshake handshake;
  std::vector<std::string> rooms;
};

/// What is new about a socket, borrowed: its transport, or if that is empty its data, a JSON object.
struct shown_change {
  std::string_view id, nsp, transport;
  std::string data;
};

/// An event with its arguments, borrowed: once they are too long, the rest is shown as its number and size.
struct shown_event {
  std::string_view name;
  socketio::args const* arguments;
  std::size_t bytes_max;
};

namespace impl {
/// Names in small letters and repeated ones joined, as Node.js has them.
inline void add_header(std::map<std::string, std::string>& all, header const& field) {
  std::string name(field.name);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  auto const [at, is_new] = all.try_emplace(name, field.value);
  if (!is_new) (at->second += name == "cookie" ? "; " : ", ") += field.value;
}

[[nodiscard]] inline shown_handshake show(hub::handshake const& from) {
  shown_handshake out;
  for (std::size_t i = 0; auto const field = from.header_at(i); ++i) add_header(out.headers, *field);
  for (auto pairs = from.query(); auto const pair = pairs.next();) {
    out.query[engineio::percent_decode(pair->key)].all.push_back(engineio::percent_decode(pair->value));
  }
  out.address = from.address();
  for (auto const* name : {"x-forwarded-for", "cf-connecting-ip"}) {  // the latter wins
    if (auto const named = out.headers.find(name); named != out.headers.end()) out.address = named->second;
  }
  out.issued = from.issued();
  out.secure = from.secure();
  out.time = date_text(from.time());
  out.url = from.url();
  out.xdomain = from.xdomain();
  return out;
}
}  // namespace impl

/// `data`: a JSON object.
[[nodiscard]] inline shown_socket show(hub::socket const& s, std::string data) {
  constexpr std::size_t client_id_size = 12;  // enough to tell clients apart, not to act as one
  auto const* session = s.server().engine().find(s.connection());
  shown_socket out;
  out.id = s.id();
  if (session != nullptr) out.client_id = session->id().view().substr(0, client_id_size);
  out.transport = to_string(s.transport());
  out.nsp = s.nsp().name();
  out.data.text = std::move(data);
  out.handshake = impl::show(s.handshake());
  for (auto const room : s.rooms()) out.rooms.emplace_back(shown_name(room));
  return out;
}

}  // namespace siokit::inline v0::net

template <>
struct siokit::argument<siokit::net::shown_values> {
  static void write(siokit::socketio::argument_writer& out, siokit::net::shown_values const& value) {
    value.all.size() == 1 ? out.write(value.all[0]) : out.write(value.all);
  }
};
template <>
struct siokit::argument<siokit::net::shown_json> {
  static void write(siokit::socketio::argument_writer& out, siokit::net::shown_json const& value) {
    out.checked_json(value.text);
  }
};
template <>
struct siokit::argument<siokit::net::shown_handshake>
    : siokit::object_argument<siokit::net::shown_handshake> {
  using shown = siokit::net::shown_handshake;
  static constexpr auto fields =
      std::tuple(siokit::field("address", &shown::address), siokit::field("headers", &shown::headers),
                 siokit::field("query", &shown::query), siokit::field("issued", &shown::issued),
                 siokit::field("secure", &shown::secure), siokit::field("time", &shown::time),
                 siokit::field("url", &shown::url), siokit::field("xdomain", &shown::xdomain));
};
template <>
struct siokit::argument<siokit::net::shown_socket> : siokit::object_argument<siokit::net::shown_socket> {
  using shown = siokit::net::shown_socket;
  static constexpr auto fields =
      std::tuple(siokit::field("id", &shown::id), siokit::field("clientId", &shown::client_id),
                 siokit::field("transport", &shown::transport), siokit::field("nsp", &shown::nsp),
                 siokit::field("data", &shown::data), siokit::field("handshake", &shown::handshake),
                 siokit::field("rooms", &shown::rooms));
};
template <>
struct siokit::argument<siokit::net::shown_change> {
  static void write(siokit::socketio::argument_writer& out, siokit::net::shown_change const& value) {
    out.json(R"({"id":)");
    out.scalar(value.id);
    out.json(R"(,"nsp":)");
    out.scalar(value.nsp);
    out.json(value.transport.empty() ? R"(,"data":)" : R"(,"transport":)");
    value.transport.empty() ? out.checked_json(value.data) : out.scalar(value.transport);
    out.json("}");
  }
};
template <>
struct siokit::argument<siokit::net::shown_event> {
  static void write(siokit::socketio::argument_writer& out, siokit::net::shown_event const& value) {
    auto const parts = value.arguments->attachments();
    std::size_t left = value.bytes_max, more = 0, more_bytes = 0;
    out.json("[");
    out.scalar(siokit::net::shown_name(value.name));
    for (std::string_view const json : *value.arguments) {
      std::size_t size = json.size();
      if (!parts.empty()) {
        for (auto const& each : siokit::socketio::find_placeholders(json)) {
          size += each.num < parts.size() ? parts[each.num].size() : 0;
        }
      }
      if (more > 0 || size > left) {
        ++more;
        more_bytes += size;
        continue;
      }
      left -= size;
      out.json(",");
      out.json(json, parts);
    }
    if (more > 0) {
      out.json(",");
      out.scalar("(" + std::to_string(more) + (more == 1 ? " more argument, " : " more arguments, ") +
                 std::to_string(more_bytes) + " bytes)");
    }
    out.json("]");
  }
};
