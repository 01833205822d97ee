// siokit/hub/remote_socket.hpp - a socket as fetch_sockets() found it.   SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "siokit/hub/room_names.hpp"
#include "siokit/hub/socket_ref.hpp"

namespace siokit::inline v0::hub {

/// Id and rooms at that moment, and the verbs of a socket. May be kept.
class remote_socket {
 public:
  [[nodiscard]] std::string const& id() const noexcept { return id_; }
  /// Its own id first.
  [[nodiscard]] std::vector<std::string> const& rooms() const noexcept { return rooms_; }
  /// The socket itself: null when it is gone.
  [[nodiscard]] socket* get() const noexcept { return at_.get(); }
  [[nodiscard]] socket_ref const& ref() const noexcept { return at_; }

  /// The verbs of a socket. Error, local: gone, and those of the verb.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const {
    return at_.emit(event, std::forward<Args>(args)...);
  }
  result<void> join(room_names const& rooms) const;
  result<void> leave(room_names const& rooms) const;
  result<void> disconnect(bool close = false) const { return at_.disconnect(close); }

 private:
  friend class broadcast;
  remote_socket(std::string id, std::vector<std::string> rooms, socket_ref at) noexcept
      : id_(std::move(id)), rooms_(std::move(rooms)), at_(std::move(at)) {}

  std::string id_;
  std::vector<std::string> rooms_;
  socket_ref at_;
};

}  // namespace siokit::inline v0::hub
