#include "siokit/socketio/decoder.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "siokit/socketio/args.hpp"

namespace socketio_decoder_test {

using namespace siokit;
using namespace siokit::socketio;

constexpr decoder_limits limits{};

frame text(std::string_view data) {
  return {frame_kind::text, data};
}
frame binary(std::string_view data) {
  return {frame_kind::binary, data};
}

TEST(socketio_decoder, hands_out_text_where_it_lies) {
  decoder in;
  std::string const message = R"(2/chat,5["say","hello",{"_placeholder":true,"num":7}])";
  auto const packet = in.feed(text(message), limits);
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->nsp.data(), message.data() + 1);
  EXPECT_EQ((*packet)->data.data(), message.data() + 8);
  EXPECT_EQ((*packet)->name_raw().data(), message.data() + 10);
  EXPECT_TRUE(in.attachments().empty());
  EXPECT_FALSE(in.pending());
}

/// Feeds a whole packet, each message from memory that is overwritten before the next one, but for the last.
struct transmission {
  explicit transmission(std::vector<frame> const& frames) {
    for (frame const& each : frames) {
      memory.assign(each.data);
      outcome = in.feed({each.kind, memory}, limits);
      fed++;
      if (!outcome || &each == &frames.back()) return;
      EXPECT_FALSE(*outcome);
      EXPECT_TRUE(in.pending());
      memory.assign(memory.size(), '#');
    }
  }
  decoder in;
  std::string memory;
  std::size_t fed = 0;
  result<std::optional<packet_view>> outcome;
};

TEST(socketio_decoder, keeps_what_comes_before_the_last_attachment) {
  std::string const large(100'000, 'L');
  transmission const done(
      {text(R"(53-/chat,8["up",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":2}]])"),
       binary("tiny"), binary(large), binary("last")});
  ASSERT_TRUE(done.outcome && *done.outcome);
  packet_view const& packet = **done.outcome;
  EXPECT_FALSE(done.in.pending());
  EXPECT_EQ(packet.type, packet_type::binary_event);
  EXPECT_EQ(packet.nsp, "/chat");
  EXPECT_EQ(packet.id, 8u);
  EXPECT_EQ(packet.name_raw(), "up");
  ASSERT_EQ(done.in.attachments().size(), 3u);
  EXPECT_EQ(as_text(done.in.attachments()[0]), "tiny");
  EXPECT_EQ(as_text(done.in.attachments()[1]), large);
  EXPECT_EQ(as_text(done.in.attachments()[2]), "last");
  EXPECT_EQ(done.in.attachments()[2].data(), as_bytes(done.memory).data());
}

TEST(socketio_decoder, takes_attachments_of_any_size_and_use) {
  EXPECT_TRUE(transmission({text(R"(51-["a"])"), binary("unused")}).outcome);
  EXPECT_TRUE(transmission({text("51-"), binary("no payload")}).outcome);
  transmission const empties(
      {text(R"(62-1[{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}])"), binary(""), binary("")});
  ASSERT_TRUE(empties.outcome && *empties.outcome);
  EXPECT_EQ(empties.in.attachments().size(), 2u);
}

TEST(socketio_decoder, wants_placeholders_to_name_an_attachment) {
  for (char const* bad : {R"("splice")", "1", "-1", "0.5", "null", "1e99", "{}"}) {
    std::string const head = std::string(R"(51-["a",{"x":{"_placeholder":true,"num":)") + bad + "}}]";
    transmission const done({text(head), binary("b")});
    ASSERT_FALSE(done.outcome) << bad;
    EXPECT_EQ(done.outcome.error(), (error{errc::illegal_attachments, side::remote, 0})) << bad;
    EXPECT_EQ(done.fed, 2u) << "as upstream, when the packet is whole";
    EXPECT_FALSE(done.in.pending());
  }
  EXPECT_FALSE(transmission({text(R"(51-["a",{"\u005fplaceholder":true}])"), binary("b")}).outcome);
  EXPECT_TRUE(transmission({text(R"(51-["a",{"_placeholder":1,"num":7}])"), binary("b")}).outcome);
}

