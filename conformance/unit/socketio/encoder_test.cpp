#include "siokit/socketio/encoder.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "siokit/socketio/decoder.hpp"

namespace socketio_encoder_test {

using namespace siokit;
using namespace siokit::socketio;
using namespace std::literals;

constexpr decoder_limits limits{};

/// The Engine.IO packets of a message: the text, then "|bytes" of each attachment.
std::string wire(result<message> const& from) {
  if (!from) return std::string(to_string(from.error().code));
  std::string out;
  for (auto walk = from->packets(); !walk.done();) {
    auto const [kind, data] = walk.next();
    EXPECT_EQ(kind == frame_kind::text, out.empty());
    out += (kind == frame_kind::text ? "" : "|") + std::string(data);
  }
  return out;
}

/// A packet as a peer sends it, whole, with the memory it lives in.
class received {
 public:
  received(std::string head, std::vector<std::string> parts = {})
      : head_(std::move(head)), parts_(std::move(parts)) {
    auto fed = in_.feed({frame_kind::text, head_}, limits);
    for (auto const& part : parts_) fed = in_.feed({frame_kind::binary, part}, limits);
    EXPECT_TRUE(fed && *fed) << head_;
    if (fed && *fed) all_ = args(**fed, in_.attachments());
  }
  [[nodiscard]] args const& all() const { return all_; }

 private:
  std::string head_;
  std::vector<std::string> parts_;
  decoder in_;
  args all_;
};

constexpr std::optional<std::uint64_t> no_id{};

TEST(socketio_encoder, writes_events) {
  EXPECT_EQ(wire(encode_event("/", no_id, "say")), R"(42["say"])");
  EXPECT_EQ(wire(encode_event("/", no_id, "")), R"(42[""])");
  EXPECT_EQ(wire(encode_event("/", no_id, "say", 1, "two", nullptr)), R"(42["say",1,"two",null])");
  EXPECT_EQ(wire(encode_event("/", 0, "say")), R"(420["say"])");
  EXPECT_EQ(wire(encode_event("/", ack_id_max, "say")), R"(429007199254740991["say"])");
  EXPECT_EQ(wire(encode_event("/", UINT64_MAX, "say")), R"(4218446744073709551615["say"])");
  EXPECT_EQ(wire(encode_event("/a", no_id, "say")), R"(42/a,["say"])");
  EXPECT_EQ(wire(encode_event("/chat", no_id, "say")), R"(42/chat,["say"])");
  EXPECT_EQ(wire(encode_event("/chat", 12, "say", true)), R"(42/chat,12["say",true])");
  EXPECT_EQ(wire(encode_event("/", no_id, "a\"\n")), R"(42["a\"\n"])");
}

TEST(socketio_encoder, writes_acknowledgements) {
  EXPECT_EQ(wire(encode_ack("/", 0)), "430[]");
  EXPECT_EQ(wire(encode_ack("/", 7, "ok", 1.5)), R"(437["ok",1.5])");
  EXPECT_EQ(wire(encode_ack("/chat", 7, "connect")), R"(43/chat,7["connect"])");
}

TEST(socketio_encoder, puts_attachments_behind_the_text) {
  EXPECT_EQ(wire(encode_event("/", no_id, "up", as_bytes("a"))),
            R"(451-["up",{"_placeholder":true,"num":0}]|a)");
  EXPECT_EQ(wire(encode_event("/chat", 3, "up", as_bytes("a"), 1, as_bytes(""))),
            R"(452-/chat,3["up",{"_placeholder":true,"num":0},1,{"_placeholder":true,"num":1}]|a|)");
  EXPECT_EQ(wire(encode_ack("/", 3, as_bytes("a"))), R"(461-3[{"_placeholder":true,"num":0}]|a)");
  // The same bytes twice are two arguments of the application's.
  std::string_view const same = "s";
  EXPECT_EQ(wire(encode_ack("/", 3, as_bytes(same), as_bytes(same))),
            R"(462-3[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]|s|s)");
}

