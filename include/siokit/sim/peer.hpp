// siokit/sim/peer.hpp - one end of a simulated connection that speaks.   SPDX-License-Identifier: MIT
// First envelopes, then, once both have agreed, the frames of RFC 6455. What the line does not take is kept
// until there is room; owners ask the core for more only when nothing is kept.
#pragma once

#include <optional>
#include <string>

#include "siokit/core/message.hpp"
#include "siokit/sim/connection.hpp"
#include "siokit/sim/envelope.hpp"
#include "siokit/websocket/decoder.hpp"

namespace siokit::inline v0::sim {

class peer : public connection_end {
 public:
  /// Begins to listen.
  peer(ref<connection> by, connection::end at) : connection_(std::move(by)), at_(at) {
    connection_->listen(at_, this);
  }
  peer(peer const&) = delete;
  peer& operator=(peer const&) = delete;
  ~peer() override { close(); }

  /// From now on frames are spoken.
  void become_websocket() {
    frames_.emplace(at_ == connection::end::server ? websocket::role::server : websocket::role::client);
  }
  [[nodiscard]] bool is_websocket() const noexcept { return frames_.has_value(); }
  /// Whether all that was written is under way.
  [[nodiscard]] bool has_room() const noexcept { return unsent_.empty(); }

  void write(std::string_view bytes) {
    if (!connection_) return;
    unsent_ += bytes;
    flush();
  }
  /// `mask`: chance, of a client.
  void write(message const& item, std::optional<std::uint32_t> mask = {}) {
    if (!mask) return write(item.frames());
    std::string out;
    for (auto packets = item.packets(); !packets.done();) {
      frame const next = packets.next();
      websocket::append_frame(out, next.kind == frame_kind::text ? 1 : 2, next.data, mask);
    }
    write(out);
  }
  /// Ends the connection once all is sent.
  void finish() {
    finishing_ = true;
    flush();
  }
  /// Ends it now; what was not taken is lost.
  void close() {
    if (connection_) std::exchange(connection_, {})->close(at_);
  }
  [[nodiscard]] bool closed() const noexcept { return !connection_; }
  /// Null once it is closed.
  [[nodiscard]] connection* line() const noexcept { return connection_.get(); }

 protected:
  // None of these may destroy the peer; its owner does so later.
  virtual void on_envelope(envelope in) = 0;
  virtual void on_message(frame const& in) = 0;
  /// All that was kept has been taken.
  virtual void on_sent() = 0;
  /// The other end is gone, or `why` it is not worth going on. Not called after close().
  virtual void on_lost(error why) = 0;

 private:
  void on_bytes(std::span<char> bytes) final {
    if (!frames_) {
      envelopes_.add(bytes);
      while (connection_ && !frames_) {
        auto next = envelopes_.next();
        if (!next) return;
        on_envelope(std::move(*next));
      }
      if (!connection_) return;
      first_frames_ = std::move(envelopes_).rest();
      bytes = first_frames_;
    }
    while (connection_) {
      auto const next = frames_->next(bytes);
      if (!next) return lose(next.error());
      if (!*next) return;
      if ((*next)->type == websocket::event::kind::close) return lose({});
      if ((*next)->type == websocket::event::kind::message) on_message({(*next)->payload, (*next)->data});
    }
  }
  void on_room() final {
    flush();
    if (connection_ && unsent_.empty()) on_sent();
  }
  void on_closed() final {
    connection_ = {};
    on_lost({});
  }
  void lose(error why) {
    close();
    on_lost(why);
  }
  void flush() {
    if (!connection_) return;
    if (!unsent_.empty()) unsent_.erase(0, connection_->write(at_, unsent_));
    if (finishing_ && unsent_.empty()) close();
  }

  ref<connection> connection_;
  connection::end at_;
  bool finishing_ = false;
  envelope_reader envelopes_;
  std::string first_frames_;
  std::optional<websocket::decoder> frames_;
  std::string unsent_;
};

}  // namespace siokit::inline v0::sim
