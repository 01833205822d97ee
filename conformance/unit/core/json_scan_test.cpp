#include "siokit/core/json_scan.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace core_json_scan_test {

using namespace siokit;
using namespace std::literals;

// Ends where its memory ends: a sanitizer sees what reads beyond.
class exact_copy {
 public:
  explicit exact_copy(std::string_view text) : bytes_(text.begin(), text.end()) {}
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

result<json_summary> scanned(std::string_view text, std::uint16_t depth_max = json_depth_default) {
  return scan_json(exact_copy(text).view(), depth_max);
}

std::vector<std::string> elements(std::string_view array) {
  std::vector<std::string> all;
  json_elements walk(array);
  while (auto const element = walk.next()) all.emplace_back(*element);
  return all;
}

std::vector<std::string> members(std::string_view object) {
  std::vector<std::string> all;
  json_members walk(object);
  while (auto const member = walk.next()) {
    all.push_back(std::string(member->key) + " -> " + std::string(member->value));
  }
  return all;
}

constexpr std::string_view accepted[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "123456789012345678901234567890",
    "0.5",
    "-0.5",
    "1.5",
    "0e0",
    "0E+1",
    "1e5",
    "1E-5",
    "1.25e+10",
    "-1.0e-999",
    R"("")",
    R"("text")",
    R"("\"\\\/\b\f\n\r\t")",
    R"("\u0000\u00e9\uD83D\uDE00")",
    R"("\ud83d")",
    R"("\ude00\ud83d")",
    R"("\uFFFF")",
    "\"\x7F\xE2\x80\xA8\xC3\xA9\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    R"({"":[]})",
    "[1,2,3]",
    R"({"a":1,"b":2})",
    R"({"a":1,"a":2})",
    R"([null,true,false,0,"",[],{}])",
    " [ 1 , 2 ] ",
    "\t\r\n{ \"a\" :\n1\t,\"b\":[ ] }\r",
    R"([[[[1],2],{"a":{"b":{"c":[]}}}],-1e2])",
    R"(["say",{"_placeholder":true,"num":0}])",
    R"("a string that is longer than sixteen bytes, and \"escapes\" in it \\")",
};

// What no valid text has, and the first byte that shows it.
struct rejection {
  std::string_view text;
  std::size_t offset;
};
constexpr rejection rejected[] = {
    {"", 0},
    {" ", 1},
    {"\n\t\r ", 4},
    {"nul", 3},
    {"nulx", 3},
    {"Null", 0},
    {"tru", 3},
    {"truee", 4},
    {"falsy", 4},
    {"NaN", 0},
    {"Infinity", 0},
    {"-Infinity", 1},
    {"undefined", 0},
    {"-", 1},
    {"+1", 0},
    {"01", 1},
    {"-01", 2},
    {"00", 1},
    {"1.", 2},
    {"1.e5", 2},
    {".5", 0},
    {"1e", 2},
    {"1e+", 3},
    {"1e5.5", 3},
    {"1E-x", 3},
    {"0x10", 1},
    {"1_000", 1},
    {"1 2", 2},
    {"1,", 1},
    {"--1", 1},
    {"\"", 1},
    {"\"abc", 4},
    {"'a'", 0},
    {"\"a\" \"b\"", 4},
    {"\"\n\"", 1},
    {"\"\t\"", 1},
    {"\"\x1F\"", 1},
    {"\"\\\"", 3},
    {"\"\\x41\"", 2},
    {"\"\\a\"", 2},
    {"\"\\'\"", 2},
    {"\"\\U0041\"", 2},
    {"\"\\u\"", 3},
    {"\"\\u00\"", 5},
    {"\"\\u00g0\"", 5},
    {"\"\\u 041\"", 3},
    {"\"\\u-041\"", 3},
    {"\"\\ud83d\\", 8},
    {"\"a string of more than sixteen bytes, then\n\"", 42},
    {"[", 1},
    {"]", 0},
    {"[1", 2},
    {"[1,", 3},
    {"[1,]", 3},
    {"[,1]", 1},
    {"[,]", 1},
    {"[1,,2]", 3},
    {"[1 2]", 3},
    {"[1}", 2},
    {"[1]]", 3},
    {"[1],", 3},
    {"[1:2]", 2},
    {"[\"a\":1]", 4},
    {"[01]", 2},
    {"[tru]", 4},
    {"[1]x", 3},
    {"[1] [2]", 4},
    {"[1,\f2]", 3},
    {"[1,\v2]", 3},
    {"[1,\xC2\xA0 2]", 3},
    {"\xEF\xBB\xBF[]", 0},
    {"[1/* no */]", 2},
    {"[1]//", 3},
    {"{", 1},
    {"}", 0},
    {"{]", 1},
    {"{\"a\"", 4},
    {"{\"a\":", 5},
    {"{\"a\":1", 6},
    {"{\"a\":}", 5},
    {"{\"a\"}", 4},
    {"{\"a\",1}", 4},
    {"{\"a\" 1}", 5},
    {"{\"a\"::1}", 5},
    {"{a:1}", 1},
    {"{'a':1}", 1},
    {"{1:1}", 1},
    {"{null:1}", 1},
    {"{\"a\":1,}", 7},
    {"{,\"a\":1}", 1},
    {"{\"a\":1 \"b\":2}", 7},
    {"{\"a\":1,,\"b\":2}", 7},
    {"{\"a\":1]", 6},
    {"{\"a\n\":1}", 3},
    {"{\"\\x\":1}", 3},
    {"[[[[]]]", 7},
    {"[{\"a\":[1,{\"b\":[}]}]", 15},
};

