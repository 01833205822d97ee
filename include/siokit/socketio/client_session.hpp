// siokit/socketio/client_session.hpp - a Socket.IO client: connection, reconnection, namespaces.
// SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5; behaviour and words are those of the official client (its Manager and
// its Sockets). Pure: the host feeds answers, frames and time, and carries out actions; the application pulls
// events. Owns the Engine.IO session, the buffers of each namespace and the acknowledgements that are due.
//
//   connection   input                          next
//   closed       connect()                      opening
//   opening      open | failure, timeout        open | waiting (if reconnection) | closed
//   waiting      the delay is over              opening
//   open         the session ends               waiting (if reconnection) | closed
//   any          no namespace is wanted         closed
//
//   namespace    input                          next
//   idle         connect()                      wanted
//   wanted       the session is open            asking (auth_requested)
//   asking       authorize()                    joining (CONNECT is sent)
//   joining      CONNECT | CONNECT_ERROR        connected | idle
//   connected    DISCONNECT, disconnect()       idle
//   all but idle the session ends               wanted
//
// Who leaves while joining leaves a guest behind: the server will let somebody in whom nobody wants. Its
// answer is awaited, it is asked to let go, and only then the namespace is joined again over this connection.
#pragma once

#include <deque>
#include <memory>

#include "siokit/engineio/client_session.hpp"
#include "siokit/socketio/ack_table.hpp"
#include "siokit/socketio/auth.hpp"
#include "siokit/socketio/client_config.hpp"
#include "siokit/socketio/client_event.hpp"
#include "siokit/socketio/decoder.hpp"

namespace siokit::inline v0::socketio {

class client_session {
 public:
  /// `config` outlives the session. `seed`: random, for the delays of reconnection.
  client_session(client_config const& config, std::uint64_t seed) : config_(&config), seed_(seed) {}
  client_session(client_session const&) = delete;
  client_session& operator=(client_session const&) = delete;

  // Inputs from the host: those of engineio::client_session.

  void wire_opened(wire which, time_point now);
  result<void> receive(wire which, frame const& in, time_point now);
  void wire_lost(wire which, error why = {});
  result<void> response_received(exchange which, std::uint16_t status, std::span<char> body, time_point now);
  void request_failed(exchange which, error why = {});
  void advance(time_point now);

  // Inputs from the application.

  /// The number of a namespace, made on first use. `name` begins with '/'.
  [[nodiscard]] std::uint32_t nsp(std::string_view name);
  /// Wants a namespace: connects to the server if need be. Nothing if it is wanted already.
  void connect(std::uint32_t nsp, time_point now);
  /// Leaves a namespace, and the server if no other is wanted. Reason: io client disconnect.
  void disconnect(std::uint32_t nsp, time_point now);
  /// The same for every namespace.
  void close(time_point now);
  /// Answers auth_requested with a JSON object, or nothing. Error, local: wrong_state if it was answered, or
  /// is not asked any more; invalid_argument if it is no object.
  result<void> authorize(std::uint32_t nsp, std::uint64_t number, std::string_view auth_json, time_point now);
  /// The number of the next acknowledgement of a namespace, to be encoded into the event that asks for it.
  [[nodiscard]] std::uint64_t next_ack(std::uint32_t nsp) noexcept { return spaces_[nsp].next_ack++; }

  struct emit_options {
    bool is_volatile = false;  ///< dropped, which is no error, unless it can leave at once
    bool wants_ack = false;    ///< the end of `ack` is to be told
    std::uint64_t ack = 0;     ///< in the event; with `retries` every event that is not volatile has one
    duration ack_timeout{};    ///< zero: that of the configuration
  };
  /// Sends an event, or keeps it until the namespace is connected.
  /// Errors, local: outbox_full, too_many_acks.
  result<void> emit(std::uint32_t nsp, message event, emit_options const& options, time_point now);
  /// Nobody waits for this acknowledgement any more: its end is not told, and an event that was kept is not
  /// sent.
  void forget(std::uint32_t nsp, std::uint64_t ack);
  /// From now on events that are sent are told.
  void tell_sent() noexcept { tell_sent_ = true; }
  /// Sends an ACK. Error, local: not_connected, outbox_full.
  result<void> acknowledge(std::uint32_t nsp, message ack, time_point now);

