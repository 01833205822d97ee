// The studio as an application: its options.   SPDX-License-Identifier: MIT
#include "studio.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>

#include "service.hpp"

namespace studio {
namespace {

class studio_app final : public apps::app {
 public:
  std::optional<std::string> set_defaults(settings& s, apps::command_words const&) override {
    s.cors = {.origin = "*", .methods = "GET,POST"};
    s.rooms_max = 1000;
    return std::nullopt;
  }
  void add_options(CLI::App& group, settings&) override {
    group.add_option("--jwt-secret", chosen_.jwt_secret, "What tokens are signed with (HS256)");
    group.add_option("--push-token", chosen_.push_token, "Turns POST /push on, for who brings it");
    group
        .add_option_function<std::string>(
            "--command", [this](std::string const& line) { set_command(line); },
            "What claude:execute runs, with the prompt as last argument; no shell")
        ->type_name("CMD")
        ->check([](std::string const& line) {
          return split_words(line).empty() ? "'" + line + "' is no command" : std::string();
        });
    group.add_option("--max-concurrent", chosen_.limits.running_max, "Processes that run at once")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    group
        .add_option_function<long>(
            "--queue-timeout",
            [this](long const& ms) { chosen_.limits.queue_timeout = std::chrono::milliseconds(ms); },
            "How long a process may wait for others")
        ->type_name("MS")
        ->default_str(std::to_string(chosen_.limits.queue_timeout.count()))
        ->check(CLI::Range(1L, 2'000'000'000L));
    group
        .add_option_function<std::string>(
            "--redis", [this](std::string const& url) { chosen_.redis = redis_address::read(url); },
            "Where requests are counted; without it, here")
        ->type_name("redis://[:PASSWORD@]HOST:PORT[/DB]")
        ->check([](std::string const& url) {
          return redis_address::read(url) ? std::string()
                                          : "'" + url + "' is not like redis://127.0.0.1:6379/0";
        });
  }
  std::unique_ptr<apps::running> start(siokit::server& io, settings const& s) override {
    // Who ignores it hands that on, and the system would keep no status of a command that has ended.
    std::signal(SIGCHLD, SIG_DFL);
    chosen_.rooms_max = s.rooms_max;
    return std::make_unique<service>(io, chosen_);
  }

 private:
  /// A program that is named by its path is the same for every workingDirectory.
  void set_command(std::string const& line) {
    chosen_.command = split_words(line);
    auto& program = chosen_.command.front();
    if (program.find('/') != program.npos) program = std::filesystem::absolute(program).string();
  }

  options chosen_;
};

}  // namespace

std::unique_ptr<apps::app> make() {
  return std::make_unique<studio_app>();
}

}  // namespace studio
