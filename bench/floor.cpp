// The floor: the least a WebSocket echo can cost. A bare epoll server that reads, unmasks and sends the same
// bytes. SPDX-License-Identifier: MIT No limits, no UTF-8 check, no heartbeat, whole frames below 64 KiB
// only: a yardstick, not a server.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

/// Turns the masked frames in place into unmasked ones, packed at the front. Returns their size.
std::size_t turn_around(char* data, std::size_t size) {
  std::size_t out = 0;
  for (std::size_t at = 0; at + 6 <= size;) {
    std::size_t length = static_cast<unsigned char>(data[at + 1]) & 0x7F;
    std::size_t head = 2;
    if (length == 126) {
      length = static_cast<std::size_t>(static_cast<unsigned char>(data[at + 2])) << 8 |
               static_cast<unsigned char>(data[at + 3]);
      head = 4;
    }
    char mask[4];
    std::memcpy(mask, data + at + head, 4);
    char const* payload = data + at + head + 4;
    data[out] = data[at];
    data[out + 1] = static_cast<char>(data[at + 1] & 0x7F);
    if (head == 4) std::memmove(data + out + 2, data + at + 2, 2);
    for (std::size_t i = 0; i < length; ++i)
      data[out + head + i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    out += head + length;
    at += head + 4 + length;
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  int const port = argc > 1 ? std::atoi(argv[1]) : 3999;
  int const listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int const on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 1024) != 0) {
    std::perror("floor");
    return 1;
  }
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  int const poll = ::epoll_create1(0);
  epoll_event event{EPOLLIN, {.fd = listener}};
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::vector<epoll_event> ready(1024);
  std::vector<char> buffer(128 * 1024);
  constexpr std::string_view accepted =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
  for (;;) {
    int const count = ::epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      int const fd = ready[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        int const client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (client < 0) continue;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event = {EPOLLIN, {.fd = client}};
        ::epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      ssize_t const size = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (size <= 0) {
        ::close(fd);
        continue;
      }
      bool const handshake = buffer[0] == 'G';
      std::size_t const out =
          handshake ? accepted.size() : turn_around(buffer.data(), static_cast<std::size_t>(size));
      static_cast<void>(::send(fd, handshake ? accepted.data() : buffer.data(), out, MSG_NOSIGNAL));
    }
  }
}
