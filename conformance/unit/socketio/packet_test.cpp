#include "siokit/socketio/packet.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace socketio_packet_test {

using namespace siokit;
using namespace siokit::socketio;

constexpr decoder_limits limits{};

/// type nsp [id] [data], and attachments if any.
std::string describe(packet_view const& in) {
  std::string out = std::to_string(static_cast<int>(in.type)) + " " + std::string(in.nsp);
  if (in.has_id) out += " #" + std::to_string(in.id);
  if (!in.data.empty()) out += " " + std::string(in.data);
  if (in.attachments != 0) out += " +" + std::to_string(in.attachments);
  return out;
}

/// From memory of exactly its size, so that a sanitizer sees what reads behind it.
struct exact {
  explicit exact(std::string_view from) : size(from.size()), bytes(new char[from.size()]) {
    std::memcpy(bytes.get(), from.data(), size);
  }
  [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }

  std::size_t size;
  std::unique_ptr<char[]> bytes;
};

struct accepted {
  char const* text;
  char const* packet;
};
constexpr accepted accepted_packets[] = {
    {"0", "0 /"},
    {"0{}", "0 / {}"},
    {R"(0{"token":1})", R"(0 / {"token":1})"},
    {"0/admin,", "0 /admin"},
    {"0/admin", "0 /admin"},
    {"0/admin?token=1,{}", "0 /admin?token=1 {}"},
    {"0/,", "0 /"},
    {"1", "1 /"},
    {"1/admin,", "1 /admin"},
    {"2", "2 /"},
    {"27", "2 / #7"},
    {"2/foo", "2 /foo"},
    {"2/[1],", "2 /[1]"},
    {R"(2["a"])", R"(2 / ["a"])"},
    {R"(2[1])", R"(2 / [1])"},
    {R"(2[-1.5e3,"a"])", R"(2 / [-1.5e3,"a"])"},
    {R"(2["a", 1 ])", R"(2 / ["a", 1 ])"},
    {R"(20["a"])", R"(2 / #0 ["a"])"},
    {R"(2007["a"])", R"(2 / #7 ["a"])"},
    {R"(29007199254740991["a"])", R"(2 / #9007199254740991 ["a"])"},
    {R"(2/a,12["a"])", R"(2 /a #12 ["a"])"},
    {R"(2[""])", R"(2 / [""])"},
    {R"(2["error"])", R"(2 / ["error"])"},
    {R"(2["message"])", R"(2 / ["message"])"},
    {R"(2["Connect"])", R"(2 / ["Connect"])"},
    {R"(2["connect "])", R"(2 / ["connect "])"},
    {R"(2["connec"])", R"(2 / ["connec"])"},
    {R"(2["a","connect"])", R"(2 / ["a","connect"])"},
    {"3", "3 /"},
    {"30[]", "3 / #0 []"},
    {R"(312["connect"])", R"(3 / #12 ["connect"])"},
    {"4", "4 /"},
    {R"(4"no")", R"(4 / "no")"},
    {R"(4/a,{"message":"no"})", R"(4 /a {"message":"no"})"},
    {R"(51-["a"])", R"(5 / ["a"] +1)"},
    {R"(501-["a"])", R"(5 / ["a"] +1)"},
    {R"(510-/a,3["a"])", R"(5 /a #3 ["a"] +10)"},
    {"51-", "5 / +1"},
    {"61-7[]", "6 / #7 [] +1"},
};

TEST(socketio_packet, reads_what_the_protocol_allows) {
  for (auto const& [text, packet] : accepted_packets) {
    exact const in(text);
    auto const decoded = decode_packet(in.view(), limits);
    ASSERT_TRUE(decoded) << text << ": " << to_string(decoded.error().code);
    EXPECT_EQ(describe(*decoded), packet) << text;
  }
}

