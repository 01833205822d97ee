#include "siokit/websocket/decoder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "unit/heap.hpp"

namespace websocket_decoder_test {

using namespace siokit;
using namespace siokit::websocket;
using namespace std::literals;
using conformance::heap;
using conformance::heap_log;

constexpr std::uint32_t key = 0x37FA213D;

/// A frame as a peer of `own` sends it.
std::string frame_to(role own, std::uint8_t opcode, std::string_view payload, bool fin = true) {
  std::string out;
  std::optional<std::uint32_t> mask;
  if (own == role::server) mask = key;
  append_frame(out, opcode, payload, mask);
  if (!fin) out[0] = static_cast<char>(out[0] & 0x7F);
  return out;
}
std::string sent(std::uint8_t opcode, std::string_view payload, bool fin = true) {
  return frame_to(role::server, opcode, payload, fin);
}
std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (int const value : values) out += static_cast<char>(value);
  return out;
}

std::string describe(event const& what) {
  std::string const data(what.data);
  switch (what.type) {
    case event::kind::ping: return "ping(" + data + ")";
    case event::kind::pong: return "pong(" + data + ")";
    case event::kind::close: return "close(" + std::to_string(what.code) + "," + data + ")";
    case event::kind::message: break;
  }
  return (what.payload == frame_kind::text ? "text" : "binary") + (what.compressed ? "*("s : "("s) + data +
         ")";
}

struct setup {
  role own = role::server;
  decoder_limits limits{};
  bool allow_rsv1 = false;
};

/// Everything that comes out of `stream` when it is read in pieces of these sizes, the last one for ever.
/// Each piece is in memory of its own that ends where it ends and is gone afterwards.
std::string decode(std::string_view stream, std::vector<std::size_t> const& pieces, setup const& with = {}) {
  decoder reader(with.own, with.limits, with.allow_rsv1);
  std::string out;
  for (std::size_t i = 0; !stream.empty(); ++i) {
    std::size_t const size = std::min(stream.size(), pieces[std::min(i, pieces.size() - 1)]);
    std::vector<char> piece(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
    stream.remove_prefix(size);
    std::span<char> input(piece);
    while (true) {
      auto const got = reader.next(input);
      if (!got) {
        EXPECT_EQ(got.error().blame, side::remote);
        EXPECT_TRUE(reader.ended());
        return out + "!" + std::string(to_string(got.error().code));
      }
      if (!*got) break;
      out += describe(**got);
      if (reader.ended()) return out;
    }
    EXPECT_TRUE(input.empty());
  }
  return out;
}
std::string whole(std::string_view stream, setup const& with = {}) {
  return decode(stream, {SIZE_MAX}, with);
}
std::string by_byte(std::string_view stream, setup const& with = {}) {
  return decode(stream, {1}, with);
}
/// Both ways; they must agree.
std::string both(std::string_view stream, setup const& with = {}) {
  std::string const out = whole(stream, with);
  EXPECT_EQ(by_byte(stream, with), out);
  return out;
}
std::string failure(errc code) {
  return "!" + std::string(to_string(code));
}

static_assert(sizeof(decoder) <= 24);
static_assert(!std::is_copy_constructible_v<decoder> && std::is_nothrow_move_constructible_v<decoder>);

setup const client{.own = role::client};

// RFC 6455, section 5.7.
TEST(websocket_decoder, samples_of_the_rfc) {
  EXPECT_EQ(both(bytes({0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}), client), "text(Hello)");
  EXPECT_EQ(both(bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})), "text(Hello)");
  EXPECT_EQ(both(bytes({0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F}), client), "text(Hello)");
  EXPECT_EQ(both(bytes({0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}), client), "ping(Hello)");
  EXPECT_EQ(both(bytes({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})), "pong(Hello)");
  std::string const data(65536, '\xFF');
  EXPECT_EQ(both(bytes({0x82, 0x7E, 0x01, 0x00}) + data.substr(0, 256), client),
            "binary(" + data.substr(0, 256) + ")");
  EXPECT_EQ(whole(bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}) + data, client), "binary(" + data + ")");
}

