// siokit/hub/client_socket.hpp - a client's place in one namespace.   SPDX-License-Identifier: MIT
// What an application registers handlers on and emits with. Made by client::socket(), lives as long as the
// client. Every verb is allowed inside every handler.
#pragma once

#include <string>
#include <unordered_map>

#include "siokit/hub/lifeline.hpp"
#include "siokit/hub/listeners.hpp"
#include "siokit/socketio/client_session.hpp"

namespace siokit::inline v0::hub {

using socketio::disconnect_reason;

class client;
class client_socket;

/// Why a namespace was not joined. Views end with the handler.
struct connect_error {
  /// The server's words when it refused, else those of the official client: "websocket error", "timeout", ...
  std::string_view message;
  /// JSON that came with a refusal, empty if there is none.
  std::string_view data;
  /// errc::ok when the server refused: then it is not asked again by itself.
  error detail;
  /// What the host knows more precisely, such as "connect to 10.0.0.1:3000: Connection refused".
  std::string_view description;

  [[nodiscard]] bool refused() const noexcept { return detail.code == errc::ok; }
};

/// The reply to one event of the server, to be called once, now or later. Move-only; safe after its client
/// died.
class client_ack {
 public:
  client_ack() noexcept = default;
  client_ack(client_ack&& other) noexcept
      : client_(std::move(other.client_)),
        id_(other.id_),
        stay_(other.stay_),
        nsp_(other.nsp_),
        wanted_(std::exchange(other.wanted_, false)) {}
  client_ack& operator=(client_ack&& other) noexcept {
    client_ = std::move(other.client_);
    id_ = other.id_;
    stay_ = other.stay_;
    nsp_ = other.nsp_;
    wanted_ = std::exchange(other.wanted_, false);
    return *this;
  }

  /// Whether the server asked for a reply that was not yet given.
  [[nodiscard]] bool wanted() const noexcept { return wanted_; }

  /// Sends the reply. Does nothing when none is wanted, or when it was given before. Errors, local: gone when
  /// the connection that asked is over, outbox_full.
  template <class... Args>
  result<void> operator()(Args const&... args);

 private:
  friend class client;
  client_ack(lifeline_ref<client> to, std::uint32_t nsp, std::uint64_t stay, std::uint64_t id) noexcept
      : client_(std::move(to)), id_(id), stay_(stay), nsp_(nsp), wanted_(true) {}

  lifeline_ref<client> client_;
  std::uint64_t id_ = 0;
  std::uint64_t stay_ = 0;
  std::uint32_t nsp_ = 0;
  bool wanted_ = false;
};

/// Answers the question for the auth of a CONNECT, once, now or later. Copyable; late answers are ignored.
class auth_reply {
 public:
  /// `auth_json`: a JSON object, or nothing. Errors, local: invalid_argument if it is no object; gone when it
  /// is not asked for any more.
  result<void> operator()(std::string_view auth_json) const;

 private:
  friend class client;
  auth_reply(lifeline_ref<client> to, std::uint32_t nsp, std::uint64_t number) noexcept
      : client_(std::move(to)), number_(number), nsp_(nsp) {}

  lifeline_ref<client> client_;
  std::uint64_t number_;
  std::uint32_t nsp_;
};

/// socket.timeout(5s).emit(...), socket.volatile_().emit(...), or both.
class client_emit {
 public:
  [[nodiscard]] client_emit timeout(duration within) const noexcept {
    client_emit out = *this;
    out.options_.ack_timeout = within;
    return out;
  }
  [[nodiscard]] client_emit volatile_() const noexcept {
    client_emit out = *this;
    out.options_.is_volatile = true;
    return out;
  }
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const;

 private:
  friend class client_socket;
  explicit client_emit(client_socket& to) noexcept : socket_(&to) {}

  client_socket* socket_;
  socketio::client_session::emit_options options_;
};

class client_socket {
 public:
  using listeners = basic_listeners<client_socket, client_ack>;
  /// Event name and arguments.
  using any_handler = unique_function<void(std::string_view, args const&)>;

  client_socket(client& owner, std::uint32_t nsp) noexcept : client_(&owner), nsp_(nsp) {}
  client_socket(client_socket const&) = delete;
  client_socket& operator=(client_socket const&) = delete;
  virtual ~client_socket() = default;

  /// The id that the server knows this socket by; empty unless connected.
  [[nodiscard]] std::string_view id() const noexcept;
  [[nodiscard]] std::string_view nsp() const noexcept;
  [[nodiscard]] client& io() const noexcept { return *client_; }
  [[nodiscard]] bool connected() const noexcept;
  /// Whether it is connected, or will be by itself.
  [[nodiscard]] bool active() const noexcept;
  /// Whether the server has restored rooms, data and missed events at the last connect.
  [[nodiscard]] bool recovered() const noexcept;
  /// What exactly was wrong at the last connect_error or disconnect; errc::ok when nothing was.
  [[nodiscard]] error last_error() const noexcept { return last_error_; }
  /// The same in words: those of the server or of the official client, and what the host knows.
  [[nodiscard]] std::string const& last_error_text() const noexcept { return last_error_text_; }

