// siokit/engineio/client_config.hpp - the options of an Engine.IO client.   SPDX-License-Identifier: MIT
// Names and defaults are those of the official client, in snake_case.
#pragma once

#include <string>
#include <vector>

#include "siokit/engineio/config.hpp"

namespace siokit::inline v0::engineio {

struct client_config {
  /// Where the server answers; must end as the server's own path does.
  std::string path = "/engine.io/";
  /// Further parameters of every request, `name=value` joined by '&', encoded already (percent_encode()).
  std::string query{};
  /// In the order they are tried: the first one opens the session. Not empty.
  std::vector<transport> transports{transport::polling, transport::websocket};
  /// When a transport fails before the session is open, the next one is tried.
  bool try_all_transports = false;
  /// Whether a session that polls goes on over a WebSocket, if the server offers one.
  bool upgrade = true;
  /// The parameter that makes each polling request different from all others, so that nobody answers it from
  /// a cache. Empty: none.
  std::string timestamp_param = "t";
  /// Longest message of a WebSocket and longest body of a response, in bytes, that the host should accept.
  std::size_t max_message_bytes = 100'000'000;
  /// How many bytes may wait to be sent.
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
};

}  // namespace siokit::inline v0::engineio
