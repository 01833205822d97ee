// siokit/socketio/ack_table.hpp - acknowledgements that are still to come.   SPDX-License-Identifier: MIT
// Ids ascend, so the table is a vector in order of ids. Owns what waits for each; the deadline of the whole
// table is known at any time. Each id settles once: by its answer, by time, or when the table is drained.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/core/time.hpp"

namespace siokit::inline v0::socketio {

template <class T>
class ack_table {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] time_point next_deadline() const noexcept { return next_; }

  /// `what` waits for `id` until `deadline`. Error, local: invalid_argument when the id does not ascend.
  result<void> expect(std::uint64_t id, time_point deadline, T what) {
    if (!entries_.empty() && entries_.back().id >= id) return local_error(errc::invalid_argument);
    entries_.push_back({id, deadline, std::move(what)});
    next_ = earliest(next_, deadline);
    return {};
  }

  /// Takes out what waits for `id`; nullopt when nothing does.
  [[nodiscard]] std::optional<T> settle(std::uint64_t id) {
    auto const found =
        std::lower_bound(entries_.begin(), entries_.end(), id,
                         [](entry const& each, std::uint64_t wanted) { return each.id < wanted; });
    if (found == entries_.end() || found->id != id) return std::nullopt;
    return take(found).second;
  }

  /// Takes out one that is overdue.
  [[nodiscard]] std::optional<std::pair<std::uint64_t, T>> expire_one(time_point now) {
    if (next_ > now) return std::nullopt;
    auto const found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](entry const& each) { return each.deadline <= now; });
    return take(found);
  }

  /// Takes out all, calling `visit(id, what)` for each. What `visit` adds stays.
  template <class Visit>
  void drain(Visit&& visit) {
    auto all = std::exchange(entries_, {});
    next_ = never;
    for (entry& each : all) visit(each.id, each.what);
  }

 private:
  struct entry {
    std::uint64_t id;
    time_point deadline;
    T what;
  };

  std::pair<std::uint64_t, T> take(typename std::vector<entry>::iterator at) {
    std::pair<std::uint64_t, T> out(at->id, std::move(at->what));
    bool const was_next = at->deadline == next_;
    entries_.erase(at);
    if (was_next) {
      next_ = never;
      for (entry const& each : entries_) next_ = earliest(next_, each.deadline);
    }
    return out;
  }

  std::vector<entry> entries_;
  time_point next_ = never;
};

}  // namespace siokit::inline v0::socketio