TEST(websocket_decoder, lengths) {
  for (role const own : {role::server, role::client}) {
    for (std::size_t const size : {0u, 1u, 2u, 7u, 8u, 9u, 124u, 125u, 126u, 127u, 128u, 255u, 256u, 65534u,
                                   65535u, 65536u, 65537u, 100000u}) {
      std::string data;
      for (std::size_t i = 0; i < size; ++i) data += static_cast<char>(i * 31);
      setup const with{.own = own};
      std::string const stream = frame_to(own, opcodes::binary, data) + frame_to(own, opcodes::text, "end");
      std::string const expected = "binary(" + data + ")text(end)";
      EXPECT_EQ(whole(stream, with), expected) << size;
      EXPECT_EQ(by_byte(stream, with), expected) << size;
      EXPECT_EQ(decode(stream, {1000}, with), expected) << size;
    }
  }
}

TEST(websocket_decoder, lengths_not_in_shortest_form) {
  std::string const wrong = failure(errc::ws_bad_length);
  EXPECT_EQ(both(bytes({0x82, 126, 0, 0}), client), wrong);
  EXPECT_EQ(both(bytes({0x82, 126, 0, 125}) + std::string(125, 'x'), client), wrong);
  EXPECT_EQ(both(bytes({0x82, 0xFE, 0, 125, 1, 2, 3, 4})), wrong);
  EXPECT_EQ(both(bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}), client), wrong);
  EXPECT_EQ(both(bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0, 126}), client), wrong);
  EXPECT_EQ(both(bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), client), wrong);
  EXPECT_EQ(both(bytes({0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1, 2, 3, 4})), wrong);
}

TEST(websocket_decoder, lengths_of_63_bits) {
  setup unlimited{.own = role::client, .limits = {.message_bytes_max = SIZE_MAX}};
  EXPECT_EQ(both(bytes({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}), unlimited), failure(errc::ws_bad_length));
  EXPECT_EQ(both(bytes({0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}), unlimited),
            failure(errc::ws_bad_length));
  EXPECT_EQ(both(bytes({0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 'x'}), unlimited),
            failure(errc::ws_message_too_large));
}

TEST(websocket_decoder, masked_payload_cut_anywhere) {
  std::string data;
  for (int i = 0; i < 70; ++i) data += static_cast<char>(i * 53);
  std::string const stream = sent(opcodes::binary, data) + sent(opcodes::ping, data);
  std::string const expected = "binary(" + data + ")ping(" + data + ")";
  for (std::size_t first = 1; first < stream.size(); ++first) {
    EXPECT_EQ(decode(stream, {first, SIZE_MAX}), expected) << first;
    for (std::size_t const second : {1u, 2u, 3u, 5u, 8u, 9u}) {
      EXPECT_EQ(decode(stream, {first, second, SIZE_MAX}), expected) << first << ' ' << second;
      EXPECT_EQ(decode(stream, {first, second}), expected) << first << ' ' << second;
    }
  }
}

TEST(websocket_decoder, fragments_and_control_frames_between_them) {
  std::string const stream =
      sent(opcodes::text, "4he", false) + sent(opcodes::ping, "1") + sent(opcodes::continuation, "", false) +
      sent(opcodes::pong, "") + sent(opcodes::continuation, "ll", false) + sent(opcodes::ping, "22") +
      sent(opcodes::ping, "333") + sent(opcodes::continuation, "o") + sent(opcodes::binary, "", false) +
      sent(opcodes::continuation, "") + sent(opcodes::text, "next");
  EXPECT_EQ(both(stream), "ping(1)pong()ping(22)ping(333)text(4hello)binary()text(next)");
  for (std::size_t size = 2; size < 30; ++size) EXPECT_EQ(decode(stream, {size}), whole(stream)) << size;
  EXPECT_EQ(
      both(sent(opcodes::text, "a", false) + sent(opcodes::close, "") + sent(opcodes::continuation, "b")),
      "close(1005,)");
}

