// siokit-client ping: how long acknowledgements take.   SPDX-License-Identifier: MIT
#include <unistd.h>

#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>

#include "arguments.hpp"
#include "commands.hpp"
#include "histogram.hpp"

namespace {

void print_summary(histogram const& times, std::uint64_t lost, bool as_json) {
  if (as_json) {
    nlohmann::json const summary{{"answered", times.count()},          {"lost", lost},
                                 {"min_ms", times.least_ms()},         {"mean_ms", times.mean_ms()},
                                 {"p50_ms", times.percentile_ms(.5)},  {"p90_ms", times.percentile_ms(.9)},
                                 {"p99_ms", times.percentile_ms(.99)}, {"max_ms", times.most_ms()}};
    return print(summary.dump());
  }
  std::printf("%llu answered, %llu lost; min %.3f, mean %.3f, p50 %.3f, p90 %.3f, p99 %.3f, max %.3f ms\n",
              static_cast<unsigned long long>(times.count()), static_cast<unsigned long long>(lost),
              times.least_ms(), times.mean_ms(), times.percentile_ms(.5), times.percentile_ms(.9),
              times.percentile_ms(.99), times.most_ms());
  std::fflush(stdout);
}

}  // namespace

int run_ping(settings const& s) {
  using clock = std::chrono::steady_clock;
  auto const arguments = read_arguments(s.arguments);
  if (!arguments) return complain(arguments.error()), exit_usage;
  asio::io_context context(1);
  siokit::client io(context, s.url, s.client);
  siokit::client_socket& socket = io.socket(s.nsp);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  asio::steady_timer next(context);
  histogram times;
  std::uint64_t sent = 0, lost = 0;
  bool const live = isatty(STDOUT_FILENO) != 0 && !s.json;
  bool over = false;
  auto const end = [&] {
    over = true;
    io.close();
    signals.cancel();
    next.cancel();
  };
  auto const settle = [&](std::error_code failure, clock::time_point began, std::uint64_t number) {
    if (over) return;
    if (failure) {
      ++lost;
      complain("answer " + std::to_string(number) + ": " + failure.message());
    } else {
      auto const time = clock::now() - began;
      times.add(time);
      std::string const ms = std::to_string(std::chrono::duration<double, std::milli>(time).count());
      if (s.json) {
        print(nlohmann::json{{"number", number}, {"ms", std::stod(ms)}}.dump());
      } else {
        std::string const line = "answer " + std::to_string(number) + ": " + ms + " ms";
        if (!live) return print(line);
        std::printf("\r\x1b[2K%s   %.3f %s %.3f ms", line.c_str(), times.least_ms(), times.picture().c_str(),
                    times.most_ms());
        std::fflush(stdout);
      }
    }
  };
  std::function<void()> ping = [&] {
    if (over || (s.count != 0 && sent == s.count)) return;
    if (socket.connected()) {
      auto const began = clock::now();
      auto const number = ++sent;
      auto const outcome =
          socket.timeout(s.ack_timeout)
              .emit(s.event, *arguments, [&, began, number](std::error_code failure, siokit::args) {
                settle(failure, began, number);
                if (times.count() + lost == s.count) end();
              });
      if (!outcome) complain(std::string(to_string(outcome.error().code)));
    }
    next.expires_after(s.interval);
    next.async_wait([&](std::error_code failure) {
      if (!failure) ping();
    });
  };

  bool begun = false;
  socket.on_connect([&] {
    if (!std::exchange(begun, true)) ping();
  });
  socket.on_connect_error([&](siokit::connect_error const& why) {
    complain(text_of(why));
    if (why.refused() || !s.client.reconnection) end();
  });
  socket.on_disconnect([&](siokit::disconnect_reason why) {
    if (over) return;
    complain("disconnected: " + std::string(to_string(why)));
    if (!socket.active() || !s.client.reconnection) end();
  });
  io.on_reconnect_failed(end);
  signals.async_wait([&](std::error_code failure, int) {
    if (!failure) end();
  });
  socket.connect();
  context.run();
  if (sent == 0) return exit_failed;
  if (live) std::printf("\n");
  print_summary(times, lost, s.json);
  return lost > 0 ? exit_timed_out : exit_done;
}
