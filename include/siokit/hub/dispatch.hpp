// siokit/hub/dispatch.hpp - from an engine event to the user's handler.   SPDX-License-Identifier: MIT
// The second half of hub/server.hpp: drain(), what packets do, joining, and how sockets end.
// Path of an event: drain -> on_message -> server_session::receive -> on_packet -> on_received -> the
// listener.
#pragma once

#include "siokit/hub/server.hpp"

namespace siokit::inline v0::hub {

inline void server::drain(time_point now) {
  turn const scope(*this, now);
  finish_closing();
  while (auto const event = engine_->poll_event(now)) on_engine_event(*event, now);
  finish_closing();  // what a destructor has left to do, see next
}

inline void server::advance(time_point now) {
  turn const scope(*this, now);
  finish_closing();
  for (auto slot = connects_.expire_one(now); slot != deadline_lanes::none;
       slot = connects_.expire_one(now)) {
    if (connections_[slot] && !connections_[slot]->protocol.any_joined()) {
      connections_[slot]->failure = errc::connect_timeout;
      engine_->close(connections_[slot]->engine, now);
    }
  }
  for (auto slot = acks_.expire_one(now); slot != deadline_heap::none; slot = acks_.expire_one(now)) {
    socket* waiting = sockets_[slot].get();
    if (waiting == nullptr || !waiting->extras_) continue;
    auto& table = waiting->extras_->acks;
    while (auto late = table.expire_one(now)) {
      acks_.arm(slot, table.next_deadline());
      run_for(waiting->ref(), [&] { late->second(make_error_code(errc::timed_out), {}); });
    }
    acks_.arm(slot, table.next_deadline());
  }
  drain(now);
}

inline void server::on_engine_event(engineio::event const& in, time_point now) {
  using kind = engineio::event::kind;
  switch (in.type) {
    case kind::handshake_requested: return request_admission(in.session);
    case kind::opened:
      while (connections_.size() <= in.session.slot) connections_.emplace_back();
      connections_[in.session.slot].emplace(in.session, config_.limits, now);
      connects_.arm(in.session.slot, 0, later(now, config_.connect_timeout));
      ++connection_count_;
      return;
    case kind::message:
      if (connection* from = find_connection(in.session)) on_message(*from, in);
      return;
    case kind::upgraded: return;
    case kind::closed: {
      connection const* ended = find_connection(in.session);
      if (ended == nullptr) return;
      auto const reason =
          shutting_down_ ? disconnect_reason::server_shutting_down : socketio::reason_of(in.reason);
      error const detail = ended->failure == errc::ok ? in.detail : error{ended->failure, side::remote, 0};
      closing_.push_back({in.session.slot, reason, detail});
      return finish_closing();
    }
  }
}

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
  static_cast<void>(engine_->admit(session, given.empty() ? make_id(++id_count_) : given, now()));
}

inline sid server::make_id(std::uint32_t counter) {
  std::array<std::uint8_t, 12> bytes{};
  random_(bytes);
  return make_sid(bytes, counter);
}

// Packets.

inline void server::on_message(connection& from, engineio::event const& in) {
  if (from.failure != errc::ok) return;
  auto const received = from.protocol.receive(in.data);
  if (!received) {
    // One bad packet and nothing that follows can be trusted: the connection ends, for all its namespaces.
    from.failure = received.error().code;
    engine_->close(in.session, turn_time_);
    auto const* session = engine_->find(in.session);
    if (from.failure != errc::invalid_state || session == nullptr || session->closed()) return;
    // A polling session ends when its peer comes to hear of it; upstream does not wait for that to tell.
    while (from.first_socket != none) {
      finish(*sockets_[from.first_socket], disconnect_reason::forced_server_close,
             {from.failure, side::remote, 0});
    }
  } else if (*received) {
    on_packet(from, **received);
    if (connection* still = find_connection(in.session)) still->protocol.release();
  }
}

inline void server::on_packet(connection& from, socketio::event const& in) {
  using kind = socketio::event::kind;
  if (in.type == kind::connect_requested) return on_connect(from, in);
  socket* to = sockets_[in.cookie].get();
  switch (in.type) {
    case kind::received: return on_received(*to, in);
    case kind::acknowledged: return on_acknowledged(*to, in);
    case kind::disconnected: return finish(*to, disconnect_reason::client_namespace_disconnect, {});
    case kind::connect_requested: return;
  }
}

