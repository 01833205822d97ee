// The table of applications.   SPDX-License-Identifier: MIT
#include "app.hpp"

#include <array>

#include "apps/agent/agent.hpp"
#include "apps/monitor/monitor.hpp"
#include "apps/notifier/notifier.hpp"
#include "apps/studio/studio.hpp"
#include "apps/testbed/testbed.hpp"

namespace apps {
namespace {

struct known_app {
  std::string_view name;
  std::unique_ptr<app> (*make)();
};

constexpr std::array known_apps{
    known_app{"testbed", testbed::make}, known_app{"notifier", notifier::make},
    known_app{"monitor", monitor::make}, known_app{"agent", agent::make},
    known_app{"studio", studio::make},
};

}  // namespace

std::unique_ptr<app> make(std::string_view name) {
  for (auto const& each : known_apps) {
    if (each.name == name) return each.make();
  }
  return nullptr;
}

std::string names() {
  std::string all;
  for (auto const& each : known_apps) (all += all.empty() ? "" : ", ") += each.name;
  return all;
}

}  // namespace apps
