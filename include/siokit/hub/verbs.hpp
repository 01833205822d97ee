// siokit/hub/verbs.hpp - what sockets, and what refers to them, do when told.   SPDX-License-Identifier: MIT
// The definitions that need the whole server: they stand apart because sockets, namespaces and server know
// each other. Those of namespaces and broadcasts are in nsp_verbs.hpp.
#pragma once

#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

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

inline result<void> server::send_packet(handle session, message packet) {
  if (config_.parser == nullptr) return engine_->send(session, std::move(packet));
  auto form = encoded(std::move(packet));
  if (!form) return tl::unexpected(form.error());
  return engine_->send(session, std::move(*form));
}

inline result<void> server::send_packet(socket& to, message packet) {
  static_cast<void>(now());
  return send_packet(to.connection_, std::move(packet));
}

/// Whether an event is kept from a client that has not read those before it.
inline bool server::drops(handle session, message const& form) const noexcept {
  if (config_.slow_consumer == slow_consumer::disconnect) return false;
  auto const* to = engine_->find(session);
  return to != nullptr && to->open() && !to->has_room_for(form);
}

/// `logged`: for who comes back and has missed it.
inline result<void> server::send_event(socket& to, message const& packet, bool logged) {
  static_cast<void>(now());
  auto const form = encoded(packet);
  if (!form) return tl::unexpected(form.error());
  if (drops(to.connection_, *form)) return remote_error(errc::outbox_full);
  if (logged) log(*to.nsp_, packet, {std::string(to.id())}, {});
  auto const sent = engine_->send(to.connection_, *form);
  if (!tells_outgoing(to)) return sent;
  socket_ref const only = to.ref();
  if (sent) tell_outgoing({&only, 1}, packet);
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
      static_cast<void>(send_packet(*one, std::move(*farewell)));
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
  for (auto const& [name, space] : nsps_) space->recovery_.reset();  // nobody comes back to this server
  purge_at_ = never;
}

// socket_ref, ack, next, admission.

inline socket* socket_ref::get() const noexcept {
  hub::server* const owner = hub_.get();
  return owner == nullptr ? nullptr : owner->find_socket(at_);
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
  auto packet = socketio::encode_ack(to->server().pool_, to->nsp().name(), id_, args...);
  if (!packet) return tl::unexpected(packet.error());
  return to->server().send_packet(*to, std::move(*packet));
}

inline void next::operator()() {
  socket_ref const to = std::exchange(socket_, {});
  socket* candidate = to.get();
  if (candidate == nullptr) return;
  server& hub = candidate->server();
  server::turn const scope(hub);
  hub.run_middleware(*candidate, index_);
}

inline void next::refuse_with(std::string_view message, std::string_view data_json) {
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
  return {server().lifeline_.ref(), at()};
}
inline broadcast socket::broadcast() {
  return hub::broadcast(*nsp_).except(id());
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

inline std::size_t socket::bytes_queued() const noexcept {
  auto const* session = server().engine_->find(connection_);
  return session == nullptr ? 0 : session->bytes_queued();
}
inline std::size_t socket::messages_queued() const noexcept {
  auto const* session = server().engine_->find(connection_);
  return session == nullptr ? 0 : session->messages_queued();
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
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) {
          return to.ask(*this, dropped, std::forward<Callback>(callback), event, values...);
        },
        std::forward<Args>(args)...);
  } else {
    if (dropped) return {};
    return to.send_event(*this, event, args...);
  }
}

template <class... Args>
result<void> socket::send_event(socket_emit const& how, std::string_view event, Args const&... args) {
  // What a middleware sends comes before the answer to CONNECT, so who can come back has not missed it.
  bool const logged = nsp_->recovery_ && connected() && !how.volatile_flag_;
  socketio::owned_args offset;
  if (logged) offset = impl::offset_argument(*nsp_->recovery_);
  auto packet = socketio::encode_event(server().pool_, nsp_->name(), {}, event, args..., offset.view());
  if (!packet) return tl::unexpected(packet.error());
  if (!how.compress_) packet->no_compress();
  if (!logged) return server().send_event(*this, *packet);
  server::turn const scope(server());
  return server().send_event(*this, *packet, true);
}

