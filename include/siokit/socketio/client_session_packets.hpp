// siokit/socketio/client_session_packets.hpp - the namespaces of a client: events, acknowledgements, buffers.
// SPDX-License-Identifier: MIT
// What the official client calls its Sockets. See client_session.hpp.
#pragma once

#include "siokit/socketio/client_session.hpp"

namespace siokit::inline v0::socketio {

/// What the official client says of a CONNECT without a sid.
inline constexpr std::string_view old_server_text =
    "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not "
    "compatible (more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)";

// Joining and leaving.

inline std::uint32_t client_session::nsp(std::string_view name) {
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (spaces_[nsp].name == name) return nsp;
  }
  spaces_.emplace_back().name = name;
  return static_cast<std::uint32_t>(spaces_.size() - 1);
}

inline void client_session::connect(std::uint32_t nsp, time_point now) {
  space& to = spaces_[nsp];
  if (to.state == stage::idle) to.state = stage::wanted;
  if (to.unwanted == guest::expected && to.guest_deadline == never) wait_for_guest(to, now);
  if (phase_ == phase::open && to.state == stage::wanted && to.unwanted == guest::none) {
    // A server that gets DISCONNECT and CONNECT at once takes the second one for a mistake, and closes.
    bool const just_left =
        to.left_at != never && (now < later(to.left_at, rejoin_pause) || !engine_->writable());
    if (!just_left) return ask_auth(nsp);
    to.rejoin_at = later(now, rejoin_pause);
  }
  if (phase_ == phase::closed && !reconnecting_) open_engine(now);
}

inline void client_session::ask_auth(std::uint32_t nsp) {
  spaces_[nsp].state = stage::asking;
  spaces_[nsp].left_at = spaces_[nsp].rejoin_at = never;
  tell({.type = kind::auth_requested, .nsp = nsp, .number = ++spaces_[nsp].asked});
}

inline result<void> client_session::authorize(std::uint32_t nsp, std::uint64_t number,
                                              std::string_view auth_json, time_point now) {
  space& to = spaces_[nsp];
  if (to.state != stage::asking || number != to.asked || !engine_) return local_error(errc::wrong_state);
  auto const members = count_auth_members(auth_json, config_->limits.json_depth_max);
  if (!members) return tl::unexpected(members.error());
  auth_json.remove_prefix(std::min(auth_json.find('{'), auth_json.size()));
  std::string with_session;
  // Who has left over this connection is not restored: what was missed could not be told from what is late.
  if (!to.pid.empty() && !to.left_here) {  // members of the application come last, and so count more
    with_session.append(R"({"pid":")").append(to.pid) += '"';
    if (to.has_offset) with_session.append(R"(,"offset":")").append(to.offset) += '"';
    if (*members == 0) {
      with_session += '}';
    } else {
      with_session.append(",").append(auth_json.substr(1));
    }
    auth_json = with_session;
  }
  auto const sent = send(encode_connect(to.name, auth_json), now, SIZE_MAX);
  if (sent) to.state = stage::joining;
  return sent;
}

inline void client_session::disconnect(std::uint32_t nsp, time_point now) {
  space& from = spaces_[nsp];
  bool const was_connected = from.state == stage::connected;
  if (from.state == stage::idle) return;
  if (from.state == stage::joining) {
    from.unwanted = guest::expected;
    wait_for_guest(from, now);
  }
  from.state = stage::idle;
  from.rejoin_at = never;
  forget_early_events(from);
  if (was_connected && engine_) say_goodbye(from, now);
  settle_interest(now);
  if (was_connected) on_left(nsp, disconnect_reason::io_client_disconnect, {});
}

inline void client_session::say_goodbye(space& from, time_point now) {
  static_cast<void>(send(encode_disconnect(from.name), now, SIZE_MAX));  // however full the outbox is
  from.left_at = now;
  from.left_here = true;
  from.pings_since = 0;
}

