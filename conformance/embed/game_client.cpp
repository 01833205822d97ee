// A Socket.IO client in the tick loop of a game: the pure core, no thread, nothing that blocks.
// SPDX-License-Identifier: MIT
// Usage: siokit-embed-game PORT. Tells its position sixty times a second, until the server says "over".
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "siokit/siokit.hpp"
#include "tick_websocket.hpp"
using namespace std::chrono_literals;

struct network {
  std::uint16_t port;
  siokit::socketio::client_config config{
      .engine = {.path = "/socket.io/", .transports = {siokit::transport::websocket}}};
  siokit::hub::client io{config, static_cast<std::uint64_t>(::getpid())};
  std::optional<tick_websocket> socket{};
  siokit::wire name{};  // of the socket

  static siokit::time_point now() {
    return siokit::time_point(std::chrono::steady_clock::now().time_since_epoch());
  }
  /// Once a frame: what has come, what time it is, what is to be done, what is to be sent.
  void tick() {
    using kind = siokit::engineio::client_action::kind;
    auto& session = io.session();
    auto const on_open = [&] { session.wire_opened(name, now()); };
    auto const on_message = [&](siokit::frame const& in) {
      (void)session.receive(name, in, now());
      io.drain(now());
    };
    if (socket && !socket->tick(on_open, on_message)) {
      socket.reset();
      session.wire_lost(name);
    }
    io.advance(now());
    while (auto const action = session.poll_action()) {
      if (action->type == kind::open_wire) socket.emplace(port, action->target), name = action->on;
      if (action->type == kind::shut_wire) socket.reset();
    }
    while (socket && socket->idle()) {
      auto const item = session.poll_transmit(name);
      if (!item) break;
      socket->send(*item);
    }
  }
};

int main(int argc, char** argv) {
  network net{static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 3000)};
  net.io.on_wake(network::now);
  auto& s = net.io.socket();
  bool over = false;
  s.on_connect([] { std::puts("connected"); });
  s.on_disconnect(
      [](siokit::disconnect_reason why) { std::printf("disconnected: %s\n", to_string(why).data()); });
  s.on("moved",
       [](std::string_view who, int x) { std::printf("%s is at %d\n", std::string(who).c_str(), x); });
  s.on("over", [&] { over = true; });
  s.connect();
  int x = 0;
  while (!over) {
    if (s.connected()) (void)s.volatile_().emit("position", x++);  // a late one is of no use
    net.tick();
    std::fflush(stdout);
    std::this_thread::sleep_for(16ms);  // the frame is drawn
  }
}
