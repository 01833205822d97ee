// The options of siokit-server that concern HTTP.   SPDX-License-Identifier: MIT
#include "command_line_engine.hpp"

#include <map>

namespace {

using siokit::engineio::cors_origin;
using siokit::engineio::same_site;

/// Any option of a group turns the group on.
template <class Options>
Options& on(std::optional<Options>& group) {
  return group ? *group : group.emplace();
}

cors_origin read_origin(std::string const& text) {
  if (text == "none") return false;
  if (text == "reflect") return true;
  if (text.find(',') == text.npos) return text;
  std::vector<std::string> list;
  for (std::size_t at = 0; at <= text.size();) {
    auto const end = std::min(text.find(',', at), text.size());
    list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

void add_cors_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("CORS", "Off unless one of these is given");
  auto const add = [&](char const* name, auto member, char const* text) {
    group->add_option_function<std::string>(
        name, [&s, member](std::string const& value) { on(s.cors).*member = value; }, text);
  };
  group->add_option_function<std::string>(
      "--cors-origin", [&s](std::string const& text) { on(s.cors).origin = read_origin(text); },
      "none, reflect, *, an origin, or several joined by commas; * in an origin stands for any text");
  group->add_flag("--check-origin,!--no-check-origin", s.check_origin,
                  "Refuse sessions, WebSockets included, to pages of origins that are not named");
  using options = siokit::engineio::cors_options;
  add("--cors-methods", &options::methods, "Methods, joined by commas");
  add("--cors-allowed-headers", &options::allowed_headers, "Headers that pages may send (default: as asked)");
  add("--cors-exposed-headers", &options::exposed_headers, "Headers that pages may read");
  group->add_flag_function(
      "--cors-credentials,!--no-cors-credentials",
      [&s](std::int64_t count) { on(s.cors).credentials = count > 0; }, "Let pages send cookies");
  group
      ->add_option_function<long>(
          "--cors-max-age", [&s](long const& age) { on(s.cors).max_age = std::chrono::seconds(age); },
          "How long browsers keep the answer to a preflight")
      ->type_name("SECONDS")
      ->check(CLI::Range(0L, 2'000'000'000L));
  group
      ->add_option_function<std::uint16_t>(
          "--cors-options-success-status",
          [&s](std::uint16_t const& status) { on(s.cors).options_success_status = status; },
          "Status of the answer to a preflight")
      ->check(CLI::Range(200, 299));
}

void add_cookie_options(CLI::App& app, settings& s) {
  auto* group = app.add_option_group("Cookie", "Off unless one of these is given");
  auto const add = [&](char const* name, auto member, char const* text) {
    group->add_option_function<std::string>(
        name, [&s, member](std::string const& value) { on(s.cookie).*member = value; }, text);
  };
  auto const flag = [&](char const* names, auto member, char const* text) {
    group->add_flag_function(
        names, [&s, member](std::int64_t count) { on(s.cookie).*member = count > 0; }, text);
  };
  using options = siokit::engineio::cookie_options;
  group->add_flag_function(
      "--cookie", [&s](std::int64_t) { on(s.cookie); }, "Name the session in a cookie");
  add("--cookie-name", &options::name, "Its name (default io)");
  add("--cookie-path", &options::path, "Its path (default /), empty for none");
  add("--cookie-domain", &options::domain, "Its domain");
  flag("--cookie-http-only,!--no-cookie-http-only", &options::http_only, "Hide it from scripts (default on)");
  flag("--cookie-secure,!--no-cookie-secure", &options::secure, "Send it over TLS only");
  group
      ->add_option_function<long>(
          "--cookie-max-age", [&s](long const& age) { on(s.cookie).max_age = std::chrono::seconds(age); },
          "How long it lives")
      ->type_name("SECONDS")
      ->check(CLI::Range(0L, 2'000'000'000L));
  static std::map<std::string, same_site> const names{{"lax", same_site::lax},
                                                      {"strict", same_site::strict},
                                                      {"none", same_site::none},
                                                      {"unset", same_site::unset}};
  group
      ->add_option_function<std::string>(
          "--cookie-same-site", [&s](std::string const& name) { on(s.cookie).same_site = names.at(name); },
          "lax (default), strict, none or unset")
      ->check(CLI::IsMember({"lax", "strict", "none", "unset"}));
}

void add_deflate_options(CLI::App& app, settings& s) {
  auto* group =
      app.add_option_group("Compression", "Of messages on a WebSocket; off unless one of these is given");
  auto& chosen = s.per_message_deflate;
  group->add_flag_function(
      "--per-message-deflate,!--no-per-message-deflate",
      [&chosen](std::int64_t count) { count > 0 ? static_cast<void>(on(chosen)) : chosen.reset(); },
      "Compress messages, each by itself");
  group
      ->add_option_function<std::size_t>(
          "--deflate-threshold", [&chosen](std::size_t const& bytes) { on(chosen).threshold = bytes; },
          "Bytes below which a message is not compressed (default 1024)")
      ->type_name("BYTES");
  group->add_flag_function(
      "--deflate-context-takeover",
      [&chosen](std::int64_t) {
        on(chosen).server_no_context_takeover = on(chosen).client_no_context_takeover = false;
      },
      "Let messages refer to earlier ones: smaller, for 0.3 MB a connection");
  group
      ->add_option_function<std::size_t>(
          "--deflate-context-memory",
          [&chosen](std::size_t const& bytes) { on(chosen).context_memory_max = bytes; },
          "Most memory of all contexts; further connections get none")
      ->type_name("BYTES");
  group
      ->add_option_function<int>(
          "--deflate-level", [&chosen](int const& level) { on(chosen).level = level; },
          "1 (fast) to 9 (small), -1 for the default of zlib")
      ->check(CLI::Range(-1, 9));
}

}  // namespace

void add_engine_options(CLI::App& app, settings& s) {
  add_cors_options(app, s);
  add_cookie_options(app, s);
  add_deflate_options(app, s);
  auto* group = app.add_option_group("HTTP", "What else goes over HTTP");
  group->add_option("--initial-packet", s.initial_packet, "A message that follows each handshake");
  group->add_flag("--http-compression,!--no-http-compression", s.http_compression.enabled,
                  "Compress answers to polls (default on)");
  group
      ->add_option("--http-compression-threshold", s.http_compression.threshold,
                   "Bytes below which an answer is not compressed")
      ->capture_default_str();
  group
      ->add_option("--http-compression-level", s.http_compression.level,
                   "1 (fast) to 9 (small), -1 for the default of zlib")
      ->capture_default_str()
      ->check(CLI::Range(-1, 9));
  group->add_option("--serve-client", s.serve_client,
                    "Serve the client from this folder, the client-dist of the npm package socket.io");
}
