// siokit/hub/verbs.hpp - what sockets, namespaces and broadcasts do when told.   SPDX-License-Identifier: MIT
// The definitions that need the whole server: they stand apart because sockets, namespaces and server know
// each other.
#pragma once

#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

namespace impl {
/// The argument that tells a client what it has received.
[[nodiscard]] inline socketio::owned_args offset_argument(recovery const& log) {
  std::string const json = "[\"" + log.next_offset() + "\"]";
  return socketio::args(json, 1).own();
}
}  // namespace impl

// server.

inline time_point server::now() {
  if (depth_ == 0 && wake_) turn_time_ = wake_();
  return turn_time_;
}

inline server::connection* server::find_connection(handle session) noexcept {
  if (session.slot >= connections_.size() || !connections_[session.slot]) return nullptr;
  auto& found = *connections_[session.slot];
  return found.engine == session ? &found : nullptr;
}

inline socket* server::find_socket(handle at) const noexcept {
  if (!at || at.slot >= sockets_.size() || !sockets_[at.slot]) return nullptr;
  socket* found = sockets_[at.slot].get();
  return found->generation_ == at.generation && found->state_ != socket::state::disconnected ? found
                                                                                             : nullptr;
}

inline result<void> server::send(socket& to, message packet) {
  static_cast<void>(now());
  return engine_->send(to.connection_, std::move(packet));
}

inline result<void> server::send_event(socket& to, message packet) {
  if (!to.extras_ || to.extras_->outgoing.empty()) return send(to, std::move(packet));
  auto const sent = send(to, packet);
  if (sent) tell_outgoing(to, packet);
  return sent;
}

inline result<void> server::expect_ack(socket& from, std::uint64_t id, duration within, ack_handler call) {
  auto& table = from.extras().acks;
  if (table.size() >= config_.pending_acks_max) return local_error(errc::too_many_acks);
  auto const outcome = table.expect(id, later(now(), within), std::move(call));
  if (outcome) acks_.arm(from.slot_, table.next_deadline());
  return outcome;
}

inline void server::disconnect(socket& which, bool close) {
  if (which.state_ != socket::state::connected) return;
  turn const scope(*this);
  handle const session = which.connection_;
  connection* owner = find_connection(session);
  if (owner == nullptr) return;
  std::vector<socket*> leaving{&which};
  if (close) {
    leaving.clear();
    for (auto slot = owner->first_socket; slot != none; slot = sockets_[slot]->next_of_connection_) {
      if (sockets_[slot]->state_ == socket::state::connected) leaving.push_back(sockets_[slot].get());
    }
  }
  for (socket* one : leaving) {
    if (auto farewell = owner->protocol.leave(one->nsp_->name())) {
      static_cast<void>(send(*one, std::move(*farewell)));
    }
  }
  if (close) engine_->close(session, now());
  std::size_t const before = endings_.size();
  while (!leaving.empty()) {  // the first one last, to be told first
    start_ending(*leaving.back(), disconnect_reason::server_namespace_disconnect, {});
    leaving.pop_back();
  }
  run_endings(before);
}

inline void server::close() {
  turn const scope(*this);
  shutting_down_ = true;
  time_point const at = now();
  for (handle const session : engine_->sessions()) {
    engine_->find(session) == nullptr ? static_cast<void>(engine_->refuse(session))
                                      : engine_->close(session, at, true);
  }
  drain(at);
}

// socket_ref, ack, next, admission.

inline socket* socket_ref::get() const noexcept {
  server* hub = hub_.get();
  return hub == nullptr ? nullptr : hub->find_socket(at_);
}

template <class... Args>
result<void> socket_ref::emit(std::string_view event, Args&&... args) const {
  socket* to = get();
  return to == nullptr ? local_error(errc::gone) : to->emit(event, std::forward<Args>(args)...);
}

inline result<void> socket_ref::disconnect(bool close) const {
  socket* to = get();
  if (to == nullptr) return local_error(errc::gone);
  to->disconnect(close);
  return {};
}

