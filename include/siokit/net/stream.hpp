// siokit/net/stream.hpp - a connected socket of a server.   SPDX-License-Identifier: MIT
// On Linux a bare descriptor, in a set of the system's that tells which are ready (ready_set): a wait by Asio
// is one more call to the system for each read, and memory for each connection that is idle. Elsewhere, or
// with SIOKIT_NO_EPOLL, it is a socket of Asio. Who uses it sees the verbs that both have.
#pragma once

#include <array>
#include <asio/error.hpp>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

#include "siokit/net/backlog.hpp"
#include "siokit/net/socket.hpp"

#if defined(__linux__) && !defined(SIOKIT_NO_EPOLL)
#define SIOKIT_EPOLL 1
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace siokit::inline v0::net::impl {

#ifdef SIOKIT_EPOLL

class stream {
 public:
  using native_handle_type = int;

  /// None yet.
  explicit stream(executor const&) noexcept {}
  stream(stream&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), watched_(std::exchange(other.watched_, 0)) {}
  stream& operator=(stream&&) = delete;
  ~stream() {
    std::error_code ignored;
    close(ignored);
  }

  /// Takes a descriptor, which does not block from now on.
  void assign(stream_protocol const&, int descriptor, std::error_code& failure) noexcept {
    int const flags = ::fcntl(descriptor, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0))
      return fail(failure);
    descriptor_ = descriptor;
    failure.clear();
  }
  /// Takes the next connection of a listener, whose no_delay it inherits.
  void accept(stream_acceptor& from, stream_protocol::endpoint& peer, std::error_code& failure) noexcept {
    auto size = static_cast<socklen_t>(peer.capacity());
    int const got = ::accept4(from.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (got < 0) return fail(failure);
    peer.resize(size);
    descriptor_ = got;
    failure.clear();
  }
  [[nodiscard]] int native_handle() const noexcept { return descriptor_; }
  /// Precondition: no set watches it.
  [[nodiscard]] int release(std::error_code& failure) noexcept {
    failure = descriptor_ < 0 ? asio::error::make_error_code(asio::error::bad_descriptor) : std::error_code();
    return std::exchange(descriptor_, -1);
  }
  /// The system takes it out of the set that watches it; but see ready_set::forget().
  void close(std::error_code& failure) noexcept {
    failure.clear();
    if (descriptor_ >= 0 && ::close(std::exchange(descriptor_, -1)) < 0) fail(failure);
  }

  [[nodiscard]] stream_protocol::endpoint local_endpoint(std::error_code& failure) const {
    return name_by(&::getsockname, failure);
  }
  [[nodiscard]] stream_protocol::endpoint remote_endpoint(std::error_code& failure) const {
    return name_by(&::getpeername, failure);
  }
  /// Nothing waits for more before it leaves; of a Unix socket nothing ever does.
  void no_delay() noexcept {
    int const on = 1;
    static_cast<void>(::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  }

  [[nodiscard]] std::size_t read_some(std::span<char> into, std::error_code& failure) noexcept {
    std::size_t const size = result(::recv(descriptor_, into.data(), into.size(), 0), failure);
    if (size == 0 && !failure && !into.empty()) failure = asio::error::eof;
    return size;
  }
  [[nodiscard]] std::size_t send(asio::const_buffer data, int flags, std::error_code& failure) noexcept {
    return result(::send(descriptor_, data.data(), data.size(), flags | MSG_NOSIGNAL), failure);
  }
  /// Precondition: not more than gather_max of them.
  [[nodiscard]] std::size_t send(std::span<asio::const_buffer const> data, int flags,
                                 std::error_code& failure) noexcept {
    std::array<iovec, gather_max> pieces;
    for (std::size_t i = 0; i < data.size(); ++i)
      pieces[i] = {const_cast<void*>(data[i].data()), data[i].size()};  // which it does not write to
    msghdr all{};
    all.msg_iov = pieces.data();
    all.msg_iovlen = data.size();
    return result(::sendmsg(descriptor_, &all, flags | MSG_NOSIGNAL), failure);
  }
  void shut_down_send() noexcept { static_cast<void>(::shutdown(descriptor_, SHUT_WR)); }

 private:
  friend class ready_set;

  static void fail(std::error_code& failure) noexcept {
    failure = {errno, asio::error::get_system_category()};
  }
  [[nodiscard]] static std::size_t result(ssize_t size, std::error_code& failure) noexcept {
    failure.clear();
    if (size >= 0) return static_cast<std::size_t>(size);
    fail(failure);
    return 0;
  }
  template <class Function>
  [[nodiscard]] stream_protocol::endpoint name_by(Function name, std::error_code& failure) const {
    stream_protocol::endpoint out;
    auto size = static_cast<socklen_t>(out.capacity());
    if (name(descriptor_, out.data(), &size) < 0) return fail(failure), out;
    out.resize(size);
    failure.clear();
    return out;
  }

  int descriptor_ = -1;
  std::uint32_t watched_ = 0;  // what its ready_set waits for
};

#else

class stream : public stream_socket {
 public:
  using stream_socket::stream_socket;

  void assign(stream_protocol const& protocol, native_handle_type descriptor, std::error_code& failure) {
    stream_socket::assign(protocol, descriptor, failure);
    std::error_code ignored;  // a socket that is dead already shows it when it is read
    if (!failure) non_blocking(true, ignored);
  }
  void accept(stream_acceptor& from, stream_protocol::endpoint& peer, std::error_code& failure) {
    from.accept(static_cast<stream_socket&>(*this), peer, failure);
    std::error_code ignored;
    if (!failure) non_blocking(true, ignored), no_delay();
  }
  void no_delay() {
    std::error_code ignored;
    set_option(asio::ip::tcp::no_delay(true), ignored);
  }
  [[nodiscard]] std::size_t read_some(std::span<char> into, std::error_code& failure) {
    return stream_socket::read_some(asio::buffer(into.data(), into.size()), failure);
  }
  void shut_down_send() {
    std::error_code ignored;
    shutdown(asio::socket_base::shutdown_send, ignored);
  }
};

#endif

}  // namespace siokit::inline v0::net::impl
