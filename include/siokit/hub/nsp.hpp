// siokit/hub/nsp.hpp - a namespace: its sockets, rooms, listeners and middleware.
// SPDX-License-Identifier: MIT
// Owns its rooms and everything registered on it; sockets belong to the server. Lives as long as its server,
// but for children of a parent namespace when they are to be cleaned up.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "siokit/hub/cluster_member.hpp"
#include "siokit/hub/middleware.hpp"
#include "siokit/hub/socket.hpp"

namespace siokit::inline v0::hub {

using connection_handler = unique_function<void(socket&)>;
using room_handler = unique_function<void(std::string_view room)>;
using member_handler = unique_function<void(std::string_view room, std::string_view id)>;

class nsp {
 public:
  nsp(hub::server& owner, std::string name, bool is_parent = false)
      : server_(&owner), name_(std::move(name)), is_parent_(is_parent) {}
  nsp(nsp const&) = delete;
  nsp& operator=(nsp const&) = delete;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] hub::server& server() const noexcept { return *server_; }

  // Listeners, for every socket of the namespace.

  /// Called when a client has joined.
  listener_id on_connection(connection_handler callable);
  /// Called when a client of this namespace sends `event`; see handler.hpp for what the parameters may be.
  /// "connection", "disconnecting" and "disconnect" are on_connection() and its like. Other names that the
  /// protocol keeps for itself, and these with parameters that don't fit, are refused: the id returned is
  /// empty.
  template <class Callable>
  listener_id on(std::string_view event, Callable&& callable) {
    if constexpr (impl::is_called_with<Callable, socket&, disconnect_reason>) {
      if (event == "disconnecting") return on_disconnecting(std::forward<Callable>(callable));
      if (event == "disconnect") return on_disconnect(std::forward<Callable>(callable));
      return {};
    } else {
      if constexpr (impl::is_called_with<Callable, socket&>) {
        if (event == "connection" || event == "connect") {
          return on_connection(std::forward<Callable>(callable));
        }
      }
      return add(event, false, make_event_handler<socket, ack>(std::forward<Callable>(callable)));
    }
  }
  template <class Callable>
  listener_id once(std::string_view event, Callable&& callable) {
    return add(event, true, make_event_handler<socket, ack>(std::forward<Callable>(callable)));
  }
  /// Called for every event, before the listeners of the event itself.
  listener_id on_any(hub::listeners::any_handler callable);
  /// The same, before all that are there.
  listener_id prepend_any(hub::listeners::any_handler callable);
  /// Called before, and after, a socket has left its rooms.
  listener_id on_disconnecting(disconnect_handler callable);
  listener_id on_disconnect(disconnect_handler callable);
  /// Rooms come with their first member and go with their last; each socket has one of its own.
  listener_id on_create_room(room_handler callable);
  listener_id on_delete_room(room_handler callable);
  listener_id on_join_room(member_handler callable);
  listener_id on_leave_room(member_handler callable);
  void off(listener_id which) noexcept;
  void off(std::string_view event) noexcept { listeners_.remove_all(event); }
  /// All but those of on_any().
  void off() noexcept;
  void off_any() noexcept { listeners_.any().remove_all(); }

  /// Runs before a client may join, in the order of registration; see middleware.hpp.
  void use(middleware callable) {
    if (callable) middlewares_.push_back(std::move(callable));
  }

