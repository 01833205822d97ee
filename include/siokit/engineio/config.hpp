// siokit/engineio/config.hpp - the options of an Engine.IO server.   SPDX-License-Identifier: MIT
// Names and defaults are those of the official server, in snake_case.
#pragma once

#include <string>

#include "siokit/core/message.hpp"
#include "siokit/core/rate_limit.hpp"

namespace siokit::inline v0::engineio {

class observer;
class recorder;

enum class transport : std::uint8_t { polling, websocket };

[[nodiscard]] constexpr std::string_view to_string(transport name) noexcept {
  return name == transport::polling ? "polling" : "websocket";
}

/// Which transports a server offers.
struct transport_set {
  bool polling = true;
  bool websocket = true;

  [[nodiscard]] constexpr bool has(transport name) const noexcept {
    return name == transport::polling ? polling : websocket;
  }
};

/// How much of the handshake request is kept for the life of a session.
enum class keep_handshake : std::uint8_t {
  all,             ///< request line, headers and address
  query_and_auth,  ///< the request line only
  none,            ///< nothing; handshake() is empty
};

struct server_config {
  /// Where the server answers; a request belongs to it when its target begins with this path.
  std::string path = "/engine.io/";
  /// From the last pong (or the handshake) to the next ping.
  duration ping_interval = std::chrono::seconds(25);
  /// From a ping to the end of the session, unless a pong comes.
  duration ping_timeout = std::chrono::seconds(20);
  /// From the opening of a second transport to its end, unless the upgrade is complete.
  duration upgrade_timeout = std::chrono::seconds(10);
  /// Longest message of a WebSocket and longest body of a POST, in bytes; announced as maxPayload.
  std::size_t max_http_buffer_size = 1'000'000;
  transport_set transports{};
  bool allow_upgrades = true;
  /// Whether clients of revision 3 are served, such as Socket.IO clients before version 3.
  bool allow_eio3 = false;
  /// A MESSAGE packet of text that follows each OPEN packet; none by default.
  message initial_packet{};
  keep_handshake keep = keep_handshake::all;
  /// A session whose unsent messages exceed this many bytes is closed: its peer does not read.
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
  /// The same for how many messages are unsent.
  std::size_t outbox_messages_max = 1'000'000;
  /// Packets in one body of a POST; more are a parse error.
  std::size_t payload_packets_max = 200'000;
  /// What one session may send: packets of any type, and their bytes. One that sends more is closed. The
  /// bursts are for clients that come back with a full buffer, and for those that we made wait.
  rate_limit packet_rate = {100'000, 1'000'000};
  rate_limit byte_rate = {256.0 * 1024 * 1024, 512.0 * 1024 * 1024};
  /// What one address, or one network /64 of IPv6, may ask for; what is more is refused with 429.
  std::size_t sessions_per_address_max = 10'000;
  rate_limit handshake_rate = {1'000, 10'000};
  /// Hears of everything; null: nobody does. See observer.hpp.
  engineio::observer* observer = nullptr;
  /// Keeps what happens to sessions, so that it can be replayed; null: nobody does. See recorder.hpp.
  engineio::recorder* recorder = nullptr;

  /// Whether a request target belongs to this server: a prefix test on the raw target, as upstream.
  [[nodiscard]] bool serves(std::string_view target) const noexcept { return target.starts_with(path); }
};

/// The path option as upstream treats it: "/socket.io" and "/socket.io/" both serve "/socket.io/".
[[nodiscard]] inline std::string normalized_path(std::string_view path, bool add_trailing_slash = true) {
  if (path.ends_with('/')) path.remove_suffix(1);
  std::string normal(path);
  if (add_trailing_slash) normal += '/';
  return normal;
}

}  // namespace siokit::inline v0::engineio
