// siokit/hub/nsp_verbs.hpp - what namespaces and broadcasts do when told.   SPDX-License-Identifier: MIT
// See verbs.hpp.
#pragma once

#include "siokit/core/on_failure.hpp"
#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

namespace impl {
/// What servers find together.
struct fetching final : awaited {
  using handler = unique_function<void(std::error_code, std::vector<remote_socket>)>;
  fetching(handler wanted, lifeline_ref<server> of, std::string_view name)
      : call(std::move(wanted)), home(std::move(of)), nsp(name) {}

  void take(cluster_message const* piece, std::error_code why) override {
    if (piece == nullptr) return static_cast<void>(failure = why);
    std::size_t const before = found.size();
    on_failure incomplete([&]() noexcept {
      while (found.size() > before) found.pop_back();
    });
    for (auto const& each : piece->sockets) {
      found.push_back(remote_socket(each.id, each.rooms, home, nsp));
    }
    incomplete.done();
  }
  void complete() override { call(failure, std::move(found)); }

  handler call;
  lifeline_ref<server> home;
  std::string nsp;
  std::vector<remote_socket> found;
};
}  // namespace impl

// nsp.

inline listener_id nsp::add(std::string_view event, bool once, listeners::event_handler call) {
  if (socketio::is_reserved_event(event) || event == "connection") return {};
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
  return add_to(listeners_.any(), std::move(callable));
}
inline listener_id nsp::prepend_any(listeners::any_handler callable) {
  auto const id = server_->next_listener();
  listeners_.any().prepend(id, std::move(callable));
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
  remove(listeners_, server_side_, on_connection_, on_disconnecting_, on_disconnect_, on_create_room_,
         on_delete_room_, on_join_room_, on_leave_room_);
}

inline void nsp::off() noexcept {
  auto const clear = [](auto&... lists) { (lists.remove_all(), ...); };
  clear(listeners_, server_side_, on_connection_, on_disconnecting_, on_disconnect_, on_create_room_,
        on_delete_room_, on_join_room_, on_leave_room_);
}

inline bool nsp::hears_of_rooms() const noexcept {
  bool const here = !on_create_room_.empty() || !on_delete_room_.empty() || !on_join_room_.empty() ||
                    !on_leave_room_.empty() || server_->observer_ != nullptr;
  return here || (parent_ != nullptr && parent_->hears_of_rooms());
}

inline void nsp::tell_joined(std::string_view room, std::string_view id, bool created) {
  if (server_->observer_ != nullptr) server_->observer_->on_joined(*this, room, id);
  for_levels([&](nsp& each) {
    if (created) each.on_create_room_.walk([&](room_handler& call) { call(room); });
    each.on_join_room_.walk([&](member_handler& call) { call(room, id); });
  });
}
inline void nsp::tell_left(std::string_view room, std::string_view id, bool deleted) {
  if (server_->observer_ != nullptr) server_->observer_->on_left(*this, room, id);
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
  if (!server_->foreign_ids_.empty()) {
    auto const known = server_->foreign_ids_.find(id);
    if (known != server_->foreign_ids_.end()) slot = known->second;
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
  for_each(to.to_.rooms, to.to_.except, [&](socket& each) { slots.push_back(each.slot_); });
  return slots;
}

// broadcast.

template <class Visit>
void broadcast::for_each(Visit&& visit) const {
  server& hub = nsp_->server();
  static_cast<void>(hub.now());
  nsp_->for_each(to_.rooms, to_.except, [&](socket& to) {
    if (!to_.volatile_flag || to.writable()) visit(to);
  });
}

template <class... Args>
result<void> broadcast::emit(std::string_view event, Args&&... args) const {
  if constexpr (impl::ends_in_callback<Args...>) {
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) {
          return ask(std::forward<Callback>(callback), event, values...);
        },
        std::forward<Args>(args)...);
  } else {
    result<void> outcome = emit_here(event, args...);
    for (nsp* const child : nsp_->children()) {
      if (outcome) outcome = in_nsp(*child).local().emit_here(event, args...);
    }
    return outcome;
  }
}

