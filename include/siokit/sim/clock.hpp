// siokit/sim/clock.hpp - the clock of a process in a simulated world, and its one timer.
// SPDX-License-Identifier: MIT
// The clock may be ahead of the world's. The timer goes by the clock, and ends with the process.
#pragma once

#include "siokit/hub/lifeline.hpp"
#include "siokit/sim/world.hpp"

namespace siokit::inline v0::sim {

class clock {
 public:
  /// `in` outlives it; `ring` is called when the timer has run down, and may set it again.
  clock(world& in, unique_function<void()> ring) : world_(&in), ring_(std::move(ring)), lifeline_(*this) {}
  clock(clock const&) = delete;
  clock& operator=(clock const&) = delete;

  [[nodiscard]] time_point now() const noexcept { return later(world_->now(), ahead_); }
  /// Rings at once: what was planned was planned by the clock before.
  void jump(duration by) {
    ahead_ += by;
    planned_ = never;
    ring_();
  }
  /// One timer, the nearest that is wanted; one that is not needed any more does no harm.
  void ring_at(time_point when) {
    if (when == never || when >= planned_) return;
    planned_ = when;
    world_->at(when - ahead_, [self = lifeline_.ref(), when] {
      clock* const owner = self.get();
      if (owner == nullptr || owner->planned_ != when) return;
      owner->planned_ = never;
      owner->ring_();
    });
  }

 private:
  world* world_;
  unique_function<void()> ring_;
  duration ahead_{};
  time_point planned_ = never;
  hub::lifeline<clock> lifeline_;
};

}  // namespace siokit::inline v0::sim
