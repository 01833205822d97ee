// siokit/hub/socket.hpp - one client in one namespace.   SPDX-License-Identifier: MIT
// What a handler is given. A socket& is valid until the handler returns; ref() may be kept. Every verb is
// allowed inside every handler, disconnect() included: a socket is destroyed at the end of the turn.
#pragma once

#include <memory>
#include <string>

#include "siokit/hub/broadcast.hpp"
#include "siokit/hub/handshake.hpp"
#include "siokit/hub/listeners.hpp"
#include "siokit/hub/packet_middleware.hpp"
#include "siokit/hub/recovery.hpp"
#include "siokit/hub/rooms.hpp"
#include "siokit/hub/socket_data.hpp"
#include "siokit/hub/socket_ref.hpp"
#include "siokit/socketio/ack_table.hpp"
#include "siokit/socketio/reason.hpp"

namespace siokit::inline v0::hub {

using socketio::disconnect_reason;

class nsp;
class server;

using listeners = basic_listeners<socket, ack>;
using disconnect_handler = unique_function<void(socket&, disconnect_reason)>;
using error_handler = unique_function<void(socket&, std::string_view message)>;

/// What most sockets never need, allocated on first use.
struct socket_extras {
  std::string auth;
  sid pid;                      // with recovery
  std::uint64_t last_seen = 0;  // number of the last event that it had, or that is in `missed`
  why_not_recovered recovered = why_not_recovered::disabled;
  std::vector<message> missed;          // of a recovered one, until it is accepted
  std::vector<std::string> rooms_then;  // the same: those it was in when it went
  std::string id;                       // when it is too long for a sid
  hub::listeners listeners;
  listener_list<disconnect_handler> on_disconnecting;
  listener_list<disconnect_handler> on_disconnect;
  listener_list<error_handler> on_error;
  listener_list<hub::listeners::any_handler> outgoing;
  std::vector<std::unique_ptr<packet_middleware>> middlewares;  // one may add another while it runs
  socketio::ack_table<ack_handler> acks;
  socket_data data;
};

/// socket.timeout(5s), socket.volatile_(), socket.compress(false), or several: how the emit that follows is
/// done.
class socket_emit {
 public:
  [[nodiscard]] socket_emit timeout(duration within) const noexcept {
    socket_emit out = *this;
    out.within_ = within;
    return out;
  }
  [[nodiscard]] socket_emit volatile_() const noexcept {
    socket_emit out = *this;
    out.volatile_flag_ = true;
    return out;
  }
  [[nodiscard]] socket_emit compress(bool wanted) const noexcept {
    socket_emit out = *this;
    out.compress_ = wanted;
    return out;
  }
  /// socket::emit(). A volatile event that is dropped is no error; an answer to it does not come, so give it
  /// a timeout.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const;

 private:
  friend class socket;
  explicit socket_emit(socket& to) noexcept : socket_(&to) {}

  socket* socket_;
  duration within_ = never - time_point{};
  bool volatile_flag_ = false;
  bool compress_ = true;
};

class socket {
 public:
  socket(socket const&) = delete;
  socket& operator=(socket const&) = delete;

  /// The id of this socket in its namespace: 20 characters, not the id of the Engine.IO session. That of a
  /// client of revision 3 is the id of its session, behind "/nsp#" unless the namespace is "/".
  [[nodiscard]] std::string_view id() const noexcept {
    return id_.empty() ? std::string_view(extras_->id) : id_.view();
  }
  [[nodiscard]] hub::nsp& nsp() const noexcept { return *nsp_; }
  [[nodiscard]] hub::server& server() const noexcept;
  [[nodiscard]] bool connected() const noexcept {
    return state_ == state::connected || state_ == state::leaving;
  }
  [[nodiscard]] hub::handshake handshake() const noexcept;
  /// The Engine.IO session under it, which engine().find() knows: `conn` of the official server.
  [[nodiscard]] handle connection() const noexcept { return connection_; }
  /// The transport in use now.
  [[nodiscard]] engineio::transport transport() const noexcept;
  /// A reference that may be kept.
  [[nodiscard]] socket_ref ref() const noexcept;

  /// Sends an event. A callable as last argument asks for an acknowledgement, see make_ack_handler.
  /// Errors: not_connected, reserved_event, too_many_acks; outbox_full, remote: the peer does not read, and
  /// the connection is closed, or by the option slow_consumer just this event is dropped. After an error the
  /// callback is not called.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) {
    return plain().emit(event, std::forward<Args>(args)...);
  }
  /// The event "message".
  template <class... Args>
  result<void> send(Args&&... args) {
    return emit("message", std::forward<Args>(args)...);
  }
  /// The emit that follows is dropped, which is no error, if the transport is busy.
  [[nodiscard]] socket_emit volatile_() noexcept { return plain().volatile_(); }
  /// The acknowledgement callback of the emit that follows fails with errc::timed_out after `within`.
  [[nodiscard]] socket_emit timeout(duration within) noexcept { return plain().timeout(within); }
  /// Whether transports may compress the event that follows, if they do that. Default: true.
  [[nodiscard]] socket_emit compress(bool wanted) noexcept { return plain().compress(wanted); }

