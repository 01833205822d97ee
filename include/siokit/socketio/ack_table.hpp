// siokit/socketio/ack_table.hpp - acknowledgements that are still to come.   SPDX-License-Identifier: MIT
// Ids ascend, so the table is a vector in order of ids; beside it a heap of deadlines. What is settled leaves
// a gap in both until they are half gaps. Owns what waits for each. Each id settles once: by its answer, by
// time, or when the table is drained. All in O(log n), amortised; next_deadline() is exact.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/core/reserve_one.hpp"
#include "siokit/core/time.hpp"

namespace siokit::inline v0::socketio {

template <class T>
class ack_table {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] time_point next_deadline() const noexcept {
    return deadlines_.empty() ? never : deadlines_.front().at;
  }

  /// `what` waits for `id` until `deadline`. Errors, local: invalid_argument when the id does not ascend,
  /// too_many_acks when `size_max` others wait.
  result<void> expect(std::uint64_t id, time_point deadline, T what, std::size_t size_max = SIZE_MAX) {
    if (!entries_.empty() && entries_.back().id >= id) return local_error(errc::invalid_argument);
    if (size_ >= size_max) return local_error(errc::too_many_acks);
    if (deadline != never) reserve_one(deadlines_);  // so that both lists change, or none
    entries_.push_back({id, std::move(what)});
    ++size_;
    if (deadline == never) return {};
    deadlines_.push_back({deadline, id});
    std::push_heap(deadlines_.begin(), deadlines_.end(), later_first);
    return {};
  }

  /// Takes out what waits for `id`; nullopt when nothing does.
  [[nodiscard]] std::optional<T> settle(std::uint64_t id) {
    entry* const found = find(id);
    if (found == nullptr) return std::nullopt;
    std::optional<T> out = std::exchange(found->what, std::nullopt);
    --size_;
    close_gaps();
    return out;
  }

  /// Takes out one that is overdue: the one with the earliest deadline, of several the oldest.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, T>> expire_one(time_point now) {
    if (deadlines_.empty() || deadlines_.front().at > now) return std::nullopt;
    std::uint64_t const id = deadlines_.front().id;
    return std::pair<std::uint64_t, T>(id, *settle(id));
  }

  /// Takes out the oldest one.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, T>> take_oldest() {
    while (oldest_ < entries_.size() && !entries_[oldest_].what) ++oldest_;
    if (oldest_ == entries_.size()) return std::nullopt;
    std::uint64_t const id = entries_[oldest_].id;
    return std::pair<std::uint64_t, T>(id, *settle(id));
  }

  /// Takes out all, calling `visit(id, what)` for each. What `visit` adds stays.
  template <class Visit>
  void drain(Visit&& visit) {
    auto all = std::exchange(entries_, {});
    deadlines_.clear();
    size_ = oldest_ = 0;
    for (entry& each : all) {
      if (each.what) visit(each.id, *each.what);
    }
  }

 private:
  struct entry {
    std::uint64_t id;
    std::optional<T> what;  // nullopt: a gap
  };
  struct due {
    time_point at;
    std::uint64_t id;
  };
  static constexpr auto later_first = [](due const& a, due const& b) {
    return a.at != b.at ? a.at > b.at : a.id > b.id;
  };

  [[nodiscard]] entry* find(std::uint64_t id) noexcept {
    auto const found =
        std::lower_bound(entries_.begin(), entries_.end(), id,
                         [](entry const& each, std::uint64_t wanted) { return each.id < wanted; });
    return found == entries_.end() || found->id != id || !found->what ? nullptr : &*found;
  }

  void close_gaps() {
    if (deadlines_.size() > 2 * size_) {
      std::erase_if(deadlines_, [this](due const& each) { return find(each.id) == nullptr; });
      std::make_heap(deadlines_.begin(), deadlines_.end(), later_first);
    }
    while (!deadlines_.empty() && find(deadlines_.front().id) == nullptr) {
      std::pop_heap(deadlines_.begin(), deadlines_.end(), later_first);
      deadlines_.pop_back();
    }
    if (entries_.size() <= 2 * size_) return;
    std::erase_if(entries_, [](entry const& each) { return !each.what; });
    oldest_ = 0;
  }

  std::vector<entry> entries_;
  std::vector<due> deadlines_;
  std::size_t size_ = 0;
  std::size_t oldest_ = 0;  // before it there are gaps only
};

}  // namespace siokit::inline v0::socketio
