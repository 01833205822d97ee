#include "siokit/core/json_scalar.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace core_json_scalar_test {

using namespace siokit;

std::string unescaped(std::string_view raw) {
  std::string text;
  json_unescape(raw, text);
  return text;
}

TEST(json_string, finds_its_special_characters) {
  for (std::size_t size = 0; size < 150; ++size) {  // steps of 16, of 64, and what is left of both
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = "ax\x7F\x80\xFF !#[]"[i % 10];
    ASSERT_EQ(impl::json_plain_end(text.data(), text.data() + size), text.data() + size);
    ASSERT_EQ(impl::json_plain_end_by_words(text.data(), text.data() + size), text.data() + size);
    for (std::size_t at = 0; at < size; ++at) {
      for (char const special : {'"', '\\', '\0', '\x01', '\n', '\x1F'}) {
        std::string marked = text;
        marked[at] = special;
        if (at + 1 < size) marked.back() = '"';  // the first counts
        char const* const begin = marked.data();
        ASSERT_EQ(impl::json_plain_end(begin, begin + size), begin + at);
        ASSERT_EQ(impl::json_plain_end_by_words(begin, begin + size), begin + at);
      }
    }
  }
  std::size_t special = 0;
  for (int c = 0; c < 256; ++c) {
    char const bytes[16] = {
        'x', static_cast<char>(c), 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x'};
    ASSERT_EQ(impl::json_plain_end(bytes, bytes + 16) == bytes + 1, impl::json_special(bytes[1]));
    ASSERT_EQ(impl::json_plain_end_by_words(bytes, bytes + 8) == bytes + 1, impl::json_special(bytes[1]));
    special += impl::json_special(bytes[1]) ? 1 : 0;
  }
  EXPECT_EQ(special, 34u);
}

struct spelling {
  std::string_view raw, text;
};
constexpr spelling spellings[] = {
    {"", ""},
    {"plain", "plain"},
    {R"(\")", "\""},
    {R"(\\)", "\\"},
    {R"(\/)", "/"},
    {R"(\b)", "\b"},
    {R"(\f)", "\f"},
    {R"(\n)", "\n"},
    {R"(\r)", "\r"},
    {R"(\t)", "\t"},
    {R"(a\nb\tc)", "a\nb\tc"},
    {R"(\\n)", "\\n"},
    {R"(\u0041)", "A"},
    {R"(\u007f\u0080)", "\x7F\xC2\x80"},
    {R"(\u00e9\u00E9)", "\xC3\xA9\xC3\xA9"},
    {R"(\u07FF\u0800)", "\xDF\xBF\xE0\xA0\x80"},
    {R"(\u20ac)", "\xE2\x82\xAC"},
    {R"(\ud7ff\ue000\uffff)", "\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"},
    {R"(\ud83d\ude00)", "\xF0\x9F\x98\x80"},
    {R"(\uD800\uDC00)", "\xF0\x90\x80\x80"},
    {R"(\uDBFF\uDFFF!)", "\xF4\x8F\xBF\xBF!"},
    {R"(\ud83d)", "\xEF\xBF\xBD"},  // lone surrogates
    {R"(\ude00)", "\xEF\xBF\xBD"},
    {R"(\ud83dx)", "\xEF\xBF\xBDx"},
    {R"(\ud83d\n)", "\xEF\xBF\xBD\n"},
    {R"(\ude00\ud83d)", "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {R"(\ud83d\ud83d\ude00)", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
    {R"(\ud83d\u0041)", "\xEF\xBF\xBD\x41"},
    {"caf\xC3\xA9 \\u4e2d", "caf\xC3\xA9 \xE4\xB8\xAD"},
};

TEST(json_string, is_plain_ascii_or_not) {
  for (std::size_t size = 0; size < 150; ++size) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = "ax\x7F !#[]"[i % 8];
    ASSERT_TRUE(impl::json_plain_ascii(text)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      for (char const other : {'"', '\\', '\0', '\x1F', '\x80', '\xDC', '\xFF'}) {
        std::string marked = text;
        marked[at] = other;
        ASSERT_FALSE(impl::json_plain_ascii(marked)) << size << ' ' << at;
      }
    }
  }
  for (int c = 0; c < 256; ++c) {
    char const byte = static_cast<char>(c);
    bool const plain = c < 0x80 && !impl::json_special(byte);
    for (std::size_t const size : {1u, 16u, 80u}) {
      ASSERT_EQ(impl::json_plain_ascii(std::string(size, byte)), plain) << c << ' ' << size;
    }
  }
}

TEST(json_string, means_what_its_escapes_say) {
  for (auto const& [raw, text] : spellings) {
    EXPECT_EQ(unescaped(raw), text) << raw;
    EXPECT_EQ(json_escaped(raw), raw.find('\\') != raw.npos) << raw;
  }
  EXPECT_EQ(unescaped(R"(\u0000)"), std::string(1, '\0'));
}

TEST(json_string, reads_every_code_unit) {
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    char raw[7];
    std::snprintf(raw, sizeof raw, code % 2 == 0 ? "\\u%04x" : "\\u%04X", code);
    bool const surrogate = code >= 0xD800 && code <= 0xDFFF;
    char utf8[4];
    std::string const expected(utf8, impl::utf8_encode(surrogate ? 0xFFFD : code, utf8));
    ASSERT_EQ(unescaped(raw), expected) << raw;
    ASSERT_TRUE(json_string_equals(raw, expected)) << raw;
  }
}

