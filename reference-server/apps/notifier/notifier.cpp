// The notifier as an application: its options.   SPDX-License-Identifier: MIT
#include "notifier.hpp"

#include <CLI/CLI.hpp>

#include "service.hpp"

namespace notifier {
namespace {

class notifier_app final : public apps::app {
 public:
  std::optional<std::string> set_defaults(settings& s, apps::command_words const&) override {
    s.port = 3002;
    s.ping_timeout = std::chrono::seconds(60);
    s.cors = {.origin = "*", .methods = "GET,POST"};
    return std::nullopt;
  }
  void add_options(CLI::App& group, settings& s) override {
    group.add_option("--db", chosen_.db, "Database of users; without it they are gone at the end")
        ->type_name("FILE");
    group.add_option("--admin-token", s.admin_token, "Turns the routes below /admin on, for who brings it");
    group
        .add_option("--offline-queue", chosen_.offline_queue,
                    "Events that are kept for a user who is offline")
        ->capture_default_str()
        ->check(CLI::Range(0, 100'000));
    group.add_option("--max-devices", chosen_.devices_max, "Connections of a user, 0 for any number")
        ->capture_default_str()
        ->check(CLI::Range(0, 1'000'000));
    group
        .add_option_function<std::string>(
            "--event-rate", [this](std::string const& text) { chosen_.event_rate = apps::rate::read(text); },
            "How many events a user may send in how many seconds")
        ->type_name("N/SECONDS")
        ->check([](std::string const& text) {
          return apps::rate::read(text) ? std::string() : "'" + text + "' is not like 100/60";
        });
    group.add_option("--event-allow", chosen_.event_allow, "The events that clients may send")
        ->delimiter(',')
        ->type_name("NAME,...");
  }
  std::unique_ptr<apps::running> start(siokit::server& io, settings const& s) override {
    return std::make_unique<service>(io, chosen_, s.admin_token);
  }

 private:
  options chosen_;
};

}  // namespace

std::unique_ptr<apps::app> make() {
  return std::make_unique<notifier_app>();
}

}  // namespace notifier
