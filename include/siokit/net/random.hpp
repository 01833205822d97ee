// siokit/net/random.hpp - unpredictable bytes and ids from the CSPRNG of OpenSSL.
// SPDX-License-Identifier: MIT
#pragma once

#include <openssl/rand.h>

#include <cstdlib>
#include <utility>

#include "siokit/core/ids.hpp"

namespace siokit::inline v0::net {

/// Fills `out`. Ids are secrets: a generator that fails ends the program rather than give guessable ones.
inline void random_bytes(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

/// Twelve bytes at a time out of a block, since a call of the generator costs more than the bytes.
class random_pool {
 public:
  void operator()(std::span<std::uint8_t, 12> out) {
    if (used_ == sizeof(block_)) {
      random_bytes(block_);
      used_ = 0;
    }
    for (auto& byte : out) byte = std::exchange(block_[used_++], std::uint8_t{0});
  }

 private:
  std::uint8_t block_[12 * 64];
  std::size_t used_ = sizeof(block_);
};

/// Ids of sessions, for applications of Engine.IO alone.
class id_source {
 public:
  [[nodiscard]] sid next() {
    std::array<std::uint8_t, 12> bytes{};
    pool_(bytes);
    return make_sid(bytes, count_++);
  }

 private:
  random_pool pool_;
  std::uint32_t count_ = 0;
};

}  // namespace siokit::inline v0::net
