// siokit/hub/remote_socket.hpp - a socket as fetch_sockets() found it.   SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "siokit/hub/lifeline.hpp"
#include "siokit/hub/room_names.hpp"
#include "siokit/hub/socket_ref.hpp"

namespace siokit::inline v0::hub {

class nsp;
class server;
namespace impl {
struct fetching;
}

/// Id and rooms at that moment, and the verbs of a socket, which may be another server's. May be kept.
class remote_socket {
 public:
  [[nodiscard]] std::string const& id() const noexcept { return id_; }
  /// Its own id first.
  [[nodiscard]] std::vector<std::string> const& rooms() const noexcept { return rooms_; }
  /// The socket itself: null when it is gone, or another server's.
  [[nodiscard]] socket* get() const noexcept { return at_.get(); }
  [[nodiscard]] socket_ref const& ref() const noexcept { return at_; }

  /// The verbs of a socket. Error, local: gone, and those of the verb. Of another server's socket nobody
  /// hears whether it was there, but by an acknowledgement.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const;
  result<void> join(room_names const& rooms) const;
  result<void> leave(room_names const& rooms) const;
  result<void> disconnect(bool close = false) const;

 private:
  friend class broadcast;
  friend struct impl::fetching;
  remote_socket(std::string id, std::vector<std::string> rooms, socket_ref at) noexcept
      : id_(std::move(id)), rooms_(std::move(rooms)), at_(std::move(at)) {}
  remote_socket(std::string id, std::vector<std::string> rooms, lifeline_ref<server> home, std::string space)
      : id_(std::move(id)), rooms_(std::move(rooms)), home_(std::move(home)), nsp_(std::move(space)) {}

  /// By which namespace it is reached; null: it is, or was, of this server.
  [[nodiscard]] nsp* elsewhere() const noexcept;

  std::string id_;
  std::vector<std::string> rooms_;
  socket_ref at_;
  lifeline_ref<server> home_;  // of another server's: who was told of it
  std::string nsp_;
};

}  // namespace siokit::inline v0::hub