TEST(socketio_decoder, wants_each_kind_in_its_turn) {
  decoder in;
  auto const outcome = [&in](frame const& each) {
    auto const fed = in.feed(each, limits);
    return !fed ? fed.error().code : errc::ok;
  };
  EXPECT_EQ(outcome(binary("b")), errc::unexpected_binary);
  EXPECT_EQ(outcome(text(R"(2["a"])")), errc::ok);
  EXPECT_EQ(outcome(binary("b")), errc::unexpected_binary);

  EXPECT_EQ(outcome(text(R"(51-["a"])")), errc::ok);
  EXPECT_EQ(outcome(text(R"(2["a"])")), errc::unexpected_text);
  EXPECT_FALSE(in.pending());
  EXPECT_EQ(outcome(binary("b")), errc::unexpected_binary);

  EXPECT_EQ(outcome(text(R"(51-["a"])")), errc::ok);
  EXPECT_EQ(outcome(binary("b")), errc::ok);
  EXPECT_EQ(outcome(binary("c")), errc::unexpected_binary);
  EXPECT_TRUE(in.attachments().empty());

  EXPECT_EQ(outcome(text(R"(51-["connect"])")), errc::reserved_event);
  EXPECT_FALSE(in.pending());
  EXPECT_EQ(outcome(text("51-/\"")), errc::ok);
  in.reset();
  EXPECT_FALSE(in.pending());
  EXPECT_EQ(outcome(text(R"(2["a"])")), errc::ok);
}

TEST(socketio_decoder, limits_all_attachments_of_a_packet_together) {
  decoder_limits const small{.attachment_bytes_max = 10};
  struct {
    std::vector<std::size_t> sizes;
    bool fits;
  } const cases[] = {{{10}, true},    {{11}, false},    {{4, 6}, true},
                     {{4, 7}, false}, {{11, 0}, false}, {{5, 5, 0}, true}};
  for (auto const& [sizes, fits] : cases) {
    decoder in;
    std::string const head = "5" + std::to_string(sizes.size()) + R"(-["a"])";
    ASSERT_TRUE(in.feed(text(head), small));
    errc code = errc::ok;
    for (std::size_t const size : sizes) {
      auto const fed = in.feed(binary(std::string(size, 'b')), small);
      if (fed) continue;
      code = fed.error().code;
      break;
    }
    EXPECT_EQ(code, fits ? errc::ok : errc::attachments_too_large) << head;
    EXPECT_FALSE(in.pending());
  }
}

TEST(socketio_decoder, stands_any_order_of_any_messages) {
  std::mt19937 random(20240607);
  auto const below = [&random](std::size_t n) { return random() % n; };
  std::string_view const heads[] = {R"(2["a",{"b":[1]}])",
                                    R"(51-["a",{"_placeholder":true,"num":0}])",
                                    R"(52-/x,1["a",{"_placeholder":true,"num":1}])",
                                    R"(62-1[{"_placeholder":true,"num":2}])",
                                    R"(51-)",
                                    "0",
                                    "40"};
  decoder in;
  std::size_t packets = 0, binaries = 0, errors = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string message(in.pending() && below(8) != 0 ? std::string(below(40), 'b')
                                                      : std::string(heads[below(std::size(heads))]));
    frame_kind const kind =
        message.starts_with('b') || message.empty() ? frame_kind::binary : frame_kind::text;
    if (below(4) == 0 && !message.empty()) message[below(message.size())] = static_cast<char>(below(256));
    if (below(16) == 0) message.resize(below(message.size() + 1));
    message.shrink_to_fit();
    auto const fed = in.feed({kind, message}, limits);
    if (!fed) {
      ++errors;
      ASSERT_FALSE(in.pending());
      ASSERT_TRUE(in.attachments().empty());
      continue;
    }
    if (!*fed) {
      ASSERT_TRUE(in.pending());
      continue;
    }
    ++packets;
    ASSERT_EQ(in.attachments().size(), (*fed)->attachments);
    args const all(**fed, in.attachments());
    for (std::string_view const json : all) ASSERT_TRUE(scan_json(json)) << json;
    if (in.attachments().empty()) continue;
    ++binaries;
    for (auto const& each : find_placeholders((*fed)->data)) ASSERT_LT(each.num, in.attachments().size());
  }
  EXPECT_GT(packets, 1000u);
  EXPECT_GT(binaries, 100u);
  EXPECT_GT(errors, 1000u);
}

}  // namespace socketio_decoder_test
