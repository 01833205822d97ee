// siokit/sim/random.hpp - chance that can be had again.   SPDX-License-Identifier: MIT
// SplitMix64: the same numbers for the same seed with every compiler and standard library, whose own
// distributions differ.
#pragma once

#include <cstdint>

#include "siokit/core/time.hpp"

namespace siokit::inline v0::sim {

class random {
 public:
  explicit constexpr random(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    state_ += 0x9E37'79B9'7F4A'7C15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xBF58'476D'1CE4'E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D0'49BB'1331'11EB;
    return mixed ^ mixed >> 31;
  }
  /// A number below `count`. Precondition: count > 0. What the remainder prefers is of no weight here.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t count) noexcept { return next() % count; }
  [[nodiscard]] constexpr bool chance(unsigned percent) noexcept { return below(100) < percent; }
  /// Precondition: least <= most. Both ends belong to it.
  [[nodiscard]] constexpr duration between(duration least, duration most) noexcept {
    auto const span = static_cast<std::uint64_t>((most - least).count());
    return least + duration(static_cast<duration::rep>(below(span + 1)));
  }

 private:
  std::uint64_t state_;
};

}  // namespace siokit::inline v0::sim