template <class... Args>
result<void> ack::operator()(Args const&... args) {
  if (!std::exchange(wanted_, false)) return {};
  socket* to = socket_.get();
  if (to == nullptr || !to->connected()) return local_error(errc::gone);
  auto packet = socketio::encode_ack(to->nsp().name(), id_, args...);
  if (!packet) return tl::unexpected(packet.error());
  return to->server().send(*to, std::move(*packet));
}

inline void next::operator()() {
  socket_ref const to = std::exchange(socket_, {});
  socket* candidate = to.get();
  if (candidate == nullptr) return;
  server& hub = candidate->server();
  server::turn const scope(hub);
  hub.run_middleware(*candidate, index_);
}

inline void next::refuse(std::string_view message, std::string_view data_json) {
  socket_ref const to = std::exchange(socket_, {});
  socket* candidate = to.get();
  if (candidate == nullptr) return;
  server& hub = candidate->server();
  server::turn const scope(hub);
  hub.refuse(*candidate, message, data_json, true);
}

inline void next::drop() {
  socket* candidate = socket_.get();
  server& hub = candidate->server();
  static_cast<void>(hub.now());  // outside a turn the host is woken
  hub.refuse(*candidate, "refused", {}, false);
}

inline void admission::accept() {
  auto const owner = std::exchange(hub_, {});
  server* hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  hub->admit(session_);
}

inline void admission::refuse(std::string_view message) {
  auto const owner = std::exchange(hub_, {});
  server* hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  static_cast<void>(hub->engine_->refuse(session_, engineio::refusals::forbidden(std::string(message))));
}

// socket.

inline server& socket::server() const noexcept {
  return nsp_->server();
}
inline socket_ref socket::ref() const noexcept {
  return {server().lifeline_.ref(), handle{slot_, generation_}};
}
inline broadcast socket::broadcast() {
  hub::broadcast others(*nsp_);
  others.except(id());
  return others;
}

inline hub::handshake socket::handshake() const noexcept {
  hub::server& owner = server();
  auto const* from = owner.find_connection(connection_);
  time_point const opened = from == nullptr ? time_point{} : from->opened;
  auto const since_zero =
      std::chrono::duration_cast<std::chrono::milliseconds>(opened.time_since_epoch()).count();
  std::string_view const auth = extras_ && !extras_->auth.empty() ? std::string_view(extras_->auth) : "{}";
  return {owner.engine_->head(connection_), auth, owner.config_.unix_time_at_zero + since_zero};
}

inline engineio::transport socket::transport() const noexcept {
  auto const* session = server().engine_->find(connection_);
  return session == nullptr ? engineio::transport::polling : session->current();
}

inline bool socket::writable() const noexcept {
  auto const* session = server().engine_->find(connection_);
  return session != nullptr && session->writable();
}

template <class... Args>
result<void> socket_emit::emit(std::string_view event, Args&&... args) const {
  socket& to = *socket_;
  if (to.state_ == socket::state::disconnected) return local_error(errc::not_connected);
  bool const dropped = volatile_flag_ && !to.writable();
  if constexpr (impl::ends_in_callback<Args...>) {
    auto all = std::forward_as_tuple(std::forward<Args>(args)...);
    constexpr std::size_t last = sizeof...(Args) - 1;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      using callback = std::tuple_element_t<last, decltype(all)>;
      return to.ask(within_, dropped, std::forward<callback>(std::get<last>(all)), event,
                    std::get<I>(all)...);
    }
    (std::make_index_sequence<last>{});
  } else {
    if (dropped) return {};
    return to.send_event(volatile_flag_, event, args...);
  }
}

