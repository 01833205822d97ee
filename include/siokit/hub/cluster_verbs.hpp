// siokit/hub/cluster_verbs.hpp - what servers of a cluster tell each other.   SPDX-License-Identifier: MIT
// See cluster_bus.hpp. Path of what a verb does elsewhere: broadcast -> bus -> receive() -> inbox ->
// read_letters -> the same verb, local(). Path of an answer: back to on_answer -> awaited::take and release.
#pragma once

#include "siokit/hub/server.hpp"
#include "siokit/hub/server_group.hpp"

namespace siokit::inline v0::hub {

template <class Callable>
listener_id nsp::on_server_side(std::string_view event, Callable&& callable) {
  auto const id = server_->next_listener();
  server_side_.add(event, id, false, make_event_handler<nsp, server_ack>(std::forward<Callable>(callable)));
  return id;
}

template <class... Args>
result<void> nsp::server_side_emit(std::string_view event, Args&&... args) {
  if constexpr (impl::ends_in_callback<Args...>) {
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) -> result<void> {
          static_assert(std::is_invocable_v<Callback, std::error_code, responses const&>,
                        "servers answer as many: void(std::error_code, responses const&)");
          auto packet = socketio::encode_event(name_, {}, event, values...);
          if (!packet) return tl::unexpected(packet.error());
          server_->ask_servers(*this, *packet, std::forward<Callback>(callback));
          return {};
        },
        std::forward<Args>(args)...);
  } else {
    auto packet = socketio::encode_event(name_, {}, event, args...);
    if (!packet) return tl::unexpected(packet.error());
    server_->ask_servers(*this, *packet, {});
    return {};
  }
}

template <class... Args>
result<void> server_ack::operator()(Args const&... values) {
  server* const self = wanted() ? self_.get() : nullptr;
  if (self == nullptr) return local_error(errc::gone);
  auto packet = socketio::encode_ack("/", 0, values...);
  if (!packet) return tl::unexpected(packet.error());
  cluster_message answer{.type = cluster_message::kind::server_side_emit_response,
                         .request = std::exchange(request_, 0),
                         .packet = std::string(packet->frames())};
  if (!self->answer_to(asker_, std::move(answer))) return local_error(errc::gone);
  return {};
}

// Joining, and asking.

inline void server_group::leave(cluster_node self) noexcept {
  std::erase_if(members_, [self](auto const& each) { return each.first == self; });
  publish(self, {.type = cluster_message::kind::adapter_close});
}

inline void server_group::publish(cluster_node self, cluster_message const& what) {
  for (auto const& [node, member] : members_) {
    if (node != self) member->receive(self, cluster_message(what));
  }
}

inline bool server_group::send(cluster_node self, cluster_node to, cluster_message what) {
  auto const known =
      std::find_if(members_.begin(), members_.end(), [to](auto const& each) { return each.first == to; });
  if (known == members_.end()) return false;
  known->second->receive(self, std::move(what));
  return true;
}

inline void server::join_cluster() {
  if (config_.cluster == nullptr) return;
  cluster_ = std::make_unique<impl::cluster_member>();
  cluster_->bus = config_.cluster;
  cluster_->self = config_.cluster->join(*this);
}

inline void server::leave_cluster() noexcept {
  if (cluster_) cluster_->bus->leave(cluster_->self);
}

inline void server::receive(cluster_node from, cluster_message&& what) {
  SIOKIT_ASSERT(cluster_ != nullptr);
  auto& letter = cluster_->inbox.emplace_back();
  letter = {from, std::move(what)};
  static_cast<void>(now());  // wakes the host
}

inline void server::publish(cluster_message const& what) {
  if (cluster_) cluster_->bus->publish(cluster_->self, what);
}

inline bool server::answer_to(cluster_node asker, cluster_message what) {
  return cluster_->bus->send(cluster_->self, asker, std::move(what));
}

