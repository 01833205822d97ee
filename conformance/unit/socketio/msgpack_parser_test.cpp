// The bytes are those of socket.io-msgpack-parser 3.0.2.
#include "siokit/socketio/msgpack_parser.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "siokit/socketio/args.hpp"
#include "siokit/socketio/auth.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"

namespace socketio_msgpack_parser_test {

using namespace siokit;
using namespace siokit::socketio;

std::string hex(std::string_view digits) {
  auto const value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(value(digits[i]) << 4 | value(digits[i + 1]));
  }
  return out;
}

msgpack_parser const msgpack;

constexpr std::string_view connect =
    "84a47479706500a464617461d40000a36e7370a12fa76f7074696f6e7381a8636f6d7072657373c3";
constexpr std::string_view connect_chat = "83a47479706500a46461746181a5746f6b656ea178a36e7370a52f63686174";
constexpr std::string_view disconnect_chat = "82a47479706501a36e7370a52f63686174";
constexpr std::string_view rich_event =
    "85a47479706502a46461746194a16101c402010283a164d7000000000000000000a175d40000a162c40103a36e7370a12fa26964"
    "07a76f70"
    "74696f6e7381a8636f6d7072657373c3";
constexpr std::string_view event_of_numbers =
    "83a47479706502a46461746193a161cb3ff8000000000000cf0000010000000000a36e7370a12f";
constexpr std::string_view empty_ack = "84a47479706503a46461746190a36e7370a12fa2696400";
constexpr std::string_view refusal = "83a47479706504a46461746181a76d657373616765a26e6fa36e7370a22f78";
constexpr std::string_view array_buffer = "83a47479706502a46461746192a27538c702000908a36e7370a12f";

/// What a peer has said: "<type> <nsp> [id] <data> <attachments>", or the error.
std::string read(std::string const& in, decoder_limits const& limits = {}, parser const& by = msgpack) {
  decoder reader;
  auto const packet = reader.feed({frame_kind::binary, in}, limits, &by);
  if (!packet) {
    EXPECT_EQ(packet.error().blame, side::remote);
    EXPECT_FALSE(reader.pending());
    return std::string(to_string(packet.error().code));
  }
  EXPECT_TRUE(*packet) << "a message is a packet";
  std::string out = std::to_string(static_cast<int>((*packet)->type)) + " " + std::string((*packet)->nsp);
  if ((*packet)->has_id) out += " " + std::to_string((*packet)->id);
  if (!(*packet)->data.empty()) out += " " + std::string((*packet)->data);
  for (auto const each : reader.attachments()) out += " <" + std::string(as_text(each)) + ">";
  return out;
}
std::string read_hex(std::string_view digits) {
  return read(hex(digits));
}

/// The one binary Engine.IO packet of a message.
std::string written(result<message> const& standard) {
  if (!standard) return std::string(to_string(standard.error().code));
  auto const form = msgpack.encode(*standard);
  if (!form) {
    EXPECT_EQ(form.error().blame, side::local);
    return std::string(to_string(form.error().code));
  }
  auto packets = form->packets();
  auto const packet = packets.next();
  EXPECT_TRUE(packets.done());
  EXPECT_EQ(packet.kind, frame_kind::binary);
  return std::string(packet.data);
}

TEST(msgpack_parser, reads_what_the_official_package_writes) {
  EXPECT_EQ(read_hex(connect), "0 /");
  EXPECT_EQ(read_hex(connect_chat), R"(0 /chat {"token":"x"})");
  EXPECT_EQ(read_hex(disconnect_chat), "1 /chat");
  EXPECT_EQ(read_hex(rich_event),
            R"(2 / 7 ["a",1,{"_placeholder":true,"num":0},{"d":"1970-01-01T00:00:00.000Z",)"
            R"("u":null,"b":{"_placeholder":true,"num":1}}] <)"
            "\x01\x02> <\x03>");
  EXPECT_EQ(read_hex(event_of_numbers), R"(2 / ["a",1.5,1099511627776])");
  EXPECT_EQ(read_hex(empty_ack), "3 / 0 []");
  EXPECT_EQ(read_hex(refusal), R"(4 /x {"message":"no"})");
}

TEST(msgpack_parser, writes_what_the_official_package_writes) {
  EXPECT_EQ(written(encode_connect("/chat", R"({"token":"x"})")), hex(connect_chat));
  EXPECT_EQ(written(encode_disconnect("/chat")), hex(disconnect_chat));
  EXPECT_EQ(written(encode_event("/", {}, "a", 1.5, 1099511627776)), hex(event_of_numbers));
  EXPECT_EQ(written(encode_ack("/", 0)), hex(empty_ack));
  EXPECT_EQ(written(encode_connect_error("/x", "no")), hex(refusal));
  EXPECT_EQ(written(encode_connect("/")), hex("82a47479706500a36e7370a12f"));
}

