// The options of siokit-client.   SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>

#include "settings.hpp"
#include "siokit/socketio/msgpack_parser.hpp"

namespace {

using siokit::engineio::transport;

template <class Duration>
CLI::Option* add_milliseconds(CLI::App& app, std::string const& name, Duration& value,
                              std::string const& text) {
  using std::chrono::milliseconds;
  return app
      .add_option_function<long>(
          name, [&value](long const& ms) { value = milliseconds(ms); }, text)
      ->type_name("MS")
      ->default_str(std::to_string(std::chrono::duration_cast<milliseconds>(value).count()))
      ->check(CLI::Range(0L, 2'000'000'000L));
}

void add_connection_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Connection");
  group->add_option("-n,--namespace", s.nsp, "Namespace; without it that of the URL, or /");
  group->add_option("-a,--auth", s.client.auth, "Auth payload")->type_name("JSON");
  group
      ->add_option_function<std::string>(
          "-t,--transport",
          [&s](std::string const& names) {
            auto const polling = names.find("polling"), websocket = names.find("websocket");
            s.client.transports.clear();
            if (polling < websocket) s.client.transports.push_back(transport::polling);
            if (websocket != names.npos) s.client.transports.push_back(transport::websocket);
            if (polling != names.npos && polling > websocket)
              s.client.transports.push_back(transport::polling);
          },
          "polling, websocket, or both in the order they are tried")
      ->default_str("polling,websocket")
      ->type_name("NAMES")
      ->check(CLI::IsMember({"polling", "websocket", "polling,websocket", "websocket,polling"}));
  group
      ->add_option_function<std::vector<std::string>>(
          "-H,--header",
          [&s](std::vector<std::string> const& all) {
            for (std::string const& each : all) {
              auto const colon = each.find(':');
              if (colon == each.npos || colon == 0)
                throw CLI::ValidationError("--header", each + " is no NAME: VALUE");
              auto const value = each.find_first_not_of(' ', colon + 1);
              s.client.extra_headers.push_back(
                  {each.substr(0, colon), value == each.npos ? "" : each.substr(value)});
            }
          },
          "Header of every request; may be repeated")
      ->type_name("\"NAME: VALUE\"")
      ->expected(1, 100)
      ->allow_extra_args(false);
  group
      ->add_option_function<std::vector<std::string>>(
          "-q,--query",
          [&s](std::vector<std::string> const& all) {
            for (std::string const& each : all) {
              auto const equals = std::min(each.find('='), each.size());
              s.client.query.emplace_back(each.substr(0, equals),
                                          each.substr(std::min(equals + 1, each.size())));
            }
          },
          "Query parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1, 100)
      ->allow_extra_args(false);
}

void add_client_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Client", "Names and defaults of the official client");
  group->add_option("--path", s.client.path, "Where the server answers")->capture_default_str();
  group->add_option("--proxy", s.client.proxy, "HTTP proxy, used by CONNECT")->type_name("URL");
  group
      ->add_option_function<std::string>(
          "--parser",
          [&s](std::string const& name) {
            static siokit::socketio::msgpack_parser const msgpack;
            s.client.parser = name == "msgpack" ? &msgpack : nullptr;
          },
          "What packets look like: text, or msgpack (socket.io-msgpack-parser)")
      ->default_str("text")
      ->check(CLI::IsMember({"text", "msgpack"}));
  add_milliseconds(*group, "--connect-timeout", s.client.timeout, "For the handshake");
  add_milliseconds(*group, "--reconnection-delay", s.client.reconnection_delay,
                   "Before the first new attempt");
  add_milliseconds(*group, "--reconnection-delay-max", s.client.reconnection_delay_max, "Before any");
  group->add_option("--reconnection-attempts", s.client.reconnection_attempts, "How many, then it gives up")
      ->default_str("no limit");
  group->add_option("--retries", s.client.retries, "How often an event without acknowledgement is sent again")
      ->capture_default_str();
  add_milliseconds(*group, "--ack-timeout", s.client.ack_timeout,
                   "For acknowledgements, needed by --retries");
  group->add_flag("--try-all-transports", s.client.try_all_transports,
                  "Try the second transport when the first one can't be opened");
  group->add_flag("--reconnect,!--no-reconnect", s.client.reconnection,
                  "Connect again when it is lost (default on)");
}

void add_tls_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("TLS");
  group->add_flag("!--insecure", s.client.tls_verify, "Do not verify the certificate of the server");
  group->add_option("--cacert", s.client.tls_ca, "Certificates to trust (PEM)")->type_name("FILE");
  group->add_option("--cert", s.client.tls_cert, "Certificate of the client (PEM)")->type_name("FILE");
  group->add_option("--key", s.client.tls_key, "Its private key (PEM)")->type_name("FILE");
  app.add_flag("-j,--json", s.json, "Print JSON, a line each")->group("Output");
  app.add_flag("-v,--verbose", s.verbose, "Print what happens to the connection too")->group("Output");
}

void add_event(CLI::App& verb, settings& s, std::string const& default_event) {
  auto* event = verb.add_option("event", s.event, "Name of the event");
  default_event.empty() ? event->required() : event->default_str(default_event);
  verb.add_option("args", s.arguments, "JSON, @FILE for binary (@-: standard input), or text");
}

void add_verbs(CLI::App& app, settings& s) {
  using verb = settings::verb;
  auto const add = [&](char const* name, char const* text, verb which) {
    auto* out = app.add_subcommand(name, text);
    out->callback([&s, which] { s.command = which; });
    out->fallthrough();
    return out;
  };
  auto* listen = add("listen", "Print events as they come (the default)", verb::listen);
  listen->add_option("-e,--event", s.only, "Only these events");
  listen->add_option("-c,--count", s.count, "End after so many");
  add_milliseconds(*listen, "--for", s.wait, "End after this time");
  listen->add_option("--fallback", s.fallbacks, "Servers to go to when that one dies, in this order")
      ->type_name("URL ...");

  auto* emit = add("emit", "Send one event", verb::emit);
  add_event(*emit, s, {});
  emit->add_flag("--ack", s.ack, "Wait for the acknowledgement and print it");
  add_milliseconds(*emit, "--timeout", s.ack_timeout, "How long to wait to be connected, and then for it");

  auto* repl = add("repl", "A prompt with history and completion", verb::repl);
  add_milliseconds(*repl, "--timeout", s.ack_timeout, "How long to wait for acknowledgements");

  auto* ping = add("ping", "Measure how long acknowledgements take", verb::ping);
  add_event(*ping, s, "ping");
  ping->add_option("-c,--count", s.count, "End after so many");
  add_milliseconds(*ping, "-i,--interval", s.interval, "From one to the next");
  add_milliseconds(*ping, "--timeout", s.ack_timeout, "How long to wait for one");

  auto* load = add("load", "Many clients that wait for acknowledgements", verb::load);
  add_event(*load, s, "ping");
  load->add_option("--clients", s.clients, "How many")->capture_default_str()->check(CLI::Range(1u, 60'000u));
  load->add_option("--rate", s.rate, "Events per second of each; 0: as many as are answered")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  load->add_option("--in-flight", s.in_flight, "With --rate 0: how many wait for an answer at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10'000u));
  add_milliseconds(*load, "--duration", s.duration, "How long");
  add_milliseconds(*load, "--timeout", s.ack_timeout, "How long to wait for an answer");

  auto* discover = add("discover", "Find the servers that run on this machine; needs no URL", verb::discover);
  discover->add_option("--client-version", s.client_version, "What they are to be compatible with")
      ->type_name("VERSION");
}

/// What is wrong with where it is to connect to.
std::string problem_with(std::string const& text, settings const& s) {
  auto const server = siokit::net::parse_url(text);
  if (!server) return server.error();
  if (auto const good = s.client.config(*server); !good) return good.error();
  if (!server->secure) return {};
  auto const tls = s.client.make_tls();
  return tls ? std::string() : tls.error();
}

}  // namespace

int read_command_line(int argc, char const* const* argv, settings& s) {
  CLI::App app("The curl of Socket.IO.", "siokit-client");
  app.footer(
      "Examples:\n"
      "  siokit-client http://localhost:3000                        print what comes\n"
      "  siokit-client http://localhost:3000/chat listen -e say     one event of the namespace /chat\n"
      "  siokit-client http://localhost:3000 emit say '\"hi\"' 42 '{\"a\":1}'\n"
      "  siokit-client http://localhost:3000 emit upload @photo.png --ack --timeout 2000\n"
      "  siokit-client https://example.org -a '{\"token\":\"x\"}' -H 'X-Env: test' repl\n"
      "  siokit-client http://localhost:3000 ping echo -c 10\n"
      "  siokit-client http://localhost:3000 load echo --clients 100 --in-flight 4 --duration 5000\n"
      "  siokit-client http://localhost:8765 listen --fallback http://localhost:8766\n"
      "  siokit-client discover                                     servers that run on this machine\n\n"
      "Exit codes: 0 done, 1 no connection, 2 usage, 3 no answer in time.\n");
  app.add_option("url", s.url, "http://, https://, ws:// or wss://; its path is the namespace");
  add_connection_options(app, s);
  add_client_options(app, s);
  add_tls_options(app, s);
  add_verbs(app, s);
  app.require_subcommand(0, 1);
  s.event = "ping";
  std::string problem;
  try {
    // CLI11 takes a word in brackets for a list, and takes it apart: so an array has a blank before it, which
    // JSON does not mind.
    std::vector<std::string> words(argv + 1, argv + argc);
    for (auto& word : words) {
      if (word.starts_with('[') && word.ends_with(']')) word.insert(0, 1, ' ');
    }
    std::reverse(words.begin(), words.end());  // as it wants them
    app.parse(std::move(words));
  } catch (CLI::CallForHelp const&) {
    std::cout << app.help();
    for (auto const* verb : app.get_subcommands()) std::cout << '\n' << verb->help();
    return 0;
  } catch (CLI::ParseError const& error) {
    problem = error.what();
  }
  if (s.command != settings::verb::discover && problem.empty()) {
    problem = s.url.empty() ? "url is required" : problem_with(s.url, s);
    for (auto const& each : s.fallbacks) {
      if (problem.empty()) problem = problem_with(each, s);
    }
    if (problem.empty() && !s.client.proxy.empty()) {
      auto const proxy = siokit::net::parse_url(s.client.proxy);
      if (!proxy) problem = "proxy: " + proxy.error();
    }
  }
  if (problem.empty()) return -1;
  std::cerr << "siokit-client: " << problem << '\n';
  return exit_usage;
}