template <class... Args>
result<void> socket::send_event(bool is_volatile, std::string_view event, Args const&... args) {
  bool const logged = nsp_->recovery_ && !is_volatile;
  socketio::owned_args offset;
  if (logged) offset = impl::offset_argument(*nsp_->recovery_);
  auto packet = socketio::encode_event(nsp_->name(), {}, event, args..., offset.view());
  if (!packet) return tl::unexpected(packet.error());
  if (!logged) return server().send_event(*this, std::move(*packet));
  server::turn const scope(server());
  server().log(*nsp_, *packet, {std::string(id())}, {});
  return server().send_event(*this, std::move(*packet));
}

/// `dropped`: the event is not sent, only its answer is waited for.
template <class Callback, class... Args>
result<void> socket::ask(duration within, bool dropped, Callback&& callback, std::string_view event,
                         Args const&... args) {
  std::uint64_t const id = nsp_->next_ack_id_++;
  auto packet = socketio::encode_event(nsp_->name(), id, event, args...);
  if (!packet) return tl::unexpected(packet.error());
  auto const expected =
      server().expect_ack(*this, id, within, make_ack_handler(std::forward<Callback>(callback)));
  if (!expected || dropped) return expected;
  auto const sent = server().send_event(*this, std::move(*packet));
  if (!sent && extras_) {  // the error is told here, so not by the callback
    static_cast<void>(extras_->acks.settle(id));
    server().acks_.arm(slot_, extras_->acks.next_deadline());
  }
  return sent;
}

inline result<void> socket::join(std::string_view room) {
  if (state_ == state::disconnected) return local_error(errc::not_connected);
  if (room == id()) return {};  // every socket is in this one
  if (rooms_.size() >= server().config_.rooms_max) return local_error(errc::invalid_argument);
  bool const joined = nsp_->rooms_.join(room, slot_, rooms_);
  if (joined && nsp_->hears_of_rooms()) nsp_->tell_joined(room, id(), nsp_->rooms_.find(room)->size() == 1);
  return {};
}

inline result<void> socket::leave(std::string_view room) {
  if (state_ == state::disconnected) return local_error(errc::not_connected);
  auto& all = server().sockets_;
  bool const hears = nsp_->hears_of_rooms();
  std::string const name(hears ? room : "");  // `room` may be that of a room which ends here
  bool const left = nsp_->rooms_.leave(
      room, slot_, rooms_, [&](std::uint32_t slot) -> auto& { return all[slot]->rooms_; });
  if (left && hears) nsp_->tell_left(name, id(), nsp_->rooms_.find(name) == nullptr);
  return {};
}

inline std::vector<std::string_view> socket::rooms() const {
  std::vector<std::string_view> names;
  if (connected()) names.push_back(id());
  for (auto const& each : rooms_) names.emplace_back(*each.in->name);
  return names;
}

template <class Callable>
listener_id socket::on(std::string_view event, Callable&& callable) {
  if (socketio::is_reserved_event(event)) return {};
  auto const id = server().next_listener();
  extras().listeners.add(event, id, false, make_event_handler<socket, ack>(std::forward<Callable>(callable)));
  return id;
}
template <class Callable>
listener_id socket::once(std::string_view event, Callable&& callable) {
  if (socketio::is_reserved_event(event)) return {};
  auto const id = server().next_listener();
  extras().listeners.add(event, id, true, make_event_handler<socket, ack>(std::forward<Callable>(callable)));
  return id;
}
inline listener_id socket::on_any(listeners::any_handler callable) {
  auto const id = server().next_listener();
  extras().listeners.add_any(id, std::move(callable));
  return id;
}
inline listener_id socket::on_any_outgoing(listeners::any_handler callable) {
  auto const id = server().next_listener();
  extras().outgoing.add(id, false, std::move(callable));
  return id;
}
inline listener_id socket::on_error(error_handler callable) {
  auto const id = server().next_listener();
  extras().on_error.add(id, false, std::move(callable));
  return id;
}
inline void socket::use(packet_middleware callable) {
  if (callable) extras().middlewares.push_back(std::make_unique<packet_middleware>(std::move(callable)));
}
inline listener_id socket::on_disconnecting(disconnect_handler callable) {
  auto const id = server().next_listener();
  extras().on_disconnecting.add(id, false, std::move(callable));
  return id;
}
inline listener_id socket::on_disconnect(disconnect_handler callable) {
  auto const id = server().next_listener();
  extras().on_disconnect.add(id, false, std::move(callable));
  return id;
}
inline void socket::off(listener_id which) noexcept {
  if (!extras_) return;
  auto const remove = [which](auto&... lists) { static_cast<void>((lists.remove(which) || ...)); };
  remove(extras_->listeners, extras_->on_disconnecting, extras_->on_disconnect, extras_->on_error,
         extras_->outgoing);
}
inline void socket::off(std::string_view event) noexcept {
  if (extras_) extras_->listeners.remove_all(event);
}

