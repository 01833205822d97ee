// siokit/net/connection_write.hpp - the bytes that a connection sends.   SPDX-License-Identifier: MIT
// In: our own words; the messages of a session come from connection_websocket.hpp.  Out: writes that never
// block. What the socket does not take waits in the backlog until it is writable.
#pragma once

#include "siokit/net/connection.hpp"

namespace siokit::inline v0::net::impl {

/// Sends bytes of our own. They are copied if the socket does not take them.
inline void connection::write(std::string_view first, std::string_view second) {
  if (!tls_) return write_plain(first, second);
  encrypt(first);
  encrypt(second);
  flush_tls();
}

inline void connection::write_plain(std::string_view first, std::string_view second) {
  if (broken_) return;
  std::size_t sent = 0;
  if (!backlog_) {
    gather_list& list = loop_->gather;
    list.clear();
    list.add(first);
    list.add(second);
    sent = write_some(list);
    if (sent == list.bytes) return;
    backlog_ = std::make_unique<backlog>();
    wait_writable();
  }
  std::size_t const of_first = std::min(sent, first.size());
  backlog_->append(first.substr(of_first));
  backlog_->append(second.substr(sent - of_first));
}

inline void connection::encrypt(std::string_view plain) {
  if (tls_->write(plain)) return;
  broken_ = true;
  loop_->resume_later(*this);
}

inline void connection::flush_tls() {
  std::string cipher;
  if (tls_->drain(cipher)) write_plain(cipher);
}

/// One write, never blocking. A dead socket takes everything, and the connection is cut in this turn.
inline std::size_t connection::write_some(gather_list& from) {
  // The last words of a WebSocket leave with the end of the connection.
  int const flags = mode_ == mode::websocket && input_ended_ ? more_follows : 0;
  std::error_code failure;
  std::size_t const sent = from.count == 1 || from.small() ? socket_.send(from.joined(), flags, failure)
                                                           : socket_.send(from.view(), flags, failure);
  if (!failure) return sent;
  if (failure == asio::error::would_block || failure == asio::error::try_again) return 0;
  broken_ = true;
  loop_->resume_later(*this);
  return from.bytes;
}

inline void connection::on_writable() {
  if (!backlog_ && mode_ == mode::http2) return http_->http2->resume();
  if (!backlog_) return;
  gather_list& list = loop_->gather;
  list.clear();
  backlog_->gather(list);
  std::size_t const sent = write_some(list);
  backlog_->consume(sent);
  if (!backlog_->empty()) {
    if (sent > 0 && mode_ != mode::websocket) arm(loop_->options().write_timeout);
    return wait_writable();
  }
  backlog_.reset();
  pong_queued_ = false;
  if (room() > 0) wait_readable();
  switch (mode_) {
    case mode::websocket: return transmit();
    case mode::http2: return http_->http2->resume();
    case mode::closing: return shut_down();
    case mode::http:
      if (http_->waits_for == http_state::phase::answered) return on_answered();
      if (held_ || input_ended_) loop_->resume_later(*this);
  }
}

}  // namespace siokit::inline v0::net::impl
