// siokit/sim/world.hpp - virtual time: what happens when.   SPDX-License-Identifier: MIT
// A world runs what is due in the order of time, and in that of its planning where the time is the same. Time
// stands still meanwhile, so hours pass in milliseconds and a run with the same seed is the same run.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "siokit/core/unique_function.hpp"
#include "siokit/sim/random.hpp"

namespace siokit::inline v0::sim {

class world {
 public:
  explicit world(std::uint64_t seed) : random_(seed) {}
  world(world const&) = delete;
  world& operator=(world const&) = delete;

  [[nodiscard]] time_point now() const noexcept { return now_; }
  /// All chance of a world comes from here.
  [[nodiscard]] sim::random& random() noexcept { return random_; }

  /// Plans `what`; a time that has passed is now. What it refers to must live until then, or be asked for.
  void at(time_point when, unique_function<void()> what) {
    plans_.push_back({std::max(when, now_), planned_++, std::move(what)});
    std::push_heap(plans_.begin(), plans_.end(), later_than);
  }
  void after(duration pause, unique_function<void()> what) { at(later(now_, pause), std::move(what)); }

  /// Runs what is due first. False: nothing is planned.
  bool step() {
    if (plans_.empty()) return false;
    std::pop_heap(plans_.begin(), plans_.end(), later_than);
    plan next = std::move(plans_.back());
    plans_.pop_back();
    now_ = next.when;
    next.what();
    return true;
  }
  /// Runs all that is due until then.
  void run_until(time_point end) {
    while (!plans_.empty() && plans_.front().when <= end) step();
    now_ = std::max(now_, end);
  }
  void run_for(duration span) { run_until(later(now_, span)); }
  [[nodiscard]] bool idle() const noexcept { return plans_.empty(); }

  /// Adds a fact, and when it was, to the trace: what tells one run from another.
  void note(std::string_view fact) {
    mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    mix(fact.size());
    for (char const c : fact) mix_byte(static_cast<unsigned char>(c));
    if (reader_) reader_(now_, fact);
  }
  /// The hash of all that was noted.
  [[nodiscard]] std::uint64_t trace() const noexcept { return trace_; }
  /// Hears of every fact, as it is noted.
  void on_note(unique_function<void(time_point, std::string_view)> reader) { reader_ = std::move(reader); }

 private:
  struct plan {
    time_point when;
    std::uint64_t number;
    unique_function<void()> what;
  };
  static bool later_than(plan const& a, plan const& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  void mix(std::uint64_t number) noexcept {
    for (int i = 0; i < 8; ++i) mix_byte(static_cast<unsigned char>(number >> (8 * i)));
  }
  void mix_byte(unsigned char byte) noexcept { trace_ = (trace_ ^ byte) * 0x100'0000'01B3; }  // FNV-1a

  time_point now_{};
  sim::random random_;
  std::vector<plan> plans_;
  std::uint64_t planned_ = 0;
  std::uint64_t trace_ = 0xCBF2'9CE4'8422'2325;
  unique_function<void(time_point, std::string_view)> reader_;
};

}  // namespace siokit::inline v0::sim