TEST(websocket_decoder, continuations_out_of_place) {
  std::string const wrong = failure(errc::ws_bad_continuation);
  EXPECT_EQ(both(sent(opcodes::continuation, "a")), wrong);
  EXPECT_EQ(both(sent(opcodes::continuation, "a", false)), wrong);
  EXPECT_EQ(both(sent(opcodes::text, "a") + sent(opcodes::continuation, "b")), "text(a)" + wrong);
  EXPECT_EQ(both(sent(opcodes::text, "a", false) + sent(opcodes::text, "b")), wrong);
  EXPECT_EQ(both(sent(opcodes::text, "", false) + sent(opcodes::binary, "b", false)), wrong);
  EXPECT_EQ(both(sent(opcodes::text, "a", false) + sent(opcodes::continuation, "b") +
                 sent(opcodes::continuation, "")),
            "text(ab)" + wrong);
}

TEST(websocket_decoder, control_frames_are_whole_and_short) {
  std::string const wrong = failure(errc::ws_bad_control_frame);
  for (std::uint8_t const opcode : {opcodes::close, opcodes::ping, opcodes::pong}) {
    EXPECT_EQ(both(sent(opcode, "ab", false)), wrong);
    EXPECT_EQ(both(sent(opcode, std::string(126, 'a'))), wrong);
    EXPECT_EQ(both(sent(opcode, std::string(70000, 'a'))), wrong);
  }
  EXPECT_EQ(both(sent(opcodes::ping, std::string(125, 'a'))), "ping(" + std::string(125, 'a') + ")");
}

TEST(websocket_decoder, reserved_bits_and_opcodes) {
  for (unsigned first = 0; first < 0x100; ++first) {
    unsigned const opcode = first & 0x0F;
    bool const fin = (first & 0x80) != 0;
    bool const data = opcode == opcodes::text || opcode == opcodes::binary;
    for (bool const allow_rsv1 : {false, true}) {
      std::string stream = sent(opcodes::continuation, "\x03\xE8");
      stream[0] = static_cast<char>(first);
      std::string expected = failure(errc::ws_bad_opcode);
      if ((first & (allow_rsv1 && data ? 0x30 : 0x70)) != 0) {
        expected = failure(errc::ws_reserved_bits);
      } else if (opcode == opcodes::continuation) {
        expected = failure(errc::ws_bad_continuation);
      } else if (data && !fin) {
        expected = "";  // the text may be the beginning of a character
      } else if (opcode == opcodes::text) {
        expected = (first & 0x40) == 0 ? failure(errc::bad_utf8) : "text*(\x03\xE8)";
      } else if (opcode == opcodes::binary) {
        expected = (first & 0x40) == 0 ? "binary(\x03\xE8)" : "binary*(\x03\xE8)";
      } else if (opcode >= opcodes::close && opcode <= opcodes::pong) {
        expected = !fin                       ? failure(errc::ws_bad_control_frame)
                   : opcode == opcodes::close ? "close(1000,)"
                   : opcode == opcodes::ping  ? "ping(\x03\xE8)"
                                              : "pong(\x03\xE8)";
      }
      EXPECT_EQ(both(stream, {.allow_rsv1 = allow_rsv1}), expected) << first << ' ' << allow_rsv1;
    }
  }
}

TEST(websocket_decoder, compressed_messages) {
  setup const with{.allow_rsv1 = true};
  std::string const first = sent(opcodes::text | compressed_bit, "\xFF\xFE", false);
  EXPECT_EQ(both(first + sent(opcodes::ping, "") + sent(opcodes::continuation, "\xFD"), with),
            "ping()text*(\xFF\xFE\xFD)");
  EXPECT_EQ(both(first + sent(opcodes::continuation | compressed_bit, "a"), with),
            failure(errc::ws_reserved_bits));
  EXPECT_EQ(both(sent(opcodes::text, "\xFF"), with), failure(errc::bad_utf8));
}

TEST(websocket_decoder, roles) {
  for (std::uint8_t const opcode : {opcodes::text, opcodes::binary, opcodes::ping, opcodes::close}) {
    EXPECT_EQ(both(frame_to(role::client, opcode, "")), failure(errc::ws_not_masked));
    EXPECT_EQ(both(frame_to(role::client, opcode, "hello")), failure(errc::ws_not_masked));
    EXPECT_EQ(both(frame_to(role::server, opcode, ""), client), failure(errc::ws_masked));
    EXPECT_EQ(both(frame_to(role::server, opcode, "hello"), client), failure(errc::ws_masked));
  }
}

