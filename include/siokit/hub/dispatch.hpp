// siokit/hub/dispatch.hpp - from an engine event to the user's handler.   SPDX-License-Identifier: MIT
// The second half of hub/server.hpp: drain(), what packets do, and how sockets end. Joining: joining.hpp.
// Path of an event: drain -> on_message -> server_session::receive -> on_packet -> on_received -> the
// listener.
#pragma once

#include "siokit/core/on_failure.hpp"
#include "siokit/hub/server.hpp"
#include "siokit/socketio/read_back.hpp"

namespace siokit::inline v0::hub {

inline void server::drain(time_point now) {
  turn const scope(*this, now);
  if (ends_due()) finish_closing();
  for (;;) {
    reserve_one(closing_);  // an end can't be told twice: there must be room to note it
    auto const event = engine_->poll_event(now);
    if (!event) break;
    on_failure lost([&]() noexcept { unserved_ = event->session; });
    on_engine_event(*event, now);
    lost.done();
  }
  if (ends_due()) finish_closing();  // what a destructor has left to do, see next
  if (!ask_later_.empty()) ask_later();
  if (cluster_) read_letters(now);
}

inline void server::advance(time_point now) {
  turn const scope(*this, now);
  if (next_deadline() <= now) expire(now);
  drain(now);
}

/// What was due has its time now.
inline void server::expire(time_point now) {
  finish_closing();
  if (purge_at_ <= now) purge(now);
  for (auto slot = connects_.expire_one(now); slot != deadline_lanes::none;
       slot = connects_.expire_one(now)) {
    auto const* session = connections_[slot] ? engine_->find(connections_[slot]->engine) : nullptr;
    if (session != nullptr && session->open() && !connections_[slot]->protocol.any_joined()) {
      fail(*connections_[slot], {errc::connect_timeout, side::remote, 0}, now);
    }
  }
  for (auto slot = acks_.expire_one(now); slot != deadline_heap::none; slot = acks_.expire_one(now)) {
    socket* waiting = sockets_[slot].get();
    if (waiting == nullptr || !waiting->extras_) continue;
    auto& table = waiting->extras_->acks;
    while (auto late = table.expire_one(now)) {
      acks_.arm(slot, table.next_deadline());
      run_for(waiting->at(), [&] { late->second(make_error_code(errc::timed_out), {}); });
    }
    acks_.arm(slot, table.next_deadline());
  }
}

inline void server::on_engine_event(engineio::event const& in, time_point now) {
  using kind = engineio::event::kind;
  switch (in.type) {
    case kind::handshake_requested: return request_admission(in.session);
    case kind::opened:
      while (connections_.size() <= in.session.slot) connections_.grow();
      connections_[in.session.slot].emplace(in.session, config_, now,
                                            engine_->find(in.session)->revision() == 3);
      ++connection_count_;
      connects_.arm(in.session.slot, 0, later(now, config_.connect_timeout));
      if (auto& made = *connections_[in.session.slot]; made.protocol.revision() == 4) {
        on_connect(made, made.protocol.join_root());
      }
      return;
    case kind::message:
      if (connection* from = find_connection(in.session)) on_message(*from, in);
      return;
    case kind::upgraded: return on_upgraded(in.session);
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

inline void server::on_upgraded(handle session) {
  connection const* const owner = observer_ == nullptr ? nullptr : find_connection(session);
  if (owner == nullptr) return;
  std::vector<socket_ref> all;  // the observer may end some
  for (auto slot = owner->first_socket; slot != none; slot = sockets_[slot]->next_of_connection_) {
    all.push_back(sockets_[slot]->ref());
  }
  for (auto const& each : all) {
    socket* const one = each.get();
    if (one != nullptr && one->connected()) run_for(each.at_, [&] { observer_->on_upgraded(*one); });
  }
}

// Packets.

/// Closes a connection for what its client has done, or has not.
inline void server::fail(connection& from, error why, time_point now) {
  from.failure = why.code;
  auto const* session = engine_->find(from.engine);
  if (auto* const observer = engine_->config().observer; observer != nullptr && session != nullptr) {
    observer->on_protocol_error(*session, why);
  }
  engine_->close(from.engine, now);
}

inline void server::on_message(connection& from, engineio::event const& in) {
  if (from.failure != errc::ok) return;
  auto const received = from.protocol.receive(in.data);
  if (!received) {
    // One bad packet and nothing that follows can be trusted: the connection ends, for all its namespaces.
    fail(from, received.error(), turn_time_);
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

template <class Visit>
void server::dispatch(socket& to, std::string_view event, Visit&& call) {
  to.nsp_->for_levels([&](nsp& each) { each.listeners_.walk(event, call); });
  if (to.connected() && to.extras_) to.extras_->listeners.walk(event, call);
}

inline void server::on_received(socket& to, socketio::event const& in) {
  std::string unescaped;
  std::string_view name = in.name;
  if (json_escaped(name)) {
    json_unescape(name, unescaped);
    name = unescaped;
  }
  if (observer_ != nullptr) run_for(to.at(), [&] { observer_->on_received(to, name, in.arguments); });
  ack reply = in.wants_ack ? ack(to.ref(), in.id) : ack();
  if (!to.extras_ || to.extras_->middlewares.empty()) return deliver(to, name, in.arguments, reply);
  pass_middlewares(siokit::ref(new impl::held_event(to.ref(), name, in.arguments.own(), std::move(reply))));
}

/// Through the packet middleware of a socket, then to its listeners.
inline void server::pass_middlewares(siokit::ref<impl::held_event> held) {
  socket* const to = held->to.get();
  if (to == nullptr || !to->connected()) return;
  auto& chain = to->extras_->middlewares;
  if (held->index >= chain.size()) return deliver(*to, held->name, held->arguments.view(), held->reply);
  packet_middleware& step = *chain[held->index++];
  run_for(held->to.at_, [&] { step(*to, held->name, held->arguments.view(), packet_next(held)); });
}

inline void server::deliver(socket& to, std::string_view name, args const& arguments, ack& reply) {
  // A listener may disconnect the socket: those after it hear nothing.
  auto const tell_any = [&](auto& call) {
    if (to.connected()) call(to, name, arguments);
  };
  run_for(to.at(), [&] {
    to.nsp_->for_levels([&](nsp& each) { each.listeners_.any().walk(tell_any); });
    if (to.connected() && to.extras_) to.extras_->listeners.any().walk(tell_any);
    dispatch(to, name, [&](listeners::event_handler& call) {
      if (!to.connected()) return false;
      auto const outcome = call(to, arguments, reply);
      if (!outcome) bad_arguments_.walk([&](auto& hear) { hear(to, name, outcome.error()); });
      return outcome.has_value();
    });
  });
}

/// Listeners get the event as it was encoded.
inline void server::tell_outgoing(std::span<socket_ref const> sent_to, message const& packet) {
  if (sent_to.empty()) return;
  turn const scope(*this);
  socketio::read_back(packet, [&](socketio::packet_view const& in, args const& arguments) {
    std::string name;
    json_unescape(in.name_raw(), name);
    for (auto const& each : sent_to) {
      socket* const to = each.get();
      if (to == nullptr) continue;
      run_for(each.at_, [&] {
        if (observer_ != nullptr) observer_->on_sent(*to, name, arguments);
        if (to->extras_) to->extras_->outgoing.walk([&](auto& call) { call(*to, name, arguments); });
      });
    }
  });
}

inline void server::on_acknowledged(socket& to, socketio::event const& in) {
  if (!to.extras_) return;
  auto call = to.extras_->acks.settle(in.id);
  if (!call) return;  // unknown, late, or answered before: ignored, as upstream
  acks_.arm(to.slot_, to.extras_->acks.next_deadline());
  run_for(to.at(), [&] { (*call)({}, in.arguments); });
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
      ended_connections_.push_back(std::move(*ended));
      closing_.pop_back();
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
  auto const known = foreign_ids_.find(which.id());
  if (known != foreign_ids_.end() && known->second == which.slot_) foreign_ids_.erase(known);
  which.state_ = socket::state::disconnected;
  // Rooms that a middleware has put it into, too.
  space.rooms_.leave_all(
      which.rooms_, [this](std::uint32_t slot) -> auto& { return sockets_[slot]->rooms_; });
}

/// The same, told to those who listen. `names`: rooms that it has left already, untold.
inline void server::leave_rooms(socket& which, std::vector<std::string> names) {
  nsp& space = *which.nsp_;
  if (!space.hears_of_rooms()) return withdraw(which);
  for (std::string_view const name : which.rooms()) names.emplace_back(name);
  withdraw(which);
  run_for(which.at(), [&] {
    for (auto const& name : names) space.tell_left(name, which.id(), space.rooms_.find(name) == nullptr);
  });
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
  // One that was to come back may do so again, though no middleware had let it in yet.
  if (!was_connected && which.recovered()) keep(which, reason);
  using step = ending::step;
  std::vector<std::string> left;
  if (!was_connected && which.nsp_->hears_of_rooms()) {
    for (std::string_view const name : which.rooms()) left.emplace_back(name);
  }
  endings_.push_back({which.slot_, reason, was_connected,
                      was_connected ? step::disconnecting : step::leave_rooms, std::move(left)});
  unlink(which);
  acks_.disarm(which.slot_);
  which.last_error_ = detail;
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
      run_for(which.at(), [&] { all.walk([&](disconnect_handler& call) { call(which, reason); }); });
    };
    auto const tell_levels = [&](listener_list<disconnect_handler> nsp::*all) {
      which.nsp_->for_levels([&](nsp& each) { tell(each.*all); });
    };
    if (now == step::acks) {
      auto waiting = which.extras_ ? which.extras_->acks.take_oldest() : std::nullopt;
      if (!waiting) {
        newest.next = newest.was_connected ? step::disconnect : step::done;
      } else {
        run_for(which.at(), [&] { waiting->second(make_error_code(errc::not_connected), {}); });
      }
      continue;
    }
    if (now == step::done) {
      graveyard_.push_back(newest.socket);
      absent_socket* const kept = which.nsp_->recovery_ && which.extras_
                                      ? which.nsp_->recovery_->find_socket(which.extras_->pid)
                                      : nullptr;
      if (kept != nullptr) kept->data = std::move(which.extras_->data);  // nobody looks at it any more
      endings_.pop_back();
      continue;
    }
    newest.next = static_cast<step>(static_cast<std::uint8_t>(now) + 1);
    switch (now) {
      case step::disconnecting: tell_levels(&nsp::on_disconnecting_); break;
      case step::own_disconnecting:
        if (which.extras_) tell(which.extras_->on_disconnecting);
        break;
      case step::leave_rooms: {
        on_failure untold([&]() noexcept {  // whatever is lacking to tell others
          if (which.state_ != socket::state::disconnected) withdraw(which);
        });
        if (newest.was_connected) keep(which, reason);
        leave_rooms(which, std::move(newest.left));
        untold.done();
        break;
      }
      case step::disconnect:
        if (observer_ != nullptr) run_for(which.at(), [&] { observer_->on_disconnected(which, reason); });
        tell_levels(&nsp::on_disconnect_);
        break;
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
    nsp& space = *sockets_[slot]->nsp_;
    sockets_[slot].reset();
    free_sockets_.push_back(slot);
    bool const last = --space.population_ == 0;
    if (last && space.parent_ != nullptr && config_.cleanup_empty_child_namespaces) {
      std::erase(space.parent_->children_, &space);
      --child_count_;
      nsps_.erase(nsps_.find(space.name()));
    }
  }
  ended_connections_.clear();
}

}  // namespace siokit::inline v0::hub
