// siokit/net/deflate.hpp - messages compressed by zlib.   SPDX-License-Identifier: MIT
// Spec: RFC 7692, section 7.2; RFC 1951 by zlib.  In: one message. Out: the other form of it, appended.
// A deflater and an inflater own a window each, made on first use. Without contexts one of each serves all
// connections of a loop; with contexts each connection has its own.
#pragma once

#include <zlib.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "siokit/core/error.hpp"

namespace siokit::inline v0::net {

/// The option per_message_deflate of the official server, with its defaults but for the contexts.
struct per_message_deflate_options {
  /// Shorter packets go as they are, in bytes.
  std::size_t threshold = 1024;
  /// Compress each message by itself. Then one compressed form serves all receivers of a broadcast, and an
  /// idle connection owns nothing; else each has a window, and similar messages become smaller.
  bool server_no_context_takeover = true;
  /// Ask clients to do the same.
  bool client_no_context_takeover = true;
  /// Base 2 logarithm of the window that a server compresses with, 9 to 15.
  int server_max_window_bits = 15;
  /// Of the window that clients compress with, 8 to 15, for those that can be told.
  int client_max_window_bits = 15;
  /// 1 (fast) to 9 (small); -1: what zlib thinks best.
  int level = -1;
  /// 1 (little memory) to 9 (speed).
  int mem_level = 8;
  /// Most memory of the contexts of all connections, in bytes. Beyond it new ones get none.
  std::size_t context_memory_max = 256 * 1024 * 1024;
};

namespace impl {
/// What each flush ends with, and a message leaves out.
inline constexpr std::string_view flush_tail{"\x00\x00\xff\xff", 4};

inline void lend(z_stream& stream, std::string_view in) noexcept {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib only reads it
  stream.avail_in = static_cast<uInt>(in.size());
}
}  // namespace impl

class deflater {
 public:
  /// `keep`: messages refer to those before. The rest is as in per_message_deflate_options.
  explicit deflater(int level = Z_DEFAULT_COMPRESSION, int mem_level = 8, int window_bits = 15,
                    bool keep = false) noexcept
      : level_(level), mem_level_(mem_level), window_bits_(window_bits), keep_(keep) {}

  /// Appends the compressed form of a message, without the four bytes that end it.
  void operator()(std::string_view in, std::string& out) {
    if (in.empty()) return out.push_back('\0');  // an empty block; zlib does not flush twice
    if (!stream_) {
      stream_.reset(new z_stream{});
      if (::deflateInit2(stream_.get(), level_, Z_DEFLATED, -window_bits_, mem_level_, Z_DEFAULT_STRATEGY) !=
          Z_OK) {
        stream_.reset();
        throw std::bad_alloc();
      }
    } else if (!keep_) {
      ::deflateReset(stream_.get());
    }
    impl::lend(*stream_, in);
    char part[16 * 1024];
    do {
      stream_->next_out = reinterpret_cast<Bytef*>(part);
      stream_->avail_out = sizeof part;
      ::deflate(stream_.get(), Z_SYNC_FLUSH);
      out.append(part, sizeof part - stream_->avail_out);
    } while (stream_->avail_out == 0);
    out.resize(out.size() - impl::flush_tail.size());
  }

 private:
  struct end {
    void operator()(z_stream* stream) const noexcept {
      ::deflateEnd(stream);
      delete stream;
    }
  };

  std::unique_ptr<z_stream, end> stream_;
  int level_;
  int mem_level_;
  int window_bits_;
  bool keep_;
};

class inflater {
 public:
  /// `keep`: messages may refer to those before.
  explicit inflater(bool keep = false) noexcept : keep_(keep) {}

  /// Appends the message, `size_max` bytes at most. Errors, remote, after which it is of no more use to this
  /// peer: payload_too_large before more than that was made of it; ws_bad_length if it is no compressed data.
  [[nodiscard]] result<void> operator()(std::string_view in, std::string& out, std::size_t size_max) {
    if (!stream_) {
      stream_.reset(new z_stream{});
      constexpr int every_window = -15;
      if (::inflateInit2(stream_.get(), every_window) != Z_OK) {
        stream_.reset();
        throw std::bad_alloc();
      }
    } else if (!keep_ || ended_) {
      ::inflateReset(stream_.get());
    }
    ended_ = false;
    for (std::string_view const piece : {in, impl::flush_tail}) {
      impl::lend(*stream_, piece);
      char part[16 * 1024];
      do {
        stream_->next_out = reinterpret_cast<Bytef*>(part);
        stream_->avail_out = sizeof part;
        int const done = ::inflate(stream_.get(), Z_SYNC_FLUSH);
        std::size_t const size = sizeof part - stream_->avail_out;
        if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR)
          return remote_error(errc::ws_bad_length);
        if (size > size_max) return remote_error(errc::payload_too_large);
        size_max -= size;
        out.append(part, size);
        ended_ = done == Z_STREAM_END;
        if (ended_) return {};  // what a peer says after its last block is of no interest
      } while (stream_->avail_out == 0);
    }
    return {};
  }

 private:
  struct end {
    void operator()(z_stream* stream) const noexcept {
      ::inflateEnd(stream);
      delete stream;
    }
  };

  std::unique_ptr<z_stream, end> stream_;
  bool keep_;
  bool ended_ = false;
};

/// About what zlib takes for one of each, in bytes: see zconf.h.
[[nodiscard]] constexpr std::size_t deflater_bytes(int window_bits, int mem_level) noexcept {
  return (std::size_t{1} << (window_bits + 2)) + (std::size_t{1} << (mem_level + 9)) + 8 * 1024;
}
inline constexpr std::size_t inflater_bytes = 32 * 1024 + 8 * 1024;

}  // namespace siokit::inline v0::net
