// siokit-soak FROM COUNT: tells so many stories, on all cores, and which of them had broken promises.
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string_view>
#include <thread>

#include "sim/story.hpp"

namespace {

bool read(std::string_view text, std::uint64_t& out) {
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

struct totals {
  std::atomic<std::uint64_t> next, stories{0}, lifetimes{0}, events{0}, failures{0};
};

void tell_all(totals& all, std::uint64_t end) {
  static std::mutex lines;
  for (std::uint64_t seed = all.next++; seed < end; seed = all.next++) {
    auto const told = sim_test::tell(seed);
    all.lifetimes += told.lifetimes;
    all.events += told.events;
    if (++all.stories % 10'000 == 0)
      std::fprintf(stderr, "%llu stories\n", static_cast<unsigned long long>(all.stories));
    if (told.faults.empty()) continue;
    ++all.failures;
    std::lock_guard const guard(lines);
    char const* const commit = std::getenv("SIOKIT_COMMIT");
    std::printf("seed %llu at commit %s: %s (%zu in all); its story: sim-replay %llu\n",
                static_cast<unsigned long long>(seed), commit != nullptr ? commit : "?",
                told.faults.front().c_str(), told.faults.size(), static_cast<unsigned long long>(seed));
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
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
    workers.emplace_back([&all, from, seeds] { tell_all(all, from + seeds); });
  }
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
