// The options of siokit-server.   SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "admin.hpp"
#include "apps/app.hpp"
#include "command_line_engine.hpp"
#include "configuration.hpp"
#include "siokit/net/shards.hpp"

namespace {

/// Milliseconds as a plain number, as the official options are written.
template <class Duration>
void add_milliseconds(CLI::App& app, std::string const& name, Duration& value, std::string const& text,
                      long least) {
  using std::chrono::milliseconds;
  app.add_option_function<long>(
         name, [&value](long const& ms) { value = milliseconds(ms); }, text)
      ->type_name("MS")
      ->default_str(std::to_string(std::chrono::duration_cast<milliseconds>(value).count()))
      ->check(CLI::Range(least, 2'000'000'000L));
}

void add_network_options(CLI::App& app, settings& s) {
  app.add_option("--host", s.host, "Address to listen on, or unix:PATH")
      ->capture_default_str()
      ->group("Network");
  app.add_option_function<long>(
         "--port", [&s](long const& port) { s.port = static_cast<std::uint16_t>(port); },
         "Port to listen on; 0 takes a free one")
      ->type_name("PORT")
      ->default_str(std::to_string(s.port))
      ->check(CLI::Range(0L, 65535L))
      ->group("Network");
  app.add_option("--threads", s.threads, "Threads, each with its part of the clients: see docs/shards.md")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, siokit::shards::size_max))
      ->group("Network");
  app.add_option("--tls-cert", s.tls_cert, "Certificate chain (PEM); turns TLS on")->group("Network");
  app.add_option("--trusted-proxy", s.trusted_proxies,
                 "Address or network of proxies whose X-Forwarded-For is believed, or unix")
      ->group("Network");
  app.add_option_function<long>(
         "--drain-timeout", [&s](long const& ms) { s.drain_timeout = std::chrono::milliseconds(ms); },
         "Within what time SIGTERM closes the sessions that are open")
      ->type_name("MS")
      ->default_str(std::to_string(s.drain_timeout.count()))
      ->check(CLI::Range(0L, 2'000'000'000L))
      ->group("Network");
  app.add_option("--tls-key", s.tls_key, "Private key of the certificate (PEM)")->group("Network");
  app.add_flag("--http2", s.http2, "Serve clients that want HTTP/2, which needs TLS")->group("Network");
}

void add_socketio_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Socket.IO", "Names and defaults of the official server");
  group->add_flag("--connection-state-recovery,!--no-connection-state-recovery", s.connection_state_recovery,
                  "Clients that come back soon get their state back (default off)");
  add_milliseconds(*group, "--max-disconnection-duration", s.max_disconnection_duration,
                   "How soon, with recovery", 1);
  group->add_flag("--skip-middlewares,!--no-skip-middlewares", s.skip_middlewares,
                  "Clients that are recovered do not pass the middleware again (default on)");
  group->add_flag("--cleanup-empty-child-namespaces,!--no-cleanup-empty-child-namespaces",
                  s.cleanup_empty_child_namespaces,
                  "Namespaces made by a pattern go with their last socket (default off)");
}

void add_protocol_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Protocol", "Names and defaults of the official server");
  group->add_option("--path", s.path, "Where the server answers")
      ->capture_default_str()
      ->check([](std::string const& path) {
        bool const good = path.size() > 1 && path[0] == '/' && path.find_first_of("?# \"<>") == path.npos;
        return good ? std::string() : "'" + path + "' is no path: it begins with '/', such as /socket.io/";
      });
  group->add_flag("--add-trailing-slash,!--no-add-trailing-slash", s.add_trailing_slash,
                  "Serve PATH/ rather than PATH (default on)");
  add_milliseconds(*group, "--ping-interval", s.ping_interval, "From a pong to the next ping", 1);
  add_milliseconds(*group, "--ping-timeout", s.ping_timeout, "How long to wait for a pong", 1);
  add_milliseconds(*group, "--upgrade-timeout", s.upgrade_timeout, "How long an upgrade may take", 1);
  add_milliseconds(*group, "--connect-timeout", s.connect_timeout,
                   "How long a client may take to join a namespace", 1);
  group->add_option("--max-http-buffer-size", s.max_http_buffer_size, "Longest message, in bytes")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 31));
  group->add_option("--transports", s.transports, "polling, websocket, or both, joined by a comma")
      ->capture_default_str()
      ->type_name("NAMES")
      ->check([](std::string const& names) {
        bool const known = names == "polling" || names == "websocket" || names == "polling,websocket" ||
                           names == "websocket,polling";
        return known ? std::string() : "'" + names + "' is none of polling, websocket, polling,websocket";
      });
  group->add_flag("--allow-upgrades,!--no-allow-upgrades", s.allow_upgrades,
                  "Let polling clients change to WebSocket (default on)");
  group->add_flag("--allow-eio3,!--no-allow-eio3", s.allow_eio3,
                  "Serve clients of revision 3, those before socket.io-client 3");
  group
      ->add_option("--parser", s.parser,
                   "What packets look like: text, or msgpack (socket.io-msgpack-parser)")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "msgpack"}));
  group->add_option("--max-attachments", s.max_attachments, "Attachments in one packet")
      ->capture_default_str()
      ->check(CLI::Range(0, 255));
  group->add_option("--keep-handshake", s.keep_handshake, "What of the handshake request is kept")
      ->capture_default_str()
      ->check(CLI::IsMember({"all", "query-and-auth", "none"}));
}