TEST(websocket_decoder, close_codes) {
  for (unsigned code = 0; code <= 0xFFFF; code += code < 5100 ? 1 : 997) {
    std::string const payload = bytes({static_cast<int>(code >> 8), static_cast<int>(code & 0xFF)});
    bool const good = valid_close_code(static_cast<std::uint16_t>(code));
    std::string const expected = good ? "close(" + std::to_string(code) + ",)" : failure(errc::ws_bad_close);
    ASSERT_EQ(whole(sent(opcodes::close, payload)), expected);
    ASSERT_EQ(by_byte(sent(opcodes::close, payload)), expected);
  }
}

TEST(websocket_decoder, close_reasons) {
  auto const close = [](std::string const& payload) { return both(sent(opcodes::close, payload)); };
  EXPECT_EQ(close(""), "close(1005,)");
  EXPECT_EQ(close("\x03"), failure(errc::ws_bad_close));
  EXPECT_EQ(close("\x03\xE8"), "close(1000,)");
  EXPECT_EQ(close("\x03\xE9going"), "close(1001,going)");
  EXPECT_EQ(close("\x03\xE8" + std::string(123, 'r')), "close(1000," + std::string(123, 'r') + ")");
  EXPECT_EQ(close("\x03\xE8\xE2\x82\xAC"), "close(1000,\xE2\x82\xAC)");
  EXPECT_EQ(close("\x03\xE8\xE2\x82"), failure(errc::bad_utf8));
  EXPECT_EQ(close("\x03\xE8\xFF"), failure(errc::bad_utf8));
}

TEST(websocket_decoder, nothing_is_read_after_the_end) {
  for (std::string const& last : {sent(opcodes::close,
                                       "\x03\xE8"
                                       "bye"),
                                  sent(opcodes::continuation, "bad")}) {
    std::string stream = last + sent(opcodes::text, "late");
    std::string const late = stream.substr(last.size());
    decoder reader(role::server);
    std::span<char> input(stream);
    EXPECT_FALSE(reader.ended());
    auto const first = reader.next(input);
    EXPECT_TRUE(reader.ended());
    if (first) {
      EXPECT_EQ(describe(**first), "close(1000,bye)");
    }
    for (int i = 0; i < 2; ++i) {
      auto const more = reader.next(input);
      ASSERT_FALSE(more);
      EXPECT_EQ(more.error(), (error{errc::wrong_state, side::local}));
    }
    if (first) {
      EXPECT_EQ((std::string_view{input.data(), input.size()}), late);
    }
  }
}

// Every way to cut these characters of two, three and four bytes, by frames and by reads.
TEST(websocket_decoder, utf8_across_fragments) {
  std::string const text = "\xC3\xA9-\xE2\x82\xAC-\xF0\x9F\x98\x80";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    for (std::size_t j = i; j <= text.size(); ++j) {
      std::string const stream = sent(opcodes::text, text.substr(0, i), false) +
                                 sent(opcodes::continuation, text.substr(i, j - i), false) +
                                 sent(opcodes::ping, "\xFF") + sent(opcodes::continuation, text.substr(j));
      EXPECT_EQ(both(stream), "ping(\xFF)text(" + text + ")");
    }
  }
  for (std::size_t const cut : {1u, 4u, 5u, 8u, 9u, 10u}) {  // within a character
    std::string const part = text.substr(0, cut);
    EXPECT_EQ(both(sent(opcodes::text, part)), failure(errc::bad_utf8));
    EXPECT_EQ(both(sent(opcodes::text, part, false) + sent(opcodes::continuation, "")),
              failure(errc::bad_utf8));
    EXPECT_EQ(both(sent(opcodes::text, part, false) + sent(opcodes::continuation, "a")),
              failure(errc::bad_utf8));
    EXPECT_EQ(both(sent(opcodes::binary, part)), "binary(" + part + ")");
  }
}