inline void socket::disconnect(bool close) {
  server().disconnect(*this, close);
}
inline void socket::close_connection() {
  server().engine_->close(connection_, server().now());
}

// nsp.

inline listener_id nsp::add(std::string_view event, bool once, listeners::event_handler call) {
  if (socketio::is_reserved_event(event)) return {};
  auto const id = server_->next_listener();
  listeners_.add(event, id, once, std::move(call));
  return id;
}
template <class List, class Handler>
listener_id nsp::add_to(List& list, Handler callable) {
  auto const id = server_->next_listener();
  list.add(id, false, std::move(callable));
  return id;
}
inline listener_id nsp::on_any(listeners::any_handler callable) {
  auto const id = server_->next_listener();
  listeners_.add_any(id, std::move(callable));
  return id;
}
inline listener_id nsp::on_connection(connection_handler callable) {
  return add_to(on_connection_, std::move(callable));
}
inline listener_id nsp::on_disconnecting(disconnect_handler callable) {
  return add_to(on_disconnecting_, std::move(callable));
}
inline listener_id nsp::on_disconnect(disconnect_handler callable) {
  return add_to(on_disconnect_, std::move(callable));
}
inline listener_id nsp::on_create_room(room_handler callable) {
  return add_to(on_create_room_, std::move(callable));
}
inline listener_id nsp::on_delete_room(room_handler callable) {
  return add_to(on_delete_room_, std::move(callable));
}
inline listener_id nsp::on_join_room(member_handler callable) {
  return add_to(on_join_room_, std::move(callable));
}
inline listener_id nsp::on_leave_room(member_handler callable) {
  return add_to(on_leave_room_, std::move(callable));
}
inline void nsp::off(listener_id which) noexcept {
  auto const remove = [which](auto&... lists) { static_cast<void>((lists.remove(which) || ...)); };
  remove(listeners_, on_connection_, on_disconnecting_, on_disconnect_, on_create_room_, on_delete_room_,
         on_join_room_, on_leave_room_);
}

inline void nsp::tell_joined(std::string_view room, std::string_view id, bool created) {
  for_levels([&](nsp& each) {
    if (created) each.on_create_room_.walk([&](room_handler& call) { call(room); });
    each.on_join_room_.walk([&](member_handler& call) { call(room, id); });
  });
}
inline void nsp::tell_left(std::string_view room, std::string_view id, bool deleted) {
  for_levels([&](nsp& each) {
    each.on_leave_room_.walk([&](member_handler& call) { call(room, id); });
    if (deleted) each.on_delete_room_.walk([&](room_handler& call) { call(room); });
  });
}

/// Those of the parent come first. Null past the last one.
inline middleware* nsp::middleware_at(std::size_t index) noexcept {
  std::size_t const inherited = parent_ == nullptr ? 0 : parent_->middlewares_.size();
  if (index < inherited) return &parent_->middlewares_[index];
  return index - inherited < middlewares_.size() ? &middlewares_[index - inherited] : nullptr;
}

