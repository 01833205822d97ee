// Packets and payloads of revision 3, and sessions of its clients.
#include "siokit/engineio/revision3.hpp"

#include "world.hpp"

namespace engineio_revision3_test {

using namespace engineio_test;
using namespace std::string_literals;

// --- Codecs.

TEST(engineio_revision3, packets) {
  for (char type = 0; type <= 6; ++type) {
    auto const binary = revision3::decode_packet({frame_kind::binary, std::string(1, type) + "data"});
    ASSERT_TRUE(binary);
    EXPECT_EQ(static_cast<char>(binary->type), type);
    EXPECT_EQ(binary->data.kind, frame_kind::binary);
  }
  EXPECT_EQ(revision3::decode_packet({frame_kind::text, "4a"})->data, (frame{frame_kind::text, "a"}));
  EXPECT_EQ(revision3::decode_packet({frame_kind::binary, ""}).error().code, errc::empty_packet);
  EXPECT_EQ(revision3::decode_packet({frame_kind::text, ""}).error().code, errc::empty_packet);
  for (auto const* bytes : {"\7", "4", "\xFF"}) {
    EXPECT_EQ(revision3::decode_packet({frame_kind::binary, bytes}).error().code, errc::unknown_packet_type);
  }
}

std::string decode_text(std::string text) {
  auto const out = revision3::decode_text(text);
  if (!out) return std::string(to_string(out.error().code));
  return std::to_string(static_cast<int>(out->type)) + (out->data.kind == frame_kind::text ? "t:" : "b:") +
         std::string(out->data.data);
}

TEST(engineio_revision3, base64_has_its_type_behind_the_b) {
  EXPECT_EQ(decode_text("b4QUJD"), "4b:ABC");
  EXPECT_EQ(decode_text("b4"), "4b:");
  EXPECT_EQ(decode_text("b4!!"), "4b:") << "as lenient as the official server";
  EXPECT_EQ(decode_text("4b"), "4t:b");
  EXPECT_EQ(decode_text("b"), to_string(errc::empty_packet));
  EXPECT_EQ(decode_text(""), to_string(errc::empty_packet));
  EXPECT_EQ(decode_text("bQUJD"), to_string(errc::unknown_packet_type));
  std::string out = "x";
  revision3::append_base64(out, "\4ABC");
  EXPECT_EQ(out, "xb4QUJD");
}

/// Everything in a body, in one line.
std::string read_all(std::string body, payload_form form) {
  std::string log;
  for (payload_reader reader(body, form); !reader.done();) {
    auto const decoded = reader.next();
    if (!decoded) return log + "error";
    log += std::to_string(static_cast<int>(decoded->type));
    log += decoded->data.kind == frame_kind::binary ? "b" : "";
    log += "(" + std::string(decoded->data.data) + ")";
  }
  return log;
}

TEST(engineio_revision3, text_payloads) {
  auto const read = [](std::string body) { return read_all(std::move(body), payload_form::text); };
  EXPECT_EQ(read("6:4hello"), "4(hello)");
  EXPECT_EQ(read("6:4hello2:4!1:26:b4QUI=4:2abc"), "4(hello)4(!)2()4b(AB)2(abc)");
  EXPECT_EQ(read("3:4:2"), "4(:2)");
  EXPECT_EQ(read("0:"), "6()") << "what an encoder makes of no packets";
  EXPECT_EQ(read("0:0:2:4a"), "6()6()4(a)");
  EXPECT_EQ(read("0000000002:4a"), "4(a)");
  // Lengths are those of JavaScript: 2 bytes are one unit, 3 too, 4 are two.
  EXPECT_EQ(read("2:4\xC3\xA9"), "4(\xC3\xA9)");
  EXPECT_EQ(read("44:451-[\"b\",{\"_placeholder\":true,\"num\":0},\"\xC3\xA9\xE2\x82\xAC\"]6:b4AQL/"),
            "4(51-[\"b\",{\"_placeholder\":true,\"num\":0},\"\xC3\xA9\xE2\x82\xAC\"])4b(\1\2\xFF)");
  EXPECT_EQ(read("3:4\xF0\x9F\x98\x80"
                 "2:4b"),
            "4(\xF0\x9F\x98\x80)4(b)");
  for (auto const* hostile : {"",
                              ":",
                              "4a",
                              "x:4a",
                              "-1:4a",
                              "+2:4a",
                              " 2:4a",
                              "2 :4a",
                              "1e1:4a",
                              "0x2:4a",
                              "2.0:4a",
                              "2:4",
                              "2:",
                              "99999999999999999999:4a",
                              "00000000002:4a",
                              "4294967298:4a",
                              "9999999999:4a",
                              "2",
                              "1:7",
                              "1:x",
                              "2:4\xF0\x9F\x98\x80",
                              "2:4\x80",
                              "2:4\xC3",
                              "3:4\xED\xA0\x80"}) {
    EXPECT_EQ(read(hostile), "error") << hostile;
    EXPECT_EQ(read("2:4b"s + hostile), *hostile == 0 ? "4(b)" : "4(b)error") << hostile;
  }
}

TEST(engineio_revision3, binary_payloads) {
  auto const read = [](std::string body) { return read_all(std::move(body), payload_form::binary); };
  EXPECT_EQ(read("\0\2\xFF"
                 "40"
                 "\1\4\xFF"
                 "\4\1\2\xFF"s),
            "4(0)4b(\1\2\xFF)");
  EXPECT_EQ(read("\0\1\0\xFF"
                 "4123456789"s),
            "4(123456789)");
  EXPECT_EQ(read("\0\6\xFF"
                 "b4QUI="s),
            "4b(AB)");
  EXPECT_EQ(read("\0\3\xFF"
                 "4\xC3\xA9"s),
            "4(\xC3\xA9)")
      << "lengths count bytes";
  EXPECT_EQ(read(""), "") << "no packets";
  for (auto const& hostile : {"\0"s,
                              "\1"s,
                              "\0\xFF"s,
                              "\0\xFF\0"s,
                              "\0\2"s,
                              "\0\2\xFF"s,
                              "\0\2\xFF\x34"s,
                              "\0\x0A\xFF\x34"s,
                              "\0\0\xFF"s,
                              "\1\0\xFF"s,
                              "\1\1\xFF\7"s,
                              "\0\1\xFF\x37"s,
                              "\0\2\xFF\x34\x80"s,
                              "\0\4\xFF\x34\xED\xA0\x80"s,
                              "\0"s + std::string(400, '\1'),
                              "\0"s + std::string(400, '\0'),
                              "\0"s + std::string(11, '\0') + "\1\xFF\x32"s,
                              "\0\x0A\1\xFF\x32"s,
                              "\0\4\2\x09\4\x09\6\7\2\x09\6\xFF\x34"s,
                              "4hello"s}) {
    EXPECT_EQ(read(hostile), "error") << testing::PrintToString(hostile);
    EXPECT_EQ(read("\0\1\xFF\x32"s + hostile), "2()error") << testing::PrintToString(hostile);
  }
}

TEST(engineio_revision3, writes_what_it_reads) {
  message const parts[] = {text_message("4\xC3\xA9\xF0\x9F\x98\x80"),
                           revision3::encode_packet({frame_kind::binary, "AB"}, false)};
  std::string text, binary;
  for (auto const& each : parts) {
    append_message(text, each, payload_form::text);
    append_message(binary, each, payload_form::binary);
  }
  EXPECT_EQ(text,
            "4:4\xC3\xA9\xF0\x9F\x98\x80"
            "6:b4QUI=");
  EXPECT_EQ(binary,
            "\0\7\xFF"
            "4\xC3\xA9\xF0\x9F\x98\x80\1\3\xFF\4AB"s);
  EXPECT_EQ(read_all(text, payload_form::text), "4(\xC3\xA9\xF0\x9F\x98\x80)4b(AB)");
  EXPECT_EQ(read_all(binary, payload_form::binary), "4(\xC3\xA9\xF0\x9F\x98\x80)4b(AB)");
}

/// Cut anywhere, a payload gives the packets before the cut, and no others.
TEST(engineio_revision3, payloads_cut_anywhere) {
  std::string const text =
      "6:4hello3:4\xF0\x9F\x98\x80"
      "6:b4QUI=";
  std::string const binary =
      "\0\6\xFF"
      "4hello\1\3\xFF\4AB"s;
  for (std::size_t size = 0; size < text.size(); ++size) {
    auto const log = read_all(text.substr(0, size), payload_form::text);
    bool const between = size == 8 || size == 15;
    EXPECT_EQ(log.ends_with("error"), !between) << size;
    EXPECT_EQ(log.starts_with("4(hello)"), size >= 8) << size;
  }
  for (std::size_t size = 1; size < binary.size(); ++size) {
    auto const log = read_all(binary.substr(0, size), payload_form::binary);
    EXPECT_EQ(log.ends_with("error"), size != 9) << size;
    EXPECT_EQ(log.starts_with("4(hello)"), size >= 9) << size;
  }
}

/// With any one byte changed, reading ends, and finds no more data than there was.
TEST(engineio_revision3, payloads_with_a_byte_changed) {
  std::string const text =
      "6:4hello0:3:4\xF0\x9F\x98\x80"
      "10:b4QUJDREVG";
  std::string const binary =
      "\0\6\xFF"
      "4hello\1\3\xFF\4AB\0\1\0\xFF"
      "4\xF0\x9F\x98\x80hello"s;
  for (auto const& [good, form] : {std::pair{text, payload_form::text}, {binary, payload_form::binary}}) {
    ASSERT_FALSE(read_all(good, form).ends_with("error"));
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string bad = good;
        bad[at] = static_cast<char>(byte);
        EXPECT_LE(read_all(bad, form).size(), 3 * good.size());
      }
    }
  }
}