TEST(msgpack_parser, writes_binary_data_where_it_belongs) {
  std::string const a = "AA", b = "B";
  auto const event = encode_event("/n", 12, "up", as_bytes(a), std::vector{as_bytes(b), as_bytes(a)});
  EXPECT_EQ(read(written(event)),
            R"(2 /n 12 ["up",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1},)"
            R"({"_placeholder":true,"num":2}]] <AA> <B> <AA>)");
  EXPECT_EQ(read(written(encode_ack("/", 3, as_bytes(a)))), R"(3 / 3 [{"_placeholder":true,"num":0}] <AA>)");
}

TEST(msgpack_parser, an_array_buffer_is_binary_data) {
  EXPECT_EQ(read_hex(array_buffer), "2 / [\"u8\",{\"_placeholder\":true,\"num\":0}] <\x09\x08>");
}

TEST(msgpack_parser, what_auth_holds_is_json) {
  EXPECT_EQ(read_hex("83a47479706500a46461746181a162c40107a36e7370a12f"),
            R"(0 / {"b":{"type":"Buffer","data":[7]}})");
}

TEST(msgpack_parser, refuses_what_is_no_packet) {
  std::string_view const type = "a474797065", nsp = "a36e7370a12f", data = "a464617461", id = "a26964";
  auto const map = [&](int members, std::initializer_list<std::string_view> all) {
    std::string out(1, static_cast<char>(0x80 | members));
    for (auto const each : all) out += hex(each);
    return read(out);
  };
  auto const bad = to_string(errc::bad_msgpack), payload = to_string(errc::invalid_payload),
             unknown = to_string(errc::unknown_packet_type);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "91a161"}), R"(2 / ["a"])");
  EXPECT_EQ(map(3, {data, "91a161", nsp, type, "02"}), R"(2 / ["a"])") << "in any order";
  EXPECT_EQ(map(4, {type, "01", nsp, data, "91a161", type, "02"}), R"(2 / ["a"])") << "the last one counts";
  EXPECT_EQ(map(2, {nsp, data, "91a161"}), unknown);
  EXPECT_EQ(map(3, {type, "05", nsp, data, "91a161"}), unknown) << "BINARY_EVENT does not exist here";
  EXPECT_EQ(map(3, {type, "ff", nsp, data, "91a161"}), unknown);
  EXPECT_EQ(map(3, {type, "a132", nsp, data, "91a161"}), unknown);
  EXPECT_EQ(map(3, {type, "cb4000000000000000", nsp, data, "91a161"}), unknown);
  EXPECT_EQ(map(2, {type, "02", data, "91a161"}), payload) << "no nsp";
  EXPECT_EQ(map(3, {type, "02", "a36e7370", "07", data, "91a161"}), payload);
  EXPECT_EQ(map(3, {type, "02", "a36e7370", "a163", data, "91a161"}), payload) << "no slash";
  EXPECT_EQ(map(3, {type, "02", "a36e7370", "a42f612c62", data, "91a161"}), payload) << "a comma";
  EXPECT_EQ(map(3, {type, "02", "a36e7370", "a22fff", data, "91a161"}), to_string(errc::bad_utf8));
  EXPECT_EQ(map(2, {type, "02", nsp}), payload);
  EXPECT_EQ(map(2, {type, "03", nsp}), payload);
  EXPECT_EQ(map(2, {type, "04", nsp}), payload);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "c0"}), payload);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "07"}), payload);
  EXPECT_EQ(map(3, {type, "03", nsp, data, "07"}), payload) << "else it would be an id";
  EXPECT_EQ(map(3, {type, "02", nsp, data, "90"}), payload);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "91c3"}), payload);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "80"}), payload);
  EXPECT_EQ(map(3, {type, "02", nsp, data, "91a7636f6e6e656374"}), to_string(errc::reserved_event));
  EXPECT_EQ(map(3, {type, "00", nsp, data, "90"}), payload);
  EXPECT_EQ(map(3, {type, "01", nsp, data, "80"}), payload);
  EXPECT_EQ(map(3, {type, "01", nsp, data, "d40000"}), "1 /");
  EXPECT_EQ(map(3, {type, "04", nsp, data, "a161"}), R"(4 / "a")");
  EXPECT_EQ(map(4, {type, "02", nsp, data, "91a161", id, "c0"}), payload);
  EXPECT_EQ(map(4, {type, "02", nsp, data, "91a161", id, "ff"}), payload);
  EXPECT_EQ(map(4, {type, "02", nsp, data, "91a161", id, "d40000"}), R"(2 / ["a"])");
  EXPECT_EQ(map(4, {type, "02", nsp, data, "91a161", id, "cf001fffffffffffff"}),
            R"(2 / 9007199254740991 ["a"])");
  EXPECT_EQ(map(4, {type, "02", nsp, data, "91a161", id, "cf0020000000000000"}),
            to_string(errc::ack_id_too_large));
  EXPECT_EQ(map(3, {type, "02", nsp, "07", "91a161"}), bad) << "keys are text";
  EXPECT_EQ(map(3, {type, "02", nsp, data, "91a161", "00"}), bad) << "something behind it";
  EXPECT_EQ(map(3, {type, "02", nsp, data, "91a1ff"}), to_string(errc::bad_utf8));
  EXPECT_EQ(read(""), bad);
  EXPECT_EQ(read(hex("93")), bad);
  EXPECT_EQ(read(hex("9100")), bad);
}

