// What sessions of the pure core cost: so many of them, without a descriptor.   SPDX-License-Identifier: MIT
// Prints one JSON object. A process measures one size, for what malloc has kept of another would be reused.
// CPU is that of this process, which has one thread; a session is opened, joins "/", and gets its pings.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "core_server.hpp"
#include "process.hpp"
#include "wire.hpp"

namespace {

using namespace bench;

constexpr std::size_t rooms = 1000;

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double malloc_bytes() {
  auto const now = ::mallinfo2();
  return static_cast<double>(now.uordblks + now.hblkhd);
}

template <class Work>
double cpu_of(Work&& work) {
  double const before = cpu_us();
  work();
  return cpu_us() - before;
}

class scale {
 public:
  explicit scale(std::uint32_t sessions) : count_(sessions) {
    auto const resident = static_cast<double>(resident_kib("self"));
    double const held = malloc_bytes();
    report("open_us", cpu_of([&] { server_ = std::make_unique<core_server>(count_); }));
    report("malloc_bytes", malloc_bytes() - held);
    report("resident_bytes", 1024 * (static_cast<double>(resident_kib("self")) - resident));
    rounds("heartbeat_us", [&] { heartbeat(); });
    double const before_rooms = malloc_bytes();
    report("join_us", cpu_of([&] { join_rooms(); }));
    report("room_bytes", malloc_bytes() - before_rooms);
    std::string const text(32, 'x');
    rounds("broadcast_us", [&] {
      static_cast<void>(server_->io.emit("news", text));
      sent_to_all();
    });
    rounds("room_us", [&] {
      for (std::string const& each : names_) {
        static_cast<void>(server_->io.to(each).emit("news", text));
        sent_ += server_->transmit();
      }
      sent_to_all();
    });
    std::printf("%s}\n", json_.c_str());
  }

 private:
  /// All of it is for all sessions; what is reported is for one.
  void report(char const* name, double all) {
    char line[64];
    std::snprintf(line, sizeof line, R"(, "%s": %.4f)", name, all / count_);
    json_ += line;
  }
  /// Work for all sessions, as often as makes a million, after a first time that is not counted.
  template <class Work>
  void rounds(char const* name, Work&& work) {
    work();
    unsigned const times = std::max(3U, 1'000'000 / count_);
    report(name, cpu_of([&] {
                   for (unsigned i = 0; i < times; ++i) work();
                 }) / times);
  }
  /// Every session has got its pings, and answers; the host asks after each answer when to come again.
  void heartbeat() {
    auto const interval = server_->engine.config().ping_interval;
    server_->now += interval;
    server_->engine.advance(server_->now);
    server_->io.advance(server_->now);
    sent_to_all();
    for (std::uint32_t i = 0; i < count_; ++i) {
      server_->say(i, "3");
      next_ = std::min(server_->engine.next_deadline(), server_->io.next_deadline());
    }
    if (next_ != server_->now + interval) die("the next pings are due at another time");
  }
  /// A room has every thousandth session: its members are far from each other in memory.
  void join_rooms() {
    for (std::size_t i = 0; i < rooms; ++i) names_.push_back("room-" + std::to_string(i));
    std::size_t i = 0;
    for (auto const& each : server_->io.sockets()) static_cast<void>(each.get()->join(names_[i++ % rooms]));
  }
  /// Takes what is to be sent. A yardstick that measures nothing by mistake would be the best of all.
  void sent_to_all() {
    sent_ += server_->transmit();
    if (sent_ == 0 || sent_ % count_ != 0) die("not every session was sent the same");
    sent_ = 0;
  }

  std::uint32_t count_;
  std::unique_ptr<core_server> server_;
  std::vector<std::string> names_;
  std::size_t sent_ = 0;
  siokit::time_point next_{};
  std::string json_ = "{\"sessions\": " + std::to_string(count_);
};

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t sessions = 1000;
  CLI::App app("Measures what sessions of the pure core cost", "bench-sessions");
  app.add_option("--sessions", sessions, "How many")->check(CLI::Range(1, 100'000'000));
  CLI11_PARSE(app, argc, argv);
  scale const measured(sessions);
}
