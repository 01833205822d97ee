#include "siokit/socketio/argument.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "siokit/socketio/encoder.hpp"

namespace socketio_argument_test {

struct point {
  int x = 0;
  std::optional<double> y;
  friend bool operator==(point const&, point const&) = default;
};
struct upload {
  std::string name;
  std::vector<std::byte> data;
  std::vector<point> where;
  friend bool operator==(upload const&, upload const&) = default;
};
enum class colour { red, green };

}  // namespace socketio_argument_test

template <>
struct siokit::argument<socketio_argument_test::point>
    : siokit::object_argument<socketio_argument_test::point> {
  using point = socketio_argument_test::point;
  static constexpr auto fields = std::tuple(siokit::field("x", &point::x), siokit::field("y", &point::y));
};
template <>
struct siokit::argument<socketio_argument_test::upload>
    : siokit::object_argument<socketio_argument_test::upload> {
  using upload = socketio_argument_test::upload;
  static constexpr auto fields =
      std::tuple(siokit::field("name", &upload::name), siokit::field("data", &upload::data),
                 siokit::field("w\"", &upload::where));
};
template <>
struct siokit::argument<socketio_argument_test::colour> {
  using colour = socketio_argument_test::colour;
  static result<colour> read(std::string_view json, attachments_view attachments) {
    auto const name = read_argument<std::string_view>(json, attachments);
    if (!name) return tl::unexpected(name.error());
    if (*name == "red") return colour::red;
    if (*name == "green") return colour::green;
    return remote_error(errc::wrong_argument_type);
  }
  static void write(argument_writer& out, colour value) { out.write(value == colour::red ? "red" : "green"); }
};

namespace socketio_argument_test {

using namespace siokit;
using namespace siokit::socketio;
using namespace std::literals;

constexpr std::string_view parts[] = {"zero", "", "two"};
bytes_view const attached[] = {as_bytes(parts[0]), as_bytes(parts[1]), as_bytes(parts[2])};

template <class T>
result<T> read(std::string_view json) {
  EXPECT_TRUE(scan_json(json)) << json;
  return args(json, scan_json(json).value_or(json_summary{}).count, attached).get<T>(0);
}
template <class T>
void expect_value(std::string_view json, T const& expected) {
  auto const value = read<T>(json);
  ASSERT_TRUE(value) << json << ": " << to_string(value.error().code);
  EXPECT_EQ(*value, expected) << json;
}
template <class T>
void expect_errors(errc code, std::initializer_list<std::string_view> all) {
  for (auto const json : all) {
    auto const value = read<T>(json);
    ASSERT_FALSE(value) << json;
    EXPECT_EQ(value.error(), (error{code, side::remote, 0})) << json << ": " << to_string(value.error().code);
  }
}

/// The text of an acknowledgement's payload, and its attachments as "|bytes".
template <class... T>
std::string written(T const&... values) {
  auto const packet = encode_ack("/", 0, values...);
  EXPECT_TRUE(packet);
  if (!packet) return {};
  auto walk = packet->packets();
  std::string_view const text = walk.next().data;
  std::string out(text.substr(text.find('[')));
  while (!walk.done()) out += "|" + std::string(walk.next().data);
  return out;
}
/// Writes a value, checks the text, reads it back.
template <class T>
void expect_both_ways(T const& value, std::string_view wire) {
  std::string const text = written(value);
  EXPECT_EQ(text, wire);
  std::string_view json = text;
  std::vector<bytes_view> views;
  for (std::size_t bar; (bar = json.rfind('|')) != json.npos; json = json.substr(0, bar)) {
    views.insert(views.begin(), as_bytes(json.substr(bar + 1)));
  }
  auto const summary = scan_json(json);
  ASSERT_TRUE(summary) << json;
  auto const back = args(json, summary->count, views).template get<T>(0);
  ASSERT_TRUE(back) << wire << ": " << to_string(back.error().code);
  EXPECT_EQ(*back, value) << wire;
}

TEST(socketio_argument, bool_is_true_or_false) {
  expect_both_ways(true, "[true]");
  expect_both_ways(false, "[false]");
  expect_errors<bool>(errc::wrong_argument_type, {"[1]", "[0]", "[null]", R"(["true"])", "[[]]", "[{}]"});
}

TEST(socketio_argument, numbers_fit_or_fail) {
  expect_both_ways(0, "[0]");
  expect_both_ways(-7, "[-7]");
  expect_both_ways(std::numeric_limits<std::int64_t>::min(), "[-9223372036854775808]");
  expect_both_ways(std::numeric_limits<std::uint64_t>::max(), "[18446744073709551615]");
  expect_both_ways(std::uint8_t{255}, "[255]");
  expect_both_ways(static_cast<signed char>(-1), "[-1]");
  expect_both_ways(1.5, "[1.5]");
  expect_both_ways(0.1F, "[0.1]");
  expect_value("[1e3]", 1000);
  expect_value("[3.0]", 3);
  expect_value("[7]", 7.0);
  expect_errors<int>(errc::wrong_argument_type, {"[1.5]", R"(["1"])", "[true]", "[null]", "[[1]]"});
  expect_errors<std::uint8_t>(errc::number_out_of_range, {"[256]", "[-1]", "[1e9]", "[1e999]"});
  expect_errors<double>(errc::number_out_of_range, {"[1e999]"});
  expect_errors<double>(errc::wrong_argument_type, {R"(["1"])", "[null]"});
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()), "[null]");
  static_assert(!readable<char> && !readable<long double> && !writable<char>);
}

