// A Socket.IO server on libuv: the pure core in its loop.   SPDX-License-Identifier: MIT
#include <csignal>
#include <map>

#include "siokit/siokit.hpp"
#include "uv_websocket.hpp"
using namespace siokit;

struct host {
  using socket_type = uv_websocket<host>;
  engineio::server engine{{.path = "/socket.io/"}};
  hub::server io{engine, {}, [](auto id) {
                   if (uv_random(nullptr, nullptr, id.data(), id.size(), 0, nullptr) != 0) std::abort();
                 }};
  std::map<std::uint64_t, socket_type> sockets{};  // by their wires
  std::uint64_t connections = 0;
  uv_timer_t timer{};

  static time_point now() { return time_point(std::chrono::nanoseconds(uv_hrtime())); }

  void connected(uv_stream_t* listener) {
    wire const which{++connections};
    sockets.try_emplace(which.value, *this, which, listener);
  }
  void received(socket_type& socket, std::span<char> bytes) {
    auto const on_request = [&](websocket::handshake_text const& in) {
      if (!engine.config().serves(in.target)) return false;
      engine.request({socket.name.value}, {"GET", in.target, in.headers, {}, false, true}, now());
      io.drain(now());
      auto const response = engine.poll_response();
      if (!response || !response->accept_wire) return false;
      socket.accept(in.key);
      socket.session = response->session;
      return engine.wire_opened(socket.session, socket.name, now()).has_value();
    };
    auto const on_message = [&](frame const& in) {
      (void)engine.receive(socket.session, socket.name, in, now());
      io.drain(now());
    };
    if (!socket.take(bytes, on_request, on_message)) socket.shut();
    turn();
  }
  void writable(socket_type& socket) {
    while (socket.idle()) {  // the core is asked only while the peer takes what there is
      auto const next = engine.poll_transmit(socket.session, socket.name);
      if (!next) return;
      next->shut ? socket.shut() : socket.write(next->data.frames());
    }
    if (auto const* s = engine.find(socket.session); s == nullptr || s->closed()) socket.shut();
  }
  void closed(socket_type& socket) {
    wire const which = socket.name;
    engine.wire_lost(socket.session, which);
    sockets.erase(which.value);
    turn();
  }
  void turn() {  // after every input, and by the timer: time has passed, and what there is to say leaves
    engine.advance(now()), io.advance(now()), io.drain(now());
    while (auto const session = engine.poll_ready()) {
      auto const socket = sockets.find(engine.find(*session)->main_wire().value);
      if (socket != sockets.end()) writable(socket->second);
    }
    auto const left = earliest(engine.next_deadline(), io.next_deadline()) - now();
    auto const ms = std::clamp<duration>(left, {}, std::chrono::hours(1)).count() / 1'000'000 + 1;
    auto const on_timer = [](uv_timer_t* of) { static_cast<host*>(of->data)->turn(); };
    uv_timer_start(&timer, on_timer, static_cast<std::uint64_t>(ms), 0);
  }
};

int main() {
  std::signal(SIGPIPE, SIG_IGN);  // libuv tells of a broken connection by an error
  host h;
  h.io.on("echo", [](siokit::socket& s, args all) { s.emit("echo", all); });
  uv_timer_init(uv_default_loop(), &h.timer);
  uv_tcp_t listener;
  listener.data = h.timer.data = &h;
  listen_on_loopback(listener, [](uv_stream_t* of, int status) {
    if (status == 0) static_cast<host*>(of->data)->connected(of);
  });
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
