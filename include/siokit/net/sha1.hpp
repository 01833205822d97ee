// siokit/net/sha1.hpp - what a WebSocket handshake is confirmed with.   SPDX-License-Identifier: MIT
#pragma once

#include <openssl/sha.h>

#include <array>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

/// In the shape that websocket::accept_key() wants.
[[nodiscard]] inline std::array<unsigned char, 20> sha1(std::string_view text) noexcept {
  std::array<unsigned char, 20> digest;
  SHA1(reinterpret_cast<unsigned char const*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace siokit::inline v0::net::impl
