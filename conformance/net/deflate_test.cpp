#include "siokit/net/deflate.hpp"

#include <gtest/gtest.h>

namespace net_deflate_test {

using siokit::errc;
using siokit::net::deflater;
using siokit::net::inflater;

TEST(Deflate, GivesBackWhatItWasGiven) {
  std::string noise;
  for (unsigned i = 0; i < 100'000; ++i) noise += static_cast<char>((i * 2654435761u) >> 13);
  for (bool const keep : {false, true}) {
    deflater deflate(-1, 8, 15, keep);
    inflater inflate(keep);
    for (std::string const& text :
         {std::string(), std::string("Hello"), std::string(), std::string(1'000'000, 'x'), noise, noise}) {
      std::string small, back;
      deflate(text, small);
      ASSERT_TRUE(inflate(small, back, text.size()));
      EXPECT_EQ(back, text);
    }
  }
  deflater deflate;
  std::string hello;
  deflate("Hello", hello);
  EXPECT_EQ(hello, std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)) << "the example of RFC 7692, 7.2.3.1";
}

TEST(Deflate, ContextsMakeWhatIsRepeatedSmaller) {
  deflater keeps(-1, 8, 15, true), forgets;
  std::string text, once, twice, again;
  for (unsigned i = 0; i < 1000; ++i) text += static_cast<char>((i * 2654435761u) >> 13);
  keeps(text, once);
  keeps(text, twice);
  forgets(text, again);
  EXPECT_EQ(once, again);
  EXPECT_LT(twice.size(), 50u);
  inflater knows(true), knows_not;
  std::string out;
  ASSERT_TRUE(knows(once, out, 10'000));
  ASSERT_TRUE(knows(twice, out, 10'000));
  EXPECT_EQ(out, text + text);
  EXPECT_EQ(knows_not(twice, out, 10'000).error().code, errc::ws_bad_length);
}

TEST(Deflate, AfterALastBlockAMessageStandsAlone) {
  std::string const last("\x01\x02\x00\xfd\xff\x68\x69", 7);  // stored: "hi", BFINAL set
  inflater inflate(true);
  for (int i = 0; i < 2; ++i) {
    std::string out;
    ASSERT_TRUE(inflate(last, out, 10));
    EXPECT_EQ(out, "hi");
  }
}

TEST(Deflate, StopsBeforeTheLimit) {
  deflater deflate;
  inflater inflate;
  std::string bomb, out;
  deflate(std::string(50'000'000, '\0'), bomb);
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(inflate(bomb, out, 100'000).error().code, errc::payload_too_large);
  EXPECT_LE(out.size(), 100'000u);
}

TEST(Deflate, RefusesWhatIsNotCompressed) {
  deflater deflate;
  inflater inflate;
  std::string good;
  deflate("some text that is compressed", good);
  int refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good, out;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      refused += inflate(bad, out, 10'000).has_value() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 0);
  std::string out;
  EXPECT_TRUE(inflate(good, out, 10'000)) << "a bad message leaves no trace";
  EXPECT_EQ(out, "some text that is compressed");
}

}  // namespace net_deflate_test
