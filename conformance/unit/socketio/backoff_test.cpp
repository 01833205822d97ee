#include "siokit/socketio/backoff.hpp"

#include <gtest/gtest.h>

namespace socketio_backoff_test {

using namespace siokit;
using namespace siokit::socketio;
using namespace std::chrono_literals;

constexpr bool stays_within_bounds() {
  backoff wait;
  std::uint32_t random = 1;
  for (int i = 0; i < 2000; ++i) {
    random = random * 1664525u + 1013904223u;
    duration const delay = wait.next({}, random);
    if (delay < 1ms || delay > 5s) return false;
  }
  return wait.attempts() == 2000;
}
static_assert(stays_within_bounds(), "the delay never becomes 0, however long a client is offline");

TEST(backoff, doubles_up_to_the_cap) {
  backoff_config const exact{.delay = 1s, .delay_max = 5s, .randomization_percent = 0};
  backoff wait;
  for (auto const expected : {1s, 2s, 4s, 5s, 5s}) EXPECT_EQ(wait.next(exact, 12345), expected);
  wait.reset();
  EXPECT_EQ(wait.next(exact, 0), 1s);
}

TEST(backoff, chance_moves_it_both_ways) {
  backoff_config const config{.delay = 1s, .delay_max = 60s, .randomization_percent = 50};
  auto const first = [&](std::uint32_t random) { return backoff().next(config, random); };
  EXPECT_EQ(first(0), 1s);
  EXPECT_EQ(first(1), 1s);
  EXPECT_LT(first(0xFFFFFFFE), 501ms);
  EXPECT_GE(first(0xFFFFFFFE), 500ms);
  EXPECT_GT(first(0xFFFFFFFF), 1499ms);
  EXPECT_LE(first(0xFFFFFFFF), 1500ms);
}

TEST(backoff, strange_options_are_bounded) {
  backoff wait;
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(wait.next({.delay = 0s, .delay_max = 0s, .randomization_percent = 65535}, 0xFFFFFFFE), 1ms);
  }
  wait.reset();
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(wait.next({.delay = duration::max(), .delay_max = duration::max()}, 0xFFFFFFFF), 1ms);
  }
}

}  // namespace socketio_backoff_test
