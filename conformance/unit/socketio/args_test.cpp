// Reading and writing arguments by their types.
#include "siokit/socketio/args.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "siokit/socketio/encoder.hpp"

namespace socketio_args_test {

using namespace siokit;
using socketio::args;

args args_of(std::string_view json, socketio::attachments_view attachments = {}) {
  auto const summary = scan_json(json);
  EXPECT_TRUE(summary) << json;
  return {json, summary->count, attachments};
}

/// The payload of an event with these arguments, without its head.
template <class... T>
std::string written(T const&... values) {
  auto const packet = socketio::encode_ack("/", 0, values...);
  EXPECT_TRUE(packet);
  std::string_view text = packet->packets().next().data;
  return std::string(text.substr(text.find('[')));
}

TEST(args, reads_by_type) {
  auto const in = args_of(R"([1, -2.5, true, "text", "esc\n", null, [1,2], {"a":[true]}, 1e3])");
  EXPECT_EQ(in.size(), 9u);
  EXPECT_EQ(in.get<int>(0), 1);
  EXPECT_EQ(in.get<double>(1), -2.5);
  EXPECT_EQ(in.get<bool>(2), true);
  EXPECT_EQ(in.get<std::string_view>(3), "text");
  EXPECT_EQ(in.get<std::string>(4), "esc\n");
  EXPECT_EQ(in.get<std::optional<int>>(5).value(), std::optional<int>());
  EXPECT_EQ(in.get<std::optional<int>>(0).value(), std::optional<int>(1));
  EXPECT_EQ(in.get<std::optional<int>>(99).value(), std::optional<int>());
  EXPECT_EQ(in.get<std::vector<int>>(6), (std::vector<int>{1, 2}));
  EXPECT_EQ((in.get<std::tuple<int, double>>(6)), (std::tuple(1, 2.0)));
  EXPECT_EQ((in.get<std::map<std::string, std::vector<bool>>>(7)->at("a")), std::vector<bool>{true});
  EXPECT_EQ(in.get<raw_json>(7)->text, R"({"a":[true]})");
  EXPECT_EQ(in.get<std::uint16_t>(8), 1000);
  EXPECT_EQ(in.raw(6), "[1,2]");
}

TEST(args, errors_name_the_argument) {
  auto const in = args_of(R"(["x", 300, 1.5, "a\"b", {}])");
  EXPECT_EQ(in.get<int>(0).error(), (error{errc::wrong_argument_type, side::remote, 0}));
  EXPECT_EQ(in.get<std::uint8_t>(1).error(), (error{errc::number_out_of_range, side::remote, 1}));
  EXPECT_EQ(in.get<int>(2).error().offset, 2u);
  EXPECT_EQ(in.get<std::string_view>(3).error(), (error{errc::argument_escaped, side::remote, 3}));
  EXPECT_EQ(in.get<std::vector<int>>(4).error().code, errc::wrong_argument_type);
  EXPECT_EQ(in.get<bytes_view>(4).error().code, errc::wrong_argument_type);
  EXPECT_EQ(in.get<int>(5).error(), (error{errc::missing_argument, side::remote, 5}));
  EXPECT_EQ(in.raw(5).error().code, errc::missing_argument);
  EXPECT_FALSE((args_of("[[1]]").get<std::tuple<int, int>>(0)));
}

TEST(args, writes_by_type) {
  EXPECT_EQ(written(), "[]");
  EXPECT_EQ(written(1, true, 2.5, "a\"b", std::string("s"), nullptr), R"([1,true,2.5,"a\"b","s",null])");
  EXPECT_EQ(written(std::optional<int>(), std::optional<int>(3), std::vector<int>{1, 2}, std::tuple(1, "x")),
            R"([null,3,[1,2],[1,"x"]])");
  EXPECT_EQ(written(std::map<std::string, int>{{"a", 1}, {"b", 2}}, raw_json{"{ }"}),
            R"([{"a":1,"b":2},{ }])");
  EXPECT_EQ(written(sid("abc"), std::string_view("v"), std::vector<bool>{true, false}),
            R"(["abc","v",[true,false]])");
}

TEST(args, attachments_are_numbered_in_the_order_they_are_written) {
  bytes_view const parts[] = {as_bytes("one"), as_bytes("two")};
  auto const in =
      args_of(R"([{"_placeholder":true,"num":1},{"x":[{"num":0,"_placeholder":true}]},3])", parts);
  EXPECT_EQ(as_text(*in.get<bytes_view>(0)), "two");
  auto const packet = socketio::encode_event("/nsp", 7, "e", as_bytes("zero"), in, "end");
  ASSERT_TRUE(packet);
  auto frames = packet->packets();
  EXPECT_EQ(frames.next().data,
            R"(453-/nsp,7["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},)"
            R"({"x":[{"_placeholder":true,"num":2}]},3,"end"])");
  for (auto const* expected : {"zero", "two", "one"}) EXPECT_EQ(frames.next().data, expected);
  EXPECT_TRUE(frames.done());
}

