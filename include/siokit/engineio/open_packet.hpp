// siokit/engineio/open_packet.hpp - the first packet of a session, both sides.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 4, "Handshake". Keys stand in the order of the official server.
#pragma once

#include <string>

#include "siokit/core/ids.hpp"
#include "siokit/core/json_scan.hpp"
#include "siokit/engineio/config.hpp"
#include "siokit/engineio/packet.hpp"

namespace siokit::inline v0::engineio {

/// 0{"sid":...,"upgrades":[...],"pingInterval":ms,"pingTimeout":ms,"maxPayload":bytes}
[[nodiscard]] inline message encode_open_packet(server_config const& config, sid const& id, transport first) {
  constexpr auto milliseconds = [](duration span) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
  };
  bool const can_upgrade =
      first == transport::polling && config.allow_upgrades && config.transports.websocket;
  std::string json;
  json.reserve(160);
  json.append("{\"sid\":\"")
      .append(id.view())
      .append(can_upgrade ? "\",\"upgrades\":[\"websocket\"]" : "\",\"upgrades\":[]");
  json.append(",\"pingInterval\":").append(milliseconds(config.ping_interval));
  json.append(",\"pingTimeout\":").append(milliseconds(config.ping_timeout));
  json.append(",\"maxPayload\":").append(std::to_string(config.max_http_buffer_size)).append("}");
  return encode_packet(packet_type::open, json);
}

/// What a client learns from it.
struct open_packet {
  std::string id;
  bool can_upgrade = false;  ///< to a WebSocket
  duration ping_interval{};
  duration ping_timeout{};
  std::size_t max_payload = 0;  ///< in bytes, 0 if the server does not say
};

/// Reads the data of an open packet. Members of no interest are ignored, the heartbeat is limited to a month.
/// Error, remote: bad_open_packet without a sid, an interval, a timeout.
[[nodiscard]] inline result<open_packet> decode_open_packet(std::string_view json) {
  constexpr std::size_t id_bytes_max = 1024;
  constexpr std::int64_t ms_max = 31 * 24 * 3600 * std::int64_t{1000};
  auto const bad = [] { return remote_error(errc::bad_open_packet); };
  auto const scanned = scan_json(json);
  if (!scanned || scanned->kind != json_kind::object) return bad();
  auto const milliseconds = [&](std::string_view key) -> std::optional<duration> {
    auto const value = json_find(json, key);
    auto const number = value ? json_number<std::int64_t>(*value) : bad();
    if (!number || *number < 0) return std::nullopt;
    return std::chrono::milliseconds(std::min(*number, ms_max));
  };
  auto const id = json_find(json, "sid");
  auto const interval = milliseconds("pingInterval"), timeout = milliseconds("pingTimeout");
  if (!id || json_kind_at(*id) != json_kind::string || !interval || !timeout) return bad();
  open_packet out{.id = {}, .ping_interval = *interval, .ping_timeout = *timeout};
  json_unescape(json_string_raw(*id), out.id);
  if (out.id.empty() || out.id.size() > id_bytes_max) return bad();
  if (auto const most = json_find(json, "maxPayload")) {
    out.max_payload = json_number<std::size_t>(*most).value_or(0);
  }
  if (auto const upgrades = json_find(json, "upgrades"); upgrades && upgrades->starts_with('[')) {
    for (json_elements all(*upgrades); auto const each = all.next();) {
      out.can_upgrade |= json_string_equals(json_string_raw(*each), "websocket");
    }
  }
  return out;
}

}  // namespace siokit::inline v0::engineio
