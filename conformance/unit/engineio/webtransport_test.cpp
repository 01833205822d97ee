#include "siokit/engineio/webtransport.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engineio_webtransport_test {

using namespace siokit;
using namespace siokit::engineio;

std::string stream_of(std::vector<std::pair<frame_kind, std::string>> const& packets) {
  std::string out;
  for (auto const& [kind, data] : packets) append_webtransport_packet(out, {kind, data});
  return out;
}

struct outcome {
  std::vector<std::pair<frame_kind, std::string>> packets{};
  errc failure = errc::ok;
  friend bool operator==(outcome const&, outcome const&) = default;
};
/// Feeds `stream` in pieces of `step` bytes, each from memory that is gone afterwards.
outcome read(std::string const& stream, std::size_t step = SIZE_MAX, std::size_t payload_max = 100'000) {
  webtransport_decoder decoder(payload_max);
  outcome out;
  for (std::size_t at = 0; at < stream.size();) {
    std::string const piece = stream.substr(at, step);
    at += piece.size();
    for (std::string_view rest = piece;;) {
      auto const packet = decoder.next(rest);
      if (!packet) {
        EXPECT_EQ(packet.error().blame, side::remote);
        EXPECT_EQ(decoder.next(rest).error().code, packet.error().code) << "and for ever";
        out.failure = packet.error().code;
        return out;
      }
      if (!*packet) {
        EXPECT_TRUE(rest.empty());
        break;
      }
      out.packets.emplace_back((*packet)->kind, (*packet)->data);
    }
  }
  return out;
}

TEST(webtransport, frames_as_the_official_packages_do) {
  using namespace std::string_literals;
  EXPECT_EQ(stream_of({{frame_kind::text, "4hello"}}), "\x06"s + "4hello");
  EXPECT_EQ(stream_of({{frame_kind::binary, "\1\2\3"}}), "\x83\1\2\3");
  std::string const medium(126, 'm'), large(65'536, 'l');
  EXPECT_EQ(stream_of({{frame_kind::text, medium}}), "\x7e\0\x7e"s + medium);
  EXPECT_EQ(stream_of({{frame_kind::binary, medium}}), "\xfe\0\x7e"s + medium);
  EXPECT_EQ(stream_of({{frame_kind::binary, large}}), "\xff\0\0\0\0\0\1\0\0"s + large);
  std::string out;
  message_builder both(0);
  both.append("4x");
  both.close_text();
  both.attach(as_bytes("y"));
  append_webtransport_message(out, both.finish());
  EXPECT_EQ(out,
            "\x02"
            "4x\x81y");
}

TEST(webtransport, reads_whole_and_in_pieces) {
  std::vector<std::pair<frame_kind, std::string>> packets;
  for (std::size_t const size : {1u, 125u, 126u, 127u, 65'535u, 65'536u}) {
    packets.emplace_back(frame_kind::text, std::string(size, 't'));
    packets.emplace_back(frame_kind::binary, std::string(size, '\xff'));
  }
  packets.emplace_back(frame_kind::text, "4\xc3\xa9");
  std::string const stream = stream_of(packets);
  for (std::size_t const step :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}, SIZE_MAX}) {
    EXPECT_EQ(read(stream, step), (outcome{packets})) << step;
  }
}

TEST(webtransport, does_not_copy_what_is_whole) {
  std::string const stream = stream_of({{frame_kind::text, "4hello"}, {frame_kind::binary, "bytes"}});
  webtransport_decoder decoder(100);
  std::string_view rest = stream;
  EXPECT_EQ((*decoder.next(rest))->data.data(), stream.data() + 1);
  EXPECT_EQ((*decoder.next(rest))->data.data(), stream.data() + 8);
  EXPECT_FALSE(*decoder.next(rest));
}

TEST(webtransport, accepts_lengths_in_a_longer_form) {
  using namespace std::string_literals;
  EXPECT_EQ(read("\x7e\0\1"s + "6"), (outcome{{{frame_kind::text, "6"}}}));
  EXPECT_EQ(read("\x7f\0\0\0\0\0\0\0\1"s + "6"), (outcome{{{frame_kind::text, "6"}}}));
}

TEST(webtransport, refuses_what_is_empty_too_long_or_not_text) {
  using namespace std::string_literals;
  struct {
    std::string stream;
    errc code;
  } const cases[] = {
      {"\0"s, errc::empty_packet},
      {"\x80"s, errc::empty_packet},
      {"\x7e\0\0"s, errc::empty_packet},
      {"\x06"
       "4hello"s,
       errc::payload_too_large},
      {"\x7e\0\x06"s, errc::payload_too_large},
      {"\xff\0\0\0\0\0\1\0\0"s, errc::payload_too_large},
      {"\x7f\0\x20\0\0\0\0\0\0"s, errc::payload_too_large},
      {"\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s, errc::payload_too_large},
      {"\x02"
       "4\xff"s,
       errc::bad_utf8},
  };
  for (auto const& [stream, code] : cases) {
    for (std::size_t const step : {std::size_t{1}, SIZE_MAX}) EXPECT_EQ(read(stream, step, 5).failure, code);
  }
  EXPECT_EQ(read("\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s, 1, SIZE_MAX).failure, errc::payload_too_large);
  auto const before = read(stream_of({{frame_kind::text, "42"}}) + "\0"s);
  EXPECT_EQ(before.packets.size(), 1u) << "what came before an error is told";
  EXPECT_EQ(before.failure, errc::empty_packet);
}

TEST(webtransport, a_length_alone_costs_nothing) {
  webtransport_decoder decoder(SIZE_MAX >> 1);
  std::string_view rest("\x7f\x00\x10\x00\x00\x00\x00\x00\x00xyz", 12);
  EXPECT_FALSE(*decoder.next(rest));
  EXPECT_TRUE(rest.empty());
}

TEST(webtransport, the_first_packet) {
  auto const first = [](std::string_view id) {
    return std::string(encode_webtransport_open(id).packets().next().data);
  };
  EXPECT_EQ(first({}), "0");
  EXPECT_EQ(first("abc"), R"(0{"sid":"abc"})");
  EXPECT_EQ(*read_webtransport_open({frame_kind::text, "0"}), "");
  EXPECT_EQ(*read_webtransport_open({frame_kind::text, R"(0{"sid":"abc"})"}), "abc");
  for (std::string_view const bad :
       {"", "2probe", "4", "00", "0{}", R"(0{"sid":1})", R"(0{"sid":""})", "0[", "0null", "0\"x\""}) {
    EXPECT_EQ(read_webtransport_open({frame_kind::text, bad}).error(),
              (error{errc::bad_open_packet, side::remote, 0}))
        << bad;
  }
  EXPECT_FALSE(read_webtransport_open({frame_kind::binary, "0"}));
}

}  // namespace engineio_webtransport_test