TEST(args, slices_and_copies) {
  bytes_view const parts[] = {as_bytes("bin")};
  socketio::owned_args kept;
  {
    std::string json = R"([1,"two",{"_placeholder":true,"num":0}])";
    auto const in = args_of(json, parts);
    EXPECT_EQ(in.slice(1).get<std::string>(0), "two");
    EXPECT_EQ(in.slice(1).slice(1).size(), 1u);
    EXPECT_TRUE(in.slice(9).empty());
    kept = in.slice(1).own();
    json.assign(json.size(), '!');
  }
  EXPECT_EQ(kept.view().size(), 2u);
  EXPECT_EQ(kept.view().get<std::string>(0), "two");
  EXPECT_EQ(as_text(*kept.view().get<bytes_view>(1)), "bin");
}

struct point {
  int x = 0;
  int y = 0;
};

}  // namespace socketio_args_test

/// A type of the user's own, as an array of two numbers.
template <>
struct siokit::argument<socketio_args_test::point> {
  using point = socketio_args_test::point;
  static result<point> read(std::string_view json, attachments_view attachments) {
    return argument<std::tuple<int, int>>::read(json, attachments).map([](auto const& both) {
      return point{std::get<0>(both), std::get<1>(both)};
    });
  }
  static void write(argument_writer& out, point const& value) { out.write(std::tuple(value.x, value.y)); }
};

namespace socketio_args_test {

TEST(args, user_types) {
  EXPECT_EQ(written(point{1, 2}, std::vector<point>{{3, 4}}), "[[1,2],[[3,4]]]");
  EXPECT_EQ(args_of("[[5,6]]").get<point>(0)->y, 6);
  EXPECT_EQ(args_of("[[[5,6]]]").get<std::vector<point>>(0)->at(0).x, 5);
  EXPECT_FALSE(args_of("[[5]]").get<point>(0));
}

}  // namespace socketio_args_test

// The view itself.