TEST(scan_json, accepts_json) {
  for (auto const text : accepted) EXPECT_TRUE(scanned(text).has_value()) << text;
}

TEST(scan_json, rejects_what_is_not_json_where_it_ceases_to_be) {
  for (auto const& [text, offset] : rejected) {
    auto const summary = scanned(text);
    ASSERT_FALSE(summary.has_value()) << text;
    EXPECT_EQ(summary.error(), (error{errc::bad_json, side::remote, static_cast<std::uint32_t>(offset)}))
        << text;
  }
  for (auto const& [text, offset] : {rejection{"[1,\0]"sv, 3}, {"\"a\0\""sv, 2}, {"1\0"sv, 1}, {"\0"sv, 0}}) {
    ASSERT_FALSE(scanned(text).has_value());
    EXPECT_EQ(scanned(text).error().offset, offset);
  }
}

TEST(scan_json, rejects_every_control_character_in_strings_and_every_unknown_escape) {
  for (int c = 0; c < 256; ++c) {
    std::string const raw = "[\"0123456789abcdef" + std::string(1, static_cast<char>(c)) + "\"]";
    EXPECT_EQ(scanned(raw).has_value(), c >= 0x20 && c != '"' && c != '\\') << c;
    std::string const escape = "\"\\" + std::string(1, static_cast<char>(c)) + "\"";
    EXPECT_EQ(scanned(escape).has_value(),
              c != 0 && "\"\\/bfnrt"s.find(static_cast<char>(c)) != std::string::npos)
        << c;
    std::string const digit = "\"\\u000" + std::string(1, static_cast<char>(c)) + "\"";
    EXPECT_EQ(scanned(digit).has_value(), c < 128 && std::isxdigit(c)) << c;
  }
}

// A prefix is JSON by itself (numbers, white space at the end), or it is cut: never wrong before its end.
TEST(scan_json, finds_every_prefix_cut) {
  for (auto const text : accepted) {
    for (std::size_t size = 0; size < text.size(); ++size) {
      auto const summary = scanned(text.substr(0, size));
      if (!summary) {
        EXPECT_EQ(summary.error(), (error{errc::bad_json, side::remote, static_cast<std::uint32_t>(size)}))
            << text;
      } else {
        char const next = text[size];
        EXPECT_TRUE(next == '.' || (next | 0x20) == 'e' || impl::json_digit(next) || impl::json_space(next))
            << text;
      }
    }
  }
}

// The offset is exact: what is before it may be the beginning of JSON, with the byte there it may not.
TEST(scan_json, blames_the_first_byte_that_can_not_be_right) {
  constexpr std::string_view junk = "\"\\,:[]{} 0-.eEtfnu\n\x01x";
  for (auto const text : accepted) {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      for (char const c : junk) {
        std::string changed(text);
        changed.insert(at, 1, c);
        if (at % 2 == 0 && at < text.size()) changed.erase(at + 1, 1);
        auto const summary = scanned(changed);
        if (summary) continue;
        std::size_t const offset = summary.error().offset;
        ASSERT_LE(offset, changed.size());
        auto const before = scanned(std::string_view(changed).substr(0, offset));
        ASSERT_TRUE(before || before.error().offset == offset) << changed;
        if (offset == changed.size()) continue;
        auto const with = scanned(std::string_view(changed).substr(0, offset + 1));
        ASSERT_TRUE(!with && with.error().offset == offset) << changed;
      }
    }
  }
}

