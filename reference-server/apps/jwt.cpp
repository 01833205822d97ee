// See jwt.hpp.   SPDX-License-Identifier: MIT
#include "jwt.hpp"

#include <algorithm>
#include <jwt/jwt.hpp>
#include <string_view>

namespace apps {
namespace {

constexpr std::size_t token_bytes_max = 16'384;

/// Three parts of base64url. The library reads whatever it is given, beyond its tables too.
bool is_token_text(std::string_view text) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  return text.size() <= token_bytes_max && text.find_first_not_of(letters) == text.npos &&
         std::count(text.begin(), text.end(), '.') == 2;
}

/// The library takes a negative number for a date in the far future.
bool is_date(nlohmann::json const& claims, char const* name) {
  auto const found = claims.find(name);
  return found == claims.end() || (found->is_number() && *found >= 0);
}

}  // namespace

std::optional<nlohmann::json> verify_jwt(std::string const& token, std::string const& secret) {
  if (secret.empty() || !is_token_text(token)) return std::nullopt;
  try {
    std::error_code failure;
    auto const decoded = jwt::decode(token, jwt::params::algorithms({"HS256"}), failure,
                                     jwt::params::secret(secret), jwt::params::verify(true));
    nlohmann::json claims = decoded.payload().create_json_obj();
    bool const good = !failure && claims.is_object() && is_date(claims, "exp") && is_date(claims, "nbf");
    return good ? std::optional(std::move(claims)) : std::nullopt;
  } catch (std::exception const&) {  // of members that are no text where the library wants one
    return std::nullopt;
  }
}

}  // namespace apps
