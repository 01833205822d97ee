// The options of siokit-server.   SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/testbed/testbed.hpp"
#include "command_line_engine.hpp"
#include "settings.hpp"

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
  group
      ->add_option("--outbox-bytes-max", s.outbox_bytes_max,
                   "Unsent bytes after which a client that does not read is closed")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1024}, std::size_t{1} << 40));
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

void add_program_options(CLI::App& app, settings& s) {
  app.add_option("--app", s.app, "Which application to run")
      ->capture_default_str()
      ->check(CLI::IsMember({"testbed"}))
      ->group("Application");
  app.add_option("--contract", s.contract, "What the test-bed offers: " + testbed::names())
      ->capture_default_str()
      ->group("Application");
  app.add_option("--profile", s.profile, "A variant of the contract: see docs/testbed.md")
      ->group("Application");
  app.add_flag("--allow-misbehaviour", s.allow_misbehaviour,
               "Clients may ask for faults by the query parameter misbehave: see docs/testbed.md")
      ->group("Application");
  app.add_option("--log-level", s.log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->group("Log");
  app.add_flag("--log-json", s.log_json, "One JSON object a line")->group("Log");
}

/// Looks for `--name VALUE` and `--name=VALUE`.
void look_for(std::string const& name, int argc, char const* const* argv, std::string& value) {
  for (int i = 1; i < argc; ++i) {
    std::string_view const word = argv[i];
    if (word == name && i + 1 < argc) value = argv[i + 1];
    if (word.starts_with(name + "=")) value = word.substr(name.size() + 1);
  }
}

/// The defaults of contract and profile must be in place before the options are read, so these names are
/// looked for first.
bool apply_contract(int argc, char const* const* argv, settings& s, std::string& problem) {
  std::string name = s.contract;
  look_for("--contract", argc, argv, name);
  look_for("--profile", argc, argv, s.profile);
  auto const* found = testbed::find(name);
  if (found == nullptr) {
    problem = "--contract: " + name + " is none of " + testbed::names();
    return false;
  }
  found->defaults(s);
  bool const known = found->profile != nullptr ? found->profile(s) : s.profile.empty();
  if (!known) problem = "--profile: " + name + " has no profile " + s.profile;
  return known;
}

}  // namespace

int read_command_line(int argc, char const* const* argv, settings& s) {
  CLI::App app("A Socket.IO server to test clients against.", "siokit-server");
  app.footer(
      "Examples:\n"
      "  siokit-server                                   serve on port 3000, open http://127.0.0.1:3000/\n"
      "  siokit-server --port 0 --contract protocol      a free port, the protocol document's test server\n"
      "  siokit-server --tls-cert cert.pem --tls-key key.pem --port 3443\n");
  std::string problem;
  if (apply_contract(argc, argv, s, problem)) {
    add_network_options(app, s);
    add_protocol_options(app, s);
    add_socketio_options(app, s);
    add_engine_options(app, s);
    add_limits(app, s);
    add_program_options(app, s);
    try {
      app.parse(argc, argv);
    } catch (CLI::CallForHelp const&) {
      std::cout << app.help();
      return 0;
    } catch (CLI::ParseError const& error) {
      problem = error.what();
    }
  }
  if (problem.empty() && !s.connection_state_recovery) {
    for (std::string const name : {"--max-disconnection-duration", "--skip-middlewares"}) {
      if (app.count(name) > 0) problem = name + ": it goes together with --connection-state-recovery";
    }
  }
  if (problem.empty() && s.tls_cert.empty() != s.tls_key.empty())
    problem = "--tls-cert and --tls-key go together";
  if (problem.empty() && s.http2 && s.tls_cert.empty()) problem = "--http2: it needs --tls-cert";
#ifndef SIOKIT_SERVER_HTTP2
  if (problem.empty() && s.http2) problem = "--http2: this program was built without nghttp2";
#endif
  if (problem.empty() && s.allow_misbehaviour && !s.tls_cert.empty())
    problem = "--allow-misbehaviour: not together with TLS";
  if (problem.empty()) return -1;
  std::cerr << "siokit-server: " << problem << '\n';
  return 2;
}
