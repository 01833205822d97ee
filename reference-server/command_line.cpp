// The options of siokit-server.   SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/testbed/testbed.hpp"
#include "settings.hpp"

namespace {

/// Milliseconds as a plain number, as the official options are written.
void add_milliseconds(CLI::App& app, std::string const& name, std::chrono::milliseconds& value,
                      std::string const& text, long least) {
  app.add_option_function<long>(
         name, [&value](long const& ms) { value = std::chrono::milliseconds(ms); }, text)
      ->type_name("MS")
      ->default_str(std::to_string(value.count()))
      ->check(CLI::Range(least, 2'000'000'000L));
}

void add_network_options(CLI::App& app, settings& s) {
  app.add_option("--host", s.host, "Address to listen on")->capture_default_str()->group("Network");
  app.add_option_function<long>(
         "--port", [&s](long const& port) { s.port = static_cast<std::uint16_t>(port); },
         "Port to listen on; 0 takes a free one")
      ->type_name("PORT")
      ->default_str(std::to_string(s.port))
      ->check(CLI::Range(0L, 65535L))
      ->group("Network");
  app.add_option("--tls-cert", s.tls_cert, "Certificate chain (PEM); turns TLS on")->group("Network");
  app.add_option("--tls-key", s.tls_key, "Private key of the certificate (PEM)")->group("Network");
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

void add_program_options(CLI::App& app, settings& s) {
  app.add_option("--app", s.app, "Which application to run")
      ->capture_default_str()
      ->check(CLI::IsMember({"testbed"}))
      ->group("Application");
  app.add_option("--contract", s.contract, "What the test-bed offers: " + testbed::names())
      ->capture_default_str()
      ->group("Application");
  app.add_option("--log-level", s.log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->group("Log");
  app.add_flag("--log-json", s.log_json, "One JSON object a line")->group("Log");
}

/// The contract's defaults must be in place before the options are read, so its name is looked for first.
bool apply_contract(int argc, char const* const* argv, settings& s, std::string& problem) {
  std::string name = s.contract;
  for (int i = 1; i < argc; ++i) {
    std::string_view const word = argv[i];
    if (word == "--contract" && i + 1 < argc) name = argv[i + 1];
    if (word.starts_with("--contract=")) name = word.substr(11);
  }
  auto const* found = testbed::find(name);
  if (found == nullptr) {
    problem = "--contract: " + name + " is none of " + testbed::names();
    return false;
  }
  found->defaults(s);
  return true;
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
  if (problem.empty() && s.tls_cert.empty() != s.tls_key.empty())
    problem = "--tls-cert and --tls-key go together";
  if (problem.empty()) return -1;
  std::cerr << "siokit-server: " << problem << '\n';
  return 2;
}
