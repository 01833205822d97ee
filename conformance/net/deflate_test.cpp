#include "siokit/net/deflate.hpp"

#include <gtest/gtest.h>

namespace {

using siokit::errc;

TEST(Deflate, GivesBackWhatItWasGiven) {
  siokit::net::deflate_codec codec;
  std::string noise;
  for (unsigned i = 0; i < 100'000; ++i) noise += static_cast<char>((i * 2654435761u) >> 13);
  for (std::string const& text : {std::string(), std::string("Hello"), std::string(1'000'000, 'x'), noise}) {
    std::string small, back;
    codec.deflate(text, small);
    ASSERT_TRUE(codec.inflate(small, back, text.size()));
    EXPECT_EQ(back, text);
  }
  std::string hello;
  codec.deflate("Hello", hello);
  EXPECT_EQ(hello, std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)) << "the example of RFC 7692, 7.2.3.1";
}

TEST(Deflate, StopsBeforeTheLimit) {
  siokit::net::deflate_codec codec;
  std::string bomb, out;
  codec.deflate(std::string(50'000'000, '\0'), bomb);
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(codec.inflate(bomb, out, 100'000).error().code, errc::payload_too_large);
  EXPECT_LE(out.size(), 100'000u);
}

TEST(Deflate, RefusesWhatIsNotCompressed) {
  siokit::net::deflate_codec codec;
  std::string good;
  codec.deflate("some text that is compressed", good);
  int refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good, out;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      refused += codec.inflate(bad, out, 10'000).has_value() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 0);
  std::string out;
  EXPECT_TRUE(codec.inflate(good, out, 10'000)) << "a bad message leaves no trace";
  EXPECT_EQ(out, "some text that is compressed");
}

}  // namespace
