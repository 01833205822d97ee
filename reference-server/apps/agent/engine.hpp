// What the agent knows of an engine.   SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

namespace agent {

using nlohmann::json;

/// Events go in by take(), messages come out by the handler that an engine is made with; all on the server's
/// thread.
class engine {
 public:
  /// Is given a Message in which nothing is wrong.
  using message_handler = std::function<void(json const& message)>;

  engine() = default;
  engine(engine const&) = delete;
  engine& operator=(engine const&) = delete;
  virtual ~engine() = default;

  /// Takes an Event in which nothing is wrong. False: it has too many already, and this one is not taken.
  [[nodiscard]] virtual bool take(json const& event) = 0;
  /// {kind, connected, pending}: what /health shows.
  [[nodiscard]] virtual json state() const = 0;
};

}  // namespace agent