TEST(socketio_argument, text_is_text) {
  expect_both_ways("a\"b\n\xC3\xA9"s, "[\"a\\\"b\\n\xC3\xA9\"]");
  expect_both_ways(""s, R"([""])");
  expect_both_ways("plain"sv, R"(["plain"])");
  EXPECT_EQ(written("literal", static_cast<char const*>("pointer"), sid("abc")),
            R"(["literal","pointer","abc"])");
  char buffer[] = "array";
  char* const pointer = buffer;
  EXPECT_EQ(written(buffer, pointer), R"(["array","array"])");
  expect_errors<std::string_view>(errc::argument_escaped, {R"(["\u0061"])", R"(["a\n"])"});
  expect_value(R"(["\u0061\ud83d\ude00"])", "a\xF0\x9F\x98\x80"s);
  expect_errors<std::string_view>(errc::wrong_argument_type, {"[1]", "[null]", R"([["a"]])", "[{}]"});
  expect_errors<std::string>(errc::wrong_argument_type, {"[1]", "[null]", R"([["a"]])", "[{}]"});
}

TEST(socketio_argument, bytes_are_an_attachment) {
  expect_both_ways(std::vector<std::byte>{std::byte{1}, std::byte{255}},
                   "[{\"_placeholder\":true,\"num\":0}]|\x01\xFF");
  expect_both_ways(std::vector<std::uint8_t>{'a', 'b'}, R"([{"_placeholder":true,"num":0}]|ab)");
  expect_both_ways(std::vector<std::byte>{}, R"([{"_placeholder":true,"num":0}]|)");
  std::uint8_t const raw[] = {'x', 'y'};
  EXPECT_EQ(
      written(std::span<std::uint8_t const>(raw), std::span(raw), as_bytes("z"), std::array{std::byte{'w'}}),
      R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},)"
      R"({"_placeholder":true,"num":3}]|xy|xy|z|w)");

  auto const view = read<bytes_view>(R"([{"_placeholder":true,"num":2}])");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->data(), attached[2].data());
  auto const span = read<std::span<std::uint8_t const>>(R"([{"num":0,"_placeholder":true}])");
  ASSERT_TRUE(span);
  EXPECT_EQ(as_text(std::as_bytes(*span)), "zero");
  EXPECT_TRUE(read<bytes_view>(R"([{"_placeholder":true,"num":1}])").value().empty());
  expect_errors<bytes_view>(
      errc::wrong_argument_type,
      {"[1]", "[null]", "[\"a\"]", "[[1,2]]", "[{}]", R"([{"_placeholder":true,"num":3}])",
       R"([{"_placeholder":true}])", R"([{"_placeholder":false,"num":0}])",
       R"([{"a":{"_placeholder":true,"num":0}}])", R"([[{"_placeholder":true,"num":0}]])"});
  expect_errors<std::vector<std::uint8_t>>(errc::wrong_argument_type, {"[[1,2]]"});
  static_assert(!readable<std::array<std::byte, 2>> && !readable<std::span<std::byte>>);

  std::string_view const lookalike = R"([{"_placeholder":true,"num":0}])";
  EXPECT_FALSE(args(lookalike, 1).get<bytes_view>(0)) << "a packet without attachments has none";
}

