// siokit/engineio/client_session_transports.hpp - WebSocket and polling of a client's session.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, "Transports" and "Upgrade". What a session does with its wires and requests.
#pragma once

#include "siokit/engineio/client_session.hpp"

namespace siokit::inline v0::engineio {

// WebSocket.

inline void client_session::wire_opened(wire which, time_point) {
  if (which == probe_ && stage_ == upgrade::opening) {
    stage_ = upgrade::probing;
    probe_due_ = true;
  } else if (which == wire_) {
    wire_open_ = true;
  }
}

inline result<void> client_session::receive(wire which, frame const& in, time_point now) {
  if (reading()) return local_error(errc::events_pending);
  if (!which || !alive()) return {};
  if (which == probe_) {
    receive_probe(in);
  } else if (which == wire_) {
    auto const decoded = decode_packet(in);
    decoded ? accept_packet(*decoded, now) : fail(decoded.error());
  }
  settle();
  return {};
}

inline void client_session::wire_lost(wire which, error why) {
  if (!which) return;
  if (which == probe_) {
    probe_ = {};
    if (alive()) fail_upgrade(why.code == errc::ok ? error{errc::websocket_error, side::remote, 0} : why);
    settle();
  } else if (which == wire_) {
    bool const was_open = wire_open_;
    wire_ = {};
    wire_open_ = false;
    if (!alive()) return;
    if (was_open && why.code == errc::ok && phase_ != phase::opening) {
      return end(close_reason::transport_close, {}, false);
    }
    fail(why.code == errc::ok ? error{errc::websocket_error, side::remote, 0} : why);
  }
}

// Polling.

inline result<void> client_session::response_received(exchange which, std::uint16_t status,
                                                      std::span<char> body, time_point) {
  if (reading()) return local_error(errc::events_pending);
  if (!which || !alive()) return {};
  if (which == poll_) {
    poll_ = {};
    if (status != 200) {
      fail(errc::poll_error);
    } else {
      body_ = payload_reader(body);
    }
  } else if (which == post_) {
    post_ = {};
    if (status != 200) fail(errc::post_error);
  }
  if (!reading()) settle();
  return {};
}

inline void client_session::request_failed(exchange which, error why) {
  if (!which || !alive()) return;
  if (which == poll_) {
    poll_ = {};
    fail(why.code == errc::ok ? error{errc::poll_error, side::remote, 0} : why);
  } else if (which == post_) {
    post_ = {};
    fail(why.code == errc::ok ? error{errc::post_error, side::remote, 0} : why);
  }
}

// Upgrade.

inline void client_session::receive_probe(frame const& in) {
  if (stage_ != upgrade::probing || in.kind != frame_kind::text || in.data != "3probe") {
    return fail_upgrade({errc::upgrade_failed, side::remote, 0});
  }
  websocket_succeeded_ = true;
  stage_ = upgrade::pausing;
}

/// The session goes on polling.
inline void client_session::fail_upgrade(error why) {
  stage_ = upgrade::none;
  probe_due_ = false;
  shut(probe_);
  upgrade_failed_due_ = true;
  upgrade_detail_ = why;
}

/// What may happen as soon as nothing is under way: the end of an upgrade, or of a session.
inline void client_session::settle() {
  bool const quiet = !poll_ && !post_ && !reading();
  if (stage_ == upgrade::pausing && alive() && quiet) {
    transport_ = transport::websocket;
    wire_ = std::exchange(probe_, {});
    wire_open_ = true;
    stage_ = upgrade::none;
    completion_due_ = true;
    upgraded_due_ = true;
  }
  bool const upgrading = stage_ == upgrade::pausing;
  bool const known = !id_.empty();  // else the answer to the first request is to come
  if (phase_ == phase::closing && known && outbox_.empty() && !completion_due_ && !post_ && !upgrading) {
    end(close_reason::forced_close, {}, true);
  }
}

// Requests.

/// What is queued, as much of it as the server takes at once, but at least one message.
inline client_action client_session::post() {
  std::string body;
  append_message(body, std::exchange(pong_due_, false) ? encode_packet(packet_type::pong) : outbox_.pop());
  while (!outbox_.empty()) {
    std::size_t const before = body.size();
    append_message(body, outbox_.front());
    if (max_payload_ != 0 && body.size() > max_payload_) {
      body.resize(before);
      break;
    }
    static_cast<void>(outbox_.pop());
  }
  post_ = {new_name()};
  return {.type = client_action::kind::post,
          .request = post_,
          .target = target(transport::polling),
          .body = std::move(body)};
}

/// The path and query of a request.
inline std::string client_session::target(transport of) {
  std::string out = config_->path;
  out += '?';
  if (!config_->query.empty()) out.append(config_->query) += '&';
  out.append("EIO=4&transport=").append(to_string(of));
  if (!id_.empty()) out.append("&sid=") += percent_encode(id_);
  if (of == transport::polling && !config_->timestamp_param.empty()) {
    out.append("&").append(config_->timestamp_param) += '=';
    constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (std::uint64_t rest = seed_++ % (std::uint64_t{1} << 41); rest != 0; rest /= 36) {
      out += digits[rest % 36];
    }
  }
  return out;
}

}  // namespace siokit::inline v0::engineio
