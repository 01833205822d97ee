// siokit/engineio/server_session.hpp - one Engine.IO session, seen from the server.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revisions 4 and 3; the fine print is in docs/protocol.md. Pure: bytes and time
// in, packets out. Owns its outbox; what only polling and upgrades need hangs on one pointer that a WebSocket
// session never allocates.
//
//   phase     input                                         next
//   open      close()                                       closing (polling) | closed (websocket)
//   open      CLOSE packet, wire lost, error, ping timeout  closed
//   closing   next poll answered, or 30 s passed            closed
//   upgrade   none -> probing (second wire) -> probed (2probe) -> websocket (5) | none (anything else, or too
//   late)
#pragma once

#include <memory>

#include "siokit/core/ids.hpp"
#include "siokit/core/outbox.hpp"
#include "siokit/engineio/jsonp.hpp"
#include "siokit/engineio/observer.hpp"
#include "siokit/engineio/open_packet.hpp"
#include "siokit/engineio/polling.hpp"
#include "siokit/engineio/session_event.hpp"

namespace siokit::inline v0::engineio {

class server_session {
 public:
  /// Starts a session; its open packet is queued. `config` outlives the session.
  /// `base64_only`: the client asked by b64=1 for no binary frames. `revision`: 4 or 3.
  server_session(server_config const& config, sid id, transport first, time_point now,
                 bool base64_only = false, std::uint8_t revision = 4);

  // Inputs from the host.

  /// A WebSocket of this session is open: its first transport, or the second one of an upgrade. Error,
  /// remote: upgrade_failed when the session wants none; the host then closes the WebSocket without a code.
  result<void> wire_opened(wire which, time_point now);
  /// One WebSocket message. Its bytes are read in place: they live until poll_event() has returned nullopt.
  /// Error, local: events_pending. What the peer did wrong ends in a closed event.
  result<void> receive(wire which, frame const& in, time_point now);
  /// The WebSocket is gone. `why`: what its peer did wrong, or errc::ok when it just closed.
  void wire_lost(wire which, error why = {});

  void poll_opened(exchange which, time_point now);
  /// False: refused, the answer is ready and the body is of no interest.
  bool post_opened(exchange which, bool binary_content);
  /// The whole body of a POST. Same lifetime and error as receive(); written to, since base64 is decoded in
  /// place.
  result<void> post_received(exchange which, std::span<char> body, time_point now);
  void post_too_large(exchange which);
  /// The connection of an exchange broke before its answer.
  void exchange_aborted(exchange which);

  /// Time passed. May be called early, late and repeatedly.
  void advance(time_point now);

  // Inputs from the application.

  /// Queues a message. Errors, local: gone after close(), outbox_full (the session is then closed).
  result<void> send(message item);
  /// Ends the session after what is queued has been sent; `discard`: at once.
  void close(time_point now, bool discard = false);
  /// An input or a message is lost, for want of memory: nothing may follow it.
  void break_off() noexcept {
    outbox_.clear();
    fail(close_reason::transport_error, errc::out_of_memory, side::local);
  }

  // Outputs. Pull each until it returns nullopt, events first.

  [[nodiscard]] std::optional<session_event> poll_event(time_point now);
  [[nodiscard]] std::optional<transmit> poll_transmit(wire which);
  [[nodiscard]] std::optional<response> poll_response();
  [[nodiscard]] time_point next_deadline() const noexcept { return earliest(heartbeat_, other_deadline()); }

  [[nodiscard]] bool has_event() const noexcept {
    return opened_due_ || reading() || closed_due_ || upgraded_due_;
  }
  /// Whether another pull has anything to do: an event, or memory to give back.
  [[nodiscard]] bool unpulled() const noexcept {
    return has_event() || (polling_ && !polling_->decoded.empty());
  }
  [[nodiscard]] bool has_transmit(wire which) const noexcept;
  [[nodiscard]] bool has_response() const noexcept;

  /// Speaks JSONP from now on, with this value of the parameter `j`. Only of a polling session.
  void set_jsonp(std::string_view j) { rare().jsonp = jsonp_head(j); }

  // Queries.

