// siokit/hub/broadcast.hpp - whom an emit reaches.   SPDX-License-Identifier: MIT
// A value made by to(), in(), except(), volatile_() of a namespace or a socket, and refined by the same
// words. The packet is encoded once, whatever the number of recipients.
#pragma once

#include <string>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/socketio/encoder.hpp"

namespace siokit::inline v0::hub {

class nsp;

/// Names recipients. Keeps its own copies of room names; must not outlive its namespace.
class broadcast {
 public:
  /// Adds a room; a socket in several of them is reached once. The id of a socket is a room of its own.
  broadcast& to(std::string_view room) {
    rooms_.emplace_back(room);
    return *this;
  }
  broadcast& in(std::string_view room) { return to(room); }
  /// Leaves out the members of a room.
  broadcast& except(std::string_view room) {
    except_.emplace_back(room);
    return *this;
  }
  /// Recipients whose transport is not ready miss the event.
  broadcast& volatile_() noexcept {
    volatile_flag_ = true;
    return *this;
  }

  /// Sends the event to every recipient. Errors, local: reserved_event; those of the parser of the server.
  template <class... Args>
  result<void> emit(std::string_view event, Args const&... args) {
    auto packet = socketio::encode_event(name(), {}, event, args...);
    if (!packet) return tl::unexpected(packet.error());
    return deliver(*packet);
  }

  /// Makes every recipient join, or leave, a room.
  void sockets_join(std::string_view room);
  void sockets_leave(std::string_view room);
  /// Disconnects every recipient; `close`: its whole connection.
  void disconnect_sockets(bool close = false);

 private:
  friend class nsp;
  friend class socket;
  explicit broadcast(nsp& space) noexcept : nsp_(&space) {}

  [[nodiscard]] std::string_view name() const noexcept;
  result<void> deliver(message const& packet) const;

  nsp* nsp_;
  std::vector<std::string> rooms_;
  std::vector<std::string> except_;
  bool volatile_flag_ = false;
};

}  // namespace siokit::inline v0::hub
