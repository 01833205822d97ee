// siokit/engineio/server.hpp - all sessions of one Engine.IO server.   SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, revisions 4 and 3. Pure. Owns the sessions, the table of their ids, admission,
// and every deadline. The host feeds requests, wires and time, and pulls events, responses, transmits and the
// next deadline; the application (hub/, or your own) takes the events and answers. See docs/embedding.md.
#pragma once

#include <vector>

#include "siokit/core/deadlines.hpp"
#include "siokit/core/on_failure.hpp"
#include "siokit/core/slot_index.hpp"
#include "siokit/core/slot_list.hpp"
#include "siokit/core/slot_table.hpp"
#include "siokit/engineio/address_quota.hpp"
#include "siokit/engineio/recorder.hpp"
#include "siokit/engineio/server_event.hpp"

namespace siokit::inline v0::engineio {

class server {
 public:
  explicit server(server_config config) : config_(std::move(config)) {}
  server(server const&) = delete;
  server& operator=(server const&) = delete;

  [[nodiscard]] server_config const& config() const noexcept { return config_; }

  // Inputs from the host.

  /// A request whose target config().serves(). Verified and routed; a new session becomes an event
  /// handshake_requested.
  routed request(exchange from, engineio::request const& in, time_point now);
  void post_received(handle session, exchange from, std::span<char> body, time_point now);
  void post_too_large(handle session, exchange from);
  /// The connection broke before the answer to `from` was given.
  void exchange_aborted(handle session, exchange from);

  /// After a response with accept_wire. Error: the WebSocket is unwanted, close it without a code.
  result<void> wire_opened(handle session, wire which, time_point now);
  /// One WebSocket message; that text is UTF-8 was checked by the host. Error events_pending, local: pull
  /// poll_event() first.
  result<void> receive(handle session, wire which, frame const& in, time_point now);
  void wire_lost(handle session, wire which, error why = {});

  void advance(time_point now);

  // Inputs from the application.

  /// Answers handshake_requested: the session gets this id. Errors, local: gone, wrong_state;
  /// invalid_argument when the id is empty or in use (the client is then told "Bad request"). Error, remote:
  /// bad_request when the client speaks another revision, which it is told.
  result<void> admit(handle session, sid id, time_point now);
  /// Answers handshake_requested with a refusal.
  result<void> refuse(handle session, refusal const& why = refusals::forbidden());
  result<void> send(handle session, message item);
  void close(handle session, time_point now, bool discard = false);

  /// In place of the option `observer`; may pass on to it what it hears.
  void observe(engineio::observer* by) noexcept { config_.observer = by; }

  // Outputs. Pull each until it returns nullopt, events first.

  [[nodiscard]] std::optional<event> poll_event(time_point now);
  [[nodiscard]] std::optional<server_response> poll_response();
  /// A session with something to transmit: pull poll_transmit() for both of its wires.
  [[nodiscard]] std::optional<handle> poll_ready();
  [[nodiscard]] std::optional<transmit> poll_transmit(handle session, wire which);
  [[nodiscard]] time_point next_deadline() const noexcept {
    return earliest(heartbeats_.next_deadline(), others_.next_deadline());
  }

  // Queries.

  /// The session behind a handle, null when it is gone. Valid until the next input; for reading only.
  [[nodiscard]] server_session const* find(handle session) const noexcept {
    entry const* slot = at(session);
    return slot != nullptr && slot->session ? &*slot->session : nullptr;
  }
  /// The handshake request of a session, null when it is gone or was not kept.
  [[nodiscard]] request_head const* head(handle session) const noexcept {
    entry const* slot = at(session);
    return slot != nullptr ? slot->head.get() : nullptr;
  }
  /// Sessions that are open, and handshakes that await their answer.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The handles of all open sessions, for shutting down.
  [[nodiscard]] std::vector<handle> sessions() const;