inline void server::on_connect(connection& from, socketio::event const& in) {
  auto const space = nsps_.find(in.nsp);
  if (space == nsps_.end()) {
    if (auto refusal = from.protocol.reject(in.nsp, "Invalid namespace")) {
      static_cast<void>(engine_->send(from.engine, std::move(*refusal)));
    }
    return;
  }
  run_middleware(make_socket(*space->second, from, in.auth), 0);
}

template <class Visit>
void server::dispatch(socket& to, std::string_view event, Visit&& call) {
  to.nsp_->listeners_.walk(event, call);
  if (to.connected() && to.extras_) to.extras_->listeners.walk(event, call);
}

inline void server::on_received(socket& to, socketio::event const& in) {
  std::string unescaped;
  std::string_view name = in.name;
  if (json_escaped(name)) {
    json_unescape(name, unescaped);
    name = unescaped;
  }
  // A listener may disconnect the socket: those after it hear nothing.
  auto const tell_any = [&](auto& call) {
    if (to.connected()) call(to, name, in.arguments);
  };
  ack reply = in.wants_ack ? ack(to.ref(), in.id) : ack();
  run_for(to.ref(), [&] {
    to.nsp_->listeners_.any().walk(tell_any);
    if (to.connected() && to.extras_) to.extras_->listeners.any().walk(tell_any);
    dispatch(to, name, [&](listeners::event_handler& call) {
      if (!to.connected()) return false;
      auto const outcome = call(to, in.arguments, reply);
      if (!outcome) bad_arguments_.walk([&](auto& hear) { hear(to, name, outcome.error()); });
      return outcome.has_value();
    });
  });
}

inline void server::on_acknowledged(socket& to, socketio::event const& in) {
  if (!to.extras_) return;
  auto call = to.extras_->acks.settle(in.id);
  if (!call) return;  // unknown, late, or answered before: ignored, as upstream
  acks_.arm(to.slot_, to.extras_->acks.next_deadline());
  run_for(to.ref(), [&] { (*call)({}, in.arguments); });
}

// Joining.

inline socket& server::make_socket(nsp& space, connection& owner, std::string_view auth) {
  if (free_sockets_.empty()) {
    free_sockets_.push_back(static_cast<std::uint32_t>(sockets_.size()));
    sockets_.emplace_back();
  }
  std::uint32_t const slot = free_sockets_.back();
  if (++generation_ == 0) ++generation_;
  sockets_[slot] = std::make_unique<socket>(space, owner.engine, make_id(slot), slot, generation_);
  free_sockets_.pop_back();
  socket& made = *sockets_[slot];
  if (!auth.empty()) made.extras().auth = auth;
  made.next_of_connection_ = std::exchange(owner.first_socket, slot);
  return made;
}

inline void server::run_middleware(socket& candidate, std::uint32_t index) {
  if (candidate.state_ != socket::state::connecting) return;
  auto& chain = candidate.nsp_->middlewares_;
  if (index == chain.size()) return accept(candidate);
  run_for(candidate.ref(), [&] { chain[index](candidate, next(candidate.ref(), index + 1)); });
}

inline void server::accept(socket& candidate) {
  connection* owner = find_connection(candidate.connection_);
  if (owner == nullptr) return;
  auto const* session = engine_->find(candidate.connection_);
  if (session == nullptr || !session->open()) {  // it was closed while a middleware made up its mind
    return finish(candidate, disconnect_reason::forced_close, {});
  }
  auto welcome = owner->protocol.accept(candidate.nsp_->name(), candidate.slot_, candidate.id_);
  if (!welcome) return;
  connects_.disarm(candidate.connection_.slot);
  candidate.state_ = socket::state::connected;
  candidate.place_in_nsp_ = static_cast<std::uint32_t>(candidate.nsp_->sockets_.size());
  candidate.nsp_->sockets_.push_back(candidate.slot_);
  static_cast<void>(engine_->send(candidate.connection_, std::move(*welcome)));
  run_for(candidate.ref(), [&] {
    candidate.nsp_->on_connection_.walk([&](connection_handler& call) {
      if (candidate.connected()) call(candidate);
    });
  });
}

/// `at_once`: its handlers run now, else at the end of the turn.
inline void server::refuse(socket& candidate, std::string_view message, std::string_view data_json,
                           bool at_once) {
  if (candidate.state_ != socket::state::connecting) return;
  if (connection* owner = find_connection(candidate.connection_)) {
    if (auto refusal = owner->protocol.reject(candidate.nsp_->name(), message, data_json)) {
      static_cast<void>(engine_->send(candidate.connection_, std::move(*refusal)));
    }
  }
  std::size_t const before = endings_.size();
  start_ending(candidate, disconnect_reason::server_namespace_disconnect, {});
  if (at_once) run_endings(before);
}