std::string nested(std::size_t depth, bool objects) {
  std::string text, end;
  for (std::size_t i = 0; i < depth; ++i) {
    bool const object = objects && i % 3 != 0;
    text += object ? R"({"k":)" : "[";
    end.insert(0, 1, object ? '}' : ']');
  }
  return text + "1" + end;
}

TEST(scan_json, limits_the_depth) {
  for (bool const objects : {false, true}) {
    for (std::uint16_t const limit :
         std::initializer_list<std::uint16_t>{1, 2, 63, 64, 65, 128, 1023, 1024}) {
      EXPECT_TRUE(scanned(nested(limit, objects), limit).has_value()) << limit;
      std::string const deeper = nested(limit + 1u, objects);
      auto const summary = scanned(deeper, limit);
      ASSERT_FALSE(summary.has_value()) << limit;
      EXPECT_EQ(summary.error().code, errc::json_too_deep);
      EXPECT_EQ(summary.error().blame, side::remote);
      EXPECT_EQ(summary.error().offset, nested(limit, objects).find('1'));
    }
  }
  EXPECT_TRUE(scanned(nested(128, true)).has_value());
  EXPECT_FALSE(scanned(nested(129, true)).has_value());
  EXPECT_FALSE(scanned(nested(1025, true), UINT16_MAX).has_value()) << "1024 is the limit of limits";
  EXPECT_TRUE(scanned("1", 0).has_value());
  EXPECT_FALSE(scanned("[]", 0).has_value());
  EXPECT_TRUE(scanned("[[],[],[[]],[]]", 3).has_value()) << "depth, not number";
  EXPECT_EQ(scanned(std::string(1'000'000, '[')).error().code, errc::json_too_deep);
}

TEST(scan_json, sums_up_what_it_saw) {
  static constexpr struct {
    std::string_view text;
    json_kind kind;
    std::uint32_t count;
    std::uint32_t begin;
    std::string_view first;
  } table[] = {
      {"null", json_kind::null, 0, 0, ""},
      {" true", json_kind::boolean, 0, 1, ""},
      {"\n\n-1", json_kind::number, 0, 2, ""},
      {"\"[1]\"", json_kind::string, 0, 0, ""},
      {"[]", json_kind::array, 0, 0, ""},
      {" [ ] ", json_kind::array, 0, 1, ""},
      {"{}", json_kind::object, 0, 0, ""},
      {R"(["say"])", json_kind::array, 1, 0, R"("say")"},
      {"[ 1 , 2 ]", json_kind::array, 2, 0, "1"},
      {"[12]", json_kind::array, 1, 0, "12"},
      {" [\t[1,[2]] , 3]", json_kind::array, 2, 1, "[1,[2]]"},
      {R"([{"a":[1,2]},{},[]])", json_kind::array, 3, 0, R"({"a":[1,2]})"},
      {R"([[],1])", json_kind::array, 2, 0, "[]"},
      {R"({"a":[1,2,3],"b":{"c":1,"d":2}})", json_kind::object, 2, 0, ""},
      {R"({"a":1,"a":1,"a":1})", json_kind::object, 3, 0, ""},
  };
  for (auto const& row : table) {
    auto const summary = scanned(row.text);
    ASSERT_TRUE(summary.has_value()) << row.text;
    EXPECT_EQ(summary->kind, row.kind) << row.text;
    EXPECT_EQ(json_kind_at(row.text), row.kind) << row.text;
    EXPECT_EQ(summary->count, row.count) << row.text;
    EXPECT_EQ(summary->begin, row.begin) << row.text;
    EXPECT_EQ(row.text.substr(summary->first_begin, summary->first_end - summary->first_begin), row.first);
    EXPECT_TRUE(!row.first.empty() || summary->first_begin == 0) << row.text;
    EXPECT_FALSE(summary->placeholders) << row.text;
  }
}

