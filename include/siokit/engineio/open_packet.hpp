// siokit/engineio/open_packet.hpp - the first packet of a session.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 4, "Handshake". Keys stand in the order of the official server.
#pragma once

#include <string>

#include "siokit/core/ids.hpp"
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
  std::string json = "{\"sid\":\"";
  json.append(id.view()).append(can_upgrade ? "\",\"upgrades\":[\"websocket\"]" : "\",\"upgrades\":[]");
  json.append(",\"pingInterval\":").append(milliseconds(config.ping_interval));
  json.append(",\"pingTimeout\":").append(milliseconds(config.ping_timeout));
  json.append(",\"maxPayload\":").append(std::to_string(config.max_http_buffer_size)).append("}");
  return encode_packet(packet_type::open, json);
}

}  // namespace siokit::inline v0::engineio