 private:
  struct entry {
    std::optional<server_session> session;
    std::unique_ptr<request_head> head;
    exchange admission;  // the handshake that awaits its answer
    address_quota::place place;
    std::uint32_t generation = 0;
    bool used = false;
    bool websocket = false;    // the transport of the handshake
    bool base64_only = false;  // its parameter b64
    std::uint8_t revision = 4;
    bool initial_due = false;  // the response to the handshake is still to be given
    bool request_due = false;  // handshake_requested is still to be told
    std::uint32_t next_event = unlisted;
    std::uint32_t next_response = unlisted;
    std::uint32_t next_transmit = unlisted;
  };
  using table = slot_table<entry>;

  using input = session_input::kind;
  enum lane : std::uint8_t { ping_lane, pong_lane, revision3_lane };

  [[nodiscard]] entry const* at(handle session) const noexcept {
    if (session.slot >= entries_.size()) return nullptr;
    entry const& slot = entries_[session.slot];
    return slot.used && slot.generation == session.generation ? &slot : nullptr;
  }
  [[nodiscard]] entry* at(handle session) noexcept {
    return const_cast<entry*>(static_cast<server const*>(this)->at(session));
  }
  [[nodiscard]] handle handle_of(std::uint32_t slot) const noexcept {
    return {slot, entries_[slot].generation};
  }

  /// For `ids_`, where the slots of open sessions are.
  [[nodiscard]] auto id_of() const noexcept {
    return [this](std::uint32_t slot) { return entries_[slot].session->id().view(); };
  }

  [[nodiscard]] static event::kind from_session(session_event::kind type) noexcept {
    switch (type) {
      case session_event::kind::opened: return event::kind::opened;
      case session_event::kind::message: return event::kind::message;
      case session_event::kind::upgraded: return event::kind::upgraded;
      case session_event::kind::closed: break;
    }
    return event::kind::closed;
  }

  static void tell(observer& to, server_session const& about, session_event const& what) {
    switch (what.type) {
      case session_event::kind::opened: return to.on_opened(about);
      case session_event::kind::message: return to.on_received(about, what.data);
      case session_event::kind::upgraded: return to.on_upgraded(about);
      case session_event::kind::closed: return to.on_closed(about, what.reason, what.detail);
    }
  }

  handle allocate();
  void release(std::uint32_t slot);
  void settle(std::uint32_t slot);
  void settle_deadlines(std::uint32_t slot, server_session const& session);
  /// Ends a session that has lost what it was told, for want of memory. Needs none.
  void break_off(std::uint32_t slot) noexcept {
    server_session& session = *entries_[slot].session;
    if (config_.recorder != nullptr) config_.recorder->on_input(slot, session, {.type = input::break_off});
    session.break_off();
    settle(slot);
  }
  /// `act(session)` does something to it; `gone`: what to answer when the session is.
  template <class Act>
  result<void> with(handle session, result<void> const& gone, Act&& act) {
    entry* const slot = at(session);
    if (slot == nullptr || !slot->session) return gone;
    on_failure lost([&]() noexcept { break_off(session.slot); });
    auto const outcome = act(*slot->session);
    settle(session.slot);
    lost.done();
    return outcome;
  }
  result<void> with(handle session, session_input const& in, result<void> const& gone = {}) {
    return with(session, gone, [&](server_session& to) {
      if (config_.recorder != nullptr) config_.recorder->on_input(session.slot, to, in);
      return apply(to, in);
    });
  }

