// What an application of the reference server is.   SPDX-License-Identifier: MIT
// Each is a folder of apps/, its contract at the top of its header. It is chosen by --app; its options are
// read like all others, from file, environment and command line; then it is started on a server, once.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "settings.hpp"
#include "siokit/net/server.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace apps {

/// The words of a command line, not yet understood.
class command_words {
 public:
  command_words(int count, char const* const* words) noexcept
      : words_(words, static_cast<std::size_t>(count)) {}
  /// The value of `--name VALUE` or `--name=VALUE`, the last one; `otherwise` without.
  [[nodiscard]] std::string value_of(std::string_view name, std::string_view otherwise) const {
    std::string found(otherwise);
    for (std::size_t i = 1; i < words_.size(); ++i) {
      std::string_view const word = words_[i];
      if (word == name && i + 1 < words_.size()) found = words_[i + 1];
      if (word.starts_with(name) && word.substr(name.size()).starts_with('='))
        found = word.substr(name.size() + 1);
    }
    return found;
  }

 private:
  std::span<char const* const> words_;
};

/// What an application keeps while it runs. Destroyed before its server, behind its last handler; ends its
/// threads and child processes then.
class running {
 public:
  running() = default;
  running(running const&) = delete;
  running& operator=(running const&) = delete;
  virtual ~running() = default;
  /// The server is about to end: connections are closed after this.
  virtual void stop() {}
};

class app {
 public:
  app() = default;
  app(app const&) = delete;
  app& operator=(app const&) = delete;
  virtual ~app() = default;

  /// Changes what the options are before any is read. Called first, with the words of the command line, for
  /// those whose defaults depend on one of them. Returns one line for what is wrong; nullopt if nothing is.
  virtual std::optional<std::string> set_defaults(settings&, command_words const&) { return std::nullopt; }
  /// Adds options of its own to a group of them.
  virtual void add_options(CLI::App& /*group*/, settings&) {}
  /// One line for what is wrong with the options that were read; nullopt if nothing is.
  [[nodiscard]] virtual std::optional<std::string> problem(settings const&) { return std::nullopt; }
  /// Whether it may be started several times, on servers with threads of their own.
  [[nodiscard]] virtual bool runs_on_several_threads(settings const&) const { return false; }
  /// Installs itself on a server. Throws std::runtime_error with a line that says what it lacks.
  [[nodiscard]] virtual std::unique_ptr<running> start(siokit::server& io, settings const& s) = 0;
};

/// The application of this name, null if there is none.
std::unique_ptr<app> make(std::string_view name);
/// The names of all, for messages.
std::string names();

}  // namespace apps