template <class Number>
void add_limit(CLI::App& app, std::string const& name, Number& value, std::string const& text,
               std::size_t least, std::size_t most) {
  app.add_option(name, value, text)
      ->capture_default_str()
      ->check(CLI::Range(static_cast<Number>(least), static_cast<Number>(most)));
}

void add_quotas(CLI::App& group, settings& s) {
  constexpr std::size_t many = std::size_t{1} << 40;
  add_limit(group, "--outbox-bytes-max", s.outbox_bytes_max, "Bytes that may wait for a client", 1024, many);
  add_limit(group, "--outbox-messages-max", s.outbox_messages_max, "Messages that may wait for a client", 1,
            many);
  group
      .add_option("--slow-consumer", s.slow_consumer,
                  "What becomes of a client over these two: disconnect, or drop the events that find no room")
      ->capture_default_str()
      ->check(CLI::IsMember({"disconnect", "drop"}));
  add_limit(group, "--connections-per-address-max", s.http.connections_per_address_max,
            "TCP connections of an address", 1, many);
  add_limit(group, "--sessions-per-address-max", s.sessions_per_address_max, "Sessions of an address", 1,
            many);
  add_limit(group, "--handshakes-per-second", s.handshakes_per_second,
            "Handshakes of an address; ten times as many at once; 0: no limit", 0, many);
  add_limit(group, "--packets-per-second", s.packets_per_second,
            "Packets of a session; ten times as many at once; 0: no limit", 0, many);
  add_limit(group, "--bytes-per-second", s.bytes_per_second,
            "Bytes of a session; twice as many at once; 0: no limit", 0, many);
  add_limit(group, "--payload-packets-max", s.payload_packets_max, "Packets in one POST", 1, many);
}