// --- Sessions.

server_config allowing() {
  server_config config;
  config.allow_eio3 = true;
  return config;
}

constexpr std::string_view polling = "EIO=3&transport=polling&sid=sid1";
constexpr std::string_view open_packet = R"(0{"sid":"sid1","upgrades":["websocket"],)"
                                         R"("pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})";

TEST(engineio_revision3, is_refused_unless_allowed) {
  std::string const payload = "200 " + std::to_string(open_packet.size()) + ":" + std::string(open_packet);
  for (auto const* query : {"EIO=3&transport=polling", "transport=polling", "EIO=5&transport=polling"}) {
    world strict;
    EXPECT_EQ(strict.answer(strict.get(query)), R"(400 {"code":5,"message":"Unsupported protocol version"})");
    world w(allowing());
    auto const asked = w.get(query);
    EXPECT_EQ(w.answer(asked), payload) << query;
    EXPECT_EQ(w.content_type(asked), "text/plain; charset=UTF-8");
    EXPECT_EQ(w.server_.find(w.opened_)->revision(), 3);
  }
}

TEST(engineio_revision3, a_session_keeps_its_revision) {
  world w(allowing());
  w.get("EIO=3&transport=polling");
  EXPECT_EQ(w.answer(w.get("EIO=4&transport=polling&sid=sid1")), R"(400 {"code":3,"message":"Bad request"})");
  EXPECT_FALSE(w.open_wire("EIO=4&transport=websocket&sid=sid1"));
  EXPECT_EQ(w.answer(w.get("transport=polling&sid=sid1")), "") << "a poll that waits";
  world newer(allowing());
  newer.open_polling();
  EXPECT_EQ(newer.answer(newer.get(polling)), R"(400 {"code":3,"message":"Bad request"})");
}