/// A server sends its next ping behind our pong, and so behind the DISCONNECT before that: at the second one
/// nothing is late any more.
inline void client_session::on_ping() {
  for (space& each : spaces_) {
    if (each.left_here && ++each.pings_since >= 2) each.left_here = false;
  }
  tell({.type = kind::ping});
}

inline void client_session::close(time_point now) {
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) disconnect(nsp, now);
}

/// The namespace is not connected any more, if it was.
inline void client_session::on_left(std::uint32_t nsp, disconnect_reason reason, error detail) {
  space& from = spaces_[nsp];
  from.id.clear();
  from.rejoin_at = never;
  forget_early_events(from);
  tell({.type = kind::disconnect, .nsp = nsp, .reason = reason, .detail = detail});
  fail_acks(nsp);
}

// Packets.

inline void client_session::on_message(frame const& in, time_point now) {
  auto const decoded = decoder_.feed(in, config_->limits, config_->parser);
  if (!decoded) {
    retire_engine(now);
    return on_close(disconnect_reason::parse_error, decoded.error(), now);
  }
  if (!*decoded) return;
  packet_view const& packet = **decoded;
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (spaces_[nsp].name != packet.nsp) continue;
    bool const late = packet.type == packet_type::connect && spaces_[nsp].state < stage::joining;
    if (spaces_[nsp].unwanted != guest::none || late) return on_guest_packet(nsp, packet.type, now);
    // What comes before CONNECT is sent was meant for the stay before.
    if (spaces_[nsp].state >= stage::joining) return on_packet(nsp, packet, now);
    return;
  }
}

/// Somebody is let in who has left already.
inline void client_session::on_guest_packet(std::uint32_t nsp, packet_type type, time_point now) {
  space& of = spaces_[nsp];
  if (of.unwanted != guest::inside && type == packet_type::connect) {
    of.unwanted = guest::inside;
    if (of.state == stage::asking) of.state = stage::wanted;  // it is asked again when the guest has gone
    // Not at once: a server that has just asked it to go takes a DISCONNECT for a mistake, and closes.
    of.guest_deadline = later(now, rejoin_pause);
    return;
  }
  bool const refused = of.unwanted == guest::expected && type == packet_type::connect_error;
  bool const sent_away = of.unwanted == guest::inside && type == packet_type::disconnect;
  if (!refused && !sent_away) return;  // meant for it
  of.unwanted = guest::none;
  of.guest_deadline = never;
  of.left_here = false;  // what was late has come before this
  if (of.state == stage::wanted) connect(nsp, now);
}

/// It goes, if it is there. While its answer is owed, that to another CONNECT could be taken for it: who has
/// waited for long enough to be let in again gets another connection.
inline void client_session::on_guest_deadline(std::uint32_t nsp, time_point now) {
  space& of = spaces_[nsp];
  of.guest_deadline = never;
  if (of.unwanted == guest::expected) {
    if (of.state == stage::idle || !config_->reconnection) return;
    retire_engine(now);
    return on_close(disconnect_reason::transport_error, {errc::timed_out, side::remote, 0}, now);
  }
  of.unwanted = guest::none;
  say_goodbye(of, now);
  if (of.state == stage::wanted) connect(nsp, now);
}

inline void client_session::on_packet(std::uint32_t nsp, packet_view const& in, time_point now) {
  switch (in.type) {
    case packet_type::connect: return on_joined(nsp, in, now);
    case packet_type::event:
    case packet_type::binary_event: return on_event(nsp, in, now);
    case packet_type::ack:
    case packet_type::binary_ack: return on_ack(nsp, in, now);
    case packet_type::disconnect:
      if (spaces_[nsp].state == stage::joining && spaces_[nsp].left_here) return;  // it crossed ours
      spaces_[nsp].state = stage::idle;
      settle_interest(now);
      return on_left(nsp, disconnect_reason::io_server_disconnect, {});
    case packet_type::connect_error: break;
  }
  auto const refusal = read_connect_error(in);
  spaces_[nsp].state = stage::idle;
  spaces_[nsp].left_here = false;
  forget_early_events(spaces_[nsp]);
  settle_interest(now);
  view_ = client_event{.type = kind::connect_error, .nsp = nsp, .text = refusal.text, .data = refusal.data};
}

