// See admin.hpp.   SPDX-License-Identifier: MIT
#include "admin.hpp"

#include <crypt.h>
#include <spdlog/spdlog.h>

#include <asio/post.hpp>

#include "apps/http_api.hpp"

namespace {

constexpr std::string_view bcrypt_mark = "$2";

/// The hash of a password with the salt and cost of `setting`; empty when there is none.
std::string hash_of(std::string const& password, std::string const& setting) {
  if (password.find('\0') != password.npos) return {};  // libcrypt would see its beginning only
  auto const scratch = std::make_unique<crypt_data>();  // zeroes
  char const* const hash = crypt_r(password.c_str(), setting.c_str(), scratch.get());
  return hash == nullptr || *hash == '*' ? std::string() : hash;
}

std::string fresh_hash_of(std::string const& password) {
  constexpr unsigned long cost = 10;  // that of bcryptjs
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn("$2b$", cost, nullptr, 0, setting, sizeof setting) == nullptr) return {};
  return hash_of(password, setting);
}

}  // namespace

std::optional<std::string> problem_of_admin(settings const& s) {
  if (!s.admin_user.empty() && !s.admin_ui) return "--admin-user: it needs --admin-ui";
  if (s.admin_user.empty() != s.admin_password.empty())
    return "--admin-user and --admin-password go together";
  bool const closed =
      s.environment == "production" || s.environment == "docker" || !s.connection_token.empty();
  if (s.admin_ui && s.admin_user.empty() && closed)
    return "--admin-ui: outside development it needs --admin-user and --admin-password";
  if (s.admin_password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) return "--admin-password: it is too long";
  if (!s.admin_password.starts_with(bcrypt_mark)) return std::nullopt;
  constexpr std::size_t hash_size = 60;
  int const kind = crypt_checksalt(s.admin_password.c_str());
  bool const known = kind != CRYPT_SALT_INVALID && kind != CRYPT_SALT_METHOD_DISABLED;
  if (known && s.admin_password.size() == hash_size) return std::nullopt;
  return "--admin-password: it begins with $2, but is no bcrypt hash";
}

admin::admin(siokit::server& io, settings const& s) : user_(s.admin_user) {
  if (!s.admin_ui) return;
  siokit::admin_ui_options options{.auth = siokit::admin_auth::nobody_is_asked()};
  if (user_.empty()) {
    spdlog::warn("--admin-ui without --admin-user: whoever reaches this server may look and give orders");
  } else {
    hash_ = s.admin_password.starts_with(bcrypt_mark) ? s.admin_password : fresh_hash_of(s.admin_password);
    if (hash_.empty()) throw std::runtime_error("--admin-password: this system's libcrypt has no bcrypt");
    checks_.emplace(1);
    options.auth = [this](std::string_view username, std::string_view password, siokit::admin_answer answer) {
      check(username, password, answer);
    };
  }
  bool const production = s.admin_mode == "production";
  options.mode = production ? siokit::admin_mode::production : siokit::admin_mode::development;
  options.readonly = s.admin_readonly;
  siokit::instrument(io, std::move(options));
}

/// A wrong name takes as long as a wrong password.
void admin::check(std::string_view username, std::string_view password, siokit::admin_answer answer) {
  bool const known = apps::same_secret(username, user_);
  asio::post(*checks_, [this, known, text = std::string(password), answer] {
    std::string const hash = hash_of(text, hash_);
    bool const right = known && !hash.empty() && apps::same_secret(hash, hash_);
    right ? spdlog::info("admin logged in") : spdlog::warn("admin login refused");
    answer(right);
  });
}
