// siokit/hub/broadcast.hpp - whom an emit reaches.   SPDX-License-Identifier: MIT
// A value made by to(), in(), except(), volatile_(), timeout(), local() of a namespace or a socket, and
// refined by the same words. The packet is encoded once, whatever the number of recipients.
#pragma once

#include <string>
#include <vector>

#include "siokit/core/error.hpp"
#include "siokit/core/time.hpp"
#include "siokit/hub/cluster_bus.hpp"
#include "siokit/hub/handler.hpp"
#include "siokit/hub/remote_socket.hpp"
#include "siokit/hub/responses.hpp"
#include "siokit/socketio/encoder.hpp"

namespace siokit::inline v0::hub {

class nsp;

/// Names recipients. Keeps its own copies of room names; must not outlive its namespace.
class broadcast {
 public:
  // Each of these gives a broadcast of its own: the one it is called on stays what it is.

  /// Adds rooms; a socket in several of them is reached once. The id of a socket is a room of its own.
  [[nodiscard]] broadcast to(room_names const& rooms) const& { return broadcast(*this).to(rooms); }
  [[nodiscard]] broadcast to(room_names const& rooms) && {
    for (auto const name : rooms.all()) to_.rooms.emplace_back(name);
    return std::move(*this);
  }
  [[nodiscard]] broadcast in(room_names const& rooms) const& { return to(rooms); }
  [[nodiscard]] broadcast in(room_names const& rooms) && { return std::move(*this).to(rooms); }
  /// Leaves out the members of rooms.
  [[nodiscard]] broadcast except(room_names const& rooms) const& { return broadcast(*this).except(rooms); }
  [[nodiscard]] broadcast except(room_names const& rooms) && {
    for (auto const name : rooms.all()) to_.except.emplace_back(name);
    return std::move(*this);
  }
  /// Recipients whose transport is not ready miss the event.
  [[nodiscard]] broadcast volatile_() const& { return broadcast(*this).volatile_(); }
  [[nodiscard]] broadcast volatile_() && noexcept {
    to_.volatile_flag = true;
    return std::move(*this);
  }
  /// The acknowledgements of the emit that follows are waited for no longer than this.
  [[nodiscard]] broadcast timeout(duration within) const& { return broadcast(*this).timeout(within); }
  [[nodiscard]] broadcast timeout(duration within) && noexcept {
    within_ = within;
    return std::move(*this);
  }
  /// Whether transports may compress the event, if they do that. Default: true.
  [[nodiscard]] broadcast compress(bool wanted) const& { return broadcast(*this).compress(wanted); }
  [[nodiscard]] broadcast compress(bool wanted) && noexcept {
    compress_ = wanted;
    return std::move(*this);
  }
  /// Only the sockets of this server, where there are several.
  [[nodiscard]] broadcast local() const& { return broadcast(*this).local(); }
  [[nodiscard]] broadcast local() && noexcept {
    local_ = true;
    return std::move(*this);
  }

  /// Sends the event to every recipient. A callable as last argument asks all of them for an acknowledgement:
  /// void(std::error_code, responses const&), see responses_handler. Without timeout() it waits until all
  /// have answered or left. When there is no recipient it is called at once.
  /// Errors, local: reserved_event; those of the parser of the server; invalid_argument for a parent
  /// namespace that is to be answered.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const;
  /// The event "message".
  template <class... Args>
  result<void> send(Args&&... args) const {
    return emit("message", std::forward<Args>(args)...);
  }

  /// Makes every recipient join, or leave, rooms.
  void sockets_join(room_names const& rooms) const;
  void sockets_leave(room_names const& rooms) const;
  /// Disconnects every recipient; `close`: its whole connection.
  void disconnect_sockets(bool close = false) const;
  /// The recipients there are now. Called at once, unless other servers of the cluster have to be asked: then
  /// errc::timed_out or not_connected tells that some did not answer within 5 s, or are gone.
  void fetch_sockets(unique_function<void(std::error_code, std::vector<remote_socket>)> call) const;

 private:
  friend class nsp;
  friend class server;
  friend class socket;
  explicit broadcast(nsp& space) noexcept : nsp_(&space) {}

  /// The same recipients in another namespace.
  [[nodiscard]] broadcast in_nsp(nsp& other) const {
    broadcast out = *this;
    out.nsp_ = &other;
    return out;
  }
  template <class... Args>
  result<void> emit_here(std::string_view event, Args const&... args) const;
  template <class Callback, class... Args>
  result<void> ask(Callback&& callback, std::string_view event, Args const&... args) const;
  result<void> deliver(message const& packet) const;
  result<void> deliver_asking(std::uint64_t id, message const& packet, responses_handler call) const;
  /// Calls `asked()` for each recipient, and `answer(std::error_code, args const&)` once later; who they are,
  /// as far as somebody is to be told.
  template <class Asked, class Answer>
  result<std::vector<socket_ref>> send_asking(std::uint64_t id, message const& packet, Asked asked,
                                              Answer const& answer) const;
  /// Whether other servers may have recipients.
  [[nodiscard]] bool goes_further() const noexcept;
  [[nodiscard]] cluster_message addressed(cluster_message what) const;
  /// Precondition: goes_further().
  void tell_others(cluster_message what) const;
  [[nodiscard]] std::vector<remote_socket> found() const;
  /// Calls `visit(socket&)` for each recipient who would get something now. It must not change rooms.
  template <class Visit>
  void for_each(Visit&& visit) const;

  nsp* nsp_;
  cluster_message::recipients to_;
  duration within_ = never - time_point{};
  bool compress_ = true;
  bool local_ = false;
};

}  // namespace siokit::inline v0::hub
