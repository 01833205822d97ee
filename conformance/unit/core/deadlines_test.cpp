#include "siokit/core/deadlines.hpp"

#include <gtest/gtest.h>

#include <map>

namespace core_deadlines_test {

using namespace siokit;
using namespace std::chrono_literals;

constexpr time_point at(int ms) {
  return time_point{} + std::chrono::milliseconds(ms);
}

TEST(time, later_saturates) {
  EXPECT_EQ(later(at(5), 10ms), at(15));
  EXPECT_EQ(later(at(5), duration::max()), never);
}

TEST(deadline_lanes, expire_in_order_per_lane) {
  deadline_lanes lanes(2);
  EXPECT_EQ(lanes.next_deadline(), never);
  lanes.arm(7, 0, at(10));
  lanes.arm(3, 0, at(20));
  lanes.arm(5, 1, at(15));
  EXPECT_EQ(lanes.next_deadline(), at(10));
  EXPECT_EQ(lanes.expire_one(at(9)), deadline_lanes::none);
  EXPECT_EQ(lanes.expire_one(at(100)), 7u);
  EXPECT_EQ(lanes.next_deadline(), at(15));
  EXPECT_EQ(lanes.deadline_of(5), at(15));
  EXPECT_EQ(lanes.deadline_of(7), never);
}

TEST(deadline_lanes, rearming_moves_to_the_end) {
  deadline_lanes lanes(2);
  for (std::uint32_t key = 0; key < 3; ++key) lanes.arm(key, 0, at(10));
  lanes.arm(0, 0, at(20));
  lanes.arm(1, 1, at(5));
  EXPECT_EQ(lanes.expire_one(at(100)), 2u);
  EXPECT_EQ(lanes.expire_one(at(100)), 0u);
  EXPECT_EQ(lanes.expire_one(at(100)), 1u);
  EXPECT_EQ(lanes.expire_one(at(100)), deadline_lanes::none);
}

TEST(deadline_lanes, disarm_anywhere_and_twice) {
  deadline_lanes lanes(1);
  for (std::uint32_t key = 0; key < 5; ++key) lanes.arm(key, 0, at(10));
  for (std::uint32_t const key : {2u, 0u, 4u, 4u, 99u}) lanes.disarm(key);
  EXPECT_EQ(lanes.expire_one(at(10)), 1u);
  EXPECT_EQ(lanes.expire_one(at(10)), 3u);
  EXPECT_EQ(lanes.expire_one(at(10)), deadline_lanes::none);
}

TEST(deadline_lanes, never_is_no_deadline) {
  deadline_lanes lanes(1);
  lanes.arm(1, 0, at(10));
  lanes.arm(1, 0, never);
  EXPECT_EQ(lanes.next_deadline(), never);
  EXPECT_EQ(lanes.expire_one(never), deadline_lanes::none);
}

/// The heap against a map that cannot be wrong, over a fixed pseudo-random script.
TEST(deadline_heap, agrees_with_a_map) {
  deadline_heap heap;
  std::map<std::uint32_t, time_point> oracle;
  std::uint32_t random = 12345;
  auto const next = [&](std::uint32_t bound) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % bound;
  };
  auto const first = [&] {
    time_point least = never;
    for (auto const& [key, when] : oracle) least = earliest(least, when);
    return least;
  };
  for (int step = 0; step < 20'000; ++step) {
    std::uint32_t const key = next(50);
    switch (next(4)) {
      case 0:
      case 1: {
        time_point const when = at(static_cast<int>(next(1000)));
        heap.arm(key, when);
        oracle[key] = when;
        break;
      }
      case 2:
        next(2) == 0 ? heap.disarm(key) : heap.arm(key, never);
        oracle.erase(key);
        break;
      case 3: {
        std::uint32_t const expired = heap.expire_one(at(static_cast<int>(next(1000))));
        if (expired == deadline_heap::none) break;
        EXPECT_EQ(oracle[expired], first());
        oracle.erase(expired);
        break;
      }
    }
    ASSERT_EQ(heap.next_deadline(), first()) << "step " << step;
  }
}

}  // namespace core_deadlines_test
