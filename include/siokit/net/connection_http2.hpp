// siokit/net/connection_http2.hpp - connections that speak HTTP/2, and those that are one request of it.
// SPDX-License-Identifier: MIT
// Spec: RFC 9113, section 3.2.  The first has an edge (http2_edge.hpp); the others have no socket: the edge
// feeds them, and each ends with its answer.
#pragma once

#include "siokit/net/connection_http.hpp"

namespace siokit::inline v0::net::impl {

/// If the client has chosen it in the handshake of TLS.
inline void connection::begin_http2() {
  if (!tls_->handshake_done() || !tls_->chose_http2()) return;
  http_->http2 = loop_->options().http2.make(*this);
  mode_ = mode::http2;
  if (loop_->closing()) http_->http2->close_soon();
  loop_->resume_later(*this);  // the server speaks at once, too
}

inline void connection::start_stream(connection& parent, std::int32_t stream, std::string head) {
  http_ = std::make_unique<http_state>(loop_->options().head);
  http_->parent = ref<connection>(&parent);
  http_->stream = stream;
  http_->remote_address = parent.http_->remote_address;
  input_ended_ = true;  // there is no socket to be read
  name_ = loop_->enlist(ref<connection>(this));
  ++loop_->streams;
  begin_with(std::move(head));
}

inline void connection::receive_more(std::string_view part) {
  hold(part);
  loop_->resume_later(*this);
}

/// The stream is over, or its connection is. What the application does about that, it does later.
inline void connection::lose() {
  broken_ = true;
  loop_->resume_later(*this);
}

inline void connection::leave_stream() noexcept {
  if (!is_stream()) return;
  --loop_->streams;
  ref<connection> const parent = std::exchange(http_->parent, {});
  parent->http_->http2->forget(http_->stream);
}

}  // namespace siokit::inline v0::net::impl
