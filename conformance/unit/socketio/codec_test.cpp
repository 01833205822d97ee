// Packets as text, attachments, acknowledgement tables, reasons.
#include <gtest/gtest.h>

#include "siokit/socketio/ack_table.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"
#include "siokit/socketio/reason.hpp"

namespace socketio_codec_test {

using namespace siokit;
using namespace siokit::socketio;
using namespace std::chrono_literals;

decoder_limits const limits;

TEST(socketio_packet, parts_of_an_event) {
  auto const packet = decode_packet(R"(2/chat,12["say",1])", limits);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->type, packet_type::event);
  EXPECT_EQ(packet->nsp, "/chat");
  EXPECT_TRUE(packet->has_id);
  EXPECT_EQ(packet->id, 12u);
  EXPECT_EQ(packet->name_raw(), "say");
  EXPECT_EQ(packet->data, R"(["say",1])");
  EXPECT_EQ(decode_packet("2[1]", limits)->name_raw(), "1");
  EXPECT_EQ(decode_packet(R"(2["\u0061"])", limits)->name_raw(), R"(\u0061)");
}

TEST(socketio_packet, refusals_say_what_and_where) {
  struct row {
    std::string_view text;
    errc code;
  };
  for (row const& each : std::initializer_list<row>{
           {"", errc::empty_packet},
           {"7", errc::unknown_packet_type},
           {" 2[\"a\"]", errc::unknown_packet_type},
           {"5[\"a\"]", errc::illegal_attachments},
           {"50-[\"a\"]", errc::illegal_attachments},
           {"51e0-[\"a\"]", errc::illegal_attachments},
           {"511-[\"a\"]", errc::too_many_attachments},
           {"599999999999999999999-[\"a\"]", errc::too_many_attachments},
           {"29007199254740992[\"a\"]", errc::ack_id_too_large},
           {"2999999999999999999999999[\"a\"]", errc::ack_id_too_large},
           {"2[\"a\"", errc::bad_json},
           {"2{}", errc::invalid_payload},
           {"2[]", errc::invalid_payload},
           {"2[null]", errc::invalid_payload},
           {R"(2["connect"])", errc::reserved_event},
           {R"(2["\u0063onnect"])", errc::reserved_event},
           {"0[]", errc::invalid_payload},
           {"1{}", errc::invalid_payload},
           {"4[]", errc::invalid_payload},
       }) {
    auto const packet = decode_packet(each.text, limits);
    ASSERT_FALSE(packet) << each.text;
    EXPECT_EQ(packet.error().code, each.code) << each.text << ": " << to_string(packet.error().code);
    EXPECT_EQ(packet.error().blame, side::remote);
    EXPECT_LE(packet.error().offset, each.text.size());
  }
  EXPECT_EQ(decode_packet("2" + std::string(200, '[') + std::string(200, ']'), limits).error().code,
            errc::json_too_deep);
  EXPECT_EQ(decode_packet("0/" + std::string(600, 'x'), limits).error().code, errc::namespace_too_long);
}

TEST(socketio_packet, every_prefix_is_refused_or_read_without_harm) {
  std::string const text = R"(52-/chat,12["say",{"_placeholder":true,"num":0},[1,{"a":"\u00e9"}],null])";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::string const part(text, 0, size);  // its own memory, so that reading past the end is noticed
    static_cast<void>(decode_packet(part, limits));
  }
}

TEST(socketio_decoder, attachments) {
  decoder feed;
  EXPECT_FALSE(*feed.feed({frame_kind::text, R"(52-["a",{"_placeholder":true,"num":1}])"}, limits));
  EXPECT_TRUE(feed.pending());
  std::string first = "first";
  EXPECT_FALSE(*feed.feed({frame_kind::binary, first}, limits));
  first = "!!!!!";
  auto const done = feed.feed({frame_kind::binary, "second"}, limits);
  ASSERT_TRUE(done && *done);
  ASSERT_EQ(feed.attachments().size(), 2u);
  EXPECT_EQ(as_text(feed.attachments()[0]), "first");
  EXPECT_EQ(as_text(feed.attachments()[1]), "second");
  EXPECT_FALSE(feed.pending());
  ASSERT_TRUE(feed.feed({frame_kind::text, "2[\"next\"]"}, limits));
  EXPECT_TRUE(feed.attachments().empty());
}

