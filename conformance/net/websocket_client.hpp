// conformance/net/websocket_client.hpp - the client half of RFC 6455 for tests.
// SPDX-License-Identifier: MIT
#pragma once

#include "net/host_world.hpp"

namespace siokit::test {

inline std::string const websocket_target = "/engine.io/?EIO=4&transport=websocket";

inline std::string websocket_handshake(std::string_view target) {
  return get(target,
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

inline std::string frame_of(std::uint8_t opcode, std::string_view payload) {
  std::string out;
  websocket::append_frame(out, opcode, payload, 0x12345678);
  return out;
}

struct websocket_client : raw_client {
  using raw_client::raw_client;

  /// The answer to the handshake.
  std::string open(std::string_view target = websocket_target) { return ask(websocket_handshake(target)); }
  void say(std::uint8_t opcode, std::string_view payload) { send(frame_of(opcode, payload)); }

  /// The next thing the server says, in words; empty when nothing comes.
  std::string next() {
    std::string out;
    around.until([&] {
      pull();
      std::span<char> rest(in.data() + used, in.size() - used);
      auto const event = decoder.next(rest);
      used = in.size() - rest.size();
      if (event && *event) out = describe(**event);
      if (!event) out = "error: " + std::string(to_string(event.error().code));
      if (used == in.size()) in.clear(), used = 0;
      return !out.empty() || ended;
    });
    return out;
  }

  static std::string describe(websocket::event const& event) {
    using kind = websocket::event::kind;
    switch (event.type) {
      case kind::message:
        return (event.payload == frame_kind::text ? "text " : "binary ") + std::string(event.data);
      case kind::ping: return "ping " + std::string(event.data);
      case kind::pong: return "pong " + std::string(event.data);
      case kind::close: break;
    }
    return "close " + std::to_string(event.code);
  }

  websocket::decoder decoder{websocket::role::client, {.message_bytes_max = 100'000'000}};
  std::size_t used = 0;
};

}  // namespace siokit::test
