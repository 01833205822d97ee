// siokit/hub/client_dispatch.hpp - from a client's session to handlers, and back.
// SPDX-License-Identifier: MIT
// The second half of hub/client.hpp. Path of an event: drain -> dispatch -> on_received -> the listener.
#pragma once

#include "siokit/hub/client.hpp"

namespace siokit::inline v0::hub {

namespace impl {
/// The text that a raw JSON string means.
[[nodiscard]] inline std::string json_text(std::string_view raw) {
  std::string out;
  json_unescape(raw, out);
  return out;
}
}  // namespace impl

// client.

inline time_point client::now() {
  if (wake_) turn_time_ = wake_();  // in a handler too, which may have taken its time
  return turn_time_;
}

inline void client::drain(time_point now) {
  struct turn {
    client& owner;
    explicit turn(client& c) noexcept : owner(c) { ++owner.depth_; }
    ~turn() { --owner.depth_; }
  };
  turn_time_ = now;
  if (depth_ > 0) return;  // the outer one goes on
  turn const scope(*this);
  while (!abandoned_) {
    auto const event = session_.poll_event(now);
    if (!event) break;
    dispatch(*event);
  }
  description_.clear();  // it was of what has been told now
}

inline client_socket& client::socket(std::string_view name) {
  std::string full(name);
  if (!full.starts_with('/')) full.insert(0, 1, '/');
  std::uint32_t const number = session_.nsp(full);
  if (number == sockets_.size()) sockets_.push_back(make_(*this, number));
  return *sockets_[number];
}

inline void client::close() {
  for_each([](client_socket& each) { each.disconnect(); });
}

inline void client::abandon() noexcept {
  abandoned_ = true;
  auto const forget = [](auto&... lists) { (lists.remove_all(), ...); };
  forget(open_, ping_, upgrade_, reconnect_failed_, error_, reconnect_error_, close_, attempt_, reconnect_);
  bad_arguments_.remove_all();
  for (auto const& each : sockets_) {
    each->off();
    forget(each->any_, each->outgoing_, each->auth_);
    each->acks_.clear();
  }
}

/// In the words of the official client, which says "server error" of packets that it can't read.
inline connect_error client::failure_of(error detail) const noexcept {
  bool const unreadable = detail.code == errc::unknown_packet_type || detail.code == errc::empty_packet;
  std::string_view const precise = to_string(detail.code);
  if (!unreadable) return {precise, {}, detail, description_};
  return {"server error", {}, detail, precise};
}

inline void client::dispatch(socketio::client_event const& in) {
  using kind = socketio::client_event::kind;
  switch (in.type) {
    case kind::open: return open_.walk([](auto& call) { call(); });
    case kind::error: return error_.walk([&](auto& call) { call(failure_of(in.detail)); });
    case kind::ping: return ping_.walk([](auto& call) { call(); });
    case kind::upgraded: return upgrade_.walk([](auto& call) { call(); });
    case kind::upgrade_failed: return;  // told to nobody
    case kind::close: return close_.walk([&](auto& call) { call(in.reason); });
    case kind::reconnect_attempt: return attempt_.walk([&](auto& call) { call(in.number); });
    case kind::reconnect: return reconnect_.walk([&](auto& call) { call(in.number); });
    case kind::reconnect_error:
      return reconnect_error_.walk([&](auto& call) { call(failure_of(in.detail)); });
    case kind::reconnect_failed: return reconnect_failed_.walk([](auto& call) { call(); });
    default: return dispatch_socket(*sockets_[in.nsp], in);
  }
}

inline void client::dispatch_socket(client_socket& to, socketio::client_event const& in) {
  using kind = socketio::client_event::kind;
  switch (in.type) {
    case kind::auth_requested: return on_auth_requested(to, in.number);
    case kind::connect: return on_connect(to);
    case kind::connect_error: {
      to.last_error_ = in.detail;
      connect_error why = failure_of(in.detail);
      std::string decoded;
      if (!in.text.empty()) {
        decoded = impl::json_text(in.text);
        why = {decoded, in.data, in.detail, {}};
      }
      to.last_error_text_ = why.message;
      if (!why.description.empty()) to.last_error_text_.append(": ") += why.description;
      return to.on_connect_error_.walk([&](auto& call) { call(why); });
    }
    case kind::disconnect:
      to.last_error_ = in.detail;
      to.last_error_text_ = description_;
      if (description_.empty() && in.detail.code != errc::ok) to.last_error_text_ = to_string(in.detail.code);
      return to.on_disconnect_.walk([&, text = to.last_error_text_](auto& call) { call(in.reason, text); });
    case kind::received: return on_received(to, in);
    case kind::sent: return on_sent(to, in.packet);
    case kind::acknowledged: return on_settled(to, in.number, {}, in.arguments);
    case kind::ack_failed: return on_settled(to, in.number, make_error_code(in.detail.code), {});
    default: return;
  }
}

inline void client::on_auth_requested(client_socket& to, std::uint64_t number) {
  auth_reply const reply(lifeline_.ref(), to.nsp_, number);
  if (to.auth_.empty()) return static_cast<void>(reply(to.auth_json_));
  to.auth_.walk([&reply](auto& call) { call(reply); });
}

inline void client::on_connect(client_socket& to) {
  to.last_error_ = {};
  to.last_error_text_.clear();
  to.on_connect_.walk([](auto& call) { call(); });
}

inline void client::on_received(client_socket& to, socketio::client_event const& in) {
  std::string decoded;
  std::string_view name = in.name;
  if (json_escaped(name)) name = decoded = impl::json_text(name);
  client_ack reply;
  if (in.wants_ack) reply = client_ack(lifeline_.ref(), to.nsp_, session_.stay(to.nsp_), in.number);
  to.any_.walk([&](auto& call) { call(name, in.arguments); });
  to.listeners_.walk(name, [&](client_socket::listeners::event_handler& call) {
    auto const outcome = call(to, in.arguments, reply);
    if (outcome) return true;
    bad_arguments_.walk([&](auto& hear) { hear(to, name, outcome.error()); });
    return false;
  });
}

inline void client::on_settled(client_socket& to, std::uint64_t number, std::error_code failure,
                               socketio::args const& in) {
  auto const waiting = to.acks_.find(number);
  if (waiting == to.acks_.end()) return;
  ack_handler call = std::move(waiting->second);
  to.acks_.erase(waiting);
  call(failure, in);
}

/// Listeners get the event as it was encoded.
inline void client::on_sent(client_socket& from, message const& packet) {
  socketio::read_back(packet, [&](socketio::packet_view const& in, socketio::args const& arguments) {
    std::string const name = impl::json_text(in.name_raw());
    from.outgoing_.walk([&](auto& call) { call(name, arguments); });
  });
}

// client_socket.

inline std::string_view client_socket::id() const noexcept {
  return client_->session_.id(nsp_);
}
inline std::string_view client_socket::nsp() const noexcept {
  return client_->session_.name(nsp_);
}
inline bool client_socket::connected() const noexcept {
  return client_->session_.connected(nsp_);
}
inline bool client_socket::active() const noexcept {
  return client_->session_.active(nsp_);
}
inline bool client_socket::recovered() const noexcept {
  return client_->session_.recovered(nsp_);
}
inline void client_socket::connect() {
  client_->session_.connect(nsp_, client_->now());
}
inline void client_socket::disconnect() {
  client_->session_.disconnect(nsp_, client_->now());
}

inline void client_socket::forget(std::uint64_t ack) {
  if (acks_.erase(ack) != 0) client_->session_.forget(nsp_, ack);
}

inline result<void> client_socket::auth(std::string json) {
  auto const good = socketio::count_auth_members(json, client_->config_->limits.json_depth_max);
  if (!good) return tl::unexpected(good.error());
  auth_json_ = std::move(json);
  auth_.remove_all();
  return {};
}

inline listener_id client_socket::add(std::string_view event, bool once, listeners::event_handler call) {
  if (socketio::is_reserved_event(event)) return {};
  auto const id = client_->next_listener();
  listeners_.add(event, id, once, std::move(call));
  return id;
}
inline listener_id client_socket::on_any(any_handler callable) {
  return client_->add(any_, std::move(callable));
}
inline listener_id client_socket::prepend_any(any_handler callable) {
  auto const id = client_->next_listener();
  any_.prepend(id, std::move(callable));
  return id;
}
inline listener_id client_socket::on_any_outgoing(any_handler callable) {
  client_->session_.tell_sent();
  return client_->add(outgoing_, std::move(callable));
}
inline listener_id client_socket::prepend_any_outgoing(any_handler callable) {
  client_->session_.tell_sent();
  auto const id = client_->next_listener();
  outgoing_.prepend(id, std::move(callable));
  return id;
}
inline listener_id client_socket::on_connect(unique_function<void()> callable) {
  return client_->add(on_connect_, std::move(callable));
}
inline listener_id client_socket::on_connect_error(unique_function<void(connect_error const&)> callable) {
  return client_->add(on_connect_error_, std::move(callable));
}
inline listener_id client_socket::add_disconnect(disconnect_handler call) {
  return client_->add(on_disconnect_, std::move(call));
}
inline void client_socket::off(listener_id which) noexcept {
  auto const remove = [which](auto&... lists) { static_cast<void>((lists.remove(which) || ...)); };
  remove(listeners_, any_, outgoing_, on_connect_, on_connect_error_, on_disconnect_);
}
inline void client_socket::off() noexcept {
  auto const clear = [](auto&... lists) { (lists.remove_all(), ...); };
  clear(listeners_, on_connect_, on_connect_error_, on_disconnect_);
}

template <class... Args>
result<void> client_socket::emit_with(socketio::client_session::emit_options options, std::string_view event,
                                      Args&&... args) {
  auto& session = client_->session_;
  bool const numbered = client_->config_->retries > 0 && !options.is_volatile;
  if constexpr (!impl::ends_in_callback<Args...>) {
    std::optional<std::uint64_t> id;
    if (numbered) id = options.ack = session.next_ack(nsp_);
    return send_packet(options, socketio::encode_event(nsp(), id, event, args...));
  } else {
    std::uint64_t const id = options.ack = last_ack_ = session.next_ack(nsp_);
    options.wants_ack = true;
    return impl::with_callback(
        [&]<class Callback>(Callback&& callback, auto const&... values) {
          auto packet = socketio::encode_event(nsp(), id, event, values...);
          acks_.emplace(id, make_ack_handler(std::forward<Callback>(callback)));
          auto const sent = send_packet(options, std::move(packet));
          if (!sent) acks_.erase(id);
          return sent;
        },
        std::forward<Args>(args)...);
  }
}

inline result<void> client_socket::send_packet(socketio::client_session::emit_options const& options,
                                               result<message> packet) {
  if (!packet) return tl::unexpected(packet.error());
  return client_->session_.emit(nsp_, std::move(*packet), options, client_->now());
}

template <class... Args>
result<void> client_emit::emit(std::string_view event, Args&&... args) const {
  return socket_->emit_with(options_, event, std::forward<Args>(args)...);
}

// client_ack, auth_reply.

template <class... Args>
result<void> client_ack::operator()(Args const&... args) {
  if (!std::exchange(wanted_, false)) return {};
  client* owner = client_.get();
  if (owner == nullptr || owner->session_.stay(nsp_) != stay_) return local_error(errc::gone);
  auto packet = socketio::encode_ack(owner->session_.name(nsp_), id_, args...);
  if (!packet) return tl::unexpected(packet.error());
  return owner->session_.acknowledge(nsp_, std::move(*packet), owner->now());
}

inline result<void> auth_reply::operator()(std::string_view auth_json) const {
  client* owner = client_.get();
  if (owner == nullptr) return local_error(errc::gone);
  auto const outcome = owner->session_.authorize(nsp_, number_, auth_json, owner->now());
  return !outcome && outcome.error().code == errc::wrong_state ? result<void>(local_error(errc::gone))
                                                               : outcome;
}

}  // namespace siokit::inline v0::hub
