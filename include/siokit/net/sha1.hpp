// siokit/net/sha1.hpp - what a WebSocket handshake is confirmed with.   SPDX-License-Identifier: MIT
#pragma once

#include <openssl/evp.h>

#include <array>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

/// In the shape that websocket::accept_key() wants.
[[nodiscard]] inline std::array<unsigned char, 20> sha1(std::string_view text) noexcept {
  // To fetch it takes longer than to use it.
  static EVP_MD const* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  std::array<unsigned char, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, algorithm, nullptr);
  return digest;
}

}  // namespace siokit::inline v0::net::impl
