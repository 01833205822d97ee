// siokit/net/http_compression.hpp - polling bodies, compressed.   SPDX-License-Identifier: MIT
// Spec: RFC 9110, sections 8.4.1 and 12.5.3; RFC 1950 to 1952 by zlib.  In: Accept-Encoding, a whole body.
// Out: the coding both sides know, the compressed body. Owns a compressor for each coding that was used: one
// object serves all connections of a loop.
#pragma once

#include <zlib.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

/// The option http_compression of the official server.
struct http_compression_options {
  bool enabled = true;
  /// Shorter bodies go as they are, in bytes.
  std::size_t threshold = 1024;
  /// 1 (fast) to 9 (small); -1: what zlib thinks best.
  int level = -1;
};

enum class content_coding : std::uint8_t { gzip, deflate };

[[nodiscard]] constexpr std::string_view to_string(content_coding coding) noexcept {
  return coding == content_coding::gzip ? "gzip" : "deflate";
}

namespace impl {
/// A weight of a header, `0` to `1` with at most three digits, in thousandths. What is no weight counts as 0.
[[nodiscard]] constexpr int read_weight(std::string_view text) noexcept {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return 0;
  int value = (text[0] - '0') * 1000, unit = 100;
  if (text.size() > 1 && text[1] != '.') return 0;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return 0;
    value += (text[i] - '0') * unit;
  }
  return value > 1000 ? 0 : value;
}

/// The weight that Accept-Encoding gives a coding, 0 when it is not wanted.
[[nodiscard]] constexpr int coding_weight(std::string_view accept, std::string_view coding) noexcept {
  int named = -1, any = 0;
  while (!accept.empty()) {
    std::string_view item = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(item.size() + 1, accept.size()));
    std::size_t const end = std::min(item.find(';'), item.size());
    std::string_view const name = trimmed(item.substr(0, end));
    std::string_view const more = trimmed(item.substr(std::min(end + 1, item.size())));
    bool const weighted = more.starts_with("q=") || more.starts_with("Q=");
    int const weight = weighted ? read_weight(trimmed(more.substr(2))) : 1000;
    if (same_header_name(name, coding)) named = std::max(named, weight);
    if (name == "*") any = weight;
  }
  return named >= 0 ? named : any;
}
}  // namespace impl

/// The coding that a client likes best, gzip when it likes both; nullopt when it wants none.
[[nodiscard]] constexpr std::optional<content_coding> accepted_coding(std::string_view accept) noexcept {
  int const gzip = impl::coding_weight(accept, "gzip"), deflate = impl::coding_weight(accept, "deflate");
  if (gzip == 0 && deflate == 0) return std::nullopt;
  return gzip >= deflate ? content_coding::gzip : content_coding::deflate;
}

class http_compressor {
 public:
  explicit http_compressor(int level = Z_DEFAULT_COMPRESSION) noexcept : level_(level) {}

  /// The whole body in this coding. Throws std::bad_alloc, and nothing else.
  [[nodiscard]] std::string compress(content_coding coding, std::string_view body) {
    z_stream& stream = at(coding);
    ::deflateReset(&stream);
    std::string out(::deflateBound(&stream, static_cast<uLong>(body.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);  // the bound makes one call enough
    out.resize(out.size() - stream.avail_out);
    return out;
  }

 private:
  struct end_deflate {
    void operator()(z_stream* stream) const noexcept {
      ::deflateEnd(stream);
      delete stream;
    }
  };

  [[nodiscard]] z_stream& at(content_coding coding) {
    auto& stream = streams_[static_cast<std::size_t>(coding)];
    if (stream) return *stream;
    auto fresh = std::make_unique<z_stream>();
    constexpr int zlib_format = 15, gzip_format = 15 + 16, memory = 8;
    if (::deflateInit2(fresh.get(), level_, Z_DEFLATED,
                       coding == content_coding::gzip ? gzip_format : zlib_format, memory,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
    stream.reset(fresh.release());
    return *stream;
  }

  std::array<std::unique_ptr<z_stream, end_deflate>, 2> streams_;
  int level_;
};

}  // namespace siokit::inline v0::net
