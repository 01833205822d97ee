// See child.hpp.   SPDX-License-Identifier: MIT
#include "child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace studio {
namespace {

/// A descriptor until it is taken.
class owned_fd {
 public:
  owned_fd() = default;
  ~owned_fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  owned_fd(owned_fd const&) = delete;
  owned_fd& operator=(owned_fd const&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int take() noexcept { return std::exchange(fd_, -1); }
  void set(int fd) noexcept { fd_ = fd; }

 private:
  int fd_ = -1;
};

struct two_ends {
  owned_fd read, write;
  [[nodiscard]] bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read.set(ends[0]);
    write.set(ends[1]);
    return true;
  }
};

/// What posix_spawn is to do: the group, the signals, the descriptors, the folder.
class spawn_plan {
 public:
  spawn_plan(int output, int errors, std::string const& directory) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, 1);
    ::posix_spawn_file_actions_adddup2(&actions, errors, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);  // sockets of Asio are not O_CLOEXEC
    if (!directory.empty()) ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_plan(spawn_plan const&) = delete;
  spawn_plan& operator=(spawn_plan const&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

/// Those that were started here and were not waited for.
std::vector<pid_t> own_children;

/// The children of this program but for some.
std::vector<pid_t> children_without(std::vector<pid_t> const& others) {
  std::vector<pid_t> out;
  std::error_code unreadable;
  for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task", unreadable)) {
    std::ifstream list(thread.path() / "children");
    for (pid_t pid = 0; list >> pid;) {
      if (std::find(others.begin(), others.end(), pid) == others.end()) out.push_back(pid);
    }
  }
  return out;
}

/// Those that were there before the first command: somebody else's.
std::optional<std::vector<pid_t>> inherited;

std::vector<pid_t> orphans() {
  if (!inherited) return {};
  auto others = *inherited;
  others.insert(others.end(), own_children.begin(), own_children.end());
  return children_without(others);
}

/// Those that have ended would fill the system's table.
void bury_orphans() {
  for (pid_t const pid : orphans()) ::waitpid(pid, nullptr, WNOHANG);
}

/// What was killed ends at once, but who has become another user is not ours to kill.
void wait_a_second_for(pid_t pid) {
  for (int i = 0; i < 1000 && ::waitpid(pid, nullptr, WNOHANG) == 0; ++i) ::usleep(1000);
}

/// Who started us may have left SIGCHLD ignored. Then the system waits for children itself, and their numbers
/// may be those of others before we have heard of their end. What they leave behind is to come to us, too.
void wait_for_children_ourselves() {
  if (!inherited) inherited = children_without({});
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction now {};
  ::sigaction(SIGCHLD, nullptr, &now);
  bool const nobody_waits = now.sa_handler == SIG_IGN || (now.sa_flags & SA_NOCLDWAIT) != 0;
  if (nobody_waits) std::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

void end_orphans() {
  constexpr int generations = 100;  // the children of those that end come next
  for (int i = 0; i < generations; ++i) {
    bool any = false;
    for (pid_t const pid : orphans()) {
      if (::kill(pid, SIGKILL) != 0) continue;
      any = true;
      wait_a_second_for(pid);
    }
    if (!any) return;
  }
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char const c = line[i];
    bool const blank = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && blank) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) words.emplace_back();
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < line.size() &&
               (quote == 0 || line[i + 1] == '"' || line[i + 1] == '\\')) {
      words.back() += line[++i];
    } else {
      words.back() += c;
    }
  }
  return quote == 0 ? words : std::vector<std::string>();
}

child::child(asio::io_context& context, child_events events)
    : events_(std::move(events)),
      output_(context.get_executor(), std::move(events_.on_output)),
      errors_(context.get_executor(), std::move(events_.on_errors)),
      exit_(context.get_executor()),
      clock_(context.get_executor()),
      graves_(context.get_executor()) {}

