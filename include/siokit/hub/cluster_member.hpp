// siokit/hub/cluster_member.hpp - what a server of a cluster owes and is owed.
// SPDX-License-Identifier: MIT
// In: letters of other servers, kept until the host drains. Out: see cluster_verbs.hpp. Owned by a server
// with the option `cluster`, null without.
#pragma once

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "siokit/core/ref.hpp"
#include "siokit/core/reserve_one.hpp"
#include "siokit/hub/cluster_bus.hpp"
#include "siokit/hub/lifeline.hpp"
#include "siokit/hub/listeners.hpp"
#include "siokit/hub/responses.hpp"
#include "siokit/socketio/read_back.hpp"

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

/// Calls `visit(name, args const&)` with the event of a message; an acknowledgement has no name.
template <class Visit>
void read_packet(cluster_message const& in, Visit&& visit) {
  message const packet = message_of_frames(in.packet, static_cast<std::uint32_t>(in.packet.size()));
  socketio::read_back(packet, [&](socketio::packet_view const& view, socketio::args const& all) {
    std::string name;
    json_unescape(view.name_raw(), name);
    visit(std::string_view(name), all);
  });
}

inline void gathering::take(cluster_message const* piece, std::error_code why) {
  if (piece == nullptr) return add(why, {});
  if (piece->type == cluster_message::kind::broadcast_client_count) {
    missing += piece->count;
    return;
  }
  if (piece->failure != errc::ok) return add(make_error_code(piece->failure), {});
  bool read = false;
  read_packet(*piece, [&](std::string_view, socketio::args const& answer) {
    read = true;
    add({}, answer);
  });
  if (!read) add(make_error_code(errc::invalid_argument), {});
}

/// What servers may take to answer for themselves; that of the official adapters.
inline constexpr duration patience = std::chrono::seconds(5);

using server_side_listeners = basic_listeners<nsp, server_ack>;

struct cluster_member {
  struct letter {
    cluster_node from = 0;
    cluster_message what{};
  };
  /// What others were asked.
  struct question final : counted {
    struct debtor {
      cluster_node node;
      std::size_t pieces;
    };
    std::uint64_t number = 0;
    time_point deadline = never;
    std::vector<debtor> debtors;
    siokit::ref<awaited> whole;
  };

  using due = std::pair<time_point, std::uint64_t>;

  cluster_bus* bus = nullptr;
  cluster_node self = 0;
  std::deque<letter> inbox;
  std::unordered_map<std::uint64_t, siokit::ref<question>> questions;  // by number
  std::vector<due> deadlines;                                          // of each of them, the last one first
  std::uint64_t last_question = 0;

  [[nodiscard]] time_point next_deadline() const noexcept {
    return deadlines.empty() ? never : deadlines.back().first;
  }
  /// What fails for want of memory changes nothing.
  void note(siokit::ref<question> const& asked) {
    reserve_one(deadlines);
    questions.emplace(asked->number, asked);
    deadlines.insert(place_of({asked->deadline, asked->number}), {asked->deadline, asked->number});
  }
  void forget(question const& answered) noexcept {
    deadlines.erase(place_of({answered.deadline, answered.number}));
    questions.erase(answered.number);
  }

 private:
  [[nodiscard]] std::vector<due>::iterator place_of(due const& one) noexcept {
    return std::lower_bound(deadlines.begin(), deadlines.end(), one, std::greater<>());
  }
};

}  // namespace impl
}  // namespace siokit::inline v0::hub
