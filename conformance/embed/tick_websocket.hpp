// What a host in a tick loop has of its own, whatever it speaks.   SPDX-License-Identifier: MIT
// The client's end of a WebSocket on a socket that never blocks, looked at once a tick.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "siokit/core/message.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/handshake.hpp"

class tick_websocket {
 public:
  /// Begins to connect to this port of the loopback device.
  tick_websocket(std::uint16_t port, std::string const& target) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    sockaddr_in at{
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    ::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    key_ = siokit::websocket::make_key(random<std::array<unsigned char, 16>>());
    (void)!siokit::websocket::append_request(unsent_, "127.0.0.1:" + std::to_string(port), target, key());
  }
  tick_websocket(tick_websocket&&) = delete;
  ~tick_websocket() { ::close(fd_); }

  /// Takes what has come. `on_open()` once, `on_message(frame)` for each message. False: it is at its end.
  template <class OnOpen, class OnMessage>
  [[nodiscard]] bool tick(OnOpen&& on_open, OnMessage&& on_message) {
    char buffer[65536];
    for (;;) {
      if (!flush()) return false;
      auto const size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) return size < 0 && (errno == EAGAIN || errno == ENOTCONN);
      std::span<char> bytes(buffer, static_cast<std::size_t>(size));
      if (!open_) {
        answer_.append(buffer, bytes.size());
        auto const end = answer_.find("\r\n\r\n");
        if (end == answer_.npos) {
          if (answer_.size() > 8192) return false;
          continue;
        }
        if (!accepted()) return false;
        open_ = true;
        on_open();
        bytes = bytes.last(answer_.size() - end - 4);
      }
      while (auto const next = frames_.next(bytes)) {
        if (!*next) break;
        using kind = siokit::websocket::event::kind;
        siokit::websocket::event const& event = **next;
        if (event.type == kind::close) return false;
        if (event.type == kind::message) on_message(siokit::frame{event.payload, event.data});
        if (event.type == kind::ping) frame(siokit::websocket::opcodes::pong, event.data);
      }
    }
  }
  /// Whether all that was sent has left.
  [[nodiscard]] bool idle() const { return open_ && unsent_.empty(); }
  void send(siokit::message const& item) {
    for (auto packets = item.packets(); !packets.done();) {
      siokit::frame const next = packets.next();
      frame(next.kind == siokit::frame_kind::text ? siokit::websocket::opcodes::text
                                                  : siokit::websocket::opcodes::binary,
            next.data);
    }
    (void)flush();  // what is wrong shows in the next tick
  }

 private:
  template <class T>
  static T random() {
    T out;
    (void)!::getentropy(&out, sizeof out);
    return out;
  }
  [[nodiscard]] std::string_view key() const { return {key_.data(), key_.size()}; }
  /// Nobody else could have computed this answer; what else it says is the business of the server.
  [[nodiscard]] bool accepted() const {
    auto const accept = siokit::websocket::accept_key(key(), [](std::string_view text) {
      std::array<unsigned char, 20> out;
      EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha1(), nullptr);
      return out;
    });
    return answer_.starts_with("HTTP/1.1 101 ") &&
           answer_.find(std::string(accept.data(), accept.size())) != answer_.npos;
  }
  void frame(std::uint8_t opcode, std::string_view data) {
    siokit::websocket::append_frame(unsent_, opcode, data, random<std::uint32_t>());
  }
  bool flush() {
    if (unsent_.empty()) return true;
    auto const size = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == ENOTCONN;
    unsent_.erase(0, static_cast<std::size_t>(size));
    return true;
  }

  int fd_;
  siokit::websocket::request_key key_{};
  siokit::websocket::decoder frames_{siokit::websocket::role::client, {}};
  std::string unsent_;
  std::string answer_;
  bool open_ = false;
};