/// Asks all others: how many they are. Each owes one piece, more if it says so.
inline std::size_t server::ask_others(cluster_message what, duration within, impl::awaited& whole) {
  if (!cluster_) return 0;
  auto const others = cluster_->bus->others(cluster_->self);
  if (others.empty()) return 0;
  siokit::ref const asked(new impl::cluster_member::question);
  asked->number = what.request = ++cluster_->last_question;
  asked->deadline = later(now(), within);
  for (cluster_node const each : others) asked->debtors.push_back({each, 1});
  asked->whole = siokit::ref(&whole);
  cluster_->note(asked);
  on_failure unasked([&]() noexcept { cluster_->forget(*asked); });
  cluster_->bus->publish(cluster_->self, what);
  unasked.done();
  return others.size();
}

inline void server::ask_servers(nsp& from, message const& packet, responses_handler call) {
  turn const scope(*this);
  cluster_message what{.type = cluster_message::kind::server_side_emit,
                       .nsp = std::string(from.cluster_name()),
                       .packet = std::string(packet.frames())};
  if (!call) return publish(what);
  siokit::ref const all(new impl::gathering(std::move(call)));
  all->missing += ask_others(std::move(what), impl::patience, *all);
  run_for({}, [&] { all->release(); });
}

// Being told.

inline void server::read_letters(time_point now) {
  using kind = cluster_message::kind;
  while (!cluster_->inbox.empty()) {
    auto const in = std::move(cluster_->inbox.front());
    cluster_->inbox.pop_front();
    switch (in.what.type) {
      case kind::broadcast_client_count:
      case kind::broadcast_ack:
      case kind::fetch_sockets_response:
      case kind::server_side_emit_response: on_answer(in); break;
      case kind::adapter_close: on_lost(in); break;
      default: on_order(in);
    }
  }
  while (cluster_->next_deadline() <= now) {
    auto const late = cluster_->questions.find(cluster_->deadlines.back().second)->second;
    cluster_->forget(*late);
    for (auto const& each : std::exchange(late->debtors, {})) give_up(*late, each.pieces, errc::timed_out);
  }
}

inline void server::give_up(impl::cluster_member::question& what, std::size_t pieces, errc why) {
  run_for({}, [&] {
    for (; pieces > 0; --pieces) {
      what.whole->take(nullptr, make_error_code(why));
      what.whole->release();
    }
  });
}

/// One question at a time, and the letter comes again until there is none: who is told may throw.
inline void server::on_lost(impl::cluster_member::letter const& in) {
  auto const owes = [gone = in.from](auto const& one) { return one.node == gone; };
  for (auto const& [number, open] : cluster_->questions) {
    auto const asked = open;
    auto const debtor = std::find_if(asked->debtors.begin(), asked->debtors.end(), owes);
    if (debtor == asked->debtors.end()) continue;
    cluster_->inbox.push_front(in);
    std::size_t const pieces = debtor->pieces;
    asked->debtors.erase(debtor);
    if (asked->debtors.empty()) cluster_->forget(*asked);
    return give_up(*asked, pieces, errc::not_connected);
  }
}

inline void server::on_answer(impl::cluster_member::letter const& in) {
  auto const place = cluster_->questions.find(in.what.request);
  if (place == cluster_->questions.end()) return;
  auto const asked = place->second;
  auto const debtor = std::find_if(asked->debtors.begin(), asked->debtors.end(),
                                   [&in](auto const& each) { return each.node == in.from; });
  if (debtor == asked->debtors.end()) return;
  asked->whole->take(&in.what, {});  // without memory for it it is still owed, until the deadline
  if (in.what.type == cluster_message::kind::broadcast_client_count) debtor->pieces += in.what.count;
  if (--debtor->pieces == 0) asked->debtors.erase(debtor);
  if (asked->debtors.empty()) cluster_->forget(*asked);
  run_for({}, [&] { asked->whole->release(); });
}

/// The namespace of this name, parents included: they are made in the same order everywhere.
inline nsp* server::find_level(std::string_view cluster_name) noexcept {
  if (nsp* const known = find_nsp(cluster_name)) return known;
  for (auto& each : parents_) {
    if (each.space.cluster_name() == cluster_name) return &each.space;
  }
  return nullptr;
}

