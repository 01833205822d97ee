// siokit/hub/rooms.hpp - which socket is in which room.   SPDX-License-Identifier: MIT
// A room lists its members and where each keeps its membership, a member lists its rooms and its place in
// each: who goes is taken out of both at once. Whether a socket is in a room is looked up in the shorter of
// the two lists. A room exists as long as it has members. The room named after a socket's own id is implied,
// see nsp.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "siokit/core/bytes.hpp"
#include "siokit/core/reserve_one.hpp"

namespace siokit::inline v0::hub {

class rooms {
 public:
  struct member {
    std::uint32_t socket;  ///< slot of the socket
    std::uint32_t place;   ///< index in the socket's own list
  };
  struct room {
    std::string const* name;
    std::vector<member> members;
  };
  /// One entry of a socket's own list of rooms.
  struct membership {
    room* in;
    std::uint32_t place;  ///< index in the room's list
  };
  using memberships = std::vector<membership>;

  /// False when the socket was in the room before.
  bool join(std::string_view name, std::uint32_t socket, memberships& own) {
    auto found = by_name_.find(name);
    if (found != by_name_.end() && place_of(found->second, socket, own) != none) return false;
    // Both lists change, or for want of memory none does.
    reserve_one(own);
    if (found == by_name_.end()) {
      room fresh{};
      fresh.members.reserve(1);
      found = by_name_.try_emplace(std::string(name), std::move(fresh)).first;
      found->second.name = &found->first;
    }
    room& target = found->second;
    target.members.push_back({socket, static_cast<std::uint32_t>(own.size())});
    own.push_back({&target, static_cast<std::uint32_t>(target.members.size() - 1)});
    return true;
  }

  /// False when the socket was not in the room. `own_of(slot)` finds the list of another socket.
  template <class OwnOf>
  bool leave(std::string_view name, std::uint32_t socket, memberships& own, OwnOf&& own_of) {
    auto const found = by_name_.find(name);
    if (found == by_name_.end()) return false;
    std::uint32_t const place = place_of(found->second, socket, own);
    if (place == none) return false;
    leave_at(place, own, own_of);
    return true;
  }

  template <class OwnOf>
  void leave_all(memberships& own, OwnOf&& own_of) {
    while (!own.empty()) leave_at(static_cast<std::uint32_t>(own.size() - 1), own, own_of);
  }

  /// The members of a room, null when it does not exist.
  [[nodiscard]] std::vector<member> const* find(std::string_view name) const noexcept {
    auto const found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &found->second.members;
  }
  [[nodiscard]] std::size_t size() const noexcept { return by_name_.size(); }
  [[nodiscard]] std::vector<std::string_view> names() const {
    std::vector<std::string_view> out;
    out.reserve(by_name_.size());
    for (auto const& [name, inside] : by_name_) out.emplace_back(name);
    return out;
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct text_hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  [[nodiscard]] static std::uint32_t place_of(room const& wanted, std::uint32_t socket,
                                              memberships const& own) noexcept {
    if (wanted.members.size() < own.size()) {
      for (member const& each : wanted.members) {
        if (each.socket == socket) return each.place;
      }
      return none;
    }
    for (std::uint32_t i = 0; i < own.size(); ++i) {
      if (own[i].in == &wanted) return i;
    }
    return none;
  }

  // The last entry of each list takes the place of the one that goes; its partner is told.
  template <class OwnOf>
  void leave_at(std::uint32_t place, memberships& own, OwnOf&& own_of) {
    membership const gone = own[place];
    auto& members = gone.in->members;
    if (gone.place + 1 != members.size()) {
      member const moved = members.back();
      members[gone.place] = moved;
      own_of(moved.socket)[moved.place].place = gone.place;
    }
    members.pop_back();
    if (place + 1 != own.size()) {
      own[place] = own.back();
      own[place].in->members[own[place].place].place = place;
    }
    own.pop_back();
    if (members.empty()) by_name_.erase(by_name_.find(*gone.in->name));
  }

  std::unordered_map<std::string, room, text_hash, std::equal_to<>> by_name_;
};

}  // namespace siokit::inline v0::hub
