// siokit/socketio/client_session_connection.hpp - the connection of a client: opened, lost, made anew.
// SPDX-License-Identifier: MIT
// What the official client calls its Manager. See client_session.hpp.
#pragma once

#include "siokit/socketio/client_session.hpp"

namespace siokit::inline v0::socketio {

// The host. A session that was given up may still have something to do: what is for it finds it.

inline void client_session::wire_opened(wire which, time_point now) {
  if (engine_) engine_->wire_opened(which, now);
  for (auto const& each : retired_) each->wire_opened(which, now);
}

inline result<void> client_session::receive(wire which, frame const& in, time_point now) {
  if (view_) return local_error(errc::events_pending);  // facts own what they hold, and are told first
  for (auto const& each : retired_) {
    if (auto taken = each->receive(which, in, now); !taken) return taken;
  }
  return engine_ ? engine_->receive(which, in, now) : result<void>{};
}

inline void client_session::wire_lost(wire which, error why) {
  if (engine_) engine_->wire_lost(which, why);
  for (auto const& each : retired_) each->wire_lost(which, why);
}

inline result<void> client_session::response_received(exchange which, std::uint16_t status,
                                                      std::span<char> body, time_point now) {
  if (view_) return local_error(errc::events_pending);  // facts own what they hold, and are told first
  for (auto const& each : retired_) {
    if (auto taken = each->response_received(which, status, body, now); !taken) return taken;
  }
  return engine_ ? engine_->response_received(which, status, body, now) : result<void>{};
}

inline void client_session::request_failed(exchange which, error why) {
  if (engine_) engine_->request_failed(which, why);
  for (auto const& each : retired_) each->request_failed(which, why);
}

inline void client_session::advance(time_point now) {
  if (engine_) engine_->advance(now);
  for (auto const& each : retired_) each->advance(now);
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    expire_acks(nsp, now);
    if (spaces_[nsp].guest_deadline <= now) on_guest_deadline(nsp, now);
    if (spaces_[nsp].rejoin_at > now) continue;
    spaces_[nsp].rejoin_at = never;
    connect(nsp, now);
  }
  if (open_deadline_ <= now) {
    retire_engine(now);
    on_open_failed({errc::open_timeout, side::remote, 0}, now);
  }
  if (reconnect_deadline_ <= now) {
    reconnect_deadline_ = never;
    tell({.type = kind::reconnect_attempt, .number = backoff_.attempts()});
    open_engine(now);
  }
}

inline time_point client_session::next_deadline() const noexcept {
  time_point next = earliest(open_deadline_, reconnect_deadline_);
  if (engine_) next = earliest(next, engine_->next_deadline());
  for (auto const& each : retired_) next = earliest(next, each->next_deadline());
  for (space const& each : spaces_) {
    next = earliest(next, earliest(each.acks.next_deadline(), each.queue_deadline));
    next = earliest(next, earliest(each.rejoin_at, each.guest_deadline));
  }
  return next;
}

inline std::optional<message> client_session::poll_transmit(wire which) {
  for (auto const& each : retired_) {
    if (auto item = each->poll_transmit(which)) return item;
  }
  return engine_ ? engine_->poll_transmit(which) : std::nullopt;
}

inline std::optional<engineio::client_action> client_session::poll_action() {
  for (auto const& each : retired_) {
    if (auto action = each->poll_action()) return action;
  }
  std::erase_if(retired_, [](auto const& each) { return each->finished(); });
  return engine_ ? engine_->poll_action() : std::nullopt;
}

/// Facts come first: they are what led to the view.
inline std::optional<client_event> client_session::poll_event(time_point now) {
  for (;;) {
    if (!facts_.empty()) {
      client_event fact = std::move(facts_.front());
      facts_.pop_front();
      if (fact.type != kind::received) return fact;
      if (spaces_[fact.nsp].receive_buffer.empty()) continue;  // a handler has left the namespace
      return replay(fact.nsp);
    }
    if (view_) return std::exchange(view_, std::nullopt);
    for (auto const& each : retired_) {
      while (each->poll_event(now)) {
      }
    }
    if (!engine_) return std::nullopt;
    auto const event = engine_->poll_event(now);
    if (!event) return std::nullopt;
    on_engine_event(*event, now);
  }
}

// Opening.

