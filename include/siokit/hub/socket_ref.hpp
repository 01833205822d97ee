// siokit/hub/socket_ref.hpp - a socket that may be kept, and the reply to an event.
// SPDX-License-Identifier: MIT
// A socket& is valid for one call; a socket_ref may be stored, captured and used at any later time: when
// the socket is gone its verbs do nothing and return errc::gone. Small values, no allocation.
#pragma once

#include "siokit/core/error.hpp"
#include "siokit/core/ids.hpp"
#include "siokit/hub/lifeline.hpp"

namespace siokit::inline v0::hub {

class server;
class socket;

/// A reference to a socket that may outlive it.
class socket_ref {
 public:
  socket_ref() noexcept = default;

  /// The socket, null when it is gone. Valid until the handler or the posted call returns.
  [[nodiscard]] socket* get() const noexcept;
  explicit operator bool() const noexcept { return get() != nullptr; }
  /// The server of the socket, null when that is gone.
  [[nodiscard]] hub::server* server() const noexcept { return hub_.get(); }

  /// socket::emit, or errc::gone.
  template <class... Args>
  result<void> emit(std::string_view event, Args&&... args) const;
  /// socket::disconnect, or errc::gone.
  result<void> disconnect(bool close = false) const;

 private:
  friend class hub::server;
  friend class socket;
  socket_ref(lifeline_ref<hub::server> hub, handle at) noexcept : hub_(std::move(hub)), at_(at) {}

  lifeline_ref<hub::server> hub_;
  handle at_;
};

/// The reply to one event, to be called once, now or later. Move-only; safe after its socket died.
class ack {
 public:
  ack() noexcept = default;
  ack(ack&& other) noexcept
      : socket_(std::move(other.socket_)), id_(other.id_), wanted_(std::exchange(other.wanted_, false)) {}
  ack& operator=(ack&& other) noexcept {
    socket_ = std::move(other.socket_);
    id_ = other.id_;
    wanted_ = std::exchange(other.wanted_, false);
    return *this;
  }

  /// Whether the client asked for a reply that was not yet given.
  [[nodiscard]] bool wanted() const noexcept { return wanted_; }

  /// Sends the reply. Does nothing when none is wanted, or when it was given before, as upstream.
  /// Errors, local: gone, outbox_full.
  template <class... Args>
  result<void> operator()(Args const&... args);

 private:
  friend class server;
  ack(socket_ref to, std::uint64_t id) noexcept : socket_(std::move(to)), id_(id), wanted_(true) {}

  socket_ref socket_;
  std::uint64_t id_ = 0;
  bool wanted_ = false;
};

}  // namespace siokit::inline v0::hub
