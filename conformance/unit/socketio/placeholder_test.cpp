#include "siokit/socketio/placeholder.hpp"

#include <gtest/gtest.h>

#include <string>

namespace socketio_placeholder_test {

using namespace siokit;
using namespace siokit::socketio;

/// `text[num]` of each: '-' where it names nothing.
std::string found(std::string_view json) {
  std::string out;
  for (auto const& [begin, end, num] : find_placeholders(json)) {
    out += std::string(json.substr(begin, end - begin)) + "[" +
           (num == placeholder::none ? "-" : std::to_string(num)) + "]";
  }
  return out;
}

TEST(socketio_placeholder, is_an_object_with_the_mark) {
  struct {
    char const* json;
    char const* expected;
  } const cases[] = {
      {R"([])", ""},
      {R"(["_placeholder",true,"num",0])", ""},
      {R"([{"_placeholder":true,"num":0}])", R"({"_placeholder":true,"num":0}[0])"},
      {R"([{"num":12,"_placeholder":true}])", R"({"num":12,"_placeholder":true}[12])"},
      {R"([{ "_placeholder" : true , "num" : 3 }])", R"({ "_placeholder" : true , "num" : 3 }[3])"},
      {R"([{"a":1,"_placeholder":true,"num":1,"b":{}}])", R"({"a":1,"_placeholder":true,"num":1,"b":{}}[1])"},
      // Any spelling of the keys.
      {R"([{"\u005fplaceholder":true,"nu\u006d":0}])", R"({"\u005fplaceholder":true,"nu\u006d":0}[0])"},
      // Not the mark.
      {R"([{"_placeholder":false,"num":0}])", ""},
      {R"([{"_placeholder":"true","num":0}])", ""},
      {R"([{"_placeholder":1,"num":0}])", ""},
      {R"([{"_placeholder":null,"num":0}])", ""},
      {R"([{"_placeholder":[true],"num":0}])", ""},
      {R"([{"_Placeholder":true,"num":0}])", ""},
      {R"([{"x":"_placeholder","num":0}])", ""},
      {R"(["{\"_placeholder\":true,\"num\":0}"])", ""},
      // The last of equal keys counts.
      {R"([{"_placeholder":true,"num":0,"_placeholder":false}])", ""},
      {R"([{"_placeholder":true,"num":0,"num":1}])", R"({"_placeholder":true,"num":0,"num":1}[1])"},
      {R"([{"_placeholder":true,"num":0,"num":"1"}])", R"({"_placeholder":true,"num":0,"num":"1"}[-])"},
      // A level deeper is another object.
      {R"([{"a":{"_placeholder":true},"num":0}])", R"({"_placeholder":true}[-])"},
      {R"([{"_placeholder":{"_placeholder":true},"num":0}])", R"({"_placeholder":true}[-])"},
      // In order; what is inside one is part of it, wherever its mark stands.
      {R"([{"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}])",
       R"({"_placeholder":true,"num":1}[1]{"_placeholder":true,"num":0}[0])"},
      {R"({"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":9}})",
       R"({"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":9}}[0])"},
      {R"({"x":[{"_placeholder":true,"num":9}],"y":{"_placeholder":true},"_placeholder":true,"num":0})",
       R"({"x":[{"_placeholder":true,"num":9}],"y":{"_placeholder":true},"_placeholder":true,"num":0}[0])"},
  };
  for (auto const& [json, expected] : cases) {
    ASSERT_TRUE(scan_json(json)) << json;
    EXPECT_EQ(found(json), expected) << json;
  }
}

TEST(socketio_placeholder, names_an_index) {
  struct {
    char const* num;
    std::uint32_t expected;
  } const cases[] = {
      {"0", 0},
      {"-0", 0},
      {"1.0", 1},
      {"1e1", 10},
      {"4294967294", 4294967294},
      {"-1", placeholder::none},
      {"0.5", placeholder::none},
      {"1e-1", placeholder::none},
      {"4294967296", placeholder::none},
      {"1e400", placeholder::none},
      {"\"0\"", placeholder::none},
      {"null", placeholder::none},
      {"true", placeholder::none},
      {"[0]", placeholder::none},
      {"{\"num\":0}", placeholder::none},
  };
  for (auto const& [num, expected] : cases) {
    std::string const json = std::string(R"([{"_placeholder":true,"num":)") + num + "}]";
    ASSERT_TRUE(scan_json(json)) << json;
    auto const all = find_placeholders(json);
    ASSERT_EQ(all.size(), 1u) << json;
    EXPECT_EQ(all[0].num, expected) << json;
    EXPECT_EQ(placeholders_fit(json, 20), expected < 20) << json;
  }
  EXPECT_TRUE(placeholders_fit("[1,{}]", 0));
  EXPECT_FALSE(placeholders_fit(R"([{"_placeholder":true}])", UINT32_MAX));
}

TEST(socketio_placeholder, stands_every_cut) {
  std::string const json =
      R"([{"a":[{"num":-1.5e3,"_placeholder":true},"\"",{}],"_placeholder": true,"num":{}}])";
  for (std::size_t size = 0; size <= json.size(); ++size) {
    std::string const cut(json, 0, size);  // with its own memory
    for (auto const& each : find_placeholders(cut)) EXPECT_LE(each.end, size);
  }
}

}  // namespace socketio_placeholder_test
