#include "siokit/net/http_compression.hpp"

#include <gtest/gtest.h>

namespace net_http_compression_test {

using namespace siokit::net;

std::string inflated(std::string const& in, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, window_bits), Z_OK);
  std::string out(200'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(HttpCompression, ChoosesACoding) {
  using enum content_coding;
  struct {
    char const* accept;
    std::optional<content_coding> coding;
  } const cases[] = {
      {"gzip", gzip},
      {"deflate", deflate},
      {"gzip, deflate, br", gzip},
      {"deflate, gzip", gzip},
      {"GZIP", gzip},
      {"br, deflate;q=0.5, gzip;q=0.25", deflate},
      {"gzip;q=0, deflate", deflate},
      {"gzip ; q=0.001", gzip},
      {"*", gzip},
      {"*;q=0.5, gzip;q=0", deflate},
      {"", std::nullopt},
      {"identity", std::nullopt},
      {"br", std::nullopt},
      {"gzip;q=0", std::nullopt},
      {"gzip;q=0.000, deflate;q=0", std::nullopt},
      {"gzip;q=abc", std::nullopt},
      {"gzip;q=1.001", std::nullopt},
      {",,;,", std::nullopt},
      {"gzipped", std::nullopt},
  };
  for (auto const& one : cases) EXPECT_EQ(accepted_coding(one.accept), one.coding) << one.accept;
}

TEST(HttpCompression, ComesBackAsItWas) {
  http_compressor both;
  std::string noise;
  for (unsigned i = 0, x = 1; i < 100'000; ++i)
    noise += static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  for (std::string const& body : {std::string(), std::string("4a"), std::string(100'000, 'x'), noise}) {
    EXPECT_EQ(inflated(both.compress(content_coding::gzip, body), 15 + 16), body);
    EXPECT_EQ(inflated(both.compress(content_coding::deflate, body), 15), body);
  }
  EXPECT_LT(both.compress(content_coding::gzip, std::string(100'000, 'x')).size(), 1000u);
}

}  // namespace net_http_compression_test