struct refused {
  char const* text;
  errc code;
  std::uint32_t offset;
};
constexpr refused refused_packets[] = {
    {"", errc::empty_packet, 0},
    {"7", errc::unknown_packet_type, 0},
    {"/", errc::unknown_packet_type, 0},
    {" 2[\"a\"]", errc::unknown_packet_type, 0},
    {"a", errc::unknown_packet_type, 0},
    {"\xB2", errc::unknown_packet_type, 0},
    {"5", errc::illegal_attachments, 1},
    {"5-", errc::illegal_attachments, 1},
    {"51", errc::illegal_attachments, 2},
    {"50-[\"a\"]", errc::illegal_attachments, 2},
    {"5000-", errc::illegal_attachments, 4},
    {"5-1-[\"a\"]", errc::illegal_attachments, 1},
    {"5+1-[\"a\"]", errc::illegal_attachments, 1},
    {"5 1-[\"a\"]", errc::illegal_attachments, 1},
    {"51 -[\"a\"]", errc::illegal_attachments, 2},
    {"51e0-[\"a\"]", errc::illegal_attachments, 2},
    {"50x1-[\"a\"]", errc::illegal_attachments, 2},
    {"51.0-[\"a\"]", errc::illegal_attachments, 2},
    {"5/a,[\"a\"]", errc::illegal_attachments, 1},
    {"511-[\"a\"]", errc::too_many_attachments, 3},
    {"5256-[\"a\"]", errc::too_many_attachments, 4},
    {"5257-[\"a\"]", errc::too_many_attachments, 4},
    {"518446744073709551616-[]", errc::too_many_attachments, 21},
    {"518446744073709551617-[]", errc::too_many_attachments, 21},
    {"29007199254740992[\"a\"]", errc::ack_id_too_large, 17},
    {"218446744073709551616[\"a\"]", errc::ack_id_too_large, 21},
    {"2 [\"a\"]", errc::bad_json, 1},
    {"21 [\"a\"]", errc::bad_json, 2},
    {"2\n[\"a\"]", errc::bad_json, 1},
    {"1 ", errc::bad_json, 1},
    {"2/a, [\"a\"]", errc::bad_json, 4},
    {"2-1[\"a\"]", errc::bad_json, 3},
    {"2[\"a\"", errc::bad_json, 5},
    {"2[\"a\"]x", errc::bad_json, 6},
    {"2[\"a\",]", errc::bad_json, 6},
    {"2abc[\"x\"]", errc::bad_json, 1},
    {"2{}", errc::invalid_payload, 1},
    {"2\"a\"", errc::invalid_payload, 1},
    {"2[]", errc::invalid_payload, 1},
    {"2[null]", errc::invalid_payload, 1},
    {"2[true]", errc::invalid_payload, 1},
    {"2[{}]", errc::invalid_payload, 1},
    {"2[[\"a\"]]", errc::invalid_payload, 1},
    {"2/a,7{}", errc::invalid_payload, 5},
    {"51-{}", errc::invalid_payload, 3},
    {"0[]", errc::invalid_payload, 1},
    {"0\"a\"", errc::invalid_payload, 1},
    {"0null", errc::invalid_payload, 1},
    {"1{}", errc::invalid_payload, 1},
    {"1null", errc::invalid_payload, 1},
    {"3{}", errc::invalid_payload, 1},
    {"3null", errc::invalid_payload, 1},
    {"61-{}", errc::invalid_payload, 3},
    {"4[]", errc::invalid_payload, 1},
    {"4true", errc::invalid_payload, 1},
    {"2[\"connect\"]", errc::reserved_event, 1},
    {"2[\"connect_error\"]", errc::reserved_event, 1},
    {"2[\"disconnect\"]", errc::reserved_event, 1},
    {"2[\"disconnecting\"]", errc::reserved_event, 1},
    {"2[\"newListener\"]", errc::reserved_event, 1},
    {"2[\"removeListener\"]", errc::reserved_event, 1},
    {"2[ \"connect\" ]", errc::reserved_event, 1},
    {"2[\"conn\\u0065ct\"]", errc::reserved_event, 1},
    {"2[\"\\u006eewListener\",1]", errc::reserved_event, 1},
    {"51-[\"connect\"]", errc::reserved_event, 3},
};

TEST(socketio_packet, refuses_the_rest_and_says_where) {
  for (auto const& [text, code, offset] : refused_packets) {
    exact const in(text);
    auto const decoded = decode_packet(in.view(), limits);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error(), (error{code, side::remote, offset})) << text << ": " << to_string(code);
  }
}