  server_config config_;
  address_quota addresses_;
  table entries_;
  std::vector<std::uint32_t> free_;
  slot_index ids_;
  std::size_t size_ = 0;
  slot_list<table, &entry::next_event> events_{entries_};
  slot_list<table, &entry::next_response> responses_{entries_};
  slot_list<table, &entry::next_transmit> transmits_{entries_};
  std::vector<server_response> immediate_;  // answers that belong to no session
  std::size_t immediate_head_ = 0;
  deadline_lanes heartbeats_{3};
  deadline_heap others_;
};

// Requests.

inline routed server::request(exchange from, engineio::request const& in, time_point now) {
  request_parameters const wants(in.target);
  std::optional<session_facts> facts;
  handle session;
  if (wants.sid && wants.sid->size() <= sid::size_max) {
    if (auto const known = ids_.find(*wants.sid, id_of()); known != slot_index::none) {
      session = handle_of(known);
      auto const& known_session = *entries_[known].session;
      facts = session_facts{known_session.current(), known_session.revision()};
    }
  }
  auto const verified = verify(config_, in, wants, facts ? &*facts : nullptr);
  if (!verified) {
    immediate_.push_back(refused_response(from, verified.error(), in.websocket));
    return {routed::kind::answered, {}};
  }
  switch (*verified) {
    case route::handshake: {
      auto place = addresses_.enter(network_of(in.remote_address), config_.sessions_per_address_max,
                                    errc::too_many_sessions, config_.handshake_rate, now);
      if (!place) {
        immediate_.push_back(refused_response(from, refusals::quota(place.error().code), in.websocket));
        return {routed::kind::answered, {}};
      }
      auto head = std::make_unique<request_head>(in);
      session = allocate();
      entry& slot = entries_[session.slot];
      slot.place = std::move(*place);
      slot.admission = from;
      slot.websocket = in.websocket;
      slot.base64_only = wants.base64_only;
      slot.revision = wants.revision;
      slot.head = std::move(head);
      slot.request_due = true;
      settle(session.slot);
      return {routed::kind::answered, session};
    }
    case route::poll:
      with(session, {.type = input::poll_opened, .name = from.value, .now = now});
      return {routed::kind::answered, session};
    case route::post: {
      bool const binary = in.find("content-type") == "application/octet-stream";
      bool const accepted{with(session, {.type = input::post_opened, .name = from.value, .flag = binary})};
      return {accepted ? routed::kind::post : routed::kind::answered, session};
    }
    case route::upgrade:
      // Upstream too accepts first: whether the session wants this wire is decided when it is open.
      immediate_.push_back({.answer = {.to = from, .status = 101}, .session = session, .accept_wire = true});
      return {routed::kind::answered, session};
  }
  return {routed::kind::answered, {}};
}

inline void server::post_received(handle session, exchange from, std::span<char> body, time_point now) {
  with(session, {.type = input::post_received, .name = from.value, .now = now, .body = body});
}

inline void server::post_too_large(handle session, exchange from) {
  with(session, {.type = input::post_too_large, .name = from.value});
}

inline void server::exchange_aborted(handle session, exchange from) {
  entry* slot = at(session);
  if (slot != nullptr && !slot->session && slot->admission == from) return release(session.slot);
  with(session, {.type = input::exchange_aborted, .name = from.value});
}

// Admission.

inline result<void> server::admit(handle session, sid id, time_point now) {
  entry* slot = at(session);
  if (slot == nullptr) return local_error(errc::gone);
  if (slot->session) return local_error(errc::wrong_state);
  if (slot->revision != 4 && !config_.allow_eio3) {
    static_cast<void>(refuse(session, refusals::unsupported_version()));
    return remote_error(errc::bad_request);
  }
  if (id.empty() || ids_.find(id, id_of()) != slot_index::none) {
    static_cast<void>(refuse(session, refusals::bad_request("ID_GENERATION_ERROR")));
    return local_error(errc::invalid_argument);
  }
  if (config_.keep == keep_handshake::query_and_auth) slot->head->drop_headers();
  auto const first = slot->websocket ? transport::websocket : transport::polling;
  session_start const start{id, first, slot->base64_only, slot->revision};
  on_failure not_yet([&]() noexcept {  // it may be tried again
    ids_.erase(session.slot, id, id_of());
    slot->session.reset();
  });
  slot->session.emplace(config_, id, first, now, slot->base64_only, slot->revision);
  if (config_.recorder != nullptr) config_.recorder->on_start(session.slot, config_, start, now);
  ids_.insert(session.slot, id_of());
  if (auto const j = slot->websocket ? std::nullopt : slot->head->query().find("j")) {
    with(session, {.type = input::set_jsonp, .data = {frame_kind::text, *j}});
  }
  exchange const from = slot->admission;
  if (slot->websocket) {
    immediate_.push_back(
        {.answer = {.to = from, .status = 101}, .session = session, .accept_wire = true, .initial = true});
  } else {
    slot->initial_due = true;
    with(session, {.type = input::poll_opened, .name = from.value, .now = now});
  }
  slot->admission = {};
  not_yet.done();
  if (config_.keep == keep_handshake::none) slot->head.reset();
  settle(session.slot);
  return {};
}

inline result<void> server::refuse(handle session, refusal const& why) {
  entry* slot = at(session);
  if (slot == nullptr) return local_error(errc::gone);
  if (slot->session) return local_error(errc::wrong_state);
  immediate_.push_back(refused_response(slot->admission, why, slot->websocket));
  release(session.slot);
  return {};
}

// Wires, time, application.

inline result<void> server::wire_opened(handle session, wire which, time_point now) {
  return with(session, {.type = input::wire_opened, .name = which.value, .now = now},
              local_error(errc::gone));
}

inline result<void> server::receive(handle session, wire which, frame const& in, time_point now) {
  if (config_.recorder != nullptr) {
    return with(session, {.type = input::receive, .name = which.value, .now = now, .data = in});
  }
  // The hot path makes no value of it.
  return with(session, {}, [&](server_session& to) { return to.receive(which, in, now); });
}

inline void server::wire_lost(handle session, wire which, error why) {
  with(session, {.type = input::wire_lost, .name = which.value, .why = why});
}

inline void server::advance(time_point now) {
  constexpr auto none = deadline_heap::none;
  for (auto key = heartbeats_.expire_one(now); key != none; key = heartbeats_.expire_one(now)) {
    with(handle_of(key), {.type = input::advance, .now = now});
  }
  for (auto key = others_.expire_one(now); key != none; key = others_.expire_one(now)) {
    with(handle_of(key), {.type = input::advance, .now = now});
  }
}

inline result<void> server::send(handle session, message item) {
  entry* const slot = at(session);
  if (slot == nullptr || !slot->session) return local_error(errc::gone);
  server_session& to = *slot->session;
  on_failure lost([&]() noexcept { break_off(session.slot); });
  if (config_.recorder != nullptr) {
    config_.recorder->on_input(session.slot, to, {.type = input::send, .item = item});
  }
  message const told = config_.observer != nullptr ? item : message();
  auto const outcome = to.send(std::move(item));
  // What goes over the one wire of a session changes nothing else that is to be settled.
  to.has_only_wire() ? transmits_.push(session.slot) : settle(session.slot);
  lost.done();
  if (outcome && told) config_.observer->on_queued(to, told);
  return outcome;
}

inline void server::close(handle session, time_point now, bool discard) {
  with(session, {.type = input::close, .now = now, .flag = discard});
}

// Outputs.

inline std::optional<event> server::poll_event(time_point now) {
  while (!events_.empty()) {
    std::uint32_t const key = events_.front();
    handle const session = handle_of(key);
    if (std::exchange(entries_[key].request_due, false))
      return event{event::kind::handshake_requested, session};
    if (auto& held = entries_[key].session) {
      on_failure lost([&]() noexcept { break_off(key); });
      bool const due = held->has_event();
      auto const out = held->poll_event(now);
      if (due && config_.recorder != nullptr) config_.recorder->on_event(key, now, out);
      lost.done();
      // Settled only at the next pull: a closed session stays in the table while its closed event is handled.
      if (out && config_.observer != nullptr) tell(*config_.observer, *held, *out);
      if (out && out->type == session_event::kind::message && !held->unpulled()) events_.pop();
      if (out) return event{from_session(out->type), session, out->reason, out->detail, out->data};
    }
    events_.pop();
    if (entries_[key].session) settle(key);
  }
  return std::nullopt;
}

inline std::optional<server_response> server::poll_response() {
  if (immediate_head_ < immediate_.size()) {
    server_response out = std::move(immediate_[immediate_head_]);
    if (++immediate_head_ == immediate_.size()) immediate_.clear(), immediate_head_ = 0;
    if (config_.observer != nullptr && out.refused) config_.observer->on_refused(*out.refused);
    return out;
  }
  while (!responses_.empty()) {
    std::uint32_t const key = responses_.front();
    if (entries_[key].session) {
      if (auto out = entries_[key].session->poll_response()) {
        bool const initial = std::exchange(entries_[key].initial_due, false);
        if (config_.recorder != nullptr) config_.recorder->on_response(key, *out);
        if (config_.observer != nullptr && out->packets > 0) {
          config_.observer->on_sent(*entries_[key].session, out->packets, out->body.size());
        }
        return server_response{.answer = std::move(*out), .session = handle_of(key), .initial = initial};
      }
    }
    responses_.pop();
    if (entries_[key].session) settle(key);
  }
  return std::nullopt;
}

inline std::optional<handle> server::poll_ready() {
  while (!transmits_.empty()) {
    std::uint32_t const key = transmits_.front();
    transmits_.pop();
    if (entries_[key].session) return handle_of(key);
  }
  return std::nullopt;
}

inline std::optional<transmit> server::poll_transmit(handle session, wire which) {
  entry* const slot = at(session);
  if (slot == nullptr || !slot->session) return std::nullopt;
  auto out = slot->session->poll_transmit(which);
  if (out && config_.recorder != nullptr) config_.recorder->on_transmit(session.slot, which, *out);
  if (config_.observer != nullptr && out && out->data) {
    config_.observer->on_sent(*slot->session, out->data.packet_count(), out->data.frames().size());
  }
  if (out ? out->shut : slot->session->closed()) settle(session.slot);  // else nothing has changed
  return out;
}

inline std::vector<handle> server::sessions() const {
  std::vector<handle> all;
  for (std::uint32_t key = 0; key < entries_.size(); ++key) {
    if (entries_[key].used) all.push_back(handle_of(key));
  }
  return all;
}

// The table.

inline handle server::allocate() {
  if (free_.empty()) {
    // Room for all of them, so that the end of a session needs no memory.
    if (free_.capacity() == entries_.size()) free_.reserve(entries_.size() * 2 + 8);
    heartbeats_.reserve(entries_.size() + 1);
    entries_.grow();
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  std::uint32_t const key = free_.back();
  free_.pop_back();
  entries_[key].used = true;
  if (++entries_[key].generation == 0) entries_[key].generation = 1;
  ++size_;
  return handle_of(key);
}

inline void server::release(std::uint32_t key) {
  entry& slot = entries_[key];
  heartbeats_.disarm(key);
  others_.disarm(key);
  slot.place = {};
  slot.session.reset();
  slot.head.reset();
  slot.admission = {};
  slot.used = slot.request_due = slot.initial_due = false;
  free_.push_back(key);
  --size_;
}

/// Brings lists and deadlines in line with a session after any input to it.
inline void server::settle(std::uint32_t key) {
  entry& slot = entries_[key];
  bool const has_event = slot.request_due || (slot.session && slot.session->has_event());
  if (has_event) events_.push(key);
  if (!slot.session) return;
  server_session& session = *slot.session;
  if (session.has_response()) responses_.push(key);
  if (session.has_transmit(session.main_wire()) || session.has_transmit(session.probe_wire())) {
    transmits_.push(key);
  }
  settle_deadlines(key, session);
  if (!session.closed()) return;
  ids_.erase(key, session.id(), id_of());
  if (session.finished() && slot.next_event == unlisted) release(key);
}

inline void server::settle_deadlines(std::uint32_t key, server_session const& session) {
  time_point const heartbeat = session.heartbeat_deadline();
  if (heartbeat == never) {
    heartbeats_.disarm(key);
  } else if (heartbeat != heartbeats_.deadline_of(key)) {
    bool const older = session.revision() == 3;
    heartbeats_.arm(key, older ? revision3_lane : session.awaits_pong() ? pong_lane : ping_lane, heartbeat);
  }
  time_point const other = session.other_deadline();
  if (other != never || others_.armed(key)) others_.arm(key, other);
}

}  // namespace siokit::inline v0::engineio