TEST(msgpack_parser, text_is_not_its_form) {
  decoder reader;
  auto const packet = reader.feed({frame_kind::text, "0"}, {}, &msgpack);
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error(), (error{errc::unexpected_text, side::remote, 0}));
}

TEST(msgpack_parser, refuses_every_beginning_and_survives_noise) {
  std::mt19937 random(11);
  for (auto const each : {connect, connect_chat, disconnect_chat, rich_event, empty_ack, refusal}) {
    std::string const whole = hex(each);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      EXPECT_EQ(read(whole.substr(0, cut)), to_string(errc::bad_msgpack)) << cut;
    }
    for (int i = 0; i < 2000; ++i) {
      std::string broken = whole;
      for (int n = 0; n < 2; ++n) broken[random() % broken.size()] = static_cast<char>(random());
      static_cast<void>(read(broken));
    }
  }
}

TEST(msgpack_parser, keeps_the_limits) {
  std::string const head = hex("83a47479706502a36e7370a12fa464617461");
  std::string binaries = head + hex("dc0015a161");
  for (int i = 0; i < 20; ++i) binaries += hex("c40100");
  EXPECT_TRUE(read(binaries).starts_with("2 /")) << "max_attachments counts messages";
  EXPECT_EQ(read(binaries, {.attachment_bytes_max = 19}), to_string(errc::attachments_too_large));
  EXPECT_TRUE(read(binaries, {.attachment_bytes_max = 20}).starts_with("2 /"));
  EXPECT_EQ(read(binaries, {}, msgpack_parser(19)), to_string(errc::too_many_attachments));
  std::string const deep = head + hex("92a161") + std::string(200, '\x91') + '\x01';
  EXPECT_EQ(read(deep), to_string(errc::json_too_deep));
  EXPECT_TRUE(read(deep, {.json_depth_max = 201}).starts_with("2 /"));
  EXPECT_EQ(read(deep, {.json_depth_max = 200}), to_string(errc::json_too_deep));
  std::string const far = head + hex("92a161") + std::string(1'000'000, '\x91') + '\x01';
  EXPECT_EQ(read(far, {.json_depth_max = UINT16_MAX}), to_string(errc::json_too_deep));
  EXPECT_EQ(read_hex(connect_chat), R"(0 /chat {"token":"x"})");
  EXPECT_EQ(read(hex(connect_chat), {.nsp_bytes_max = 4}), to_string(errc::namespace_too_long));
}

TEST(msgpack_parser, an_object_like_a_placeholder_is_no_way_out) {
  // {"_placeholder":true,"num":N}, then binary data.
  std::string const head = hex("83a47479706502a36e7370a12fa46461746193a161");
  std::string const like = hex("82ac5f706c616365686f6c646572c3a36e756d");
  EXPECT_EQ(read(head + like + hex("07c40100")), to_string(errc::illegal_attachments));
  EXPECT_EQ(read(head + like + hex("0701")), R"(2 / ["a",{"_placeholder":true,"num":7},1])");
}

TEST(msgpack_parser, one_attachment_does_not_become_many) {
  std::string const data(10'000, 'x');
  auto const repeated = [&](int times) {
    std::string text = R"(2["a",{"_placeholder":true,"num":0})";
    for (int i = 1; i < times; ++i) text += R"(,{"_placeholder":true,"num":0})";
    standard_packet const in{text + "]", {as_bytes(data)}, {}};
    decoder reader;
    struct given final : parser {
      explicit given(standard_packet const& what) : packet(what) {}
      result<standard_packet> decode(frame const&, decoder_limits const&) const override {
        return standard_packet{packet.text, packet.attachments, {}};
      }
      result<message> encode(message const& same) const override { return same; }
      standard_packet const& packet;
    } const source(in);
    auto const packet = reader.feed({frame_kind::text, ""}, {}, &source);
    return written(encode_event("/", {}, "echo", args(**packet, reader.attachments())));
  };
  EXPECT_GT(repeated(16).size(), 16 * data.size());
  EXPECT_EQ(repeated(1000), to_string(errc::attachments_too_large));
}

TEST(msgpack_parser, says_what_it_cannot_write) {
  EXPECT_EQ(written(encode_event("/", {}, "a", raw_json{"{bad"})), to_string(errc::bad_json));
  EXPECT_EQ(written(encode_event("/", {}, "a", raw_json{std::string(2000, '[')})),
            to_string(errc::json_too_deep));
  std::vector<bytes_view> const many(256);
  EXPECT_EQ(written(encode_event("/", {}, "a", many)), to_string(errc::too_many_attachments));
}

}  // namespace socketio_msgpack_parser_test