TEST(scan_json, notices_placeholders) {
  for (auto const text :
       {R"({"_placeholder":true})", R"([1,[{"a":{"_placeholder":null}}],2])",
        R"([{"_\u0070laceholder":true}])",
        R"([{"\u005F\u0070\u006c\u0061\u0063\u0065\u0068\u006f\u006c\u0064\u0065\u0072":1}])",
        R"({"a":1,"_placeholder" : 0,"b":1})", R"([{"_placeholder":1},{"other":2}])"}) {
    EXPECT_TRUE(scanned(text)->placeholders) << text;
  }
  for (auto const text : {R"(["_placeholder"])", R"({"a":"_placeholder"})", R"({"_placeholders":true})",
                          R"({"_placeholde":true})", R"({"x_placeholder":true})", R"({"_Placeholder":true})",
                          R"({"\\_placeholder":true})", R"({"_placeholder\u0000":true})", R"([])"}) {
    EXPECT_FALSE(scanned(text)->placeholders) << text;
  }
}

TEST(json_elements, are_the_slices_of_an_array) {
  EXPECT_EQ(elements("[]"), (std::vector<std::string>{}));
  EXPECT_EQ(elements(" [ ] "), (std::vector<std::string>{}));
  EXPECT_EQ(elements("[1]"), (std::vector<std::string>{"1"}));
  EXPECT_EQ(
      elements(R"( [ "say" , -1.5e3 ,true, null,[1,[2 ],"]"] , {"a":"}"} ] )"),
      (std::vector<std::string>{R"("say")", "-1.5e3", "true", "null", R"([1,[2 ],"]"])", R"({"a":"}"})"}));
  EXPECT_EQ(elements(R"(["\"","\\","\\\"]",""])"),
            (std::vector<std::string>{R"("\"")", R"("\\")", R"("\\\"]")", R"("")"}));
  EXPECT_EQ(elements(R"({"a":1})"), (std::vector<std::string>{})) << "no array";
}

TEST(json_members, are_the_slices_of_an_object) {
  EXPECT_EQ(members("{}"), (std::vector<std::string>{}));
  EXPECT_EQ(members(" { } "), (std::vector<std::string>{}));
  EXPECT_EQ(members(R"( { "a" : 1 , "b":[1, 2] ,"":{"c":3},"\u0064" :"}" } )"),
            (std::vector<std::string>{"a -> 1", "b -> [1, 2]", R"( -> {"c":3})", R"(\u0064 -> "}")"}));
  EXPECT_EQ(members(R"({"a":1,"a":2})"), (std::vector<std::string>{"a -> 1", "a -> 2"}));
  EXPECT_EQ(members("[1]"), (std::vector<std::string>{})) << "no object";
}

TEST(json_skip, ends_where_the_value_ends) {
  for (auto const text : accepted) {
    auto const summary = scan_json(text);
    std::size_t const end = text.find_last_not_of(" \r\n\t") + 1;
    EXPECT_EQ(json_skip(text, 0), end) << text;
    EXPECT_EQ(json_skip(text, summary->begin), end) << text;
    std::string const inner = "[" + std::string(text) + "," + std::string(text) + "]";
    EXPECT_EQ(json_skip(inner, 1), 1 + end) << text;
    EXPECT_EQ(json_skip(inner, 2 + text.size()), 2 + text.size() + end) << text;
    EXPECT_EQ(elements(inner).size(), 2u) << text;
    EXPECT_EQ(scan_json(inner)->count, 2u) << text;
  }
  EXPECT_EQ(json_skip("1", 5), 1u) << "nothing behind the end";
}

TEST(json_slices, of_text_that_was_never_accepted_come_to_an_end) {
  std::uint64_t state = 0x9E3779B97F4A7C15;
  auto const below = [&state](std::size_t limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::size_t>(state >> 11) % limit;
  };
  constexpr std::string_view alphabet = "[]{}[{\"\"\\,::, 1-.etrufalsn\n\x01";
  std::size_t valid = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = round % 2 == 0 ? "[" : "{";
    for (std::size_t size = below(40); size != 0; --size) text += alphabet[below(alphabet.size())];
    exact_copy const copy(text);
    valid += scan_json(copy.view()).has_value() ? 1 : 0;
    EXPECT_LE(elements(copy.view()).size(), text.size());
    EXPECT_LE(members(copy.view()).size(), text.size());
    for (std::size_t at = 0; at <= text.size(); ++at) {
      std::size_t const end = json_skip(copy.view(), at);
      ASSERT_GE(end, at);
      ASSERT_LE(end, text.size());
      static_cast<void>(json_kind_at(copy.view().substr(at)));
      static_cast<void>(json_number<double>(copy.view().substr(at)));
      static_cast<void>(json_number<int>(copy.view().substr(at)));
    }
  }
  EXPECT_GT(valid, 10u);
}

}  // namespace core_json_scan_test
