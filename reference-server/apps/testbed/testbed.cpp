// The table of contracts.   SPDX-License-Identifier: MIT
#include "testbed.hpp"

#include <array>

using namespace std::chrono_literals;

namespace testbed {
namespace {

void quick_heartbeat(settings& s) {
  s.ping_interval = 300ms;
  s.ping_timeout = 200ms;
}

void echo_defaults(settings& s) {
  quick_heartbeat(s);
  s.path = "/engine.io/";
  s.cors = {.origin = "*"};
}

constexpr std::array contracts{
    contract{"load", [](settings&) {}, install_load, nullptr},
    contract{"protocol",
             [](settings& s) {
               quick_heartbeat(s);
               s.connect_timeout = 1000ms;
             },
             install_protocol, nullptr},
    contract{"app",
             [](settings& s) {
               s.connect_timeout = 500ms;
               s.allow_eio3 = true;
               s.cors = {.origin = "http://good.example",
                         .methods = "GET,POST",
                         .allowed_headers = "content-type",
                         .credentials = true};
             },
             install_app, nullptr, apply_app_profile},
    contract{"client-suite",
             [](settings& s) {
               s.ping_interval = 2000ms;
               s.connection_state_recovery = true;
             },
             install_client_suite, nullptr},
    contract{"engine-echo", echo_defaults, nullptr, install_engine_echo},
    contract{"engine-echo-v3",
             [](settings& s) {
               echo_defaults(s);
               s.allow_eio3 = true;
             },
             nullptr, install_engine_echo},
    contract{"engine-client-suite",
             [](settings& s) {
               s.path = "/engine.io/";
               s.ping_interval = 500ms;
               s.max_http_buffer_size = 100;
             },
             nullptr, install_engine_client_suite},
    contract{"engine-bench", [](settings& s) { s.path = "/engine.io/"; }, nullptr, install_engine_bench,
             apply_engine_bench_profile},
};

}  // namespace

contract const* find(std::string_view name) {
  for (auto const& each : contracts) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

std::string names() {
  std::string all;
  for (auto const& each : contracts) (all += all.empty() ? "" : ", ") += each.name;
  return all;
}

}  // namespace testbed
