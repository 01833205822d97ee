// The stateless parts of engineio/: packets, payloads, queries, request heads.
#include <gtest/gtest.h>

#include "siokit/engineio/open_packet.hpp"
#include "siokit/engineio/payload.hpp"
#include "siokit/engineio/request.hpp"

namespace engineio_codec_test {

using namespace siokit;
using namespace siokit::engineio;

TEST(engineio_packet, types) {
  for (int type = 0; type <= 6; ++type) {
    std::string const text = std::to_string(type) + "data";
    auto const decoded = decode_packet({frame_kind::text, text});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(static_cast<int>(decoded->type), type);
    EXPECT_EQ(decoded->data.data, "data");
  }
  EXPECT_EQ(decode_packet({frame_kind::binary, "\x34"})->type, packet_type::message);
  EXPECT_EQ(decode_packet({frame_kind::binary, ""})->data.kind, frame_kind::binary);
}

TEST(engineio_packet, errors) {
  EXPECT_EQ(decode_packet({frame_kind::text, ""}).error(), (error{errc::empty_packet, side::remote, 0}));
  for (auto const* text : {"7", "8", "9", "a", " 4", "{", "-", "\x1e", "\xFF"}) {
    EXPECT_EQ(decode_packet({frame_kind::text, text}).error().code, errc::unknown_packet_type) << text;
  }
}

/// Everything in a body, in one line.
std::string read_all(std::string body) {
  std::string log;
  for (payload_reader reader(body); !reader.done();) {
    auto const decoded = reader.next();
    if (!decoded) return log + "error";
    log += std::to_string(static_cast<int>(decoded->type));
    log += decoded->data.kind == frame_kind::binary ? "b" : "";
    log += "(" + std::string(decoded->data.data) + ")";
  }
  return log;
}

TEST(engineio_payload, reads_packets_until_the_first_bad_one) {
  EXPECT_EQ(read_all("4hello"), "4(hello)");
  EXPECT_EQ(read_all("4a\x1e"
                     "bQUI=\x1e"
                     "2\x1e"
                     "b"),
            "4(a)4b(AB)2()4b()");
  EXPECT_EQ(read_all(""), "error");
  EXPECT_EQ(read_all("4a\x1e"), "4(a)error");
  EXPECT_EQ(read_all("4a\x1e"
                     "x\x1e"
                     "4b"),
            "4(a)error");
}

TEST(engineio_payload, writes_what_it_reads) {
  std::string body;
  append_message(body, text_message("4a"));
  append_message(body, binary_message(as_bytes("AB")));
  append_packet(body, {frame_kind::binary, ""});
  EXPECT_EQ(body,
            "4a\x1e"
            "bQUI=\x1e"
            "b");
  EXPECT_EQ(read_all(body), "4(a)4b(AB)4b()");
}

TEST(engineio_query, decodes_only_what_is_asked_for) {
  query_view const query("/path?a=1&b=%20x&&c&sid=x=y&a=2");
  EXPECT_EQ(query.find("a"), "2") << "the last one counts";
  EXPECT_EQ(query.find("b"), "%20x");
  EXPECT_EQ(query.find("c"), "");
  EXPECT_EQ(query.find("sid"), "x=y");
  EXPECT_EQ(query.find("d"), std::nullopt);
  EXPECT_EQ(query_view("/path").find("a"), std::nullopt);
  for (auto const& [in, out] : {std::pair{"a+b%41", "a bA"},
                                {"%", "%"},
                                {"%4", "%4"},
                                {"%zz", "%zz"},
                                {"%e2%82%AC", "\xE2\x82\xAC"}}) {
    EXPECT_EQ(percent_decode(in), out);
  }
}

TEST(engineio_request, origins_without_control_characters) {
  for (auto const& [origin, valid] :
       {std::pair{"http://good.example", true}, {"tab\tbed", true}, {"a\x01", false}, {"a\x7F", false}}) {
    EXPECT_EQ(valid_header_value(origin), valid);
  }
}

TEST(engineio_request, head_is_kept_in_one_block) {
  header const headers[] = {{"Host", "x"}, {"Cookie", "a=b:c"}, {"Empty", ""}};
  request_head head({"GET", "/engine.io/?EIO=4", headers, "::1", true});
  EXPECT_EQ(head.method(), "GET");
  EXPECT_EQ(head.target(), "/engine.io/?EIO=4");
  EXPECT_EQ(head.remote_address(), "::1");
  EXPECT_TRUE(head.secure());
  EXPECT_EQ(head.find("COOKIE"), "a=b:c");
  EXPECT_EQ(head.find("empty"), "");
  EXPECT_EQ(head.find("nothing"), std::nullopt);
  EXPECT_FALSE(head.header_at(3).has_value());
  head.drop_headers();
  EXPECT_EQ(head.find("cookie"), std::nullopt);
  EXPECT_EQ(head.remote_address(), "::1");
}

TEST(engineio_config, path_with_and_without_slash) {
  EXPECT_EQ(normalized_path("/socket.io"), "/socket.io/");
  EXPECT_EQ(normalized_path("/socket.io/"), "/socket.io/");
  EXPECT_EQ(normalized_path("/socket.io/", false), "/socket.io");
  server_config const config;
  EXPECT_TRUE(config.serves("/engine.io/?EIO=4"));
  EXPECT_TRUE(config.serves("/engine.io/default/?EIO=4"));
  EXPECT_FALSE(config.serves("/engine.io?EIO=4"));
}

}  // namespace engineio_codec_test