TEST(websocket_decoder, utf8_fails_at_the_first_bad_byte) {
  struct {
    std::string_view text;
    std::size_t bad;  // the index of the byte that can't be right
  } const cases[] = {
      {"abc\xFFxyz", 3},       {"\xC0\x80", 0},     {"\xE0\x9F\xBF", 1},    {"\xED\xA0\x80", 1},
      {"\xF4\x90\x80\x80", 1}, {"a\xE2\x82z--", 3}, {"\xC3\xA9\xA9zzz", 2}, {"\xF0\x9F\x98\x7F", 3},
  };
  for (auto const& [text, bad] : cases) {
    std::string const stream = sent(opcodes::text, text, false);
    std::size_t const head = stream.size() - text.size();
    EXPECT_EQ(by_byte(stream.substr(0, head + bad)), "") << bad;
    EXPECT_EQ(by_byte(stream.substr(0, head + bad + 1)), failure(errc::bad_utf8));
    EXPECT_EQ(whole(stream.substr(0, head + bad + 1)), failure(errc::bad_utf8));
    EXPECT_EQ(both(stream), failure(errc::bad_utf8));
    EXPECT_EQ(both(sent(opcodes::text, text)), failure(errc::bad_utf8));
  }
}

TEST(websocket_decoder, limit_of_a_message) {
  setup const with{.limits = {.message_bytes_max = 200}};
  std::string const wrong = failure(errc::ws_message_too_large);
  std::string const full(200, 'x');
  EXPECT_EQ(both(sent(opcodes::text, full), with), "text(" + full + ")");
  EXPECT_EQ(both(sent(opcodes::text, full + "x"), with), wrong);
  EXPECT_EQ(both(sent(opcodes::text, full + "x").substr(0, 8), with), wrong) << "the header is enough";
  EXPECT_EQ(both(sent(opcodes::text, full + "x").substr(0, 7), with), "");
  std::string const parts = sent(opcodes::text, full.substr(0, 150), false) + sent(opcodes::ping, "") +
                            sent(opcodes::continuation, full.substr(150), false);
  EXPECT_EQ(both(parts + sent(opcodes::continuation, ""), with), "ping()text(" + full + ")");
  EXPECT_EQ(both(parts + sent(opcodes::continuation, "x"), with), "ping()" + wrong);
  std::string const control(125, 'p');
  EXPECT_EQ(both(parts + sent(opcodes::ping, control), with), "ping()ping(" + control + ")");
  // The limit is one of messages, not of the connection; nor does it bind control frames.
  EXPECT_EQ(both(sent(opcodes::text, full) + sent(opcodes::text, full), with),
            "text(" + full + ")text(" + full + ")");
  setup const nothing{.limits = {.message_bytes_max = 0}};
  EXPECT_EQ(both(sent(opcodes::text, "") + sent(opcodes::ping, "p") + sent(opcodes::text, "x"), nothing),
            "text()ping(p)" + wrong);
}

TEST(websocket_decoder, limit_of_fragments) {
  setup const with{.limits = {.fragments_max = 3}};
  std::string stream = sent(opcodes::binary, "", false);
  for (int i = 0; i < 2; ++i) stream += sent(opcodes::continuation, "", false) + sent(opcodes::ping, "");
  EXPECT_EQ(both(stream, with), "ping()ping()");
  EXPECT_EQ(both(stream + sent(opcodes::continuation, ""), with),
            "ping()ping()" + failure(errc::ws_too_many_fragments));
  stream = sent(opcodes::binary, "a", false) + sent(opcodes::continuation, "b", false) +
           sent(opcodes::continuation, "c");
  EXPECT_EQ(both(stream + stream, with), "binary(abc)binary(abc)");
  setup const none{.limits = {.fragments_max = 0}};  // as good as 1
  EXPECT_EQ(both(sent(opcodes::text, "a") + stream, none), "text(a)" + failure(errc::ws_too_many_fragments));
}

/// Counts what `work` asks of the heap.
template <class Work>
heap_log measure(Work&& work) {
  heap_log const before = heap;
  work();
  return conformance::heap_since(before);
}

TEST(websocket_decoder, whole_frames_are_neither_copied_nor_allocated) {
  std::string stream;
  for (std::size_t const size : {0u, 5u, 125u, 126u, 70000u}) {
    stream += sent(opcodes::text, std::string(size, 't')) + sent(opcodes::binary, std::string(size, 'b'));
    stream += sent(opcodes::ping, "ping");
  }
  stream += sent(opcodes::close,
                 "\x03\xE8"
                 "bye");
  decoder reader(role::server);
  std::span<char> input(stream);
  int events = 0;
  bool inside = true;
  heap_log const used = measure([&] {
    while (!reader.ended()) {
      auto const got = reader.next(input);
      if (!got || !*got) break;
      ++events;
      auto const data = (*got)->data;
      inside = inside &&
               (data.empty() || (data.data() >= stream.data() && data.data() + data.size() <= input.data()));
    }
  });
  EXPECT_EQ(events, 16);
  EXPECT_TRUE(inside);
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(used.allocations, 0u);
}

