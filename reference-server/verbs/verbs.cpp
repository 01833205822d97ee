// See verbs.hpp.   SPDX-License-Identifier: MIT
#include "verbs.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "http_get.hpp"
#include "pid_file.hpp"

namespace verbs {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int code_done = 0, code_failed = 1, code_not_running = 3;

int fail(std::string const& why) {
  std::fprintf(stderr, "siokit-server: %s\n", why.c_str());
  return code_failed;
}

std::filesystem::path log_path(settings const& s, std::string const& app) {
  return s.log_file.empty() ? log_file_of(app, s.port) : std::filesystem::path(s.log_file);
}

/// Where the server that these options describe is asked from this machine.
siokit::net::url local_url(settings const& s) {
  siokit::net::url out;
  bool const anywhere = s.host.empty() || s.host == "0.0.0.0" || s.host == "::" || s.host == "localhost";
  out.host = anywhere ? "127.0.0.1" : s.host;
  out.port = s.port;
  out.secure = !s.tls_cert.empty();
  return out;
}

/// The same of the one that runs, if it has said.
siokit::net::url url_of(std::optional<pid_file> const& running, settings const& s) {
  return running ? siokit::net::parse_url(running->url).value_or(local_url(s)) : local_url(s);
}

std::string shown(siokit::net::url const& at) {
  return (at.secure ? "https://" : "http://") + at.bracketed_host() + ":" + std::to_string(at.port);
}

/// The server of this port that runs; a file that a dead one has left is removed.
std::optional<pid_file> running_server(settings const& s) {
  auto const path = pid_file_of(s.port);
  auto found = pid_file::read(path);
  if (found && found->alive()) return found;
  std::error_code none;
  if (std::filesystem::remove(path, none)) {
    std::printf("removed %s, which a server that is gone has left\n", path.c_str());
  }
  return std::nullopt;
}

/// The last lines of a file behind its first `before` bytes.
std::string tail_of(std::filesystem::path const& path, off_t before) {
  std::ifstream file(path);
  file.seekg(before);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  constexpr std::size_t most = 2000;
  return text.size() <= most ? text : text.substr(text.size() - most);
}

/// Starts this program as a session of its own, without the verb. Its output goes to `out` and `log`.
tl::expected<pid_t, std::string> spawn(settings const& s, int argc, char const* const* argv, int out,
                                       int log) {
  std::string program = program_path(), pid_option = "--pid-file", pid_path = pid_file_of(s.port).string();
  std::vector<char*> words{program.data()};
  bool verb_seen = false;
  for (int i = 1; i < argc; ++i) {
    if (!std::exchange(verb_seen, verb_seen || argv[i] == s.verb) && argv[i] == s.verb) continue;
    words.push_back(const_cast<char*>(argv[i]));
  }
  words.insert(words.end(), {pid_option.data(), pid_path.data(), nullptr});
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_adddup2(&files, log, 2);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
  pid_t child = 0;
  int const failure = posix_spawn(&child, program.c_str(), &files, &how, words.data(), environ);
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  if (failure != 0) return tl::unexpected(program + ": " + std::generic_category().message(failure));
  return child;
}

/// Reads until the server says where it listens; empty when it ended without, or said nothing in time.
std::string read_url(int from) {
  std::string text;
  auto const deadline = steady_clock::now() + 20s;
  while (text.find('\n') == text.npos) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    pollfd wait{from, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return {};
    char buffer[256];
    auto const count = read(from, buffer, sizeof buffer);
    if (count <= 0) return {};
    text.append(buffer, static_cast<std::size_t>(count));
  }
  constexpr std::string_view said = "listening on ";
  return text.starts_with(said) ? text.substr(said.size(), text.find('\n') - said.size()) : std::string();
}

int start(settings const& s, int argc, char const* const* argv) {
  if (s.port == 0) return fail("start: a server in the background needs a --port of its own");
  if (auto const there = running_server(s)) {
    return fail("already running: " + there->app + " on " + there->url + ", process " +
                std::to_string(there->pid));
  }
  auto const at = local_url(s);
  if (auto const taken = http_get(at, "/health", 1s)) {
    return fail("port " + std::to_string(s.port) + " is taken: a server answers at " + shown(at) +
                "; stop it, or choose another --port");
  }
  auto const log_file = log_path(s, s.app);
  std::error_code failure;
  std::filesystem::create_directories(run_folder(), failure);
  std::filesystem::create_directories(std::filesystem::absolute(log_file).parent_path(), failure);
  int const log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log < 0) return fail(log_file.string() + ": " + std::generic_category().message(errno));
  off_t const before = lseek(log, 0, SEEK_END);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(std::generic_category().message(errno));
  auto const child = spawn(s, argc, argv, ends[1], log);
  close(ends[1]);
  close(log);
  std::string const url = child ? read_url(ends[0]) : std::string();
  close(ends[0]);
  if (!child) return fail(child.error());
  if (url.empty()) {
    kill(*child, SIGKILL);
    waitpid(*child, nullptr, 0);
    return fail("it did not start; the end of " + log_file.string() + ":\n" + tail_of(log_file, before));
  }
  std::printf("started: %s on %s, process %d, log %s\n", s.app.c_str(), url.c_str(), *child,
              log_file.c_str());
  return code_done;
}

