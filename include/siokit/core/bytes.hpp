// siokit/core/bytes.hpp - views of bytes, and the unit a transport carries.   SPDX-License-Identifier: MIT
// Borrows everything, owns nothing, allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// Binary data as applications see it. Borrowed: valid as long as the buffer behind it.
using bytes_view = std::span<std::byte const>;

[[nodiscard]] inline bytes_view as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<std::byte const*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(bytes_view bytes) noexcept {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Text or binary: the two kinds of unit that every transport of Engine.IO carries.
enum class frame_kind : std::uint8_t { text, binary };

/// One transport unit: a WebSocket message, or one packet of a polling body. Borrowed.
struct frame {
  frame_kind kind;
  std::string_view data;

  friend bool operator==(frame const&, frame const&) = default;
};

}  // namespace siokit::inline v0
