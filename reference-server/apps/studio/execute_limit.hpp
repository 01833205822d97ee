// How often a user may have a command run: 10 times in 60 seconds.
// SPDX-License-Identifier: MIT
// Counted here, or in Redis under ws:claude:ratelimit:{userId}, so that several servers count together. A
// request that is refused does not count. While Redis is away nothing is counted and all is allowed.
#pragma once

#include <map>

#include "apps/rate_limit.hpp"
#include "redis.hpp"

namespace studio {

class execute_limit {
 public:
  static constexpr apps::rate limit{10, std::chrono::seconds(60)};

  /// Without an address it counts here.
  execute_limit(asio::io_context& context, std::optional<redis_address> const& address);

  /// Calls `then(allowed)`, maybe at once, in the order of the calls of one user.
  void count(std::string const& user_id, siokit::unique_function<void(bool)> then);
  void stop();

 private:
  [[nodiscard]] bool count_here(std::string const& user_id);

  std::optional<redis> redis_;
  std::map<std::string, apps::rate_limit> counts_;
  std::size_t sweep_at_ = 1000;  // counts, before those that are over are looked for
};

}  // namespace studio
