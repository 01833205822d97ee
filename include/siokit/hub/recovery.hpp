// siokit/hub/recovery.hpp - what a client missed while it was away.   SPDX-License-Identifier: MIT
// Spec: connection state recovery, docs/protocol.md. Per namespace: a log of the events that were sent, and
// the sockets that went and may come back. Both are bounded in age, count and bytes; what is too much pushes
// out the oldest. Owns references to messages, and the data of absent sockets.
#pragma once

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "siokit/core/ids.hpp"
#include "siokit/core/message.hpp"
#include "siokit/core/time.hpp"
#include "siokit/hub/socket_data.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

/// The option connection_state_recovery.
struct recovery_config {
  /// How long a client may be away.
  duration max_disconnection_duration = std::chrono::minutes(2);
  /// A client that comes back does not pass the middleware of its namespace again.
  bool skip_middlewares = true;
  /// Of each namespace: clients that are away, and events that are kept for them.
  std::size_t sessions_max = 10'000;
  std::size_t packets_max = 100'000;
  /// Of each namespace: memory behind these events.
  std::size_t bytes_max = 64 * 1024 * 1024;
};

/// Why a socket is a new one.
enum class why_not_recovered : std::uint8_t {
  recovered,        ///< it is not
  disabled,         ///< the server does not recover
  not_asked,        ///< the client named no session, or has received no event in it
  unknown_session,  ///< never there, gone for too long, left on purpose, or pushed out by others
  unknown_offset,   ///< the last event it received is not, or no longer, in the log; or what came after it
                    ///< is more than an outbox may hold
};

[[nodiscard]] constexpr std::string_view to_string(why_not_recovered why) noexcept {
  switch (why) {
    case why_not_recovered::recovered: return "recovered";
    case why_not_recovered::disabled: return "disabled";
    case why_not_recovered::not_asked: return "not asked";
    case why_not_recovered::unknown_session: return "unknown session";
    case why_not_recovered::unknown_offset: return "unknown offset";
  }
  return "";
}

/// A socket that is away.
struct absent_socket {
  sid id;
  sid pid;
  std::vector<std::string> rooms{};
  socket_data data{};
  time_point expires{};
  std::uint64_t serial = 0;  // of this absence
};

class recovery {
 public:
  /// `config` outlives it. `prefix`: of all offsets; differs from that of other servers and other runs.
  recovery(recovery_config const& config, std::string prefix)
      : config_(&config), prefix_(std::move(prefix)) {}

  // Events.

  /// The offset that the event to be logged next has as its last argument.
  [[nodiscard]] std::string next_offset() const { return prefix_ + std::to_string(first_ + log_.size()); }
  void add(message packet, std::vector<std::string> rooms, std::vector<std::string> except, time_point now) {
    bytes_ += cost_of(log_.emplace_back(entry{std::move(packet), std::move(rooms), std::move(except),
                                              later(now, config_->max_disconnection_duration)}));
    while (!log_.empty() && (bytes_ > config_->bytes_max || log_.size() > config_->packets_max)) pop_packet();
  }
  /// The number of the event with this offset, if all that came after it is still there.
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view offset) const noexcept {
    if (!offset.starts_with(prefix_)) return std::nullopt;
    offset.remove_prefix(prefix_.size());
    std::uint64_t number = 0;
    auto const [end, failure] = std::from_chars(offset.data(), offset.data() + offset.size(), number);
    bool const whole = failure == std::errc() && end == offset.data() + offset.size();
    bool const known = number < first_ + log_.size() && remembers_since(number);
    return whole && known ? std::optional(number) : std::nullopt;
  }
  /// Whether all that came after the event `number` is still there.
  [[nodiscard]] bool remembers_since(std::uint64_t number) const noexcept { return number + 1 >= first_; }
  /// Adds to `out` each event after `number` that reaches who is in `rooms`; the number of the last one there
  /// is. One pass, whatever the number of rooms.
  std::uint64_t missed(std::uint64_t number, std::unordered_set<std::string_view> const& rooms,
                       std::vector<message>& out) const {
    auto const within = [&](std::string const& room) { return rooms.contains(room); };
    for (std::uint64_t at = std::max(number + 1, first_); at < first_ + log_.size(); ++at) {
      entry const& one = log_[static_cast<std::size_t>(at - first_)];
      bool const reached = one.rooms.empty() || std::any_of(one.rooms.begin(), one.rooms.end(), within);
      if (reached && std::none_of(one.except.begin(), one.except.end(), within)) out.push_back(one.packet);
    }
    return first_ + log_.size() - 1;
  }

  // Sockets.

  absent_socket& keep(sid id, sid pid, std::vector<std::string> rooms, time_point now) {
    // First what says when it is forgotten: without the memory for the rest that names nobody.
    order_.push_back({pid, later(now, config_->max_disconnection_duration), ++absences_});
    absent_socket& kept = absent_[pid];
    kept.id = id;
    kept.pid = pid;
    kept.rooms = std::move(rooms);
    kept.expires = order_.back().expires;
    kept.serial = absences_;
    while (absent_.size() > config_->sessions_max || order_.size() > 2 * config_->sessions_max) pop_socket();
    return kept;
  }
  /// Null: it is not away. Valid until the next call.
  [[nodiscard]] absent_socket* find_socket(std::string_view pid) noexcept {
    if (pid.size() > sid::size_max) return nullptr;
    auto const known = absent_.find(sid(pid));
    return known == absent_.end() ? nullptr : &known->second;
  }
  [[nodiscard]] absent_socket take(absent_socket& from) {
    absent_socket out = std::move(from);
    absent_.erase(out.pid);
    return out;
  }

  /// Forgets what is too old.
  void purge(time_point now) {
    while (!log_.empty() && log_.front().expires <= now) pop_packet();
    while (!order_.empty() && order_.front().expires <= now) pop_socket();
  }
  [[nodiscard]] bool empty() const noexcept { return log_.empty() && order_.empty(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t packets() const noexcept { return log_.size(); }
  [[nodiscard]] std::size_t sockets() const noexcept { return absent_.size(); }

 private:
  struct entry {
    message packet;
    std::vector<std::string> rooms, except;
    time_point expires;
  };
  struct kept_until {
    sid pid;
    time_point expires;
    std::uint64_t serial;
  };

  [[nodiscard]] static std::size_t cost_of(entry const& one) noexcept {
    std::size_t cost = sizeof(entry) + one.packet.cost();
    for (auto const* list : {&one.rooms, &one.except}) {
      for (auto const& name : *list) cost += sizeof(std::string) + name.size();
    }
    return cost;
  }
  void pop_packet() {
    bytes_ -= cost_of(log_.front());
    log_.pop_front();
    ++first_;
  }
  /// It may have come back, and gone again since.
  void pop_socket() {
    auto const known = absent_.find(order_.front().pid);
    if (known != absent_.end() && known->second.serial == order_.front().serial) absent_.erase(known);
    order_.pop_front();
  }

  recovery_config const* config_;
  std::string prefix_;
  std::deque<entry> log_;
  std::uint64_t first_ = 1;  // the number of the first one in the log
  std::size_t bytes_ = 0;
  std::unordered_map<sid, absent_socket> absent_;
  std::uint64_t absences_ = 0;
  std::deque<kept_until> order_;  // may name some that came back since
};

namespace impl {
/// The argument that tells a client what it has received.
[[nodiscard]] inline socketio::owned_args offset_argument(recovery const& log) {
  std::string const json = "[\"" + log.next_offset() + "\"]";
  return socketio::args(json, 1).own();
}
}  // namespace impl

}  // namespace siokit::inline v0::hub
