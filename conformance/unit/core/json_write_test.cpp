#include "siokit/core/json_write.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "siokit/core/message.hpp"

namespace core_json_write_test {

using namespace siokit;

template <class T>
std::string written(T const& value) {
  std::string out;
  json_write(out, value);
  return out;
}

TEST(json_write, escapes_what_json_stringify_escapes) {
  std::string every;
  for (int c = 0; c < 0x30; ++c) every += static_cast<char>(c);
  EXPECT_EQ(written(every),
            "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r"
            "\\u000e\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018"
            "\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f !\\\"#$%&'()*+,-./\"");
  EXPECT_EQ(written("a\\b"), R"("a\\b")");
  EXPECT_EQ(written("\x7F\xE2\x80\xA8\xE2\x80\xA9/\xC3\xA9\xF0\x9F\x98\x80"),
            "\"\x7F\xE2\x80\xA8\xE2\x80\xA9/\xC3\xA9\xF0\x9F\x98\x80\"");
  EXPECT_EQ(written(""), R"("")");
}

TEST(json_write, escapes_wherever_it_is_due) {
  for (std::size_t size = 1; size < 140; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      auto const with = [&](std::string_view as) {
        return '"' + std::string(at, 'x').append(as) + std::string(size - at - 1, 'x') + '"';
      };
      text[at] = '\n';
      ASSERT_EQ(written(text), with("\\n"));
      text[at] = '\xE9';  // no UTF-8
      ASSERT_EQ(written(text), with("\xEF\xBF\xBD"));
      ASSERT_EQ(written(text.replace(at, 1, "\xC3\xA9")), with("\xC3\xA9"));
    }
  }
}

TEST(json_write, brings_every_string_back) {
  std::string text;
  for (int c = 0; c < 128; ++c) text += static_cast<char>(c);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string const turned = text.substr(at) + "h\xC3\xA9\xF0\x9F\x98\x80" + text.substr(0, at);
    std::string const json = written(turned);
    std::string back;
    json_unescape(json_string_raw(json), back);
    ASSERT_EQ(back, turned);
  }
}

TEST(json_write, replaces_what_is_not_utf8) {
  constexpr std::string_view mark = "\xEF\xBF\xBD";
  EXPECT_EQ(written(std::string_view("a\xFF\"\xC3(\xED\xA0\x80")),
            "\"a" + std::string(mark) + "\\\"" + std::string(mark) + "(" + std::string(mark) +
                std::string(mark) + std::string(mark) + "\"");
  EXPECT_EQ(written(std::string_view("\xE2\x82")), "\"" + std::string(mark) + std::string(mark) + "\"");
}

