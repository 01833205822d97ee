// See execute_limit.hpp.   SPDX-License-Identifier: MIT
#include "execute_limit.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace studio {
namespace {

/// 1 if one more is allowed. A key without an end of its own is given one: it would count for ever.
constexpr char const* count_script = R"lua(
local allowed = tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1])
if allowed then redis.call('INCR', KEYS[1]) end
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return allowed and 1 or 0
)lua";

}  // namespace

execute_limit::execute_limit(asio::io_context& context, std::optional<redis_address> const& address) {
  if (address) redis_.emplace(context, *address);
}

void execute_limit::count(std::string const& user_id, siokit::unique_function<void(bool)> then) {
  if (!redis_) return then(count_here(user_id));
  redis_->send({"EVAL", count_script, "1", "ws:claude:ratelimit:" + user_id, std::to_string(limit.times),
                std::to_string(limit.within.count())},
               [then = std::move(then)](std::optional<long long> allowed) mutable {
                 if (!allowed) spdlog::warn("a request is not counted: redis has no answer");
                 then(allowed.value_or(1) != 0);
               });
}

bool execute_limit::count_here(std::string const& user_id) {
  auto const now = apps::rate_limit::time_point::clock::now();
  if (counts_.size() >= sweep_at_) {
    std::erase_if(counts_, [now](auto const& each) { return each.second.idle(limit, now); });
    sweep_at_ = std::max<std::size_t>(1000, counts_.size() * 2);
  }
  return counts_[user_id].allow(limit, now);
}

void execute_limit::stop() {
  if (redis_) redis_->stop();
}

}  // namespace studio
