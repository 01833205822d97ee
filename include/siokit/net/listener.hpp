// siokit/net/listener.hpp - accepts connections.   SPDX-License-Identifier: MIT
// Waits for readiness, then takes what is there, a bounded number at once. When the process is out of
// descriptors it pauses: the connection it can't take would keep the listener ready for ever.
#pragma once

#include <algorithm>
#include <array>
#include <asio/ip/v6_only.hpp>

#include "siokit/net/loop.hpp"
#include "siokit/net/unix_socket.hpp"

namespace siokit::inline v0::net::impl {

/// Whether accept() tells of a connection that has failed already. All else, such as being out of
/// descriptors, would come again at once.
[[nodiscard]] inline bool is_of_one_connection(std::error_code failure) noexcept {
  using enum std::errc;
  constexpr std::array known{connection_aborted, protocol_error,   no_protocol_option,
                             network_down,       host_unreachable, network_unreachable};
  return std::any_of(known.begin(), known.end(), [&](std::errc each) { return failure == each; });
}

class listener final : public counted {
 public:
  listener(loop& shared, tls_context tls)
      : loop_(&shared), acceptor_(shared.context().get_executor()), tls_(std::move(tls)) {}

  /// Binds and listens. On failure the listener is of no use.
  [[nodiscard]] std::error_code open(stream_protocol::endpoint const& at) {
    std::error_code failure;
    auto const step = [&failure](auto&& action) {
      if (!failure) action();
    };
    acceptor_.open(at.protocol(), failure);
#ifndef _WIN32  // there it would let two programs share a port
    step([&] { acceptor_.set_option(asio::socket_base::reuse_address(true), failure); });
#endif
    if (at.protocol().family() == asio::ip::tcp::v6().family()) {
      step([&] { acceptor_.set_option(asio::ip::v6_only(false), failure); });
    }
    std::error_code ignored;  // of a Unix socket
    step([&] { acceptor_.set_option(asio::ip::tcp::no_delay(true), ignored); });
    step([&] { acceptor_.bind(at, failure); });
    if (failure == asio::error::address_in_use && is_abandoned(acceptor_.get_executor(), at)) {
      remove_socket_file(file_of(at));
      acceptor_.bind(at, failure);
    }
    if (!failure) file_ = file_of(at);
    step([&] { acceptor_.listen(loop_->options().backlog, failure); });
    // Without this option Asio answers a connection that vanished by waiting for the next one: it would
    // block.
    step([&] { acceptor_.set_option(asio::socket_base::enable_connection_aborted(true), failure); });
    step([&] { acceptor_.non_blocking(true, failure); });
    return failure;
  }

  [[nodiscard]] stream_protocol::endpoint local_endpoint(std::error_code& failure) const {
    return acceptor_.local_endpoint(failure);
  }

  /// When to try again, `never` unless it pauses.
  [[nodiscard]] time_point retry_at() const noexcept {
    return retry_at_;
  }

  void wait() {
    if (waiting_) return;
    retry_at_ = loop_->now();  // should there be no memory for it
    acceptor_.async_wait(asio::socket_base::wait_read, [self = ref<listener>(this)](std::error_code) {
      self->waiting_ = false;
      if (self->loop_ == nullptr) return;
      try {
        self->loop_->turn([&self] { self->accept(); });
      } catch (...) {
        if (self->loop_ != nullptr) self->wait();
        throw;
      }
    });
    waiting_ = true;
    retry_at_ = never;
  }

  /// Connections accepted from now on use `fresh`, if they used `old`.
  void replace_tls(tls_context const& old, tls_context const& fresh) {
    if (tls_ == old) tls_ = fresh;
  }

  void close() noexcept {
    loop_ = nullptr;
    retry_at_ = never;
    remove_socket_file(file_);  // before somebody else can bind
    file_.clear();
    std::error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  static constexpr int accepts_at_once = 64;

  void accept() {
    if (loop_ == nullptr) return;  // a turn begins with what was left undone, which may have closed it
    for (int i = 0; i < accepts_at_once; ++i) {
      stream socket(loop_->context().get_executor());
      std::error_code failure;
      stream_protocol::endpoint peer;
      socket.accept(acceptor_, peer, failure);
      if (failure == asio::error::would_block || failure == asio::error::try_again) break;
      if (is_of_one_connection(failure)) continue;
      if (failure) {
        retry_at_ = later(loop_->now(), loop_->options().accept_pause);
        return;
      }
      loop_->open(std::move(socket), tls_, peer);
      if (loop_ == nullptr) return;  // closed by the application, which may have had a request from there
    }
    wait();
  }

  loop* loop_;
  stream_acceptor acceptor_;
  tls_context tls_;
  std::string file_;  // of a Unix socket: it goes with the listener
  time_point retry_at_ = never;
  bool waiting_ = false;
};

}  // namespace siokit::inline v0::net::impl
