// The processes of all users: so many at once, the others queued, each with its time.
// SPDX-License-Identifier: MIT
// Nothing of Socket.IO. What happens is told to an observer, never within a call, but for what cancel() and
// stop() end. All is bounded: the queue, the time in it, the time of running, what is kept of output, and
// what has ended.
#pragma once

#include <cstdint>
#include <deque>
#include <map>

#include "child.hpp"

namespace studio {

enum class process_status : std::uint8_t { pending, queued, running, completed, failed, timeout, cancelled };
[[nodiscard]] std::string_view to_string(process_status status) noexcept;

struct process_limits {
  std::size_t running_max = 3;
  std::size_t queued_max = 1000;
  std::chrono::milliseconds queue_timeout{300'000};
  /// Bytes kept of each stream. JSON has six for one that is a control character; the end of a process, which
  /// tells both streams, must fit into what may wait for a connection.
  std::size_t output_max = 4 * 1024 * 1024;
  std::size_t ended_max = 1000;     ///< processes whose status is still known
  std::chrono::hours ended_for{1};  ///< and for how long
};

/// Why a process did not complete.
enum class process_failure : std::uint8_t { none, execution, queue_timeout, cancelled };

/// A process as it stands. `output` and `errors` are there until its end has been told.
struct process {
  std::string id;
  std::string user_id;
  process_status status = process_status::pending;
  process_failure failure = process_failure::none;
  std::string error;  ///< what is wrong, in a line; empty if nothing is
  std::string output;
  std::string errors;
  std::optional<int> exit_code;
  std::int64_t started_at = 0;    ///< Unix time in milliseconds
  std::int64_t completed_at = 0;  ///< the same
};

class process_observer {
 public:
  process_observer() = default;
  process_observer(process_observer const&) = delete;
  process_observer& operator=(process_observer const&) = delete;
  virtual ~process_observer() = default;

  /// It has to wait, 0 being the front; told again when that changes. The first one is 0 whatever is before
  /// it.
  virtual void on_queued(process const& one, std::size_t position) = 0;
  virtual void on_started(process const& one) = 0;
  /// Some of its standard output: whole characters.
  virtual void on_output(process const& one, std::string_view text) = 0;
  /// Output is lost; the process goes on.
  virtual void on_stream_error(process const& one, std::string_view why) = 0;
  /// The last one, and told once.
  virtual void on_ended(process const& one) = 0;
};

/// What is to be run, for whom.
struct job {
  std::string id;
  std::string user_id;
  std::vector<std::string> words;
  std::string directory;
  std::chrono::milliseconds timeout;
};

class processes {
 public:
  processes(asio::io_context& context, process_limits limits, process_observer& observer)
      : context_(context), limits_(limits), observer_(observer) {}
  processes(processes const&) = delete;
  processes& operator=(processes const&) = delete;
  ~processes();

  /// Whether add() would refuse.
  [[nodiscard]] bool full() const noexcept { return stopped_ || queue_.size() >= limits_.queued_max; }
  /// Runs it, or queues it, soon. Precondition: not full().
  void add(job wanted);
  /// Null if it is not known, or no more.
  [[nodiscard]] process const* find(std::string const& id);
  /// Its place in the queue, if it is there.
  [[nodiscard]] std::optional<std::size_t> position(std::string const& id) const;
  /// False when it has ended already.
  bool cancel(std::string const& id);
  /// Cancels all; no other starts.
  void stop();

  /// Those that have not yet gone, with those that are being ended.
  [[nodiscard]] std::size_t running() const noexcept { return running_.size(); }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }

 private:
  struct entry {
    entry(executor const& at) : clock(at) {}
    process shown;
    job wanted;
    timer clock;  // in the queue, then while it runs
    std::shared_ptr<child> runs;
    std::string held;  // the beginning of a character
    std::size_t told_position = 0;
  };
  using entry_ptr = std::shared_ptr<entry>;

  void advance();
  void start(entry_ptr const& one);
  /// Calls `then()` after `delay`, unless the clock is used again.
  template <class Then>
  void set_clock(entry_ptr const& one, std::chrono::milliseconds delay, Then then);
  void take_output(entry& one, std::string_view bytes);
  void keep(entry& one, std::string& to, std::string_view bytes);
  void lose(entry& one, std::string const& why);
  void on_exit(entry_ptr const& one, exit_status how);
  void conclude(entry& one, process_status status, process_failure failure, std::string why);
  void forget_old();

  asio::io_context& context_;
  process_limits limits_;
  process_observer& observer_;
  std::map<std::string, entry_ptr> known_;
  std::deque<entry_ptr> queue_;
  std::vector<entry_ptr> running_;
  std::deque<entry_ptr> ended_;  // oldest first
  bool stopped_ = false;
};

}  // namespace studio
