// siokit/net/client_options.hpp - the options of a client.   SPDX-License-Identifier: MIT
// Names and defaults are those of the official client, in snake_case.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "siokit/engineio/query.hpp"
#include "siokit/net/http_route.hpp"
#include "siokit/net/tls_context.hpp"
#include "siokit/net/url.hpp"
#include "siokit/socketio/auth.hpp"
#include "siokit/socketio/client_config.hpp"

namespace siokit::inline v0::net {

struct client_options {
  /// What every CONNECT carries: a JSON object, or nothing. A socket may have its own: client_socket::auth().
  std::string auth{};
  std::string path = "/socket.io/";
  /// Further parameters of every request, encoded for you. Those of the URL are kept too.
  std::vector<std::pair<std::string, std::string>> query{};
  std::vector<owned_header> extra_headers{};
  /// In the order they are tried.
  std::vector<engineio::transport> transports{engineio::transport::polling, engineio::transport::websocket};
  std::string timestamp_param = "t";

  bool add_trailing_slash = true;
  bool timestamp_requests = true;
  /// Whether messages are compressed on a WebSocket, if the server agrees (permessage-deflate).
  bool per_message_deflate = true;
  bool try_all_transports = false;
  bool upgrade = true;
  bool remember_upgrade = false;
  /// Whether cookies that the server sets are sent back to it. The official client does not, by default; a
  /// load balancer needs it.
  bool with_credentials = true;
  /// Whether the server's certificate must be good, and made out for its host.
  bool tls_verify = true;
  bool reconnection = true;
  std::uint32_t reconnection_attempts = 0;  ///< without end
  std::uint32_t retries = 0;
  duration reconnection_delay = std::chrono::seconds(1);
  duration reconnection_delay_max = std::chrono::seconds(5);
  double randomization_factor = 0.5;  ///< from 0 to 1
  /// For the handshake of the session.
  duration timeout = std::chrono::seconds(20);
  duration ack_timeout{};

  std::size_t max_message_bytes = 100'000'000;
  std::size_t deflate_threshold = 1024;  ///< shorter messages are not compressed
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
  std::size_t send_buffer_max = 64 * 1024 * 1024;
  std::size_t pending_acks_max = 65'536;
  socketio::decoder_limits limits{};
  socketio::overflow send_buffer_policy = socketio::overflow::refuse;
  /// In place of the default one, that of the server; outlives the client.
  socketio::parser const* parser = nullptr;

  /// http://user:password@host:port: every connection goes through its CONNECT. Empty: none.
  std::string proxy{};
  /// PEM files: certificates to trust in place of those of the system; a certificate of the client's own and
  /// its key.
  std::string tls_ca{};
  std::string tls_cert{};
  std::string tls_key{};
  /// Settings of the caller's own, in place of these files: share_tls_context().
  tls_context tls{};

  /// What the core is to know of it. Error: a sentence that names the option.
  [[nodiscard]] tl::expected<socketio::client_config, std::string> config(url const& server) const;
  /// The settings of TLS. Error: a sentence that names the file.
  [[nodiscard]] tl::expected<tls_context, std::string> make_tls() const;
};

inline tl::expected<socketio::client_config, std::string> client_options::config(url const& server) const {
  auto const wrong = [](std::string_view what) { return tl::unexpected(std::string(what)); };
  if (transports.empty()) return wrong("transports: expected at least one");
  if (!(randomization_factor >= 0 && randomization_factor <= 1)) {
    return wrong("randomization_factor: expected a number from 0 to 1");
  }
  if (retries > 0 && ack_timeout <= duration{}) return wrong("retries: expected ack_timeout beside it");
  if (timeout < duration{}) return wrong("timeout: expected 0 (none) or more");
  auto const plain = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c > ' ' && c <= '~' && c != '?' && c != '#'; });
  };
  if (!path.starts_with('/') || !plain(path)) return wrong("path: expected to begin with /, without blanks");
  if (!plain(timestamp_param)) return wrong("timestamp_param: expected a plain word");
  if (tls_cert.empty() != tls_key.empty()) return wrong("tls_cert, tls_key: expected both or none");
  for (auto const& [name, value] : extra_headers) {
    auto const bad = [](std::string_view text) {
      return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
    };
    if (name.empty() || bad(name) || name.find(':') != name.npos || bad(value)) {
      return wrong("extra_headers: expected names and values of one line");
    }
  }
  if (!socketio::count_auth_members(auth, limits.json_depth_max))
    return wrong("auth: expected a JSON object");
  socketio::client_config out;
  out.engine.path = engineio::normalized_path(path, add_trailing_slash);
  out.engine.query = server.query;
  for (auto const& [name, value] : query) {
    if (!out.engine.query.empty()) out.engine.query += '&';
    out.engine.query.append(engineio::percent_encode(name)).append("=") += engineio::percent_encode(value);
  }
  out.engine.transports = transports;
  out.engine.try_all_transports = try_all_transports;
  out.engine.upgrade = upgrade;
  out.engine.timestamp_param = timestamp_requests ? timestamp_param : std::string();
  out.engine.max_message_bytes = max_message_bytes;
  out.engine.outbox_bytes_max = outbox_bytes_max;
  out.reconnection = reconnection;
  out.reconnection_attempts = reconnection_attempts;
  out.backoff = {reconnection_delay, reconnection_delay_max,
                 static_cast<std::uint16_t>(std::lround(randomization_factor * 100))};
  out.timeout = timeout;
  out.remember_upgrade = remember_upgrade;
  out.ack_timeout = ack_timeout;
  out.retries = retries;
  out.limits = limits;
  out.parser = parser;
  out.pending_acks_max = pending_acks_max;
  out.send_buffer_max = send_buffer_max;
  out.send_buffer_policy = send_buffer_policy;
  return out;
}

inline tl::expected<tls_context, std::string> client_options::make_tls() const {
  tls_context out = tls;
  if (!out) {
    auto made = make_client_context(tls_ca, tls_cert, tls_key);
    if (!made) return made;
    out = std::move(*made);
  }
  return out;
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::client_options;
}  // namespace siokit::inline v0