TEST(websocket_decoder, an_idle_decoder_owns_no_memory) {
  std::string const streams[] = {
      sent(opcodes::text, "hello"), sent(opcodes::ping, "hello"), sent(opcodes::text, std::string(300, 'x')),
      sent(opcodes::text, "he", false) + sent(opcodes::ping, "p") + sent(opcodes::continuation, "llo")};
  for (std::string const& stream : streams) {
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
      std::string copy = stream;
      decoder reader(role::server);
      heap_log const used = measure([&] {
        std::span<char> input(copy);
        for (std::span<char> piece : {input.first(cut), input.subspan(cut)}) {
          while (true) {
            auto const got = reader.next(piece);
            if (!got || !*got) break;
          }
        }
      });
      EXPECT_GT(used.allocations, 0u) << "the cut was not felt";
      EXPECT_EQ(used.allocations, used.releases) << cut;
    }
  }
}

TEST(websocket_decoder, a_failed_decoder_owns_no_memory) {
  std::string stream = sent(opcodes::text, "he", false) + sent(opcodes::text, "llo");
  decoder reader(role::server);
  heap_log const used = measure([&] {
    std::span<char> input(stream);
    EXPECT_FALSE(reader.next(input));
  });
  EXPECT_GT(used.allocations, 0u);
  EXPECT_EQ(used.allocations, used.releases);
}

TEST(websocket_decoder, memory_follows_what_came) {
  std::string stream = sent(opcodes::binary, std::string(1'000'000, 'x')).substr(0, 100);
  decoder reader(role::server);
  heap_log used = measure([&] {
    std::span<char> input(stream);
    EXPECT_TRUE(reader.next(input).has_value());
  });
  EXPECT_LT(used.bytes, 500u) << "grown from the length that was announced";

  // The last frame of a message never gets more than it needs.
  std::string exact = sent(opcodes::binary, std::string(1000, 'x')).substr(0, 600);
  used = measure([&] {
    decoder last(role::server);
    std::span<char> input(exact);
    EXPECT_TRUE(last.next(input).has_value());
  });
  EXPECT_EQ(used.bytes, 1000 + sizeof(websocket::impl::assembly));

  // Doubling: a large message in small pieces costs few allocations, and no more than thrice its bytes.
  std::vector<char> piece(100, 'x');
  used = measure([&] {
    for (int i = 0; i < 9'990; ++i) {
      std::span<char> input(piece);
      auto const got = reader.next(input);
      if (!got || *got) break;
    }
  });
  EXPECT_LT(used.allocations, 16u);
  EXPECT_LT(used.bytes, 3'000'000u);
}

TEST(websocket_decoder, many_small_fragments_cost_few_allocations) {
  std::string stream = sent(opcodes::binary, "x", false);
  for (int i = 0; i < 1000; ++i)
    stream += sent(opcodes::continuation, "x", false) + sent(opcodes::ping, "1234");
  decoder reader(role::server);
  heap_log const used = measure([&] {
    for (char& byte : stream) {
      std::span<char> input(&byte, 1);
      while (true) {
        auto const got = reader.next(input);
        if (!got || !*got) break;
      }
    }
  });
  EXPECT_FALSE(reader.ended());
  EXPECT_LT(used.allocations, 16u);
}

TEST(websocket_decoder, out_of_memory) {
  std::string const stream = sent(opcodes::text, "hello");
  struct {
    std::size_t before;  // taken while there is memory
    std::size_t after;
  } const cases[] = {{0, 1}, {0, 8}, {3, 5}, {8, 3}};  // assembly: head, payload; then: first bytes, growth
  for (auto const& [before, after] : cases) {
    decoder reader(role::server);
    std::string first = stream.substr(0, before);
    std::string second = stream.substr(before, after);
    std::span<char> input(first);
    ASSERT_TRUE(reader.next(input).has_value());
    input = second;
    heap.refuse = true;
    auto const got = reader.next(input);
    heap.refuse = false;
    ASSERT_FALSE(got) << before;
    EXPECT_EQ(got.error(), (error{errc::out_of_memory, side::local}));
    EXPECT_TRUE(reader.ended());
  }
}

