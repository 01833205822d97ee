// siokit/core/outbox.hpp - messages that wait for their transport.   SPDX-License-Identifier: MIT
// A ring of handles with a count of the bytes behind them. One message has its place in here: the ring is
// allocated for a second one, and a small ring is kept afterwards, so that a connection at work allocates
// nothing; a ring that a burst made large is given back once it is empty.
#pragma once

#include <memory>
#include <utility>

#include "siokit/core/message.hpp"

namespace siokit::inline v0 {

class outbox {
 public:
  outbox() noexcept : only_() {}
  outbox(outbox&& other) noexcept : outbox() { take(other); }
  outbox& operator=(outbox&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }
  ~outbox() {
    clear();
    std::destroy_at(&only_);
  }

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Memory behind the queue, in bytes: each recipient of a broadcast counts it, though they share one copy.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  void push(message item) {
    if (count_ == capacity_) grow();
    bytes_ += item.cost();
    ring()[(head_ + count_++) & (capacity_ - 1)] = std::move(item);
  }

  /// The oldest message. Precondition: !empty().
  [[nodiscard]] message const& front() const noexcept { return ring()[head_]; }

  /// The message behind `index` others. Precondition: index < size().
  [[nodiscard]] message const& at(std::size_t index) const noexcept {
    return ring()[(head_ + index) & (capacity_ - 1)];
  }

  [[nodiscard]] message pop() noexcept {
    message item = std::move(ring()[head_]);
    bytes_ -= item.cost();
    head_ = (head_ + 1) & (capacity_ - 1);
    if (--count_ == 0 && capacity_ > kept_capacity) clear();
    return item;
  }

  void clear() noexcept {
    if (capacity_ == 1) {
      only_ = message();
    } else {
      delete[] std::exchange(ring_, nullptr);
      std::construct_at(&only_);
    }
    bytes_ = 0;
    head_ = count_ = 0;
    capacity_ = 1;
  }

 private:
  static constexpr std::uint32_t first_capacity = 4;
  static constexpr std::uint32_t kept_capacity = 16;

  [[nodiscard]] message* ring() noexcept { return capacity_ == 1 ? &only_ : ring_; }
  [[nodiscard]] message const* ring() const noexcept { return capacity_ == 1 ? &only_ : ring_; }

  /// Precondition: nothing is in here, and no ring.
  void take(outbox& other) noexcept {
    if (other.capacity_ == 1) {
      only_ = std::move(other.only_);
    } else {
      std::destroy_at(&only_);
      ring_ = other.ring_;
      std::construct_at(&other.only_);
    }
    bytes_ = std::exchange(other.bytes_, 0);
    head_ = std::exchange(other.head_, 0);
    count_ = std::exchange(other.count_, 0);
    capacity_ = std::exchange(other.capacity_, 1);
  }

  void grow() {
    std::uint32_t const larger = capacity_ == 1 ? first_capacity : capacity_ * 2;
    auto fresh = std::make_unique<message[]>(larger);
    for (std::uint32_t i = 0; i < count_; ++i) fresh[i] = std::move(ring()[(head_ + i) & (capacity_ - 1)]);
    if (capacity_ == 1) {
      std::destroy_at(&only_);
    } else {
      delete[] ring_;
    }
    ring_ = fresh.release();
    head_ = 0;
    capacity_ = larger;
  }

  union {
    message only_;   // while the capacity is 1
    message* ring_;  // owned
  };
  std::size_t bytes_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 1;
};
static_assert(sizeof(outbox) == 32);

}  // namespace siokit::inline v0
