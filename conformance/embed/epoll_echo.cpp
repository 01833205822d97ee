// A Socket.IO server on bare epoll: the pure core in a loop of one's own.   SPDX-License-Identifier: MIT
// WebSocket only; a real host would parse HTTP with a parser, and keep what the kernel does not take.
#include <netinet/in.h>
#include <openssl/sha.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <map>

#include "siokit/siokit.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/handshake.hpp"
using namespace siokit;

struct host {
  engineio::server engine{{.path = "/socket.io/"}};
  hub::server io{
      engine, {}, [](std::span<std::uint8_t, 12> id) { (void)!::getrandom(id.data(), id.size(), 0); }};
  std::map<int, std::pair<handle, websocket::decoder>> clients;

  static time_point now() { return time_point(std::chrono::steady_clock::now().time_since_epoch()); }
  static void put(int fd, std::string_view bytes) {
    (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  static wire wire_of(int fd) { return {static_cast<std::uint64_t>(fd)}; }
  int wait_ms() const {
    auto const next = earliest(engine.next_deadline(), io.next_deadline());
    return next == never
               ? -1
               : static_cast<int>(std::max(next - now(), duration()) / std::chrono::milliseconds(1)) + 1;
  }
  void handshake(int fd, std::string_view head) {
    auto const target = head.substr(4, head.find(' ', 4) - 4);
    engine.request(exchange{wire_of(fd).value}, {"GET", target, {}, "", false, true}, now());
    io.drain(now());
    while (auto const out = engine.poll_response()) {
      if (!out->accept_wire) return static_cast<void>(::shutdown(fd, SHUT_RDWR));
      auto const key =
          websocket::accept_key(head.substr(head.find("Key: ") + 5, 24), [](std::string_view text) {
            std::array<unsigned char, 20> sum;
            ::SHA1(reinterpret_cast<unsigned char const*>(text.data()), text.size(), sum.data());
            return sum;
          });
      std::string answer;
      (void)websocket::append_response(answer, {key.data(), key.size()});
      put(fd, answer);
      clients.at(fd).first = out->session;
      (void)engine.wire_opened(out->session, wire_of(fd), now());
    }
  }
  void readable(int fd) {
    char buffer[65536];
    auto const size = ::recv(fd, buffer, sizeof buffer, 0);
    auto& [session, frames] = clients.try_emplace(fd, handle{}, websocket::role::server).first->second;
    if (size > 0 && !session) return handshake(fd, {buffer, static_cast<std::size_t>(size)});
    std::span<char> in(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    for (auto next = frames.next(in); next && *next; next = frames.next(in)) {
      if ((*next)->type != websocket::event::kind::message) continue;
      (void)engine.receive(session, wire_of(fd), {(*next)->payload, (*next)->data}, now());
      io.drain(now());
    }
    if (size > 0) return;
    engine.wire_lost(session, wire_of(fd));
    clients.erase(fd), ::close(fd);
  }
  void flush() {  // time has passed, and what the core has to say goes out
    engine.advance(now()), io.advance(now());
    while (auto const ready = engine.poll_ready()) {
      wire const to = engine.find(*ready)->main_wire();
      while (auto const next = engine.poll_transmit(*ready, to))
        put(static_cast<int>(to.value), next->data.frames());
    }
  }
};

int main() {
  host h;
  h.io.on("echo", [](siokit::socket& s, args all) { s.emit("echo", all); });
  int const listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), length) != 0 || ::listen(listener, 16) != 0)
    return 1;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length);
  std::printf("listening on http://127.0.0.1:%d\n", ntohs(at.sin_port)), std::fflush(stdout);
  int const poller = ::epoll_create1(0);
  epoll_event event{EPOLLIN, {.fd = listener}};
  for (int fd = listener;; h.flush()) {
    event = {EPOLLIN, {.fd = fd}};
    if (fd >= 0) ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    bool const idle = ::epoll_wait(poller, &event, 1, h.wait_ms()) <= 0;
    fd = !idle && event.data.fd == listener ? ::accept(listener, nullptr, nullptr) : -1;
    if (!idle && event.data.fd != listener) h.readable(event.data.fd);
  }
}
