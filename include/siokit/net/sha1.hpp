// siokit/net/sha1.hpp - what a WebSocket handshake is confirmed with.   SPDX-License-Identifier: MIT
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

/// In the shape that websocket::accept_key() wants.
[[nodiscard]] inline std::array<unsigned char, 20> sha1(std::string_view text) noexcept {
  // To fetch the one and to make the other takes longer than to use them.
  static EVP_MD const* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  struct end {
    void operator()(EVP_MD_CTX* it) const noexcept { EVP_MD_CTX_free(it); }
  };
  thread_local std::unique_ptr<EVP_MD_CTX, end> work;
  if (!work) work.reset(EVP_MD_CTX_new());
  std::array<unsigned char, 20> digest{};
  if (work && EVP_DigestInit_ex(work.get(), algorithm, nullptr) == 1 &&
      EVP_DigestUpdate(work.get(), text.data(), text.size()) == 1) {
    EVP_DigestFinal_ex(work.get(), digest.data(), nullptr);
  }
  return digest;
}

}  // namespace siokit::inline v0::net::impl
