// siokit/sim/connection.hpp - what TCP does, and does to you.   SPDX-License-Identifier: MIT
// Two streams of bytes between two ends. They come late, in pieces, not at all while the line stalls or the
// other end does not read; a connection ends well, breaks for both ends, or for one that never learns of it.
#pragma once

#include <algorithm>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "siokit/core/ref.hpp"
#include "siokit/sim/world.hpp"

namespace siokit::inline v0::sim {

/// How a line is.
struct line {
  duration latency_min = std::chrono::milliseconds(1);
  duration latency_max = std::chrono::milliseconds(50);
  std::size_t segment_max = 1460;  ///< bytes come in pieces of one to so many
  std::size_t window = 64 * 1024;  ///< bytes that may be on the way or unread, in each direction
};

/// What an end hears. It is called by the world only, never from within a call of its own.
class connection_end {
 public:
  virtual ~connection_end() = default;
  /// May be written to, for frames are unmasked in place. They live for the call.
  virtual void on_bytes(std::span<char> bytes) = 0;
  /// There is room again, after a write that was not taken whole.
  virtual void on_room() = 0;
  /// The last call: the other end is gone.
  virtual void on_closed() = 0;
};

class connection final : public counted {
 public:
  enum class end : std::uint8_t { client, server };

  connection(world& in, line how) : world_(&in), line_(how) {}

  /// Who hears at this end; null: nobody any more, and what comes is thrown away.
  void listen(end at, connection_end* who) noexcept { half_of(at).listener = who; }

  /// How many of these bytes are taken; on_room() says when to offer the rest. All of them when the other end
  /// is gone, as with a socket that has not noticed yet.
  std::size_t write(end by, std::string_view bytes) {
    half& from = half_of(by);
    if (from.finished) return bytes.size();
    std::size_t const taken = std::min(bytes.size(), line_.window - std::min(line_.window, from.unread));
    from.blocked = taken < bytes.size();
    from.unread += taken;
    if (broken_) return taken;
    for (std::string_view rest = bytes.substr(0, taken); !rest.empty();) {
      std::size_t const size = std::min<std::size_t>(rest.size(), 1 + random().below(line_.segment_max));
      send(by, {arrival(from), std::string(rest.substr(0, size)), false});
      rest.remove_prefix(size);
    }
    return taken;
  }
  /// Ends it well: what was written arrives, then the other end hears of the end.
  void close(end by) {
    half& from = half_of(by);
    from.listener = nullptr;
    half_of(other(by)).pieces.clear();
    half_of(other(by)).finished = true;  // nobody reads what the other end writes
    if (!from.finished && !broken_) send(by, {arrival(from), {}, true});
    from.finished = true;
  }
  /// The line breaks: what is on the way is lost. An end that does not hear of it goes on writing.
  void cut(bool client_hears, bool server_hears) {
    if (std::exchange(broken_, true)) return;
    for (end const at : {end::client, end::server}) {
      half_of(at).pieces.clear();
      if (at == end::client ? client_hears : server_hears) hang_up_later(at);
    }
  }
  /// The line is like this from now on.
  void become(line how) noexcept { line_ = how; }
  /// Nothing arrives until then.
  void stall_until(time_point when) noexcept { stalled_until_ = std::max(stalled_until_, when); }
  /// Whether this end reads.
  void read(end at, bool wanted) {
    half_of(at).reads = wanted;
    if (wanted) pump(other(at));
  }
  /// Whether nobody listens any more.
  [[nodiscard]] bool over() const noexcept {
    return halves_[0].listener == nullptr && halves_[1].listener == nullptr;
  }

 private:
  struct piece {
    time_point at;
    std::string bytes;
    bool last;
  };
  /// What one end does, and what it has sent.
  struct half {
    connection_end* listener = nullptr;
    std::deque<piece> pieces;
    std::size_t unread = 0;
    bool finished = false;  // what it writes reaches nobody
    bool blocked = false;
    bool reads = true;
    bool pumping = false;
  };

  [[nodiscard]] static constexpr end other(end at) noexcept {
    return at == end::client ? end::server : end::client;
  }
  [[nodiscard]] half& half_of(end at) noexcept { return halves_[at == end::client ? 0 : 1]; }
  [[nodiscard]] sim::random& random() noexcept { return world_->random(); }
  [[nodiscard]] duration latency() noexcept { return random().between(line_.latency_min, line_.latency_max); }
  /// When a piece that is sent now arrives: never before the one before it.
  [[nodiscard]] time_point arrival(half const& from) noexcept {
    time_point const soon = later(world_->now(), latency());
    return from.pieces.empty() ? soon : std::max(soon, from.pieces.back().at);
  }
  void send(end by, piece what) {
    half_of(by).pieces.push_back(std::move(what));
    pump(by);
  }
  /// Plans the arrival of the oldest piece that this end has sent.
  void pump(end by) {
    half& from = half_of(by);
    if (from.pumping || from.pieces.empty() || !half_of(other(by)).reads) return;
    from.pumping = true;
    world_->at(std::max(from.pieces.front().at, stalled_until_), [self = ref<connection>(this), by] {
      self->half_of(by).pumping = false;
      self->arrive(by);
    });
  }
  void arrive(end by) {
    half& from = half_of(by);
    half& to = half_of(other(by));
    if (from.pieces.empty() || !to.reads) return;
    if (world_->now() < stalled_until_ || world_->now() < from.pieces.front().at) return pump(by);
    piece next = std::move(from.pieces.front());
    from.pieces.pop_front();
    from.unread -= next.bytes.size();
    if (next.last) return hang_up(other(by));
    if (to.listener != nullptr) to.listener->on_bytes(next.bytes);
    if (from.listener != nullptr && std::exchange(from.blocked, false)) from.listener->on_room();
    pump(by);
  }
  void hang_up(end at) {
    half_of(at).finished = true;
    if (auto* const listener = std::exchange(half_of(at).listener, nullptr)) listener->on_closed();
  }
  void hang_up_later(end at) {
    world_->after(latency(), [self = ref<connection>(this), at] { self->hang_up(at); });
  }

  world* world_;
  line line_;
  half halves_[2];
  time_point stalled_until_{};
  bool broken_ = false;
};

}  // namespace siokit::inline v0::sim
