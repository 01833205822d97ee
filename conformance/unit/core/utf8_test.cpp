#include "siokit/core/utf8.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace core_utf8_test {

using namespace siokit;

// Text with the byte at which a reader that fails fast must stop. End of text: it is cut, not wrong.
struct invalid_text {
  std::string_view text;
  std::size_t wrong_at;
};
constexpr invalid_text invalid_texts[] = {
    {"\x80", 0},                  // a continuation without a lead
    {"\xBF", 0},                  //
    {"\xC0\x80", 0},              // overlong U+0000
    {"\xC1\xBF", 0},              // overlong U+007F
    {"\xC2", 1},                  // cut
    {"\xC2\x7F", 1},              // no continuation
    {"\xC2\xC0", 1},              //
    {"\xDF\x41", 1},              //
    {"\xC3\xA9\xA9", 2},          // one continuation too many
    {"\xE0\x9F\xBF", 1},          // overlong U+07FF
    {"\xE0\xA0", 2},              // cut
    {"\xE1\x80", 2},              //
    {"\xE1\x80\x41", 2},          //
    {"\xE1\x80\xC0", 2},          //
    {"\xE1\x80\x80\x80", 3},      //
    {"\xED\xA0\x80", 1},          // U+D800
    {"\xED\xBF\xBF", 1},          // U+DFFF
    {"\xED\xA0\xBD\xED", 1},      // a pair, as CESU-8 has it
    {"\xF0\x8F\xBF\xBF", 1},      // overlong U+FFFF
    {"\xF0\x90\x80", 3},          // cut
    {"\xF1\x80\x80\x41", 3},      //
    {"\xF1\x80\x80\x80\x80", 4},  //
    {"\xF4\x90\x80\x80", 1},      // U+110000
    {"\xF5\x80\x80\x80", 0},      //
    {"\xF8\x88\x80\x80\x80", 0},  // five bytes, as once upon a time
    {"\xFE", 0},                  //
    {"\xFF", 0},
};

constexpr std::string_view valid_texts[] = {
    "",
    "plain",
    "\x7F",
    "\xC2\x80",
    "\xDF\xBF",
    "\xE0\xA0\x80",
    "\xE1\x80\x80",
    "\xEC\xBF\xBF",
    "\xED\x80\x80",
    "\xED\x9F\xBF",
    "\xEE\x80\x80",
    "\xEF\xBF\xBF",
    "\xEF\xBB\xBF",
    "\xF0\x90\x80\x80",
    "\xF0\xBF\xBF\xBF",
    "\xF1\x80\x80\x80",
    "\xF3\xBF\xBF\xBF",
    "\xF4\x80\x80\x80",
    "\xF4\x8F\xBF\xBF",
    "caf\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 \xF0\x9F\x98\x80",
};

class xorshift {
 public:
  std::size_t below(std::size_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::size_t>(state_ >> 11) % limit;
  }

 private:
  std::uint64_t state_ = 0x9E3779B97F4A7C15;
};

// The text in memory that ends where the text ends, at a chosen alignment: a sanitizer sees what reads
// beyond.
class exact_copy {
 public:
  exact_copy(std::string_view text, std::size_t alignment)
      : memory_(new char[alignment + text.size()]), text_(memory_.get() + alignment, text.size()) {
    if (!text.empty()) std::memcpy(memory_.get() + alignment, text.data(), text.size());
  }
  std::string_view view() const { return text_; }

 private:
  std::unique_ptr<char[]> memory_;
  std::string_view text_;
};

bool stream_accepts(std::string_view text, std::size_t piece) {
  utf8_stream stream;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!stream.feed(text.substr(at, piece))) return false;
  }
  return stream.complete();
}

TEST(utf8, accepts_every_boundary) {
  for (auto const text : valid_texts) {
    EXPECT_TRUE(impl::utf8_valid_scalar(text)) << text;
    EXPECT_TRUE(utf8_valid(text)) << text;
  }
}

TEST(utf8, rejects_what_rfc_3629_does_not_allow) {
  for (auto const& [text, wrong_at] : invalid_texts) {
    EXPECT_FALSE(impl::utf8_valid_scalar(text)) << testing::PrintToString(text);
    EXPECT_FALSE(utf8_valid(text)) << testing::PrintToString(text);
  }
  EXPECT_TRUE(utf8_valid(std::string_view("a\0b", 3))) << "NUL is a character";
}

TEST(utf8, accepts_every_code_point_but_surrogates) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code == 0xD800) code = 0xE000;
    char text[4];
    std::size_t const size = impl::utf8_encode(code, text);
    ASSERT_TRUE(impl::utf8_valid_scalar({text, size})) << code;
    ASSERT_TRUE(utf8_valid({text, size})) << code;
  }
}

