#include "siokit/core/slot_index.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace core_slot_index_test {

using namespace siokit;

/// Against a map that cannot be wrong, over a fixed pseudo-random script.
TEST(slot_index, agrees_with_a_map) {
  slot_index index;
  std::map<std::string, std::uint32_t, std::less<>> oracle;
  std::map<std::uint32_t, std::string> ids;
  auto const id_of = [&](std::uint32_t slot) { return std::string_view(ids.at(slot)); };
  std::uint32_t random = 12345;
  auto const next = [&](std::uint32_t bound) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % bound;
  };
  EXPECT_EQ(index.find("id", id_of), slot_index::none);
  index.erase(7, "id", id_of);
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    std::string const id = "id" + std::to_string(next(300));
    auto const known = oracle.find(id);
    ASSERT_EQ(index.find(id, id_of), known == oracle.end() ? slot_index::none : known->second);
    if (known == oracle.end()) {
      ids[step] = id;
      oracle[id] = step;
      index.insert(step, id_of);
    } else if (next(2) == 0) {
      std::uint32_t const slot = known->second;
      index.erase(slot, id, id_of);
      ids.erase(slot);
      oracle.erase(known);
      index.erase(slot, id, id_of);  // which is out already
    }
  }
  EXPECT_GT(oracle.size(), 100u);
  for (auto const& [id, slot] : oracle) EXPECT_EQ(index.find(id, id_of), slot);
}

}  // namespace core_slot_index_test
