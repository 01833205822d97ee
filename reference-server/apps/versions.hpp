// Versions and ranges of them.   SPDX-License-Identifier: MIT
// Spec: Semantic Versioning 2.0.0; ranges are written as those of npm.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apps {

/// 1.2.3, 1.2.3-beta.1, v1.2.3+build; numbers that are missing at the end are 0.
struct version {
  std::array<std::uint64_t, 3> numbers{};
  std::string prerelease{};
  int given = 3;  ///< how many of the numbers

  [[nodiscard]] static std::optional<version> read(std::string_view text);
  /// By precedence: a prerelease goes before its release.
  friend std::weak_ordering operator<=>(version const& left, version const& right);
  [[nodiscard]] friend bool operator==(version const& left, version const& right) {
    return std::is_eq(left <=> right);
  }
};

/// ">=0.7.0", ">=1.2 <2, <1.9", "^1.4", "~2.1", "1.2.3", "*": conditions joined by blanks or commas, all of
/// which must hold; "||" joins ranges, one of which must. Operators: >= > <= < = == ^ ~; without one, =.
/// "=1.2", "1.2.x" and "1.2.*" are any of 1.2; "1.2 - 2.3" is from 1.2 to any of 2.3.
/// A prerelease goes by its precedence alone, while npm takes only those of a version that the range names
/// with a prerelease: 1.3.0-rc.1 is in ">=1.2".
class version_range {
 public:
  [[nodiscard]] static std::optional<version_range> read(std::string_view text);
  [[nodiscard]] bool has(version const& one) const;

 private:
  struct bound {
    version at;
    bool lower;     ///< what is within is above it, else below
    bool included;  ///< it is within itself
  };
  using bounds = std::vector<bound>;
  /// nullopt for text that is none.
  [[nodiscard]] static std::optional<bounds> read_all(std::string_view text);
  /// False when there is no such operator.
  [[nodiscard]] static bool add(bounds& to, std::string_view operation, version const& operand);

  std::vector<bounds> any_of_;
};

}  // namespace apps