TEST(socketio_argument, optional_is_null_or_the_value) {
  expect_both_ways(std::optional<int>(3), "[3]");
  expect_both_ways(std::optional<int>(), "[null]");
  expect_both_ways(std::optional<std::string>("x"), R"(["x"])");
  expect_value("[]", std::optional<int>());
  expect_errors<std::optional<int>>(errc::wrong_argument_type, {R"(["x"])", "[false]"});
}

TEST(socketio_argument, sequences_are_arrays) {
  expect_both_ways(std::vector<int>{1, 2, 3}, "[[1,2,3]]");
  expect_both_ways(std::vector<int>{}, "[[]]");
  expect_both_ways(std::vector<bool>{true, false}, "[[true,false]]");
  expect_both_ways(std::vector<std::string>{"a", "b,]"}, R"([["a","b,]"]])");
  expect_both_ways(std::deque<double>{1.5}, "[[1.5]]");
  expect_both_ways(std::list<std::vector<int>>{{1}, {}, {2, 3}}, "[[[1],[],[2,3]]]");
  expect_both_ways(std::set<std::string>{"b", "a"}, R"([["a","b"]])");
  expect_both_ways(std::vector<std::optional<int>>{1, std::nullopt}, "[[1,null]]");
  EXPECT_EQ(written(std::span<int const>(std::vector<int>{4, 5})), "[[4,5]]");
  EXPECT_EQ(written(std::vector<char const*>{"x"}), R"([["x"]])");
  expect_value("[ [ 1 , 2 ] ]", std::vector<int>{1, 2});
  expect_errors<std::vector<int>>(errc::wrong_argument_type,
                                  {"[1]", "[{}]", "[null]", R"([[1,"2"]])", "[[1,[2]]]"});
  static_assert(!readable<std::span<int const>> && !readable<std::vector<char const*>>);
}

TEST(socketio_argument, maps_are_objects) {
  expect_both_ways(std::map<std::string, int>{{"a", 1}, {"b\"", 2}}, R"([{"a":1,"b\"":2}])");
  expect_both_ways(std::map<std::string, int>{}, "[{}]");
  expect_both_ways(std::unordered_map<std::string, std::vector<int>>{{"k", {1}}}, R"([{"k":[1]}])");
  expect_value(R"([{"a":1,"\u0061":2,"":3}])", std::map<std::string, int>{{"", 3}, {"a", 2}});
  expect_errors<std::map<std::string, int>>(errc::wrong_argument_type, {"[1]", "[[]]", R"([{"a":"1"}])"});
  static_assert(!readable<std::map<int, int>> && !writable<std::map<int, int>>);
}

