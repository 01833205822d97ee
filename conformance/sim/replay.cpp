// sim-replay SEED: prints the story of a seed. Exit code 1: promises were broken.
#include <charconv>
#include <cstdio>
#include <string_view>

#include "sim/story.hpp"

int main(int count, char** words) {
  std::uint64_t seed = 0;
  std::string_view const text = count == 2 ? words[1] : "";
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) {
    std::fputs("expected a seed: sim-replay 42\n", stderr);
    return 2;
  }
  auto const told = sim_test::tell(seed, [](siokit::time_point when, std::string_view fact) {
    double const seconds = static_cast<double>(when.time_since_epoch().count()) / 1e9;
    std::printf("%12.6f  %.*s\n", seconds, static_cast<int>(fact.size()), fact.data());
  });
  for (auto const& fault : told.faults) std::printf("BROKEN: %s\n", fault.c_str());
  std::printf("%llu lifetimes of sessions, %llu events, trace %016llx\n",
              static_cast<unsigned long long>(told.lifetimes), static_cast<unsigned long long>(told.events),
              static_cast<unsigned long long>(told.trace));
  return told.faults.empty() ? 0 : 1;
}