namespace socketio_args_test {

using namespace siokit::socketio;

constexpr decoder_limits limits{};

packet_view packet_of(std::string_view text) {
  auto const decoded = decode_packet(text, limits);
  EXPECT_TRUE(decoded) << text;
  return decoded.value_or(packet_view{});
}
args event_args(std::string_view text) {
  return {packet_of(text), {}};
}
std::vector<std::string> texts(args const& all) {
  std::vector<std::string> out;
  for (std::string_view const json : all) out.emplace_back(json);
  return out;
}
using list = std::vector<std::string>;

TEST(socketio_args, are_what_stands_behind_the_name_of_an_event) {
  EXPECT_EQ(texts(event_args(R"(2["say",1,"two",[3,{}],{"a":[]},null])")),
            (list{"1", R"("two")", "[3,{}]", R"({"a":[]})", "null"}));
  EXPECT_EQ(texts(event_args(R"(2[ "say" , 1 , "," ])")), (list{"1", R"(",")"}));
  EXPECT_EQ(texts(event_args(R"(2[7,8])")), (list{"8"}));
  EXPECT_EQ(texts(event_args(R"(51-["say",1])")), (list{"1"}));
  for (char const* none : {"2", R"(2["say"])", "3", "30[]", "30[ ]", "51-"}) {
    args const all = event_args(none);
    EXPECT_TRUE(all.empty()) << none;
    EXPECT_EQ(all.size(), 0u) << none;
    EXPECT_EQ(texts(all), list{}) << none;
  }
}

TEST(socketio_args, are_all_of_an_acknowledgement) {
  EXPECT_EQ(texts(event_args(R"(30["say",1])")), (list{R"("say")", "1"}));
  EXPECT_EQ(texts(event_args(R"(61-0["say",1])")), (list{R"("say")", "1"}));
}

TEST(socketio_args, are_read_by_index) {
  args const all = event_args(R"(2["say",1,"two",3.5,true])");
  EXPECT_EQ(all.size(), 4u);
  EXPECT_EQ(all.raw(1).value(), R"("two")");
  EXPECT_EQ(all.get<int>(0).value(), 1);
  EXPECT_EQ(all.get<std::string_view>(1).value(), "two");
  EXPECT_EQ(all.get<double>(2).value(), 3.5);
  EXPECT_EQ(all.get<bool>(3).value(), true);
}

TEST(socketio_args, are_found_behind_any_name_and_any_space) {
  for (std::string_view const name : {R"("say")", "7", R"("[\"],")", R"("s\u0061y")"}) {
    std::string const text = "2[ \n" + std::string(name) + "\t ,\r\n[1, {\"]\":[2]}] , \"a\\\\\" ,3\t,{ } ]";
    args const all = event_args(text);
    ASSERT_EQ(texts(all), (list{R"([1, {"]":[2]}])", R"("a\\")", "3", "{ }"})) << name;
    for (std::size_t first = 0; first <= all.size(); ++first) {
      for (std::size_t i = 0; first + i < all.size(); ++i) {
        EXPECT_EQ(all.slice(first).raw(i).value(), all.raw(first + i).value());
        EXPECT_EQ(texts(all.slice(first).slice(i)), texts(all.slice(first + i)));
      }
    }
  }
}

TEST(socketio_args, say_which_argument_is_wrong) {
  args const all = event_args(R"(2["say",1,"t\u0077o",300,[1,[2,"x"]]])");
  EXPECT_EQ(all.raw(4).error(), (error{errc::missing_argument, side::remote, 4}));
  EXPECT_EQ(all.get<int>(4).error(), (error{errc::missing_argument, side::remote, 4}));
  EXPECT_EQ(all.get<int>(SIZE_MAX).error().code, errc::missing_argument);
  EXPECT_EQ(all.get<bool>(0).error(), (error{errc::wrong_argument_type, side::remote, 0}));
  EXPECT_EQ(all.get<std::string_view>(1).error(), (error{errc::argument_escaped, side::remote, 1}));
  EXPECT_EQ(all.get<std::uint8_t>(2).error(), (error{errc::number_out_of_range, side::remote, 2}));
  using nested = std::tuple<int, std::vector<int>>;
  EXPECT_EQ(all.get<nested>(3).error(), (error{errc::wrong_argument_type, side::remote, 3}));
  EXPECT_EQ(all.get<std::string>(1).value(), "two");
}

TEST(socketio_args, that_are_missing_are_no_optional_value) {
  args const all = event_args(R"(2["say",null,5])");
  EXPECT_EQ(all.get<std::optional<int>>(0).value(), std::nullopt);
  EXPECT_EQ(all.get<std::optional<int>>(1).value(), 5);
  EXPECT_EQ(all.get<std::optional<int>>(2).value(), std::nullopt);
  EXPECT_EQ(all.get<std::optional<bool>>(1).error(), (error{errc::wrong_argument_type, side::remote, 1}));
}

TEST(socketio_args, are_sliced) {
  args const all = event_args(R"(2["say",1,2,3])");
  EXPECT_EQ(texts(all.slice(0)), (list{"1", "2", "3"}));
  EXPECT_EQ(texts(all.slice(1)), (list{"2", "3"}));
  EXPECT_EQ(texts(all.slice(1).slice(1)), (list{"3"}));
  EXPECT_EQ(all.slice(2).get<int>(0).value(), 3);
  EXPECT_EQ(all.slice(2).get<int>(1).error(), (error{errc::missing_argument, side::remote, 1}));
  for (std::size_t const end : {std::size_t{3}, std::size_t{4}, SIZE_MAX}) {
    EXPECT_TRUE(all.slice(end).empty());
    EXPECT_EQ(texts(all.slice(end)), list{});
    EXPECT_FALSE(all.slice(end).raw(0));
  }
}

TEST(socketio_args, name_attachments) {
  std::string const parts[] = {"zero", "one"};
  bytes_view const views[] = {as_bytes(parts[0]), as_bytes(parts[1])};
  args const all(packet_of(R"(52-["up",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true},{}])"),
                 views);
  EXPECT_EQ(as_text(all.get<bytes_view>(0).value()), "one");
  EXPECT_EQ(all.get<bytes_view>(0)->data(), views[1].data()) << "borrowed";
  EXPECT_EQ(as_text(all.slice(1).get<bytes_view>(0).value()), "zero");
  EXPECT_EQ(all.get<bytes_view>(2).error(), (error{errc::wrong_argument_type, side::remote, 2}));
  EXPECT_EQ(all.attachments().size(), 2u);
}

TEST(socketio_args, are_those_of_events_and_answers_alone) {
  for (char const* other : {R"(0{"token":"x"})", R"(4{"message":"no"})", R"(43{"":1})", "1"}) {
    args const none(packet_of(other), {});
    EXPECT_TRUE(none.empty()) << other;
    EXPECT_EQ(none.raw(0).error(), (error{errc::missing_argument, side::remote, 0})) << other;
    owned_args const kept = none.own();
    EXPECT_TRUE(kept.view().empty()) << other;
  }
  EXPECT_EQ(args(packet_of("31[5]"), {}).size(), 1u);
}

TEST(socketio_args, live_on_when_they_are_owned) {
  owned_args kept;
  {
    std::string const text = R"(52-["up",1,{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]])";
    std::string const parts[] = {"s", std::string(1000, 'l')};
    bytes_view const views[] = {as_bytes(parts[0]), as_bytes(parts[1])};
    args const all(packet_of(text), views);
    kept = all.slice(1).own();
  }
  owned_args moved = std::move(kept);
  owned_args const assigned = std::exchange(moved, owned_args{});
  args const view = assigned;
  ASSERT_EQ(view.size(), 2u);
  EXPECT_EQ(as_text(view.get<bytes_view>(0).value()), std::string(1000, 'l'));
  EXPECT_EQ(as_text(view.get<std::vector<bytes_view>>(1).value().at(0)), "s");
  EXPECT_TRUE(moved.view().empty());
}

}  // namespace socketio_args_test
