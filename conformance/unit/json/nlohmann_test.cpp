#include "siokit/json/nlohmann.hpp"

#include <gtest/gtest.h>

#include "json/both_ways.hpp"
#include "siokit/siokit.hpp"

namespace json_nlohmann_test {

using namespace json_test;
using nlohmann::json;
using nlohmann::ordered_json;

TEST(json_nlohmann, values_go_both_ways) {
  for (auto const* text :
       {"null", "true", "-1", "18446744073709551615", "0.1", "1e+300", R"("\u0000\u00e9\n\"")", "[]", "{}",
        R"([1,[2,{"a":null}],"x"])", R"({"a":{"b":[{}]},"\u00e9":1})"}) {
    json const value = json::parse(text);
    EXPECT_EQ(back(value), value) << text;
  }
  EXPECT_EQ(written(ordered_json::parse(R"({"z":1,"a":2})")), R"([{"z":1,"a":2}])");
  EXPECT_EQ(back(ordered_json::parse(R"({"z":1,"a":2})")).dump(), R"({"z":1,"a":2})");
}

TEST(json_nlohmann, binary_values_are_attachments) {
  json const bytes = json::binary({0, 1, 255}), empty = json::binary({});
  EXPECT_EQ(back(bytes), bytes);
  json const nested{{"a", bytes}, {"list", {1, empty, {{"deep", bytes}}}}, {"plain", "x"}};
  EXPECT_EQ(back(nested), nested);
  EXPECT_EQ(written(json{1, json::binary({'h', 'i'})}), R"([[1,{"_placeholder":true,"num":0}]]|hi)");
}

TEST(json_nlohmann, what_is_no_json_is_replaced) {
  EXPECT_EQ(written(json(std::nan(""))), "[null]");
  EXPECT_EQ(written(json("a\xff")), "[\"a\xEF\xBF\xBD\"]");
  EXPECT_EQ(read<json>("1e999").error().code, siokit::errc::bad_json);
  EXPECT_EQ(read<json>(R"({"_placeholder":true,"num":0})"), json::parse(R"({"_placeholder":true,"num":0})"))
      << "there is no attachment";
}

TEST(json_nlohmann, handlers_may_take_it) {
  static_assert(siokit::socketio::readable<json> && siokit::socketio::writable<json>);
  siokit::engineio::server engine({});
  siokit::hub::server io(engine, {}, [](auto) {});
  io.on("x", [](siokit::socket& s, json const& value, siokit::ack reply) {
    static_cast<void>(s.emit("y", value));
    reply(value);
  });
  // It could be made of an enumeration: they are listeners of events all the same.
  EXPECT_TRUE(io.on("x", [](siokit::socket&, json const&) {}));
  EXPECT_TRUE(io.on("x", [](siokit::socket&, std::optional<json> const&) {}));
  io.on_connection([](siokit::socket& s) { EXPECT_TRUE(s.on("x", [](siokit::socket&, json const&) {})); });
  siokit::hub::client client({}, 1);
  EXPECT_TRUE(client.socket().on("x", [](json const&) {}));
  EXPECT_TRUE(client.socket().on("x", [](json const&, std::string_view) {}));
}

}  // namespace json_nlohmann_test
