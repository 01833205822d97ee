// The Engine.IO contracts of the test-bed: engine-echo, engine-client-suite.   SPDX-License-Identifier: MIT
#include <ctime>
#include <nlohmann/json.hpp>

#include "siokit/net/random.hpp"
#include "testbed.hpp"

namespace engineio = siokit::engineio;
using siokit::net::engine_host;

namespace testbed {
namespace {

/// Sends a message back as it came.
void echo(engineio::server& engine, engineio::event const& in) {
  if (in.data.kind == siokit::frame_kind::text) {
    static_cast<void>(
        engine.send(in.session, engineio::encode_packet(engineio::packet_type::message, in.data.data)));
  } else {
    static_cast<void>(engine.send(in.session, siokit::binary_message(siokit::as_bytes(in.data.data))));
  }
}

void say(engineio::server& engine, siokit::handle to, std::string_view text) {
  static_cast<void>(engine.send(to, engineio::encode_packet(engineio::packet_type::message, text)));
}

/// Handles what the engine has to tell, admitting every handshake that `allowed` lets pass.
template <class Allowed, class OnEvent>
void install(engine_host& host, Allowed allowed, OnEvent on_event) {
  host.on_drain([&host, allowed, on_event, ids = siokit::net::id_source()](siokit::time_point now) mutable {
    auto& engine = host.engine();
    while (auto const event = engine.poll_event(now)) {
      if (event->type != engineio::event::kind::handshake_requested) {
        on_event(engine, *event);
      } else if (allowed(*engine.head(event->session))) {
        static_cast<void>(engine.admit(event->session, ids.next(), now));
      } else {
        static_cast<void>(engine.refuse(event->session));
      }
    }
  });
}

std::string http_date() {
  std::time_t const now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::string headers_json(siokit::net::http_request const* post) {
  nlohmann::json all = nlohmann::json::object();
  if (post == nullptr) return all.dump();
  for (auto const& field : post->headers) {
    std::string name(field.name);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    all[name] = std::string(field.value);
  }
  return all.dump();
}

}  // namespace

/// Pages of every origin may use this server.
void allow_every_origin(engine_host& host) {
  host.on_request([](siokit::net::http_request const& in) -> std::optional<siokit::net::plain_answer> {
    if (in.method != "OPTIONS") return std::nullopt;
    siokit::net::plain_answer out{.status = 204};
    out.headers = {{"Access-Control-Allow-Origin", "*"},
                   {"Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE"},
                   {"Vary", "Access-Control-Request-Headers"}};
    if (auto const wanted = in.find("access-control-request-headers")) {
      out.headers.push_back({"Access-Control-Allow-Headers", std::string(*wanted)});
    }
    return out;
  });
  host.on_headers([](auto& headers, auto const&) {
    headers.push_back({"Access-Control-Allow-Origin", "*"});
  });
}

void install_engine_echo(engine_host& host) {
  allow_every_origin(host);
  install(
      host, [](engineio::request_head const&) { return true; },
      [](engineio::server& engine, engineio::event const& in) {
        if (in.type == engineio::event::kind::message) echo(engine, in);
      });
}

void install_engine_client_suite(engine_host& host) {
  host.on_initial_headers([](auto& headers, auto const&) {
    for (std::string const& cookie :
         {std::string("1=1; Max-Age=86400"), std::string("2=2; Path=/; HttpOnly; Secure; SameSite=Strict"),
          std::string("3=3; Max-Age=0"), "4=4; Expires=" + http_date()}) {
      headers.push_back({"Set-Cookie", cookie});
    }
  });
  install(
      host, [](engineio::request_head const& in) { return !in.query().find("deny").has_value(); },
      [&host](engineio::server& engine, engineio::event const& in) {
        if (in.type == engineio::event::kind::opened) return say(engine, in.session, "hi");
        if (in.type != engineio::event::kind::message) return;
        bool const text = in.data.kind == siokit::frame_kind::text;
        if (text && in.data.data == "give binary") {
          static_cast<void>(
              engine.send(in.session, siokit::binary_message(siokit::as_bytes({"\0\1\2\3\4", 5}))));
        } else if (text && in.data.data == "give utf8") {
          say(engine, in.session,
              "\u043F\u043E\u0439\u0434\u0443 \u0441\u043F\u0430\u0442\u044C \u0432\u0441\u0435\u043C "
              "\u0441\u043F\u043E\u043A\u043E\u0439\u043D\u043E\u0439 \u043D\u043E\u0447\u0438");
        } else if (text && in.data.data == "sendHeaders") {
          say(engine, in.session, headers_json(host.current_request()));
        } else {
          echo(engine, in);
        }
      });
}

}  // namespace testbed