TEST(json_string, equals_one_text_only) {
  for (auto const& [raw, text] : spellings) {
    for (auto const& other : spellings) {
      EXPECT_EQ(json_string_equals(raw, other.text), text == other.text) << raw << ' ' << other.text;
    }
    std::string const longer = std::string(text) + "x";
    EXPECT_FALSE(json_string_equals(raw, longer)) << raw;
    EXPECT_FALSE(json_string_equals(std::string(raw) + "x", text)) << raw;
    if (!text.empty()) {
      EXPECT_FALSE(json_string_equals(raw, text.substr(0, text.size() - 1))) << raw;
      EXPECT_FALSE(json_string_equals(raw, text.substr(1))) << raw;
    }
  }
  EXPECT_TRUE(json_string_equals(R"(\u005f\u0070\u006c\u0061ceholder)", "_placeholder"));
  EXPECT_FALSE(json_string_equals(std::string(100, 'x'), "x"));
}

TEST(json_string, stays_inside_of_what_was_never_accepted) {
  for (std::string const raw : {"\\", "a\\", "\\u", "\\u1", "\\u12", "\\u123", "\\u12x4", "\\x", "\\ud83d\\",
                                "\\ud83d\\u", "\\ud83d\\ude0", "\\ud83d\\ude0x", "\\ud83d\\x12345"}) {
    for (std::size_t size = 0; size <= raw.size(); ++size) {
      std::vector<char> const copy(raw.data(), raw.data() + size);  // ends where its memory ends
      std::string_view const exact(copy.data(), copy.size());
      EXPECT_EQ(unescaped(exact).empty(), exact.empty()) << exact;
      EXPECT_TRUE(utf8_valid(unescaped(exact))) << exact;
      EXPECT_FALSE(json_string_equals(exact, "x\xEF\xBF\xBDx")) << exact;
    }
  }
}