template <class... Args>
result<void> broadcast::emit_here(std::string_view event, Args const&... args) const {
  bool const logged = nsp_->recovery_ && !to_.volatile_flag;
  socketio::owned_args offset;
  if (logged) offset = impl::offset_argument(*nsp_->recovery_);
  auto packet = socketio::encode_event(nsp_->server().pool_, nsp_->name(), {}, event, args..., offset.view());
  if (!packet) return tl::unexpected(packet.error());
  if (!compress_) packet->no_compress();
  if (goes_further()) {  // where an event has another offset, or none
    auto const plain = logged ? socketio::encode_event(nsp_->name(), {}, event, args...) : packet;
    if (!plain) return tl::unexpected(plain.error());
    tell_others({.type = cluster_message::kind::broadcast, .packet = std::string(plain->frames())});
  }
  if (!logged) return deliver(*packet);
  server::turn const scope(nsp_->server());
  nsp_->server().log(*nsp_, *packet, to_.rooms, to_.except);
  return deliver(*packet);
}

/// Handlers run only when all has been sent: they may change who is there.
inline result<void> broadcast::deliver(message const& packet) const {
  server& hub = nsp_->server();
  auto const form = hub.encoded(packet);  // once for all
  if (!form) return tl::unexpected(form.error());
  std::vector<socket_ref> sent_to;
  for_each([&](socket& to) {
    if (hub.drops(to.connection_, *form)) return;
    // A recipient whose queue is full is closed by its own session; the others are served.
    static_cast<void>(hub.engine_->send(to.connection_, *form));
    if (hub.tells_outgoing(to)) sent_to.push_back(to.ref());
  });
  hub.tell_outgoing(sent_to, packet);
  return {};
}

template <class Callback, class... Args>
result<void> broadcast::ask(Callback&& callback, std::string_view event, Args const&... args) const {
  static_assert(std::is_invocable_v<Callback&, std::error_code, responses const&>,
                "a broadcast is answered by many: void(std::error_code, responses const&)");
  if (nsp_->is_parent()) return local_error(errc::invalid_argument);
  std::uint64_t const id = nsp_->next_ack_id_++;
  auto packet = socketio::encode_event(nsp_->server().pool_, nsp_->name(), id, event, args...);
  if (!packet) return tl::unexpected(packet.error());
  if (!compress_) packet->no_compress();
  return deliver_asking(id, *packet, responses_handler(std::forward<Callback>(callback)));
}

inline result<void> broadcast::deliver_asking(std::uint64_t id, message const& packet,
                                              responses_handler call) const {
  server& hub = nsp_->server();
  server::turn const scope(hub);
  siokit::ref const all(new impl::gathering(std::move(call)));
  auto const sent_to = send_asking(
      id, packet, [&] { ++all->missing; },
      [all](std::error_code failure, args const& answer) { all->settle(failure, answer); });
  if (!sent_to) return tl::unexpected(sent_to.error());
  if (goes_further()) {
    all->missing += hub.ask_others(addressed({.type = cluster_message::kind::broadcast,
                                              .packet = std::string(packet.frames()),
                                              .within = within_}),
                                   within_, *all);
  }
  all->release();
  hub.tell_outgoing(*sent_to, packet);  // last, for it may throw
  return {};
}

template <class Asked, class Answer>
result<std::vector<socket_ref>> broadcast::send_asking(std::uint64_t id, message const& packet, Asked asked,
                                                       Answer const& answer) const {
  server& hub = nsp_->server();
  auto const form = hub.encoded(packet);
  if (!form) return tl::unexpected(form.error());
  std::vector<socket_ref> sent_to;
  for_each([&](socket& to) {
    asked();
    if (hub.drops(to.connection_, *form)) return answer(make_error_code(errc::outbox_full), socketio::args{});
    if (hub.tells_outgoing(to)) sent_to.push_back(to.ref());
    auto const expected = hub.expect_ack(to, id, within_, answer);
    if (!expected)
      answer(make_error_code(expected.error().code), socketio::args{});
    else
      static_cast<void>(hub.engine_->send(to.connection_, *form));  // who is closed by it is told of that
  });
  return sent_to;
}

// To others of the cluster; first, for what is done here calls handlers, which may throw.

