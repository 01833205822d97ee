// siokit/core/deadlines.hpp - who wants to be woken, and when.   SPDX-License-Identifier: MIT
// Two structures over small integer keys (the slots of a table). Lanes: FIFO lists, one per duration that
// comes from configuration; arming and disarming are O(1), because equal durations expire in the order they
// were armed. Heap: any other deadline, O(log n). Memory grows with the largest key; nothing is allocated
// while keys are reused.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "siokit/core/time.hpp"

namespace siokit::inline v0 {

/// FIFO lists of keys, one list per lane. In one lane deadlines must be armed in ascending order, as those of
/// one fixed duration are; a key is in one lane at most.
class deadline_lanes {
 public:
  /// At most 4 lanes, and 2^30 - 1 keys.
  explicit deadline_lanes(std::uint8_t lanes) : ends_(lanes) {}

  /// From now on to arm one of so many keys needs no memory.
  void reserve(std::size_t keys) {
    if (keys > nodes_.size()) nodes_.resize(keys);
  }

  /// Puts `key` at the end of `lane`, wherever it was before.
  void arm(std::uint32_t key, std::uint8_t lane, time_point at) {
    reserve(key + std::size_t{1});
    disarm(key);
    if (at == never) return;
    list& end = ends_[lane];
    nodes_[key] = {at, end.last, nobody, std::uint32_t{lane} & 3};
    if (end.last == nobody) {
      end.first = key;
    } else {
      nodes_[end.last].next = key & nobody;
    }
    end.last = key;
  }

  void disarm(std::uint32_t key) noexcept {
    if (key >= nodes_.size() || nodes_[key].at == never) return;
    node& item = nodes_[key];
    list& end = ends_[item.lane];
    if (item.previous == nobody) {
      end.first = item.next;
    } else {
      nodes_[item.previous].next = item.next;
    }
    (item.next == nobody ? end.last : nodes_[item.next].previous) = item.previous;
    item.at = never;
  }

  /// What `key` is armed for, `never` when it is not.
  [[nodiscard]] time_point deadline_of(std::uint32_t key) const noexcept {
    return key < nodes_.size() ? nodes_[key].at : never;
  }

  [[nodiscard]] time_point next_deadline() const noexcept {
    time_point first = never;
    for (list const& lane : ends_) {
      if (lane.first != nobody) first = earliest(first, nodes_[lane.first].at);
    }
    return first;
  }

  /// Takes out one key whose deadline is not after `now`; `none` when there is none.
  [[nodiscard]] std::uint32_t expire_one(time_point now) noexcept {
    for (list const& lane : ends_) {
      if (lane.first == nobody || nodes_[lane.first].at > now) continue;
      std::uint32_t const key = lane.first;
      disarm(key);
      return key;
    }
    return none;
  }

  static constexpr std::uint32_t none = UINT32_MAX;

 private:
  static constexpr std::uint32_t nobody = (std::uint32_t{1} << 30) - 1;
  struct node {
    time_point at = never;  // it is in no lane
    std::uint32_t previous = nobody;
    std::uint32_t next : 30 = nobody;
    std::uint32_t lane : 2 = 0;
  };
  static_assert(sizeof(node) == 16);
  struct list {
    std::uint32_t first = nobody;
    std::uint32_t last = nobody;
  };

  std::vector<node> nodes_;
  std::vector<list> ends_;
};

/// A binary heap that knows where each key is, so that a deadline can be moved or withdrawn.
class deadline_heap {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  [[nodiscard]] bool armed(std::uint32_t key) const noexcept {
    return key < places_.size() && places_[key] != none;
  }

  /// Sets the deadline of `key`; `never` withdraws it.
  void arm(std::uint32_t key, time_point at) {
    if (at == never) return disarm(key);
    if (key >= places_.size()) places_.resize(key + std::size_t{1}, none);
    if (places_[key] == none) {
      heap_.push_back({at, key});  // which may fail, and then changes nothing
      places_[key] = static_cast<std::uint32_t>(heap_.size() - 1);
    } else {
      heap_[places_[key]].at = at;
    }
    settle(places_[key]);
  }

  void disarm(std::uint32_t key) noexcept {
    if (!armed(key)) return;
    std::uint32_t const place = std::exchange(places_[key], none);
    entry const last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    put(place, last);
    settle(place);
  }

  [[nodiscard]] time_point next_deadline() const noexcept { return heap_.empty() ? never : heap_.front().at; }

  /// Takes out one key whose deadline is not after `now`; `none` when there is none.
  [[nodiscard]] std::uint32_t expire_one(time_point now) noexcept {
    if (heap_.empty() || heap_.front().at > now) return none;
    std::uint32_t const key = heap_.front().key;
    disarm(key);
    return key;
  }

 private:
  struct entry {
    time_point at;
    std::uint32_t key;
  };

  void put(std::uint32_t place, entry item) noexcept {
    heap_[place] = item;
    places_[item.key] = place;
  }
  void exchange_places(std::uint32_t a, std::uint32_t b) noexcept {
    entry const first = heap_[a];
    put(a, heap_[b]);
    put(b, first);
  }
  void settle(std::uint32_t place) noexcept {
    while (place != 0 && heap_[place].at < heap_[(place - 1) / 2].at) {
      exchange_places(place, (place - 1) / 2);
      place = (place - 1) / 2;
    }
    for (;;) {
      std::uint32_t least = place;
      for (std::uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size(); ++child) {
        if (heap_[child].at < heap_[least].at) least = child;
      }
      if (least == place) return;
      exchange_places(place, least);
      place = least;
    }
  }

  std::vector<entry> heap_;
  std::vector<std::uint32_t> places_;
};

}  // namespace siokit::inline v0
