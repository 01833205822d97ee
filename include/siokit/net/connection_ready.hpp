// siokit/net/connection_ready.hpp - how a connection learns that its socket is ready.
// SPDX-License-Identifier: MIT
// In: wait_readable() and wait_writable(), which ask to be told once.  Out: on_readable() and on_writable(),
// each in a turn of its own.
#pragma once

#include "siokit/net/connection.hpp"

namespace siokit::inline v0::net::impl {

#ifdef SIOKIT_EPOLL

inline void connection::wait_readable() {
  if (!std::exchange(waits_readable_, true)) watch(ready_set::readable);
}

inline void connection::wait_writable() {
  if (!std::exchange(waits_writable_, true)) watch(ready_set::writable);
}

/// What is told beside that stays as it is until it comes and nobody waits for it: who reads waits again.
inline void connection::watch(std::uint32_t events) {
  if (loop_->watch(socket_, name_, ready_set::watched(socket_) | events)) return;
  broken_ = true;
  loop_->resume_later(*this);
}

inline void connection::on_ready(std::uint32_t events) {
  if (events & ready_set::writable && std::exchange(waits_writable_, false))
    in_turn(&connection::on_writable);
  if (events & ready_set::readable && std::exchange(waits_readable_, false))
    in_turn(&connection::on_readable);
  if (loop_ == nullptr) return;
  std::uint32_t const wanted =
      (waits_readable_ ? ready_set::readable : 0) | (waits_writable_ ? ready_set::writable : 0);
  static_cast<void>(loop_->watch(socket_, name_, wanted));  // fewer than now: that is always to be had
}

#else

inline void connection::wait_readable() {
  if (std::exchange(waits_readable_, true)) return;
  socket_.async_wait(asio::socket_base::wait_read, [self = ref<connection>(this)](std::error_code) {
    self->waits_readable_ = false;
    self->in_turn(&connection::on_readable);
  });
}

inline void connection::wait_writable() {
  if (std::exchange(waits_writable_, true)) return;
  socket_.async_wait(asio::socket_base::wait_write, [self = ref<connection>(this)](std::error_code) {
    self->waits_writable_ = false;
    self->in_turn(&connection::on_writable);
  });
}

#endif

inline void connection::stop_waiting() noexcept {
  if (loop_ != nullptr) loop_->forget(socket_);
}

}  // namespace siokit::inline v0::net::impl
