// siokit/socketio/client_config.hpp - the options of a Socket.IO client.   SPDX-License-Identifier: MIT
// Names and defaults are those of the official client, in snake_case.
#pragma once

#include "siokit/engineio/client_config.hpp"
#include "siokit/socketio/backoff.hpp"
#include "siokit/socketio/parser.hpp"

namespace siokit::inline v0::socketio {

/// What happens to an event emitted while a namespace is not connected and its buffer full.
enum class overflow : std::uint8_t {
  refuse,       ///< emit() fails with outbox_full
  drop_oldest,  ///< the oldest one makes room; if it wanted an acknowledgement, that fails with outbox_full
};

struct client_config {
  engineio::client_config engine{.path = "/socket.io/"};
  /// Whether a lost connection is made anew.
  bool reconnection = true;
  /// How often; 0: without end.
  std::uint32_t reconnection_attempts = 0;
  /// reconnection_delay, reconnection_delay_max, randomization_factor.
  backoff_config backoff{};
  /// For the handshake of the session; a namespace may take as long as it wants.
  duration timeout = std::chrono::seconds(20);
  /// Begin with a WebSocket once one has worked.
  bool remember_upgrade = false;
  /// For every acknowledgement without a time of its own; zero: no limit.
  duration ack_timeout{};
  /// How often an event is sent again when its acknowledgement does not come; then events are sent one by
  /// one, each after the acknowledgement of the one before. Zero: never. Needs ack_timeout.
  std::uint32_t retries = 0;
  decoder_limits limits{};
  /// In place of the default one, which null stands for; that of the server. Outlives the client.
  socketio::parser const* parser = nullptr;
  std::size_t pending_acks_max = 65'536;
  /// Of each namespace: memory behind events that wait for a connection, and what is done with more.
  std::size_t send_buffer_max = 64 * 1024 * 1024;
  overflow send_buffer_policy = overflow::refuse;
  /// Of each namespace: bytes of events that came before it was connected, as they do after a recovery.
  std::size_t receive_buffer_max = 16 * 1024 * 1024;
};

}  // namespace siokit::inline v0::socketio
