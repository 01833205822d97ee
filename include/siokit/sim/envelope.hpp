// siokit/sim/envelope.hpp - requests and answers of the simulated network.   SPDX-License-Identifier: MIT
// In place of HTTP, whose parser is a library's and no part of the pure layers: two lengths of four bytes, a
// head and a body. The head of a request is `GET target`, `POST target` or `WEBSOCKET target`; that of an
// answer its status.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "siokit/version.hpp"

namespace siokit::inline v0::sim {

struct envelope {
  std::string head;
  std::string body;
};

[[nodiscard]] inline std::string to_bytes(std::string_view head, std::string_view body) {
  std::string out;
  for (std::size_t const size : {head.size(), body.size()}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  }
  return (out += head) += body;
}

/// Puts envelopes together that come in pieces.
class envelope_reader {
 public:
  void add(std::span<char const> bytes) { kept_.append(bytes.data(), bytes.size()); }
  /// The next one that is whole.
  [[nodiscard]] std::optional<envelope> next() {
    if (kept_.size() < 8) return std::nullopt;
    std::size_t const head = size_at(0);
    std::size_t const body = size_at(4);
    if (kept_.size() < 8 + head + body) return std::nullopt;
    envelope out{kept_.substr(8, head), kept_.substr(8 + head, body)};
    kept_.erase(0, 8 + head + body);
    return out;
  }
  /// What came behind the last one.
  [[nodiscard]] std::string rest() && noexcept { return std::move(kept_); }

 private:
  [[nodiscard]] std::size_t size_at(std::size_t at) const noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(kept_[at + i]);
    return size;
  }

  std::string kept_;
};

}  // namespace siokit::inline v0::sim
