// Where servers that run in the background say who they are.   SPDX-License-Identifier: MIT
// A file for each port, in XDG_RUNTIME_DIR or else ~/.claude-mpm: a line each with the process id, the URL,
// the application, and the milliseconds of its drain. The server writes it when it listens and removes it at
// its end; one that was killed leaves it behind.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace verbs {

struct pid_file {
  std::filesystem::path path{};
  pid_t pid = 0;
  std::string url;
  std::string app;
  long drain_ms = 0;  ///< how long it may take to end in good order

  /// nullopt when it can't be read, or says nothing.
  [[nodiscard]] static std::optional<pid_file> read(std::filesystem::path const& path) {
    std::ifstream in(path);
    pid_file out;
    out.path = path;
    if (!(in >> out.pid) || out.pid <= 0) return std::nullopt;
    in >> out.url >> out.app >> out.drain_ms;
    return out;
  }
  /// Whole or not at all: who looks meanwhile sees no half of it.
  [[nodiscard]] bool write() const {
    std::filesystem::path const fresh = path.string() + ".new";
    std::ofstream(fresh) << pid << '\n' << url << '\n' << app << '\n' << drain_ms << '\n';
    std::error_code failure;
    std::filesystem::rename(fresh, path, failure);
    return !failure;
  }
  /// Whether that process is there, and is the siokit-server of this file: numbers of processes are used
  /// again.
  [[nodiscard]] bool alive() const {
    if (kill(pid, 0) != 0 && errno != EPERM) return false;
    std::ifstream command("/proc/" + std::to_string(pid) + "/cmdline");
    std::string word;  // whatever its path, and also when the file was replaced meanwhile
    std::getline(command, word, '\0');
    if (std::filesystem::path(word).filename() != "siokit-server") return false;
    while (std::getline(command, word, '\0')) {
      if (word.ends_with(path.filename().string())) return true;
    }
    return false;
  }
};

[[nodiscard]] inline std::string variable_or(char const* name, std::string const& otherwise) {
  char const* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The folder of PID files and, below logs/, of logs.
[[nodiscard]] inline std::filesystem::path run_folder() {
  auto const runtime = variable_or("XDG_RUNTIME_DIR", {});
  if (!runtime.empty()) return std::filesystem::path(runtime) / "claude-mpm";
  return std::filesystem::path(variable_or("HOME", "/tmp")) / ".claude-mpm";
}

[[nodiscard]] inline std::filesystem::path pid_file_of(unsigned port) {
  return run_folder() / ("siokit-server-" + std::to_string(port) + ".pid");
}

/// Where a server in the background writes its log.
[[nodiscard]] inline std::filesystem::path log_file_of(std::string const& app, unsigned port) {
  bool const usual = app == "monitor" && port == 8765;
  return run_folder() / "logs" / (usual ? "socketio_server.log" : app + "-" + std::to_string(port) + ".log");
}

/// Those of servers that run, by the names of their files.
[[nodiscard]] inline std::vector<pid_file> running_servers() {
  std::vector<std::filesystem::path> paths;
  std::error_code none;
  for (auto const& each : std::filesystem::directory_iterator(run_folder(), none)) {
    if (each.path().filename().string().starts_with("siokit-server-") && each.path().extension() == ".pid") {
      paths.push_back(each.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<pid_file> out;
  for (auto const& path : paths) {
    if (auto const file = pid_file::read(path); file && file->alive()) out.push_back(*file);
  }
  return out;
}

}  // namespace verbs