void add_limits(CLI::App& app, settings& s) {
  constexpr std::size_t many = std::size_t{1} << 40;
  auto* group = app.add_option_group("Limits", "What a client may ask for: see SECURITY.md");
  group->add_option("--attachment-bytes-max", s.attachment_bytes_max, "Bytes of all attachments of a packet")
      ->default_str("none");
  add_limit(*group, "--json-depth-max", s.json_depth_max, "Depth of JSON", 1, 10'000);
  add_limit(*group, "--nsp-bytes-max", s.nsp_bytes_max, "Length of the name of a namespace", 1, 65'535);
  add_limit(*group, "--rooms-max", s.rooms_max, "Rooms of a socket", 1, many);
  add_limit(*group, "--pending-acks-max", s.pending_acks_max, "Pending acknowledgements of a socket", 1,
            many);
  add_limit(*group, "--namespaces-max", s.namespaces_max, "Namespaces of a connection, beside /", 0, many);
  add_quotas(*group, s);
  auto& http = s.http;
  add_limit(*group, "--request-line-bytes-max", http.head.request_line_bytes_max, "Length of a request line",
            64, many);
  add_limit(*group, "--head-bytes-max", http.head.head_bytes_max, "Length of the head of a request", 64,
            many);
  add_limit(*group, "--headers-max", http.head.headers_max, "Headers of a request", 1, 10'000);
  add_limit(*group, "--route-body-max", http.route_body_max, "Length of a body that goes to a route", 0,
            many);
  add_limit(*group, "--fragments-max", http.fragments_max, "Frames of a WebSocket message", 1, 1u << 30);
  add_limit(*group, "--http2-streams-max", http.http2.streams_max,
            "Requests of an HTTP/2 connection served at once", 1, 1u << 30);
  add_limit(*group, "--http2-resets-max", http.http2.resets_max,
            "Requests of one that are broken off within ten seconds", 0, 1u << 30);
  add_milliseconds(*group, "--header-timeout", http.header_timeout, "For the head of a request", 1);
  add_milliseconds(*group, "--body-timeout", http.body_timeout, "For its body", 1);
  add_milliseconds(*group, "--keep-alive-timeout", http.keep_alive_timeout,
                   "From an answer to the next request", 1);
  add_milliseconds(*group, "--write-timeout", http.write_timeout, "For a client to take some of an answer",
                   1);
  add_milliseconds(*group, "--linger-timeout", http.linger_timeout, "For a client to close its side", 1);
  add_milliseconds(*group, "--accept-pause", http.accept_pause,
                   "Between attempts to accept without descriptors", 1);
  group->add_option("--backlog", http.backlog, "Connections that the system keeps ready")
      ->capture_default_str()
      ->check(CLI::Range(1, 65'535));
}

void add_admin_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Admin UI", "For the page of @socket.io/admin-ui");
  group->add_flag("--admin-ui", s.admin_ui, "Let it connect to the namespace /admin");
  group->add_option("--admin-user", s.admin_user, "Who may; without, everybody, which production refuses");
  group->add_option("--admin-password", s.admin_password, "Clear, or a bcrypt hash");
  group->add_option("--admin-mode", s.admin_mode, "production: figures alone")
      ->capture_default_str()
      ->check(CLI::IsMember({"development", "production"}));
  group->add_flag("--admin-readonly", s.admin_readonly, "Admins look, and change nothing");
}

void add_program_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Program");
  app.add_option("verb", s.verb,
                 "serve, or start, stop, restart, status, health of one in the background, or install")
      ->capture_default_str()
      ->check(CLI::IsMember({"serve", "start", "stop", "restart", "status", "health", "install"}));
  group->add_option("--app", s.app, "Which application to run: " + apps::names())->capture_default_str();
  group->add_option("--environment", s.environment,
                    "Defaults for a place: development, production or docker");
  group->add_option("--config", s.config, "A JSON file of options: see docs/apps.md")->type_name("FILE");
  group->add_option("--log-level", s.log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  group->add_flag("--log-json", s.log_json, "One JSON object a line");
  group->add_option("--log-file", s.log_file, "Where the log goes, in place of standard error")
      ->type_name("FILE");
  group->add_option("--record", s.record, "Keep all sessions in this file, for siokit-replay")
      ->type_name("FILE");
  group->add_option("--record-mask", s.record_mask, "What of them is not kept: docs/recorder.md")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "secrets", "everything"}));
  group->add_option("--record-max", s.record_max, "How long the file may become")
      ->type_name("BYTES")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{4096}, std::uint64_t{1} << 50));
  group->add_option("--pid-file", s.pid_file, "Written while the server listens; `start` gives it")
      ->type_name("FILE");
  group->add_flag("-v,--verbose", s.verbose, "With status: what the server says of itself");
  group->add_option("--mode", s.install_mode, "With install: user or system")
      ->capture_default_str()
      ->check(CLI::IsMember({"user", "system"}));
  group->add_option("--root", s.install_root, "With install: a folder in place of /")->type_name("DIR");
}

/// The first word that looks like an option and is none, or says nothing behind its "=". CLI11 would take the
/// next word for the value of the second, and that of the first for the verb.
std::optional<std::string> wrong_option(CLI::App const& app, int argc, char const* const* argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view const word = argv[i];
    if (!word.starts_with("--") || word.size() == 2) continue;
    std::string const name(word.substr(0, word.find('=')));
    auto const* const option = app.get_option_no_throw(name);
    if (option == nullptr) return name + ": there is no such option; see --help";
    if (word.ends_with('=')) return name + ": it is empty";
    if (name.size() == word.size() && option->get_items_expected_max() > 0) ++i;  // its value
  }
  return std::nullopt;
}

