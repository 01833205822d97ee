// Who the users are: their tokens, hashed, what they may do and what they want.   SPDX-License-Identifier:
// MIT
// A SQLite database. Every call may block and may throw SQLite::Exception: they belong on a worker.
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace notifier {

using nlohmann::json;

struct user {
  std::string id;
  bool enabled = true;
  std::optional<std::int64_t> expires_at;  ///< Unix time in milliseconds
  json permissions = json::object();       ///< what the administrator allows him, within the catalogue
  json preferences = json::object();       ///< what he wants of it

  [[nodiscard]] bool expired(std::int64_t now) const noexcept { return expires_at && *expires_at <= now; }
};

class users {
 public:
  /// Opens or makes the database; an empty path: one in memory.
  explicit users(std::string const& path);

  /// False when there is a user of this id, or of this token.
  bool add(user const& one, std::string const& token);
  [[nodiscard]] std::optional<user> find(std::string const& id);
  [[nodiscard]] std::optional<user> find_by_token(std::string const& token);
  /// Changes everything but the id; the token only if one is given. False when another user has that.
  bool update(user const& changed, std::optional<std::string> const& token = std::nullopt);
  /// False when another user has this token.
  bool set_token(std::string const& id, std::string const& token);
  /// False when there was none.
  bool remove(std::string const& id);

  /// The servers that there are, with the administrator's permissions for all users.
  [[nodiscard]] json catalogue();
  void set_catalogue(json const& servers);

 private:
  SQLite::Database database_;
};

}  // namespace notifier