TEST(socketio_argument, tuples_are_arrays_of_a_length) {
  expect_both_ways(std::tuple<int, std::string, bool>(1, "a", true), R"([[1,"a",true]])");
  expect_both_ways(std::pair<int, std::vector<int>>(1, {2}), "[[1,[2]]]");
  expect_both_ways(std::array<int, 3>{1, 2, 3}, "[[1,2,3]]");
  expect_both_ways(std::tuple<>(), "[[]]");
  expect_both_ways(std::tuple<int>(5), "[[5]]");
  using with_default = std::tuple<int, std::optional<int>>;
  expect_value("[[1]]", with_default(1, std::nullopt));
  expect_value("[[1,2,3]]", with_default(1, 2));
  expect_errors<with_default>(errc::missing_argument, {"[[]]"});
  expect_errors<std::array<int, 2>>(errc::missing_argument, {"[[1]]"});
  expect_errors<with_default>(errc::wrong_argument_type, {"[1]", "[{}]", R"([["x"]])", R"([[1,"x"]])"});
  EXPECT_EQ(written(std::tuple("lit", nullptr, 2)), R"([["lit",null,2]])");
}

TEST(socketio_argument, attachments_are_found_inside_containers) {
  using bytes = std::vector<std::uint8_t>;
  expect_both_ways(std::vector<bytes>{{'a'}, {}, {'b'}},
                   R"([[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},)"
                   R"({"_placeholder":true,"num":2}]]|a||b)");
  expect_both_ways(std::map<std::string, std::tuple<int, bytes>>{{"k", {1, {'q'}}}},
                   R"([{"k":[1,{"_placeholder":true,"num":0}]}]|q)");
  expect_both_ways(
      upload{"n", {std::byte{'d'}}, {{1, 2.5}, {3, std::nullopt}}},
      R"([{"name":"n","data":{"_placeholder":true,"num":0},"w\"":[{"x":1,"y":2.5},{"x":3,"y":null}]}]|d)");
  auto const views =
      read<std::vector<bytes_view>>(R"([[{"_placeholder":true,"num":2},{"_placeholder":true,"num":0}]])");
  ASSERT_TRUE(views);
  EXPECT_EQ(as_text(views->at(0)), "two");
  EXPECT_EQ(as_text(views->at(1)), "zero");
}

TEST(socketio_argument, raw_json_is_passed_through) {
  EXPECT_EQ(read<raw_json>(R"([ {"a" : [1]} ])").value().text, R"({"a" : [1]})");
  EXPECT_EQ(written(raw_json{R"({"a" : [1]})"}, 1), R"([{"a" : [1]},1])");
  EXPECT_EQ(written(std::map<std::string, raw_json>{{"k", {"[]"}}}), R"([{"k":[]}])");
}

TEST(socketio_argument, structs_are_objects_of_their_fields) {
  expect_both_ways(point{1, 2.0}, R"([{"x":1,"y":2}])");
  expect_value(R"([{"x":1}])", point{1, std::nullopt});
  expect_value(R"([{"more":[{}],"\u0078":4,"y":null,"x":5}])", point{5, std::nullopt});
  expect_errors<point>(errc::missing_argument, {"[{}]", R"([{"y":1}])"});
  expect_errors<point>(errc::wrong_argument_type,
                       {"[1]", "[[1,2]]", "[null]", R"([{"x":"1"}])", R"([{"x":1,"y":[]}])"});
  expect_errors<point>(errc::number_out_of_range, {R"([{"x":1e10}])"});
  expect_both_ways(std::vector<point>{{1, {}}, {2, 3.0}}, R"([[{"x":1,"y":null},{"x":2,"y":3}]])");
  expect_value("[null]", std::optional<point>());
}

TEST(socketio_argument, a_type_of_yours_says_itself_what_it_is) {
  expect_both_ways(colour::green, R"(["green"])");
  expect_both_ways(std::vector<colour>{colour::red, colour::green}, R"([["red","green"]])");
  expect_errors<colour>(errc::wrong_argument_type, {R"(["blue"])", "[1]"});
  static_assert(!readable<std::nullptr_t> && !readable<sid> && !writable<void*> &&
                !writable<std::vector<void*>>);
}

}  // namespace socketio_argument_test