  // Outputs. Pull each until it returns nullopt, events first, then transmits, then actions.

  [[nodiscard]] std::optional<client_event> poll_event(time_point now);
  [[nodiscard]] std::optional<message> poll_transmit(wire which);
  [[nodiscard]] std::optional<engineio::client_action> poll_action();
  [[nodiscard]] time_point next_deadline() const noexcept;

  // Queries.

  /// The Engine.IO session, null when there is none.
  [[nodiscard]] engineio::client_session const* engine() const noexcept { return engine_.get(); }
  [[nodiscard]] std::string_view name(std::uint32_t nsp) const noexcept { return spaces_[nsp].name; }
  /// Whether it is, or is to be, connected: no need to call connect().
  [[nodiscard]] bool active(std::uint32_t nsp) const noexcept { return spaces_[nsp].state != stage::idle; }
  [[nodiscard]] bool connected(std::uint32_t nsp) const noexcept {
    return spaces_[nsp].state == stage::connected;
  }
  /// The id of the socket, as the server knows it; raw, empty unless connected.
  [[nodiscard]] std::string_view id(std::uint32_t nsp) const noexcept { return spaces_[nsp].id; }
  /// Whether the server has restored rooms, data and missed events at the last connect.
  [[nodiscard]] bool recovered(std::uint32_t nsp) const noexcept { return spaces_[nsp].recovered; }
  /// Tells one stay in a namespace from the next; 0 unless connected.
  [[nodiscard]] std::uint64_t stay(std::uint32_t nsp) const noexcept {
    return connected(nsp) ? spaces_[nsp].asked : 0;
  }
  /// Whether nothing is wanted of any server: connections that are kept for later can go.
  [[nodiscard]] bool at_rest() const noexcept { return !engine_ && retired_.empty() && !reconnecting_; }
  [[nodiscard]] bool reconnecting() const noexcept { return reconnecting_; }

 private:
  enum class stage : std::uint8_t { idle, wanted, asking, joining, connected };
  enum class guest : std::uint8_t { none, expected, inside };
  enum class phase : std::uint8_t { closed, opening, open };

  struct buffered_packet {
    message event;
    std::optional<std::uint64_t> ack;
  };
  /// One of an ordered queue: sent, and sent again until it is acknowledged.
  struct queued_packet {
    message event;
    std::uint64_t ack = 0;
    duration ack_timeout{};
    bool wants_ack = false;  // else nobody but the queue does
    bool pending = false;
    std::uint32_t tries = 0;
  };
  struct received_packet {
    std::string name;
    owned_args arguments;
    std::uint64_t ack = 0;
    bool wants_ack = false;
  };
  struct space {
    std::string name;
    std::string id, pid, offset;  // raw
    stage state = stage::idle;
    guest unwanted = guest::none;
    bool left_here = false;        // what the server sent before it knew may still come over this connection
    std::uint8_t pings_since = 0;  // that were heard since
    bool recovered = false;
    bool has_offset = false;  // an event with one has come
    std::uint64_t next_ack = 0;
    std::uint64_t asked = 0;       // how often auth was requested
    ack_table<time_point> acks{};  // with their deadlines
    std::deque<buffered_packet> send_buffer{};
    std::size_t send_buffer_bytes = 0;
    std::deque<queued_packet> queue{};
    time_point queue_deadline = never;  // of its first packet
    time_point left_at = never;         // when DISCONNECT was sent over this connection
    time_point rejoin_at = never;       // when to try again to join behind that
    time_point guest_deadline = never;  // when it is to go; expected, when its answer is waited for no longer
    std::deque<received_packet> receive_buffer{};
    std::size_t receive_buffer_bytes = 0;
  };
  using kind = client_event::kind;
  static constexpr auto rejoin_pause = std::chrono::milliseconds(10);
  static constexpr auto guest_patience = std::chrono::seconds(20);

