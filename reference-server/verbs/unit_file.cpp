// siokit-server install: a unit of systemd.   SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "pid_file.hpp"
#include "verbs.hpp"

namespace verbs {
namespace {

/// With each of these characters twice.
std::string doubled(std::string const& text, std::string_view characters) {
  std::string out;
  for (char const c : text) {
    if (characters.find(c) != characters.npos) out += c;
    out += c;
  }
  return out;
}

/// In quotes, with a backslash before each of these characters.
std::string quoted(std::string const& text, std::string_view characters) {
  std::string out = "\"";
  for (char const c : text) {
    if (characters.find(c) != characters.npos) out += '\\';
    out += c;
  }
  return out + '"';
}

/// A word as ExecStart reads it: in quotes, without specifiers and variables.
std::string as_word(std::string const& word) {
  return quoted(doubled(word, "%$"), "\"\\");
}

/// What the server would have read of this environment, as lines of an EnvironmentFile.
std::string environment_lines() {
  std::string out;
  for (std::string const name : {"SOCKETIO_PORT", "CLAUDE_MPM_SOCKETIO_PORT", "CLAUDE_MPM_SOCKETIO_HOST",
                                 "CLAUDE_MPM_SOCKETIO_LOG_LEVEL", "CLAUDE_MPM_SOCKETIO_TOKEN",
                                 "CLAUDE_MPM_SOCKETIO_ENVIRONMENT", "CLAUDE_MPM_HOOK_DEBUG"}) {
    auto const value = variable_or(name.c_str(), {});
    if (!value.empty()) out.append(name).append("=").append(quoted(value, "\"\\$`")).append("\n");
  }
  return out;
}

/// A file that its owner alone may read.
bool write_secret(std::filesystem::path const& path, std::string const& text) {
  int const file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return false;
  bool const written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return close(file) == 0 && written;
}

/// The command line without what concerns the installation. Of options with a value the value goes too.
std::string exec_start(int argc, char const* const* argv) {
  static std::set<std::string, std::less<>> const ours = {"--mode", "--root"};
  std::string out = as_word(program_path()) + " serve";
  bool verb_seen = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view const word = argv[i];
    if (word == "install" && !std::exchange(verb_seen, true)) continue;
    if (ours.contains(word)) {
      ++i;
      continue;
    }
    if (ours.contains(word.substr(0, word.find('=')))) continue;
    out += " " + as_word(argv[i]);
  }
  return out;
}

std::filesystem::path unit_folder(settings const& s) {
  auto const root =
      s.install_root.empty() ? std::filesystem::path("/") : std::filesystem::path(s.install_root);
  if (s.install_mode == "system") return root / "etc/systemd/system";
  auto const home = variable_or("HOME", "/root");
  std::filesystem::path const config = variable_or("XDG_CONFIG_HOME", home + "/.config");
  return s.install_root.empty() ? config / "systemd/user" : root / config.relative_path() / "systemd/user";
}

}  // namespace

int install(settings const& s, int argc, char const* const* argv) {
  bool const system = s.install_mode == "system";
  std::string const name = s.app == "monitor" ? "claude-mpm-socketio" : "siokit-" + s.app;
  auto const path = unit_folder(s) / (name + ".service");
  std::error_code failure;
  std::filesystem::create_directories(path.parent_path(), failure);
  auto const environment = environment_lines();
  auto secrets = path;
  secrets.replace_extension(".env");
  std::filesystem::remove(secrets, failure);  // of an installation before
  if (!environment.empty() && !write_secret(secrets, environment)) {
    std::fprintf(stderr, "siokit-server: %s can't be written\n", secrets.c_str());
    return 1;
  }
  std::ofstream out(path);
  out << "[Unit]\n"
         "Description=siokit-server, application "
      << s.app
      << "\n"
         "After=network-online.target\n"
         "Wants=network-online.target\n"
         "\n"
         "[Service]\n"
         "Type=simple\n"
         "WorkingDirectory="
      << doubled(std::filesystem::current_path().string(), "%") << "\n";  // of options that name files
  if (!environment.empty()) {
    auto const at =
        s.install_root.empty() ? secrets : "/" / std::filesystem::relative(secrets, s.install_root);
    out << "EnvironmentFile=" << doubled(at.string(), "%") << "\n";
  }
  out << "ExecStart=" << exec_start(argc, argv)
      << "\n"
         "ExecReload=/bin/kill -HUP $MAINPID\n"
         "Restart=on-failure\n"
         "NoNewPrivileges=yes\n";
  if (system) {
    out << "PrivateTmp=yes\n"
           "ProtectSystem=full\n";
  }
  out << "\n[Install]\nWantedBy=" << (system ? "multi-user.target" : "default.target") << "\n";
  out.close();
  if (!out) {
    std::fprintf(stderr, "siokit-server: %s can't be written\n", path.c_str());
    return 1;
  }
  char const* const of_user = system ? "" : " --user";
  std::printf("wrote %s\nnow: systemctl%s daemon-reload; systemctl%s enable --now %s\n", path.c_str(),
              of_user, of_user, name.c_str());
  return 0;
}

}  // namespace verbs
