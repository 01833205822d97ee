// siokit/hub/config.hpp - the options of the Socket.IO half of a server.   SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "siokit/core/time.hpp"
#include "siokit/hub/recovery.hpp"
#include "siokit/socketio/decoder.hpp"

namespace siokit::inline v0::hub {

class cluster_bus;

/// What becomes of an event for a client that reads too slowly: one whose outbox is full.
enum class slow_consumer : std::uint8_t {
  disconnect,  ///< its connection is closed
  drop,        ///< emit() fails with outbox_full and broadcasts pass it by; it stays, and misses the event
};

struct server_config {
  /// From the opening of a connection to its end, unless a namespace is joined.
  duration connect_timeout = std::chrono::seconds(45);
  /// What a packet may hold.
  socketio::decoder_limits limits{};
  /// In place of the default one, which null stands for; every client must use the same. Outlives the server.
  socketio::parser const* parser = nullptr;
  /// Acknowledgements that one socket may owe us at a time.
  std::size_t pending_acks_max = 65'536;
  /// An event that a broadcast has dropped for a client is not recovered, once another one has come after it.
  /// Volatile events never wait in an outbox, and so never fill one. Acknowledgements, and what joins or
  /// leaves a namespace, can't be missed: without room for them the connection is closed all the same.
  hub::slow_consumer slow_consumer = hub::slow_consumer::disconnect;
  /// Rooms that one socket may be in, its own not counted.
  std::size_t rooms_max = 65'536;
  /// Clients that come back soon get their id, rooms, data and missed events back. Off unless set.
  std::optional<recovery_config> connection_state_recovery{};
  /// A namespace that a parent has made goes with its last socket.
  bool cleanup_empty_child_namespaces = false;
  /// How many namespaces parents may make, for all clients together; more are invalid.
  std::size_t child_namespaces_max = 65'536;
  /// Joins this server to others: broadcasts and server_side_emit() reach them. Outlives them all.
  cluster_bus* cluster = nullptr;
  /// Is part of the ids of sessions, so that a request finds its way: see shard_of().
  std::uint8_t shard = 0;
  /// Unix time, in milliseconds, at the zero of the host's clock: it dates handshakes.
  std::int64_t unix_time_at_zero = 0;
};

}  // namespace siokit::inline v0::hub