inline void server::on_order(impl::cluster_member::letter const& in) {
  using kind = cluster_message::kind;
  cluster_message const& what = in.what;
  nsp* const space = find_level(what.nsp);
  if (space == nullptr) return refuse_order(in);
  broadcast to(*space);
  to.to_ = what.to;
  to.within_ = what.within;
  to.compress_ = what.compress;
  to.local_ = true;
  switch (what.type) {
    case kind::broadcast: return what.request == 0 ? repeat(what, to) : answer_broadcast(in, to);
    case kind::sockets_join: return to.sockets_join(what.names);
    case kind::sockets_leave: return to.sockets_leave(what.names);
    case kind::disconnect_sockets: return to.disconnect_sockets(what.close);
    case kind::fetch_sockets: {
      cluster_message answer{.type = kind::fetch_sockets_response, .request = what.request};
      for (auto const& each : to.found()) answer.sockets.push_back({each.id(), each.rooms()});
      return static_cast<void>(answer_to(in.from, std::move(answer)));
    }
    default:
      impl::read_packet(what, [&](std::string_view name, args const& all) {
        server_ack reply(lifeline_.ref(), in.from, what.request);
        run_for({}, [&] {
          space->server_side_.walk(name, [&](auto& call) { return call(*space, all, reply).has_value(); });
        });
      });
  }
}

/// There is nobody in a namespace that is not here; who asks must not wait for them.
inline void server::refuse_order(impl::cluster_member::letter const& in) {
  using kind = cluster_message::kind;
  bool const asked = in.what.type == kind::broadcast && in.what.request != 0;
  if (!asked && in.what.type != kind::fetch_sockets) return;
  static_cast<void>(
      answer_to(in.from, {.type = asked ? kind::broadcast_client_count : kind::fetch_sockets_response,
                          .request = in.what.request}));
}

/// The packet goes on as it is, unless each client is to get another one.
inline void server::repeat(cluster_message const& what, broadcast const& to) {
  if (to.nsp_->recovery_ || to.nsp_->is_parent()) {
    return impl::read_packet(
        what, [&](std::string_view name, args const& all) { static_cast<void>(to.emit(name, all)); });
  }
  message packet = message_of_frames(what.packet, static_cast<std::uint32_t>(what.packet.size()));
  if (!what.compress) packet.no_compress();
  static_cast<void>(to.deliver(packet));
}

/// Says first how many answers there will be, and then each as it comes.
inline void server::answer_broadcast(impl::cluster_member::letter const& in, broadcast const& to) {
  using kind = cluster_message::kind;
  auto const answer = [self = lifeline_.ref(), asker = in.from, request = in.what.request](
                          std::error_code failure, args const& got) {
    if (self.get() == nullptr) return;
    cluster_message out{.type = kind::broadcast_ack, .request = request};
    if (failure) out.failure = static_cast<errc>(failure.value());
    auto const packet = socketio::encode_ack("/", 0, got);
    if (packet)
      out.packet = packet->frames();
    else
      out.failure = packet.error().code;
    static_cast<void>(self.get()->answer_to(asker, std::move(out)));
  };
  impl::read_packet(in.what, [&](std::string_view name, args const& all) {
    std::uint64_t const id = to.nsp_->next_ack_id_++;
    auto const packet = socketio::encode_event(to.nsp_->name(), id, name, all);
    cluster_message count{.type = kind::broadcast_client_count, .request = in.what.request};
    if (packet) to.for_each([&](socket&) { ++count.count; });
    std::uint32_t const asked = count.count;
    static_cast<void>(answer_to(in.from, std::move(count)));
    if (!packet) return;
    if (auto const sent_to = to.send_asking(
            id, *packet, [] {}, answer)) {
      return tell_outgoing(*sent_to, *packet);
    }
    for (std::uint32_t i = 0; i < asked; ++i) answer(make_error_code(errc::invalid_argument), {});
  });
}

}  // namespace siokit::inline v0::hub
