// What clients of the load generator put on the wire, and take from it.   SPDX-License-Identifier: MIT
// A yardstick has its own parser, so that a fault in that of siokit does not measure itself.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

[[noreturn]] inline void die(char const* what, std::string_view detail = {}) {
  std::fprintf(stderr, "load: %s %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::exit(1);
}

/// A masked text frame; `opcode` 8 is a close frame.
[[nodiscard]] inline std::string masked_frame(std::string_view text, int opcode = 1) {
  std::string out(1, static_cast<char>(0x80 | opcode));
  if (text.size() < 126) {
    out += static_cast<char>(0x80 | text.size());
  } else if (text.size() < 65536) {
    out += static_cast<char>(0x80 | 126);
    for (int shift = 8; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
  } else {
    out += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
  }
  constexpr char mask[] = {0x11, 0x22, 0x33, 0x44};
  out.append(mask, 4);
  for (std::size_t i = 0; i < text.size(); ++i) out += static_cast<char>(text[i] ^ mask[i % 4]);
  return out;
}

struct frame {
  int opcode;
  std::string_view payload;  // of the buffer it was taken from
};

/// The frame of a server at `at`, which moves behind it; nothing while it is not whole.
[[nodiscard]] inline std::optional<frame> next_frame(std::string_view data, std::size_t& at) {
  auto const byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(data[at + i]));
  };
  if (data.size() - at < 2) return std::nullopt;
  std::uint64_t length = byte(1) & 0x7F;
  std::size_t const more = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (data.size() - at < 2 + more) return std::nullopt;
  if (more != 0) {
    length = 0;
    for (std::size_t i = 0; i < more; ++i) length = length << 8 | byte(2 + i);
  }
  if (data.size() - at - 2 - more < length) return std::nullopt;
  frame const out{static_cast<int>(byte(0) & 0x0F),
                  data.substr(at + 2 + more, static_cast<std::size_t>(length))};
  at += 2 + more + out.payload.size();
  return out;
}

/// The body of the HTTP response at the front of `data`, which is removed; nothing while it is not whole.
[[nodiscard]] inline std::optional<std::string> take_body(std::string& data) {
  std::size_t const head = data.find("\r\n\r\n");
  if (head == std::string::npos) return std::nullopt;
  std::size_t length = 0;
  for (std::string_view const name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    std::size_t const at = data.find(name);
    if (at < head) std::from_chars(data.data() + at + name.size(), data.data() + head, length);
  }
  if (data.size() < head + 4 + length) return std::nullopt;
  std::string body = data.substr(head + 4, length);
  data.erase(0, head + 4 + length);
  return body;
}

/// A TCP connection to 127.0.0.1 from 127.0.0.<source>: a server counts what each address asks for. -1: there
/// is none, errno says why.
[[nodiscard]] inline int try_connect(std::uint16_t port, unsigned source) {
  int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  int const on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in from{}, to{};
  from.sin_family = to.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
      ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0)
    return fd;
  int const why = errno;
  ::close(fd);
  errno = why;
  return -1;
}

[[nodiscard]] inline int connect_to(std::uint16_t port, unsigned source) {
  int const fd = try_connect(port, source);
  if (fd < 0) die("connect:", std::strerror(errno));
  return fd;
}

/// The address of a client: 8,000 of them have one, for a server has a quota for each.
[[nodiscard]] inline unsigned source_of(std::size_t client) {
  return static_cast<unsigned>(client / 8'000);
}

constexpr std::string_view upgrade_request =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

inline void send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    ssize_t const now = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (now <= 0) die("the server does not take what is sent");
    data.remove_prefix(static_cast<std::size_t>(now));
  }
}

/// Appends what has come. False: the server has closed the connection.
inline bool receive(int fd, std::string& into) {
  static std::string buffer(512 * 1024, '\0');
  ssize_t const size = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (size > 0) into.append(buffer, 0, static_cast<std::size_t>(size));
  return size > 0;
}

}  // namespace bench
