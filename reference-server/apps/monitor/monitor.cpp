// The monitor as an application: its options.   SPDX-License-Identifier: MIT
#include "monitor.hpp"

#include <CLI/CLI.hpp>

#include "service.hpp"

namespace monitor {
namespace {

class monitor_app final : public apps::app {
 public:
  std::optional<std::string> set_defaults(settings& s, apps::command_words const&) override {
    s.port = 8765;
    std::vector<std::string> origins;
    for (std::string const host : {"localhost", "127.0.0.1", "[::1]"}) {
      for (std::string const scheme : {"http://", "https://"}) {
        origins.insert(origins.end(), {scheme + host, scheme + host + ":*"});
      }
    }
    s.cors = {.origin = std::move(origins), .methods = "GET,POST", .credentials = true};
    s.http.route_cors = true;
    return std::nullopt;
  }
  void add_options(CLI::App& group, settings& s) override {
    group
        .add_option("--history", chosen_.history,
                    "Database of past events; without it they are gone at the end")
        ->type_name("FILE");
    group.add_option("--max-history-size", s.max_history_size, "How many past events are kept")
        ->capture_default_str()
        ->check(CLI::Range(0, 10'000'000));
    group
        .add_option("--client-versions", client_versions_,
                    "Which versions of clients are supported, such as '>=0.7.0, <2' or '^1.4'")
        ->capture_default_str()
        ->type_name("RANGE");
  }
  std::optional<std::string> problem(settings const&) override {
    auto const read = apps::version_range::read(client_versions_);
    if (!read) return "--client-versions: '" + client_versions_ + "' is no range of versions";
    chosen_.client_versions = *read;
    chosen_.client_versions_text = client_versions_;
    return std::nullopt;
  }
  std::unique_ptr<apps::running> start(siokit::server& io, settings const& s) override {
    return std::make_unique<service>(io, chosen_, s);
  }

 private:
  options chosen_;
  std::string client_versions_ = ">=0.7.0";
};

}  // namespace

std::unique_ptr<apps::app> make() {
  return std::make_unique<monitor_app>();
}

}  // namespace monitor
