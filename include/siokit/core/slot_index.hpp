// siokit/core/slot_index.hpp - from an id to the slot it belongs to.   SPDX-License-Identifier: MIT
// Open addressing with linear probing: an id costs 5 to 11 bytes, in one block. The ids themselves stay where
// the slots are, and are asked for: `id_of(slot)` answers the id of a slot that is in the index.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

class slot_index {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  /// The slot of `id`, `none` when there is none.
  template <class IdOf>
  [[nodiscard]] std::uint32_t find(std::string_view id, IdOf&& id_of) const {
    if (size_ == 0) return none;
    for (std::size_t at = home_of(id);; at = next(at)) {
      if (places_[at] == none || id_of(places_[at]) == id) return places_[at];
    }
  }

  /// Precondition: the id of `slot` is not in the index. What fails for want of memory changes nothing.
  template <class IdOf>
  void insert(std::uint32_t slot, IdOf&& id_of) {
    if ((size_ + 1) * 4 > places_.size() * 3) grow(id_of);
    put(slot, id_of);
    ++size_;
  }

  /// Takes `slot` out, if it is in the index under this id.
  template <class IdOf>
  void erase(std::uint32_t slot, std::string_view id, IdOf&& id_of) noexcept {
    if (size_ == 0) return;
    std::size_t gap = home_of(id);
    for (; places_[gap] != slot; gap = next(gap)) {
      if (places_[gap] == none) return;
    }
    places_[gap] = none;
    --size_;
    // Those that stand behind move up, unless they would come to stand before their home.
    for (std::size_t at = next(gap); places_[at] != none; at = next(at)) {
      std::size_t const from_home = (at - home_of(id_of(places_[at]))) & mask();
      if (from_home < ((at - gap) & mask())) continue;
      std::swap(places_[gap], places_[at]);
      gap = at;
    }
  }

 private:
  static constexpr std::size_t least = 16;

  [[nodiscard]] std::size_t mask() const noexcept { return places_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home_of(std::string_view id) const noexcept {
    return std::hash<std::string_view>{}(id)&mask();
  }
  template <class IdOf>
  void put(std::uint32_t slot, IdOf&& id_of) {
    std::size_t at = home_of(id_of(slot));
    while (places_[at] != none) at = next(at);
    places_[at] = slot;
  }
  template <class IdOf>
  void grow(IdOf&& id_of) {
    std::vector<std::uint32_t> before(places_.empty() ? least : places_.size() * 2, none);
    before.swap(places_);
    for (std::uint32_t const slot : before) {
      if (slot != none) put(slot, id_of);
    }
  }

  std::vector<std::uint32_t> places_;  // a power of two of them, one is free at least
  std::size_t size_ = 0;
};

}  // namespace siokit::inline v0