// Together with the test above: what is accepted are the code points, and nothing else.
TEST(utf8, accepts_no_more_than_the_code_points) {
  auto const count = [](unsigned first, unsigned last, auto const& rest_of) {
    std::size_t accepted = 0;
    for (unsigned lead = first; lead <= last; ++lead) {
      for (unsigned second = 0; second < 256; ++second) {
        for (std::string const& rest : rest_of) {
          char const front[] = {static_cast<char>(lead), static_cast<char>(second)};
          accepted += impl::utf8_valid_scalar(std::string(front, 2) + rest) ? 1 : 0;
        }
      }
    }
    return accepted;
  };
  std::vector<std::string> third, third_and_fourth;
  for (int c = 0; c < 256; ++c) third.emplace_back(1, static_cast<char>(c));
  for (std::string const a : {"\x7F", "\x80", "\xBF", "\xC0"}) {
    for (std::string const b : {"\x7F", "\x80", "\xBF", "\xC0"}) third_and_fourth.push_back(a + b);
  }
  EXPECT_EQ(count(0x80, 0xFF, std::vector<std::string>{""}), 0x800u - 0x80);
  EXPECT_EQ(count(0xE0, 0xEF, third), 0x10000u - 0x800 - 0x800);
  EXPECT_EQ(count(0xF0, 0xFF, third_and_fourth), (0x110000u - 0x10000) / 64 / 64 * 4);
}

TEST(utf8, agrees_with_the_plain_reading_at_all_lengths_and_alignments) {
  xorshift random;
  std::size_t accepted = 0, rejected = 0;
  for (std::size_t length = 0; length < 200; ++length) {
    for (std::size_t round = 0; round < 16; ++round) {
      std::string text;
      bool const ascii_mostly = round % 2 == 0;
      while (text.size() < length) {
        if (ascii_mostly && random.below(8) != 0) {
          text.append(1 + random.below(20), 'x');
        } else {
          text += valid_texts[random.below(std::size(valid_texts))];
        }
      }
      if (round % 4 >= 2)
        text.insert(random.below(text.size() + 1),
                    invalid_texts[random.below(std::size(invalid_texts))].text);
      exact_copy const copy({text.data(), std::min(length, text.size())}, round);
      bool const expected = impl::utf8_valid_scalar(copy.view());
      ASSERT_EQ(utf8_valid(copy.view()), expected) << length << ' ' << round;
      ASSERT_EQ(stream_accepts(copy.view(), 1), expected) << length << ' ' << round;
      ASSERT_EQ(stream_accepts(copy.view(), 7), expected) << length << ' ' << round;
      ++(expected ? accepted : rejected);
    }
  }
  EXPECT_GT(accepted, 500u);
  EXPECT_GT(rejected, 500u);
}

TEST(utf8, finds_one_fault_wherever_it_is) {
  std::string const fillers[] = {std::string(150, 'a'), [] {
                                   std::string text;
                                   while (text.size() < 150) text += "\xD0\xBF\xE4\xB8\xAD\xF0\x9F\x98\x80 ";
                                   return text;
                                 }()};
  for (std::string const& filler : fillers) {
    for (std::size_t at = 0; at <= filler.size(); ++at) {
      bool const between = at == filler.size() || (filler[at] & 0xC0) != 0x80;
      for (auto const text : valid_texts) {
        std::string const whole = filler.substr(0, at) + std::string(text) + filler.substr(at);
        ASSERT_EQ(utf8_valid(whole), between || text.empty()) << at;
      }
      for (auto const& [text, wrong_at] : invalid_texts) {
        std::string const whole = filler.substr(0, at) + std::string(text) + filler.substr(at);
        ASSERT_EQ(utf8_valid(whole), impl::utf8_valid_scalar(whole)) << at;
        ASSERT_FALSE(between && utf8_valid(whole)) << at;
      }
    }
  }
}

TEST(utf8, sees_a_character_cut_at_the_end) {
  for (std::size_t length = 0; length < 150; ++length) {
    for (std::string const cut : {"\xC3", "\xE4", "\xE4\xB8", "\xF0", "\xF0\x9F", "\xF0\x9F\x98"}) {
      EXPECT_FALSE(utf8_valid(std::string(length, 'a') + cut)) << length;
      EXPECT_FALSE(utf8_valid("\xC3\xA9" + std::string(length, 'a') + cut)) << length;
      EXPECT_FALSE(utf8_valid("\xC3\xA9" + cut + std::string(length, 'a'))) << length;
    }
  }
}