  [[nodiscard]] sid const& id() const noexcept { return id_; }
  [[nodiscard]] transport current() const noexcept { return transport_; }
  [[nodiscard]] std::uint8_t revision() const noexcept { return revision3_ ? 3 : 4; }
  [[nodiscard]] bool open() const noexcept { return phase_ == phase::open; }
  [[nodiscard]] bool closed() const noexcept { return phase_ == phase::closed; }
  /// Whether a message sent now would leave at once: what a volatile event asks.
  [[nodiscard]] bool writable() const noexcept {
    return open() && outbox_.empty() && (transport_ == transport::websocket || (polling_ && polling_->poll));
  }
  [[nodiscard]] std::size_t messages_queued() const noexcept { return outbox_.size(); }
  [[nodiscard]] std::size_t bytes_queued() const noexcept { return outbox_.bytes(); }
  /// Whether a message can be queued without the session being closed for it.
  [[nodiscard]] bool has_room_for(message const& item) const noexcept {
    return outbox_.size() < config_->outbox_messages_max &&
           outbox_.bytes() + item.cost() <= config_->outbox_bytes_max;
  }
  [[nodiscard]] wire main_wire() const noexcept { return wire_; }
  [[nodiscard]] wire probe_wire() const noexcept { return polling_ ? polling_->probe : wire{}; }
  /// Whether it is open, and all it sends goes over its one WebSocket.
  [[nodiscard]] bool has_only_wire() const noexcept { return open() && wire_ && !polling_; }
  /// Requests that are still to be answered, whether or not the answer is known already.
  [[nodiscard]] std::size_t requests_pending() const noexcept { return polling_ ? polling_->pending() : 0; }
  /// The heartbeat's own deadline, and whether it waits for a pong (in revision 3: always for a ping): hosts
  /// with many sessions keep it in lanes.
  [[nodiscard]] time_point heartbeat_deadline() const noexcept { return heartbeat_; }
  [[nodiscard]] bool awaits_pong() const noexcept { return awaits_pong_; }
  /// Every deadline but the heartbeat.
  [[nodiscard]] time_point other_deadline() const noexcept {
    return polling_ ? earliest(polling_->close_deadline,
                               earliest(polling_->upgrade_deadline, polling_->noop_deadline))
                    : never;
  }
  /// Nothing is left to pull and no wire is left to shut: the session may be destroyed.
  [[nodiscard]] bool finished() const noexcept {
    return closed() && !has_event() && !wire_ && !probe_wire() && !has_response();
  }

 private:
  enum class phase : std::uint8_t { open, closing, closed };
  enum class upgrade : std::uint8_t { none, probing, probed, refused };
  /// What only a session that polls, has polled, or has no binary frames, needs.
  struct polling_state : exchanges {
    wire probe;
    time_point upgrade_deadline = never;
    time_point noop_deadline = never;
    time_point close_deadline = never;
    std::string decoded;  // what could not be read in place: base64 of a WebSocket, the form of JSONP
    std::string jsonp;    // what stands before each payload; empty without JSONP
    upgrade stage = upgrade::none;
    bool pong_due = false;      // 3probe is to be sent on the probe
    bool handshake_due = true;  // the first response carries the open packet alone
  };

  static constexpr auto noop_interval = std::chrono::milliseconds(100);
  static constexpr auto close_timeout = std::chrono::seconds(30);

