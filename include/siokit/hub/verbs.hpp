// siokit/hub/verbs.hpp - what sockets, namespaces and broadcasts do when told.   SPDX-License-Identifier: MIT
// The definitions that need the whole server: they stand apart because sockets, namespaces and server know
// each other.
#pragma once

#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

// server.

inline time_point server::now() {
  if (depth_ == 0 && wake_) turn_time_ = wake_();
  return turn_time_;
}

inline nsp& server::of(std::string_view name) {
  std::string full(name);
  if (!full.starts_with('/')) full.insert(0, 1, '/');
  if (auto const known = nsps_.find(full); known != nsps_.end()) return *known->second;
  auto made = std::make_unique<nsp>(*this, std::move(full));
  std::string_view const key = made->name();
  return *nsps_.emplace(key, std::move(made)).first->second;
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

inline void admission::accept(std::string_view id) {
  if (!id.empty() && !valid_sid(id)) return fail();
  auto const owner = std::exchange(hub_, {});
  server* hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  hub->admit(session_, sid(id));
}

inline void admission::fail() {
  refuse_with(engineio::refusals::bad_request("ID_GENERATION_ERROR"));
}

inline void admission::refuse(std::string_view message) {
  refuse_with(engineio::refusals::forbidden(std::string(message)));
}

inline void admission::refuse_with(engineio::refusal const& why) {
  auto const owner = std::exchange(hub_, {});
  server* hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  static_cast<void>(hub->engine_->refuse(session_, why));
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

template <class... Args>
result<void> socket::emit_within(duration within, std::string_view event, Args&&... args) {
  if (state_ == state::disconnected) return local_error(errc::not_connected);
  if constexpr (!impl::ends_in_callback<Args...>) {
    auto packet = socketio::encode_event(nsp_->name(), {}, event, args...);
    if (!packet) return tl::unexpected(packet.error());
    return server().send(*this, std::move(*packet));
  } else {
    auto all = std::forward_as_tuple(std::forward<Args>(args)...);
    constexpr std::size_t last = sizeof...(Args) - 1;
    std::uint64_t const id = nsp_->next_ack_id_++;
    auto packet = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return socketio::encode_event(nsp_->name(), id, event, std::get<I>(all)...);
    }
    (std::make_index_sequence<last>{});
    if (!packet) return tl::unexpected(packet.error());
    using callback = std::tuple_element_t<last, decltype(all)>;
    auto const expected =
        server().expect_ack(*this, id, within, make_ack_handler(std::forward<callback>(std::get<last>(all))));
    if (!expected) return expected;
    auto const sent = server().send(*this, std::move(*packet));
    if (!sent && extras_) {  // the error is told here, so not by the callback
      static_cast<void>(extras_->acks.settle(id));
      server().acks_.arm(slot_, extras_->acks.next_deadline());
    }
    return sent;
  }
}

template <class... Args>
result<void> volatile_emit::emit(std::string_view event, Args const&... args) {
  auto const* session = socket_->server().engine_->find(socket_->connection_);
  if (session == nullptr || !session->writable()) return {};
  return socket_->emit(event, args...);
}

template <class... Args>
result<void> timed_emit::emit(std::string_view event, Args&&... args) {
  static_assert(impl::ends_in_callback<Args...>,
                "timeout() needs an acknowledgement callback as last argument");
  return socket_->emit_within(within_, event, std::forward<Args>(args)...);
}

inline result<void> socket::join(std::string_view room) {
  if (state_ == state::disconnected) return local_error(errc::not_connected);
  if (room == id()) return {};  // every socket is in this one
  if (rooms_.size() >= server().config_.rooms_max) return local_error(errc::invalid_argument);
  nsp_->rooms_.join(room, slot_, rooms_);
  return {};
}

inline result<void> socket::leave(std::string_view room) {
  if (state_ == state::disconnected) return local_error(errc::not_connected);
  auto& all = server().sockets_;
  nsp_->rooms_.leave(
      room, slot_, rooms_, [&](std::uint32_t slot) -> auto& { return all[slot]->rooms_; });
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
  if (!extras_ || extras_->listeners.remove(which)) return;
  if (!extras_->on_disconnecting.remove(which)) extras_->on_disconnect.remove(which);
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
inline listener_id nsp::on_connection(connection_handler callable) {
  auto const id = server_->next_listener();
  on_connection_.add(id, false, std::move(callable));
  return id;
}
inline listener_id nsp::on_any(listeners::any_handler callable) {
  auto const id = server_->next_listener();
  listeners_.add_any(id, std::move(callable));
  return id;
}
inline listener_id nsp::on_disconnecting(disconnect_handler callable) {
  auto const id = server_->next_listener();
  on_disconnecting_.add(id, false, std::move(callable));
  return id;
}
inline listener_id nsp::on_disconnect(disconnect_handler callable) {
  auto const id = server_->next_listener();
  on_disconnect_.add(id, false, std::move(callable));
  return id;
}
inline void nsp::off(listener_id which) noexcept {
  if (listeners_.remove(which) || on_connection_.remove(which) || on_disconnecting_.remove(which)) return;
  on_disconnect_.remove(which);
}

inline socket* nsp::find(std::string_view id) const noexcept {
  std::uint32_t const slot = sid_counter(id);
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

inline std::string_view broadcast::name() const noexcept {
  return nsp_->name();
}

inline void broadcast::deliver(message const& packet) const {
  server& hub = nsp_->server();
  static_cast<void>(hub.now());
  nsp_->for_each(rooms_, except_, [&](socket& to) {
    if (volatile_flag_) {
      auto const* session = hub.engine_->find(to.connection_);
      if (session == nullptr || !session->writable()) return;
    }
    // A recipient whose queue is full is closed by its own session; the others are served.
    static_cast<void>(hub.engine_->send(to.connection_, packet));
  });
}

inline void broadcast::sockets_join(std::string_view room) {
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->join(room));
}
inline void broadcast::sockets_leave(std::string_view room) {
  std::string const name(room);  // it may be that of a room which ends here
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->leave(name));
}
inline void broadcast::disconnect_sockets(bool close) {
  server::turn const scope(nsp_->server());
  for (auto const slot : nsp_->select(*this)) nsp_->server().sockets_[slot]->disconnect(close);
}

}  // namespace siokit::inline v0::hub
