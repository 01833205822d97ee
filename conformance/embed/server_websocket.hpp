// The server's end of a WebSocket, whatever loop moves its bytes.   SPDX-License-Identifier: MIT
// In: what came, as it came. Out: one request, then messages; write() is the loop's.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <span>
#include <string>

#include "siokit/core/ids.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/handshake.hpp"

/// Keeps a request that came in part, at most 8 KiB and what was read at once.
class server_websocket {
 public:
  siokit::handle session{};  ///< for the host to keep

  virtual void write(std::string_view bytes) = 0;

  /// These bytes have come. `on_request(handshake_text)` returns whether it called accept();
  /// `on_message(frame)`. False: the peer has ended the connection, or it is not worth going on.
  template <class OnRequest, class OnMessage>
  [[nodiscard]] bool take(std::span<char> bytes, OnRequest&& on_request, OnMessage&& on_message) {
    if (!accepted_) {
      request_.append(bytes.data(), bytes.size());
      if (!request_.ends_with("\r\n\r\n")) return request_.size() < 8192;
      auto const in = siokit::websocket::read_request(request_);
      return in && on_request(*in);
    }
    for (;;) {
      auto const next = frames_.next(bytes);
      if (!next || !*next) return next.has_value();
      using kind = siokit::websocket::event::kind;
      siokit::websocket::event const& event = **next;
      if (event.type == kind::close) return false;
      if (event.type == kind::message) on_message(siokit::frame{event.payload, event.data});
      if (event.type != kind::ping) continue;
      std::string pong;
      siokit::websocket::append_frame(pong, siokit::websocket::opcodes::pong, event.data);
      write(pong);
    }
  }
  void accept(std::string_view key) {
    auto const accepted = siokit::websocket::accept_key(key, [](std::string_view text) {
      std::array<unsigned char, 20> sum{};
      ::EVP_Digest(text.data(), text.size(), sum.data(), nullptr, ::EVP_sha1(), nullptr);
      return sum;
    });
    std::string answer;
    accepted_ = siokit::websocket::append_response(answer, {accepted.data(), accepted.size()}).has_value();
    write(answer);
  }

 protected:
  ~server_websocket() = default;

 private:
  bool accepted_ = false;
  std::string request_;
  siokit::websocket::decoder frames_{siokit::websocket::role::server};
};
