// The agent as an application: its options.   SPDX-License-Identifier: MIT
#include "agent.hpp"

#include <CLI/CLI.hpp>

#include "service.hpp"

namespace agent {
namespace {

class agent_app final : public apps::app {
 public:
  std::optional<std::string> set_defaults(settings& s, apps::command_words const&) override {
    s.port = 3000;
    s.cors = {.origin = "*"};
    s.http.route_cors = true;
    return std::nullopt;
  }
  void add_options(CLI::App& group, settings&) override {
    group.add_option("--node", chosen_.node, "The id of this node, which addresses name")
        ->capture_default_str()
        ->check([](std::string const& id) {
          return id.empty() || id.size() > node_bytes_max ? "must have 1 to 200 bytes" : std::string();
        });
    group.add_option("--broker", broker_, "RabbitMQ, behind which the engine is")
        ->type_name("amqp://USER:PASSWORD@HOST:PORT/VHOST");
    group.add_option("--broker-backlog", chosen_.backlog, "Events that are kept until the broker has them")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}));
    group.add_option("--rules", rules_, "Rules of the embedded engine: see docs/apps.md")->type_name("FILE");
    group.add_flag("--validate-token", chosen_.validate_token, "Tokens are JSON Web Tokens, else refused");
    group.add_option("--jwt-secret", chosen_.jwt_secret, "What they are signed with (HS256)");
    group.add_flag("--check-source", chosen_.check_source, "The source of an event must be who sends it");
    group
        .add_option_function<std::string>(
            "--event-rate", [this](std::string const& text) { chosen_.event_rate = apps::rate::read(text); },
            "How many events a participant may send in how many seconds")
        ->type_name("N/SECONDS")
        ->check([](std::string const& text) {
          return apps::rate::read(text) ? std::string() : "'" + text + "' is not like 100/60";
        });
  }
  std::optional<std::string> problem(settings const&) override {
    if (chosen_.validate_token == chosen_.jwt_secret.empty()) {
      return "--validate-token and --jwt-secret go together";
    }
    if (!broker_.empty() && !rules_.empty()) return "--rules: they are of the engine that --broker replaces";
    if (!broker_.empty() && !(chosen_.broker = read_broker_address(broker_))) {
      return "--broker: it must be amqp://USER:PASSWORD@HOST:PORT/VHOST, without TLS";
    }
    if (rules_.empty()) return std::nullopt;
    auto rules = read_rules(rules_);
    if (!rules) return "--rules: " + rules.error();
    chosen_.rules = std::move(*rules);
    return std::nullopt;
  }
  std::unique_ptr<apps::running> start(siokit::server& io, settings const&) override {
    return std::make_unique<service>(io, chosen_);
  }

 private:
  static constexpr std::size_t node_bytes_max = 200;  // it is part of the name of a queue

  options chosen_;
  std::string broker_, rules_;
};

}  // namespace

std::unique_ptr<apps::app> make() {
  return std::make_unique<agent_app>();
}

}  // namespace agent
