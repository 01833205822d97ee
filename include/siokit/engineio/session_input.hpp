// siokit/engineio/session_input.hpp - what is done to a session, as a value.   SPDX-License-Identifier: MIT
// One vocabulary for the server, which does it, and for a recording, which keeps it and does it again. Values
// and one switch; owns nothing but the message that is to be sent.
#pragma once

#include "siokit/engineio/server_session.hpp"

namespace siokit::inline v0::engineio {

/// What a session begins with, beside the options of its server.
struct session_start {
  sid id;
  transport first = transport::polling;
  bool base64_only = false;
  std::uint8_t revision = 4;
};

/// One call of a verb of server_session; the members that the verb takes count.
struct session_input {
  enum class kind : std::uint8_t {
    wire_opened,       ///< name, now
    receive,           ///< name, now, data
    wire_lost,         ///< name, why
    poll_opened,       ///< name, now
    post_opened,       ///< name, flag: the content is binary
    post_received,     ///< name, now, body
    post_too_large,    ///< name
    exchange_aborted,  ///< name
    set_jsonp,         ///< data: the value of `j`
    advance,           ///< now
    send,              ///< item
    close,             ///< now, flag: discard
    break_off,         ///< the input before it, or a pull, was broken off for want of memory
  } type;
  std::uint64_t name = 0;  ///< of the wire or the exchange
  time_point now{};
  frame data{};
  std::span<char> body{};  ///< written to, see server_session::post_received()
  message item{};
  error why{};
  bool flag = false;
};

/// Does it. Errors: those of the verb; post_opened() answers wrong_state, local, for its false.
inline result<void> apply(server_session& to, session_input const& in) {
  using kind = session_input::kind;
  switch (in.type) {
    case kind::wire_opened: return to.wire_opened({in.name}, in.now);
    case kind::receive: return to.receive({in.name}, in.data, in.now);
    case kind::wire_lost: return to.wire_lost({in.name}, in.why), result<void>{};
    case kind::poll_opened: return to.poll_opened({in.name}, in.now), result<void>{};
    case kind::post_opened:
      if (!to.post_opened({in.name}, in.flag)) return local_error(errc::wrong_state);
      return {};
    case kind::post_received: return to.post_received({in.name}, in.body, in.now);
    case kind::post_too_large: return to.post_too_large({in.name}), result<void>{};
    case kind::exchange_aborted: return to.exchange_aborted({in.name}), result<void>{};
    case kind::set_jsonp: return to.set_jsonp(in.data.data), result<void>{};
    case kind::advance: return to.advance(in.now), result<void>{};
    case kind::send: return to.send(in.item);
    case kind::break_off: return to.break_off(), result<void>{};
    case kind::close: break;
  }
  to.close(in.now, in.flag);
  return {};
}

}  // namespace siokit::inline v0::engineio