  // Emitting to many.

  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) {
    return everybody().emit(event, std::forward<Args>(args)...);
  }
  /// The event "message".
  template <class... Args>
  result<void> send(Args&&... args) {
    return emit("message", std::forward<Args>(args)...);
  }
  [[nodiscard]] broadcast to(room_names const& rooms) { return everybody().to(rooms); }
  [[nodiscard]] broadcast in(room_names const& rooms) { return to(rooms); }
  [[nodiscard]] broadcast except(room_names const& rooms) { return everybody().except(rooms); }
  [[nodiscard]] broadcast volatile_() { return everybody().volatile_(); }
  [[nodiscard]] broadcast timeout(duration within) { return everybody().timeout(within); }
  [[nodiscard]] broadcast compress(bool wanted) { return everybody().compress(wanted); }
  [[nodiscard]] broadcast local() { return everybody().local(); }
  void disconnect_sockets(bool close = false) { everybody().disconnect_sockets(close); }
  void sockets_join(room_names const& rooms) { everybody().sockets_join(rooms); }
  void sockets_leave(room_names const& rooms) { everybody().sockets_leave(rooms); }
  void fetch_sockets(unique_function<void(std::error_code, std::vector<remote_socket>)> call) {
    everybody().fetch_sockets(std::move(call));
  }

  // Other servers of the cluster, which share the option `cluster`.

  /// Called when another server has called server_side_emit(). Parameters as those of on(), with nsp& in the
  /// place of socket&, and server_ack in that of ack.
  template <class Callable>
  listener_id on_server_side(std::string_view event, Callable&& callable);
  /// Tells all others, not this one. With `void(std::error_code, responses const&)` as the last argument:
  /// their answers, errc::timed_out when some did not come within 5 s.
  template <class... Args>
  result<void> server_side_emit(std::string_view event, Args&&... args);

  // Queries.

  /// Whether clients are not in this one, but in namespaces that it has made for them: see dynamic.hpp.
  [[nodiscard]] bool is_parent() const noexcept { return is_parent_; }
  /// The namespaces that a parent has made; none for others.
  [[nodiscard]] std::vector<nsp*> const& children() const noexcept { return children_; }

  /// The connected socket of this id, null if there is none. Valid for the present call.
  [[nodiscard]] socket* find(std::string_view id) const noexcept;
  /// Connected sockets.
  [[nodiscard]] std::size_t size() const noexcept { return sockets_.size(); }
  [[nodiscard]] std::vector<socket_ref> sockets() const;
  /// The names of all rooms that have members, without the ones that each socket has of its own.
  [[nodiscard]] std::vector<std::string_view> rooms() const { return rooms_.names(); }
  /// Ids of the members of a room.
  [[nodiscard]] std::vector<std::string_view> members(std::string_view room) const;

 private:
  friend class hub::server;
  friend class socket;
  friend class broadcast;

  [[nodiscard]] broadcast everybody() noexcept { return broadcast(*this); }
  /// The name in a cluster_message: that of a parent is one which no client can ask for.
  [[nodiscard]] std::string_view cluster_name() const noexcept { return name().substr(is_parent_ ? 1 : 0); }
  /// Calls `visit(nsp&)` for whoever has listeners that count here: the parent, if there is one, and this.
  template <class Visit>
  void for_levels(Visit&& visit) {
    if (parent_ != nullptr) visit(*parent_);
    visit(*this);
  }
  template <class List, class Handler>
  listener_id add_to(List& list, Handler callable);
  [[nodiscard]] bool hears_of_rooms() const noexcept;
  void tell_joined(std::string_view room, std::string_view id, bool created);
  void tell_left(std::string_view room, std::string_view id, bool deleted);
  [[nodiscard]] middleware* middleware_at(std::size_t index) noexcept;
  listener_id add(std::string_view event, bool once, hub::listeners::event_handler call);
  /// Calls `visit(socket&)` once for each recipient. `visit` must not change rooms or membership.
  template <class Visit>
  void for_each(std::span<std::string const> rooms, std::span<std::string const> except, Visit&& visit);
  /// The same, as slots, for verbs that do change them.
  [[nodiscard]] std::vector<std::uint32_t> select(broadcast const& to);

  hub::server* server_;
  std::string name_;
  bool is_parent_;
  hub::rooms rooms_;
  nsp* parent_ = nullptr;
  std::vector<nsp*> children_;
  std::unique_ptr<recovery> recovery_;
  std::uint32_t population_ = 0;        // sockets, in whatever state
  std::vector<std::uint32_t> sockets_;  // slots of the connected ones
  hub::listeners listeners_;
  impl::server_side_listeners server_side_;
  listener_list<connection_handler> on_connection_;
  listener_list<disconnect_handler> on_disconnecting_;
  listener_list<disconnect_handler> on_disconnect_;
  listener_list<room_handler> on_create_room_, on_delete_room_;
  listener_list<member_handler> on_join_room_, on_leave_room_;
  std::deque<middleware> middlewares_;  // one may add another while it runs
  std::uint64_t next_ack_id_ = 0;       // one counter for all sockets, as upstream
};

}  // namespace siokit::inline v0::hub