TEST(socketio_encoder, writes_frames_of_each_size) {
  for (std::size_t const size : {0U, 100U, 125U, 126U, 127U, 1000U, 65'535U, 65'536U, 100'000U}) {
    std::string const text(size, 't'), bytes(size, 'b');
    auto const packet = encode_event("/", no_id, "n", text, as_bytes(bytes));
    ASSERT_TRUE(packet);
    EXPECT_EQ(wire(packet), R"(451-["n",")" + text + R"(",{"_placeholder":true,"num":0}]|)" + bytes);
  }
}

TEST(socketio_encoder, has_head_room_for_the_longest_head) {
  std::string const nsp = "/" + std::string(511, 'n');
  std::vector<bytes_view> const many(300, as_bytes("x"));
  std::string const out = wire(encode_event(nsp, UINT64_MAX, "e", many));
  EXPECT_TRUE(
      out.starts_with("45300-" + nsp + R"(,18446744073709551615["e",[{"_placeholder":true,"num":0},)"));
  EXPECT_NE(out.find(R"("num":299}]]|x|x)"), out.npos);
}

TEST(socketio_encoder, refuses_names_of_the_protocol) {
  for (auto const name : reserved_events) {
    EXPECT_EQ(encode_event("/", no_id, name).error(), (error{errc::reserved_event, side::local, 0})) << name;
  }
  EXPECT_TRUE(encode_event("/", no_id, "Connect"));
  EXPECT_TRUE(encode_event("/", no_id, "error"));
}

TEST(socketio_encoder, spreads_args_between_typed_values) {
  received const from(R"(2["say",1,"two",{"a":[null]}])");
  EXPECT_EQ(wire(encode_event("/", no_id, "said", from.all())), R"(42["said",1,"two",{"a":[null]}])");
  EXPECT_EQ(wire(encode_event("/", no_id, "said", sid("me"), from.all(), true)),
            R"(42["said","me",1,"two",{"a":[null]},true])");
  EXPECT_EQ(
      wire(encode_event("/", no_id, "said", from.all().slice(2), from.all().slice(3), from.all().slice(1))),
      R"(42["said",{"a":[null]},"two",{"a":[null]}])");
  EXPECT_EQ(wire(encode_ack("/", 1, args())), "431[]");
  EXPECT_EQ(wire(encode_ack("/", 1, args(), 5, args())), "431[5]");
  EXPECT_EQ(wire(encode_ack("/", 1, from.all().own())), R"(431[1,"two",{"a":[null]}])");
}

TEST(socketio_encoder, numbers_the_attachments_of_args_anew) {
  received const from(R"(53-["up",{"_placeholder":true,"num":2},[{"k":{"num":0,"_placeholder":true}}],"x"])",
                      {"zero", "unused", "two"});
  EXPECT_EQ(wire(encode_ack("/", 1, from.all())),
            R"(462-1[{"_placeholder":true,"num":0},[{"k":{"_placeholder":true,"num":1}}],"x"]|two|zero)");
  EXPECT_EQ(wire(encode_ack("/", 1, as_bytes("mine"), from.all().slice(1), as_bytes("too"))),
            R"(463-1[{"_placeholder":true,"num":0},[{"k":{"_placeholder":true,"num":1}}],"x",)"
            R"({"_placeholder":true,"num":2}]|mine|zero|too)");
  EXPECT_EQ(wire(encode_ack("/", 1, from.all().slice(2))), R"(431["x"])");
  EXPECT_EQ(wire(encode_ack("/", 1, from.all().slice(1).own())),
            R"(461-1[[{"k":{"_placeholder":true,"num":0}}],"x"]|zero)");
  received const other(R"(51-["up",{"_placeholder":true,"num":0}])", {"other"});
  EXPECT_EQ(wire(encode_ack("/", 1, other.all(), from.all().slice(1), other.all())),
            R"(462-1[{"_placeholder":true,"num":0},[{"k":{"_placeholder":true,"num":1}}],"x",)"
            R"({"_placeholder":true,"num":0}]|other|zero)");
}

TEST(socketio_encoder, attaches_once_what_a_peer_names_often) {
  std::string const part(1000, 'b');
  std::string head = R"(51-["up")";
  for (int i = 0; i < 1000; ++i) head += R"(,{"_placeholder":true,"num":0})";
  received const from(head + "]", {part});
  auto const echo = encode_event("/", no_id, "back", from.all());
  ASSERT_TRUE(echo);
  EXPECT_LT(echo->frames().size(), head.size() + part.size() + 100) << "an echo is no amplifier";
  received const back(wire(echo).substr(1, wire(echo).find('|') - 1), {part});
  EXPECT_EQ(back.all().size(), 1000u);
  EXPECT_EQ(as_text(back.all().get<bytes_view>(999).value()), part);
}

TEST(socketio_encoder, lets_no_lookalike_break_a_peer) {
  // What a peer says in text stays text...
  received const from(R"(2["say",{"_placeholder":true,"num":7}])");
  EXPECT_EQ(wire(encode_event("/", no_id, "said", from.all())),
            R"(42["said",{"_placeholder":true,"num":7}])");
  // ...but beside an attachment every official client would take it for another one, and close.
  error const expected{errc::illegal_attachments, side::local, 0};
  EXPECT_EQ(encode_event("/", no_id, "said", from.all(), as_bytes("x")).error(), expected);
  EXPECT_EQ(encode_event("/", no_id, "said", as_bytes("x"), from.all()).error(), expected);
  EXPECT_EQ(encode_ack("/", 1, as_bytes("x"), from.all().own()).error(), expected);
  EXPECT_EQ(encode_ack("/", 1, as_bytes("x"), raw_json{R"({"a":{"\u005fplaceholder":true}})"}).error(),
            expected);
  bytes_view const one[] = {as_bytes("a")};
  args const unfit(R"([{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])", 2, one);  // by hand
  EXPECT_EQ(encode_ack("/", 1, unfit).error(), expected);
  EXPECT_EQ(wire(encode_ack("/", 1, unfit.slice(1))), R"(431[{"_placeholder":true,"num":1}])");
  EXPECT_TRUE(encode_ack("/", 1, as_bytes("x"), raw_json{R"({"_placeholder":false,"num":7})"}));
  EXPECT_TRUE(encode_ack("/", 1, as_bytes("x"), R"({"_placeholder":true,"num":7})")) << "text in a string";
}

TEST(encoder, raw_json_is_one_value) {
  for (std::string_view const bad : {"", "}{", "1 2", "{\"a\":}", "[1", "\"\n\""}) {
    auto const failure = encode_event("/", no_id, "x", 1, raw_json{bad}, 2).error();
    EXPECT_EQ(failure.code, errc::bad_json) << bad;
    EXPECT_EQ(failure.blame, side::local);
    EXPECT_FALSE(encode_ack("/", 1, std::vector<raw_json>{{"1"}, {bad}})) << bad;
  }
  EXPECT_EQ(encode_ack("/", 1, raw_json{"\"\xff\""}).error().code, errc::bad_utf8);
  EXPECT_EQ(encode_ack("/", 1, raw_json{"[1"}).error().offset, 2u) << "within that JSON";
  EXPECT_EQ(wire(encode_ack("/", 1, raw_json{" 1 "})), "431[ 1 ]");
  EXPECT_EQ(encode_json(std::vector<int>{1}), "[1]");
  EXPECT_EQ(encode_json("x\"").value(), R"("x\"")");
  EXPECT_EQ(encode_json(raw_json{"{"}).error().code, errc::bad_json);
  EXPECT_EQ(encode_json(as_bytes("x")).error().code, errc::illegal_attachments);
}

/// A random value: its JSON, with attachments from `parts`.
std::string any_value(std::mt19937& random, std::size_t parts, int depth) {
  constexpr std::string_view scalars[] = {"null",      "true",        "-1.5e3", R"("x")",
                                          R"("\"}]")", R"("\u0041")", "[]",     "{}"};
  std::size_t const pick = random() % 12;
  if (pick < 7 || depth == 0) return std::string(scalars[random() % std::size(scalars)]);
  if (pick < 9 && parts != 0) {
    return R"({"_placeholder":true,"num":)" + std::to_string(random() % parts) + "}";
  }
  bool const object = random() % 2 == 0;
  std::string out(1, object ? '{' : '[');
  for (std::size_t i = 0, n = random() % 4; i < n; ++i) {
    if (i != 0) out += ',';
    if (object) out += "\"k" + std::to_string(i) + "\":";
    out += any_value(random, parts, depth - 1);
  }
  return out + (object ? '}' : ']');
}

/// JSON with the attachments themselves where they are named.
std::string resolved(std::string_view json, attachments_view parts) {
  std::string out;
  std::size_t at = 0;
  for (auto const& [begin, end, num] : find_placeholders(json)) {
    out.append(json.substr(at, begin - at)).append("<").append(as_text(parts[num])).append(">");
    at = end;
  }
  return out.append(json.substr(at));
}

TEST(socketio_encoder, says_again_what_was_decoded) {
  std::mt19937 random(77);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::string> parts;
    for (std::size_t i = 0, n = random() % 4; i < n; ++i)
      parts.push_back("part" + std::to_string(random() % 100));
    std::string head = parts.empty() ? "2" : "5" + std::to_string(parts.size()) + "-";
    head += R"(["e")";
    for (std::size_t i = 0, n = random() % 5; i < n; ++i) head += "," + any_value(random, parts.size(), 4);
    received const first(head + "]", parts);
    auto const packet = encode_event("/n", 5, "e", as_bytes("mine"), first.all());
    ASSERT_TRUE(packet) << head;
    std::vector<std::string> again;
    for (auto walk = packet->packets(); !walk.done();) again.emplace_back(walk.next().data);
    std::string const text = again.front().substr(1);
    again.erase(again.begin());
    received const second(text, again);
    ASSERT_EQ(second.all().size(), first.all().size() + 1) << head;
    EXPECT_EQ(as_text(second.all().get<bytes_view>(0).value()), "mine");
    auto at = second.all().slice(1).begin();
    for (std::string_view const json : first.all()) {
      ASSERT_EQ(resolved(*at, second.all().attachments()), resolved(json, first.all().attachments())) << head;
      ++at;
    }
  }
}

}  // namespace socketio_encoder_test
