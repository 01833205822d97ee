// Compression of messages by a server: what is agreed, what is shared, what it costs; on real sockets too.
#include "siokit/net/message_compressor.hpp"

#include "net/websocket_client.hpp"

namespace net_message_compressor_test {

using namespace siokit;
using namespace siokit::test;
using net::impl::deflate_contexts;
using net::impl::message_compressor;
namespace opcodes = websocket::opcodes;

std::string const offer = "permessage-deflate; client_max_window_bits";
std::string const long_text(5000, 'x');

message packet_of(std::string_view text, bool binary = false) {
  message_builder out(0);
  out.append(text);
  out.close_text();
  if (binary) out.attach(as_bytes(long_text));
  return out.finish();
}

TEST(MessageCompressor, OneFormIsMadeForAll) {
  message_compressor compressor({});
  std::unique_ptr<deflate_contexts> own;
  ASSERT_TRUE(compressor.agree(offer, own));
  EXPECT_FALSE(own) << "nothing to be kept";
  message const packet = packet_of(long_text, true);
  message const one = compressor.deflate(packet, nullptr), two = compressor.deflate(packet, nullptr);
  EXPECT_EQ(one.frames().data(), two.frames().data());
  EXPECT_LT(one.frames().size(), 100u);
  packet_walk forms = one.packets();
  for (auto const kind : {frame_kind::text, frame_kind::binary}) {
    auto const form = forms.next();
    EXPECT_EQ(form.kind, kind);
    EXPECT_EQ(compressor.inflate(form, 10'000, nullptr), long_text);
  }
  EXPECT_TRUE(forms.done());
}

TEST(MessageCompressor, WhatIsShortOrShallNotBeCompressedGoesAsItIs) {
  message_compressor compressor({.threshold = 100});
  message const shorter = packet_of(std::string(99, 'x')), longer = packet_of(std::string(100, 'x'));
  EXPECT_EQ(compressor.deflate(shorter, nullptr).frames().data(), shorter.frames().data());
  EXPECT_NE(compressor.deflate(longer, nullptr).frames().data(), longer.frames().data());
  message plain = packet_of(long_text);
  plain.no_compress();
  EXPECT_EQ(compressor.deflate(plain, nullptr).frames().data(), plain.frames().data());
  message const mixed = compressor.deflate(packet_of("short", true), nullptr);
  EXPECT_EQ(mixed.packets().next().data, "short") << "each packet of a message by itself";
}

TEST(MessageCompressor, ContextsAreOfOneConnectionAndCounted) {
  std::size_t const one = net::deflater_bytes(15, 8) + net::inflater_bytes;
  message_compressor compressor({.server_no_context_takeover = false,
                                 .client_no_context_takeover = false,
                                 .context_memory_max = 2 * one});
  std::unique_ptr<deflate_contexts> first, second, third;
  EXPECT_EQ(compressor.agree(offer, first), "permessage-deflate");
  EXPECT_EQ(compressor.agree(offer, second), "permessage-deflate");
  EXPECT_TRUE(first && second);
  EXPECT_EQ(compressor.agree(offer, third),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  EXPECT_FALSE(third);
  EXPECT_FALSE(compressor.agree("permessage-deflate; server_max_window_bits=9", third))
      << "a window of his own";
  second.reset();
  EXPECT_TRUE(compressor.agree("permessage-deflate; server_max_window_bits=9", third));
  EXPECT_TRUE(third);

  message const packet = packet_of(long_text);
  std::size_t const before = compressor.deflate(packet, first.get()).frames().size();
  EXPECT_LT(compressor.deflate(packet, first.get()).frames().size(), before);
  EXPECT_FALSE(packet.compressed()) << "nobody else can read it";
}

/// A client that agreed to compress.
struct compressing : websocket_client {
  using websocket_client::websocket_client;
  std::string open() {
    decoder = websocket::decoder(websocket::role::client, {}, true);
    std::string request = websocket_handshake(websocket_target);
    request.insert(request.size() - 2, "Sec-WebSocket-Extensions: " + offer + "\r\n");
    return ask(request);
  }
  void say_smaller(std::string_view text) {
    std::string small;
    deflate(text, small);
    say(opcodes::text | websocket::compressed_bit, small);
  }
  net::deflater deflate;
};

TEST(PerMessageDeflate, BothWays) {
  world w({}, {.per_message_deflate = {{}}});
  compressing c(w);
  std::string const answer = c.open();
  EXPECT_NE(answer.find("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                        "client_no_context_takeover\r\n"),
            answer.npos);
  EXPECT_TRUE(c.next().starts_with("text 0{"));
  c.say_smaller("4hello");
  EXPECT_EQ(c.next(), "text 4hello") << "a short answer is not compressed";
  c.say_smaller("4" + long_text);
  std::string small;
  net::deflater()("4" + long_text, small);
  EXPECT_EQ(c.next(), "text " + small);
}

TEST(PerMessageDeflate, OnlyWhenBothWantIt) {
  world off, on({}, {.per_message_deflate = {{}}});
  compressing c(off);
  EXPECT_EQ(c.open().find("Sec-WebSocket-Extensions"), std::string::npos);
  c.next();
  c.say_smaller("4hello");
  EXPECT_EQ(c.next(), "close 1002");
  websocket_client plain(on);
  EXPECT_EQ(plain.open().find("Sec-WebSocket-Extensions"), std::string::npos);
  plain.next();
  plain.say(opcodes::text, "4" + long_text);
  EXPECT_EQ(plain.next(), "text 4" + long_text);
}

TEST(PerMessageDeflate, HostileMessages) {
  struct {
    std::string said;
    std::string_view answer, log;
  } const cases[] = {
      {std::string(20'000, '\0'), "close 1009", "closed: transport error, Max payload size exceeded"},
      {"4\xff", "close 1007", "closed: transport error, expected UTF-8 text, found an invalid byte sequence"},
  };
  for (auto const& [said, answer, log] : cases) {
    world w({.max_http_buffer_size = 10'000}, {.per_message_deflate = {{}}});
    compressing c(w);
    c.open();
    c.next();
    c.say_smaller(said);
    EXPECT_EQ(c.next(), answer);
    EXPECT_TRUE(w.until([&, &expected = log] { return !w.log.empty() && w.log.back() == expected; }))
        << w.log.back();
  }
  world w({}, {.per_message_deflate = {{}}});
  compressing c(w);
  c.open();
  c.next();
  c.say(opcodes::text | websocket::compressed_bit, "\xff\xff\xff\xff");
  EXPECT_EQ(c.next(), "close 1002");
}

}  // namespace net_message_compressor_test