  /// Wants the namespace: connects to the server if need be. Handlers registered afterwards still hear of it.
  void connect();
  /// Leaves the namespace, and the server if no other is wanted. Reason: io client disconnect.
  virtual void disconnect();

  /// What every CONNECT carries: a JSON object, or nothing. Error, local: invalid_argument.
  result<void> auth(std::string json);
  /// The same, asked for at every connect. `callable`: void(auth_reply).
  void auth(unique_function<void(auth_reply)> callable) { auth_.replace(std::move(callable)); }

  /// Sends an event, or keeps it until the socket is connected. A callable as last argument asks for an
  /// acknowledgement, see make_ack_handler(). Errors, local: reserved_event, too_many_acks, outbox_full. The
  /// callback is not called after an error.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) {
    return client_emit(*this).emit(event, std::forward<Args>(args)...);
  }
  /// The acknowledgement callback of the emit that follows fails with errc::timed_out after `within`.
  [[nodiscard]] client_emit timeout(duration within) noexcept { return client_emit(*this).timeout(within); }
  /// The emit that follows is dropped, which is no error, unless it can leave at once.
  [[nodiscard]] client_emit volatile_() noexcept { return client_emit(*this).volatile_(); }

  /// Called when the server sends `event`; see handler.hpp for what the parameters may be. Names that the
  /// protocol keeps for itself, such as "disconnect", are refused: the id returned is empty.
  template <class Callable>
  listener_id on(std::string_view event, Callable&& callable) {
    return add(event, false, make_event_handler<client_socket, client_ack>(std::forward<Callable>(callable)));
  }
  template <class Callable>
  listener_id once(std::string_view event, Callable&& callable) {
    return add(event, true, make_event_handler<client_socket, client_ack>(std::forward<Callable>(callable)));
  }
  /// Called for every event, before the listeners of the event itself.
  listener_id on_any(any_handler callable);
  /// The same, before all that are there.
  listener_id prepend_any(any_handler callable);
  /// Called for every event that is sent.
  listener_id on_any_outgoing(any_handler callable);
  listener_id prepend_any_outgoing(any_handler callable);
  listener_id on_connect(unique_function<void()> callable);
  listener_id on_connect_error(unique_function<void(connect_error const&)> callable);
  /// `callable`: void(disconnect_reason), or void(disconnect_reason, std::string_view description).
  template <class Callable>
  listener_id on_disconnect(Callable&& callable) {
    if constexpr (std::is_invocable_v<Callable&, disconnect_reason, std::string_view>) {
      return add_disconnect(disconnect_handler(std::forward<Callable>(callable)));
    } else {
      return add_disconnect([call = std::forward<Callable>(callable)](
                                disconnect_reason why, std::string_view) mutable { call(why); });
    }
  }
  void off(listener_id which) noexcept;
  void off(std::string_view event) noexcept { listeners_.remove_all(event); }
  /// All but those of on_any() and on_any_outgoing().
  void off() noexcept;
  void off_any() noexcept { any_.remove_all(); }
  void off_any_outgoing() noexcept { outgoing_.remove_all(); }

 protected:
  /// An emit without options.
  [[nodiscard]] client_emit plain() noexcept { return client_emit(*this); }
  /// The acknowledgement that the last emit has asked for, if it did.
  [[nodiscard]] std::uint64_t last_ack() const noexcept { return last_ack_; }
  /// Nobody waits for it any more: its callback is gone.
  void forget(std::uint64_t ack);

 private:
  friend class client;
  friend class client_emit;

  using disconnect_handler = unique_function<void(disconnect_reason, std::string_view)>;

  listener_id add(std::string_view event, bool once, listeners::event_handler call);
  listener_id add_disconnect(disconnect_handler call);
  template <class... Args>
  result<void> emit_with(socketio::client_session::emit_options options, std::string_view event,
                         Args&&... args);
  result<void> send(socketio::client_session::emit_options const& options, result<message> packet);

  client* client_;
  std::uint32_t nsp_;
  listeners listeners_;
  listener_list<any_handler> any_;
  listener_list<any_handler> outgoing_;
  listener_list<unique_function<void()>> on_connect_;
  listener_list<unique_function<void(connect_error const&)>> on_connect_error_;
  listener_list<disconnect_handler> on_disconnect_;
  std::unordered_map<std::uint64_t, ack_handler> acks_;
  std::uint64_t last_ack_ = 0;
  std::string auth_json_;
  listener_list<unique_function<void(auth_reply)>> auth_;
  error last_error_;
  std::string last_error_text_;
};

}  // namespace siokit::inline v0::hub