TEST(engineio_revision3, polling_both_ways) {
  world w(allowing());
  w.get("EIO=3&transport=polling");
  auto const post = w.post(polling, "3:4\xC3\xA9!2:4b");
  EXPECT_EQ(w.answer(post), "200 ok");
  EXPECT_EQ(w.events(), "opened;message \xC3\xA9!;message b;");
  auto const poll = w.get(polling);
  EXPECT_EQ(w.answer(poll), "200 3:4\xC3\xA9!2:4b");
  EXPECT_EQ(w.content_type(poll), "text/plain; charset=UTF-8");
}

/// An event with an attachment, as Socket.IO sends it.
message with_attachment() {
  message_builder out(0);
  out.append("4\xC3\xA9");
  out.close_text();
  out.attach(as_bytes("AB"));
  return out.finish();
}

TEST(engineio_revision3, polling_with_binary_data) {
  world w(allowing());
  w.echo_ = false;
  w.get("EIO=3&transport=polling");
  EXPECT_TRUE(w.server_.send(w.opened_, with_attachment()));
  EXPECT_TRUE(w.server_.send(w.opened_, text_message("4c")));
  auto const poll = w.get(polling);
  EXPECT_EQ(w.answer(poll),
            "200 \0\3\xFF"
            "4\xC3\xA9\1\3\xFF\4AB\0\2\xFF"
            "4c"s);
  EXPECT_EQ(w.content_type(poll), "application/octet-stream");
  w.headers_ = {{{"Content-Type", "application/octet-stream"}}};
  EXPECT_EQ(w.answer(w.post(polling,
                            "\0\2\xFF"
                            "4a\1\4\xFF\4\1\2\xFF"s)),
            "200 ok");
  w.headers_ = {{{"Content-Type", "text/plain;charset=UTF-8"}}};
  EXPECT_EQ(w.answer(w.post(polling, "6:b4QUI=")), "200 ok");
  EXPECT_EQ(w.events(), "opened;message a;message bin:\1\2\xFF;message bin:AB;");
}

