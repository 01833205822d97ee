#include "siokit/core/outbox.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "unit/heap.hpp"

namespace core_outbox_test {

using namespace siokit;
using conformance::heap;
using conformance::heap_since;

message text(int number) {
  return text_message(std::to_string(number));
}

TEST(outbox, agrees_with_a_deque) {
  outbox box;
  std::deque<message> oracle;
  std::uint32_t random = 12345;
  for (int step = 0; step < 20'000; ++step) {
    random = random * 1664525 + 1013904223;
    std::uint32_t const choice = (random >> 8) % 1000;
    if (choice < 2) {
      box.clear();
      oracle.clear();
    } else if (choice < 490) {
      box.push(oracle.emplace_back(text(step)));
    } else if (!oracle.empty()) {
      EXPECT_EQ(box.front().frames(), oracle.front().frames());
      EXPECT_EQ(box.pop().frames(), oracle.front().frames());
      oracle.pop_front();
    }
    ASSERT_EQ(box.size(), oracle.size());
    ASSERT_EQ(box.empty(), oracle.empty());
    if (!oracle.empty()) {
      EXPECT_EQ(box.at(box.size() - 1).frames(), oracle.back().frames());
    }
  }
  std::size_t bytes = 0;
  for (message const& each : oracle) bytes += each.cost();
  EXPECT_EQ(box.bytes(), bytes);
}

TEST(outbox, one_message_needs_no_memory) {
  outbox box;
  message const item = text(1);
  auto const before = heap;
  for (int i = 0; i < 10; ++i) {
    box.push(item);
    static_cast<void>(box.pop());
  }
  EXPECT_EQ(heap_since(before).allocations, 0u);
  box.push(item);
  box.push(item);
  EXPECT_EQ(heap_since(before).allocations, 1u);
}

TEST(outbox, moves) {
  for (int const size : {0, 1, 5}) {
    for (int const others : {0, 1, 5}) {
      outbox from, to;
      for (int i = 0; i < size; ++i) from.push(text(i));
      for (int i = 0; i < others; ++i) to.push(text(100));
      to = std::move(from);
      outbox last(std::move(to));
      from.push(text(7));
      to.push(text(8));
      EXPECT_EQ(from.size() + to.size(), 2u);
      ASSERT_EQ(last.size(), static_cast<std::size_t>(size));
      for (int i = 0; i < size; ++i) EXPECT_EQ(last.pop().frames(), text(i).frames());
      EXPECT_EQ(last.bytes(), 0u);
    }
  }
}

}  // namespace core_outbox_test