inline bool broadcast::goes_further() const noexcept {
  return !local_ && nsp_->server().cluster_;
}

inline cluster_message broadcast::addressed(cluster_message what) const {
  what.nsp = nsp_->cluster_name();
  what.to = to_;
  what.compress = compress_;
  return what;
}

inline void broadcast::tell_others(cluster_message what) const {
  nsp_->server().publish(addressed(std::move(what)));
}

inline void broadcast::sockets_join(room_names const& rooms) const {
  server::turn const scope(nsp_->server());
  if (goes_further()) tell_others({.type = cluster_message::kind::sockets_join, .names = rooms.copy()});
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->join(rooms));
}
inline void broadcast::sockets_leave(room_names const& rooms) const {
  server::turn const scope(nsp_->server());
  auto const names = rooms.copy();  // they may be those of rooms which end here
  if (goes_further()) tell_others({.type = cluster_message::kind::sockets_leave, .names = names});
  for (auto const slot : nsp_->select(*this)) static_cast<void>(nsp_->server().sockets_[slot]->leave(names));
}
inline void broadcast::disconnect_sockets(bool close) const {
  server::turn const scope(nsp_->server());
  if (goes_further()) tell_others({.type = cluster_message::kind::disconnect_sockets, .close = close});
  for (auto const slot : nsp_->select(*this)) nsp_->server().sockets_[slot]->disconnect(close);
}

inline std::vector<remote_socket> broadcast::found() const {
  std::vector<remote_socket> all;
  nsp_->for_each(to_.rooms, to_.except, [&](socket& each) {
    std::vector<std::string> names;
    for (std::string_view const name : each.rooms()) names.emplace_back(name);
    all.push_back(remote_socket(std::string(each.id()), std::move(names), each.ref()));
  });
  return all;
}

inline void broadcast::fetch_sockets(
    unique_function<void(std::error_code, std::vector<remote_socket>)> call) const {
  server& hub = nsp_->server();
  server::turn const scope(hub);
  siokit::ref const all(new impl::fetching(std::move(call), hub.lifeline_.ref(), nsp_->cluster_name()));
  all->found = found();
  if (goes_further()) {
    all->missing +=
        hub.ask_others(addressed({.type = cluster_message::kind::fetch_sockets}), impl::patience, *all);
  }
  all->release();
}

// A socket that may be another server's.

inline nsp* remote_socket::elsewhere() const noexcept {
  server* const home = home_.get();
  return home == nullptr ? nullptr : home->find_level(nsp_);
}

template <class... Args>
result<void> remote_socket::emit(std::string_view event, Args&&... args) const {
  nsp* const space = elsewhere();
  if (space == nullptr) return at_.emit(event, std::forward<Args>(args)...);
  if constexpr (impl::ends_in_callback<Args...>) {
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) {
          return space->to(id_).emit(event, values...,
                                     [answer = make_ack_handler(std::forward<Callback>(callback))](
                                         std::error_code failure, responses const& got) mutable {
                                       if (got.empty() && !failure) failure = make_error_code(errc::gone);
                                       answer(got.empty() ? failure : std::error_code(),
                                              got.empty() ? socketio::args{} : got[0]);
                                     });
        },
        std::forward<Args>(args)...);
  } else {
    return space->to(id_).emit(event, args...);
  }
}

inline result<void> remote_socket::join(room_names const& rooms) const {
  if (nsp* const space = elsewhere()) return space->to(id_).sockets_join(rooms), result<void>{};
  socket* const to = get();
  return to == nullptr ? local_error(errc::gone) : to->join(rooms);
}
inline result<void> remote_socket::leave(room_names const& rooms) const {
  if (nsp* const space = elsewhere()) return space->to(id_).sockets_leave(rooms), result<void>{};
  socket* const to = get();
  return to == nullptr ? local_error(errc::gone) : to->leave(rooms);
}
inline result<void> remote_socket::disconnect(bool close) const {
  if (nsp* const space = elsewhere()) return space->to(id_).disconnect_sockets(close), result<void>{};
  return at_.disconnect(close);
}

}  // namespace siokit::inline v0::hub
