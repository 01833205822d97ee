// One seed, one story: a server, some clients, and all that happens to them.   SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "siokit/core/time.hpp"

namespace sim_test {

struct outcome {
  std::uint64_t trace = 0;          ///< the hash of all that was noted
  std::uint64_t lifetimes = 0;      ///< Engine.IO sessions that were opened, and ended
  std::uint64_t events = 0;         ///< that the servers received
  std::vector<std::string> faults;  ///< promises that were broken; empty when all is well
};

/// Tells the story of a seed. `hear`: called for each fact of it, if it is wanted.
outcome tell(std::uint64_t seed, std::function<void(siokit::time_point, std::string_view)> hear = {});

}  // namespace sim_test
