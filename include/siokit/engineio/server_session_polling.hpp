// siokit/engineio/server_session_polling.hpp - GET and POST of a session.   SPDX-License-Identifier: MIT
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
  if (polls && !polling_->post && !binary_content) {
    polling_->post = which;
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
  polling_->body = payload_reader(body);
  polling_->post_read = true;
  return {};
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

/// Everything queued, as one body. The first response of a session holds its open packet and nothing else,
/// which is what clients expect of a handshake.
inline std::string server_session::poll_body() {
  std::string body{};
  if (!outbox_.empty()) body.reserve(outbox_.front().frames().size());
  while (!outbox_.empty()) {
    append_message(body, outbox_.pop());
    if (std::exchange(polling_->handshake_due, false)) break;
  }
  return body;
}

inline bool server_session::has_response() const noexcept {
  return polling_ && (polling_->has_answer() || (polling_->poll && !outbox_.empty()));
}

inline std::optional<response> server_session::poll_response() {
  if (!has_response()) return std::nullopt;
  if (!polling_->has_answer()) return payload_response(std::exchange(polling_->poll, {}), poll_body());
  auto const next = polling_->take_answer();
  if (next.what != answer::noop_close) return fixed_response(next);
  std::string body = poll_body();
  append_packet(body, {frame_kind::text, "6"});
  append_packet(body, {frame_kind::text, "1"});
  return payload_response(next.to, std::move(body));
}

}  // namespace siokit::inline v0::engineio
