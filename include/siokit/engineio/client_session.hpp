// siokit/engineio/client_session.hpp - one Engine.IO session, seen from the client.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revision 4; the fine print is in docs/protocol.md. Pure: answers, frames and time
// in; requests, packets and events out. One object is one session: from its first request to its end.
//
//   phase     input                                            next
//   idle      open()                                           opening
//   opening   open packet                                      open
//   opening   a failure                                        opening (the next transport) | closed
//   open      close()                                          closing, until all is sent | closed
//   open      CLOSE packet, failure, no ping for too long      closed
//   upgrade   none -> opening (a second wire) -> probing (2probe) -> pausing (3probe; until no request is
//             under way) -> websocket (5) | none (anything else)
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "siokit/core/ids.hpp"
#include "siokit/core/outbox.hpp"
#include "siokit/engineio/client_config.hpp"
#include "siokit/engineio/client_event.hpp"
#include "siokit/engineio/open_packet.hpp"
#include "siokit/engineio/payload.hpp"
#include "siokit/engineio/query.hpp"

namespace siokit::inline v0::engineio {

class client_session {
 public:
  /// `config` outlives the session. `names`: the last number given to a wire or an exchange, shared by all
  /// sessions of one host so that what is late for one never reaches another. `seed`: random; makes requests
  /// differ from those of other clients. `websocket_first`: begin with it, if the transports have it.
  client_session(client_config const& config, std::uint64_t& names, std::uint64_t seed,
                 bool websocket_first = false) noexcept
      : config_(&config), names_(&names), seed_(seed), websocket_first_(websocket_first) {}

  // Inputs from the host.

  /// The WebSocket that open_wire asked for is open.
  void wire_opened(wire which, time_point now);
  /// One WebSocket message. Its bytes are read in place: they live until poll_event() has returned nullopt.
  /// Error, local: events_pending. What the peer did wrong ends in a closed event.
  result<void> receive(wire which, frame const& in, time_point now);
  /// The WebSocket is gone, or could not be opened. `why`: errc::ok when its peer closed it.
  void wire_lost(wire which, error why = {});
  /// The answer to a request. Same lifetime and error as receive(); `body` is written to, since base64 is
  /// decoded in place.
  result<void> response_received(exchange which, std::uint16_t status, std::span<char> body, time_point now);
  /// No answer will come. `why`: errc::ok is as good as any.
  void request_failed(exchange which, error why = {});
  /// Time passed. May be called early, late and repeatedly.
  void advance(time_point now);

  // Inputs from the application.

  /// Begins. Error, local: wrong_state when it has begun before, invalid_argument without a transport.
  result<void> open(time_point now);
  /// Queues a message. Errors, local: gone unless open; outbox_full; ping_timeout when the server should have
  /// been heard of before `now`, as after the sleep of a laptop: the session is then closed. In each case
  /// nothing was sent.
  result<void> send(message item, time_point now) {
    return send(std::move(item), now, config_->outbox_bytes_max);
  }
  /// The same with a limit of the caller's own, in bytes.
  result<void> send(message item, time_point now, std::size_t outbox_bytes_max);
  /// Ends the session after what is queued has been sent, or, before it is open, when the server has
  /// answered, within some seconds.
  void close(time_point now);

  // Outputs. Pull each until it returns nullopt, events first.

  [[nodiscard]] std::optional<client_event> poll_event(time_point now);
  [[nodiscard]] std::optional<client_action> poll_action();
  /// What is to be sent on main_wire() or probe_wire(), before any action is carried out.
  [[nodiscard]] std::optional<message> poll_transmit(wire which);
  [[nodiscard]] time_point next_deadline() const noexcept { return ping_deadline_; }

  // Queries.