TEST(socketio_packet, keeps_to_its_limits) {
  EXPECT_TRUE(decode_packet("52-[\"a\"]", {.max_attachments = 2}));
  EXPECT_EQ(decode_packet("53-[\"a\"]", {.max_attachments = 2}).error().code, errc::too_many_attachments);
  EXPECT_EQ(decode_packet("51-[\"a\"]", {.max_attachments = 0}).error().code, errc::too_many_attachments);
  EXPECT_TRUE(decode_packet("5255-[\"a\"]", {.max_attachments = 255}));

  std::string const longest = "/" + std::string(limits.nsp_bytes_max - 1, 'n');
  for (std::string const& tail : {std::string{}, std::string{",[\"a\"]"}}) {
    EXPECT_TRUE(decode_packet("2" + longest + tail, limits));
    EXPECT_EQ(decode_packet("2" + longest + "n" + tail, limits).error().code, errc::namespace_too_long);
  }

  auto const nested = [](int depth) {
    auto const times = static_cast<std::size_t>(depth - 1);
    return "2[\"a\"," + std::string(times, '[') + std::string(times, ']') + "]";
  };
  EXPECT_TRUE(decode_packet(nested(json_depth_default), limits));
  EXPECT_EQ(decode_packet(nested(json_depth_default + 1), limits).error().code, errc::json_too_deep);
  EXPECT_EQ(decode_packet(nested(4), {.json_depth_max = 3}).error().code, errc::json_too_deep);

  EXPECT_EQ(decode_packet("2" + std::string(100'000, '9'), limits).error().code, errc::ack_id_too_large);
  EXPECT_EQ(decode_packet("5" + std::string(100'000, '9') + "-", limits).error().code,
            errc::too_many_attachments);
}

TEST(socketio_packet, names_the_event) {
  struct {
    char const* text;
    char const* raw;
    bool escaped;
  } const cases[] = {
      {R"(2["say",1])", "say", false},
      {R"(2[ "say" ])", "say", false},
      {R"(2["caf\u00e9"])", R"(caf\u00e9)", true},
      {R"(2["a\"]b"])", R"(a\"]b)", true},
      {R"(2[12,"x"])", "12", false},
      {R"(2["12"])", "12", false},
      {R"(2[""])", "", false},
      {"2", "", false},
  };
  for (auto const& [text, raw, escaped] : cases) {
    auto const decoded = decode_packet(text, limits);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(decoded->name_raw(), raw) << text;
    EXPECT_EQ(decoded->name_escaped(), escaped) << text;
  }
}

bool within(std::string_view part, std::string_view text) {
  return part.empty() || part == "/" ||
         (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

/// What holds for every packet that is accepted, whatever its text.
void check(std::string_view text) {
  exact const in(text);
  auto const decoded = decode_packet(in.view(), limits);
  if (!decoded) {
    EXPECT_EQ(decoded.error().blame, side::remote);
    EXPECT_LE(decoded.error().offset, text.size());
    return;
  }
  EXPECT_EQ(static_cast<char>('0' + static_cast<int>(decoded->type)), text[0]);
  EXPECT_TRUE(within(decoded->nsp, in.view()) && decoded->nsp.starts_with('/')) << text;
  EXPECT_TRUE(within(decoded->data, in.view()) && within(decoded->name_raw(), in.view())) << text;
  EXPECT_LE(decoded->id, ack_id_max);
  EXPECT_EQ(decoded->attachments != 0, is_binary(decoded->type)) << text;
  EXPECT_LE(decoded->attachments, limits.max_attachments);
  EXPECT_EQ(decoded->data.empty() || scan_json(decoded->data).has_value(), true) << text;
  EXPECT_FALSE(is_event(decoded->type) && is_reserved_event(decoded->name_raw())) << text;
}

TEST(socketio_packet, stands_every_cut) {
  for (auto const& [text, packet] : accepted_packets) {
    for (std::size_t size = 0; size <= std::strlen(text); ++size) check({text, size});
  }
  for (auto const& [text, code, offset] : refused_packets) {
    for (std::size_t size = 0; size <= std::strlen(text); ++size) check({text, size});
  }
}

TEST(socketio_packet, stands_every_change_of_a_byte) {
  for (auto const& [text, packet] : accepted_packets) {
    std::string changed = text;
    for (char& at : changed) {
      char const old = at;
      for (int c = 0; c < 256; ++c) {
        at = static_cast<char>(c);
        check(changed);
      }
      at = old;
    }
  }
}

}  // namespace socketio_packet_test
