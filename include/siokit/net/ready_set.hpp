// siokit/net/ready_set.hpp - which streams of a loop can be read or written.   SPDX-License-Identifier: MIT
// An epoll of its own that Asio waits for as a whole: a stream that is ready stays so until it was read, so
// one that is read again and again needs no further call. Linux only: see stream.hpp.
#pragma once

#include "siokit/net/handler_memory.hpp"
#include "siokit/net/stream.hpp"

#ifdef SIOKIT_EPOLL

#include <sys/epoll.h>

#include <array>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace siokit::inline v0::net::impl {

class ready_set {
 public:
  /// What `events` are made of. An error of the socket is both.
  static constexpr std::uint32_t readable = EPOLLIN, writable = EPOLLOUT;

  explicit ready_set(asio::io_context& context) : poll_(std::in_place, context.get_executor()) {}

  /// From now on `events` of `what` are told, as those of `place`, as long as they last; none: it is
  /// forgotten. Error: the system watches no more.
  [[nodiscard]] std::error_code watch(stream& what, std::uint32_t place, std::uint32_t events) noexcept {
    if (events == what.watched_) return {};
    if (!poll_->is_open()) {  // made at the first use, so that a process that forks before that has its own
      if (auto const failure = open()) return failure;
    }
    int const verb = what.watched_ == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    epoll_event wanted{events, {.u64 = place}};
    if (::epoll_ctl(poll_->native_handle(), verb, what.native_handle(), &wanted) < 0)
      return {errno, std::system_category()};
    if (what.watched_ == 0) ++streams_;
    what.watched_ = events;
    std::error_code ignored;
    if (events == 0 && --streams_ == 0 && waits_) poll_->cancel(ignored);
    return {};
  }
  /// Which events are told of it.
  [[nodiscard]] static std::uint32_t watched(stream const& what) noexcept { return what.watched_; }
  /// Said before a stream ends: a child process may hold its descriptor for a while, and so the system would.
  void forget(stream& what) noexcept { static_cast<void>(watch(what, 0, 0)); }

  /// Calls `handler(std::error_code)` once something is ready. Not while it waits, nor when nothing is
  /// watched, for an io_context without connections ends.
  template <class Handler>
  void wait(Handler handler) {
    if (waits_ || streams_ == 0 || !poll_) return;
    // The handler keeps the set.
    poll_->async_wait(asio::posix::descriptor_base::wait_read,
                      memory_.bind([this, call = std::move(handler)](std::error_code failure) mutable {
                        waits_ = false;
                        call(failure);
                      }));
    waits_ = true;
  }
  /// Calls `visit(place, events)` for what is ready, a bounded number. Where several were ready at a time,
  /// others may be by now, and one more look is cheaper than the next wait.
  template <class Visit>
  void visit(Visit&& visit) {
    std::array<epoll_event, 128> ready;
    std::size_t count = ready.size();
    for (std::size_t seen = 0; seen < ready.size() && count > 1; seen += count) {
      int const found = ::epoll_wait(poll_->native_handle(), ready.data(), static_cast<int>(ready.size()), 0);
      count = found < 0 ? 0 : static_cast<std::size_t>(found);
      for (epoll_event const& each : std::span(ready).first(count)) {
        std::uint32_t const failed = each.events & (EPOLLERR | EPOLLHUP) ? readable | writable : 0;
        visit(static_cast<std::uint32_t>(each.data.u64), each.events | failed);
        // Who stops the io_context wants no more handlers; what is ready stays so.
        if (!poll_ || poll_->get_executor().context().stopped()) return;
      }
    }
  }
  /// For ever.
  void close() noexcept { poll_.reset(); }

 private:
  std::error_code open() noexcept {
    int const made = ::epoll_create1(EPOLL_CLOEXEC);
    std::error_code failure{errno, asio::error::get_system_category()};
    if (made < 0) return failure;
    try {
      poll_->assign(made, failure);
    } catch (std::bad_alloc const&) {
      failure = std::make_error_code(std::errc::not_enough_memory);
    }
    if (failure) ::close(made);
    return failure;
  }

  handler_memory memory_;  // for the wait, which is not to be lost
  std::optional<asio::posix::basic_stream_descriptor<executor>> poll_;
  std::size_t streams_ = 0;
  bool waits_ = false;
};

}  // namespace siokit::inline v0::net::impl

#else

namespace siokit::inline v0::net::impl {

/// Elsewhere each stream waits for itself.
class ready_set {
 public:
  explicit ready_set(asio::io_context&) noexcept {}
  void forget(stream&) noexcept {}
  void close() noexcept {}
};

}  // namespace siokit::inline v0::net::impl

#endif
