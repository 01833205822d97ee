// siokit/net/backlog.hpp - what a socket did not take yet.   SPDX-License-Identifier: MIT
// Exists only while a peer reads too slowly: shared messages first, then bytes of our own. Which is the order
// they come in, because a wire is not asked for messages while it has a backlog.
#pragma once

#include <array>
#include <asio/buffer.hpp>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "siokit/core/message.hpp"

namespace siokit::inline v0::net::impl {

/// As many buffers as one gathered write takes: Asio passes no more to the system at once.
inline constexpr std::size_t gather_max = 64;

/// A list of buffers in the shape Asio wants.
struct gather_list {
  /// What is shorter as a whole is copied into one piece: of a list the system looks at each piece, which
  /// takes longer than to copy it.
  static constexpr std::size_t joined_max = 16 * 1024;

  std::array<asio::const_buffer, gather_max> buffers;
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::array<char, joined_max> scratch;

  void clear() noexcept { count = bytes = 0; }
  void add(std::string_view data) noexcept {
    if (data.empty()) return;
    buffers[count++] = asio::const_buffer(data.data(), data.size());
    bytes += data.size();
  }
  [[nodiscard]] bool full() const noexcept { return count == gather_max; }
  [[nodiscard]] std::span<asio::const_buffer const> view() const noexcept { return {buffers.data(), count}; }
  [[nodiscard]] bool small() const noexcept { return bytes <= joined_max; }
  /// Precondition: small(), or one piece. Valid until the next one is joined.
  [[nodiscard]] asio::const_buffer joined() noexcept {
    if (count == 1) return buffers[0];
    char* end = scratch.data();
    for (asio::const_buffer const& each : view()) {
      std::memcpy(end, each.data(), each.size());
      end += each.size();
    }
    return {scratch.data(), bytes};
  }
};

class backlog {
 public:
  /// Keeps messages of which the first `sent` bytes have left already.
  void keep(std::span<message> items, std::size_t sent) {
    for (message& item : items) {
      std::size_t const size = item.frames().size();
      if (sent >= size) {
        sent -= size;
      } else {
        if (messages_.empty()) offset_ = sent;
        sent = 0;
        messages_.push_back(std::move(item));
      }
    }
  }
  void append(std::string_view bytes) { bytes_ += bytes; }

  /// How much of it is no message.
  [[nodiscard]] std::size_t own_bytes() const noexcept { return bytes_.size(); }
  [[nodiscard]] bool empty() const noexcept { return next_ == messages_.size() && offset_ == bytes_.size(); }

  /// The oldest bytes, as many as one write takes.
  void gather(gather_list& out) const noexcept {
    std::size_t skip = offset_;
    for (std::size_t i = next_; i < messages_.size() && !out.full(); ++i) {
      out.add(messages_[i].frames().substr(std::exchange(skip, 0)));
    }
    if (!out.full()) out.add(std::string_view(bytes_).substr(skip));
  }

  /// `sent` bytes have left.
  void consume(std::size_t sent) noexcept {
    offset_ += sent;
    while (next_ < messages_.size() && offset_ >= messages_[next_].frames().size()) {
      offset_ -= messages_[next_].frames().size();
      messages_[next_++] = message();
    }
    constexpr std::size_t worth_moving = 64 * 1024;
    if (next_ == messages_.size() && offset_ > worth_moving) bytes_.erase(0, std::exchange(offset_, 0));
  }

 private:
  std::vector<message> messages_;
  std::string bytes_;
  std::size_t next_ = 0;    // the first message that is not sent
  std::size_t offset_ = 0;  // how much of it is sent, or of bytes_ when no message is left
};

}  // namespace siokit::inline v0::net::impl
