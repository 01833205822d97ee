// siokit/hub/packet_middleware.hpp - who sees the events of a socket before its listeners, now or later.
// SPDX-License-Identifier: MIT
// An event that passes here is copied: the decision may be made when its packet is long gone.
#pragma once

#include <string>

#include "siokit/core/ref.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/hub/socket_ref.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

namespace impl {
/// An event on its way through the middleware of its socket.
struct held_event final : counted {
  held_event(socket_ref from, std::string_view event, socketio::owned_args all, ack answer)
      : to(std::move(from)), name(event), arguments(std::move(all)), reply(std::move(answer)) {}

  socket_ref to;
  std::string name;
  socketio::owned_args arguments;
  ack reply;
  std::size_t index = 0;  // of the next middleware
};
}  // namespace impl

/// The answer of a packet middleware, to be given once, now or later. Move-only. When it is dropped the event
/// goes no further, and nobody is told.
class packet_next {
 public:
  packet_next(packet_next&&) noexcept = default;
  packet_next& operator=(packet_next&&) = delete;

  /// Goes on with the next middleware, or to the listeners.
  void operator()();
  /// The event goes no further; the socket's on_error() listeners are told.
  void fail(std::string_view message);

 private:
  friend class server;
  explicit packet_next(siokit::ref<impl::held_event> held) noexcept : held_(std::move(held)) {}

  siokit::ref<impl::held_event> held_;
};

/// The arguments live until the middleware returns.
using packet_middleware =
    unique_function<void(socket&, std::string_view event, socketio::args const&, packet_next)>;

}  // namespace siokit::inline v0::hub
