// siokit/net/connection_websocket.hpp - the WebSocket half of a connection.   SPDX-License-Identifier: MIT
// Spec: RFC 6455.  In: bytes, unmasked where they lie; each message is one input to the engine.  Out: the
// messages of the session as the frames they are, and control frames of our own.
#pragma once

#include "siokit/net/connection_write.hpp"
#include "siokit/net/sha1.hpp"

namespace siokit::inline v0::net::impl {

inline constexpr std::size_t write_max = 256 * 1024;
inline constexpr std::size_t tls_record_max = 16 * 1024;

/// Answers 101; from here on the connection is a wire of its session.
inline void connection::accept_websocket(handle session, std::vector<owned_header>& headers) {
  if (!upgraded_) agree_to_compress(headers);
  auto const key = present_request().find("sec-websocket-key").value_or("");
  std::string text;
  text.reserve(256);
  auto const accept = websocket::accept_key(key, sha1);
  if (!websocket::append_response(text, {accept.data(), accept.size()}, headers)) {
    // A header of the application that can't be sent. The session, if it is new, hears that its wire is lost.
    engineio::server_response const refused{.session = session, .accept_wire = true, .initial = true};
    http_->close = true;
    respond(500, {}, {});
    return loop_->lose_accepted(refused);
  }
  if (std::exchange(upgraded_, false)) text.clear();  // who answered it was another server
  http_.reset();
  mode_ = mode::websocket;
  session_ = session;
  name_ = loop_->rename(name_);
  loop_->arm(name_, never);
  loop_->resume_later(*this);  // a client in a hurry may have sent frames already
  try {
    loop_->input([&](engineio::server& engine) {
      if (engine.wire_opened(session_, wire{name_}, loop_->now())) return;
      session_ = {};
      write(std::exchange(text, {}));
      close_websocket(websocket::close_codes::none);
    });
  } catch (...) {
    if (loop_ != nullptr) write(text);
    throw;
  }
  if (loop_ != nullptr) transmit(text);  // with the first packets of the session, in one write
}

/// Answers what the client has offered for the compression of messages.
inline void connection::agree_to_compress(std::vector<owned_header>& headers) {
  auto* const compressor = loop_->messages_compressor();
  if (compressor == nullptr) return;
  auto const offers = present_request().find("sec-websocket-extensions").value_or("");
  auto answer = compressor->agree(offers, contexts_);
  if (!answer) return;
  headers.push_back({"Sec-WebSocket-Extensions", std::move(*answer)});
  compresses_ = true;
  decoder_ = make_decoder(*loop_, true);
}

/// What the pings of one read are answered with, in one write. Of very many the last ones count.
struct pong_batch {
  char bytes[2048];
  std::size_t size = 0;