/// An option whose value is nothing: of a shell's variable that is not set, say. A cookie may have no path.
std::optional<std::string> empty_option(CLI::App const& app) {
  for (auto const* const each : app.get_options()) {
    auto const& values = each->results();
    if (each->get_name() == "--cookie-path") continue;
    if (std::find(values.begin(), values.end(), "") != values.end())
      return each->get_name() + ": it is empty";
  }
  for (auto const* const group : app.get_subcommands([](CLI::App const*) { return true; })) {
    if (auto problem = empty_option(*group)) return problem;
  }
  return std::nullopt;
}

/// What contradicts another option, or this build.
std::optional<std::string> contradiction(CLI::App const& app, settings const& s) {
  if (!s.connection_state_recovery) {
    for (std::string const name : {"--max-disconnection-duration", "--skip-middlewares"}) {
      if (app.count(name) > 0) return name + ": it goes together with --connection-state-recovery";
    }
  }
  for (std::string const name : {"--record-mask", "--record-max"}) {
    if (s.record.empty() && app.count(name) > 0) return name + ": it goes together with --record";
  }
  if (s.verb != "serve" && app.count("--pid-file") > 0) return "--pid-file: `start` says where that is";
  if (s.tls_cert.empty() != s.tls_key.empty()) return "--tls-cert and --tls-key go together";
  if (s.http2 && s.tls_cert.empty()) return "--http2: it needs --tls-cert";
#ifndef SIOKIT_SERVER_HTTP2
  if (s.http2) return "--http2: this program was built without nghttp2";
#endif
  return problem_of_admin(s);
}

/// What can't be had on several threads.
std::optional<std::string> problem_of_threads(settings const& s, apps::app const& chosen) {
  if (s.threads == 1) return std::nullopt;
  auto const alone = [](std::string const& name) { return "--threads: not together with " + name; };
  if (s.http2) return alone("--http2");
  if (s.connection_state_recovery) return alone("--connection-state-recovery");
  if (s.admin_ui) return alone("--admin-ui");
  if (!s.record.empty()) return alone("--record");
  if (s.allow_misbehaviour) return alone("--allow-misbehaviour");
  if (!chosen.runs_on_several_threads(s))
    return "--threads: --app " + s.app + " has state that belongs to one";
  return std::nullopt;
}

/// Reads everything but the words of the command line, which win over it.
std::optional<std::string> read_weaker(apps::command_words const& words, settings& s,
                                       std::unique_ptr<apps::app>& chosen) {
  auto const named = words.value_of("--app", "");
  s.app_named = !named.empty();
  if (s.app_named) s.app = named;
  chosen = apps::make(s.app);
  if (chosen == nullptr) return "--app: " + s.app + " is none of " + apps::names();
  if (auto problem = chosen->set_defaults(s, words)) return problem;
  s.environment = words.value_of("--environment", s.environment);
  s.config = words.value_of("--config", s.config);
  return read_configuration(s);
}

}  // namespace

int read_command_line(int argc, char const* const* argv, settings& s, std::unique_ptr<apps::app>& chosen) {
  CLI::App app("A Socket.IO server to test clients against.", "siokit-server");
  app.footer(
      "Examples:\n"
      "  siokit-server                                   serve on port 3000, open http://127.0.0.1:3000/\n"
      "  siokit-server --port 0 --contract protocol      a free port, the protocol document's test server\n"
      "  siokit-server --app notifier --help             another application, and its options\n"
      "  siokit-server start --app notifier              in the background; then status, health, restart, "
      "stop\n"
      "  siokit-server --tls-cert cert.pem --tls-key key.pem --port 3443\n\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 status of a server that does not run.\n");
  auto problem = read_weaker({argc, argv}, s, chosen);
  if (!problem) {
    add_network_options(app, s);
    add_protocol_options(app, s);
    add_socketio_options(app, s);
    add_engine_options(app, s);
    add_limits(app, s);
    add_admin_options(app, s);
    add_program_options(app, s);
    chosen->add_options(*app.add_option_group("Application " + s.app), s);
    try {
      problem = wrong_option(app, argc, argv);
      if (!problem) app.parse(argc, argv);
      if (!problem) problem = empty_option(app);
      if (!problem) problem = contradiction(app, s);
      if (!problem) problem = chosen->problem(s);
      if (!problem) problem = problem_of_threads(s, *chosen);
    } catch (CLI::CallForHelp const&) {
      std::cout << app.help();
      return 0;
    } catch (CLI::ParseError const& error) {
      problem = error.what();
    }
  }
  if (!problem) return -1;
  std::cerr << "siokit-server: " << *problem << '\n';
  return 2;
}
