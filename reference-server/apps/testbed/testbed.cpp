// The table of contracts.   SPDX-License-Identifier: MIT
#include "testbed.hpp"

#include <CLI/CLI.hpp>
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

contract const* find_contract(std::string_view name) {
  for (auto const& each : contracts) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

std::string contract_names() {
  std::string all;
  for (auto const& each : contracts) (all += all.empty() ? "" : ", ") += each.name;
  return all;
}

/// All that contracts install lives in the server.
class installed final : public apps::running {};

class testbed_app final : public apps::app {
 public:
  std::optional<std::string> set_defaults(settings& s, apps::command_words const& words) override {
    s.contract = words.value_of("--contract", s.contract);
    s.profile = words.value_of("--profile", s.profile);
    auto const* const found = find_contract(s.contract);
    if (found == nullptr) return "--contract: " + s.contract + " is none of " + contract_names();
    found->defaults(s);
    bool const known = found->profile != nullptr ? found->profile(s) : s.profile.empty();
    if (known) return std::nullopt;
    return "--profile: " + s.contract + " has no profile " + s.profile;
  }
  void add_options(CLI::App& group, settings& s) override {
    group.add_option("--contract", s.contract, "What the test-bed offers: " + contract_names())
        ->capture_default_str();
    group.add_option("--profile", s.profile, "A variant of the contract: see docs/testbed.md");
    group.add_flag("--allow-misbehaviour", s.allow_misbehaviour,
                   "Clients may ask for faults by the query parameter misbehave: see docs/testbed.md");
  }
  std::optional<std::string> problem(settings const& s) override {
    if (s.allow_misbehaviour && !s.tls_cert.empty()) return "--allow-misbehaviour: not together with TLS";
    return std::nullopt;
  }
  [[nodiscard]] bool runs_on_several_threads(settings const& s) const override {
    return find_contract(s.contract)->socketio != nullptr;
  }
  std::unique_ptr<apps::running> start(siokit::server& io, settings const& s) override {
    auto const* const found = find_contract(s.contract);
    if (found->socketio != nullptr) found->socketio(io);
    if (found->engineio != nullptr) found->engineio(io, s);
    return std::make_unique<installed>();
  }
};

}  // namespace

std::unique_ptr<apps::app> make() {
  return std::make_unique<testbed_app>();
}

}  // namespace testbed
