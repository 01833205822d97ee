// Tokens that say who somebody is.   SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace apps {

/// The claims of a JSON Web Token that `secret` has signed (HS256), that has begun and has not expired.
/// nullopt for every other text, and without a secret.
[[nodiscard]] std::optional<nlohmann::json> verify_jwt(std::string const& token, std::string const& secret);

}  // namespace apps
