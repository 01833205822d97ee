// siokit/hub/client.hpp - a Socket.IO client without I/O.   SPDX-License-Identifier: MIT
// What the official client calls a Manager: one connection, shared by the sockets of its namespaces. In: what
// the host hears and what time it is, through session(). Out: calls of the application's handlers. Owns the
// session, the sockets and everything registered on them. Exception-neutral: what a handler throws leaves
// drain(); call it again and it goes on.
#pragma once

#include <memory>
#include <vector>

#include "siokit/hub/client_socket.hpp"
#include "siokit/socketio/read_back.hpp"

namespace siokit::inline v0::hub {

class client {
 public:
  /// Makes the sockets. Those of a binding are of a class derived from client_socket, all of them.
  using socket_factory = unique_function<std::unique_ptr<client_socket>(client&, std::uint32_t nsp)>;

  /// `config` outlives the client. `seed`: random.
  client(socketio::client_config const& config, std::uint64_t seed, socket_factory make = make_plain_socket)
      : config_(&config), session_(config, seed), make_(std::move(make)), lifeline_(*this) {}
  client(client const&) = delete;
  client& operator=(client const&) = delete;

  // For the host.

  /// Inputs and outputs of the host. Call drain() after every input.
  [[nodiscard]] socketio::client_session& session() noexcept { return session_; }
  /// Calls the handlers of all that has happened.
  void drain(time_point now);
  void advance(time_point now) {
    session_.advance(now);
    drain(now);
  }
  [[nodiscard]] time_point next_deadline() const noexcept { return session_.next_deadline(); }
  /// Called when the application does something outside drain(): the host answers what time it is, drains and
  /// pulls the session's outputs soon.
  void on_wake(unique_function<time_point()> callable) { wake_ = std::move(callable); }
  /// Forgets every handler, callbacks of acknowledgements included: none is called any more.
  void abandon() noexcept;
  /// What the next failure is about, in the words of the host: the description of its connect_error.
  void describe(std::string text) { description_ = std::move(text); }

  // For the application.

  /// The socket of a namespace, made on first use. "chat" and "/chat" are the same.
  [[nodiscard]] client_socket& socket(std::string_view name = "/");
  /// Disconnects every socket.
  void close();
  /// Calls `visit(client_socket&)` for each socket.
  template <class Visit>
  void for_each(Visit&& visit) {
    std::vector<client_socket*> all;  // it may make others
    for (auto const& each : sockets_) all.push_back(each.get());
    for (client_socket* const each : all) visit(*each);
  }

  // Events of the connection, those of the official Manager.

  listener_id on_open(unique_function<void()> call) { return add(open_, std::move(call)); }
  listener_id on_error(unique_function<void(connect_error const&)> call) {
    return add(error_, std::move(call));
  }
  listener_id on_ping(unique_function<void()> call) { return add(ping_, std::move(call)); }
  listener_id on_upgrade(unique_function<void()> call) { return add(upgrade_, std::move(call)); }
  listener_id on_close(unique_function<void(disconnect_reason)> call) { return add(close_, std::move(call)); }
  /// `call`: void(std::uint64_t), the number of the attempt.
  listener_id on_reconnect_attempt(unique_function<void(std::uint64_t)> call) {
    return add(attempt_, std::move(call));
  }
  listener_id on_reconnect(unique_function<void(std::uint64_t)> call) {
    return add(reconnect_, std::move(call));
  }
  listener_id on_reconnect_error(unique_function<void(connect_error const&)> call) {
    return add(reconnect_error_, std::move(call));
  }
  listener_id on_reconnect_failed(unique_function<void()> call) {
    return add(reconnect_failed_, std::move(call));
  }
  void off(listener_id which) noexcept {
    auto const remove = [which](auto&... lists) { static_cast<void>((lists.remove(which) || ...)); };
    remove(open_, error_, ping_, upgrade_, close_, attempt_, reconnect_, reconnect_error_, reconnect_failed_);
  }
  /// Hears of events whose arguments did not fit the parameters of their listener, which was not called.
  void on_bad_arguments(unique_function<void(client_socket&, std::string_view, error)> call) {
    bad_arguments_.replace(std::move(call));
  }

  [[nodiscard]] bool reconnecting() const noexcept { return session_.reconnecting(); }

 private:
  friend class client_socket;
  friend class client_ack;
  friend class auth_reply;

  [[nodiscard]] static std::unique_ptr<client_socket> make_plain_socket(client& owner, std::uint32_t nsp) {
    return std::make_unique<client_socket>(owner, nsp);
  }
  [[nodiscard]] time_point now();
  [[nodiscard]] listener_id next_listener() noexcept { return {++listener_count_}; }
  template <class List, class Call>
  listener_id add(List& list, Call call) {
    auto const id = next_listener();
    list.add(id, false, std::move(call));
    return id;
  }
  void dispatch(socketio::client_event const& in);
  void dispatch_socket(client_socket& to, socketio::client_event const& in);
  void on_auth_requested(client_socket& to, std::uint64_t number);
  void on_connect(client_socket& to);
  void on_received(client_socket& to, socketio::client_event const& in);
  void on_settled(client_socket& to, std::uint64_t number, std::error_code failure, socketio::args const& in);
  void on_sent(client_socket& from, message const& packet);
  [[nodiscard]] connect_error failure_of(error detail) const noexcept;

  socketio::client_config const* config_;
  socketio::client_session session_;
  socket_factory make_;
  std::vector<std::unique_ptr<client_socket>> sockets_;  // by number of the namespace
  listener_list<unique_function<void()>> open_, ping_, upgrade_, reconnect_failed_;
  listener_list<unique_function<void(connect_error const&)>> error_, reconnect_error_;
  listener_list<unique_function<void(disconnect_reason)>> close_;
  listener_list<unique_function<void(std::uint64_t)>> attempt_, reconnect_;
  listener_list<unique_function<void(client_socket&, std::string_view, error)>> bad_arguments_;
  unique_function<time_point()> wake_;
  std::string description_;
  time_point turn_time_{};
  std::uint64_t listener_count_ = 0;
  std::uint32_t depth_ = 0;
  bool abandoned_ = false;
  lifeline<client> lifeline_;  // last, so that it ends first: what is kept for later then finds nobody
};

}  // namespace siokit::inline v0::hub

#include "siokit/hub/client_dispatch.hpp"