inline void client_session::on_joined(std::uint32_t nsp, packet_view const& in, time_point now) {
  space& to = spaces_[nsp];
  if (to.state != stage::joining) return;
  auto const reply = read_connect_reply(in);
  if (!reply) {
    view_ = client_event{
        .type = kind::connect_error, .nsp = nsp, .detail = reply.error(), .text = old_server_text};
    return;
  }
  to.state = stage::connected;
  if (std::exchange(to.left_here, false)) forget_early_events(to);  // some may be of the stay before
  to.id = reply->id;
  to.recovered = !reply->pid.empty() && reply->pid == to.pid;
  to.pid = reply->pid;
  if (!to.recovered) to.has_offset = false;  // it counts from the beginning of a stay
  for (std::size_t i = 0; i < to.receive_buffer.size(); ++i) tell({.type = kind::received, .nsp = nsp});
  to.receive_buffer_bytes = 0;
  send_buffered(nsp, now);
  drain_queue(nsp, now, true);
  tell({.type = kind::connect, .nsp = nsp});
}

inline void client_session::on_event(std::uint32_t nsp, packet_view const& in, time_point now) {
  space& to = spaces_[nsp];
  args const arguments(in, decoder_.attachments());
  client_event const event{.type = kind::received,
                           .wants_ack = in.has_id,
                           .nsp = nsp,
                           .number = in.id,
                           .name = in.name_raw(),
                           .arguments = arguments};
  if (to.state == stage::connected) {
    note_offset(to, event);
    view_ = event;
    return;
  }
  constexpr std::size_t of_each = sizeof(received_packet) + 128;
  to.receive_buffer_bytes += arguments.size_hint() + of_each;
  if (to.receive_buffer_bytes > config_->receive_buffer_max) {
    retire_engine(now);
    return on_close(disconnect_reason::parse_error, {errc::payload_too_large, side::remote, 0}, now);
  }
  to.receive_buffer.push_back({std::string(in.name_raw()), arguments.own(), in.id, in.has_id});
}

/// What was kept was within a limit of its own, and goes from one buffer to the other, so that of the outbox
/// does not count. What can't be sent because the session has just ended stays.
inline void client_session::send_buffered(std::uint32_t nsp, time_point now) {
  space& to = spaces_[nsp];
  while (!to.send_buffer.empty()) {
    message& first = to.send_buffer.front().event;
    auto form = encoded(first);  // it has one, or emit() would not have kept it
    if (form && !transmit(nsp, first, std::move(*form), now, SIZE_MAX)) return;
    to.send_buffer_bytes -= first.cost();
    to.send_buffer.pop_front();
  }
}

/// The offset of the last event is what recovery begins behind. Events that want an answer have none.
inline void client_session::note_offset(space& to, client_event const& event) {
  if (to.pid.empty() || event.wants_ack || event.arguments.empty()) return;
  auto const last = event.arguments.raw(event.arguments.size() - 1);
  if (!last || json_kind_at(*last) != json_kind::string) return;
  to.offset = json_string_raw(*last);
  to.has_offset = true;
}

/// The oldest event that came before its namespace was connected. Precondition: there is one.
inline client_event client_session::replay(std::uint32_t nsp) {
  space& to = spaces_[nsp];
  replayed_ = std::move(to.receive_buffer.front());
  to.receive_buffer.pop_front();
  client_event event{.type = kind::received,
                     .wants_ack = replayed_.wants_ack,
                     .nsp = nsp,
                     .number = replayed_.ack,
                     .name = replayed_.name,
                     .arguments = replayed_.arguments.view()};
  note_offset(to, event);
  return event;
}

// Acknowledgements.

