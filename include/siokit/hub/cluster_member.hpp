// siokit/hub/cluster_member.hpp - what a server of a cluster owes and is owed.
// SPDX-License-Identifier: MIT
// In: letters of other servers, kept until the host drains. Out: see cluster_verbs.hpp. Owned by a server
// with the option `cluster`, null without.
#pragma once

#include <deque>

#include "siokit/core/ref.hpp"
#include "siokit/hub/cluster_bus.hpp"
#include "siokit/hub/lifeline.hpp"
#include "siokit/hub/listeners.hpp"
#include "siokit/hub/responses.hpp"

namespace siokit::inline v0::hub {

class nsp;

/// The reply to an event of another server, to be given once, now or later. Move-only. One that is dropped
/// unused leaves the other server to wait for its timeout.
class server_ack {
 public:
  server_ack() noexcept = default;
  server_ack(server_ack&& other) noexcept
      : self_(std::move(other.self_)), asker_(other.asker_), request_(std::exchange(other.request_, 0)) {}
  server_ack& operator=(server_ack&& other) noexcept {
    self_ = std::move(other.self_);
    asker_ = other.asker_;
    request_ = std::exchange(other.request_, 0);
    return *this;
  }

  /// Whether the other server asked for a reply that was not yet given.
  [[nodiscard]] bool wanted() const noexcept { return request_ != 0 && self_.get() != nullptr; }
  /// Errors, local: gone, or those of the encoder.
  template <class... Args>
  result<void> operator()(Args const&... values);

 private:
  friend class server;
  server_ack(lifeline_ref<server> self, cluster_node asker, std::uint64_t request) noexcept
      : self_(std::move(self)), asker_(asker), request_(request) {}

  lifeline_ref<server> self_;  // who answers
  cluster_node asker_ = 0;
  std::uint64_t request_ = 0;
};

namespace impl {

using server_side_listeners = basic_listeners<nsp, server_ack>;

struct cluster_member {
  struct letter {
    cluster_node from;
    cluster_message what;
  };
  /// What others were asked. `settle` is called once for each piece of the answer: with it, or with null and
  /// why it does not come.
  struct question final : counted {
    struct debtor {
      cluster_node node;
      std::size_t pieces;
    };
    std::uint64_t number = 0;
    time_point deadline = never;
    std::vector<debtor> debtors;
    unique_function<void(cluster_message const*, std::error_code)> settle;
  };

  cluster_bus* bus = nullptr;
  cluster_node self = 0;
  std::deque<letter> inbox;
  std::vector<siokit::ref<question>> questions;  // a soon deadline before a late one
  std::uint64_t last_question = 0;

  [[nodiscard]] time_point next_deadline() const noexcept {
    return questions.empty() ? never : questions.front()->deadline;
  }
};

}  // namespace impl
}  // namespace siokit::inline v0::hub
