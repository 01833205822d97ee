// siokit/core/slot_list.hpp - a queue of entries of a table.   SPDX-License-Identifier: MIT
// First in, first out; an entry is in it once at most. The links are members of the entries: it allocates
// nothing and can't fail.
#pragma once

#include <cstdint>
#include <utility>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// A link of an entry that is in no list.
inline constexpr std::uint32_t unlisted = UINT32_MAX;

/// `Next`: the link, `unlisted` at first. `Table`: indexed by slots.
template <class Table, auto Next>
class slot_list {
 public:
  /// `table` outlives the list.
  explicit slot_list(Table& table) noexcept : table_(table) {}

  [[nodiscard]] bool empty() const noexcept { return first_ == end; }
  /// The oldest one. Precondition of both: there is one.
  [[nodiscard]] std::uint32_t front() const noexcept { return first_; }
  void pop() noexcept { first_ = std::exchange(table_[first_].*Next, unlisted); }
  /// Puts `slot` at the end, unless it is in the list.
  void push(std::uint32_t slot) noexcept {
    if (table_[slot].*Next != unlisted) return;
    table_[slot].*Next = end;
    (empty() ? first_ : table_[last_].*Next) = slot;
    last_ = slot;
  }

 private:
  static constexpr std::uint32_t end = UINT32_MAX - 1;

  Table& table_;
  std::uint32_t first_ = end;
  std::uint32_t last_ = end;
};

}  // namespace siokit::inline v0
