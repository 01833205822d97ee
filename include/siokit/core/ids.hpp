// siokit/core/ids.hpp - session ids, and the handles a host names things by.   SPDX-License-Identifier: MIT
// Spec: the shape of ids follows the official server: 15 bytes in the URL-safe alphabet of base64, 20
// characters. Plain values. Ids are secrets: their randomness comes from the host, never from here.
#pragma once

#include <array>
#include <cstring>
#include <span>
#include <string_view>

#include "siokit/core/bytes.hpp"

namespace siokit::inline v0 {

/// An id of 1 to 23 characters, stored in place. Official ids have 20; sticky load balancers and adapters
/// rely on it.
class sid {
 public:
  static constexpr std::size_t size_max = 23;

  constexpr sid() noexcept = default;
  /// Precondition: text.size() <= size_max; longer text is cut, so check ids from outside before.
  constexpr explicit sid(std::string_view text) noexcept {
    size_ = static_cast<std::uint8_t>(text.size() < size_max ? text.size() : size_max);
    for (std::size_t i = 0; i < size_; ++i) text_[i] = text[i];
  }

  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_.data(), size_}; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr operator std::string_view() const noexcept { return view(); }

  friend constexpr bool operator==(sid const& a, sid const& b) noexcept { return a.view() == b.view(); }

 private:
  std::array<char, size_max> text_{};
  std::uint8_t size_ = 0;
};
static_assert(sizeof(sid) == 24);

/// Whether text of the application can be an id: 1 to 23 letters, digits, `-` and `_`, which stand for
/// themselves in a query, a cookie and JSON.
[[nodiscard]] constexpr bool valid_sid(std::string_view text) noexcept {
  for (char const c : text) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_') return false;
  }
  return !text.empty() && text.size() <= sid::size_max;
}

/// The 20 character id of 15 bytes: 12 random ones, then a counter of 3 bytes that keeps ids of one process
/// apart.
[[nodiscard]] constexpr sid make_sid(std::span<std::uint8_t const, 12> random,
                                     std::uint32_t counter) noexcept {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::uint8_t, 15> raw{};
  for (std::size_t i = 0; i < 12; ++i) raw[i] = random[i];
  for (std::size_t i = 0; i < 3; ++i) raw[12 + i] = static_cast<std::uint8_t>(counter >> (16 - 8 * i));
  std::array<char, 20> text{};
  for (std::size_t i = 0; i < 5; ++i) {
    std::uint32_t const three =
        std::uint32_t{raw[3 * i]} << 16 | std::uint32_t{raw[3 * i + 1]} << 8 | raw[3 * i + 2];
    for (std::size_t k = 0; k < 4; ++k) text[4 * i + k] = alphabet[three >> (18 - 6 * k) & 63];
  }
  return sid(std::string_view(text.data(), text.size()));
}

/// The counter that make_sid() put into an id of 20 characters; nothing sensible for other text.
[[nodiscard]] constexpr std::uint32_t sid_counter(std::string_view id) noexcept {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint32_t counter = 0;
  for (char const c : id.substr(id.size() < 4 ? 0 : id.size() - 4)) {
    counter = counter << 6 | (static_cast<std::uint32_t>(alphabet.find(c)) & 63);
  }
  return counter;
}

/// Of the ids of sessions where there are several shards: the shard, and what keeps its ids apart.
[[nodiscard]] constexpr std::uint32_t session_counter(std::uint8_t shard, std::uint32_t count) noexcept {
  return std::uint32_t{shard} << 16 | (count & 0xFFFF);
}
/// The shard that session_counter() put into an id of 20 characters; nothing sensible for other text.
[[nodiscard]] constexpr std::uint8_t shard_of(std::string_view id) noexcept {
  return static_cast<std::uint8_t>(sid_counter(id) >> 16);
}

/// One WebSocket, named by the host. Zero means none.
struct wire {
  std::uint64_t value = 0;
  explicit operator bool() const noexcept { return value != 0; }
  friend bool operator==(wire, wire) = default;
};

/// One HTTP request and its response, named by the host. Zero means none.
struct exchange {
  std::uint64_t value = 0;
  explicit operator bool() const noexcept { return value != 0; }
  friend bool operator==(exchange, exchange) = default;
};

/// A place in a table and the use it is in: a handle kept too long is recognised, never mistaken for its
/// successor.
struct handle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0: refers to nothing
  explicit operator bool() const noexcept { return generation != 0; }
  friend bool operator==(handle, handle) = default;
};

}  // namespace siokit::inline v0

template <>
struct std::hash<siokit::sid> {
  [[nodiscard]] std::size_t operator()(siokit::sid const& id) const noexcept {
    return std::hash<std::string_view>{}(id.view());
  }
};
