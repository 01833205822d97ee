// What the packets of Socket.IO cost in memory.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "siokit/socketio/auth.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"
#include "unit/heap.hpp"

namespace socketio_allocations_test {

using namespace siokit;
using namespace siokit::socketio;
using conformance::heap;
using conformance::heap_log;
using conformance::heap_since;

constexpr decoder_limits limits{};

TEST(socketio_allocations, a_text_event_costs_none) {
  std::string const long_text(10'000, 'x');
  std::string const messages[] = {R"(2["say","hello",42,true,null,{"a":[1,2,{"b":"\n"}]},2.5])",
                                  R"(2/chat,17["say","hello",42,true,null,[],2.5])",
                                  R"(2["say",")" + long_text + R"(",1,true,null,[],2.5])"};
  for (std::string const& message : messages) {
    heap_log const before = heap;
    decoder in;
    auto const packet = in.feed({frame_kind::text, message}, limits);
    ASSERT_TRUE(packet && *packet);
    args const all(**packet, in.attachments());
    std::size_t total = all.get<std::string_view>(0)->size();
    total += static_cast<std::size_t>(*all.get<int>(1)) + *all.get<bool>(2) + all.raw(4)->size();
    total += static_cast<std::size_t>(*all.get<double>(5)) + all.slice(2).size();
    for (std::string_view const json : all) total += json.size();
    total += all.get<std::optional<int>>(3)->has_value();
    heap_log const used = heap_since(before);
    EXPECT_GT(total, 0u);
    EXPECT_EQ(used.allocations, 0u) << message;
  }
}

TEST(socketio_allocations, a_refusal_costs_none) {
  for (char const* message :
       {"", "7", "2[", R"(2["connect"])", "2 [1]", R"(29007199254740992["a"])", "0[]"}) {
    heap_log const before = heap;
    decoder in;
    EXPECT_FALSE(in.feed({frame_kind::text, message}, limits));
    EXPECT_FALSE(in.feed({frame_kind::binary, "bytes"}, limits));
    EXPECT_EQ(heap_since(before).allocations, 0u) << message;
  }
}

TEST(socketio_allocations, a_binary_event_costs_what_it_keeps_and_gives_it_back) {
  std::string const head = R"(53-["up",{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}])";
  std::string const part(50'000, 'b'), last(200'000, 'l');
  heap_log const before = heap;
  decoder in;
  ASSERT_TRUE(in.feed({frame_kind::text, head}, limits));
  ASSERT_TRUE(in.feed({frame_kind::binary, part}, limits));
  ASSERT_TRUE(in.feed({frame_kind::binary, part}, limits));
  ASSERT_TRUE(in.feed({frame_kind::binary, last}, limits));
  EXPECT_LT(heap_since(before).bytes, head.size() + 2 * part.size() + 1'500) << "the last one is not copied";
  ASSERT_TRUE(in.feed({frame_kind::text, "2[\"a\"]"}, limits));
  EXPECT_EQ(heap_since(before).allocations, heap_since(before).releases);
}

TEST(socketio_allocations, what_is_promised_costs_nothing_until_it_comes) {
  decoder_limits const generous{.max_attachments = 255};
  heap_log const before = heap;
  {
    decoder in;
    ASSERT_TRUE(in.feed({frame_kind::text, R"(5255-["up"])"}, generous));
    EXPECT_LT(heap_since(before).bytes, 16'384u);
  }
  EXPECT_EQ(heap_since(before).allocations, heap_since(before).releases);
}

/// How many allocations it takes to encode a message.
template <class Encode>
std::size_t cost_of(Encode const& encode) {
  heap_log const before = heap;
  auto const out = encode();
  std::size_t const cost = heap_since(before).allocations;
  EXPECT_TRUE(out);
  return cost;
}

TEST(socketio_allocations, a_text_packet_is_one_block) {
  constexpr std::optional<std::uint64_t> none{};
  std::string const text(100'000, 't'), json = '"' + text + '"', nsp = "/" + std::string(500, 'n');
  std::string const packet = R"(2["say",{"a":[)" + std::string(5'000, '1') + R"(]},"x",true])";
  args const all(*decode_packet(packet, limits), {});
  std::vector<int> const numbers(1'000, -12'345'678);
  sid const id("0123456789abcdefghij");
  EXPECT_EQ(cost_of([&] { return encode_event("/", none, "say"); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_event("/", 7, "say", "hello", 42, 1.5, true, nullptr); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_event("/", none, "say", -1.7976931348623157e308, INT64_MIN); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_event(nsp, UINT64_MAX, "say", text, std::string_view(text)); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_event("/", none, "say", id, all, raw_json{json}); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_event("/", none, "say", numbers); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_ack("/", 7, "ok", all); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_ack("/", 7); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_connect(nsp, "{}"); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_connect_reply(nsp, id, id); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_connect_error(nsp, text, text); }), 1u);
  EXPECT_EQ(cost_of([&] { return encode_disconnect(nsp); }), 1u);
  // Nobody counts the escapes beforehand.
  EXPECT_LE(cost_of([&] { return encode_ack("/", 7, std::string(10'000, '\n')); }), 3u);
}

TEST(socketio_allocations, a_binary_packet_is_one_block_and_a_few_small_ones) {
  std::string const part(100'000, 'b');
  heap_log const before = heap;
  auto const out = encode_event("/", {}, "up", as_bytes(part), as_bytes(part), "text");
  EXPECT_TRUE(out);
  EXPECT_LE(heap_since(before).allocations, 8u);
  EXPECT_LT(heap_since(before).bytes, 2 * part.size() + 2'000);
}

}  // namespace socketio_allocations_test
