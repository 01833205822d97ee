#include "siokit/core/ids.hpp"

#include <gtest/gtest.h>

#include <string>

#include "siokit/core/header.hpp"

namespace core_ids_test {

using namespace siokit;

TEST(sid, has_the_shape_of_the_official_ids) {
  std::array<std::uint8_t, 12> random{};
  EXPECT_EQ(make_sid(random, 0).view(), "AAAAAAAAAAAAAAAAAAAA");
  random.fill(0xFF);
  EXPECT_EQ(make_sid(random, 0xFFFFFF).view(), "____________________");
  for (std::size_t i = 0; i < 12; ++i) random[i] = static_cast<std::uint8_t>(i * 37 + 250);
  EXPECT_EQ(make_sid(random, 1).view().size(), 20u);
  EXPECT_EQ(make_sid(random, 1).view().substr(16), "AAAB");
}

TEST(sid, gives_its_counter_back) {
  std::array<std::uint8_t, 12> const random{1, 2, 3};
  for (std::uint32_t const counter : {0u, 1u, 63u, 64u, 4095u, 70000u, 0xFFFFFFu}) {
    EXPECT_EQ(sid_counter(make_sid(random, counter)), counter);
  }
  for (auto const* text : {"", "x", "not an id at all!", "\xFF\xFF\xFF\xFF"}) {
    EXPECT_LE(sid_counter(text), 0xFFFFFFu) << "any text is safe to look up";
  }
}

TEST(sid, compares_and_holds_up_to_its_size) {
  EXPECT_TRUE(sid().empty());
  EXPECT_EQ(sid("abc"), sid("abc"));
  EXPECT_FALSE(sid("abc") == sid("abd"));
  EXPECT_EQ(sid(std::string(40, 'x')).view().size(), sid::size_max);
}

TEST(ids, of_the_application) {
  for (auto const* good : {"a", "AZaz09-_", "an-id-of-23-characters-"}) EXPECT_TRUE(valid_sid(good)) << good;
  for (auto const* bad : {"", "a b", "a.b", "a%", "\"", "a\n", "\xC3\xA9", "an-id-of-24-characters--"}) {
    EXPECT_FALSE(valid_sid(bad)) << bad;
  }
}

TEST(header, names_compare_without_case) {
  EXPECT_TRUE(same_header_name("Content-Type", "content-type"));
  EXPECT_FALSE(same_header_name("Content-Type", "content-typ"));
  EXPECT_FALSE(same_header_name("a[", "a{")) << "only letters have a case";
}

}  // namespace core_ids_test
