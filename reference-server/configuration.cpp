// See configuration.hpp.   SPDX-License-Identifier: MIT
#include "configuration.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;

char const* variable(char const* name) {
  char const* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// Whether there is such an environment, or none is asked for.
bool apply_environment(settings& s) {
  using namespace std::chrono_literals;
  if (s.environment == "development") {
    s.log_level = "debug";
    s.ping_interval = 10s;
    s.ping_timeout = 5s;
  } else if (s.environment == "production") {
    using kind = siokit::engineio::cors_origin::kind;
    if (s.cors && s.cors->origin.type() == kind::any) s.cors.reset();  // pages of which origins is to be said
    s.check_origin = true;
    s.admin_mode = "production";
    s.drain_timeout = 5s;
  } else if (s.environment == "docker") {
    s.host = "0.0.0.0";
    s.log_json = true;
  } else {
    return s.environment.empty();
  }
  return true;
}

/// "INFO" and "warning" are names too.
std::optional<std::string> level_of(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (name == "warning") return "warn";
  if (name == "critical") return "error";
  for (auto const known : {"trace", "debug", "info", "warn", "error", "off"}) {
    if (name == known) return name;
  }
  return std::nullopt;
}

/// What both places can say, by the names of the file.
std::optional<std::string> apply(settings& s, std::string const& name, json const& value) {
  auto const text = value.is_string() ? value.get<std::string>() : value.dump();
  if (name == "host") {
    s.host = text;
  } else if (name == "port") {
    unsigned port = 0;
    auto const [end, bad] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (bad != std::errc() || end != text.data() + text.size() || port > 65'535) return "is no port";
    s.port = static_cast<std::uint16_t>(port);
  } else if (name == "log_level") {
    auto const level = level_of(text);
    if (!level) return "is none of trace, debug, info, warn, error, off";
    s.log_level = *level;
  } else if (name == "max_history_size") {
    if (!value.is_number_unsigned() || value > 10'000'000) return "is no number of events";
    s.max_history_size = value.get<std::size_t>();
  } else if (name == "cors_allowed_origins") {
    if (!s.cors) s.cors.emplace();
    if (value.is_string()) {
      s.cors->origin = text;
      return std::nullopt;
    }
    std::vector<std::string> list;
    for (auto const& each : value.is_array() ? value : json::array()) {
      if (each.is_string()) list.push_back(each.get<std::string>());
    }
    if (list.empty() || list.size() != value.size()) return "is neither an origin nor a list of them";
    s.cors->origin = std::move(list);
  }
  return std::nullopt;
}

std::optional<std::string> read_file(std::string const& path, json& out) {
  std::ifstream file(path);
  if (!file) return "cannot be read";
  out = json::parse(file, nullptr, false);
  return out.is_object() ? std::nullopt : std::optional<std::string>("is no JSON object");
}

}  // namespace

std::optional<std::string> read_configuration(settings& s) {
  json file = json::object();
  bool const named = !s.config.empty();
  if (auto const* const home = variable("HOME"); !named && home != nullptr) {
    s.config = std::string(home) + "/.claude-mpm/socketio_config.json";
    if (!std::ifstream(s.config)) s.config.clear();
  }
  if (!s.config.empty()) {
    if (auto const problem = read_file(s.config, file)) return "--config: " + s.config + " " + *problem;
  }
  if (s.environment.empty()) {
    auto const* const name = variable("CLAUDE_MPM_SOCKETIO_ENVIRONMENT");
    auto const in_file = file.find("environment");
    if (in_file != file.end())
      s.environment = in_file->is_string() ? in_file->get<std::string>() : in_file->dump();
    if (name != nullptr) s.environment = name;
  }
  if (!apply_environment(s)) {
    return "environment: " + s.environment + " is none of development, production, docker";
  }
  for (auto const& [name, value] : file.items()) {
    if (auto const problem = apply(s, name, value)) return s.config + ": " + name + " " + *problem;
  }
  constexpr std::pair<char const*, char const*> variables[] = {
      {"SOCKETIO_PORT", "port"},
      {"CLAUDE_MPM_SOCKETIO_PORT", "port"},
      {"CLAUDE_MPM_SOCKETIO_HOST", "host"},
      {"CLAUDE_MPM_SOCKETIO_LOG_LEVEL", "log_level"}};
  for (auto const& [name, option] : variables) {
    auto const* const value = variable(name);
    if (value == nullptr) continue;
    if (auto const problem = apply(s, option, value))
      return std::string(name) + ": " + value + " " + *problem;
  }
  if (auto const* const token = variable("CLAUDE_MPM_SOCKETIO_TOKEN")) s.connection_token = token;
  if (auto const* const debug = variable("CLAUDE_MPM_HOOK_DEBUG"); debug != nullptr) {
    if (std::string_view(debug) == "true" || std::string_view(debug) == "1") s.log_level = "debug";
  }
  return std::nullopt;
}
