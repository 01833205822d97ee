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
  outbox() noexcept : one() {}
  outbox(outbox&& other) noexcept : outbox() { take(other); }
  outbox& operator=(outbox&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take(other);
    return *this;
  }
  ~outbox() {
    clear();
    std::destroy_at(&one);
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
      one = message();
    } else {
      delete[] std::exchange(many, nullptr);
      std::construct_at(&one);
    }
    bytes_ = 0;
    head_ = count_ = 0;
    capacity_ = 1;
  }

 private:
  static constexpr std::uint32_t first_capacity = 4;
  static constexpr std::uint32_t kept_capacity = 16;

  [[nodiscard]] message* ring() noexcept { return capacity_ == 1 ? &one : many; }
  [[nodiscard]] message const* ring() const noexcept { return capacity_ == 1 ? &one : many; }

  /// Precondition: nothing is in here, and no ring.
  void take(outbox& other) noexcept {
    if (other.capacity_ == 1) {
      one = std::move(other.one);
    } else {
      std::destroy_at(&one);
      many = other.many;
      std::construct_at(&other.one);
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
      std::destroy_at(&one);
    } else {
      delete[] many;
    }
    many = fresh.release();
    head_ = 0;
    capacity_ = larger;
  }

  union {
    message one;    // while the capacity is 1
    message* many;  // owned
  };
  std::size_t bytes_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 1;
};
static_assert(sizeof(outbox) == 32);

}  // namespace siokit::inline v0
