// What of the servers a user may use, and how he restricts that.   SPDX-License-Identifier: MIT
// Pure functions over JSON of this form; what is not said is allowed:
//   {"server": {"enabled": true, "tools": {"name": {"enabled": true, "description": "", "dangerLevel": 0}},
//               "resources": {...}, "prompts": {...}}}
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace notifier {

using nlohmann::json;

/// The catalogue, with everything enabled that catalogue, permissions and preferences enable: a user can only
/// restrict. A disabled server leaves the flags of its items alone. Names, descriptions and danger levels are
/// those of the catalogue.
[[nodiscard]] json merged_capabilities(json const& catalogue, json const& permissions,
                                       json const& preferences);

/// `stored` with what of `wanted` there is in the catalogue, and is an `enabled`, `description` or
/// `dangerLevel` of the right type; everything else is left out.
[[nodiscard]] json updated_preferences(json const& catalogue, json stored, json const& wanted);

/// What is wrong with a catalogue or with permissions, in one line; nullopt if nothing is.
[[nodiscard]] std::optional<std::string> capabilities_problem(json const& capabilities);

}  // namespace notifier