  [[nodiscard]] std::uint64_t random() noexcept;
  void tell(client_event const& fact) { facts_.push_back(fact); }
  [[nodiscard]] time_point ack_deadline(duration own, time_point now) const noexcept {
    duration const span = own > duration{} ? own : config_->ack_timeout;
    return span > duration{} ? later(now, span) : never;
  }

  // The connection: client_session_connection.hpp.
  void open_engine(time_point now);
  void retire_engine(time_point now);
  void on_engine_event(engineio::client_event const& in, time_point now);
  void on_open(time_point now);
  void tell_error(error why);
  void on_open_failed(error why, time_point now);
  void on_close(disconnect_reason reason, error detail, time_point now);
  void reconnect(time_point now);
  void settle_interest(time_point now);

  // The namespaces: client_session_packets.hpp.
  void ask_auth(std::uint32_t nsp);
  void on_message(frame const& in, time_point now);
  void on_packet(std::uint32_t nsp, packet_view const& in, time_point now);
  void on_joined(std::uint32_t nsp, packet_view const& in, time_point now);
  void on_event(std::uint32_t nsp, packet_view const& in, time_point now);
  void on_ack(std::uint32_t nsp, packet_view const& in, time_point now);
  void on_left(std::uint32_t nsp, disconnect_reason reason, error detail);
  void on_guest_packet(std::uint32_t nsp, packet_type type, time_point now);
  void wait_for_guest(space& of, time_point now) const {
    of.guest_deadline = later(now, config_->timeout > duration{} ? config_->timeout : guest_patience);
  }
  void on_guest_deadline(std::uint32_t nsp, time_point now);
  void say_goodbye(space& from, time_point now);
  void on_ping();
  static void forget_early_events(space& of) noexcept {
    of.receive_buffer.clear();
    of.receive_buffer_bytes = 0;
  }
  static void note_offset(space& to, client_event const& event);
  [[nodiscard]] client_event replay(std::uint32_t nsp);
  void send_buffered(std::uint32_t nsp, time_point now);
  [[nodiscard]] result<message> encoded(message packet) const {
    return encode_for(config_->parser, std::move(packet));
  }
  result<void> send(message packet, time_point now, std::size_t outbox_max);
  result<void> transmit(std::uint32_t nsp, message event, message form, time_point now,
                        std::size_t outbox_max);
  result<void> buffer(std::uint32_t nsp, message event, std::optional<std::uint64_t> ack);
  void fail_ack(std::uint32_t nsp, std::uint64_t ack, errc why);
  void fail_acks(std::uint32_t nsp);
  void expire_acks(std::uint32_t nsp, time_point now);
  void fail_try(std::uint32_t nsp, errc why);
  void drain_queue(std::uint32_t nsp, time_point now, bool again);

  client_config const* config_;
  std::uint64_t seed_;
  std::uint64_t names_ = 0;
  std::deque<space> spaces_;
  std::unique_ptr<engineio::client_session> engine_;
  std::vector<std::unique_ptr<engineio::client_session>> retired_;  // they still have something to do
  decoder decoder_;
  backoff backoff_;
  std::deque<client_event> facts_;    // told before view_; they own what they hold
  std::optional<client_event> view_;  // of the present message
  received_packet replayed_;
  time_point open_deadline_ = never;
  time_point reconnect_deadline_ = never;
  phase phase_ = phase::closed;
  bool reconnecting_ = false;
  bool websocket_succeeded_ = false;
  bool tell_sent_ = false;
};

}  // namespace siokit::inline v0::socketio

#include "siokit/socketio/client_session_connection.hpp"
#include "siokit/socketio/client_session_packets.hpp"
