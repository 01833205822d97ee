// siokit/hub/joining.hpp - from a request to a connected socket.   SPDX-License-Identifier: MIT
// Part of hub/server.hpp: admission of handshakes, namespaces and their parents, middleware, recovery.
// Path of a client: request_admission -> (opened) -> on_connect -> join -> run_middleware -> accept.
#pragma once

#include "siokit/core/reserve_one.hpp"
#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

// Admission.

inline void server::request_admission(handle session) {
  if (shutting_down_) {
    static_cast<void>(engine_->refuse(session));
  } else if (!allow_request_.empty()) {
    engineio::request_head const head = *engine_->head(session);  // a decision may end the original
    run_for({}, [&] {
      allow_request_.walk(
          [&](allow_request_handler& decide) { decide(head, admission(lifeline_.ref(), session)); });
    });
  } else {
    admit(session, {});
  }
}

inline void server::admit(handle session, sid given) {
  if (shutting_down_) return static_cast<void>(engine_->refuse(session));
  sid const id = given.empty() ? make_id(session_counter(config_.shard, ++id_count_)) : given;
  static_cast<void>(engine_->admit(session, id, now()));
}

inline sid server::make_id(std::uint32_t counter) {
  std::array<std::uint8_t, 12> bytes{};
  random_(bytes);
  return make_sid(bytes, counter);
}

// Namespaces.

inline std::unique_ptr<nsp> server::make_nsp(std::string name) {
  auto made = std::make_unique<nsp>(*this, std::move(name));
  if (config_.connection_state_recovery) {
    constexpr std::size_t prefix_size = 6;
    made->recovery_ = std::make_unique<recovery>(*config_.connection_state_recovery,
                                                 std::string(make_id(0).view().substr(0, prefix_size)) + ".");
  }
  return made;
}

inline nsp& server::of(std::string_view name) {
  std::string full(name);
  if (!full.starts_with('/')) full.insert(0, 1, '/');
  if (auto const known = nsps_.find(full); known != nsps_.end()) return *known->second;
  auto made = make_nsp(std::move(full));
  std::string_view const key = made->name();
  nsp& out = *nsps_.emplace(key, std::move(made)).first->second;
  if (key != "/") on_new_namespace_.walk([&](auto& call) { call(out); });
  return out;
}

inline nsp& server::add_parent(nsp_matcher match) {
  parents_.emplace_back(*this, "/_" + std::to_string(parents_.size()), std::move(match));
  return parents_.back().space;
}

inline void server::on_connect(connection& from, socketio::event const& in) {
  auto const space = nsps_.find(in.nsp);
  if (space != nsps_.end()) return join(*space->second, from, in.auth);
  if (parents_.empty()) return reject(from, in.nsp);
  ask_parents({from.engine, std::string(in.nsp), std::string(in.auth), 0});
}

inline void server::reject(connection& from, std::string_view nsp) {
  if (auto refusal = from.protocol.reject_unknown(nsp)) {
    static_cast<void>(send_packet(from.engine, std::move(*refusal)));
  }
}

inline void server::ask_parents(asking what) {
  connection* const from = find_connection(what.session);
  if (from == nullptr || from->failure != errc::ok) return;
  if (what.parent >= parents_.size()) return reject(*from, what.name);
  nsp_matcher& match = parents_[what.parent].match;
  run_for({}, [&] {
    match(what.name, what.auth,
          nsp_decision(lifeline_.ref(), what.session, what.name, what.auth, what.parent));
  });
}

inline void server::ask_later() {
  while (!ask_later_.empty()) {
    asking const next = std::move(ask_later_.back());
    ask_later_.pop_back();
    ask_parents(next);
  }
}

/// The parent has accepted the name.
inline void server::join_child(asking const& what) {
  connection* const from = find_connection(what.session);
  if (from == nullptr || from->failure != errc::ok) return;
  if (!nsps_.contains(what.name)) {  // else another client was faster
    if (child_count_ >= config_.child_namespaces_max) return reject(*from, what.name);
    auto made = make_nsp(what.name);
    made->parent_ = &parents_[what.parent].space;
    made->parent_->children_.push_back(made.get());
    ++child_count_;
    std::string_view const key = made->name();
    nsp& child = *nsps_.emplace(key, std::move(made)).first->second;
    run_for({}, [&] { on_new_namespace_.walk([&](auto& call) { call(child); }); });
  }
  join(*nsps_.find(what.name)->second, *from, what.auth);
}

inline void nsp_decision::accept() {
  auto const owner = std::exchange(hub_, {});
  server* const hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  hub->join_child({session_, std::move(name_), std::move(auth_), parent_});
}

inline void nsp_decision::deny() {
  auto const owner = std::exchange(hub_, {});
  server* const hub = owner.get();
  if (hub == nullptr) return;
  server::turn const scope(*hub);
  hub->ask_parents({session_, std::move(name_), std::move(auth_), parent_ + 1});
}

