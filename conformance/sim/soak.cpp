// siokit-soak FROM COUNT: tells so many stories, on all cores, and which of them had broken promises.
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

#include "sim/story.hpp"

namespace {

bool read(std::string_view text, std::uint64_t& out) {
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

char const* commit() {
  char const* const known = std::getenv("SIOKIT_COMMIT");
  return known != nullptr ? known : "?";
}

struct totals {
  std::atomic<std::uint64_t> next, stories{0}, lifetimes{0}, events{0}, failures{0};
};

using wall_clock = std::chrono::steady_clock;

/// What a core is telling, and since when. A story takes milliseconds: one without an end is a fault too.
struct teller {
  std::atomic<std::uint64_t> seed{0};
  std::atomic<wall_clock::rep> since{0};  // 0: nothing
};

void tell_all(totals& all, teller& mine, std::uint64_t end) {
  static std::mutex lines;
  for (std::uint64_t seed = all.next++; seed < end; seed = all.next++) {
    mine.seed = seed;
    mine.since = wall_clock::now().time_since_epoch().count();
    auto const told = sim_test::tell(seed);
    mine.since = 0;
    all.lifetimes += told.lifetimes;
    all.events += told.events;
    if (++all.stories % 10'000 == 0)
      std::fprintf(stderr, "%llu stories\n", static_cast<unsigned long long>(all.stories));
    if (told.faults.empty()) continue;
    ++all.failures;
    std::lock_guard const guard(lines);
    std::printf("seed %llu at commit %s: %s (%zu in all); its story: sim-replay %llu\n",
                static_cast<unsigned long long>(seed), commit(), told.faults.front().c_str(),
                told.faults.size(), static_cast<unsigned long long>(seed));
  }
}

/// Names a story that has no end, and ends the program for it.
void watch(std::vector<teller> const& tellers, std::stop_token const& done) {
  std::mutex mine;
  std::condition_variable_any wakes;
  std::unique_lock lock(mine);
  auto const never = [] { return false; };
  while (!wakes.wait_for(lock, done, std::chrono::seconds(1), never) && !done.stop_requested()) {
    auto const now = wall_clock::now().time_since_epoch();
    for (auto const& each : tellers) {
      auto const since = wall_clock::duration(each.since.load());
      if (since.count() == 0 || now - since < std::chrono::minutes(2)) continue;
      unsigned long long const seed = each.seed;
      std::printf("seed %llu at commit %s does not end; its story: sim-replay %llu\n", seed, commit(), seed);
      std::fflush(stdout);
      std::_Exit(1);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  std::uint64_t from = 0, seeds = 0;
  if (count != 3 || !read(words[1], from) || !read(words[2], seeds)) {
    std::fputs("expected the first seed and how many: siokit-soak 1 100000\n", stderr);
    return 2;
  }
  totals all{.next = from};
  std::vector<teller> tellers(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::thread> workers;
  for (auto& mine : tellers) {
    workers.emplace_back([&all, &mine, from, seeds] { tell_all(all, mine, from + seeds); });
  }
  std::jthread const guard([&tellers](std::stop_token const& done) { watch(tellers, done); });
  for (auto& each : workers) each.join();
  double const minutes = static_cast<double>(std::clock()) / CLOCKS_PER_SEC / 60;  // of all cores together
  std::printf(
      "%llu stories from seed %llu: %llu lifetimes of sessions, %llu events, %.0f lifetimes a minute and "
      "core\n",
      static_cast<unsigned long long>(all.stories), static_cast<unsigned long long>(from),
      static_cast<unsigned long long>(all.lifetimes), static_cast<unsigned long long>(all.events),
      static_cast<double>(all.lifetimes) / minutes);
  std::printf(all.failures == 0 ? "every promise was kept\n" : "%llu stories with broken promises\n",
              static_cast<unsigned long long>(all.failures));
  return all.failures == 0 ? 0 : 1;
}
