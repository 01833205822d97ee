// siokit/hub/room_names.hpp - one room, or several, as join(), to() and their like take them.
// SPDX-License-Identifier: MIT
// In: anything that converts to std::string_view, {"a", "b"}, or a range of such names. A parameter type:
// it borrows the names for the call. One name, the usual case, allocates nothing.
#pragma once

#include <initializer_list>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace siokit::inline v0::hub {

class room_names {
 public:
  template <std::convertible_to<std::string_view> Name>
  room_names(Name const& one) noexcept : one_(one) {}
  /// Without this, {"a", "b"} would be one name, from one pointer to the other.
  room_names(std::initializer_list<std::string_view> several) noexcept
      : several_(several.begin(), several.size()), is_one_(false) {}
  template <std::ranges::input_range Names>
  requires(!std::convertible_to<Names const&, std::string_view> &&
           std::convertible_to<std::ranges::range_reference_t<Names const>, std::string_view>)
      room_names(Names const& several)
      : is_one_(false) {
    using name = std::ranges::range_reference_t<Names const>;
    if constexpr (std::is_lvalue_reference_v<name> || std::same_as<name, std::string_view>) {
      for (auto const& each : several) copied_.emplace_back(each);
    } else {  // made on the way, such as those of a view
      for (auto&& each : several) owned_.emplace_back(std::string_view(each));
      copied_.assign(owned_.begin(), owned_.end());
    }
    several_ = copied_;
  }
  room_names(room_names const&) = delete;
  room_names& operator=(room_names const&) = delete;

  [[nodiscard]] std::span<std::string_view const> all() const noexcept {
    return is_one_ ? std::span(&one_, 1) : several_;
  }
  /// To be kept.
  [[nodiscard]] std::vector<std::string> copy() const { return {all().begin(), all().end()}; }

 private:
  std::string_view one_;
  std::span<std::string_view const> several_;
  std::vector<std::string_view> copied_;
  std::vector<std::string> owned_;
  bool is_one_ = true;
};

}  // namespace siokit::inline v0::hub
