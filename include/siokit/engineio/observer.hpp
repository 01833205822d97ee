// siokit/engineio/observer.hpp - what logs and metrics hear of sessions.   SPDX-License-Identifier: MIT
// Called in the midst of inputs and outputs, so it must not call the server, nor throw. A server without an
// observer pays one test of a pointer for each packet.
#pragma once

#include "siokit/core/time.hpp"
#include "siokit/engineio/session_event.hpp"

namespace siokit::inline v0::engineio {

class server_session;
struct refusal;

/// Hears what happens to the sessions of a server: derive, override what is of interest, and name it in the
/// option `observer`. Outlives the server. References are good for the call.
class observer {
 public:
  virtual void on_opened(server_session const&) noexcept {}
  /// The client asks whether its WebSocket works. It may stay with polling for all that.
  virtual void on_upgrading(server_session const&) noexcept {}
  virtual void on_upgraded(server_session const&) noexcept {}
  /// `detail`: what exactly was wrong, errc::ok when nothing was.
  virtual void on_closed(server_session const&, close_reason, error /*detail*/) noexcept {}
  /// A message came.
  virtual void on_received(server_session const&, frame const&) noexcept {}
  /// A message was given to be sent.
  virtual void on_queued(server_session const&, message const&) noexcept {}
  /// So many packets left, on a WebSocket or as the body of an answer to a poll; bytes before compression.
  virtual void on_sent(server_session const&, std::size_t /*packets*/, std::size_t /*bytes*/) noexcept {}
  /// A client of revision 4 has answered a ping. One that had sent something else in between is not timed.
  virtual void on_pong(server_session const&, duration /*round_trip*/) noexcept {}
  /// A request was refused, or, by too_many_connections, a connection that was not heard.
  virtual void on_refused(refusal const&) noexcept {}
  /// What a client has sent is against the rules of Socket.IO, or, by connect_timeout, it has not joined a
  /// namespace in time; its connection is closed for that.
  virtual void on_protocol_error(server_session const&, error) noexcept {}

 protected:
  observer() = default;
  observer(observer const&) = default;
  observer& operator=(observer const&) = default;
  ~observer() = default;
};

}  // namespace siokit::inline v0::engineio
