// siokit-client ping: how long acknowledgements take.   SPDX-License-Identifier: MIT
#include <unistd.h>

#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "arguments.hpp"
#include "commands.hpp"
#include "histogram.hpp"

namespace {

using clock_type = std::chrono::steady_clock;

class ping_run {
 public:
  ping_run(settings const& s, siokit::owned_args const& arguments)
      : s_(s),
        arguments_(arguments),
        io_(context_, s.url, s.client),
        socket_(io_.socket(s.nsp)),
        signals_(context_, SIGINT, SIGTERM),
        next_(context_),
        live_(isatty(STDOUT_FILENO) != 0 && !s.json) {}

  int run() {
    socket_.on_connect([this] {
      if (!std::exchange(begun_, true)) ping();
    });
    socket_.on_connect_error([this](siokit::connect_error const& why) {
      complain(text_of(why));
      if (why.refused() || !s_.client.reconnection) fail();
    });
    socket_.on_disconnect([this](siokit::disconnect_reason why) {
      if (over_) return;
      complain("disconnected: " + std::string(to_string(why)));
      if (!socket_.active() || !s_.client.reconnection) fail();
    });
    io_.on_reconnect_failed([this] { fail(); });
    signals_.async_wait([this](std::error_code failure, int) {
      if (!failure) end();
    });
    socket_.connect();
    context_.run();
    if (sent_ == 0) return exit_failed;
    if (live_) std::printf("\n");
    print_summary();
    return failed_ ? exit_failed : lost_ > 0 ? exit_timed_out : exit_done;
  }

 private:
  void ping() {
    if (over_ || (s_.count != 0 && sent_ == s_.count)) return;
    if (socket_.connected()) {
      auto const outcome = socket_.timeout(s_.ack_timeout)
                               .emit(s_.event, arguments_,
                                     [this, began = clock_type::now(), number = ++sent_](
                                         std::error_code failure, siokit::args) {
                                       if (!over_) settle(failure, began, number);
                                     });
      if (!outcome) {
        complain(to_string(outcome.error().code));
        return fail();
      }
    }
    next_.expires_after(s_.interval);
    next_.async_wait([this](std::error_code failure) {
      if (!failure) ping();
    });
  }
  void settle(std::error_code failure, clock_type::time_point began, std::uint64_t number) {
    if (failure) {
      ++lost_;
      complain("answer " + std::to_string(number) + ": " + failure.message());
    } else {
      auto const time = clock_type::now() - began;
      times_.add(time);
      show(number, std::chrono::duration<double, std::milli>(time).count());
    }
    if (times_.count() + lost_ == s_.count) end();
  }
  /// On a terminal one line that changes, else a line each.
  void show(std::uint64_t number, double ms) const {
    if (s_.json) return print(nlohmann::json{{"number", number}, {"ms", ms}}.dump());
    std::string const line = "answer " + std::to_string(number) + ": " + std::to_string(ms) + " ms";
    if (!live_) return print(line);
    std::printf("\r\x1b[2K%s   %.3f %s %.3f ms", line.c_str(), times_.least_ms(), times_.picture().c_str(),
                times_.most_ms());
    std::fflush(stdout);
  }
  void print_summary() const {
    if (s_.json) {
      nlohmann::json const summary{
          {"answered", times_.count()},          {"lost", lost_},
          {"min_ms", times_.least_ms()},         {"mean_ms", times_.mean_ms()},
          {"p50_ms", times_.percentile_ms(.5)},  {"p90_ms", times_.percentile_ms(.9)},
          {"p99_ms", times_.percentile_ms(.99)}, {"max_ms", times_.most_ms()}};
      return print(summary.dump());
    }
    std::printf("%llu answered, %llu lost; min %.3f, mean %.3f, p50 %.3f, p90 %.3f, p99 %.3f, max %.3f ms\n",
                static_cast<unsigned long long>(times_.count()), static_cast<unsigned long long>(lost_),
                times_.least_ms(), times_.mean_ms(), times_.percentile_ms(.5), times_.percentile_ms(.9),
                times_.percentile_ms(.99), times_.most_ms());
    std::fflush(stdout);
  }
  void fail() {
    failed_ = !over_;
    end();
  }
  void end() {
    if (std::exchange(over_, true)) return;
    io_.close();
    signals_.cancel();
    next_.cancel();
  }

  settings const& s_;
  siokit::owned_args const& arguments_;
  asio::io_context context_{1};
  siokit::client io_;
  siokit::client_socket& socket_;
  asio::signal_set signals_;
  asio::steady_timer next_;
  histogram times_;
  std::uint64_t sent_ = 0;
  std::uint64_t lost_ = 0;
  bool const live_;
  bool begun_ = false;
  bool failed_ = false;
  bool over_ = false;
};

}  // namespace

int run_ping(settings const& s) {
  auto const arguments = read_arguments(s.arguments);
  if (!arguments) return complain(arguments.error()), exit_usage;
  return ping_run(s, *arguments).run();
}
