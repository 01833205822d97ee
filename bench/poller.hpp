// Waits for what many connections bring.   SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>
#include <time.h>

#include <chrono>
#include <utility>
#include <vector>

#include "wire.hpp"

namespace bench {

class poller {
 public:
  void add(int fd, std::uint64_t tag) const {
    epoll_event event{EPOLLIN, {.u64 = tag}};
    if (::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }
  /// Calls `visit(tag)` for each that can be read. `timeout` in milliseconds; one of 10 s is the end.
  template <class Visit>
  void wait(int timeout, Visit&& visit) {
    int const count = ::epoll_wait(fd_, ready_.data(), static_cast<int>(ready_.size()), timeout);
    if (count == 0 && timeout >= 10'000) die("nothing came for 10 s");
    for (int i = 0; i < count; ++i) visit(ready_[static_cast<std::size_t>(i)].data.u64);
  }
  /// The same for what must come, awake all the time: who sends to this process does not pay for waking it.
  template <class Visit>
  void wait_awake(Visit&& visit) {
    using clock_type = std::chrono::steady_clock;
    auto const end = clock_type::now() + std::chrono::seconds(10);
    double const before = cpu_seconds();
    bool come = false;
    while (!come) {
      if (clock_type::now() > end) die("nothing came for 10 s");
      wait(0, [&](std::uint64_t tag) {
        if (!std::exchange(come, true)) idle_ += cpu_seconds() - before;
        visit(tag);
      });
    }
  }
  /// Seconds of CPU that wait_awake() has waited.
  [[nodiscard]] double idle() const noexcept { return idle_; }

 private:
  /// Of this thread: others may use its CPU as well.
  [[nodiscard]] static double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }

  int fd_ = ::epoll_create1(0);
  double idle_ = 0;
  std::vector<epoll_event> ready_ = std::vector<epoll_event>(1024);
};

}  // namespace bench
