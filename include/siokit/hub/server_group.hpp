// siokit/hub/server_group.hpp - servers of one program that speak to each other.
// SPDX-License-Identifier: MIT
// In: server_side_emit() of one member. Out: the listeners on_server_side() of all others, and their answers.
// One thread. What a member is told waits in its inbox until its host drains it, so that no handler runs
// inside another server's.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "siokit/core/message.hpp"
#include "siokit/core/time.hpp"
#include "siokit/hub/lifeline.hpp"
#include "siokit/hub/listeners.hpp"
#include "siokit/hub/responses.hpp"

namespace siokit::inline v0::hub {

class nsp;
class server;

/// The reply to an event of another server, to be given once, now or later. Move-only. One that is dropped
/// unused leaves the other server to wait for its timeout.
class server_ack {
 public:
  server_ack() noexcept = default;
  server_ack(server_ack&& other) noexcept
      : asker_(std::exchange(other.asker_, {})), question_(other.question_), answering_(other.answering_) {}
  server_ack& operator=(server_ack&& other) noexcept {
    asker_ = std::exchange(other.asker_, {});
    question_ = other.question_;
    answering_ = other.answering_;
    return *this;
  }

  /// Whether the other server asked for a reply that was not yet given.
  [[nodiscard]] bool wanted() const noexcept { return asker_.get() != nullptr; }
  /// Errors, local: gone, or those of the encoder.
  template <class... Args>
  result<void> operator()(Args const&... values);

 private:
  friend class server;
  server_ack(lifeline_ref<server> asker, std::uint64_t question, server const* answering) noexcept
      : asker_(std::move(asker)), question_(question), answering_(answering) {}

  lifeline_ref<server> asker_;
  std::uint64_t question_ = 0;
  server const* answering_ = nullptr;
};

/// Give it to several servers as the option `group`; outlives them.
class server_group {
 public:
  server_group() = default;
  server_group(server_group const&) = delete;
  server_group& operator=(server_group const&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }

 private:
  friend class server;
  std::vector<server*> members_;
};

namespace impl {

using server_side_listeners = basic_listeners<nsp, server_ack>;

/// What a server of a group knows of the others.
struct server_side {
  /// An event for us, or when `answer_from` is set, an answer to us.
  struct letter {
    message packet;
    std::string nsp;
    lifeline_ref<server> asker;
    std::uint64_t question = 0;
    server const* answer_from = nullptr;
  };
  struct question {
    std::uint64_t number;
    siokit::ref<gathering> all;
    std::vector<server const*> asked;  // who has not answered yet
    time_point deadline;
  };

  std::deque<letter> inbox;
  std::deque<question> questions;
  std::vector<siokit::ref<gathering>> left;  // once for each server that is gone without an answer
  std::uint64_t last_question = 0;

  [[nodiscard]] bool has_news() const noexcept { return !inbox.empty() || !left.empty(); }
  /// They come in the order of their numbers, and all have the same time.
  [[nodiscard]] time_point next_deadline() const noexcept {
    return questions.empty() ? never : questions.front().deadline;
  }
};

}  // namespace impl
}  // namespace siokit::inline v0::hub
