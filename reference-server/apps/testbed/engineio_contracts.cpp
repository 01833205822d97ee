// The Engine.IO contracts of the test-bed: engine-echo, engine-client-suite.   SPDX-License-Identifier: MIT
#include <ctime>
#include <nlohmann/json.hpp>

#include "engineio_contract.hpp"
#include "siokit/net/random.hpp"

namespace testbed {
namespace {

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

void install_engine_echo(siokit::server& io, settings const&) {
  install(
      io.host(), [](engineio::request_head const&) { return std::nullopt; },
      [](engineio::server& engine, engineio::event const& in) {
        if (in.type == engineio::event::kind::message) echo(engine, in);
      });
}

void install_engine_client_suite(siokit::server& io, settings const&) {
  auto& host = io.host();
  host.on_initial_headers([](auto& headers, auto const&, auto) {
    for (std::string const& cookie :
         {std::string("1=1; Max-Age=86400"), std::string("2=2; Path=/; HttpOnly; Secure; SameSite=Strict"),
          std::string("3=3; Max-Age=0"), "4=4; Expires=" + http_date()}) {
      headers.push_back({"Set-Cookie", cookie});
    }
  });
  install(
      host,
      [](engineio::request_head const& in) {
        return in.query().find("deny") ? std::optional(engineio::refusals::forbidden()) : std::nullopt;
      },
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
