// The contract engine-bench: an Engine.IO application that does as it is told, and its option profiles.
// SPDX-License-Identifier: MIT
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engineio_contract.hpp"

using namespace std::chrono_literals;

namespace testbed {
namespace {

struct profile {
  std::string_view name;
  void (*apply)(settings&);
};

constexpr std::array profiles{
    profile{"main", [](settings& s) { s.allow_eio3 = true; }},
    profile{"strict", [](settings&) {}},
    profile{"quick",
            [](settings& s) {
              s.allow_eio3 = true;
              s.ping_interval = 300ms;
              s.ping_timeout = 200ms;
              s.upgrade_timeout = 300ms;
            }},
    profile{"small", [](settings& s) { s.max_http_buffer_size = 100; }},
    profile{"cookie",
            [](settings& s) {
              s.allow_eio3 = true;
              s.cookie.emplace();
            }},
    profile{"cookie-custom",
            [](settings& s) {
              s.cookie = {.name = "woot",
                          .path = "/custom",
                          .http_only = false,
                          .same_site = engineio::same_site::strict};
            }},
    profile{"cookie-nopath", [](settings& s) { s.cookie = {.path = ""}; }},
    profile{
        "cors-reflect",
        [](settings& s) { s.cors = {.origin = true, .allowed_headers = "my-header", .credentials = true}; }},
    profile{"cors-list", [](settings& s) { s.cors = {.origin = {"http://good-domain.com"}}; }},
    profile{"cors-full",
            [](settings& s) {
              s.cors = {.origin = "http://good-domain.com",
                        .methods = "GET,PUT,POST",
                        .allowed_headers = "my-header",
                        .exposed_headers = "my-exposed-header",
                        .credentials = true,
                        .max_age = 123s,
                        .options_success_status = 200};
            }},
    profile{"polling-only", [](settings& s) { s.transports = "polling"; }},
    profile{"ws-only", [](settings& s) { s.transports = "websocket"; }},
    profile{"no-upgrade", [](settings& s) { s.allow_upgrades = false; }},
    profile{"initial", [](settings& s) { s.initial_packet = "faster!"; }},
    profile{"noslash", [](settings& s) { s.add_trailing_slash = false; }},
    profile{"compress0", [](settings& s) { s.http_compression.threshold = 0; }},
    profile{"nocompress", [](settings& s) { s.http_compression.enabled = false; }},
    profile{"allow", [](settings&) {}},
    profile{"headers", [](settings&) {}},
    profile{"deflate", [](settings& s) { s.per_message_deflate.emplace(); }},
};

/// The profile `allow`: some clients are told why they are refused.
std::optional<engineio::refusal> refuse_who_says_deny(engineio::request_head const& in) {
  auto const deny = in.query().find("deny");
  if (!deny) return std::nullopt;
  return deny == "message" ? engineio::refusals::forbidden("Thou shall not pass")
                           : engineio::refusals::forbidden();
}

std::string query_json(engineio::query_view pairs) {
  nlohmann::json all = nlohmann::json::object();
  while (auto const pair = pairs.next()) {
    all[engineio::percent_decode(pair->key)] = engineio::percent_decode(pair->value);
  }
  return all.dump();
}

void send_bytes(engineio::server& engine, siokit::handle to, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i % 255);
  static_cast<void>(engine.send(to, siokit::binary_message(siokit::as_bytes(bytes))));
}

void send_uncompressed(engineio::server& engine, siokit::handle to, std::string_view text) {
  siokit::message packet = engineio::encode_packet(engineio::packet_type::message, text);
  packet.no_compress();
  static_cast<void>(engine.send(to, std::move(packet)));
}

void say_later(siokit::server& io, siokit::handle to, std::string_view delay) {
  long ms = 0;
  std::from_chars(delay.data(), delay.data() + delay.size(), ms);
  io.after(std::chrono::milliseconds(std::clamp(ms, 0L, 3'600'000L)), [&io, to] {
    say(io.host().engine(), to, "later");
    io.host().wake();
  });
}

/// Does what a message says; false when it says nothing.
bool obey(siokit::server& io, siokit::handle from, std::string_view command, siokit::time_point now) {
  auto& engine = io.host().engine();
  auto const& head = *engine.head(from);
  if (command == "close") {
    engine.close(from, now);
  } else if (command == "abc-close") {
    for (auto const* text : {"a", "b", "c"}) say(engine, from, text);
    engine.close(from, now);
  } else if (command == "transport") {
    say(engine, from, to_string(engine.find(from)->current()));
  } else if (command == "query") {
    say(engine, from, query_json(head.query()));
  } else if (command.starts_with("header:")) {
    say(engine, from, head.find(command.substr(7)).value_or(""));
  } else if (command == "remote") {
    say(engine, from, head.remote_address());
  } else if (command == "burst") {
    for (int i = 0; i < 100; ++i) say(engine, from, std::string(65'535, 'a') + '|' + std::to_string(i));
  } else if (command == "bin1024") {
    send_bytes(engine, from, 1024);
  } else if (command == "nocompress") {
    send_uncompressed(engine, from, std::string(2048, 'x'));
  } else if (command.starts_with("later:")) {
    say_later(io, from, command.substr(6));
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool apply_engine_bench_profile(settings& s) {
  for (auto const& each : profiles) {
    if (each.name == s.profile || (s.profile.empty() && each.name == "main")) return each.apply(s), true;
  }
  return false;
}

void install_engine_bench(siokit::server& io, settings const& s) {
  if (s.profile == "headers") {
    io.on_initial_headers([](auto& headers, auto const&, auto) {
      headers.push_back({"test", "123"});
      headers.push_back({"Set-Cookie", "mycookie=456"});
    });
    io.on_headers([](auto& headers, auto const&, auto) { headers.push_back({"x-always", "1"}); });
  }
  bool const picky = s.profile == "allow";
  install(
      io.host(),
      [picky](engineio::request_head const& in) { return picky ? refuse_who_says_deny(in) : std::nullopt; },
      [&io](engineio::server& engine, engineio::event const& in) {
        if (in.type != engineio::event::kind::message) return;
        bool const command = in.data.kind == siokit::frame_kind::text && in.data.data.starts_with("cmd:") &&
                             obey(io, in.session, in.data.data.substr(4), io.host().turn_time());
        if (!command) echo(engine, in);
      });
}

}  // namespace testbed
