// How many events each participant has sent of late.   SPDX-License-Identifier: MIT
// Bounded: where tokens are not validated, anybody may come under any number of names. When all places are
// taken, who was counted first is forgotten: then strangers lock nobody out.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "apps/rate_limit.hpp"

namespace agent {

class event_counts {
 public:
  using time_point = apps::rate_limit::time_point;
  static constexpr std::size_t counted_max = 10'000;

  /// Whether one more is within the limit, which is always the same; counts it then.
  [[nodiscard]] bool allow(std::string const& participant, apps::rate const& limit, time_point now) {
    while (!oldest_first_.empty() && oldest_first_.front()->second.idle(limit, now)) forget_oldest();
    auto found = counts_.find(participant);
    if (found == counts_.end()) {
      if (counts_.size() >= counted_max) forget_oldest();
      found = counts_.try_emplace(participant).first;
      oldest_first_.push_back(found);
    }
    return found->second.allow(limit, now);
  }
  [[nodiscard]] std::size_t size() const noexcept { return counts_.size(); }

 private:
  using counts = std::map<std::string, apps::rate_limit>;

  void forget_oldest() {
    counts_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }

  counts counts_;
  std::deque<counts::iterator> oldest_first_;  // in the order in which their windows began
};

}  // namespace agent