inline socket* nsp::find(std::string_view id) const noexcept {
  std::uint32_t slot = sid_counter(id);
  if (!server_->recovered_.empty() && id.size() <= sid::size_max) {
    auto const known = server_->recovered_.find(sid(id));
    if (known != server_->recovered_.end()) slot = known->second;
  }
  if (slot >= server_->sockets_.size() || !server_->sockets_[slot]) return nullptr;
  socket* found = server_->sockets_[slot].get();
  return found->nsp_ == this && found->connected() && found->id() == id ? found : nullptr;
}

inline std::vector<socket_ref> nsp::sockets() const {
  std::vector<socket_ref> all;
  all.reserve(sockets_.size());
  for (auto const slot : sockets_) all.push_back(server_->sockets_[slot]->ref());
  return all;
}

inline std::vector<std::string_view> nsp::members(std::string_view room) const {
  std::vector<std::string_view> ids;
  if (auto const* inside = rooms_.find(room)) {
    for (auto const& each : *inside) ids.push_back(server_->sockets_[each.socket]->id());
  }
  if (socket const* own = find(room); own != nullptr) ids.push_back(own->id());
  return ids;
}

template <class Visit>
void nsp::for_each(std::span<std::string const> rooms, std::span<std::string const> except, Visit&& visit) {
  // A socket carries the mark of the last broadcast that reached it, or left it out: so each is visited once
  // at most.
  std::uint32_t const mark = ++server_->mark_;
  auto const mark_members = [&](std::string const& room, auto&& reach) {
    if (auto const* inside = rooms_.find(room)) {
      for (auto const& each : *inside) reach(*server_->sockets_[each.socket]);
    }
    if (socket* own = find(room)) reach(*own);
  };
  auto const once = [&](socket& to) {
    if (std::exchange(to.mark_, mark) != mark && to.connected()) visit(to);
  };
  for (auto const& room : except) mark_members(room, [&](socket& to) { to.mark_ = mark; });
  if (rooms.empty()) {
    for (auto const slot : sockets_) once(*server_->sockets_[slot]);
  } else {
    for (auto const& room : rooms) mark_members(room, once);
  }
}

inline std::vector<std::uint32_t> nsp::select(broadcast const& to) {
  std::vector<std::uint32_t> slots;
  for_each(to.rooms_, to.except_, [&](socket& each) { slots.push_back(each.slot_); });
  return slots;
}

// broadcast.

template <class Visit>
void broadcast::for_each(Visit&& visit) const {
  server& hub = nsp_->server();
  static_cast<void>(hub.now());
  nsp_->for_each(rooms_, except_, [&](socket& to) {
    if (!volatile_flag_ || to.writable()) visit(to);
  });
}

template <class... Args>
result<void> broadcast::emit(std::string_view event, Args&&... args) const {
  if constexpr (impl::ends_in_callback<Args...>) {
    auto all = std::forward_as_tuple(std::forward<Args>(args)...);
    constexpr std::size_t last = sizeof...(Args) - 1;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      using callback = std::tuple_element_t<last, decltype(all)>;
      return ask(std::forward<callback>(std::get<last>(all)), event, std::get<I>(all)...);
    }
    (std::make_index_sequence<last>{});
  } else {
    result<void> outcome = emit_here(event, args...);
    for (nsp* const child : nsp_->children()) {
      if (outcome) outcome = in_nsp(*child).emit_here(event, args...);
    }
    return outcome;
  }
}

template <class... Args>
result<void> broadcast::emit_here(std::string_view event, Args const&... args) const {
  bool const logged = nsp_->recovery_ && !volatile_flag_;
  socketio::owned_args offset;
  if (logged) offset = impl::offset_argument(*nsp_->recovery_);
  auto packet = socketio::encode_event(nsp_->name(), {}, event, args..., offset.view());
  if (!packet) return tl::unexpected(packet.error());
  if (!logged) return deliver(*packet), result<void>();
  server::turn const scope(nsp_->server());
  nsp_->server().log(*nsp_, *packet, rooms_, except_);
  deliver(*packet);
  return {};
}

