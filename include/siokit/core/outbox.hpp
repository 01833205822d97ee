// siokit/core/outbox.hpp - messages that wait for their transport.   SPDX-License-Identifier: MIT
// A ring of handles with a count of the bytes behind them. Allocates on first use and keeps a small ring
// afterwards, so that a connection at work allocates nothing; a ring that a burst made large is given back
// once it is empty.
#pragma once

#include <memory>

#include "siokit/core/message.hpp"

namespace siokit::inline v0 {

class outbox {
 public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Memory behind the queue, in bytes: each recipient of a broadcast counts it, though they share one copy.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  void push(message item) {
    if (count_ == capacity_) grow();
    bytes_ += item.cost();
    ring_[(head_ + count_++) & (capacity_ - 1)] = std::move(item);
  }

  /// The oldest message. Precondition: !empty().
  [[nodiscard]] message const& front() const noexcept { return ring_[head_]; }

  /// The message behind `index` others. Precondition: index < size().
  [[nodiscard]] message const& at(std::size_t index) const noexcept {
    return ring_[(head_ + index) & (capacity_ - 1)];
  }

  [[nodiscard]] message pop() noexcept {
    message item = std::move(ring_[head_]);
    bytes_ -= item.cost();
    head_ = (head_ + 1) & (capacity_ - 1);
    if (--count_ == 0 && capacity_ > kept_capacity) clear();
    return item;
  }

  void clear() noexcept {
    ring_.reset();
    bytes_ = 0;
    head_ = count_ = capacity_ = 0;
  }

 private:
  static constexpr std::uint32_t first_capacity = 4;
  static constexpr std::uint32_t kept_capacity = 16;

  void grow() {
    std::uint32_t const larger = capacity_ == 0 ? first_capacity : capacity_ * 2;
    auto ring = std::make_unique<message[]>(larger);
    for (std::uint32_t i = 0; i < count_; ++i) ring[i] = std::move(ring_[(head_ + i) & (capacity_ - 1)]);
    ring_ = std::move(ring);
    head_ = 0;
    capacity_ = larger;
  }

  std::unique_ptr<message[]> ring_;
  std::size_t bytes_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;
};
static_assert(sizeof(outbox) == 32);

}  // namespace siokit::inline v0
