// A Socket.IO server on bare epoll: the pure core in a loop of one's own.   SPDX-License-Identifier: MIT
#include <map>

#include "epoll_websocket.hpp"
#include "siokit/siokit.hpp"
using namespace siokit;

struct host {
  engineio::server engine{{.path = "/socket.io/"}};
  hub::server io{engine, {}, [](auto id) { (void)!::getentropy(id.data(), id.size()); }};
  std::map<std::uint64_t, epoll_websocket> sockets{};  // by their wires

  static time_point now() { return time_point(std::chrono::steady_clock::now().time_since_epoch()); }
  void ready(wire which) {
    epoll_websocket& socket = sockets.at(which.value);
    auto const on_request = [&](websocket::handshake_text const& in) {
      if (!engine.config().serves(in.target)) return false;
      engine.request({which.value}, {"GET", in.target, in.headers, {}, false, true}, now());
      io.drain(now());
      auto const response = engine.poll_response();
      if (!response || !response->accept_wire) return false;
      socket.accept(in.key);
      socket.session = response->session;
      return engine.wire_opened(socket.session, which, now()).has_value();
    };
    auto const on_message = [&](frame const& in) {
      (void)engine.receive(socket.session, which, in, now());
      io.drain(now());
    };
    bool const open = socket.ready(on_request, on_message);
    if (open) return transmit(which, socket);
    engine.wire_lost(socket.session, which);
    sockets.erase(which.value);
  }
  void transmit(wire which, epoll_websocket& socket) {
    while (socket.idle()) {  // the core is asked only while the peer takes what there is
      auto const next = engine.poll_transmit(socket.session, which);
      if (!next) return;
      next->shut ? socket.shut() : socket.write(next->data.frames());
    }
    if (auto const* s = engine.find(socket.session); s == nullptr || s->closed()) socket.shut();
  }
  int turn() {  // time has passed, and what there is to say leaves; returns when to come again, in ms
    engine.advance(now()), io.advance(now()), io.drain(now());
    while (auto const session = engine.poll_ready()) {
      wire const which = engine.find(*session)->main_wire();
      transmit(which, sockets.at(which.value));
    }
    auto const left = earliest(engine.next_deadline(), io.next_deadline()) - now();
    return static_cast<int>(std::clamp<duration>(left, {}, std::chrono::hours(1)).count() / 1'000'000) + 1;
  }
};

int main() {
  host h;
  h.io.on("echo", [](siokit::socket& s, args all) { s.emit("echo", all); });
  int const poller = ::epoll_create1(0), listener = listen_on_loopback(poller);
  for (epoll_event event{};;) {
    if (::epoll_wait(poller, &event, 1, h.turn()) != 1) continue;
    auto const fd = event.data.fd == listener ? ::accept(listener, nullptr, nullptr) : event.data.fd;
    auto const which = static_cast<std::uint64_t>(fd);
    if (fd != event.data.fd) h.sockets.try_emplace(which, poller, fd);
    if (fd == event.data.fd) h.ready({which});
  }
}
