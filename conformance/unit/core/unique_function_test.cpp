#include "siokit/core/unique_function.hpp"

#include <gtest/gtest.h>

#include <array>

namespace core_unique_function_test {

using siokit::unique_function;

/// Counts how many of itself are alive.
struct counted {
  explicit counted(int& alive) : alive_(&alive) { ++*alive_; }
  counted(counted&& other) noexcept : alive_(other.alive_) { ++*alive_; }
  counted& operator=(counted&&) = delete;
  ~counted() { --*alive_; }
  int* alive_;
};

TEST(unique_function, empty_until_given_something) {
  unique_function<int()> f;
  EXPECT_FALSE(f);
  f = [] { return 3; };
  ASSERT_TRUE(f);
  EXPECT_EQ(f(), 3);
  f = nullptr;
  EXPECT_FALSE(f);
}

TEST(unique_function, owns_small_and_large_callables) {
  int alive = 0;
  {
    unique_function<int(int)> small = [c = counted(alive)](int x) { return x + *c.alive_; };
    unique_function<int(int)> large = [c = counted(alive), pad = std::array<char, 100>{}](int x) {
      return x + *c.alive_ + pad[0];
    };
    EXPECT_EQ(alive, 2);
    EXPECT_EQ(small(1), 3);
    EXPECT_EQ(large(1), 3);
    unique_function<int(int)> moved = std::move(small);
    small = std::move(large);
    EXPECT_FALSE(large);  // NOLINT(bugprone-use-after-move): moved-from is empty, and that is the promise
    EXPECT_EQ(moved(5), 7);
    EXPECT_EQ(small(5), 7);
  }
  EXPECT_EQ(alive, 0);
}

TEST(unique_function, takes_move_only_arguments_and_void_results) {
  unique_function<void(std::unique_ptr<int>)> f = [](std::unique_ptr<int> p) { return *p; };
  f(std::make_unique<int>(1));
  unique_function<int&(int&)> same = [](int& x) -> int& { return x; };
  int value = 1;
  same(value) = 9;
  EXPECT_EQ(value, 9);
}

}  // namespace core_unique_function_test
