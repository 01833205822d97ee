// The MCP sessions of users, which the notifier shows to them.   SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/times.hpp"

namespace notifier {

using nlohmann::json;

struct mcp_session {
  std::string user_id;
  std::string client_name = "Unknown Client";
  std::string user_agent = "Unknown";
  std::int64_t last_active = apps::unix_ms();
  bool initialized = false;  ///< others are not shown
};

class sessions {
 public:
  static constexpr std::size_t sessions_max = 100'000;

  /// False when there is one of this id, or there are too many.
  bool add(std::string const& id, mcp_session one) {
    return by_id_.size() < sessions_max && by_id_.emplace(id, std::move(one)).second;
  }
  /// Null when there is none.
  [[nodiscard]] mcp_session* find(std::string const& id) {
    auto const found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &found->second;
  }
  /// The session that was closed; nullopt when there was none.
  std::optional<mcp_session> close(std::string const& id) {
    auto const node = by_id_.extract(id);
    return node ? std::optional(std::move(node.mapped())) : std::nullopt;
  }

  void close_all_of(std::string const& user_id) {
    std::erase_if(by_id_, [&user_id](auto const& each) { return each.second.user_id == user_id; });
  }

  /// Those of a user that are initialised, as clients are told.
  [[nodiscard]] json shown_to(std::string const& user_id) const {
    json list = json::array();
    for (auto const& [id, one] : by_id_) {
      if (one.user_id != user_id || !one.initialized) continue;
      list.push_back({{"sessionId", id},
                      {"clientName", one.client_name},
                      {"userAgent", one.user_agent},
                      {"lastActive", apps::iso8601(one.last_active)}});
    }
    return list;
  }
  [[nodiscard]] std::size_t active() const {
    std::size_t count = 0;
    for (auto const& each : by_id_) count += each.second.initialized ? 1 : 0;
    return count;
  }
  [[nodiscard]] std::size_t total() const noexcept { return by_id_.size(); }

 private:
  std::map<std::string, mcp_session> by_id_;
};

}  // namespace notifier