/// `dropped`: the event is not sent, only its answer is waited for.
template <class Callback, class... Args>
result<void> socket::ask(socket_emit const& how, bool dropped, Callback&& callback, std::string_view event,
                         Args const&... args) {
  std::uint64_t const id = nsp_->next_ack_id_++;
  auto packet = socketio::encode_event(server().pool_, nsp_->name(), id, event, args...);
  if (!packet) return tl::unexpected(packet.error());
  if (!how.compress_) packet->no_compress();
  auto const expected =
      server().expect_ack(*this, id, how.within_, make_ack_handler(std::forward<Callback>(callback)));
  if (!expected || dropped) return expected;
  auto const sent = server().send_event(*this, *packet);
  if (!sent && extras_) {  // the error is told here, so not by the callback
    static_cast<void>(extras_->acks.settle(id));
    server().acks_.arm(slot_, extras_->acks.next_deadline());
  }
  return sent;
}

inline result<void> socket::join(room_names const& rooms) {
  server::turn const scope(server());  // who hears of rooms may end this socket
  for (auto const room : rooms.all()) {
    if (state_ == state::disconnected) return local_error(errc::not_connected);
    if (room == id()) continue;  // every socket is in this one
    if (rooms_.size() >= server().config_.rooms_max) return local_error(errc::too_many_rooms);
    bool const joined = nsp_->rooms_.join(room, slot_, rooms_);
    if (joined && nsp_->hears_of_rooms()) nsp_->tell_joined(room, id(), nsp_->rooms_.find(room)->size() == 1);
  }
  return {};
}

inline result<void> socket::leave(room_names const& rooms) {
  server::turn const scope(server());
  bool const hears = nsp_->hears_of_rooms();
  auto names = rooms.all();
  std::vector<std::string> const kept(names.begin(), hears ? names.end() : names.begin());
  room_names const copies(kept);  // for the given ones may be those of rooms which end here
  if (hears) names = copies.all();
  auto& all = server().sockets_;
  for (auto const room : names) {
    if (state_ == state::disconnected) return local_error(errc::not_connected);
    bool const left = nsp_->rooms_.leave(
        room, slot_, rooms_, [&](std::uint32_t slot) -> auto& { return all[slot]->rooms_; });
    if (left && hears) nsp_->tell_left(room, id(), nsp_->rooms_.find(room) == nullptr);
  }
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
  if constexpr (impl::is_called_with<Callable, socket&, disconnect_reason>) {
    if (event == "disconnecting") return on_disconnecting(std::forward<Callable>(callable));
    if (event == "disconnect") return on_disconnect(std::forward<Callable>(callable));
    return {};
  } else {
    if (socketio::is_reserved_event(event)) return {};
    auto const id = server().next_listener();
    extras().listeners.add(event, id, false,
                           make_event_handler<socket, ack>(std::forward<Callable>(callable)));
    return id;
  }
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
  extras().listeners.any().add(id, false, std::move(callable));
  return id;
}
inline listener_id socket::prepend_any(listeners::any_handler callable) {
  auto const id = server().next_listener();
  extras().listeners.any().prepend(id, std::move(callable));
  return id;
}
inline listener_id socket::on_any_outgoing(listeners::any_handler callable) {
  auto const id = server().next_listener();
  extras().outgoing.add(id, false, std::move(callable));
  return id;
}
inline listener_id socket::prepend_any_outgoing(listeners::any_handler callable) {
  auto const id = server().next_listener();
  extras().outgoing.prepend(id, std::move(callable));
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
inline void socket::off() noexcept {
  if (!extras_) return;
  auto const clear = [](auto&... lists) { (lists.remove_all(), ...); };
  clear(extras_->listeners, extras_->on_disconnecting, extras_->on_disconnect, extras_->on_error);
}
inline void socket::off_any() noexcept {
  if (extras_) extras_->listeners.any().remove_all();
}
inline void socket::off_any_outgoing() noexcept {
  if (extras_) extras_->outgoing.remove_all();
}

inline void socket::disconnect(bool close) {
  server().disconnect(*this, close);
}
inline void socket::close_connection() {
  server().engine_->close(connection_, server().now());
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
  hub.run_for(to->at(),
              [&] { to->extras_->on_error.walk([&](error_handler& call) { call(*to, message); }); });
}

}  // namespace siokit::inline v0::hub
