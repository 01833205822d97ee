// What the command line says.   SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "siokit/net/loop.hpp"

/// One field per option; names and defaults are those of the official server. Options of one application
/// alone are its own. Weakest first: these defaults, those of the application, those of the environment, the
/// configuration file, environment variables, the command line.
struct settings {
  bool app_named = false;  ///< --app was given
  std::string host = "127.0.0.1";
  std::string path = "/socket.io/";
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};
  std::chrono::milliseconds upgrade_timeout{10'000};
  std::chrono::milliseconds connect_timeout{45'000};
  std::size_t max_http_buffer_size = 1'000'000;
  std::string transports = "polling,websocket";
  std::string parser = "text";
  std::string initial_packet;
  std::optional<siokit::engineio::cors_options> cors;
  bool check_origin = false;
  std::optional<siokit::engineio::cookie_options> cookie;
  siokit::net::http_compression_options http_compression;
  std::optional<siokit::net::per_message_deflate_options> per_message_deflate;
  std::string serve_client;
  std::size_t threads = 1;
  std::size_t max_attachments = 10;
  std::size_t outbox_bytes_max = 64 * 1024 * 1024;
  std::size_t outbox_messages_max = 1'000'000;
  std::string slow_consumer = "disconnect";
  std::size_t sessions_per_address_max = 10'000;
  std::size_t handshakes_per_second = 1'000;  ///< of an address; zero, as in the next two: any number
  std::size_t packets_per_second = 100'000;   ///< of a session
  std::size_t bytes_per_second = 256 * 1024 * 1024;
  std::size_t payload_packets_max = 200'000;
  std::size_t namespaces_max = 1024;
  std::string keep_handshake = "all";
  std::size_t attachment_bytes_max = SIZE_MAX;
  std::size_t json_depth_max = 128;
  std::size_t nsp_bytes_max = 512;
  std::size_t rooms_max = 65'536;
  std::size_t pending_acks_max = 65'536;
  std::chrono::milliseconds max_disconnection_duration{120'000};
  siokit::net::host_options http;
  std::string tls_cert;
  std::string tls_key;
  std::vector<std::string> trusted_proxies;
  std::chrono::milliseconds drain_timeout{1000};
  std::string verb = "serve";  ///< see verbs/verbs.hpp
  bool verbose = false;        ///< of status
  std::string pid_file;        ///< written while the server listens; empty: none
  std::string log_file;        ///< in place of standard error
  std::string record;          ///< a recording of all sessions; empty: none
  std::string record_mask = "secrets";
  std::uint64_t record_max = std::uint64_t{1} << 30;  ///< bytes
  std::string install_mode = "user";
  std::string install_root;
  std::string app = "testbed";
  std::string contract = "load";  ///< of the testbed
  std::string profile;            ///< of its contract
  std::string environment;        ///< development, production or docker; empty: none of them
  std::string config;             ///< the configuration file; empty: where it usually is, if it is there
  std::string admin_token;        ///< for routes that operators use; empty: there are none
  std::string
      connection_token;  ///< for clients, where the application knows one for all; from the environment
  std::size_t max_history_size = 10'000;  ///< events that are kept for those who come later
  std::string admin_user;                 ///< of the Admin UI; empty: nobody is asked
  std::string admin_password;             ///< or its bcrypt hash
  std::string admin_mode = "development";
  std::string log_level = "info";
  std::uint16_t port = 3000;
  bool add_trailing_slash = true;
  bool allow_upgrades = true;
  bool allow_eio3 = false;
  bool connection_state_recovery = false;
  bool skip_middlewares = true;
  bool cleanup_empty_child_namespaces = false;
  bool http2 = false;
  bool admin_ui = false;
  bool admin_readonly = false;
  bool log_json = false;
  bool allow_misbehaviour = false;
};
