#include "siokit/core/msgpack.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace core_msgpack_test {

using namespace siokit;
using kind = msgpack_token::kind;

std::string bytes(std::initializer_list<int> all) {
  std::string out;
  for (int const each : all) out += static_cast<char>(each);
  return out;
}

msgpack_token one(std::string in) {
  static std::deque<std::string> memory;  // tokens borrow it
  msgpack_reader reader(memory.emplace_back(std::move(in)));
  auto const token = reader.next();
  EXPECT_TRUE(token && reader.done());
  return token.value_or(msgpack_token{});
}

TEST(msgpack, reads_every_integer_by_its_value) {
  struct {
    std::string in;
    std::int64_t value;
  } const cases[] = {
      {bytes({0x00}), 0},
      {bytes({0x7F}), 127},
      {bytes({0xFF}), -1},
      {bytes({0xE0}), -32},
      {bytes({0xCC, 0xFF}), 255},
      {bytes({0xCD, 1, 2}), 0x102},
      {bytes({0xCE, 0xFF, 0xFF, 0xFF, 0xFF}), 0xFFFFFFFF},
      {bytes({0xCF, 0, 0x20, 0, 0, 0, 0, 0, 1}), (std::int64_t{1} << 53) + 1},
      {bytes({0xD0, 0x80}), -128},
      {bytes({0xD0, 0x7F}), 127},
      {bytes({0xD1, 0x80, 0}), -32768},
      {bytes({0xD2, 0x80, 0, 0, 0}), INT32_MIN},
      {bytes({0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0}), INT64_MIN},
  };
  for (auto const& [in, value] : cases) {
    auto const token = one(in);
    EXPECT_EQ(token.is, value < 0 ? kind::negative : kind::natural);
    EXPECT_EQ(static_cast<std::int64_t>(token.number), value);
  }
  EXPECT_EQ(one(bytes({0xCF, 255, 255, 255, 255, 255, 255, 255, 255})).number, UINT64_MAX);
}

TEST(msgpack, reads_scalars_text_binary_and_ext) {
  EXPECT_EQ(one(bytes({0xC0})).is, kind::nil);
  EXPECT_EQ(one(bytes({0xC2})).number, 0u);
  EXPECT_EQ(one(bytes({0xC3})).number, 1u);
  EXPECT_EQ(one(bytes({0xCA, 0x3F, 0xC0, 0, 0})).real, 1.5);
  EXPECT_EQ(one(bytes({0xCB, 0xC0, 0x04, 0, 0, 0, 0, 0, 0})).real, -2.5);
  EXPECT_EQ(one(bytes({0xA2, 'h', 'i'})).bytes, "hi");
  for (auto const& head : {bytes({0xD9, 2}), bytes({0xDA, 0, 2}), bytes({0xDB, 0, 0, 0, 2})}) {
    EXPECT_EQ(one(head + "hi").is, kind::text);
    EXPECT_EQ(one(head + "hi").bytes, "hi");
  }
  for (auto const& head : {bytes({0xC4, 2}), bytes({0xC5, 0, 2}), bytes({0xC6, 0, 0, 0, 2})}) {
    EXPECT_EQ(one(head + "hi").is, kind::binary);
    EXPECT_EQ(one(head + "hi").bytes, "hi");
  }
  for (auto const& head :
       {bytes({0xC7, 2, 0xFB}), bytes({0xC8, 0, 2, 0xFB}), bytes({0xC9, 0, 0, 0, 2, 0xFB})}) {
    auto const token = one(head + "hi");
    EXPECT_EQ(token.is, kind::ext);
    EXPECT_EQ(token.ext_type, -5);
    EXPECT_FALSE(token.fixed);
    EXPECT_EQ(token.bytes, "hi");
  }
  std::string data = "0123456789abcdef";
  for (int power = 0; power <= 4; ++power) {
    auto const token = one(bytes({0xD4 + power, 7}) + data.substr(0, std::size_t{1} << power));
    EXPECT_EQ(token.ext_type, 7);
    EXPECT_TRUE(token.fixed);
    EXPECT_EQ(token.bytes.size(), std::size_t{1} << power);
  }
  EXPECT_TRUE(one(bytes({0xD4, 0, 0})).undefined());
  EXPECT_FALSE(one(bytes({0xD4, 1, 0})).undefined());
  EXPECT_FALSE(one(bytes({0xC7, 1, 0, 0})).undefined());
}

TEST(msgpack, skips_whole_values) {
  std::string const value = bytes({0x82, 0xA1, 'a', 0x92, 0x01, 0x80, 0xA1, 'b', 0xC4, 1, 9});
  std::string const in = value + bytes({0x05});
  msgpack_reader reader(in);
  EXPECT_EQ(reader.skip(), value);
  EXPECT_EQ(reader.next()->number, 5u);
  for (std::size_t cut = 0; cut < value.size(); ++cut) {
    EXPECT_EQ(msgpack_reader(std::string_view(value).substr(0, cut)).skip().error().code, errc::bad_msgpack)
        << cut;
  }
}

TEST(msgpack, believes_no_length_that_cannot_be_true) {
  for (auto const& in :
       {bytes({}), bytes({0xC1}), bytes({0xDD, 255, 255, 255, 255}), bytes({0xDF, 255, 255, 255, 255}),
        bytes({0xDB, 255, 255, 255, 255, 'a'}), bytes({0xC6, 255, 255, 255, 255}),
        bytes({0xC9, 255, 255, 255, 255, 0}), bytes({0x92, 0}), bytes({0x81, 0}), bytes({0xC7, 0}),
        bytes({0xD8, 0, 1}), bytes({0xCF, 1, 2, 3})}) {
    auto const token = msgpack_reader(in).next();
    ASSERT_FALSE(token) << testing::PrintToString(in);
    EXPECT_EQ(token.error().code, errc::bad_msgpack);
    EXPECT_EQ(token.error().blame, side::remote);
  }
  // Arrays of arrays: each is right by itself, together they promise more than there is.
  std::string const nested(1000, static_cast<char>(0x9F));
  EXPECT_FALSE(msgpack_reader(nested).skip());
}

}  // namespace core_msgpack_test