TEST(json_write, takes_every_kind_of_text_as_text) {
  char const* const pointer = "text";
  char array[] = "text";
  EXPECT_EQ(written(pointer), R"("text")");
  EXPECT_EQ(written(array), R"("text")");
  EXPECT_EQ(written(std::string("text")), R"("text")");
  EXPECT_EQ(written(std::string_view("text")), R"("text")");
  EXPECT_EQ(written(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(json_write, writes_words_and_integers) {
  EXPECT_EQ(written(true), "true");
  EXPECT_EQ(written(false), "false");
  EXPECT_EQ(written(nullptr), "null");
  EXPECT_EQ(written(0), "0");
  EXPECT_EQ(written(-1), "-1");
  EXPECT_EQ(written(std::int8_t{-128}), "-128");
  EXPECT_EQ(written(std::uint8_t{65}), "65");
  EXPECT_EQ(written(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(written(UINT64_MAX), "18446744073709551615");
}

TEST(json_write, lays_numbers_out_as_javascript_does) {
  // From JSON.stringify of Node.js 20.
  static constexpr struct {
    double value;
    std::string_view text;
  } table[] = {
      {0.0, "0"},
      {-0.0, "0"},
      {1.0, "1"},
      {-1.0, "-1"},
      {0.1, "0.1"},
      {0.2, "0.2"},
      {0.3, "0.3"},
      {0.30000000000000004, "0.30000000000000004"},
      {1.5, "1.5"},
      {-2.25, "-2.25"},
      {100.0, "100"},
      {1e5, "100000"},
      {123456789.0, "123456789"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {-1e21, "-1e+21"},
      {1.5e21, "1.5e+21"},
      {123456789012345680000.0, "123456789012345680000"},
      {999999999999999900000.0, "999999999999999900000"},
      {1e22, "1e+22"},
      {1e23, "1e+23"},
      {0.00001, "0.00001"},
      {0.000001, "0.000001"},
      {0.0000015, "0.0000015"},
      {1e-7, "1e-7"},
      {-1e-7, "-1e-7"},
      {1.5e-7, "1.5e-7"},
      {1.234e-7, "1.234e-7"},
      {0.000001234, "0.000001234"},
      {5e-324, "5e-324"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {2.225073858507201e-308, "2.225073858507201e-308"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {9007199254740991.0, "9007199254740991"},
      {9007199254740992.0, "9007199254740992"},
      {9007199254740994.0, "9007199254740994"},
      {4294967296.0, "4294967296"},
      {9223372036854775807.0, "9223372036854776000"},
      {18446744073709551615.0, "18446744073709552000"},
      {3.141592653589793, "3.141592653589793"},
      {2.718281828459045, "2.718281828459045"},
      {1.7976931348623157e-300, "1.7976931348623157e-300"},
      {6.02214076e23, "6.02214076e+23"},
      {1e100, "1e+100"},
      {1.2345678901234567e-10, "1.2345678901234568e-10"},
      {4.35, "4.35"},
      {0.000123, "0.000123"},
      {12345.678, "12345.678"},
      {1e-6, "0.000001"},
      {9.999999999999999e-7, "0.000001"},
      {1e300, "1e+300"},
      {-5e-324, "-5e-324"},
      {33333333333333333.0, "33333333333333332"},
      {5.0e-7, "5e-7"},
      {1234567890123456789012.0, "1.2345678901234568e+21"},
      {299792458.0, "299792458"},
      {6.62607015e-34, "6.62607015e-34"},
      {0.5, "0.5"},
      {65536.25, "65536.25"},
      {72057594037927945.0, "72057594037927950"},
  };
  for (auto const& [value, text] : table) {
    EXPECT_EQ(written(value), text);
    EXPECT_EQ(json_number<double>(text).value(), value) << text;
  }
}

TEST(json_write, has_no_number_for_what_json_has_none_for) {
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(written(-std::numeric_limits<float>::infinity()), "null");
}

TEST(json_write, keeps_a_float_short) {
  EXPECT_EQ(written(0.1f), "0.1");
  EXPECT_EQ(written(-0.0f), "0");
  EXPECT_EQ(written(16777216.0f), "16777216");
  EXPECT_EQ(written(std::numeric_limits<float>::max()), "3.4028235e+38");
  EXPECT_EQ(json_number<float>(written(0.3f)), 0.3f);
}

TEST(json_write, brings_every_double_back) {
  std::uint64_t state = 0x9E3779B97F4A7C15;
  for (int i = 0; i < 20'000; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    double const any = std::bit_cast<double>(state);
    double const near_one = static_cast<double>(state % 1'000'000'000) / 10'000;
    for (double const value : {any, near_one}) {
      if (!std::isfinite(value)) continue;
      std::string const text = written(value);
      ASSERT_LE(text.size(), 25u);
      ASSERT_EQ(json_number<double>(text).value(), value) << text;
    }
  }
}

TEST(json_write, writes_into_a_message) {
  message_builder builder(0);
  json_write(builder, "say");
  builder.push_back(',');
  json_write(builder, 1.5);
  builder.close_text();
  message const sent = builder.finish();
  EXPECT_EQ(sent.packets().next().data, R"("say",1.5)");
}

template <class T>
constexpr bool writable = requires(std::string out, T value) {
  json_write(out, value);
};
static_assert(writable<char const*> && writable<unsigned char> && writable<long>);
static_assert(!writable<char> && !writable<void*> && !writable<int*> && !writable<long double>);

}  // namespace core_json_write_test