  [[nodiscard]] bool reading() const noexcept { return frame_pending_ || (polling_ && polling_->post_read); }
  /// Answers the pending GET, unless there is something queued to answer it with: upstream flushes at once,
  /// so that such a GET would have been answered before.
  void answer_poll(answer what) {
    if (polling_ && outbox_.empty()) polling_->answer_poll(what);
  }
  [[nodiscard]] polling_state& rare() {
    if (!polling_) polling_ = std::make_unique<polling_state>();
    return *polling_;
  }
  [[nodiscard]] payload_form text_form() const noexcept {
    return revision3_ ? payload_form::text : payload_form::separated;
  }
  [[nodiscard]] static bool holds_binary(message const& item) noexcept {
    for (auto packets = item.packets(); !packets.done();) {
      if (packets.next().kind == frame_kind::binary) return true;
    }
    return false;
  }
  [[nodiscard]] duration peer_silence_max() const noexcept {
    return later(time_point(config_->ping_interval), config_->ping_timeout) - time_point{};
  }
  [[nodiscard]] result<packet> decode(frame const& in);
  [[nodiscard]] frame decode_base64(std::string_view text);
  [[nodiscard]] bool within_rates(std::size_t bytes, time_point now);
  void note_alive(time_point now);
  void accept_message(frame_kind kind, std::string_view data);
  void accept_packet(packet const& in, time_point now);
  void receive_probe(frame const& in, time_point now);
  void complete_upgrade(time_point now);
  void drop_probe();
  void fail(close_reason reason, errc code, side blame = side::remote);
  void end(close_reason reason, error detail);
  [[nodiscard]] std::optional<session_event> next_packet(time_point now);
  [[nodiscard]] std::optional<session_event> next_of_body(time_point now);
  [[nodiscard]] response poll_answer(exchange to, std::size_t count, std::string_view closing) const;