/// Handlers run only when all has been sent: they may change who is there.
inline void broadcast::deliver(message const& packet) const {
  server& hub = nsp_->server();
  std::vector<socket_ref> listening;
  for_each([&](socket& to) {
    // A recipient whose queue is full is closed by its own session; the others are served.
    static_cast<void>(hub.engine_->send(to.connection_, packet));
    if (to.extras_ && !to.extras_->outgoing.empty()) listening.push_back(to.ref());
  });
  for (auto const& each : listening) {
    if (socket* const to = each.get()) hub.tell_outgoing(*to, packet);
  }
}

template <class Callback, class... Args>
result<void> broadcast::ask(Callback&& callback, std::string_view event, Args const&... args) const {
  static_assert(std::is_invocable_v<Callback&, std::error_code, responses const&>,
                "a broadcast is answered by many: void(std::error_code, responses const&)");
  if (!nsp_->children().empty()) return local_error(errc::invalid_argument);
  std::uint64_t const id = nsp_->next_ack_id_++;
  auto packet = socketio::encode_event(nsp_->name(), id, event, args...);
  if (!packet) return tl::unexpected(packet.error());
  deliver_asking(id, *packet, responses_handler(std::forward<Callback>(callback)));
  return {};
}

inline void broadcast::deliver_asking(std::uint64_t id, message const& packet, responses_handler call) const {
  server& hub = nsp_->server();
  server::turn const scope(hub);
  auto const all = std::make_shared<impl::gathering>();
  all->call = std::move(call);
  for_each([&](socket& to) {
    ++all->missing;
    auto const expected = hub.expect_ack(to, id, within_, [all](std::error_code failure, args const& answer) {
      all->settle(failure, answer);
    });
    if (!expected)
      all->settle(make_error_code(expected.error().code), {});
    else
      static_cast<void>(hub.engine_->send(to.connection_, packet));  // who is closed by it is told of that
  });
  all->release();
}

inline void broadcast::sockets_join(std::string_view room) {
  server::turn const scope(nsp_->server());
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->join(room));
}
inline void broadcast::sockets_leave(std::string_view room) {
  server::turn const scope(nsp_->server());
  std::string const name(room);  // it may be that of a room which ends here
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->leave(name));
}
inline void broadcast::disconnect_sockets(bool close) {
  server::turn const scope(nsp_->server());
  for (auto const slot : nsp_->select(*this)) nsp_->server().sockets_[slot]->disconnect(close);
}

inline void broadcast::fetch_sockets(
    unique_function<void(std::error_code, std::vector<remote_socket>)> call) const {
  server::turn const scope(nsp_->server());
  std::vector<remote_socket> found;
  nsp_->for_each(rooms_, except_, [&](socket& each) {
    std::vector<std::string> names;
    for (std::string_view const name : each.rooms()) names.emplace_back(name);
    found.push_back(remote_socket(std::string(each.id()), std::move(names), each.ref()));
  });
  call({}, std::move(found));
}

inline result<void> remote_socket::join(std::string_view room) const {
  socket* const to = get();
  return to == nullptr ? local_error(errc::gone) : to->join(room);
}
inline result<void> remote_socket::leave(std::string_view room) const {
  socket* const to = get();
  return to == nullptr ? local_error(errc::gone) : to->leave(room);
}

// packet_next.

inline void packet_next::operator()() {
  auto held = std::move(held_);
  socket* const to = held ? held->to.get() : nullptr;
  if (to == nullptr) return;
  server::turn const scope(to->server());
  to->server().pass_middlewares(std::move(held));
}

inline void packet_next::fail(std::string_view message) {
  auto const held = std::move(held_);
  socket* const to = held ? held->to.get() : nullptr;
  if (to == nullptr) return;
  server& hub = to->server();
  server::turn const scope(hub);
  hub.run_for(held->to,
              [&] { to->extras_->on_error.walk([&](error_handler& call) { call(*to, message); }); });
}

}  // namespace siokit::inline v0::hub
