#include "siokit/core/slot_table.hpp"

#include <gtest/gtest.h>

namespace core_slot_table_test {

TEST(SlotTable, GrowsWithoutMovingEntries) {
  siokit::slot_table<std::unique_ptr<std::size_t>> table;
  std::vector<void const*> places;
  for (std::size_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(table.size(), i);
    table.grow();
    EXPECT_EQ(table[i], nullptr) << "made by its default constructor";
    table[i] = std::make_unique<std::size_t>(i);
    places.push_back(&table[i]);
  }
  auto const& same = table;
  for (std::size_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(*same[i], i);
    EXPECT_EQ(&same[i], places[i]);
  }
}

}  // namespace core_slot_table_test
