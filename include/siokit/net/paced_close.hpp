// siokit/net/paced_close.hpp - sessions that are closed one by one, in random order.
// SPDX-License-Identifier: MIT
// In: the engine and the time, at every next_deadline(). Out: sessions closed, and a call of `done`. Owned by
// a loop. Whatever throws, memory or `done`, is tried again a little later, so that an end that has begun is
// reached.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "siokit/core/time.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/engineio/server.hpp"
#include "siokit/net/random.hpp"

namespace siokit::inline v0::net::impl {

class paced_close {
 public:
  /// From `begin` on, the last one after `within`; then, or when none is left, `done`, once unless it throws.
  paced_close(time_point begin, duration within, unique_function<void()> done)
      : begin_(begin), within_(within), done_(std::move(done)), at_(begin) {}

  [[nodiscard]] time_point next_deadline() const noexcept { return at_; }

  /// Closes those whose time has come: an input to the engine. True when finish() is to be called then.
  [[nodiscard]] bool advance(engineio::server& engine, time_point now) {
    using std::chrono::milliseconds;
    at_ = later(now, milliseconds(10));  // whatever fails here
    if (!left_) {
      left_ = shuffled(engine.sessions());
      all_ = left_->size();
    }
    auto const passed = std::chrono::duration_cast<milliseconds>(now - begin_).count();
    auto const whole = std::chrono::duration_cast<milliseconds>(within_).count();
    auto const count = static_cast<std::int64_t>(all_);
    std::int64_t const left = passed >= whole ? 0 : count - count * passed / whole;
    for (; static_cast<std::int64_t>(left_->size()) > left; left_->pop_back()) {
      engine.close(left_->back(), now);
    }
    return left == 0 || engine.size() == 0;
  }
  void finish() {
    done_();
    at_ = never;
  }

 private:
  [[nodiscard]] static std::vector<handle> shuffled(std::vector<handle> sessions) {
    random_pool random;
    std::array<std::uint8_t, 12> bytes{};
    for (std::size_t left = sessions.size(); left > 1; --left) {
      random(bytes);
      std::size_t const chosen =
          (std::size_t{bytes[0]} | std::size_t{bytes[1]} << 8 | std::size_t{bytes[2]} << 16) % left;
      std::swap(sessions[left - 1], sessions[chosen]);
    }
    return sessions;
  }

  time_point begin_;
  duration within_;
  unique_function<void()> done_;
  time_point at_;
  std::optional<std::vector<handle>> left_;  // from the back
  std::size_t all_ = 0;
};

}  // namespace siokit::inline v0::net::impl