inline void client_session::on_ack(std::uint32_t nsp, packet_view const& in, time_point now) {
  space& to = spaces_[nsp];
  bool wanted = false;
  if (!to.queue.empty() && to.queue.front().pending && to.queue.front().ack == in.id) {
    wanted = to.queue.front().wants_ack;
    to.send_buffer_bytes -= to.queue.front().event.cost();
    to.queue.pop_front();
    to.queue_deadline = never;
    drain_queue(nsp, now, false);
  } else {
    wanted = to.acks.settle(in.id).has_value();
  }
  if (!wanted) return;  // unknown, late, or answered before: ignored, as upstream
  view_ = client_event{
      .type = kind::acknowledged, .nsp = nsp, .number = in.id, .arguments = args(in, decoder_.attachments())};
}

inline void client_session::fail_ack(std::uint32_t nsp, std::uint64_t ack, errc why) {
  if (!spaces_[nsp].acks.settle(ack)) return;
  tell({.type = kind::ack_failed, .nsp = nsp, .number = ack, .detail = {why, side::local, 0}});
}

/// The namespace was left: those of events that are still to be sent can come, all others can't.
inline void client_session::fail_acks(std::uint32_t nsp) {
  space& from = spaces_[nsp];
  std::vector<std::uint64_t> unsent;
  for (auto const& each : from.send_buffer) {
    if (each.ack) unsent.push_back(*each.ack);
  }
  from.acks.drain([&](std::uint64_t ack, time_point deadline) {
    if (std::binary_search(unsent.begin(), unsent.end(), ack)) {
      return static_cast<void>(from.acks.expect(ack, deadline, deadline));
    }
    tell({.type = kind::ack_failed,
          .nsp = nsp,
          .number = ack,
          .detail = {errc::not_connected, side::local, 0}});
  });
  fail_try(nsp, errc::not_connected);
}

inline void client_session::expire_acks(std::uint32_t nsp, time_point now) {
  space& to = spaces_[nsp];
  std::vector<std::uint64_t> expired;
  while (auto const late = to.acks.expire_one(now)) {
    expired.push_back(late->first);
    tell({.type = kind::ack_failed,
          .nsp = nsp,
          .number = late->first,
          .detail = {errc::timed_out, side::local, 0}});
  }
  if (!expired.empty() && !to.send_buffer.empty()) {  // what nobody waits for any more is not sent
    std::sort(expired.begin(), expired.end());
    std::erase_if(to.send_buffer, [&](buffered_packet const& each) {
      if (!each.ack || !std::binary_search(expired.begin(), expired.end(), *each.ack)) return false;
      to.send_buffer_bytes -= each.event.cost();
      return true;
    });
  }
  if (to.queue_deadline > now) return;
  fail_try(nsp, errc::timed_out);
  drain_queue(nsp, now, false);
}

inline void client_session::forget(std::uint32_t nsp, std::uint64_t ack) {
  space& to = spaces_[nsp];
  for (auto& each : to.queue) {
    if (each.ack == ack) each.wants_ack = false;  // it is sent all the same, in its turn
  }
  if (!to.acks.settle(ack)) return;
  std::erase_if(to.send_buffer, [&](buffered_packet const& each) {
    if (each.ack != ack) return false;
    to.send_buffer_bytes -= each.event.cost();
    return true;
  });
}

// Sending.

