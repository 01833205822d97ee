// See users.hpp.   SPDX-License-Identifier: MIT
#include "users.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <openssl/evp.h>

namespace notifier {
namespace {

/// A token is long and random, or its owner's risk: one pass of SHA-256 lets it be looked up.
std::string hash_of(std::string const& token) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(token.data(), token.size(), digest, &length, EVP_sha256(), nullptr);
  return {reinterpret_cast<char const*>(digest), length};
}

void bind_hash(SQLite::Statement& to, int index, std::string const& token) {
  std::string const hash = hash_of(token);
  to.bind(index, static_cast<void const*>(hash.data()), static_cast<int>(hash.size()));
}

void bind_expiry(SQLite::Statement& to, int index, user const& one) {
  one.expires_at ? to.bind(index, *one.expires_at) : to.bind(index);
}

constexpr char const* select_user =
    "SELECT user_id, status, expires_at, permissions, user_preferences FROM users WHERE ";

std::optional<user> read_user(SQLite::Statement& query) {
  if (!query.executeStep()) return std::nullopt;
  user out;
  out.id = query.getColumn(0).getString();
  out.enabled = query.getColumn(1).getString() == "enabled";
  if (!query.getColumn(2).isNull()) out.expires_at = query.getColumn(2).getInt64();
  out.permissions = json::parse(query.getColumn(3).getString());
  out.preferences = json::parse(query.getColumn(4).getString());
  return out;
}

/// Runs a statement that may find its key taken.
bool run_unless_taken(SQLite::Statement& statement) {
  try {
    statement.exec();
    return true;
  } catch (SQLite::Exception const& failure) {
    constexpr int constraint = 19;  // SQLITE_CONSTRAINT
    if (failure.getErrorCode() != constraint) throw;
    return false;
  }
}

}  // namespace

users::users(std::string const& path) try
    : database_(path.empty() ? ":memory:" : path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {
  database_.exec(
      "CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE, "
      "status TEXT NOT NULL, expires_at INTEGER, permissions TEXT NOT NULL, user_preferences TEXT NOT NULL)");
  database_.exec(
      "CREATE TABLE IF NOT EXISTS catalogue (id INTEGER PRIMARY KEY CHECK (id = 1), servers TEXT NOT NULL)");
} catch (SQLite::Exception const& failure) {
  throw std::runtime_error("--db: " + path + ": " + failure.what());
}

bool users::add(user const& one, std::string const& token) {
  SQLite::Statement insert(database_, "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(1, one.id);
  bind_hash(insert, 2, token);
  insert.bind(3, one.enabled ? "enabled" : "disabled");
  bind_expiry(insert, 4, one);
  insert.bind(5, one.permissions.dump());
  insert.bind(6, one.preferences.dump());
  return run_unless_taken(insert);
}

std::optional<user> users::find(std::string const& id) {
  SQLite::Statement query(database_, std::string(select_user) + "user_id = ?");
  query.bind(1, id);
  return read_user(query);
}

std::optional<user> users::find_by_token(std::string const& token) {
  SQLite::Statement query(database_, std::string(select_user) + "token_hash = ?");
  bind_hash(query, 1, token);
  return read_user(query);
}

bool users::update(user const& changed, std::optional<std::string> const& token) {
  SQLite::Transaction whole(database_);
  if (token && !set_token(changed.id, *token)) return false;
  SQLite::Statement update(
      database_,
      "UPDATE users SET status = ?, expires_at = ?, permissions = ?, user_preferences = ? WHERE user_id = ?");
  update.bind(1, changed.enabled ? "enabled" : "disabled");
  bind_expiry(update, 2, changed);
  update.bind(3, changed.permissions.dump());
  update.bind(4, changed.preferences.dump());
  update.bind(5, changed.id);
  update.exec();
  whole.commit();
  return true;
}

bool users::set_token(std::string const& id, std::string const& token) {
  SQLite::Statement update(database_, "UPDATE users SET token_hash = ? WHERE user_id = ?");
  bind_hash(update, 1, token);
  update.bind(2, id);
  return run_unless_taken(update);
}

bool users::remove(std::string const& id) {
  SQLite::Statement erase(database_, "DELETE FROM users WHERE user_id = ?");
  erase.bind(1, id);
  return erase.exec() > 0;
}

json users::catalogue() {
  SQLite::Statement query(database_, "SELECT servers FROM catalogue");
  return query.executeStep() ? json::parse(query.getColumn(0).getString()) : json::object();
}

void users::set_catalogue(json const& servers) {
  SQLite::Statement replace(database_, "INSERT OR REPLACE INTO catalogue VALUES (1, ?)");
  replace.bind(1, servers.dump());
  replace.exec();
}

}  // namespace notifier
