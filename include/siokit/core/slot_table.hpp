// siokit/core/slot_table.hpp - entries that are named by small numbers.   SPDX-License-Identifier: MIT
// Grows by one and never moves an entry. Chunks of a power of two, so that an entry is a shift and a mask
// away; std::deque divides, on every packet. All entries of a chunk are made with it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "siokit/core/reserve_one.hpp"

namespace siokit::inline v0 {

template <class T>
class slot_table {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Precondition: slot < size().
  [[nodiscard]] T& operator[](std::size_t slot) noexcept { return chunks_[slot / chunk][slot % chunk]; }
  [[nodiscard]] T const& operator[](std::size_t slot) const noexcept {
    return chunks_[slot / chunk][slot % chunk];
  }
  /// One more entry, made by its default constructor.
  void grow() {
    if (size_ == chunks_.size() * chunk) {
      reserve_one(chunks_);
      chunks_.push_back(std::make_unique<T[]>(chunk));
    }
    ++size_;
  }

 private:
  static constexpr std::size_t chunk = 32;

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace siokit::inline v0
