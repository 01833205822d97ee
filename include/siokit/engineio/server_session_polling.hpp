// siokit/engineio/server_session_polling.hpp - GET, POST and upgrade.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, "HTTP long-polling". The part of server_session that WebSocket sessions never
// enter.
#pragma once

#include "siokit/engineio/server_session.hpp"

namespace siokit::inline v0::engineio {

inline void server_session::poll_opened(exchange which, time_point) {
  if (transport_ != transport::polling || closed()) return rare().answer_with(which, answer::bad_request);
  if (polling_->poll) {
    polling_->answer_with(which, answer::bad_request);
    return fail(close_reason::transport_error, errc::overlapping_poll);
  }
  polling_->poll = which;
  if (phase_ == phase::closing && outbox_.empty()) {
    polling_->answer_poll(answer::noop_close);
    end(close_reason::forced_close, {});
  }
}

inline bool server_session::post_opened(exchange which, bool binary_content) {
  bool const polls = polling_ && transport_ == transport::polling && !closed();
  if (polls && !polling_->post && (!binary_content || revision3_)) {
    polling_->post = which;
    polling_->form = binary_content ? payload_form::binary : text_form();
    return true;
  }
  rare().answer_with(which, answer::bad_request);
  if (polls)
    fail(close_reason::transport_error, polling_->post ? errc::overlapping_post : errc::bad_content_type);
  return false;
}

inline result<void> server_session::post_received(exchange which, std::span<char> body, time_point) {
  if (reading()) return local_error(errc::events_pending);
  if (!polling_ || polling_->post != which) return {};
  polling_->post_read = true;
  polling_->packets_read = 0;
  if (polling_->jsonp.empty()) {
    polling_->body = payload_reader(body, polling_->form);
  } else if (auto text = jsonp_payload({body.data(), body.size()})) {
    polling_->decoded = std::move(*text);
    polling_->body = payload_reader(polling_->decoded, polling_->form);
  } else {
    polling_->body = {};  // upstream answers ok to a form that carries nothing
  }
  return {};
}

/// What is left of the body that is being read.
inline std::optional<session_event> server_session::next_of_body(time_point now) {
  while (!closed() && !polling_->body.done()) {
    auto const decoded = polling_->body.next();
    if (!decoded) {
      fail(close_reason::parse_error, decoded.error().code);
      break;
    }
    if (++polling_->packets_read > config_->payload_packets_max) {
      fail(close_reason::parse_error, errc::too_many_packets);
      break;
    }
    if (!within_rates(decoded->data.data.size(), now)) break;
    if (!open() && decoded->type != packet_type::close) continue;  // of a session that closes, only this
    accept_packet(*decoded, now);
    if (frame_pending_) {
      frame_pending_ = false;
      return session_event{.type = session_event::kind::message, .data = {frame_kind_, frame_}};
    }
  }
  polling_->post_read = false;
  polling_->answer_with(std::exchange(polling_->post, {}), answer::ok);
  return std::nullopt;
}

inline void server_session::post_too_large(exchange which) {
  if (!polling_ || polling_->post != which) return;
  polling_->answer_with(std::exchange(polling_->post, {}), answer::too_large);
}

inline void server_session::exchange_aborted(exchange which) {
  if (!polling_ || !which) return;
  if (polling_->poll == which) {
    polling_->poll = {};
    fail(close_reason::transport_error, errc::premature_close);
  } else if (polling_->post == which) {
    polling_->post = {};
    polling_->post_read = false;
    fail(close_reason::transport_error, errc::premature_close);
  }
}

/// The first `count` messages that are queued and the packets of `closing`, one a type digit, as one body.
inline response server_session::poll_answer(exchange to, std::size_t count, std::string_view closing) const {
  payload_form form = text_form();
  for (std::size_t i = 0; revision3_ && polling_->jsonp.empty() && i < count; ++i) {
    if (holds_binary(outbox_.at(i))) form = payload_form::binary;
  }
  response out = payload_response(to, {}, form);
  if (count > 0) out.body.reserve(outbox_.front().frames().size());
  for (std::size_t i = 0; i < count; ++i) {
    message const& next = outbox_.at(i);
    out.compress |= next.compress();
    out.packets += next.packet_count();
    append_message(out.body, next, form);
  }
  out.packets += closing.size();
  for (char const& type : closing) append_packet(out.body, {frame_kind::text, {&type, 1}}, form);
  return out;
}

inline bool server_session::has_response() const noexcept {
  return polling_ && (polling_->has_answer() || (polling_->poll && !outbox_.empty()));
}

inline std::optional<response> server_session::poll_response() {
  if (!has_response()) return std::nullopt;
  bool const answers = polling_->has_answer();
  auto const next = answers ? polling_->first_answer() : pending_answer{polling_->poll, {}};
  bool const closes = answers && next.what == answer::noop_close;
  bool const takes = !answers || closes;
  // The first response of a session holds its open packet, and what the options put behind that, but nothing
  // else: clients expect that of a handshake.
  std::size_t const of_handshake = config_->initial_packet ? 2 : 1;
  std::size_t const count = polling_->handshake_due ? std::min(outbox_.size(), of_handshake) : outbox_.size();
  response out = takes ? poll_answer(next.to, count, closes ? "61" : "") : fixed_response(next, text_form());
  bool const payload = out.content_type.starts_with("text/plain");
  if (payload && !polling_->jsonp.empty()) out.body = jsonp_script(polling_->jsonp, out.body);
  // It is made; had there been no memory for it, it would be asked for again.
  if (answers) {
    polling_->drop_answer();
  } else {
    polling_->poll = {};
  }
  if (!takes) return out;
  polling_->handshake_due = false;
  for (std::size_t left = count; left > 0; --left) static_cast<void>(outbox_.pop());
  return out;
}

// Upgrade.

inline void server_session::receive_probe(frame const& in, time_point now) {
  auto& state = *polling_;
  bool const text = in.kind == frame_kind::text;
  bool const open_probe = state.stage == upgrade::probing || state.stage == upgrade::probed;
  if (open_probe && text && in.data == "2probe") {
    bool const again = std::exchange(state.stage, upgrade::probed) == upgrade::probed;
    if (!again && config_->observer != nullptr) config_->observer->on_upgrading(*this);
    state.pong_due = true;
    state.noop_deadline = later(now, noop_interval);
  } else if (state.stage == upgrade::probed && text && in.data.starts_with('5')) {
    complete_upgrade(now);
  } else if (state.stage != upgrade::refused) {
    drop_probe();
  }
}

inline void server_session::complete_upgrade(time_point) {
  auto& state = *polling_;
  if (!open()) {  // closing: the new transport is closed right after its upgrade
    drop_probe();
    answer_poll(answer::close);
    return end(close_reason::forced_close, {});
  }
  answer_poll(answer::close);
  if (state.post) polling_->answer_with(std::exchange(state.post, {}), answer::destroy);
  state.post_read = false;
  wire_ = std::exchange(state.probe, {});
  state.stage = upgrade::none;
  state.upgrade_deadline = state.noop_deadline = never;
  transport_ = transport::websocket;
  upgraded_due_ = true;
}

/// Ends an upgrade that failed; the session goes on polling. The wire stays known until it is shut.
inline void server_session::drop_probe() {
  auto& state = *polling_;
  state.stage = state.probe ? upgrade::refused : upgrade::none;
  state.pong_due = false;
  state.upgrade_deadline = state.noop_deadline = never;
}

}  // namespace siokit::inline v0::engineio