  /// The id of the session, empty before it is open.
  [[nodiscard]] std::string const& id() const noexcept { return id_; }
  [[nodiscard]] transport current() const noexcept { return transport_; }
  [[nodiscard]] bool is_open() const noexcept { return phase_ == phase::open; }
  [[nodiscard]] bool closed() const noexcept { return phase_ == phase::closed; }
  /// Whether a message sent now would leave at once: what a volatile event asks.
  [[nodiscard]] bool writable() const noexcept {
    return is_open() && outbox_.empty() && stage_ != upgrade::pausing && !post_;
  }
  [[nodiscard]] std::size_t bytes_queued() const noexcept { return outbox_.bytes(); }
  [[nodiscard]] wire main_wire() const noexcept { return wire_; }
  [[nodiscard]] wire probe_wire() const noexcept { return probe_; }
  /// Whether a WebSocket worked: what remember_upgrade remembers.
  [[nodiscard]] bool websocket_succeeded() const noexcept { return websocket_succeeded_; }
  /// Nothing is left to pull: the session may be destroyed.
  [[nodiscard]] bool finished() const noexcept { return closed() && !has_event() && actions_.empty(); }

 private:
  enum class phase : std::uint8_t { idle, opening, open, closing, closed };
  enum class upgrade : std::uint8_t { none, wanted, opening, probing, pausing };
  static constexpr auto answer_timeout = std::chrono::seconds(10);  // to the handshake of a closed session

  [[nodiscard]] bool has_event() const noexcept {
    return opened_due_ || reading() || ping_due_ || upgraded_due_ || upgrade_failed_due_ || closed_due_;
  }
  [[nodiscard]] bool reading() const noexcept { return frame_pending_ || !body_.done(); }
  [[nodiscard]] bool alive() const noexcept { return phase_ != phase::idle && phase_ != phase::closed; }
  [[nodiscard]] std::uint64_t new_name() noexcept { return ++*names_; }
  [[nodiscard]] std::string target(transport of);
  [[nodiscard]] client_action post();
  void try_transport(std::size_t index);
  void accept_packet(packet const& in, time_point now);
  void on_open_packet(std::string_view json, time_point now);
  void receive_probe(frame const& in);
  void fail_upgrade(error why);
  void shut(wire& which);
  void abort(exchange& which);
  void settle();
  void fail(errc code) { fail({code, side::remote, 0}); }
  void fail(error why);
  void end(close_reason reason, error why, bool say_so);
  void end_unopened(packet const& in);
  [[nodiscard]] std::optional<client_event> next_packet(time_point now);

