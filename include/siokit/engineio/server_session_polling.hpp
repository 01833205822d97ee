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
  polling_->body = payload_reader(body, polling_->form);
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

/// Everything queued and the packets of `closing`, one a type digit, as one body. The first response of a
/// session holds its open packet and nothing else, which is what clients expect of a handshake.
inline response server_session::poll_answer(exchange to, std::string_view closing) {
  std::size_t count = outbox_.size();
  if (count > 0 && std::exchange(polling_->handshake_due, false)) count = 1;
  payload_form form = text_form();
  for (std::size_t i = 0; revision3_ && i < count; ++i) {
    if (holds_binary(outbox_.at(i))) form = payload_form::binary;
  }
  std::string body{};
  if (count > 0) body.reserve(outbox_.front().frames().size());
  for (; count > 0; --count) append_message(body, outbox_.pop(), form);
  for (char const& type : closing) append_packet(body, {frame_kind::text, {&type, 1}}, form);
  return payload_response(to, std::move(body), form);
}

inline bool server_session::has_response() const noexcept {
  return polling_ && (polling_->has_answer() || (polling_->poll && !outbox_.empty()));
}

inline std::optional<response> server_session::poll_response() {
  if (!has_response()) return std::nullopt;
  if (!polling_->has_answer()) return poll_answer(std::exchange(polling_->poll, {}));
  auto const next = polling_->take_answer();
  return next.what == answer::noop_close ? poll_answer(next.to, "61") : fixed_response(next, text_form());
}

}  // namespace siokit::inline v0::engineio