inline void nsp_decision::drop() noexcept {
  server* const hub = hub_.get();
  hub->ask_later_.push_back({session_, std::move(name_), std::move(auth_), parent_ + 1});
  static_cast<void>(hub->now());  // outside a turn the host is woken
}

// Recovery.

/// Makes a client that comes back what it was. False: it is a new one.
inline bool server::restore(socket& candidate, std::string_view auth) {
  recovery* const from = candidate.nsp_->recovery_.get();
  connection const* const owner = find_connection(candidate.connection_);
  if (from == nullptr || owner == nullptr || owner->protocol.revision() == 4) return false;
  socket_extras& mine = candidate.extras();
  mine.pid = make_id(++id_count_);
  auto const wanted = socketio::read_recovery(auth);
  absent_socket* const away = wanted ? from->find_socket(wanted->pid) : nullptr;
  auto const number = wanted ? from->find(wanted->offset) : std::nullopt;
  bool const there = away != nullptr && away->expires > turn_time_;
  mine.recovered = !wanted  ? why_not_recovered::not_asked
                   : !there ? why_not_recovered::unknown_session
                            : why_not_recovered::unknown_offset;
  if (!there || !number) return false;
  std::unordered_set<std::string_view> rooms(away->rooms.begin(), away->rooms.end());
  rooms.insert(away->id.view());
  mine.last_seen = *number;
  if (!find_missed(candidate, rooms)) {
    mine.missed.clear();
    return false;
  }
  absent_socket back = from->take(*away);  // from here on it may be kept again, whatever is lacking
  mine.recovered = why_not_recovered::recovered;
  mine.pid = back.pid;
  mine.data = std::move(back.data);
  mine.rooms_then = std::move(back.rooms);
  candidate.id_ = back.id;
  note_id(candidate);
  for (auto const& room : mine.rooms_then) static_cast<void>(candidate.join(room));
  return true;
}

/// Adds what it has missed since the last time. False: not all of it is there any more, or the outbox, which
/// nobody reads yet, does not hold it.
inline bool server::find_missed(socket& candidate, std::unordered_set<std::string_view> const& rooms) const {
  auto const* session = engine_->find(candidate.connection_);
  recovery const* const log = candidate.nsp_->recovery_.get();
  socket_extras& mine = *candidate.extras_;
  if (session == nullptr || log == nullptr || !log->remembers_since(mine.last_seen)) return false;
  mine.last_seen = log->missed(mine.last_seen, rooms, mine.missed);
  constexpr std::size_t of_welcome = 1024;
  std::size_t const count = session->messages_queued() + mine.missed.size() + 1;
  std::size_t bytes = session->bytes_queued() + of_welcome;
  for (message const& each : mine.missed) bytes += each.cost();
  return count <= engine_->config().outbox_messages_max && bytes <= engine_->config().outbox_bytes_max;
}

/// The socket may come back, if its end has a reason after which one may.
inline void server::keep(socket& which, disconnect_reason reason) {
  if (!which.nsp_->recovery_ || !which.extras_ || shutting_down_ || !socketio::recoverable(reason)) return;
  std::vector<std::string> rooms;
  if (which.connected()) {
    for (auto const& each : which.rooms_) rooms.push_back(*each.in->name);
  } else {
    rooms = which.extras_->rooms_then;  // those that a middleware has given it since have no past
  }
  static_cast<void>(which.nsp_->recovery_->keep(which.id_, which.extras_->pid, std::move(rooms), turn_time_));
  purge_at_ =
      earliest(purge_at_, later(turn_time_, config_.connection_state_recovery->max_disconnection_duration));
}

/// Remembers an event for those who are away, or will be.
inline void server::log(nsp& space, message packet, std::vector<std::string> rooms,
                        std::vector<std::string> except) {
  space.recovery_->add(std::move(packet), std::move(rooms), std::move(except), turn_time_);
  purge_at_ =
      earliest(purge_at_, later(turn_time_, config_.connection_state_recovery->max_disconnection_duration));
}

/// Now and then: what is too old is not given to anybody meanwhile.
inline void server::purge(time_point now) {
  bool any = false;
  for (auto const& [name, space] : nsps_) {
    if (!space->recovery_) continue;
    space->recovery_->purge(now);
    any |= !space->recovery_->empty();
  }
  duration const kept = config_.connection_state_recovery->max_disconnection_duration;
  purge_at_ = any ? later(now, kept / 4 + std::chrono::milliseconds(1)) : never;
}

// Sockets.