TEST(socketio_decoder, what_attachments_must_not_do) {
  decoder feed;
  EXPECT_EQ(feed.feed({frame_kind::binary, "x"}, limits).error().code, errc::unexpected_binary);
  EXPECT_FALSE(*feed.feed({frame_kind::text, "51-[\"a\"]"}, limits));
  EXPECT_EQ(feed.feed({frame_kind::text, "2[\"a\"]"}, limits).error().code, errc::unexpected_text);
  decoder_limits small = limits;
  small.attachment_bytes_max = 5;
  EXPECT_FALSE(*feed.feed({frame_kind::text, "52-[\"a\"]"}, small));
  EXPECT_FALSE(*feed.feed({frame_kind::binary, "123"}, small));
  EXPECT_EQ(feed.feed({frame_kind::binary, "456"}, small).error().code, errc::attachments_too_large);
  for (auto const* num : {"1", "-1", "\"0\"", "0.5", "null", "{}"}) {
    std::string const text = R"(51-["a",[{"x":{"_placeholder":true,"num":)" + std::string(num) + "}}]]";
    EXPECT_FALSE(*feed.feed({frame_kind::text, text}, limits));
    EXPECT_EQ(feed.feed({frame_kind::binary, "x"}, limits).error().code, errc::illegal_attachments) << num;
  }
}

TEST(socketio_encoder, reserved_names) {
  for (auto const name : reserved_events) {
    auto const packet = encode_event("/", {}, name);
    ASSERT_FALSE(packet);
    EXPECT_EQ(packet.error(), (error{errc::reserved_event, side::local, 0}));
  }
  EXPECT_TRUE(encode_event("/", {}, "error"));
}

TEST(ack_table, settles_each_once) {
  ack_table<int> table;
  time_point const start{};
  EXPECT_TRUE(table.expect(1, start + 5s, 10));
  EXPECT_TRUE(table.expect(3, never, 30));
  EXPECT_TRUE(table.expect(7, start + 2s, 70));
  EXPECT_EQ(table.expect(7, never, 0).error().code, errc::invalid_argument);
  EXPECT_EQ(table.next_deadline(), start + 2s);
  EXPECT_EQ(table.settle(2), std::nullopt);
  EXPECT_EQ(table.settle(3), 30);
  EXPECT_EQ(table.settle(3), std::nullopt);
  EXPECT_FALSE(table.expire_one(start + 1s));
  EXPECT_EQ(table.expire_one(start + 9s)->second, 70) << "late or not, in the order of deadlines";
  EXPECT_EQ(table.expire_one(start + 9s)->first, 1u);
  EXPECT_FALSE(table.expire_one(start + 9s));
  EXPECT_EQ(table.next_deadline(), never);
  EXPECT_TRUE(table.expect(8, never, 80));
  int sum = 0;
  table.drain([&](std::uint64_t, int value) { sum += value; });
  EXPECT_EQ(sum, 80);
  EXPECT_EQ(table.size(), 0u);
}

TEST(socketio_reason, words_of_the_official_server) {
  EXPECT_EQ(to_string(reason_of(engineio::close_reason::ping_timeout)), "ping timeout");
  EXPECT_EQ(to_string(reason_of(engineio::close_reason::forced_close)), "forced close");
  EXPECT_TRUE(recoverable(disconnect_reason::transport_close));
  EXPECT_FALSE(recoverable(disconnect_reason::parse_error));
  EXPECT_FALSE(recoverable(disconnect_reason::client_namespace_disconnect));
}

}  // namespace socketio_codec_test