std::vector<std::string> corpus() {
  std::string const euro = "\xE2\x82\xAC";
  std::string const fragments = sent(opcodes::text, euro.substr(0, 2), false) + sent(opcodes::ping, "mid") +
                                sent(opcodes::continuation, euro.substr(2));
  return {
      sent(opcodes::text, "2") + sent(opcodes::text, "3probe") + sent(opcodes::binary, "\x04\xFF"),
      fragments + fragments + sent(opcodes::close, "\x03\xE8" + euro),
      sent(opcodes::text, std::string(130, 'a')) + sent(opcodes::pong, std::string(125, 'p')) +
          sent(opcodes::text, ""),
      sent(opcodes::binary, std::string(127, 'b'), false) + sent(opcodes::continuation, std::string(3, 'c')),
      sent(opcodes::text, "ok") + sent(opcodes::text, euro + "\xFF" + euro) + sent(opcodes::text, "never"),
      sent(opcodes::text, "ok", false) + sent(opcodes::close, "\x03"),
      sent(opcodes::text, "ok") + frame_to(role::client, opcodes::text, "not masked"),
      sent(opcodes::text, "cut off").substr(0, 9),
  };
}

TEST(websocket_decoder, every_cut_gives_the_same) {
  for (std::string const& stream : corpus()) {
    std::string const expected = both(stream);
    for (std::size_t first = 1; first < stream.size(); ++first) {
      EXPECT_EQ(decode(stream, {first, SIZE_MAX}), expected) << first;
      EXPECT_EQ(decode(stream, {first, 1}), expected) << first;
      EXPECT_EQ(decode(stream, {first}), expected) << first;
    }
  }
}

/// splitmix64: the same numbers everywhere.
struct numbers {
  std::uint64_t state;
  std::size_t below(std::size_t bound) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return static_cast<std::size_t>((z ^ (z >> 31)) % bound);
  }
};

// No crash, and what comes out never depends on how the bytes came in.
TEST(websocket_decoder, noise) {
  numbers random{1};
  std::size_t events = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string stream;
    bool open = false;
    for (std::size_t frames = random.below(8); frames-- > 0;) {
      std::string payload(random.below(8) == 0 ? random.below(300) : random.below(12), 'x');
      for (char& byte : payload) {
        if (random.below(64) == 0) byte = static_cast<char>(random.below(256));
      }
      std::uint8_t const kinds[] = {opcodes::text, opcodes::text, opcodes::binary, opcodes::ping,
                                    opcodes::pong};
      std::uint8_t opcode = kinds[random.below(5)];
      if (opcode < opcodes::close && open) opcode = opcodes::continuation;
      bool const fin = opcode >= opcodes::close || random.below(2) == 0;
      if (opcode < opcodes::close) open = !fin;
      if (random.below(16) == 0) opcode = static_cast<std::uint8_t>(random.below(0x80));
      stream += sent(opcode, payload, fin);
    }
    for (std::size_t changes = random.below(3); changes-- > 0 && !stream.empty();) {
      stream[random.below(stream.size())] = static_cast<char>(random.below(256));
    }
    if (random.below(4) == 0) {
      for (std::size_t size = random.below(60); size-- > 0;) stream += static_cast<char>(random.below(256));
    }
    setup const with{.own = random.below(16) == 0 ? role::client : role::server,
                     .limits = {.message_bytes_max = random.below(600), .fragments_max = 4},
                     .allow_rsv1 = random.below(2) == 0};
    std::string const expected = whole(stream, with);
    ASSERT_EQ(by_byte(stream, with), expected) << round;
    ASSERT_EQ(decode(stream, {random.below(20) + 1, random.below(20) + 1}, with), expected) << round;
    events += expected.empty() || expected[0] == '!' ? 0 : 1;
  }
  EXPECT_GT(events, 5'000u) << "the noise is too loud to test anything";
}

}  // namespace websocket_decoder_test
