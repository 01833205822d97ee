// A thread for libraries that block.   SPDX-License-Identifier: MIT
// Jobs run there one after another, in the order of their coming; what follows a job runs on the server's
// thread. What is pending at the end is done first: nothing that was asked for is lost.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <tl/expected.hpp>

#include "siokit/net/server.hpp"

namespace apps {

/// Nothing, as a result.
struct done {};

/// What a job gave, or one line that says why it gave nothing.
template <class T>
using outcome = tl::expected<T, std::string>;

class worker {
 public:
  /// More jobs than this do not wait: who asks is told that the server is busy.
  static constexpr std::size_t pending_max = 10'000;

  explicit worker(siokit::server& io) : io_(io), thread_([this] { work(); }) {}
  ~worker() {
    {
      std::lock_guard const lock(guard_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  worker(worker const&) = delete;
  worker& operator=(worker const&) = delete;

  /// Runs `job()`, which returns a T and may throw, on the thread of the worker; then `then(outcome<T>)` on
  /// that of the server. To be called there.
  template <class Job, class Then>
  void run(Job job, Then then) {
    using value = std::invoke_result_t<Job&>;
    {
      std::lock_guard const lock(guard_);
      if (jobs_.size() < pending_max) {
        jobs_.emplace_back([this, job = std::move(job), then = std::move(then)]() mutable {
          io_.post(
              [result = attempt<value>(job), then = std::move(then)]() mutable { then(std::move(result)); });
        });
        return wake_.notify_one();
      }
    }
    then(outcome<value>(tl::unexpected(std::string("too much is asked for at once"))));
  }

 private:
  template <class T, class Job>
  static outcome<T> attempt(Job& job) {
    try {
      return job();
    } catch (std::exception const& failure) {
      return tl::unexpected(std::string(failure.what()));
    }
  }
  void work() {
    std::unique_lock lock(guard_);
    while (true) {
      wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = {};
      lock.lock();
    }
  }

  siokit::server& io_;
  std::mutex guard_;
  std::condition_variable wake_;
  std::deque<siokit::unique_function<void()>> jobs_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace apps
