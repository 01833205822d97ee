// siokit/core/msgpack.hpp - MessagePack read token by token.   SPDX-License-Identifier: MIT
// Spec: the MessagePack format (msgpack/msgpack, spec.md).  In: bytes of a peer, which may be anything.  Out:
// tokens that borrow them. Declared lengths are compared with what is there before anybody believes them.
// Allocates nothing, recurses nowhere.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "siokit/core/error.hpp"

namespace siokit::inline v0 {

/// A scalar, or the head of an array or map: its elements are the tokens that follow.
struct msgpack_token {
  enum class kind : std::uint8_t { nil, boolean, natural, negative, real, text, binary, array, map, ext };

  kind is = kind::nil;
  bool fixed = false;        ///< ext: its length is part of its first byte (fixext)
  std::int8_t ext_type = 0;  ///< ext
  std::uint64_t number = 0;  ///< boolean, natural; negative: in two's complement; array, map: how many
  double real = 0;           ///< real
  std::string_view bytes{};  ///< text (perhaps not UTF-8), binary, ext

  /// What JavaScript's encoder writes for `undefined`.
  [[nodiscard]] bool undefined() const noexcept {
    return is == kind::ext && fixed && ext_type == 0 && bytes.size() == 1;
  }
};

/// Reads one value after the other. After an error nothing that follows means anything.
class msgpack_reader {
 public:
  using kind = msgpack_token::kind;

  explicit msgpack_reader(std::string_view in) noexcept : in_(in) {}

  [[nodiscard]] bool done() const noexcept { return at_ == in_.size(); }
  [[nodiscard]] std::size_t offset() const noexcept { return at_; }

  /// The next token. An array or map has no more elements than bytes are left. Error, remote: bad_msgpack.
  [[nodiscard]] result<msgpack_token> next() noexcept {
    if (done()) return fail();
    auto const first = static_cast<std::uint8_t>(in_[at_++]);
    if (first < 0x80) return msgpack_token{.is = kind::natural, .number = first};
    if (first < 0x90) return container(kind::map, first & 0x0FU);
    if (first < 0xA0) return container(kind::array, first & 0x0FU);
    if (first < 0xC0) return body(kind::text, first & 0x1FU);
    if (first >= 0xE0) return integer(static_cast<std::int8_t>(first));
    return prefixed(first);
  }

  /// The bytes of the next value, whatever it nests. Error, remote: bad_msgpack.
  [[nodiscard]] result<std::string_view> skip() noexcept {
    std::size_t const begin = at_;
    for (std::uint64_t due = 1; due > 0; --due) {
      auto const token = next();
      if (!token) return tl::unexpected(token.error());
      if (token->is == kind::array) due += token->number;
      if (token->is == kind::map) due += 2 * token->number;
      if (due - 1 > in_.size() - at_) return fail();
    }
    return in_.substr(begin, at_ - begin);
  }

 private:
  [[nodiscard]] tl::unexpected<error> fail() const noexcept { return remote_error(errc::bad_msgpack, at_); }

  /// A number of `width` bytes. Precondition: they are there.
  [[nodiscard]] std::uint64_t big_endian(std::size_t width) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<std::uint8_t>(in_[at_++]);
    return value;
  }
  [[nodiscard]] bool has(std::uint64_t bytes) const noexcept { return bytes <= in_.size() - at_; }

  [[nodiscard]] static msgpack_token integer(std::int64_t value) noexcept {
    return {.is = value < 0 ? kind::negative : kind::natural, .number = static_cast<std::uint64_t>(value)};
  }
  [[nodiscard]] result<msgpack_token> container(kind is, std::uint64_t count) const noexcept {
    if (!has(is == kind::map ? 2 * count : count)) return fail();
    return msgpack_token{.is = is, .number = count};
  }
  [[nodiscard]] result<msgpack_token> body(kind is, std::uint64_t size) noexcept {
    if (!has(size)) return fail();
    std::string_view const bytes = in_.substr(at_, static_cast<std::size_t>(size));
    at_ += bytes.size();
    return msgpack_token{.is = is, .bytes = bytes};
  }
  [[nodiscard]] result<msgpack_token> ext(std::uint64_t size, bool fixed) noexcept {
    if (!has(1)) return fail();
    auto const type = static_cast<std::int8_t>(in_[at_++]);
    auto out = body(kind::ext, size);
    if (out) out->ext_type = type, out->fixed = fixed;
    return out;
  }

  /// What begins with a byte from 0xC0 to 0xDF; most of them are followed by a number.
  [[nodiscard]] result<msgpack_token> prefixed(std::uint8_t first) noexcept {
    if (first >= 0xD4 && first <= 0xD8) return ext(std::uint64_t{1} << (first - 0xD4), true);
    if (first == 0xC0) return msgpack_token{};
    if (first == 0xC2 || first == 0xC3) return msgpack_token{.is = kind::boolean, .number = first & 1U};
    constexpr std::string_view widths{"\0\0\0\0\1\2\4\1\2\4\4\x8\1\2\4\x8\1\2\4\x8\0\0\0\0\0\1\2\4\2\4\2\4",
                                      32};
    auto const width = std::size_t{static_cast<unsigned char>(widths[first - 0xC0U])};
    if (width == 0 || !has(width)) return fail();  // 0xC1 is no value
    std::uint64_t const number = big_endian(width);
    if (first <= 0xC6) return body(kind::binary, number);
    if (first <= 0xC9) return ext(number, false);
    if (first == 0xCA) {
      return msgpack_token{.is = kind::real,
                           .real = std::bit_cast<float>(static_cast<std::uint32_t>(number))};
    }
    if (first == 0xCB) return msgpack_token{.is = kind::real, .real = std::bit_cast<double>(number)};
    if (first <= 0xCF) return msgpack_token{.is = kind::natural, .number = number};
    if (first <= 0xD3) {
      auto const unused = static_cast<unsigned>(64 - 8 * width);
      return integer(static_cast<std::int64_t>(number << unused) >> unused);
    }
    if (first <= 0xDB) return body(kind::text, number);
    return container(first <= 0xDD ? kind::array : kind::map, number);
  }

  std::string_view in_;
  std::size_t at_ = 0;
};

}  // namespace siokit::inline v0
