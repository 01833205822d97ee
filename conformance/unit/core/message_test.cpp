#include "siokit/core/message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "siokit/core/outbox.hpp"
#include "unit/heap.hpp"

namespace core_message_test {

using namespace siokit;

std::string packets_of(message const& item) {
  std::string all;
  for (auto packets = item.packets(); !packets.done();) {
    auto const packet = packets.next();
    all += (packet.kind == frame_kind::text ? "t:" : "b:") + std::string(packet.data) + ";";
  }
  return all;
}

TEST(message, text_is_one_server_frame) {
  auto const hello = text_message("4hello");
  EXPECT_EQ(hello.frames(),
            "\x81\x06"
            "4hello");
  EXPECT_EQ(packets_of(hello), "t:4hello;");
}

TEST(message, lengths_take_their_shortest_form) {
  for (std::size_t const size : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 100000u}) {
    std::string const text(size, 'x');
    auto const item = text_message(text);
    EXPECT_EQ(item.frames().size(), size + frame_header_size(size));
    auto packets = item.packets();
    EXPECT_EQ(packets.next().data, text) << size;
    EXPECT_TRUE(packets.done());
  }
}

TEST(message, long_text_is_copied_whole) {
  for (std::size_t const size : {2047u, 2048u, 2049u, 4096u, 4097u, 100'003u}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 23);
    message_builder builder(0);
    builder.append("4");
    builder.append(text);
    builder.close_text();
    EXPECT_EQ(packets_of(builder.finish()), "t:4" + text + ";") << size;
  }
}

TEST(message, prepend_and_attach) {
  message_builder builder(4, 0);
  builder.append("[1]");
  builder.prepend("52");
  builder.prepend("45");
  builder.close_text();
  builder.attach(as_bytes("abc"));
  builder.attach(as_bytes(""));
  auto const item = builder.finish();
  EXPECT_EQ(packets_of(item), "t:4552[1];b:abc;b:;");
}

message pooled(message_pool& pool, std::string_view text) {
  message_builder builder(0, text.size(), &pool);
  builder.append(text);
  builder.close_text();
  return builder.finish();
}

TEST(message_pool, gives_the_memory_of_one_to_the_next) {
  message_pool pool;
  std::string_view const first = pooled(pool, "4hello").frames();
  conformance::heap_log const before = conformance::heap;
  message const next = pooled(pool, "4x");
  EXPECT_EQ(conformance::heap_since(before).allocations, 0u);
  EXPECT_EQ(next.frames().data(), first.data());
  EXPECT_EQ(packets_of(next), "t:4x;");
  EXPECT_TRUE(next.compress());
  EXPECT_FALSE(next.compressed());
  message const other = pooled(pool, "4y");
  EXPECT_EQ(packets_of(next) + packets_of(other), "t:4x;t:4y;");
}

TEST(message_pool, what_is_large_or_grows_is_no_part_of_it) {
  message_pool pool;
  static_cast<void>(pooled(pool, "4"));  // one that could be used
  std::string const large(1000, 'x');
  EXPECT_EQ(packets_of(pooled(pool, large)), "t:" + large + ";");
  message_builder builder(0, 0, &pool);
  builder.append(large);
  builder.close_text();
  EXPECT_EQ(packets_of(builder.finish()), "t:" + large + ";");
  message const small = pooled(pool, "4small");
  EXPECT_EQ(packets_of(small), "t:4small;");
}

TEST(message_pool, keeps_a_bounded_number) {
  message_pool pool;
  std::vector<message> many;
  for (int i = 0; i < 1000; ++i) many.push_back(pooled(pool, "4many"));
  EXPECT_EQ(many.front().cost(), many.back().cost());
  conformance::heap_log const before = conformance::heap;
  for (message& each : many) each = message();
  EXPECT_EQ(conformance::heap_since(before).releases, 1000u - 64u);
}

TEST(message_pool, messages_outlive_it) {
  conformance::heap_log const before = conformance::heap;
  {
    message kept, form;
    {
      message_pool pool;
      kept = pooled(pool, "4kept");
      form = pooled(pool, "4form");
      kept.keep_compressed(form);
      static_cast<void>(pooled(pool, "4gone"));
    }
    EXPECT_EQ(packets_of(kept) + packets_of(kept.compressed()), "t:4kept;t:4form;");
  }
  conformance::heap_log const used = conformance::heap_since(before);
  EXPECT_EQ(used.allocations, used.releases);
}

TEST(message, grows_and_keeps_the_head_room) {
  message_builder builder(8, 1);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    builder.append("0123456789");
    expected += "0123456789";
  }
  builder.prepend("head");
  builder.close_text();
  EXPECT_EQ(packets_of(builder.finish()), "t:head" + expected + ";");
}

TEST(message, copies_share_one_block) {
  auto const first = text_message("4x");
  message second = first;
  message third;
  third = second;
  EXPECT_EQ(third.frames().data(), first.frames().data());
  second = {};
  EXPECT_FALSE(second);
  EXPECT_EQ(packets_of(third), "t:4x;");
}

TEST(outbox, shows_what_is_in_it) {
  outbox box;
  for (char const c : std::string("abc")) box.push(text_message({&c, 1}));
  static_cast<void>(box.pop());
  box.push(text_message("d"));
  box.push(text_message("e"));  // around the end of the ring
  std::string all;
  for (std::size_t i = 0; i < box.size(); ++i) all += box.at(i).packets().next().data;
  EXPECT_EQ(all, "bcde");
}

TEST(outbox, is_a_queue_that_counts_bytes) {
  outbox box;
  EXPECT_TRUE(box.empty());
  for (int round = 0; round < 3; ++round) {
    std::size_t bytes = 0;
    for (int i = 0; i < 40; ++i) {
      auto item = text_message("4" + std::to_string(i));
      bytes += item.cost();
      EXPECT_GT(item.cost(), 16 + item.frames().size());
      box.push(std::move(item));
    }
    EXPECT_EQ(box.size(), 40u);
    EXPECT_EQ(box.bytes(), bytes);
    for (int i = 0; i < 40; ++i) EXPECT_EQ(packets_of(box.pop()), "t:4" + std::to_string(i) + ";");
    EXPECT_EQ(box.bytes(), 0u);
  }
}

TEST(message, remembers_that_it_is_not_to_be_compressed) {
  EXPECT_TRUE(text_message("4a").compress());
  EXPECT_FALSE(message().compress());
  message item = text_message("4a");
  message const copy = item;
  item.no_compress();
  EXPECT_FALSE(item.compress());
  EXPECT_FALSE(copy.compress());
}

TEST(message, keeps_a_compressed_form_as_long_as_it_lives) {
  message form = text_message("short");
  {
    message const item = text_message("4long"), copy = item;
    EXPECT_FALSE(item.compressed());
    item.keep_compressed(form);
    EXPECT_EQ(copy.compressed().frames().data(), form.frames().data());
    form = copy.compressed();
  }
  EXPECT_EQ(packets_of(form), "t:short;");
  EXPECT_FALSE(message().compressed());
}

TEST(outbox, wraps_around) {
  outbox box;
  int next_in = 0;
  int next_out = 0;
  for (int step = 0; step < 1000; ++step) {
    for (int i = 0; i < step % 4; ++i) box.push(text_message(std::to_string(next_in++)));
    for (int i = 0; i < step % 3 && !box.empty(); ++i) {
      EXPECT_EQ(packets_of(box.pop()), "t:" + std::to_string(next_out++) + ";");
    }
  }
}

}  // namespace core_message_test
