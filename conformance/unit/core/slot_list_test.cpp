#include "siokit/core/slot_list.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace core_slot_list_test {

using namespace siokit;

struct entry {
  std::uint32_t next = unlisted;
  std::uint32_t other = unlisted;
};
using table = std::vector<entry>;

std::vector<std::uint32_t> all_of(auto& list) {
  std::vector<std::uint32_t> out;
  for (; !list.empty(); list.pop()) out.push_back(list.front());
  return out;
}

TEST(SlotList, KeepsTheOrder) {
  table entries(10);
  slot_list<table, &entry::next> list(entries);
  EXPECT_TRUE(list.empty());
  for (std::uint32_t const slot : {7u, 0u, 3u}) list.push(slot);
  EXPECT_EQ(all_of(list), (std::vector<std::uint32_t>{7, 0, 3}));
  list.push(3);
  EXPECT_EQ(all_of(list), (std::vector<std::uint32_t>{3}));
}

TEST(SlotList, HasEachOnce) {
  table entries(10);
  slot_list<table, &entry::next> list(entries);
  for (std::uint32_t const slot : {1u, 2u, 1u, 2u, 2u}) list.push(slot);
  list.pop();
  list.push(2);
  list.push(1);
  EXPECT_EQ(all_of(list), (std::vector<std::uint32_t>{2, 1}));
}

TEST(SlotList, KnowsNothingOfOthers) {
  table entries(10);
  slot_list<table, &entry::next> list(entries);
  slot_list<table, &entry::other> other(entries);
  list.push(1);
  other.push(2);
  entries.resize(1000);  // which may move
  other.push(999);
  other.push(1);
  EXPECT_EQ(all_of(list), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(all_of(other), (std::vector<std::uint32_t>{2, 999, 1}));
}

}  // namespace core_slot_list_test
