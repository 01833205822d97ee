// siokit-client load: many clients, and what the server makes of them.   SPDX-License-Identifier: MIT
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <deque>
#include <nlohmann/json.hpp>

#include "arguments.hpp"
#include "commands.hpp"
#include "histogram.hpp"

namespace {

using clock_type = std::chrono::steady_clock;

/// All clients of one run.
class load_run {
 public:
  load_run(settings const& s, siokit::owned_args const& arguments)
      : s_(s), arguments_(arguments), context_(1), end_(context_), signals_(context_, SIGINT, SIGTERM) {
    for (std::uint32_t i = 0; i < s.clients; ++i) add_client();
  }

  int run() {
    signals_.async_wait([this](std::error_code failure, int) {
      if (!failure) finish();
    });
    context_.run();
    report();
    if (connected_ < s_.clients) return exit_failed;
    return lost_ > 0 ? exit_timed_out : exit_done;
  }

 private:
  struct member {
    siokit::client io;
    asio::steady_timer next;
    clock_type::time_point due{};
    std::uint32_t under_way = 0;  // events that wait for their answers
    bool seen = false;            // it has been connected
    member(asio::io_context& context, settings const& s) : io(context, s.url, s.client), next(context) {}
  };

  void add_client() {
    member& one = members_.emplace_back(context_, s_);
    siokit::client_socket& socket = one.io.socket(s_.nsp);
    socket.on_connect([this, &one] {
      if (!std::exchange(one.seen, true) && ++connected_ == s_.clients) return begin();
      if (measuring_ && s_.rate == 0) fill(one);  // it was away
    });
    socket.on_connect_error([this](siokit::connect_error const& why) {
      complain(text_of(why));
      if (!measuring_) finish();
    });
    socket.on_disconnect([this](siokit::disconnect_reason why) {
      if (!over_) complain("disconnected: " + std::string(to_string(why)));
    });
    socket.connect();
  }
  /// All are there.
  void begin() {
    if (measuring_ || over_) return;
    measuring_ = true;
    began_ = clock_type::now();
    end_.expires_after(s_.duration);
    end_.async_wait([this](std::error_code failure) {
      if (!failure) finish();
    });
    for (member& one : members_) {
      one.due = began_;
      if (s_.rate > 0) {
        pace(one);
      } else {
        fill(one);
      }
    }
  }
  /// One event now, and the next one when it is due, however late this one was.
  void pace(member& one) {
    if (over_) return;
    send(one);
    one.due += std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(1 / s_.rate));
    one.next.expires_at(one.due);
    one.next.async_wait([this, &one](std::error_code failure) {
      if (!failure) pace(one);
    });
  }
  void fill(member& one) {
    while (!over_ && one.under_way < s_.in_flight && one.io.socket(s_.nsp).connected() && send(one)) {
    }
  }
  bool send(member& one) {
    if (over_) return false;
    auto const began = clock_type::now();
    auto const sent =
        one.io.socket(s_.nsp)
            .timeout(s_.ack_timeout)
            .emit(s_.event, arguments_, [this, &one, began](std::error_code failure, siokit::args) {
              --one.under_way;
              if (over_) return;
              if (failure) {
                ++lost_;
              } else {
                times_.add(clock_type::now() - began);
              }
              if (s_.rate == 0) fill(one);
            });
    sent ? ++one.under_way : ++lost_;
    return sent.has_value();
  }
  void finish() {
    if (std::exchange(over_, true)) return;
    ended_ = clock_type::now();
    end_.cancel();
    signals_.cancel();
    for (member& one : members_) {
      one.next.cancel();
      one.io.close();
    }
  }
  void report() const {
    double const seconds = measuring_ ? std::chrono::duration<double>(ended_ - began_).count() : 0;
    double const rate = seconds > 0 ? static_cast<double>(times_.count()) / seconds : 0;
    if (s_.json) {
      nlohmann::json const summary{{"clients", connected_},
                                   {"seconds", seconds},
                                   {"answered", times_.count()},
                                   {"lost", lost_},
                                   {"per_second", rate},
                                   {"p50_ms", times_.percentile_ms(.5)},
                                   {"p90_ms", times_.percentile_ms(.9)},
                                   {"p99_ms", times_.percentile_ms(.99)},
                                   {"max_ms", times_.most_ms()}};
      return print(summary.dump());
    }
    std::printf("%u clients, %.1f s: %llu answered (%.0f/s), %llu lost\n", connected_, seconds,
                static_cast<unsigned long long>(times_.count()), rate,
                static_cast<unsigned long long>(lost_));
    std::printf("min %.3f, p50 %.3f, p90 %.3f, p99 %.3f, max %.3f ms  %s\n", times_.least_ms(),
                times_.percentile_ms(.5), times_.percentile_ms(.9), times_.percentile_ms(.99),
                times_.most_ms(), times_.picture().c_str());
    std::fflush(stdout);
  }

  settings const& s_;
  siokit::owned_args const& arguments_;
  asio::io_context context_;
  asio::steady_timer end_;
  asio::signal_set signals_;
  std::deque<member> members_;
  histogram times_;
  clock_type::time_point began_{}, ended_{};
  std::uint64_t lost_ = 0;
  std::uint32_t connected_ = 0;
  bool measuring_ = false;
  bool over_ = false;
};

}  // namespace

int run_load(settings const& s) {
  auto const arguments = read_arguments(s.arguments);
  if (!arguments) return complain(arguments.error()), exit_usage;
  return load_run(s, *arguments).run();
}
