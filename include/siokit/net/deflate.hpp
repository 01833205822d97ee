// siokit/net/deflate.hpp - messages, compressed one by one.   SPDX-License-Identifier: MIT
// Spec: RFC 7692, section 7.2, without context takeover; RFC 1951 by zlib.  In: one message. Out: the other
// form of it, appended. Owns one compressor and one decompressor, made on first use: one object serves all
// connections of a loop.
#pragma once

#include <zlib.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "siokit/core/error.hpp"

namespace siokit::inline v0::net {

class deflate_codec {
 public:
  /// Appends the compressed form of a message, without the four bytes that end it.
  void deflate(std::string_view in, std::string& out) {
    if (!out_) {
      out_.reset(new z_stream{});
      constexpr int memory = 8;
      if (::deflateInit2(out_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, -window_bits, memory,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
        out_.reset();
        throw std::bad_alloc();
      }
    }
    ::deflateReset(out_.get());
    lend(*out_, in);
    char part[16 * 1024];
    do {
      out_->next_out = reinterpret_cast<Bytef*>(part);
      out_->avail_out = sizeof part;
      ::deflate(out_.get(), Z_SYNC_FLUSH);
      out.append(part, sizeof part - out_->avail_out);
    } while (out_->avail_out == 0);
    out.resize(out.size() - tail.size());
  }

  /// Appends the message, `size_max` bytes at most. Errors, remote: payload_too_large before more than that
  /// was made of it; ws_bad_length if it is no compressed data.
  [[nodiscard]] result<void> inflate(std::string_view in, std::string& out, std::size_t size_max) {
    if (!in_) {
      in_.reset(new z_stream{});
      if (::inflateInit2(in_.get(), -window_bits) != Z_OK) {
        in_.reset();
        throw std::bad_alloc();
      }
    }
    ::inflateReset(in_.get());
    for (std::string_view const piece : {in, tail}) {
      lend(*in_, piece);
      char part[16 * 1024];
      do {
        in_->next_out = reinterpret_cast<Bytef*>(part);
        in_->avail_out = sizeof part;
        int const done = ::inflate(in_.get(), Z_SYNC_FLUSH);
        std::size_t const size = sizeof part - in_->avail_out;
        if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR)
          return remote_error(errc::ws_bad_length);
        if (size > size_max) return remote_error(errc::payload_too_large);
        size_max -= size;
        out.append(part, size);
        if (done == Z_STREAM_END) return {};  // what a peer says after its last block is of no interest
      } while (in_->avail_out == 0);
    }
    return {};
  }

 private:
  static constexpr int window_bits = 15;
  static constexpr std::string_view tail{"\x00\x00\xff\xff", 4};
  struct end_deflate {
    void operator()(z_stream* stream) const noexcept {
      ::deflateEnd(stream);
      delete stream;
    }
  };
  struct end_inflate {
    void operator()(z_stream* stream) const noexcept {
      ::inflateEnd(stream);
      delete stream;
    }
  };
  static void lend(z_stream& stream, std::string_view in) noexcept {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(in.size());
  }

  std::unique_ptr<z_stream, end_deflate> out_;
  std::unique_ptr<z_stream, end_inflate> in_;
};

}  // namespace siokit::inline v0::net