bool ends_within(pid_file const& server, std::chrono::milliseconds within) {
  for (auto const deadline = steady_clock::now() + within; server.alive();) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

int stop(settings const& s) {
  auto const there = running_server(s);
  if (!there) return fail("not running: no server of port " + std::to_string(s.port));
  std::string const who = there->app + " on " + there->url + ", process " + std::to_string(there->pid);
  if (kill(there->pid, SIGTERM) != 0) return fail(who + ": " + std::generic_category().message(errno));
  constexpr auto grace = 10s;  // of connections, behind the drain
  bool const well = ends_within(*there, std::chrono::milliseconds(there->drain_ms) + grace);
  if (!well) {
    kill(there->pid, SIGKILL);
    if (!ends_within(*there, grace)) return fail("it does not end: " + who);
    std::error_code none;
    std::filesystem::remove(pid_file_of(s.port), none);
  }
  std::printf("stopped%s: %s\n", well ? "" : " by force", who.c_str());
  return code_done;
}

/// What a server says of how it is: none for another kind of server.
std::optional<std::string> said_status(tl::expected<http_answer, std::string> const& answer) {
  if (!answer || answer->status != 200) return std::nullopt;
  auto const body = nlohmann::json::parse(answer->body, nullptr, false);
  auto const said = body.is_object() ? body.find("status") : body.end();
  return said != body.end() && said->is_string() ? std::optional(said->get<std::string>()) : std::nullopt;
}

/// What a server that is not known by a file says of itself is believed, too.
int status(settings const& s) {
  auto const there = running_server(s);
  auto const at = url_of(there, s);
  auto const health = http_get(at, "/health", 3s);
  if (!there && !said_status(health)) {
    std::printf("not running: port %u\n", s.port);
    return code_not_running;
  }
  std::printf("running: %s on %s%s\n", there ? there->app.c_str() : "a server", shown(at).c_str(),
              there ? (", process " + std::to_string(there->pid)).c_str() : ", not started by `start`");
  if (!health) return fail("it does not answer: " + health.error());
  if (s.verbose) {
    std::printf("log: %s\n", log_path(s, there ? there->app : s.app).c_str());
    for (std::string const path : {"/health", "/version", "/stats"}) {
      auto const answer = path == "/health" ? health : http_get(at, path, 3s);
      if (answer && answer->status == 200) std::printf("%s: %s\n", path.c_str(), answer->body.c_str());
    }
  }
  return code_done;
}

int health(settings const& s) {
  auto const there = running_server(s);
  auto const at = url_of(there, s);
  auto const answer = http_get(at, "/health", 5s);
  if (!answer) return fail("unhealthy: " + shown(at) + ": " + answer.error());
  std::printf("%s\n", answer->body.c_str());
  auto const said = said_status(answer);
  return said == "healthy" || said == "ok" ? code_done : code_failed;
}

}  // namespace

std::string program_path() {
  std::error_code failure;
  auto const path = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? "siokit-server" : path.string();
}

announcement::announcement(settings const& s, std::string const& url) : path_(s.pid_file) {
  if (path_.empty()) return;
  if (!pid_file{path_, getpid(), url, s.app, static_cast<long>(s.drain_timeout.count())}.write())
    throw std::runtime_error("--pid-file: " + path_ + " can't be written");
}

announcement::~announcement() {
  std::error_code none;
  if (!path_.empty()) std::filesystem::remove(path_, none);
}

int run(settings const& s, int argc, char const* const* argv) {
  if (s.verb == "install") return install(s, argc, argv);
  if (s.host.starts_with("unix:")) return fail(s.verb + ": a Unix socket has no port to know it by");
  if (s.verb == "start") return start(s, argc, argv);
  bool const must_be_the_same = s.app_named || s.verb == "restart";
  if (auto const there = running_server(s); there && must_be_the_same && there->app != s.app) {
    return fail("port " + std::to_string(s.port) + " has " + there->app + ", not " + s.app +
                ": say its --app, or another --port");
  }
  if (s.verb == "stop") return stop(s);
  if (s.verb == "status") return status(s);
  if (s.verb == "health") return health(s);
  if (running_server(s)) {
    if (int const code = stop(s); code != code_done) return code;
  }
  return start(s, argc, argv);
}

}  // namespace verbs