inline result<void> client_session::emit(std::uint32_t nsp, message event, emit_options const& options,
                                         time_point now) {
  space& to = spaces_[nsp];
  bool const dropped = options.is_volatile && !(engine_ && engine_->writable());
  if (dropped && !options.wants_ack) return {};
  auto form = encoded(event);  // now, so that whoever emits hears of what has none; later it has one too
  if (!form) return tl::unexpected(form.error());
  if (config_->retries > 0 && !options.is_volatile) {
    if (to.send_buffer_bytes + event.cost() > config_->send_buffer_max) {
      return local_error(errc::outbox_full);
    }
    to.send_buffer_bytes += event.cost();
    to.queue.push_back({.event = std::move(event),
                        .ack = options.ack,
                        .ack_timeout = options.ack_timeout,
                        .wants_ack = options.wants_ack});
    drain_queue(nsp, now, false);
    return {};
  }
  std::optional<std::uint64_t> ack;
  if (options.wants_ack) {
    time_point const deadline = ack_deadline(options.ack_timeout, now);
    auto const expected = to.acks.expect(options.ack, deadline, deadline, config_->pending_acks_max);
    if (!expected) return expected;
    ack = options.ack;
    if (dropped && deadline == never) fail_ack(nsp, *ack, errc::timed_out);  // it would wait for ever
    if (dropped) return {};
  }
  result<void> outcome = local_error(errc::not_connected);
  if (to.state == stage::connected) {
    outcome = transmit(nsp, event, std::move(*form), now, config_->engine.outbox_bytes_max);
  }
  bool const later_then = !outcome && outcome.error().code != errc::outbox_full;
  if (later_then) outcome = buffer(nsp, std::move(event), ack);
  if (!outcome && ack) static_cast<void>(to.acks.settle(*ack));
  return outcome;
}

inline result<void> client_session::acknowledge(std::uint32_t nsp, message ack, time_point now) {
  if (!connected(nsp)) return local_error(errc::not_connected);
  return send(std::move(ack), now, config_->engine.outbox_bytes_max);
}

inline result<void> client_session::send(message packet, time_point now, std::size_t outbox_max) {
  auto form = encoded(std::move(packet));
  if (!form) return tl::unexpected(form.error());
  return engine_->send(std::move(*form), now, outbox_max);
}

/// `form`: the event as the server is to get it.
inline result<void> client_session::transmit(std::uint32_t nsp, message event, message form, time_point now,
                                             std::size_t outbox_max) {
  auto const sent = engine_->send(std::move(form), now, outbox_max);
  if (sent && tell_sent_) tell({.type = kind::sent, .nsp = nsp, .packet = std::move(event)});
  return sent;
}

/// Keeps an event until its namespace is connected.
inline result<void> client_session::buffer(std::uint32_t nsp, message event,
                                           std::optional<std::uint64_t> ack) {
  space& to = spaces_[nsp];
  std::size_t const size = event.cost();
  while (to.send_buffer_bytes + size > config_->send_buffer_max) {
    if (config_->send_buffer_policy == overflow::refuse || to.send_buffer.empty()) {
      return local_error(errc::outbox_full);
    }
    buffered_packet const oldest = std::move(to.send_buffer.front());
    to.send_buffer.pop_front();
    to.send_buffer_bytes -= oldest.event.cost();
    if (oldest.ack) fail_ack(nsp, *oldest.ack, errc::outbox_full);
  }
  to.send_buffer_bytes += size;
  to.send_buffer.push_back({std::move(event), ack});
  return {};
}

/// The first packet of the queue was not acknowledged.
inline void client_session::fail_try(std::uint32_t nsp, errc why) {
  space& to = spaces_[nsp];
  to.queue_deadline = never;
  if (to.queue.empty() || !std::exchange(to.queue.front().pending, false)) return;
  if (to.queue.front().tries <= config_->retries) return;
  queued_packet const lost = std::move(to.queue.front());
  to.queue.pop_front();
  to.send_buffer_bytes -= lost.event.cost();
  if (!lost.wants_ack) return;
  tell({.type = kind::ack_failed, .nsp = nsp, .number = lost.ack, .detail = {why, side::local, 0}});
}

/// Sends the first packet of the queue, `again` even if it is under way.
inline void client_session::drain_queue(std::uint32_t nsp, time_point now, bool again) {
  space& to = spaces_[nsp];
  if (to.queue.empty() || to.state != stage::connected) return;
  queued_packet& first = to.queue.front();
  if (first.pending && !again) return;
  first.pending = true;
  ++first.tries;
  to.queue_deadline = ack_deadline(first.ack_timeout, now);
  // It was within the limit of its queue. If it fails, no acknowledgement will come.
  if (auto form = encoded(first.event)) {
    static_cast<void>(transmit(nsp, first.event, std::move(*form), now, SIZE_MAX));
  }
}

}  // namespace siokit::inline v0::socketio
