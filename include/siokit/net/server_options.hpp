// siokit/net/server_options.hpp - the options of a Socket.IO server, and what is wrong with them.
// SPDX-License-Identifier: MIT
// Values, and pure functions over them.
#pragma once

#include "siokit/hub/config.hpp"
#include "siokit/net/engine_host.hpp"

namespace siokit::inline v0::net {

/// Names and defaults of the official server, in snake_case.
struct server_options {
  /// An address, or "localhost"; empty: every address of this machine; "unix:PATH": a Unix socket.
  std::string host{};
  std::uint16_t port = 3000;  ///< 0: a free one
  std::uint8_t shard = 0;     ///< which of several this is: see shards
  /// PEM files; both or none. With them the server speaks TLS.
  std::string tls_cert{};
  std::string tls_key{};

  std::string path = "/socket.io/";
  bool add_trailing_slash = true;
  duration ping_interval = std::chrono::seconds(25);
  duration ping_timeout = std::chrono::seconds(20);
  duration upgrade_timeout = std::chrono::seconds(10);
  duration connect_timeout = std::chrono::seconds(45);
  std::size_t max_http_buffer_size = 1'000'000;
  engineio::transport_set transports{};
  bool allow_upgrades = true;
  bool allow_eio3 = false;  ///< serve clients of revision 3, those before socket.io-client 3
  /// A text message that follows each handshake; empty: none.
  std::string initial_packet{};
  /// Which pages of other origins may use the server; none: none.
  std::optional<engineio::cors_options> cors{};
  /// A cookie with the id of the session, for load balancers; none: none.
  std::optional<engineio::cookie_options> cookie{};
  http_compression_options http_compression{};
  /// Compression of messages on a WebSocket; none: none, as upstream.
  std::optional<per_message_deflate_options> per_message_deflate{};
  /// Addresses and networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; "unix" for the
  /// clients of a Unix socket.
  std::vector<std::string> trusted_proxies{};
  /// The folder `client-dist` of the npm package socket.io, whose files are served below `path`; empty: none.
  std::string serve_client{};
  engineio::keep_handshake keep_handshake = engineio::keep_handshake::all;
  /// Quotas and limits: SECURITY.md has them all, and why they are what they are.
  std::size_t sessions_per_address_max = 10'000;
  rate_limit handshake_rate = {1'000, 10'000};                        ///< of one address
  rate_limit packet_rate = {100'000, 1'000'000};                      ///< of one session
  rate_limit byte_rate = {256.0 * 1024 * 1024, 512.0 * 1024 * 1024};  ///< of one session
  std::size_t payload_packets_max = 200'000;
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
  std::size_t outbox_messages_max = 1'000'000;
  std::size_t rooms_max = 65'536;
  std::size_t pending_acks_max = 65'536;
  socketio::decoder_limits limits{};
  std::optional<hub::recovery_config> connection_state_recovery{};
  hub::slow_consumer slow_consumer = hub::slow_consumer::disconnect;
  bool cleanup_empty_child_namespaces = false;
  std::size_t child_namespaces_max = 65'536;
  /// Hears of sessions, packets and errors, for logs and metrics; outlives the server. See engineio::metrics.
  engineio::observer* observer = nullptr;
  /// Keeps what happens to sessions, for siokit-replay; outlives the server. See engineio::recorder.
  engineio::recorder* recorder = nullptr;
  /// Joins this server to others, on the same thread by a server_group; outlives them.
  hub::cluster_bus* cluster = nullptr;
  /// In place of the default one; outlives the server. A msgpack_parser serves clients with the package
  /// socket.io-msgpack-parser.
  socketio::parser const* parser = nullptr;
  host_options http{};

  [[nodiscard]] engineio::server_config engine() const {
    engineio::server_config out;
    out.path = engineio::normalized_path(path, add_trailing_slash);
    out.ping_interval = ping_interval;
    out.ping_timeout = ping_timeout;
    out.upgrade_timeout = upgrade_timeout;
    out.max_http_buffer_size = max_http_buffer_size;
    out.transports = transports;
    out.allow_upgrades = allow_upgrades;
    out.allow_eio3 = allow_eio3;
    if (!initial_packet.empty()) {
      out.initial_packet = engineio::encode_packet(engineio::packet_type::message, initial_packet);
    }
    out.keep = keep_handshake;
    out.outbox_bytes_max = outbox_bytes_max;
    out.outbox_messages_max = outbox_messages_max;
    out.payload_packets_max = payload_packets_max;
    out.packet_rate = packet_rate;
    out.byte_rate = byte_rate;
    out.sessions_per_address_max = sessions_per_address_max;
    out.handshake_rate = handshake_rate;
    out.observer = observer;
    out.recorder = recorder;
    return out;
  }
  [[nodiscard]] host_options binding() const {
    host_options out = http;
    out.cors = cors;
    out.cookie = cookie;
    out.http_compression = http_compression;
    out.per_message_deflate = per_message_deflate;
    for (auto const& each : trusted_proxies) static_cast<void>(out.trusted_proxies.add(each));
    return out;
  }
  [[nodiscard]] hub::server_config hub() const {
    hub::server_config out;
    out.connect_timeout = connect_timeout;
    out.limits = limits;
    out.slow_consumer = slow_consumer;
    out.rooms_max = rooms_max;
    out.pending_acks_max = pending_acks_max;
    out.parser = parser;
    out.connection_state_recovery = connection_state_recovery;
    out.cluster = cluster;
    out.shard = shard;
    out.cleanup_empty_child_namespaces = cleanup_empty_child_namespaces;
    out.child_namespaces_max = child_namespaces_max;
    auto const unix_now = std::chrono::system_clock::now().time_since_epoch();
    out.unix_time_at_zero =
        std::chrono::duration_cast<std::chrono::milliseconds>(unix_now - net::now().time_since_epoch())
            .count();
    return out;
  }
};

namespace impl {
/// One sentence for the first condition that does not hold.
class option_check {
 public:
  void require(bool good, std::string_view name, std::string_view why) {
    if (good || problem_) return;
    problem_.emplace(name).append(": ").append(why);
  }
  [[nodiscard]] std::optional<std::string> problem() && { return std::move(problem_); }

