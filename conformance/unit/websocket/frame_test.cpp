#include "siokit/websocket/frame.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace websocket_frame_test {

using namespace siokit;
using namespace siokit::websocket;

std::string header_of(std::uint8_t opcode, bool fin, std::uint64_t size,
                      std::optional<std::uint32_t> mask = {}) {
  char out[frame_header_max];
  return {out, encode_header(out, opcode, fin, size, mask)};
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (int const value : values) out += static_cast<char>(value);
  return out;
}

TEST(websocket_frame, headers) {
  EXPECT_EQ(header_of(opcodes::text, true, 0), bytes({0x81, 0}));
  EXPECT_EQ(header_of(opcodes::binary, false, 125), bytes({0x02, 125}));
  EXPECT_EQ(header_of(opcodes::continuation, true, 126), bytes({0x80, 126, 0, 126}));
  EXPECT_EQ(header_of(opcodes::text, true, 65535), bytes({0x81, 126, 0xFF, 0xFF}));
  EXPECT_EQ(header_of(opcodes::text, true, 65536), bytes({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(header_of(opcodes::text, true, std::numeric_limits<std::int64_t>::max()),
            bytes({0x81, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
  EXPECT_EQ(header_of(opcodes::text | compressed_bit, true, 1), bytes({0xC1, 1}));
  EXPECT_EQ(header_of(opcodes::ping, true, 5, 0x37FA213D), bytes({0x89, 0x85, 0x37, 0xFA, 0x21, 0x3D}));
  EXPECT_EQ(header_of(opcodes::text, true, 65536, 1).size(), frame_header_max);
}

// RFC 6455, section 5.7.
TEST(websocket_frame, samples_of_the_rfc) {
  std::string out;
  append_frame(out, opcodes::text, "Hello");
  EXPECT_EQ(out, bytes({0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}));
  out.clear();
  append_frame(out, opcodes::text, "Hello", 0x37FA213D);
  EXPECT_EQ(out, bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
  append_frame(out, opcodes::pong, "Hello", 0x37FA213D);
  EXPECT_EQ(out.substr(11), bytes({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
}

TEST(websocket_frame, close) {
  char out[control_payload_max];
  auto const close = [&out](std::uint16_t code, std::string_view reason = {}) {
    return std::string(out, encode_close(out, code, reason));
  };
  EXPECT_EQ(close(close_codes::none), "");
  EXPECT_EQ(close(close_codes::normal), bytes({0x03, 0xE8}));
  EXPECT_EQ(close(4999, "bye"), bytes({0x13, 0x87}) + "bye");
  EXPECT_EQ(close(1000, std::string(123, 'a')).size(), 125);
  EXPECT_EQ(close(1000, std::string(124, 'a')).size(), 125);
  // A character of three bytes, at every distance from the limit, is kept as a whole or not at all.
  for (std::size_t before = 118; before <= 123; ++before) {
    std::string const sent = close(1000, std::string(before, 'a') + "\xE2\x82\xAC" + std::string(9, 'b'));
    std::string const fits = std::string(before, 'a') + (before <= 120 ? "\xE2\x82\xAC" : "");
    EXPECT_EQ(sent.substr(2, fits.size()), fits) << before;
    EXPECT_EQ(sent.substr(2 + fits.size()), before <= 120 ? std::string(120 - before, 'b') : "") << before;
  }
  EXPECT_EQ(close(1000, std::string(200, '\x80')).size(), 2u)
      << "not UTF-8: no reason is better than a bad one";
  std::string frame;
  append_close(frame, close_codes::none);
  append_close(frame, close_codes::too_big);
  EXPECT_EQ(frame, bytes({0x88, 0, 0x88, 2, 0x03, 0xF1}));
}

TEST(websocket_frame, mask_at_every_offset_and_length) {
  constexpr std::uint32_t key = 0x0180FF7E;
  constexpr unsigned char key_bytes[] = {0x01, 0x80, 0xFF, 0x7E};
  for (std::size_t offset = 0; offset < 9; ++offset) {
    for (std::size_t size = 0; size < 140; ++size) {
      std::string text;
      std::string expected;
      for (std::size_t i = 0; i < size; ++i) {
        text += static_cast<char>(i * 37);
        expected += static_cast<char>((i * 37) ^ key_bytes[(offset + i) % 4]);
      }
      std::string const plain = text;
      mask_bytes(text, key, offset);
      EXPECT_EQ(text, expected) << offset << ' ' << size;
      mask_bytes(text, key, offset);
      EXPECT_EQ(text, plain);
    }
  }
}

TEST(websocket_frame, mask_does_not_need_alignment) {
  for (std::size_t start = 0; start < 8; ++start) {
    std::string text(64, 'x');
    mask_bytes(std::span<char>(text).subspan(start, 33), 0x20202020);
    EXPECT_EQ(text, std::string(start, 'x') + std::string(33, 'X') + std::string(31 - start, 'x'));
  }
}

TEST(websocket_frame, close_codes_for_the_wire) {
  auto const expected = [](unsigned code) {
    for (unsigned const known :
         {1000u, 1001u, 1002u, 1003u, 1007u, 1008u, 1009u, 1010u, 1011u, 1012u, 1013u, 1014u}) {
      if (code == known) return true;
    }
    return code >= 3000 && code < 5000;
  };
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    ASSERT_EQ(valid_close_code(static_cast<std::uint16_t>(code)), expected(code)) << code;
  }
}

TEST(websocket_frame, close_code_of_errors) {
  EXPECT_EQ(close_code(errc::bad_utf8), 1007);
  EXPECT_EQ(close_code(errc::ws_message_too_large), 1009);
  EXPECT_EQ(close_code(errc::ws_too_many_fragments), 1008);
  EXPECT_EQ(close_code(errc::out_of_memory), 1011);
  for (errc const code :
       {errc::ws_reserved_bits, errc::ws_bad_opcode, errc::ws_not_masked, errc::ws_masked,
        errc::ws_bad_control_frame, errc::ws_bad_continuation, errc::ws_bad_length, errc::ws_bad_close}) {
    EXPECT_EQ(close_code(code), 1002) << to_string(code);
  }
}

}  // namespace websocket_frame_test