TEST(json_string, is_between_the_quotes) {
  EXPECT_EQ(json_string_raw(R"("text")"), "text");
  EXPECT_EQ(json_string_raw(R"("")"), "");
  EXPECT_EQ(json_string_raw(R"(")"), "");
  EXPECT_EQ(json_string_raw(""), "");
  EXPECT_EQ(json_string_raw("12"), "");
}

template <class T>
void expect_number(std::string_view text, T expected) {
  auto const number = json_number<T>(text);
  ASSERT_TRUE(number.has_value()) << text;
  EXPECT_EQ(*number, expected) << text;
}

template <class T>
void expect_error(std::string_view text, errc expected) {
  auto const number = json_number<T>(text);
  ASSERT_FALSE(number.has_value()) << text << " became " << *number;
  EXPECT_EQ(number.error(), (error{expected, side::remote, 0})) << text;
}

TEST(json_number, reads_integers_in_every_spelling) {
  expect_number<int>("0", 0);
  expect_number<int>("-0", 0);
  expect_number<int>("42", 42);
  expect_number<int>("-42", -42);
  expect_number<int>("1e3", 1000);
  expect_number<int>("1E+3", 1000);
  expect_number<int>("-1.5e1", -15);
  expect_number<int>("1.0", 1);
  expect_number<int>("100000e-2", 1000);
  expect_number<int>("1000.00", 1000);
  expect_number<int>("120.50e1", 1205);
  expect_number<int>("0.001e3", 1);
  expect_number<int>("0e99999999999999999999", 0);
  expect_number<int>("0.000", 0);
  expect_number<int>("0.0e-5", 0);
  expect_number<unsigned>("-0", 0);
  expect_number<int>("0." + std::string(1000, '0') + "7e1001", 7);
  expect_number<int>("7" + std::string(1000, '0') + "e-1000", 7);
  expect_number<double>("9007199254740993", 9007199254740992.0);
}

TEST(json_number, knows_the_limits_of_integers) {
  expect_number<std::int8_t>("127", 127);
  expect_number<std::int8_t>("-128", -128);
  expect_error<std::int8_t>("128", errc::number_out_of_range);
  expect_error<std::int8_t>("-129", errc::number_out_of_range);
  expect_number<std::uint8_t>("255", 255);
  expect_error<std::uint8_t>("256", errc::number_out_of_range);
  expect_error<std::uint8_t>("-1", errc::number_out_of_range);
  expect_number<std::int32_t>("2147483647", INT32_MAX);
  expect_number<std::int32_t>("-2147483648", INT32_MIN);
  expect_error<std::int32_t>("2147483648", errc::number_out_of_range);
  expect_number<std::int64_t>("9223372036854775807", INT64_MAX);
  expect_number<std::int64_t>("-9223372036854775808", INT64_MIN);
  expect_error<std::int64_t>("9223372036854775808", errc::number_out_of_range);
  expect_error<std::int64_t>("-9223372036854775809", errc::number_out_of_range);
  expect_number<std::uint64_t>("18446744073709551615", UINT64_MAX);
  expect_number<std::uint64_t>("18446744073709551615.0", UINT64_MAX);
  expect_number<std::uint64_t>("1844674407370955161.5e1", UINT64_MAX);
  expect_error<std::uint64_t>("18446744073709551616", errc::number_out_of_range);
  expect_error<std::uint64_t>("36893488147419103232", errc::number_out_of_range);  // 2^65: wraps to 0
  expect_error<std::uint64_t>("1e20", errc::number_out_of_range);
  expect_error<std::uint64_t>("1e999999999999999999999", errc::number_out_of_range);
}

TEST(json_number, has_no_fraction_where_an_integer_is_asked_for) {
  for (auto const text : {"1.5", "-0.1", "1e-1", "15e-1", "10.01", "1e-99999999999999999999", "0.1e0",
                          "123456789012345678901234567890.5"}) {
    expect_error<int>(text, errc::wrong_argument_type);
    expect_error<std::uint64_t>(text, errc::wrong_argument_type);
  }
}

TEST(json_number, reads_floating_numbers) {
  expect_number<double>("0", 0.0);
  expect_number<double>("1.5", 1.5);
  expect_number<double>("-2.5e-3", -0.0025);
  expect_number<double>("1E5", 1e5);
  expect_number<double>("0.1", 0.1);
  expect_number<double>("1.7976931348623157e308", std::numeric_limits<double>::max());
  expect_number<double>("5e-324", std::numeric_limits<double>::denorm_min());
  expect_number<double>("123456789012345678901234567890", 123456789012345678901234567890.0);
  expect_number<float>("0.1", 0.1f);
  expect_number<float>("16777217", 16777216.0f);
  EXPECT_TRUE(std::signbit(*json_number<double>("-0")));
  EXPECT_TRUE(std::signbit(*json_number<double>("-0.0")));
}

TEST(json_number, tells_too_large_from_too_small) {
  expect_error<double>("1e309", errc::number_out_of_range);
  expect_error<double>("-1e309", errc::number_out_of_range);
  expect_error<double>("1.8e308", errc::number_out_of_range);
  expect_error<double>("0.01e400", errc::number_out_of_range);
  expect_error<double>("1e99999999999999999999", errc::number_out_of_range);
  expect_error<double>(std::string(400, '9') + ".5", errc::number_out_of_range);
  expect_error<float>("1e39", errc::number_out_of_range);
  expect_number<double>("1e-400", 0.0);
  expect_number<double>("1000e-400", 0.0);
  expect_number<double>("1e-99999999999999999999", 0.0);
  expect_number<double>("0." + std::string(400, '0') + "1234567890123456789", 0.0);
  expect_number<float>("1e-50", 0.0f);
  EXPECT_TRUE(std::signbit(*json_number<double>("-1e-400")));
}

TEST(json_number, refuses_what_is_no_number) {
  for (auto const text :
       {"", "-", "null", "true", "\"1\"", "[1]", "{}", "-inf", "-nan", "inf", "x", "1x", "+1", " 1", "1 "}) {
    expect_error<int>(text, errc::wrong_argument_type);
    expect_error<double>(text, errc::wrong_argument_type);
  }
}

template <class T>
constexpr bool readable = requires {
  json_number<T>(std::string_view{});
};
static_assert(readable<short> && readable<unsigned char> && readable<float>);
static_assert(!readable<bool> && !readable<char> && !readable<std::string>);

}  // namespace core_json_scalar_test