 private:
  std::optional<std::string> problem_;
};

/// Tokens of HTTP joined by commas, or nothing.
[[nodiscard]] inline bool is_token_list(std::string_view list) noexcept {
  while (!list.empty()) {
    auto const end = std::min(list.find(','), list.size());
    if (!is_token(trimmed(list.substr(0, end)))) return false;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return true;
}

/// scheme://host[:port], with `*` for any part of it.
[[nodiscard]] inline bool is_origin(std::string_view text) noexcept {
  auto const mark = text.find("://");
  if (text == "null") return true;
  if (mark == 0 || mark == text.npos || mark + 3 == text.size()) return false;
  return is_field_value(text) && text.find_first_of("/?#, \t", mark + 3) == text.npos;
}

inline void check_cors(option_check& check, engineio::cors_options const& cors) {
  using kind = engineio::cors_origin::kind;
  kind const type = cors.origin.type();
  auto const& names = cors.origin.names();
  check.require(type != kind::list || !names.empty(), "cors.origin", "the list is empty");
  if (type == kind::one || type == kind::list) {
    for (auto const& name : names) {
      check.require(is_origin(name), "cors.origin",
                    "'" + name + "' is no origin, such as https://example.org, without a path");
    }
  }
  check.require(is_token_list(cors.methods), "cors.methods", "'" + cors.methods + "' is no list of methods");
  check.require(is_token_list(cors.allowed_headers), "cors.allowed_headers",
                "'" + cors.allowed_headers + "' is no list of headers");
  check.require(is_token_list(cors.exposed_headers), "cors.exposed_headers",
                "'" + cors.exposed_headers + "' is no list of headers");
  check.require(!cors.max_age || cors.max_age->count() >= 0, "cors.max_age", "it is negative");
  check.require(cors.options_success_status >= 200 && cors.options_success_status < 300,
                "cors.options_success_status", "it is not between 200 and 299");
}

inline void check_cookie(option_check& check, engineio::cookie_options const& cookie) {
  auto const plain = [](std::string_view text) {
    return is_field_value(text) && text.find_first_of(";\t") == text.npos;
  };
  check.require(is_token(cookie.name), "cookie.name", "'" + cookie.name + "' is no name of a cookie");
  check.require(cookie.path.empty() || (cookie.path[0] == '/' && plain(cookie.path)), "cookie.path",
                "'" + cookie.path + "' is no path");
  check.require(plain(cookie.domain) && cookie.domain.find_first_of(" ,/:") == std::string::npos,
                "cookie.domain", "'" + cookie.domain + "' is no domain");
}

inline void check_deflate(option_check& check, per_message_deflate_options const& deflate) {
  auto const within = [&check](int value, int least, int most, std::string_view name) {
    check.require(value >= least && value <= most, name,
                  "it is not between " + std::to_string(least) + " and " + std::to_string(most));
  };
  within(deflate.server_max_window_bits, 9, 15, "per_message_deflate.server_max_window_bits");
  within(deflate.client_max_window_bits, 8, 15, "per_message_deflate.client_max_window_bits");
  within(deflate.level, -1, 9, "per_message_deflate.level");
  within(deflate.mem_level, 1, 9, "per_message_deflate.mem_level");
}

inline void check_quotas(option_check& check, server_options const& options) {
  auto const some = [&check](std::size_t value, std::string_view name) {
    check.require(value > 0, name, "nobody would be served");
  };
  some(options.sessions_per_address_max, "sessions_per_address_max");
  some(options.http.connections_per_address_max, "http.connections_per_address_max");
  some(options.payload_packets_max, "payload_packets_max");
  some(options.outbox_messages_max, "outbox_messages_max");
  some(options.outbox_bytes_max, "outbox_bytes_max");
  std::string_view const no_burst = "it is negative, or its burst is less than one";
  check.require(options.handshake_rate.valid(), "handshake_rate", no_burst);
  check.require(options.packet_rate.valid(), "packet_rate", no_burst);
  check.require(options.byte_rate.valid(static_cast<double>(options.max_http_buffer_size)), "byte_rate",
                "it is negative, or its burst is less than one message of max_http_buffer_size");
}
}  // namespace impl

/// The first option with a value that can't be meant: its name and what is wrong. Files are not looked at.
[[nodiscard]] inline std::optional<std::string> invalid_option(server_options const& options) {
  impl::option_check check;
  auto const positive = [&check](duration value, std::string_view name) {
    check.require(value > duration::zero(), name, "it must be longer than nothing");
  };
  bool const path = options.path.starts_with('/') && is_field_value(options.path) &&
                    options.path.find_first_of("?# ") == std::string::npos;
  check.require(path, "path", "'" + options.path + "' is no path, such as /socket.io/");
  positive(options.ping_interval, "ping_interval");
  positive(options.ping_timeout, "ping_timeout");
  positive(options.upgrade_timeout, "upgrade_timeout");
  positive(options.connect_timeout, "connect_timeout");
  check.require(options.max_http_buffer_size > 0, "max_http_buffer_size", "it must be larger than nothing");
  check.require(options.transports.polling || options.transports.websocket, "transports", "there is none");
  impl::check_quotas(check, options);
  check.require(utf8_valid(options.initial_packet), "initial_packet", "it is not UTF-8");
  for (auto const& each : options.trusted_proxies) {
    check.require(net::trusted_proxies().add(each), "trusted_proxies",
                  "'" + each + "' is no address or network");
  }
  if (options.cors) impl::check_cors(check, *options.cors);
  if (options.cookie) impl::check_cookie(check, *options.cookie);
  if (options.per_message_deflate) impl::check_deflate(check, *options.per_message_deflate);
  int const level = options.http_compression.level;
  check.require(level >= -1 && level <= 9, "http_compression.level", "it is not between -1 and 9");
  check.require(options.http.http2.streams_max > 0, "http.http2.streams_max", "no request would be served");
  check.require(options.tls_cert.empty() == options.tls_key.empty(), "tls_cert",
                "it goes together with tls_key");
  constexpr std::string_view unix_socket = "unix:";
  if (options.host.starts_with(unix_socket)) {
    constexpr std::size_t path_max = 107;  // of Linux; none allows more
    std::size_t const length = options.host.size() - unix_socket.size();
    check.require(length > 0 && length <= path_max, "host", "the path of a Unix socket has 1 to 107 bytes");
    check.require(options.tls_cert.empty(), "tls_cert", "a Unix socket speaks no TLS");
  }
  return std::move(check).problem();
}

}  // namespace siokit::inline v0::net
