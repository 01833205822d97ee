// siokit/core/frame_header.hpp - the head of a WebSocket frame: first byte and length.
// SPDX-License-Identifier: MIT
// Spec: RFC 6455, section 5.2. Here, below websocket/, because a message is
// encoded as the frames a server sends. Pure functions over the caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// Bytes of an unmasked header for a payload of `size` bytes: 2, 4 or 10.
[[nodiscard]] constexpr std::size_t frame_header_size(std::uint64_t size) noexcept {
  return size < 126 ? 2 : size <= 0xFFFF ? 4 : 10;
}

/// Writes first byte and length (without mask key) to `out`, which has room for frame_header_size(size)
/// bytes. Returns the number of bytes written.
constexpr std::size_t write_frame_header(char* out, std::uint8_t first_byte, std::uint64_t size,
                                         bool masked) noexcept {
  std::size_t const head = frame_header_size(size);
  std::uint8_t const mask_bit = masked ? 0x80 : 0;
  out[0] = static_cast<char>(first_byte);
  out[1] = static_cast<char>(mask_bit | (head == 2 ? size : head == 4 ? 126 : 127));
  for (std::size_t i = 2; i < head; ++i) out[i] = static_cast<char>(size >> (8 * (head - 1 - i)));
  return head;
}

/// Where the payload of a frame begins and how long it is.
struct frame_extent {
  std::size_t head;
  std::size_t size;
};

/// Reads back what write_frame_header wrote unmasked. Precondition: `frame` holds a whole header.
[[nodiscard]] constexpr frame_extent read_frame_header(std::string_view frame) noexcept {
  std::size_t const length = static_cast<unsigned char>(frame[1]) & 0x7F;
  std::size_t const head = length < 126 ? 2 : length == 126 ? 4 : 10;
  if (head == 2) return {head, length};
  std::size_t size = 0;
  for (std::size_t i = 2; i < head; ++i) size = size << 8 | static_cast<unsigned char>(frame[i]);
  return {head, size};
}

}  // namespace siokit::inline v0