  server_config const* config_;
  sid id_;
  wire wire_;
  time_point heartbeat_;
  token_bucket packets_;
  token_bucket bytes_;
  outbox outbox_;
  std::unique_ptr<polling_state> polling_;
  std::string_view frame_;
  error detail_;
  transport transport_;
  phase phase_ = phase::open;
  close_reason reason_ = close_reason::forced_close;
  frame_kind frame_kind_ = frame_kind::text;
  bool frame_pending_ : 1 = false;
  bool opened_due_ : 1 = false;
  bool upgraded_due_ : 1 = false;
  bool closed_due_ : 1 = false;
  bool awaits_pong_ : 1 = false;
  bool grace_used_ : 1 = false;
  bool base64_only_ : 1;
  bool revision3_ : 1;
};
static_assert(sizeof(server_session) <= 152, "an idle session must stay small: see docs/architecture.md");

inline server_session::server_session(server_config const& config, sid id, transport first, time_point now,
                                      bool base64_only, std::uint8_t revision)
    : config_(&config),
      id_(id),
      heartbeat_(later(now, config.ping_interval)),
      transport_(first),
      base64_only_(base64_only),
      revision3_(revision == 3) {
  if (revision3_) {  // nobody is pinged: from now on it is the client who must not be silent for too long
    awaits_pong_ = grace_used_ = true;
    heartbeat_ = later(now, peer_silence_max());
  }
  if (first == transport::polling) {
    polling_ = std::make_unique<polling_state>();
    opened_due_ = true;
  }
  outbox_.push(encode_open_packet(config, id_, first));
  if (config.initial_packet) outbox_.push(config.initial_packet);
}

// WebSocket.

inline result<void> server_session::wire_opened(wire which, time_point now) {
  if (phase_ == phase::closed) return remote_error(errc::upgrade_failed);
  if (transport_ == transport::websocket) {
    if (wire_) return remote_error(errc::upgrade_failed);
    wire_ = which;
    opened_due_ = true;
    return {};
  }
  if (polling_->probe || !config_->allow_upgrades) return remote_error(errc::upgrade_failed);
  polling_->probe = which;
  polling_->stage = upgrade::probing;
  polling_->upgrade_deadline = later(now, config_->upgrade_timeout);
  return {};
}

inline result<void> server_session::receive(wire which, frame const& in, time_point now) {
  if (reading()) return local_error(errc::events_pending);
  bool const probes = which == probe_wire() && which;
  if (!probes && (which != wire_ || !open())) return {};  // a late frame of a wire that is no longer ours
  if (!within_rates(in.data.size(), now)) return {};
  if (probes) {
    receive_probe(in, now);
    return {};
  }
  if (in.kind == frame_kind::text && in.data.starts_with('4')) {  // nearly all: nothing is copied
    note_alive(now);
    accept_message(frame_kind::text, in.data.substr(1));
    return {};
  }
  auto const decoded = decode(in);
  if (!decoded) {
    fail(close_reason::parse_error, decoded.error().code);
    return {};
  }
  accept_packet(*decoded, now);
  return {};
}

/// A client that cannot receive binary frames sends none either: binary data as 'b' and base64, as in a
/// payload. In revision 3 the type digit stands between them.
inline result<packet> server_session::decode(frame const& in) {
  bool const base64 = in.kind == frame_kind::text && in.data.starts_with('b');
  if (!base64) return revision3_ ? revision3::decode_packet(in) : decode_packet(in);
  if (!revision3_) return packet{packet_type::message, decode_base64(in.data.substr(1))};
  return decode_packet({frame_kind::text, in.data.substr(1)}).map([this](packet const& out) {
    if (out.type != packet_type::message) return packet{out.type, {}};
    return packet{out.type, decode_base64(out.data.data)};
  });
}

inline frame server_session::decode_base64(std::string_view text) {
  std::string& kept = rare().decoded;
  kept.resize(text.size());
  kept.resize(base64_decode(text, kept.data()));
  if (kept.empty()) std::string().swap(kept);  // there is nothing that the next pull gives back
  return {frame_kind::binary, kept};
}

inline void server_session::wire_lost(wire which, error why) {
  if (!which) return;
  if (which == probe_wire()) {
    polling_->probe = {};
    drop_probe();
  } else if (which == wire_) {
    wire_ = {};
    outbox_.clear();
    end(why.code == errc::ok ? close_reason::transport_close : close_reason::transport_error, why);
  }
}

/// Counts a packet that has come. False: it is too much, and the session is closed for that.
inline bool server_session::within_rates(std::size_t bytes, time_point now) {
  bool const packet = packets_.take(config_->packet_rate, 1, now);
  if (packet && bytes_.take(config_->byte_rate, static_cast<double>(bytes), now)) return true;
  fail(close_reason::transport_error, packet ? errc::byte_rate : errc::packet_rate);
  return false;
}

/// A peer that is busy sending is alive: its first packet but a pong restarts the pong timer, once per ping.
inline void server_session::note_alive(time_point now) {
  if (!awaits_pong_ || grace_used_) return;
  grace_used_ = true;
  heartbeat_ = later(now, config_->ping_timeout);
}

/// A message becomes the pending view.
inline void server_session::accept_message(frame_kind kind, std::string_view data) {
  frame_ = data;
  frame_kind_ = kind;
  frame_pending_ = true;
}

/// The packets every transport treats alike.
inline void server_session::accept_packet(packet const& in, time_point now) {
  if (in.type != packet_type::pong) note_alive(now);
  switch (in.type) {
    case packet_type::message: return accept_message(in.data.kind, in.data.data);
    case packet_type::pong:
      if (revision3_) return fail(close_reason::transport_error, errc::heartbeat_direction);
      if (config_->observer != nullptr && awaits_pong_ && !grace_used_) {
        config_->observer->on_pong(*this, now - heartbeat_ + config_->ping_timeout);
      }
      awaits_pong_ = false;
      heartbeat_ = later(now, config_->ping_interval);
      return;
    case packet_type::ping:
      if (!revision3_) return fail(close_reason::transport_error, errc::heartbeat_direction);
      heartbeat_ = later(now, peer_silence_max());
      static_cast<void>(send(encode_packet(packet_type::pong)));  // counted: a peer may ping and never read
      return;
    case packet_type::close:
      if (transport_ == transport::polling) {
        answer_poll(answer::noop);
        end(close_reason::transport_close, {});
      }
      return;
    case packet_type::open:
    case packet_type::upgrade:
    case packet_type::noop: return;
  }
}

// Time.

inline void server_session::advance(time_point now) {
  if (closed()) return;
  if (heartbeat_ <= now) {
    if (awaits_pong_) {
      outbox_.clear();
      return fail(close_reason::ping_timeout, errc::ping_timeout);
    }
    awaits_pong_ = true;
    grace_used_ = false;
    heartbeat_ = later(now, config_->ping_timeout);
    outbox_.push(encode_packet(packet_type::ping));
  }
  if (!polling_) return;
  if (polling_->upgrade_deadline <= now) drop_probe();
  if (polling_->noop_deadline <= now) {
    polling_->noop_deadline = later(now, noop_interval);
    if (outbox_.empty()) answer_poll(answer::noop);
  }
  if (polling_->close_deadline <= now) end(close_reason::forced_close, {});
}

// Application.

inline result<void> server_session::send(message item) {
  if (!open()) return local_error(errc::gone);
  if (!has_room_for(item)) {
    outbox_.clear();
    fail(close_reason::transport_error, errc::outbox_full);
    return remote_error(errc::outbox_full);
  }
  if ((!base64_only_ && !revision3_) || !holds_binary(item)) {
    outbox_.push(std::move(item));
    return {};
  }
  for (auto packets = item.packets(); !packets.done();) {
    frame const each = packets.next();
    if (revision3_) {
      outbox_.push(revision3::encode_packet(each, base64_only_));
    } else {
      std::string text;
      append_packet(text, each);
      outbox_.push(text_message(text));
    }
  }
  return {};
}

inline void server_session::close(time_point now, bool discard) {
  if (phase_ == phase::closing && discard) return end(close_reason::forced_close, {});
  if (!open()) return;
  bool const answerable = polling_ && polling_->poll && outbox_.empty();
  bool const must_wait = transport_ == transport::polling && !answerable && !discard;
  if (!must_wait) {
    answer_poll(answer::close);
    return end(close_reason::forced_close, {});
  }
  phase_ = phase::closing;
  heartbeat_ = never;
  polling_->close_deadline = later(now, close_timeout);
}

inline void server_session::fail(close_reason reason, errc code, side blame) {
  answer_poll(answer::close);
  end(reason, {code, blame, 0});
}

inline void server_session::end(close_reason reason, error detail) {
  if (closed()) return;
  phase_ = phase::closed;
  reason_ = reason;
  detail_ = detail;
  heartbeat_ = never;
  closed_due_ = true;
  upgraded_due_ = false;
  if (!polling_) return;
  drop_probe();
  polling_->close_deadline = never;
  if (polling_->post && !polling_->post_read)
    polling_->answer_with(std::exchange(polling_->post, {}), answer::destroy);
}

// Outputs.

/// The pending view of a WebSocket frame, or the rest of a polling body.
inline std::optional<session_event> server_session::next_packet(time_point now) {
  if (frame_pending_) {
    frame_pending_ = false;
    if (!open()) return std::nullopt;
    return session_event{.type = session_event::kind::message, .data = {frame_kind_, frame_}};
  }
  return polling_ && polling_->post_read ? next_of_body(now) : std::nullopt;
}

inline std::optional<session_event> server_session::poll_event(time_point now) {
  if (opened_due_) {
    opened_due_ = false;
    return session_event{.type = session_event::kind::opened};
  }
  if (reading()) {
    if (auto message = next_packet(now)) return message;
  }
  if (upgraded_due_) {
    upgraded_due_ = false;
    return session_event{.type = session_event::kind::upgraded};
  }
  if (polling_) std::string().swap(polling_->decoded);  // which gives the memory back
  if (closed_due_) {
    closed_due_ = false;
    return session_event{.type = session_event::kind::closed, .reason = reason_, .detail = detail_};
  }
  return std::nullopt;
}

inline bool server_session::has_transmit(wire which) const noexcept {
  if (!which) return false;
  if (which == probe_wire()) return polling_->pong_due || polling_->stage == upgrade::refused;
  return which == wire_ && (!outbox_.empty() || closed());
}

/// Once `shut` was handed out, the wire is forgotten.
inline std::optional<transmit> server_session::poll_transmit(wire which) {
  if (!has_transmit(which)) return std::nullopt;
  if (which == probe_wire()) {
    if (std::exchange(polling_->pong_due, false)) return transmit{encode_packet(packet_type::pong, "probe")};
    polling_->probe = {};
    polling_->stage = upgrade::none;
    return transmit{.shut = true};
  }
  if (!outbox_.empty()) return transmit{outbox_.pop()};
  wire_ = {};
  return transmit{.shut = true};
}

}  // namespace siokit::inline v0::engineio

#include "siokit/engineio/server_session_polling.hpp"