inline void client_session::open_engine(time_point now) {
  phase_ = phase::opening;
  engine_ = std::make_unique<engineio::client_session>(config_->engine, names_, random(),
                                                       config_->remember_upgrade && websocket_succeeded_);
  if (auto const opened = engine_->open(now); !opened) {
    engine_.reset();
    return on_open_failed(opened.error(), now);
  }
  if (config_->timeout > duration{}) open_deadline_ = later(now, config_->timeout);
}

/// Gives the present session up; it ends when it has said what it has to say.
inline void client_session::retire_engine(time_point now) {
  open_deadline_ = never;
  for (space& each : spaces_) {
    each.left_at = each.rejoin_at = each.guest_deadline = never;
    each.unwanted = guest::none;
    each.left_here = false;
  }
  if (!engine_) return;
  websocket_succeeded_ = engine_->websocket_succeeded();
  engine_->close(now);
  retired_.push_back(std::move(engine_));
}

inline void client_session::on_engine_event(engineio::client_event const& in, time_point now) {
  using engine_kind = engineio::client_event::kind;
  switch (in.type) {
    case engine_kind::opened: return on_open(now);
    case engine_kind::message: return on_message(in.data, now);
    case engine_kind::ping: return on_ping();
    case engine_kind::upgraded: return tell({.type = kind::upgraded});
    case engine_kind::upgrade_failed: return tell({.type = kind::upgrade_failed, .detail = in.detail});
    case engine_kind::closed: break;
  }
  retire_engine(now);
  if (in.reason == engineio::close_reason::transport_error) websocket_succeeded_ = false;  // as upstream
  if (phase_ == phase::opening) return on_open_failed(in.detail, now);
  if (in.reason == engineio::close_reason::transport_error) tell_error(in.detail);
  on_close(reason_of(in.reason), in.detail, now);
}

inline void client_session::on_open(time_point) {
  phase_ = phase::open;
  decoder_.reset();  // not sooner: a handler may still read what came before
  open_deadline_ = never;
  tell({.type = kind::open});
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (spaces_[nsp].state == stage::wanted) ask_auth(nsp);
  }
  if (std::exchange(reconnecting_, false)) {
    tell({.type = kind::reconnect, .number = backoff_.attempts()});
  }
  backoff_.reset();
}

inline void client_session::tell_error(error why) {
  tell({.type = kind::error, .detail = why});
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (active(nsp) && !connected(nsp)) tell({.type = kind::connect_error, .nsp = nsp, .detail = why});
  }
}

inline void client_session::on_open_failed(error why, time_point now) {
  phase_ = phase::closed;
  tell_error(why);
  if (std::exchange(reconnecting_, false)) {
    reconnect(now);
    tell({.type = kind::reconnect_error, .detail = why});
  } else if (backoff_.attempts() == 0) {
    reconnect(now);
  }
}

// The end of a session.

inline void client_session::on_close(disconnect_reason reason, error detail, time_point now) {
  phase_ = phase::closed;
  backoff_.reset();
  tell({.type = kind::close, .reason = reason, .detail = detail});
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (!active(nsp)) continue;
    spaces_[nsp].state = stage::wanted;
    on_left(nsp, reason, detail);
  }
  reconnect(now);
}

inline void client_session::reconnect(time_point now) {
  if (!config_->reconnection || reconnecting_) return;
  bool const limited = config_->reconnection_attempts != 0;  // as upstream
  if (limited && backoff_.attempts() >= config_->reconnection_attempts) {
    backoff_.reset();
    return tell({.type = kind::reconnect_failed});
  }
  reconnecting_ = true;
  auto const chance = static_cast<std::uint32_t>(random() >> 32);
  reconnect_deadline_ = later(now, backoff_.next(config_->backoff, chance));
}

/// Nobody wants the connection any more: it is closed, and not made anew.
inline void client_session::settle_interest(time_point now) {
  for (std::uint32_t nsp = 0; nsp < spaces_.size(); ++nsp) {
    if (active(nsp)) return;
  }
  reconnecting_ = false;
  reconnect_deadline_ = never;
  backoff_.reset();
  retire_engine(now);
  phase_ = phase::closed;
  tell({.type = kind::close, .reason = disconnect_reason::forced_close});
}

/// splitmix64.
inline std::uint64_t client_session::random() noexcept {
  std::uint64_t mixed = seed_ += 0x9E3779B97F4A7C15;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return mixed ^ (mixed >> 31);
}

}  // namespace siokit::inline v0::socketio
