// siokit/net/moved_connection.hpp - a connection on its way from one loop to another.
// SPDX-License-Identifier: MIT
// In: a stream of the loop that had it. Out: a stream of the loop that gets it. Owns the descriptor meanwhile
// and all that the connection has read and knows; nothing in it refers to either loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "siokit/net/http_state.hpp"
#include "siokit/net/stream.hpp"
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
  template <class Socket>
  explicit loose_socket(Socket& from) noexcept {
    family_ = from.local_endpoint(failure_).protocol().family();
    if (failure_) return;
    auto const taken = from.release(failure_);
    if (!failure_) descriptor_ = taken, open_ = true;
  }
  loose_socket(loose_socket&& other) noexcept
      : descriptor_(other.descriptor_),
        family_(other.family_),
        failure_(other.failure_),
        open_(std::exchange(other.open_, false)) {}
  loose_socket& operator=(loose_socket&&) = delete;
  ~loose_socket() {
    if (!open_) return;
    end(descriptor_);
  }

  /// Gives it to the loop of `to`. Error: that of taking it, or of this; it is closed then. Without memory
  /// for it nothing is changed.
  [[nodiscard]] std::error_code settle(stream& to) {
    if (!open_) return failure_;
    to.assign(stream_protocol(family_, 0), descriptor_, failure_);
    if (!failure_) open_ = false;
    return failure_;
  }

 private:
#ifdef _WIN32
  using descriptor = SOCKET;
  static void end(descriptor which) noexcept {
    ::closesocket(which);
  }
#else
  using descriptor = int;
  static void end(descriptor which) noexcept {
    ::close(which);
  }
#endif

  descriptor descriptor_{};
  int family_ = 0;
  std::error_code failure_{};
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