  void add(std::string_view payload) noexcept {
    if (size + websocket::frame_header_max + payload.size() > sizeof(bytes)) size = 0;
    size += websocket::encode_header(bytes + size, websocket::opcodes::pong, true, payload.size());
    std::memcpy(bytes + size, payload.data(), payload.size());
    size += payload.size();
  }
};

inline void connection::receive_frames(std::span<char>& in) {
  using kind = websocket::event::kind;
  pong_batch pongs;
  while (mode_ == mode::websocket) {
    auto const next = decoder_.next(in);
    websocket::event const* const event = next && *next ? &**next : nullptr;
    if (event != nullptr && event->type == kind::pong) continue;
    if (event != nullptr && event->type == kind::ping) {
      pongs.add(event->data);
      continue;
    }
    send_pongs(pongs);
    if (!next) return break_websocket(next.error());
    if (event == nullptr) return;
    if (event->type == kind::close) {
      input_ended_ = true;  // he says no more, so that ours is the last word
      close_websocket(event->code);
      return lose_wire({});
    }
    receive_message(*event);
    if (loop_ == nullptr) return;
  }
}

inline void connection::receive_message(websocket::event const& in) {
  frame packet{in.payload, in.data};
  if (in.compressed) {
    auto const inflated = loop_->messages_compressor()->inflate(
        packet, loop_->engine().config().max_http_buffer_size, contexts_.get());
    if (!inflated) return break_websocket(inflated.error());
    packet.data = *inflated;
  }
  loop_->input([&](engineio::server& engine) {
    [[maybe_unused]] auto const taken = engine.receive(session_, wire{name_}, packet, loop_->now());
    SIOKIT_ASSERT(taken);  // else on_drain left events behind
  });
}

/// The peer has broken the rules of the WebSocket.
inline void connection::break_websocket(error why) {
  close_websocket(websocket::close_code(why.code));
  lose_wire(why);
}

/// A peer that sends pings and reads nothing is owed those of one read, not all of them.
inline void connection::send_pongs(pong_batch& pongs) {
  std::size_t const size = std::exchange(pongs.size, 0);
  if (size == 0 || std::exchange(pong_queued_, backlog_ != nullptr)) return;
  write({pongs.bytes, size});
}

inline void connection::send_control(std::uint8_t opcode, std::string_view payload) {
  char head[websocket::frame_header_max];
  std::size_t const size = websocket::encode_header(head, opcode, true, payload.size());
  write({head, size}, payload);
}

/// Says goodbye, after what the messages before it have brought. What the peer may still send is of no
/// interest.
inline void connection::close_websocket(std::uint16_t code) {
  transmit();
  if (mode_ == mode::closing) return;  // the session had a goodbye of its own
  char payload[websocket::control_payload_max];
  send_control(websocket::opcodes::close, {payload, websocket::encode_close(payload, code)});
  finish();
}

/// Tells the engine that this wire is gone. The application may do anything then, so this comes last.
inline void connection::lose_wire(error why) {
  handle const session = std::exchange(session_, {});
  if (!session) return;
  wire const lost{name_};
  loop_->input([&](engineio::server& engine) { engine.wire_lost(session, lost, why); });
}

inline void connection::transmit(std::string_view first) {
  if (backlog_ && !first.empty()) write(std::exchange(first, {}));
  while (mode_ == mode::websocket && session_) {
    if (backlog_) return await_reader();
    gather_list& list = loop_->gather;
    list.clear();
    list.add(first);
    std::size_t count = 0;
    std::optional<engineio::transmit> next;
    // As much as one write may take: what waits here is no longer counted by the session.
    while (!list.full() && list.bytes < write_max) {
      next = loop_->engine().poll_transmit(session_, wire{name_});
      if (!next || next->shut) break;
      if (compresses_) {
        next->data = loop_->messages_compressor()->deflate(std::move(next->data), contexts_.get());
      }
      list.add(next->data.frames());
      loop_->messages[count++] = std::move(next->data);
    }
    if (list.bytes > 0) write_messages(std::exchange(first, {}), count);
    if (!next) return;
    if (next->shut) {
      session_ = {};  // the session has forgotten this wire
      return close_websocket(websocket::close_codes::none);
    }
  }
}

/// One record for many small messages, none of which is copied when it is large.
inline void connection::encrypt_messages(std::span<message const> items) {
  std::string& small = loop_->text;
  small.clear();
  for (message const& item : items) {
    std::string_view const frames = item.frames();
    if (small.size() + frames.size() > tls_record_max) encrypt(std::exchange(small, {}));
    if (frames.size() > tls_record_max) {
      encrypt(frames);
    } else {
      small += frames;
    }
  }
  encrypt(small);
}

/// Sends `first`, then loop_->messages: loop_->gather is the list of both. Messages that are left are kept by
/// reference, unless they wait behind bytes of our own.
inline void connection::write_messages(std::string_view first, std::size_t count) {
  std::span<message> const items(loop_->messages.data(), count);
  if (tls_) {
    encrypt(first);
    encrypt_messages(items);
    flush_tls();
  } else if (!broken_) {
    std::size_t const bytes = loop_->gather.bytes;
    std::size_t const sent = write_some(loop_->gather);
    if (sent < bytes) {
      backlog_ = std::make_unique<backlog>();
      if (sent >= first.size()) {
        backlog_->keep(items, sent - first.size());
      } else {
        backlog_->append(first.substr(sent));
        for (message const& each : items) backlog_->append(each.frames());
      }
      wait_writable();
    }
  }
  for (message& item : items) item = message();
}

/// The socket takes no more. That is the business of the session's heartbeat, unless the session is over.
inline void connection::await_reader() {
  auto const* session = loop_->engine().find(session_);
  if (session == nullptr || session->closed()) {
    arm(loop_->options().write_timeout);
  }
}

}  // namespace siokit::inline v0::net::impl
