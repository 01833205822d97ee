#include "siokit/core/base64.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace core_base64_test {

using namespace siokit;

std::string encoded(std::string_view bytes) {
  std::string text(base64_encoded_size(bytes.size()), '?');
  EXPECT_EQ(base64_encode(bytes, text.data()), text.size());
  return text;
}

std::string decoded(std::string text) {
  text.resize(base64_decode(text, text.data()));
  return text;
}

TEST(base64, writes_the_vectors_of_rfc_4648) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xFB\xFF\xBF"), "+/+/");
  static_assert(base64_encoded_size(0) == 0 && base64_encoded_size(1) == 4 && base64_encoded_size(3) == 4);
  static_assert(base64_encoded_size(4) == 8);
}

TEST(base64, reads_as_leniently_as_node) {
  // From Buffer.from(text, "base64") of Node.js 20.
  static constexpr struct {
    std::string_view text, bytes;
  } table[] = {
      {"Zm9vYmFy", "foobar"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYg", "foob"},  // no padding
      {"Zm9vYmE", "fooba"},
      {"YWJjYQ=", "abca"},  // half of it
      {"-_-_", "\xFB\xFF\xBF"},
      {"+_-/", "\xFB\xFF\xBF"},
      {"Zm9v\nYmFy", "foobar"},  // white space
      {" Z m\t9\r\nv ", "foo"},
      {"Y Q = =", "a"},
      {"YQ  ==", "a"},
      {"YW*Jj", "abc"},  // characters of no alphabet are skipped...
      {"*YWJj", "abc"},
      {"YWJj*", "abc"},
      {"YWJj.", "abc"},
      {"YWJj\xC3\xA9ZGVm", "abcdef"},
      {"YWJjZG!==", "abcd"},
      {"YQ==YQ==", "a"},  // ...but '=' ends the data
      {"YQ=YQ==", "a"},
      {"YWJj=ZGVm", "abc"},
      {"YW=J", "a"},
      {"=YWJj", ""},
      {"Y=WJj", ""},
      {"YWJjYQ*==ABCDEF", "abca"},
      {"YWJj====", "abc"},
      {"====", ""},
      {"=", ""},
      {"", ""},
      {"Y", ""},  // bits that fill no byte are dropped
      {"Y===", ""},
      {"YWJjZ", "abc"},
      {"YR==", "a"},
      {"YWK", "ab"},
  };
  for (auto const& [text, bytes] : table) {
    EXPECT_EQ(decoded(std::string(text)), bytes) << text;
    std::string elsewhere(text.size(), '?');
    EXPECT_EQ(elsewhere.substr(0, base64_decode(text, elsewhere.data())), bytes) << text;
  }
  EXPECT_EQ(decoded(std::string("YW\0Jj", 5)), "abc");
}

TEST(base64, brings_every_byte_and_length_back) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (std::size_t begin = 0; begin < all.size(); begin += 5) {
    for (std::size_t size = 0; begin + size <= all.size(); ++size) {
      std::string const bytes = all.substr(begin, size);
      std::string text = encoded(bytes);
      ASSERT_EQ(decoded(text), bytes);
      std::replace(text.begin(), text.end(), '+', '-');
      std::replace(text.begin(), text.end(), '/', '_');
      text.erase(std::min(text.find('='), text.size()));
      ASSERT_EQ(decoded(text), bytes);
    }
  }
}

TEST(base64, knows_64_characters) {
  std::size_t known = 0;
  for (int c = 0; c < 256; ++c) known += decoded(std::string(2, static_cast<char>(c))).empty() ? 0 : 1;
  EXPECT_EQ(known, 66u) << "64, two of them with a second spelling";
}

TEST(base64, writes_no_more_than_three_quarters) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t junk_at = 0; junk_at <= size; ++junk_at) {
      std::string text(size, 'A');
      if (junk_at < size) text[junk_at] = '*';
      std::string out(size + 1, '#');
      std::size_t const written = base64_decode(text, out.data());
      ASSERT_LE(written, size * 3 / 4);
      ASSERT_EQ(out.substr(written), std::string(out.size() - written, '#'));
    }
  }
}

}  // namespace core_base64_test