  // Everybody else in the namespace.
  [[nodiscard]] hub::broadcast broadcast();
  [[nodiscard]] hub::broadcast to(room_names const& rooms) { return broadcast().to(rooms); }
  [[nodiscard]] hub::broadcast in(room_names const& rooms) { return to(rooms); }
  [[nodiscard]] hub::broadcast except(room_names const& rooms) { return broadcast().except(rooms); }
  [[nodiscard]] hub::broadcast local() { return broadcast().local(); }

  /// Errors, local: not_connected; too_many_rooms when the socket is in rooms_max of them.
  result<void> join(room_names const& rooms);
  result<void> leave(room_names const& rooms);
  /// The names of its rooms, the first of them its own id; none after it was disconnected. Valid until the
  /// next join or leave.
  [[nodiscard]] std::vector<std::string_view> rooms() const;

  /// Listeners of this socket alone, called after those of its namespace. "disconnecting" and "disconnect"
  /// are on_disconnecting() and on_disconnect(); see nsp::on().
  template <class Callable>
  listener_id on(std::string_view event, Callable&& callable);
  template <class Callable>
  listener_id once(std::string_view event, Callable&& callable);
  /// Called for every event, before the listeners of the event itself.
  listener_id on_any(hub::listeners::any_handler callable);
  /// The same, before all that are there.
  listener_id prepend_any(hub::listeners::any_handler callable);
  /// Called for every event that was sent to this socket, alone or with others.
  listener_id on_any_outgoing(hub::listeners::any_handler callable);
  listener_id prepend_any_outgoing(hub::listeners::any_handler callable);
  /// Hears of events that a packet middleware has stopped.
  listener_id on_error(error_handler callable);
  /// Sees every event of this socket before its listeners; see packet_middleware.hpp.
  void use(packet_middleware callable);
  listener_id on_disconnecting(disconnect_handler callable);
  listener_id on_disconnect(disconnect_handler callable);
  void off(listener_id which) noexcept;
  void off(std::string_view event) noexcept;
  /// All but those of on_any() and on_any_outgoing().
  void off() noexcept;
  void off_any() noexcept;
  void off_any_outgoing() noexcept;

  /// Leaves the namespace; `close`: every namespace, then the connection. Reason: server namespace
  /// disconnect.
  void disconnect(bool close = false);
  /// Closes the Engine.IO connection without a Socket.IO packet: the client sees `transport close`.
  void close_connection();
  /// Whether this socket was away, and is back with its id, its rooms, its data and what it missed.
  [[nodiscard]] bool recovered() const noexcept { return not_recovered() == why_not_recovered::recovered; }
  [[nodiscard]] why_not_recovered not_recovered() const noexcept {
    return extras_ ? extras_->recovered : why_not_recovered::disabled;
  }
  /// What waits for this client, in all its namespaces: memory in bytes, and messages. Who sends much looks
  /// here first. A transport takes what its peer reads, so that 0 may still be on its way.
  [[nodiscard]] std::size_t bytes_queued() const noexcept;
  [[nodiscard]] std::size_t messages_queued() const noexcept;
  /// Application data of any type, default constructed on first access; one type per socket.
  template <class T>
  [[nodiscard]] T& data() {
    return extras().data.get<T>();
  }
  /// What exactly ended the connection, beside the reason. errc::ok when nothing was wrong.
  [[nodiscard]] error last_error() const noexcept { return last_error_; }

  /// Made by its namespace only.
  socket(hub::nsp& space, handle connection, sid id, std::uint32_t slot, std::uint32_t generation) noexcept
      : nsp_(&space), connection_(connection), id_(id), slot_(slot), generation_(generation) {}

 private:
  friend class server;
  friend class hub::nsp;
  friend class hub::broadcast;
  friend class socket_emit;
  friend class packet_next;
  friend class socket_ref;
  friend class ack;
  /// leaving: its disconnecting listeners are being told.
  enum class state : std::uint8_t { connecting, connected, leaving, disconnected };

  [[nodiscard]] socket_extras& extras() {
    if (!extras_) extras_ = std::make_unique<socket_extras>();
    return *extras_;
  }
  [[nodiscard]] handle at() const noexcept { return {slot_, generation_}; }
  [[nodiscard]] socket_emit plain() noexcept { return socket_emit(*this); }
  [[nodiscard]] bool writable() const noexcept;
  template <class... Args>
  result<void> send_event(socket_emit const& how, std::string_view event, Args const&... args);
  template <class Callback, class... Args>
  result<void> ask(socket_emit const& how, bool dropped, Callback&& callback, std::string_view event,
                   Args const&... args);

  hub::nsp* nsp_;
  handle connection_;
  sid id_;  // empty: see extras
  rooms::memberships rooms_;
  std::unique_ptr<socket_extras> extras_;
  error last_error_;
  std::uint32_t slot_;
  std::uint32_t generation_;
  std::uint32_t next_of_connection_ = UINT32_MAX;
  std::uint32_t mark_ = 0;  // the last broadcast that reached it
  std::uint32_t place_in_nsp_ = 0;
  state state_ = state::connecting;
};
static_assert(sizeof(socket) <= 112, "sockets are many: see docs/architecture.md");

}  // namespace siokit::inline v0::hub
