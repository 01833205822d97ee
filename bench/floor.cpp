// The floor: the least that each row of the comparison can cost.   SPDX-License-Identifier: MIT
// A bare epoll server that reads, and sends the bytes that are owed. No limits, no UTF-8 check, no heartbeat,
// no end of slow readers, and just as much protocol as the load generator needs: a yardstick, not a server.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

struct connection {
  bool websocket = false;
  std::string part{};       // of a frame or request that is not whole yet
  std::size_t session = 0;  // whose GET waits here
};

class floor_server {
 public:
  explicit floor_server(bool closes) : closes_(closes) {}

  /// Returns the port, which other floors of this process may listen at too.
  std::uint16_t listen(std::uint16_t port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int const on = 1;
    for (int const option : {SO_REUSEADDR, SO_REUSEPORT})
      ::setsockopt(listener_, SOL_SOCKET, option, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 4096) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::perror("floor");
      std::exit(1);
    }
    watch(listener_);
    return ntohs(address.sin_port);
  }
  void run() {
    std::vector<epoll_event> ready(1024);
    for (;;) {
      int const count = ::epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < count; ++i) {
        int const fd = ready[static_cast<std::size_t>(i)].data.fd;
        fd == listener_ ? accept() : read(fd);
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{EPOLLIN, {.fd = fd}};
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }
  void accept() {
    int const on = 1;
    int fd = 0;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(fd);
      if (all_.size() <= static_cast<std::size_t>(fd)) all_.resize(static_cast<std::size_t>(fd) + 1);
      at(fd) = {};
    }
  }
  void read(int fd) {
    connection& who = at(fd);
    std::size_t const kept = who.part.size();
    std::memcpy(buffer_.data(), who.part.data(), kept);
    ssize_t const size = ::recv(fd, buffer_.data() + kept, buffer_.size() - kept, 0);
    if (size <= 0) return end(fd);
    std::size_t const all = kept + static_cast<std::size_t>(size);
    std::size_t const used = who.websocket ? frames(fd, all) : request(fd, {buffer_.data(), all});
    if (kept != 0 || used != all) who.part.assign(buffer_.data() + used, all - used);
  }
  void end(int fd) {
    if (at(fd).websocket) std::erase(websockets_, fd);
    at(fd) = {};
    ::close(fd);
  }
  static void send(int fd, std::string_view data) {
    static_cast<void>(::send(fd, data.data(), data.size(), MSG_NOSIGNAL));
  }

  // WebSocket.

  /// Turns masked frames in place into unmasked ones, packed at the front, and sends them: back, or to all.
  /// Returns how much was used.
  std::size_t frames(int fd, std::size_t size) {
    char* const data = buffer_.data();
    std::size_t out = 0, used = 0;
    bool to_all = false;
    while (used + 2 <= size) {
      std::uint64_t length = static_cast<unsigned char>(data[used + 1]) & 0x7F;
      std::size_t const head = length == 126 ? 4 : length == 127 ? 10 : 2;
      if (used + head + 4 > size) break;
      if (head > 2) {
        length = 0;
        for (std::size_t i = 2; i < head; ++i)
          length = length << 8 | static_cast<unsigned char>(data[used + i]);
      }
      auto const count = static_cast<std::size_t>(length);
      if (used + head + 4 + count > size) break;
      char mask[4];
      std::memcpy(mask, data + used + head, 4);
      char const* payload = data + used + head + 4;
      std::memmove(data + out, data + used, head);
      data[out + 1] = static_cast<char>(data[out + 1] & 0x7F);
      unmask(data + out + head, payload, count, mask);
      if (count > 12 && std::memcmp(data + out + head, "42[\"broadcast", 13) == 0) to_all = true;
      out += head + count;
      used += head + 4 + count;
    }
    if (out == 0) return used;
    if (to_all) {
      for (int const each : websockets_) send(each, {data, out});
    } else {
      send(fd, {data, out});
    }
    return used;
  }
  static void unmask(char* to, char const* from, std::size_t count, char const (&mask)[4]) {
    std::uint64_t wide = 0;
    for (std::size_t i = 0; i < 8; ++i) reinterpret_cast<char*>(&wide)[i] = mask[i % 4];
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, from + i, 8);
      word ^= wide;
      std::memcpy(to + i, &word, 8);
    }
    for (; i < count; ++i) to[i] = static_cast<char>(from[i] ^ mask[i % 4]);
  }

  // HTTP: requests come whole, one at a time, but for their bodies.

  std::size_t request(int fd, std::string_view in) {
    std::size_t const head = in.find("\r\n\r\n");
    if (head == in.npos) return 0;
    if (in.find("Upgrade: websocket") < head) {
      // The open packet and the answer to a handshake leave together.
      constexpr std::string_view accepted =
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x03"
          "0{}";
      send(fd, accepted);
      if (closes_) {
        end(fd);
      } else {
        at(fd).websocket = true;
        websockets_.push_back(fd);
      }
      return in.size();
    }
    std::size_t session = 0, length = 0;
    number(in.substr(0, head), "sid=", session);
    number(in.substr(0, head), "Content-Length: ", length);
    if (in.size() < head + 4 + length) return 0;
    if (session == 0) {
      answer(fd, "0{\"sid\":\"" + std::to_string(++sessions_) + "\"}");
    } else if (in[0] == 'P') {
      answer(fd, "ok");
      answer(waiting_[session], in.substr(head + 4, length));
    } else {
      waiting_[session] = fd;
    }
    return head + 4 + length;
  }
  static void number(std::string_view in, std::string_view name, std::size_t& out) {
    std::size_t const at = in.find(name);
    if (at != in.npos) std::from_chars(in.data() + at + name.size(), in.data() + in.size(), out);
  }
  void answer(int fd, std::string_view body) {
    response_.assign("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: ");
    response_.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    send(fd, response_);
  }

  connection& at(int fd) { return all_[static_cast<std::size_t>(fd)]; }

  bool closes_;
  int listener_ = -1, poll_ = ::epoll_create1(0);
  std::vector<char> buffer_ = std::vector<char>(1024 * 1024);
  std::vector<connection> all_;
  std::vector<int> websockets_;
  std::size_t sessions_ = 0;
  std::unordered_map<std::size_t, int> waiting_;
  std::string response_;
};

}  // namespace

/// floor PORT [close] [--threads N]: with "close" each connection ends with the answer to its handshake. With
/// several threads the system spreads connections; what concerns several of them stays in one thread.
int main(int argc, char** argv) {
  std::vector<std::string_view> const said(argv + 1, argv + argc);
  auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  bool const closes = std::ranges::find(said, "close") != said.end();
  auto const threads = std::ranges::find(said, "--threads");
  int const count = said.end() - threads > 1 ? std::atoi(threads[1].data()) : 1;
  std::vector<std::unique_ptr<floor_server>> all;
  for (int i = 0; i < count; ++i) port = all.emplace_back(new floor_server(closes))->listen(port);
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < all.size(); ++i) others.emplace_back([&all, i] { all[i]->run(); });
  if (!all.empty()) all.front()->run();
}