TEST(engineio_revision3, polling_without_binary_frames) {
  world w(allowing());
  w.get("EIO=3&transport=polling&b64=1");
  EXPECT_TRUE(w.server_.send(w.opened_, with_attachment()));
  auto const poll = w.get(polling);
  EXPECT_EQ(w.answer(poll),
            "200 2:4\xC3\xA9"
            "6:b4QUI=");
  EXPECT_EQ(w.content_type(poll), "text/plain; charset=UTF-8");
}

TEST(engineio_revision3, revision_4_still_refuses_binary_bodies) {
  world w(allowing());
  w.open_polling();
  w.headers_ = {{{"Content-Type", "application/octet-stream"}}};
  EXPECT_EQ(w.answer(w.post("EIO=4&transport=polling&sid=sid1", "\4A")), "400 ");
  EXPECT_EQ(w.events(),
            "opened;closed transport error (" + std::string(to_string(errc::bad_content_type)) + ");");
}

TEST(engineio_revision3, websocket_both_ways) {
  world w(allowing());
  w.echo_ = false;
  wire const wire = w.open_wire("EIO=3&transport=websocket");
  EXPECT_TRUE(w.sent(wire).starts_with(R"(0{"sid":"sid1","upgrades":[],)"));
  w.receive(wire, "4hi");
  w.receive(wire, "\4raw", frame_kind::binary);
  w.receive(wire, "b4QUI=");
  EXPECT_EQ(w.events(), "opened;message hi;message bin:raw;message bin:AB;");
  EXPECT_TRUE(w.server_.send(w.opened_, with_attachment()));
  w.pump();
  EXPECT_EQ(w.sent(wire), "4\xC3\xA9;\4AB;");
  w.receive(wire, "\7", frame_kind::binary);
  EXPECT_EQ(w.events(), "closed parse error (" + std::string(to_string(errc::unknown_packet_type)) + ");");
}

TEST(engineio_revision3, websocket_without_binary_frames) {
  world w(allowing());
  wire const wire = w.open_wire("EIO=3&transport=websocket&b64=1");
  static_cast<void>(w.sent(wire));
  EXPECT_TRUE(w.server_.send(w.opened_, with_attachment()));
  w.pump();
  EXPECT_EQ(w.sent(wire), "4\xC3\xA9;b4QUI=;");
}

TEST(engineio_revision3, upgrade) {
  world w(allowing());
  w.get("EIO=3&transport=polling");
  auto const poll = w.get(polling);
  wire const probe = w.open_wire("EIO=3&transport=websocket&sid=sid1");
  w.receive(probe, "2probe");
  EXPECT_EQ(w.sent(probe), "3probe;");
  w.pass(100ms);
  EXPECT_EQ(w.answer(poll), "200 1:6");
  EXPECT_TRUE(w.server_.send(w.opened_, with_attachment()));
  w.receive(probe, "5");
  EXPECT_EQ(w.events(), "opened;upgraded;");
  EXPECT_EQ(w.sent(probe), "4\xC3\xA9;\4AB;");
  w.receive(probe, "2");
  EXPECT_EQ(w.sent(probe), "3;");
}

