#include "siokit/core/rate_limit.hpp"

#include <gtest/gtest.h>

namespace rate_limit_test {

using namespace siokit;
using namespace std::chrono_literals;

constexpr time_point start{1h};

TEST(rate_limit, a_number_is_a_rate_with_the_burst_of_one_second) {
  rate_limit const limit = 10;
  EXPECT_EQ(limit.per_second(), 10);
  EXPECT_EQ(limit.burst(), 10);
  EXPECT_EQ(limit, rate_limit(10, 10));
}

TEST(rate_limit, none_and_zero_are_no_limit) {
  for (rate_limit const limit : {rate_limit(), rate_limit(0), rate_limit(-1), rate_limit(5, 0)}) {
    token_bucket bucket;
    EXPECT_TRUE(limit.unlimited());
    EXPECT_TRUE(bucket.take(limit, 1e18, start));
    EXPECT_TRUE(bucket.full(start));
  }
}

TEST(rate_limit, a_burst_and_then_the_rate) {
  rate_limit const limit(10, 5);
  token_bucket bucket;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.take(limit, 1, start)) << i;
  EXPECT_FALSE(bucket.take(limit, 1, start));
  EXPECT_FALSE(bucket.take(limit, 1, start + 99ms));
  EXPECT_TRUE(bucket.take(limit, 1, start + 100ms));
  EXPECT_FALSE(bucket.take(limit, 1, start + 199ms)) << "what was refused has taken nothing, nor given";
  EXPECT_TRUE(bucket.take(limit, 1, start + 200ms));
  EXPECT_FALSE(bucket.full(start + 699ms));
  EXPECT_TRUE(bucket.full(start + 700ms));
  EXPECT_TRUE(bucket.take(limit, 5, start + 700ms));
  EXPECT_FALSE(bucket.take(limit, 1, start + 700ms));
}

TEST(rate_limit, more_than_a_burst_never_fits) {
  rate_limit const limit(10, 5);
  token_bucket bucket;
  EXPECT_FALSE(bucket.take(limit, 6, start));
  EXPECT_TRUE(bucket.take(limit, 5, start));
}

TEST(rate_limit, large_rates_are_exact_enough) {
  rate_limit const limit = 256.0 * 1024 * 1024;
  token_bucket bucket;
  int taken = 0;
  for (auto now = start; now < start + 1s; now += 1ms) {
    while (bucket.take(limit, 65'536, now)) ++taken;
  }
  EXPECT_NEAR(taken, 2 * 4096, 16);  // the burst, and a second
}

TEST(rate_limit, a_clock_that_goes_back_gives_nothing) {
  rate_limit const limit(10, 1);
  token_bucket bucket;
  EXPECT_TRUE(bucket.take(limit, 1, start));
  EXPECT_FALSE(bucket.take(limit, 1, start - 1h));
  EXPECT_TRUE(bucket.take(limit, 1, start + 100ms));
}

}  // namespace rate_limit_test
