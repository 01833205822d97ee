// conformance/net/run_until.hpp - waits for what is to happen on real sockets.   SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>

namespace siokit::test {

/// Runs until `done`; false after ten seconds.
inline bool run_until(asio::io_context& context, std::function<bool()> const& done) {
  auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    context.restart();
    context.run_one_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace siokit::test