  client_config const* config_;
  std::uint64_t* names_;
  std::uint64_t seed_;
  std::string id_;
  outbox outbox_;
  std::size_t max_payload_ = 0;         // the longest body that the server takes; 0: it did not say
  duration patience_{};                 // pingInterval and pingTimeout together
  time_point ping_deadline_ = never;    // when patience ends
  wire wire_;                           // the main one: opening or open
  wire probe_;                          // the one of an upgrade
  exchange poll_;                       // the GET under way
  exchange post_;                       // the POST under way
  std::vector<client_action> actions_;  // those that do not follow from the state: what is to be ended
  payload_reader body_;
  std::string_view frame_;
  error detail_;
  error upgrade_detail_;
  std::size_t transport_index_ = 0;
  transport transport_ = transport::polling;
  phase phase_ = phase::idle;
  upgrade stage_ = upgrade::none;
  close_reason reason_ = close_reason::forced_close;
  frame_kind frame_kind_ = frame_kind::text;
  bool websocket_first_;
  bool websocket_succeeded_ = false;
  bool wire_due_ = false;        // the main one is to be opened
  bool wire_open_ = false;       // it is
  bool probe_due_ = false;       // 2probe is to be sent
  bool completion_due_ = false;  // 5 is to be sent
  bool pong_due_ = false;        // one answers any number of pings, so that they can't fill the outbox
  bool frame_pending_ = false;
  bool opened_due_ = false;
  bool ping_due_ = false;
  bool upgraded_due_ = false;
  bool upgrade_failed_due_ = false;
  bool closed_due_ = false;
};

// Opening.

inline result<void> client_session::open(time_point) {
  if (phase_ != phase::idle) return local_error(errc::wrong_state);
  if (config_->transports.empty()) return local_error(errc::invalid_argument);
  phase_ = phase::opening;
  try_transport(0);
  return {};
}

/// The transports in their order; a WebSocket that has worked before comes first.
inline void client_session::try_transport(std::size_t index) {
  auto const& all = config_->transports;
  transport_index_ = index;
  std::size_t const websocket =
      static_cast<std::size_t>(std::find(all.begin(), all.end(), transport::websocket) - all.begin());
  if (websocket_first_ && websocket < all.size()) {
    index = index == 0 ? websocket : index <= websocket ? index - 1 : index;
  }
  transport_ = all[index];
  wire_due_ = transport_ == transport::websocket;
}

inline void client_session::on_open_packet(std::string_view json, time_point now) {
  auto opened = decode_open_packet(json);
  if (!opened) return fail(opened.error());
  id_ = std::move(opened->id);
  patience_ = opened->ping_interval + opened->ping_timeout;
  max_payload_ = opened->max_payload;
  ping_deadline_ = later(now, patience_);
  phase_ = phase::open;
  opened_due_ = true;
  if (transport_ == transport::websocket) websocket_succeeded_ = true;
  auto const& wanted = config_->transports;
  bool const has_websocket = std::find(wanted.begin(), wanted.end(), transport::websocket) != wanted.end();
  if (transport_ == transport::polling && config_->upgrade && opened->can_upgrade && has_websocket) {
    stage_ = upgrade::wanted;
  }
}

// Packets.

/// The packets every transport treats alike. A message becomes the pending view.
inline void client_session::accept_packet(packet const& in, time_point now) {
  if (phase_ == phase::opening) {
    if (in.type == packet_type::open && in.data.kind == frame_kind::text) {
      return on_open_packet(in.data.data, now);
    }
    return fail(errc::bad_open_packet);
  }
  if (id_.empty()) return end_unopened(in);
  switch (in.type) {
    case packet_type::message:
      frame_ = in.data.data;
      frame_kind_ = in.data.kind;
      frame_pending_ = true;
      return;
    case packet_type::ping:
      if (phase_ == phase::open) ping_deadline_ = later(now, patience_);  // closing does not take for ever
      ping_due_ = true;
      pong_due_ = true;
      return;
    case packet_type::close:
      if (transport_ == transport::polling) end(close_reason::transport_close, {}, false);
      return;
    case packet_type::open:
    case packet_type::pong:
    case packet_type::upgrade:
    case packet_type::noop: return;
  }
}

// Time.

inline void client_session::advance(time_point now) {
  if (alive() && ping_deadline_ <= now) {
    end(close_reason::ping_timeout, {errc::ping_timeout, side::remote, 0}, true);
  }
}

// Application.

inline result<void> client_session::send(message item, time_point now, std::size_t outbox_bytes_max) {
  if (!is_open()) return local_error(errc::gone);
  if (ping_deadline_ <= now) {
    advance(now);
    return local_error(errc::ping_timeout);
  }
  if (outbox_.bytes() + item.cost() > outbox_bytes_max) {
    return local_error(errc::outbox_full);
  }
  outbox_.push(std::move(item));
  return {};
}

inline void client_session::close(time_point now) {
  if (phase_ == phase::opening && transport_ == transport::polling && poll_) {
    // The server may have made a session already: its answer says which one is not wanted.
    phase_ = phase::closing;
    ping_deadline_ = later(now, answer_timeout);
    return actions_.push_back({.type = client_action::kind::leave, .request = poll_});
  }
  if (phase_ == phase::idle || phase_ == phase::opening) return end(close_reason::forced_close, {}, false);
  if (phase_ != phase::open) return;
  phase_ = phase::closing;
  settle();
}

/// The session was closed before the server has answered.
inline void client_session::end_unopened(packet const& in) {
  if (in.type == packet_type::open) {
    if (auto opened = decode_open_packet(in.data.data)) id_ = std::move(opened->id);
  }
  end(close_reason::forced_close, {}, true);
}

/// A failure of the transport: the next one is tried, or the session is over.
inline void client_session::fail(error why) {
  bool const another = phase_ == phase::opening && config_->try_all_transports &&
                       transport_index_ + 1 < config_->transports.size();
  if (!another) return end(close_reason::transport_error, why, false);
  shut(wire_);
  wire_open_ = false;
  body_ = {};
  try_transport(transport_index_ + 1);
}

/// `say_so`: the server does not know yet.
inline void client_session::end(close_reason reason, error why, bool say_so) {
  if (closed()) return;
  shut(wire_);
  shut(probe_);
  if (say_so && transport_ == transport::polling && !id_.empty() && !post_) {
    // The answers to this and to a pending GET are of no interest, but the server is to send them.
    actions_.push_back({.type = client_action::kind::post,
                        .request = {new_name()},
                        .target = target(transport_),
                        .body = "1"});
    if (poll_) actions_.push_back({.type = client_action::kind::leave, .request = std::exchange(poll_, {})});
  } else {
    abort(poll_);
    abort(post_);
  }
  outbox_.clear();
  body_ = {};
  frame_pending_ = false;
  upgraded_due_ = upgrade_failed_due_ = wire_due_ = probe_due_ = completion_due_ = pong_due_ = false;
  stage_ = upgrade::none;
  ping_deadline_ = never;
  phase_ = phase::closed;
  reason_ = reason;
  detail_ = why;
  closed_due_ = true;
}

inline void client_session::shut(wire& which) {
  if (!which) return;
  actions_.push_back({.type = client_action::kind::shut_wire, .on = std::exchange(which, {})});
}

inline void client_session::abort(exchange& which) {
  if (!which) return;
  actions_.push_back({.type = client_action::kind::abort, .request = std::exchange(which, {})});
}

// Outputs.

/// The pending view of a WebSocket frame, or the rest of a polling body.
inline std::optional<client_event> client_session::next_packet(time_point now) {
  while (!frame_pending_ && !body_.done()) {
    auto const decoded = body_.next();
    decoded ? accept_packet(*decoded, now) : fail(decoded.error());
    if (opened_due_ || ping_due_) return std::nullopt;  // these come first
  }
  if (!std::exchange(frame_pending_, false)) return std::nullopt;
  return client_event{.type = client_event::kind::message, .data = {frame_kind_, frame_}};
}

inline std::optional<client_event> client_session::poll_event(time_point now) {
  using kind = client_event::kind;
  for (;;) {
    if (std::exchange(opened_due_, false)) return client_event{.type = kind::opened};
    if (std::exchange(ping_due_, false)) return client_event{.type = kind::ping};
    if (!reading()) break;
    if (auto message = next_packet(now)) return message;
  }
  settle();  // the last packet of a body has been read
  if (std::exchange(upgraded_due_, false)) return client_event{.type = kind::upgraded};
  if (std::exchange(upgrade_failed_due_, false)) {
    return client_event{.type = kind::upgrade_failed, .detail = upgrade_detail_};
  }
  if (!std::exchange(closed_due_, false)) return std::nullopt;
  return client_event{.type = kind::closed, .reason = reason_, .detail = detail_};
}

inline std::optional<message> client_session::poll_transmit(wire which) {
  if (!which || !alive()) return std::nullopt;
  if (which == probe_ && std::exchange(probe_due_, false)) {
    return encode_packet(packet_type::ping, "probe");
  }
  if (which != wire_ || !wire_open_) return std::nullopt;
  if (std::exchange(completion_due_, false)) return encode_packet(packet_type::upgrade);
  if (std::exchange(pong_due_, false)) return encode_packet(packet_type::pong);
  if (!outbox_.empty()) return outbox_.pop();
  settle();
  return std::nullopt;
}

inline std::optional<client_action> client_session::poll_action() {
  using kind = client_action::kind;
  if (!actions_.empty()) {
    client_action first = std::move(actions_.front());
    actions_.erase(actions_.begin());
    return first;
  }
  if (!alive() || phase_ == phase::idle) return std::nullopt;
  if (std::exchange(wire_due_, false)) {
    wire_ = {new_name()};
    return client_action{.type = kind::open_wire, .on = wire_, .target = target(transport::websocket)};
  }
  if (stage_ == upgrade::wanted && phase_ == phase::open) {
    stage_ = upgrade::opening;
    probe_ = {new_name()};
    return client_action{.type = kind::open_wire, .on = probe_, .target = target(transport::websocket)};
  }
  bool const may_request = transport_ == transport::polling && stage_ != upgrade::pausing && !reading();
  if (!may_request) return std::nullopt;
  if (!poll_) {
    poll_ = {new_name()};
    return client_action{.type = kind::get, .request = poll_, .target = target(transport::polling)};
  }
  if (phase_ != phase::opening && !post_ && (pong_due_ || !outbox_.empty())) return post();
  return std::nullopt;
}

}  // namespace siokit::inline v0::engineio

#include "siokit/engineio/client_session_transports.hpp"
