// What a host on epoll has of its own, whatever it speaks.   SPDX-License-Identifier: MIT
// A listening socket, and a WebSocket on a file descriptor.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "server_websocket.hpp"

/// Watched by `poller`, on a free port of the loopback device, which it prints.
inline int listen_on_loopback(int poller) {
  sockaddr_in at{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  socklen_t size = sizeof at;
  int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
  epoll_event wanted{EPOLLIN, {.fd = fd}};
  if (::bind(fd, address, size) != 0 || ::listen(fd, 16) != 0 || ::getsockname(fd, address, &size) != 0 ||
      ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted) != 0) {
    std::perror("can't listen");
    std::exit(1);
  }
  std::printf("listening on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  std::fflush(stdout);
  return fd;
}

/// Owns the descriptor. Keeps what the kernel did not take: then it waits to write and does not read, so that
/// a peer who takes nothing can ask for nothing.
class epoll_websocket final : public server_websocket {
 public:
  epoll_websocket(int poller, int fd) : poller_(poller), fd_(fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    watch(EPOLL_CTL_ADD, EPOLLIN);
  }
  epoll_websocket(epoll_websocket&&) = delete;
  ~epoll_websocket() { ::close(fd_); }

  /// It is ready: writes, or reads once, as take() does. False: the connection is at its end.
  template <class OnRequest, class OnMessage>
  [[nodiscard]] bool ready(OnRequest&& on_request, OnMessage&& on_message) {
    if (!unsent_.empty()) return write({}), true;
    char buffer[65536];
    auto const size = ::recv(fd_, buffer, sizeof buffer, 0);
    if (size <= 0) return size < 0 && errno == EAGAIN;
    return take({buffer, static_cast<std::size_t>(size)}, on_request, on_message);
  }
  /// A connection that broke is for ready() to see.
  void write(std::string_view bytes) override {
    bool const waited = !unsent_.empty();
    unsent_ += bytes;
    auto const sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return shut();
    unsent_.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    if (waited != !unsent_.empty()) watch(EPOLL_CTL_MOD, waited ? EPOLLIN : EPOLLOUT);
  }
  /// Whether all that was written has left.
  [[nodiscard]] bool idle() const { return unsent_.empty(); }
  /// Ends it; ready() will say so.
  void shut() {
    unsent_.clear();
    ::shutdown(fd_, SHUT_RDWR);
    watch(EPOLL_CTL_MOD, EPOLLIN);
  }

 private:
  void watch(int change, unsigned events) const {
    epoll_event wanted{events, {.fd = fd_}};
    ::epoll_ctl(poller_, change, fd_, &wanted);
  }

  int const poller_, fd_;
  std::string unsent_;
};