TEST(engineio_revision3, the_client_pings) {
  world w(allowing());
  wire const wire = w.open_wire("EIO=3&transport=websocket");
  static_cast<void>(w.sent(wire));
  w.pass(44s);
  w.receive(wire, "2data");
  EXPECT_EQ(w.sent(wire), "3;") << "without the data";
  w.pass(44s);
  w.receive(wire, "4busy");
  w.pass(999ms);
  EXPECT_EQ(w.events(), "opened;message busy;");
  EXPECT_EQ(w.sent(wire), "4busy;") << "the server pings nobody";
  w.pass(1ms);
  EXPECT_EQ(w.events(), "closed ping timeout (" + std::string(to_string(errc::ping_timeout)) + ");")
      << "only pings count";
}

TEST(engineio_revision3, pings_while_polling) {
  world w(allowing());
  w.get("EIO=3&transport=polling");
  w.pass(30s);
  EXPECT_EQ(w.answer(w.post(polling, "1:2")), "200 ok");
  EXPECT_EQ(w.answer(w.get(polling)), "200 1:3");
  w.pass(45s);
  EXPECT_EQ(w.events(), "opened;closed ping timeout (" + std::string(to_string(errc::ping_timeout)) + ");");
}

TEST(engineio_revision3, a_pong_goes_the_wrong_way) {
  world w(allowing());
  wire const wire = w.open_wire("EIO=3&transport=websocket");
  w.receive(wire, "3");
  EXPECT_EQ(w.events(),
            "opened;closed transport error (" + std::string(to_string(errc::heartbeat_direction)) + ");");
}

TEST(engineio_revision3, heartbeats_of_both_revisions_side_by_side) {
  world w(allowing());
  wire const older = w.open_wire("EIO=3&transport=websocket");
  w.pass(10s);
  wire const newer = w.open_wire("EIO=4&transport=websocket");
  static_cast<void>(w.sent(older) + w.sent(newer));
  w.pass(25s);  // at 35
  EXPECT_EQ(w.sent(newer), "2;");
  w.receive(newer, "3");
  w.pass(9s);  // at 44
  EXPECT_EQ(w.events(), "opened;opened;");
  w.pass(1s);
  EXPECT_EQ(w.events(), "closed ping timeout (" + std::string(to_string(errc::ping_timeout)) + ");");
  EXPECT_EQ(w.sent(older), "shut;");
  w.pass(15s);  // at 60
  EXPECT_EQ(w.sent(newer), "2;");
  EXPECT_EQ(w.server_.size(), 1u);
}

TEST(engineio_revision3, a_peer_that_pings_and_never_reads) {
  auto config = allowing();
  config.outbox_bytes_max = 10'000;
  world w(config);
  w.get("EIO=3&transport=polling");
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += "1:2";
  EXPECT_EQ(w.answer(w.post(polling, pings)), "200 ok");
  EXPECT_EQ(w.events(), "opened;closed transport error (" + std::string(to_string(errc::outbox_full)) + ");");
  EXPECT_EQ(w.server_.size(), 0u);
}

TEST(engineio_revision3, ends) {
  auto const error = [](errc code) { return std::string(to_string(code)); };
  {
    world w(allowing());
    w.get("EIO=3&transport=polling");
    auto const poll = w.get(polling);
    EXPECT_EQ(w.answer(w.post(polling, "1:1")), "200 ok");
    EXPECT_EQ(w.answer(poll), "200 1:6");
    EXPECT_EQ(w.events(), "opened;closed transport close;");
  }
  {
    world w(allowing());
    w.get("EIO=3&transport=polling");
    auto const poll = w.get(polling);
    EXPECT_EQ(w.answer(w.post(polling, "4hello")), "200 ok");
    EXPECT_EQ(w.answer(poll), "200 1:1");
    EXPECT_EQ(w.events(), "opened;closed parse error (" + error(errc::bad_length) + ");");
  }
  {
    world w(allowing());
    w.get("EIO=3&transport=polling");
    w.server_.close(w.opened_, w.now_);
    w.pump();
    EXPECT_EQ(w.answer(w.get(polling)), "200 1:61:1");
    EXPECT_EQ(w.server_.size(), 0u);
  }
}

}  // namespace engineio_revision3_test