TEST(utf8_stream, reads_text_cut_anywhere) {
  std::string text;
  for (auto const valid : valid_texts) text += valid;
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      utf8_stream stream;
      ASSERT_TRUE(stream.feed(text.substr(0, first)));
      ASSERT_EQ(stream.complete(), utf8_valid(text.substr(0, first)));
      ASSERT_TRUE(stream.feed(text.substr(first, second - first)));
      ASSERT_TRUE(stream.feed(text.substr(second)));
      ASSERT_TRUE(stream.complete());
    }
  }
}

TEST(utf8_stream, fails_at_the_first_byte_that_is_wrong) {
  for (auto const& [text, wrong_at] : invalid_texts) {
    utf8_stream bytewise;
    EXPECT_TRUE(bytewise.feed("before it \xE2\x82\xAC"));
    for (std::size_t i = 0; i < text.size() && i <= wrong_at; ++i) {
      EXPECT_EQ(bytewise.feed(text.substr(i, 1)), i < wrong_at) << testing::PrintToString(text) << i;
    }
    EXPECT_FALSE(bytewise.complete());

    utf8_stream whole;
    EXPECT_EQ(whole.feed(text.substr(0, wrong_at)), true) << testing::PrintToString(text);
    whole.reset();
    EXPECT_EQ(whole.feed(text), wrong_at == text.size()) << testing::PrintToString(text);
    EXPECT_FALSE(whole.complete());
  }
}

TEST(utf8_stream, stays_failed_until_reset) {
  utf8_stream stream;
  EXPECT_TRUE(stream.complete());
  EXPECT_FALSE(stream.feed("\xFF"));
  EXPECT_FALSE(stream.feed("a"));
  EXPECT_FALSE(stream.feed(std::string_view("\0", 1)));
  EXPECT_FALSE(stream.feed("\x80"));
  EXPECT_FALSE(stream.complete());
  stream.reset();
  EXPECT_TRUE(stream.complete());
  EXPECT_TRUE(stream.feed("\xC3"));
  EXPECT_TRUE(stream.feed(""));
  EXPECT_FALSE(stream.complete());
  EXPECT_TRUE(stream.feed("\xA9"));
  EXPECT_TRUE(stream.complete());
  static_assert(sizeof(utf8_stream) <= 8);
}

TEST(utf8, lengths_in_utf16) {
  // Of one, two, three and four bytes; only the last takes two units.
  std::string const text =
      "aaaaaaaaa\xC3\xA9"
      "b\xE2\x82\xAC\xF0\x9F\x98\x80"
      "cccccccccccccccccccccccccccccccccccc";
  EXPECT_EQ(utf16_size(""), 0u);
  EXPECT_EQ(utf16_size(text), text.size() - 1 - 2 - 2);
  EXPECT_EQ(utf16_prefix("", 0), 0u);
  EXPECT_EQ(utf16_prefix("", 1), std::nullopt);
  std::size_t cut = 0;
  for (std::size_t units = 0; units <= utf16_size(text); ++units) {
    auto const size = utf16_prefix(text, units);
    if (!size) {
      EXPECT_EQ(units, 13u) << "the middle of the one that takes two";
      ++cut;
      continue;
    }
    EXPECT_TRUE(utf8_valid(text.substr(0, *size)));
    EXPECT_EQ(utf16_size(text.substr(0, *size)), units);
  }
  EXPECT_EQ(cut, 1u);
  EXPECT_EQ(utf16_prefix(text, utf16_size(text) + 1), std::nullopt);
  EXPECT_EQ(utf16_prefix(text, UINT64_MAX), std::nullopt);
  EXPECT_EQ(utf16_prefix("a\xFF", 1), 1u) << "it reads no further";
  for (auto const* bad : {"a\xFF", "a\x80", "a\xC3", "a\xED\xA0\x80", "a\xF0\x9F\x98"}) {
    EXPECT_EQ(utf16_prefix(bad, 2), std::nullopt);
  }
}

TEST(utf8, scrubs_what_is_none) {
  constexpr std::string_view mark = "\xEF\xBF\xBD";
  EXPECT_EQ(utf8_scrubbed("plain h\xC3\xA9"), "plain h\xC3\xA9");
  EXPECT_EQ(utf8_scrubbed("\xFF"
                          "a\xC3"),
            std::string(mark) + "a" + std::string(mark));
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_TRUE(utf8_valid(utf8_scrubbed(all)));
  EXPECT_EQ(utf8_scrubbed(""), "");
}

}  // namespace core_utf8_test
