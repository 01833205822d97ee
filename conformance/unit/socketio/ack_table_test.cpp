#include "siokit/socketio/ack_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "unit/heap.hpp"

namespace socketio_ack_table_test {

using namespace siokit;
using namespace siokit::socketio;

constexpr time_point at(int milliseconds) {
  return time_point{} + std::chrono::milliseconds(milliseconds);
}
using table = ack_table<std::unique_ptr<int>>;

std::unique_ptr<int> held(int value) {
  return std::make_unique<int>(value);
}

TEST(socketio_ack_table, settles_each_id_once) {
  table acks;
  ASSERT_TRUE(acks.expect(3, never, held(30)));
  ASSERT_TRUE(acks.expect(5, at(10), held(50)));
  EXPECT_EQ(acks.size(), 2u);
  EXPECT_FALSE(acks.settle(4));
  EXPECT_EQ(**acks.settle(3), 30);
  EXPECT_FALSE(acks.settle(3));
  EXPECT_EQ(**acks.settle(5), 50);
  EXPECT_FALSE(acks.expire_one(never));
  EXPECT_EQ(acks.size(), 0u);
}

#ifdef __cpp_exceptions
TEST(socketio_ack_table, takes_nothing_without_memory) {
  std::size_t failures = 0;
  for (bool failed = true; failed;) {
    table acks;
    ASSERT_TRUE(acks.expect(1, at(10), held(1)));
    auto second = held(2);
    failed = conformance::allocation_fails(
        ++failures, [&] { static_cast<void>(acks.expect(2, at(5), std::move(second))); });
    EXPECT_EQ(acks.size(), failed ? 1u : 2u) << failures;
    EXPECT_EQ(acks.next_deadline(), failed ? at(10) : at(5));
    EXPECT_EQ(bool(acks.settle(2)), !failed);
    EXPECT_EQ(**acks.settle(1), 1);
    EXPECT_EQ(acks.next_deadline(), never);
  }
  EXPECT_GT(failures, 2u) << "both lists need some";
}
#endif

TEST(socketio_ack_table, wants_ids_to_ascend) {
  table acks;
  ASSERT_TRUE(acks.expect(3, never, held(1)));
  for (std::uint64_t const id : {0U, 2U, 3U}) {
    EXPECT_EQ(acks.expect(id, never, held(2)).error(), (error{errc::invalid_argument, side::local, 0})) << id;
  }
  EXPECT_TRUE(acks.expect(4, never, held(3)));
  EXPECT_EQ(acks.size(), 2u);
}

TEST(socketio_ack_table, holds_no_more_than_it_may) {
  table acks;
  EXPECT_EQ(acks.expect(0, never, held(0), 0).error(), (error{errc::too_many_acks, side::local, 0}));
  EXPECT_TRUE(acks.expect(1, never, held(1), 2));
  EXPECT_TRUE(acks.expect(2, never, held(2), 2));
  EXPECT_EQ(acks.expect(3, never, held(3), 2).error().code, errc::too_many_acks);
  EXPECT_TRUE(acks.settle(1));
  EXPECT_TRUE(acks.expect(3, never, held(3), 2));
}

TEST(socketio_ack_table, expires_in_order_of_deadlines) {
  table acks;
  EXPECT_EQ(acks.next_deadline(), never);
  ASSERT_TRUE(acks.expect(1, at(30), held(1)));
  EXPECT_EQ(acks.next_deadline(), at(30));
  ASSERT_TRUE(acks.expect(2, at(10), held(2)));
  ASSERT_TRUE(acks.expect(3, never, held(3)));
  for (std::uint64_t id = 4; id < 10; ++id) ASSERT_TRUE(acks.expect(id, at(10), held(4)));
  EXPECT_EQ(acks.next_deadline(), at(10));
  EXPECT_FALSE(acks.expire_one(at(9)));
  std::vector<std::uint64_t> order;
  while (auto const due = acks.expire_one(at(10))) order.push_back(due->first);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{2, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(acks.next_deadline(), at(30));
  EXPECT_EQ(acks.expire_one(at(31))->first, 1u);
  EXPECT_EQ(acks.next_deadline(), never);
  EXPECT_FALSE(acks.expire_one(never));
  EXPECT_EQ(acks.size(), 1u) << "what has no deadline waits on";
}

TEST(socketio_ack_table, forgets_the_deadline_of_what_is_settled) {
  table acks;
  ASSERT_TRUE(acks.expect(1, at(10), held(1)));
  ASSERT_TRUE(acks.expect(2, at(20), held(2)));
  EXPECT_TRUE(acks.settle(1));
  EXPECT_EQ(acks.next_deadline(), at(20));
  EXPECT_FALSE(acks.expire_one(at(10)));
  EXPECT_TRUE(acks.settle(2));
  EXPECT_EQ(acks.next_deadline(), never);
}

TEST(socketio_ack_table, drains_and_keeps_what_comes_meanwhile) {
  table acks;
  for (std::uint64_t id = 1; id <= 5; ++id) ASSERT_TRUE(acks.expect(id, at(10), held(static_cast<int>(id))));
  ASSERT_TRUE(acks.settle(2));
  std::vector<int> seen;
  acks.drain([&](std::uint64_t id, std::unique_ptr<int>& what) {
    EXPECT_EQ(id, static_cast<std::uint64_t>(*what));
    seen.push_back(*what);
    EXPECT_TRUE(id != 3 || acks.expect(9, at(50), held(9)));
  });
  EXPECT_EQ(seen, (std::vector<int>{1, 3, 4, 5}));
  EXPECT_EQ(acks.size(), 1u);
  EXPECT_EQ(acks.next_deadline(), at(50));
  EXPECT_EQ(**acks.settle(9), 9);
}

TEST(socketio_ack_table, agrees_with_a_simple_one) {
  std::mt19937 random(5);
  table acks;
  std::map<std::uint64_t, time_point> model;
  std::uint64_t next_id = 0;
  int now = 0;
  for (int step = 0; step < 50'000; ++step) {
    auto const pick = random() % 100;
    bool const growing = step / 1000 % 2 == 0;
    if (pick < (growing ? 80U : 5U)) {
      time_point const deadline =
          random() % 8 == 0 ? never : at(now + static_cast<int>(random() % (step % 7 == 0 ? 50 : 100'000)));
      ASSERT_TRUE(acks.expect(next_id, deadline, held(static_cast<int>(next_id))));
      model[next_id++] = deadline;
    } else if (pick < 95 && next_id != 0) {
      std::uint64_t const id = next_id - 1 - random() % std::min<std::uint64_t>(next_id, 3'000);
      auto const what = acks.settle(id);
      ASSERT_EQ(what.has_value(), model.erase(id) == 1);
      ASSERT_TRUE(!what || static_cast<std::uint64_t>(**what) == id);
    } else {
      now += static_cast<int>(random() % 4);
      while (auto const due = acks.expire_one(at(now))) {
        auto const found = model.find(due->first);
        ASSERT_TRUE(found != model.end() && found->second <= at(now));
        model.erase(found);
      }
    }
    time_point next = never;
    for (auto const& [id, deadline] : model) next = earliest(next, deadline);
    ASSERT_EQ(acks.next_deadline(), next);
    ASSERT_EQ(acks.size(), model.size());
  }
}

}  // namespace socketio_ack_table_test