// The end of sockets.

/// Ends the sockets of closed connections one by one. When a handler throws, the rest follow in the next
/// turn.
inline void server::finish_closing() {
  run_endings(0);
  while (!closing_.empty()) {
    closing const item = closing_.back();
    auto& ended = connections_[item.connection];
    if (ended->first_socket == none) {
      closing_.pop_back();
      ended_connections_.push_back(std::move(*ended));
      ended.reset();
      connects_.disarm(item.connection);
      --connection_count_;
    } else {
      finish(*sockets_[ended->first_socket], item.reason, item.detail);
    }
  }
}

inline void server::unlink(socket& which) {
  connection* owner = find_connection(which.connection_);
  if (owner == nullptr) return;
  std::uint32_t* link = &owner->first_socket;
  while (*link != none && *link != which.slot_) link = &sockets_[*link]->next_of_connection_;
  if (*link == which.slot_) *link = which.next_of_connection_;
}

inline void server::withdraw(socket& which) noexcept {
  nsp& space = *which.nsp_;
  if (which.connected()) {
    std::uint32_t const last = space.sockets_.back();
    space.sockets_[which.place_in_nsp_] = last;
    sockets_[last]->place_in_nsp_ = which.place_in_nsp_;
    space.sockets_.pop_back();
  }
  which.state_ = socket::state::disconnected;
  // Rooms that a middleware has put it into, too.
  space.rooms_.leave_all(
      which.rooms_, [this](std::uint32_t slot) -> auto& { return sockets_[slot]->rooms_; });
}

/// Ends a socket, and tells those who listen. Once.
inline void server::finish(socket& which, disconnect_reason reason, error detail) {
  std::size_t const before = endings_.size();
  start_ending(which, reason, detail);
  run_endings(before);
}

inline void server::start_ending(socket& which, disconnect_reason reason, error detail) {
  if (which.state_ == socket::state::disconnected || which.state_ == socket::state::leaving) return;
  bool const was_connected = which.connected();
  unlink(which);
  acks_.disarm(which.slot_);
  which.last_error_ = detail;
  using step = ending::step;
  endings_.push_back(
      {which.slot_, reason, was_connected, was_connected ? step::disconnecting : step::leave_rooms});
  if (was_connected) which.state_ = socket::state::leaving;
  if (!was_connected) withdraw(which);
}

/// Goes on with the newest ending until only `until` are left. Each step is noted before its handlers run, so
/// that none runs twice; they may end other sockets meanwhile.
inline void server::run_endings(std::size_t until) {
  using step = ending::step;
  while (endings_.size() > until) {
    ending& newest = endings_.back();
    socket& which = *sockets_[newest.socket];
    disconnect_reason const reason = newest.reason;
    step const now = newest.next;
    auto const tell = [&](listener_list<disconnect_handler>& all) {
      run_for(which.ref(), [&] { all.walk([&](disconnect_handler& call) { call(which, reason); }); });
    };
    if (now == step::acks) {
      auto waiting = which.extras_ ? which.extras_->acks.take_oldest() : std::nullopt;
      if (!waiting) {
        newest.next = newest.was_connected ? step::disconnect : step::done;
      } else {
        run_for(which.ref(), [&] { waiting->second(make_error_code(errc::not_connected), {}); });
      }
      continue;
    }
    if (now == step::done) {
      graveyard_.push_back(newest.socket);
      endings_.pop_back();
      continue;
    }
    newest.next = static_cast<step>(static_cast<std::uint8_t>(now) + 1);
    switch (now) {
      case step::disconnecting: tell(which.nsp_->on_disconnecting_); break;
      case step::own_disconnecting:
        if (which.extras_) tell(which.extras_->on_disconnecting);
        break;
      case step::leave_rooms: withdraw(which); break;
      case step::disconnect: tell(which.nsp_->on_disconnect_); break;
      case step::own_disconnect:
        if (which.extras_) tell(which.extras_->on_disconnect);
        break;
      case step::acks:
      case step::done: break;
    }
  }
}

/// Frees what ended in this turn. Handlers that are still to run for it would be a bug, so this comes last.
inline void server::bury() {
  while (!graveyard_.empty()) {
    std::uint32_t const slot = graveyard_.back();
    graveyard_.pop_back();
    sockets_[slot].reset();
    free_sockets_.push_back(slot);
  }
  ended_connections_.clear();
}

}  // namespace siokit::inline v0::hub