child::~child() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  wait_a_second_for(pid_);
  std::erase(own_children, pid_);
  if (own_children.empty()) end_orphans();  // the program ends: so do these
}

tl::expected<std::shared_ptr<child>, std::string> child::start(asio::io_context& context,
                                                               std::vector<std::string> const& words,
                                                               std::string const& directory,
                                                               child_events events) {
  auto made = std::make_shared<child>(context, std::move(events));
  if (int const failure = made->spawn(words, directory); failure != 0) {
    return tl::unexpected("cannot run " + words.front() + ": " + std::strerror(failure));
  }
  made->wait_for_exit();
  made->read(made->output_);
  made->read(made->errors_);
  return made;
}

/// 0, or the number of what is wrong.
int child::spawn(std::vector<std::string> const& words, std::string const& directory) {
  wait_for_children_ourselves();
  two_ends output, errors;
  if (!output.open() || !errors.open()) return errno;
  spawn_plan const plan(output.write.get(), errors.write.get(), directory);
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (auto const& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  pid_t pid = 0;
  if (int const failure =
          ::posix_spawnp(&pid, list[0], &plan.actions, &plan.attributes, list.data(), environ)) {
    return failure;
  }
  pid_ = pid;
  own_children.push_back(pid);
  int const exit = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (exit < 0) return errno;  // the destructor ends it
  exit_.assign(exit);
  output_.from.assign(output.read.take());
  errors_.from.assign(errors.read.take());
  return 0;
}

void child::end() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGTERM);
  clock_.expires_after(grace);
  clock_.async_wait([self = shared_from_this()](std::error_code failure) {
    if (!failure && self->pid_ != 0) ::kill(-self->pid_, SIGKILL);
  });
}

void child::read(pipe& one) {
  one.from.async_read_some(
      asio::buffer(one.bytes), [self = shared_from_this(), &one](std::error_code failure, std::size_t size) {
        if (size > 0) one.told({one.bytes.data(), size});
        if (!failure) return self->read(one);
        one.from.close();
        bool const ended = failure == asio::error::eof || failure == asio::error::operation_aborted;
        if (!ended) self->events_.on_stream_error(failure.message());
        self->finish_if_done();
      });
}

void child::wait_for_exit() {
  exit_.async_wait(descriptor::wait_read, [self = shared_from_this()](std::error_code failure) {
    if (!failure) self->reap();
  });
}

void child::reap() {
  ::kill(-pid_, SIGKILL);  // the group; its number is not free before the command is waited for
  int status = 0;
  pid_t const waited = ::waitpid(pid_, &status, WNOHANG);
  if (waited == 0) return wait_for_exit();
  std::erase(own_children, pid_);
  exit_.close();
  bury_group(std::exchange(pid_, 0), 1000);
  bury_orphans();
  status_ = waited < 0          ? exit_status{}
            : WIFEXITED(status) ? exit_status{WEXITSTATUS(status), 0}
                                : exit_status{{}, WTERMSIG(status)};
  clock_.expires_after(linger);
  clock_.async_wait([self = shared_from_this()](std::error_code failure) {
    if (failure) return;
    self->output_.from.close();
    self->errors_.from.close();
  });
  finish_if_done();
}

/// What was killed with the command ends soon: waits for it without blocking.
void child::bury_group(pid_t group, int tries) {
  pid_t found = 0;
  do found = ::waitpid(-group, nullptr, WNOHANG);
  while (found > 0);
  if (found < 0 || tries == 0) return;
  graves_.expires_after(std::chrono::milliseconds(5));
  graves_.async_wait([self = shared_from_this(), group, tries](std::error_code failure) {
    if (!failure) self->bury_group(group, tries - 1);
  });
}

void child::finish_if_done() {
  if (!status_ || output_.from.is_open() || errors_.from.is_open()) return;
  clock_.cancel();
  if (auto const tell = std::exchange(events_.on_exit, nullptr)) tell(*status_);
}

}  // namespace studio
