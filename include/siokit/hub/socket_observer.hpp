// siokit/hub/socket_observer.hpp - who watches all sockets of a server.   SPDX-License-Identifier: MIT
// For tools that show what goes on, as the Admin UI does: one for all namespaces, those to come included,
// and told before the listeners of the application. A server without one pays a test of a pointer.
#pragma once

#include <string_view>

#include "siokit/socketio/args.hpp"
#include "siokit/socketio/reason.hpp"

namespace siokit::inline v0::hub {

class nsp;
class socket;

/// Derive, override what is of interest, and hand it to server::observe(). It is called as handlers are:
/// every verb is allowed, references are good for the call, and what it throws is thrown by a handler.
class socket_observer {
 public:
  virtual void on_connected(socket&) {}
  virtual void on_disconnected(socket&, socketio::disconnect_reason) {}
  /// Its connection is a WebSocket now.
  virtual void on_upgraded(socket&) {}
  /// Also of the room that each socket has of its own.
  virtual void on_joined(nsp&, std::string_view /*room*/, std::string_view /*id*/) {}
  virtual void on_left(nsp&, std::string_view /*room*/, std::string_view /*id*/) {}
  /// An event came; packet middleware has not seen it yet.
  virtual void on_received(socket&, std::string_view /*event*/, socketio::args const&) {}
  /// An event was sent to this socket, alone or with others.
  virtual void on_sent(socket&, std::string_view /*event*/, socketio::args const&) {}

 protected:
  socket_observer() = default;
  socket_observer(socket_observer const&) = default;
  socket_observer& operator=(socket_observer const&) = default;
  ~socket_observer() = default;
};

}  // namespace siokit::inline v0::hub
