// One command that runs as a child process.   SPDX-License-Identifier: MIT
// It has a process group of its own, no input, and no descriptor of ours but the two pipes that it writes to.
// When the command ends, what it has left in its group is killed. What has left the group runs on until the
// program ends: it is an orphan, of which the program is told nothing but that it is there.
// Nothing here blocks. For Linux, whose pidfd tells of an end without signals.
#pragma once

#include <sys/types.h>

#include <array>
#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace studio {

using executor = asio::io_context::executor_type;
using descriptor = asio::posix::basic_stream_descriptor<executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;

/// Ends what commands have left behind that was not in their group any more. For the end of the program.
void end_orphans();

/// A command line as words, parted as by a shell: blanks, '...', "..." and \x.
/// No shell runs: $, *, | and others mean nothing. Empty when a quote is not closed.
[[nodiscard]] std::vector<std::string> split_words(std::string_view line);

/// How a command has ended: with a code, or killed by a signal, or nobody knows.
struct exit_status {
  std::optional<int> code;
  int signal = 0;
};

/// What is told of a child, on the thread of the io_context, never within start().
struct child_events {
  std::function<void(std::string_view bytes)> on_output;
  std::function<void(std::string_view bytes)> on_errors;
  /// Reading has failed; nothing more comes of that stream.
  std::function<void(std::string const& why)> on_stream_error;
  /// The last event.
  std::function<void(exit_status)> on_exit;
};

class child : public std::enable_shared_from_this<child> {
 public:
  static constexpr std::chrono::seconds grace{2};   // from SIGTERM to SIGKILL
  static constexpr std::chrono::seconds linger{1};  // for output of those who have left the group

  /// Starts `words`, the first of which is looked for in PATH, in `directory`, or here if that is empty. On
  /// failure one line that says why. Makes the program the one who waits for all that come of
  /// its commands: SIGCHLD is not ignored any more, and orphans are its children.
  [[nodiscard]] static tl::expected<std::shared_ptr<child>, std::string> start(
      asio::io_context& context, std::vector<std::string> const& words, std::string const& directory,
      child_events events);
  /// Use start().
  child(asio::io_context& context, child_events events);
  /// Kills it if it still runs.
  ~child();
  child(child const&) = delete;
  child& operator=(child const&) = delete;

  /// Asks the whole group to end, and kills it if it does not.
  void end();

 private:
  /// One of its streams.
  struct pipe {
    pipe(executor const& at, std::function<void(std::string_view)> to) : from(at), told(std::move(to)) {}
    descriptor from;
    std::function<void(std::string_view)> told;
    std::array<char, 64 * 1024> bytes;
  };

  [[nodiscard]] int spawn(std::vector<std::string> const& words, std::string const& directory);
  void read(pipe& one);
  void wait_for_exit();
  void reap();
  void bury_group(pid_t group, int tries);
  void finish_if_done();

  pid_t pid_ = 0;  // 0: none that is still to be waited for
  child_events events_;
  pipe output_, errors_;
  descriptor exit_;
  timer clock_, graves_;
  std::optional<exit_status> status_;
};

}  // namespace studio