inline socket& server::make_socket(nsp& space, connection& owner, std::string_view auth) {
  if (free_sockets_.empty()) {
    reserve_one(sockets_);
    free_sockets_.reserve(sockets_.capacity());  // so that the end of a socket needs no memory
    sockets_.emplace_back();
    free_sockets_.push_back(static_cast<std::uint32_t>(sockets_.size() - 1));
  }
  std::uint32_t const slot = free_sockets_.back();
  if (++generation_ == 0) ++generation_;
  sockets_[slot] = std::make_unique<socket>(space, owner.engine, make_id(slot), slot, generation_);
  ++space.population_;
  free_sockets_.pop_back();
  socket& made = *sockets_[slot];
  made.next_of_connection_ = std::exchange(owner.first_socket, slot);
  if (!auth.empty()) made.extras().auth = auth;
  if (owner.protocol.revision() == 4) name_after_session(made);
  return made;
}

/// The id of a socket of Socket.IO revision 4: its client makes it up by itself, of the id of the session.
inline void server::name_after_session(socket& which) {
  auto const* session = engine_->find(which.connection_);
  if (session == nullptr) return;
  if (which.nsp_ == root_) {
    which.id_ = session->id();
  } else {
    std::string& longer = which.extras().id;
    longer.append(which.nsp_->name()).append("#").append(session->id());
    which.id_ = {};
  }
  note_id(which);
}

/// From now on this id, which names another slot, is that of this socket.
inline void server::note_id(socket const& which) {
  foreign_ids_.erase(which.id());  // a key is a view of the id inside the socket
  foreign_ids_.emplace(which.id(), which.slot_);
}

inline void server::join(nsp& space, connection& owner, std::string_view auth) {
  socket& candidate = make_socket(space, owner, auth);
  bool const back = restore(candidate, auth);
  if (back && config_.connection_state_recovery->skip_middlewares) return accept(candidate);
  run_middleware(candidate, 0);
}

inline void server::run_middleware(socket& candidate, std::uint32_t index) {
  if (candidate.state_ != socket::state::connecting) return;
  middleware* const step = candidate.nsp_->middleware_at(index);
  if (step == nullptr) return accept(candidate);
  run_for(candidate.at(), [&] { (*step)(candidate, next(candidate.ref(), index + 1)); });
}

inline void server::accept(socket& candidate) {
  connection* owner = find_connection(candidate.connection_);
  if (owner == nullptr) return;
  auto const* session = engine_->find(candidate.connection_);
  if (session == nullptr || !session->open()) {  // it was closed while a middleware made up its mind
    return finish(candidate, disconnect_reason::forced_close, {});
  }
  nsp& space = *candidate.nsp_;
  if (candidate.recovered()) {  // what was sent while a middleware made up its mind
    auto const names = candidate.rooms();
    std::unordered_set<std::string_view> rooms(names.begin(), names.end());
    rooms.insert(candidate.id());
    // It took so long that events are gone which the client was to get: that has to begin anew.
    if (!find_missed(candidate, rooms)) return engine_->close(candidate.connection_, turn_time_);
  }
  sid const pid = candidate.extras_ ? candidate.extras_->pid : sid();
  auto welcome = owner->protocol.accept(space.name(), candidate.slot_, candidate.id_, pid);
  if (!welcome) return;
  connects_.disarm(candidate.connection_.slot);
  space.sockets_.push_back(candidate.slot_);
  candidate.place_in_nsp_ = static_cast<std::uint32_t>(space.sockets_.size() - 1);
  candidate.state_ = socket::state::connected;
  if (candidate.recovered()) {  // what was missed comes before the answer, as upstream
    candidate.extras_->rooms_then = {};
    for (message& each : std::exchange(candidate.extras_->missed, {})) {
      static_cast<void>(send_packet(candidate.connection_, std::move(each)));
    }
  }
  if (space.hears_of_rooms()) {
    run_for(candidate.at(), [&] { space.tell_joined(candidate.id(), candidate.id(), true); });
    if (!candidate.connected()) return;
  }
  static_cast<void>(send_packet(candidate.connection_, std::move(*welcome)));
  run_for(candidate.at(), [&] {
    if (observer_ != nullptr) observer_->on_connected(candidate);
    space.for_levels([&](nsp& each) {
      each.on_connection_.walk([&](connection_handler& call) {
        if (candidate.connected()) call(candidate);
      });
    });
  });
}

/// `at_once`: its handlers run now, else at the end of the turn.
inline void server::refuse(socket& candidate, std::string_view message, std::string_view data_json,
                           bool at_once) {
  if (candidate.state_ != socket::state::connecting) return;
  if (connection* owner = find_connection(candidate.connection_)) {
    if (auto refusal = owner->protocol.reject(candidate.nsp_->name(), message, data_json)) {
      static_cast<void>(send_packet(candidate.connection_, std::move(*refusal)));
    }
  }
  std::size_t const before = endings_.size();
  start_ending(candidate, disconnect_reason::server_namespace_disconnect, {});
  if (at_once) run_endings(before);
}

}  // namespace siokit::inline v0::hub
