#include "siokit/json/boost.hpp"

#include <gtest/gtest.h>

#include <boost/json/src.hpp>

#include "json/both_ways.hpp"

namespace json_boost_test {

using namespace json_test;
namespace json = boost::json;
using siokit::errc;

TEST(json_boost, values_go_both_ways) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep = "[" + deep + "]";
  for (std::string_view const text :
       {"null", "true", "-1", "18446744073709551615", "0.1", "1E300", R"("\u0000\u00e9\n\"")", "[]", "{}",
        R"([1,[2,{"a":null}],"x"])", R"({"a":{"b":[{}]},"\u00e9":1})", deep.c_str()}) {
    json::parse_options options;
    options.max_depth = 1000;
    json::value const value = json::parse({text.data(), text.size()}, {}, options);
    EXPECT_EQ(back(value), value) << text;
  }
}

TEST(json_boost, objects_and_arrays) {
  json::object const object{{"a", 1}, {"b", {1, 2}}};
  EXPECT_EQ(back(object), object);
  EXPECT_EQ(written(object), R"([{"a":1,"b":[1,2]}])");
  json::array const array{1, "x", nullptr};
  EXPECT_EQ(back(array), array);
  EXPECT_EQ(written(array), R"([[1,"x",null]])");
  EXPECT_EQ(read<json::object>("[]").error().code, errc::wrong_argument_type);
  EXPECT_EQ(read<json::array>("{}").error().code, errc::wrong_argument_type);
}

TEST(json_boost, attachments_are_refused) {
  std::string_view const placeholder = R"([{"_placeholder":true,"num":0}])";
  EXPECT_EQ(read<json::value>(placeholder, {"bytes"}).error().code, errc::wrong_argument_type);
  EXPECT_TRUE(read<json::value>("[1]", {"bytes"})) << "it belongs to another argument";
}

TEST(json_boost, numbers_that_are_no_json) {
  EXPECT_EQ(written(json::value(std::numeric_limits<double>::quiet_NaN())), "[null]");
  EXPECT_EQ(written(json::value("a\xff")), "[\"a\xEF\xBF\xBD\"]") << "as is text that is none";
  double const infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(written(json::value{{"NaN", {-infinite, 1, "1e99999"}}}), R"([{"NaN":[null,1,"1e99999"]}])");
}

}  // namespace json_boost_test
