// siokit/net/moved_connection.hpp - a connection on its way from one loop to another.
// SPDX-License-Identifier: MIT
// In: a socket of the loop that had it. Out: a socket of the loop that gets it. Owns the descriptor meanwhile
// and all that the connection has read and knows; nothing in it refers to either loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "siokit/net/http_state.hpp"
#include "siokit/net/socket.hpp"
#include "siokit/net/tls_context.hpp"
#include "siokit/net/tls_filter.hpp"

#ifdef _WIN32
#include <winsock2.h>
#else
#include <unistd.h>
#endif

namespace siokit::inline v0::net::impl {

/// A descriptor that no loop has: closed, unless one takes it.
class loose_socket {
 public:
  /// Takes it out of its loop, whose operations on it are cancelled. `from` can't be used any more.
  explicit loose_socket(stream_socket& from) noexcept {
    std::error_code failure;
    family_ = from.local_endpoint(failure).protocol().family();
    if (failure) return;
    auto const taken = from.release(failure);
    if (!failure) descriptor_ = taken, open_ = true;
  }
  loose_socket(loose_socket&& other) noexcept
      : descriptor_(other.descriptor_), family_(other.family_), open_(std::exchange(other.open_, false)) {}
  loose_socket& operator=(loose_socket&&) = delete;
  ~loose_socket() {
    if (!open_) return;
#ifdef _WIN32
    ::closesocket(descriptor_);
#else
    ::close(descriptor_);
#endif
  }

  /// Gives it to the loop of `to`. False when that can't be; it is closed then.
  [[nodiscard]] bool settle(stream_socket& to) noexcept {
    std::error_code failure = std::make_error_code(std::errc::not_connected);
    if (open_) to.assign(stream_protocol(family_, 0), descriptor_, failure);
    if (!failure) open_ = false;
    return !failure;
  }

 private:
  stream_socket::native_handle_type descriptor_{};
  int family_ = 0;
  bool open_ = false;
};

/// A new one, or one that has asked for a session of the other loop: then `http` is there, and the head of
/// that request is parsed.
struct moved_connection {
  loose_socket socket;
  stream_protocol::endpoint peer{};  // of a new one
  tls_context settings{};            // the same
  std::unique_ptr<http_state> http{};
  std::unique_ptr<tls_filter> tls{};
  std::string read{};  // behind that head
  bool upgraded = false;
  bool input_ended = false;
};

}  // namespace siokit::inline v0::net::impl
