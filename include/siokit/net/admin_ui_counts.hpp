// siokit/net/admin_ui_counts.hpp - what the Admin UI draws.   SPDX-License-Identifier: MIT
// Hears of the engine and counts by the second, until a report takes the counts away. Passes everything on to
// the observer that was there before.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "siokit/core/json_write.hpp"
#include "siokit/engineio/server.hpp"
#include "siokit/socketio/argument.hpp"

namespace siokit::inline v0::net {

/// How often something happened in one second.
struct admin_count {
  std::int64_t timestamp;  ///< Unix time of that second, in milliseconds
  std::string_view type;
  std::string_view sub_type;  ///< empty: none
  std::uint64_t count;
};

class admin_counts final : public engineio::observer {
 public:
  explicit admin_counts(engineio::observer* next) noexcept : next_(next) {}
  virtual ~admin_counts() = default;

  /// All since the last call.
  [[nodiscard]] std::vector<admin_count> take() { return std::exchange(counts_, {}); }

  void on_opened(engineio::server_session const& session) noexcept override {
    add("rawConnection", {}, 1);
    if (next_ != nullptr) next_->on_opened(session);
  }
  void on_closed(engineio::server_session const& session, engineio::close_reason reason,
                 error detail) noexcept override {
    add("rawDisconnection", to_string(reason), 1);
    if (next_ != nullptr) next_->on_closed(session, reason, detail);
  }
  void on_received(engineio::server_session const& session, frame const& in) noexcept override {
    add_packet("packetsIn", "bytesIn", in.data.size());
    if (next_ != nullptr) next_->on_received(session, in);
  }
  void on_queued(engineio::server_session const& session, message const& item) noexcept override {
    for (auto packets = item.packets(); !packets.done();) {
      frame const each = packets.next();
      std::size_t const type = each.kind == frame_kind::text ? 1 : 0;  // its character is no data
      add_packet("packetsOut", "bytesOut", each.data.size() - type);
    }
    if (next_ != nullptr) next_->on_queued(session, item);
  }
  void on_upgrading(engineio::server_session const& session) noexcept override {
    if (next_ != nullptr) next_->on_upgrading(session);
  }
  void on_upgraded(engineio::server_session const& session) noexcept override {
    if (next_ != nullptr) next_->on_upgraded(session);
  }
  void on_sent(engineio::server_session const& session, std::size_t packets,
               std::size_t bytes) noexcept override {
    if (next_ != nullptr) next_->on_sent(session, packets, bytes);
  }
  void on_pong(engineio::server_session const& session, duration round_trip) noexcept override {
    if (next_ != nullptr) next_->on_pong(session, round_trip);
  }
  void on_refused(engineio::refusal const& why) noexcept override {
    if (next_ != nullptr) next_->on_refused(why);
  }
  void on_protocol_error(engineio::server_session const& session, error why) noexcept override {
    if (next_ != nullptr) next_->on_protocol_error(session, why);
  }

 private:
  /// Those of half a minute: reports come more often while the server runs.
  static constexpr std::size_t counts_max = 300;

  /// Packets without data are not counted, as upstream.
  void add_packet(std::string_view packets, std::string_view bytes, std::size_t size) noexcept {
    if (size == 0) return;
    add(packets, {}, 1);
    add(bytes, {}, size);
  }
  void add(std::string_view type, std::string_view sub_type, std::uint64_t count) noexcept {
    auto const now = std::chrono::system_clock::now();
    auto const second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    std::int64_t const timestamp = std::chrono::milliseconds(second).count();
    for (auto each = counts_.rbegin(); each != counts_.rend() && each->timestamp == timestamp; ++each) {
      if (each->type == type && each->sub_type == sub_type) return static_cast<void>(each->count += count);
    }
    if (counts_.size() < counts_max) counts_.push_back({timestamp, type, sub_type, count});
  }

  engineio::observer* next_;
  std::vector<admin_count> counts_;
};

}  // namespace siokit::inline v0::net

template <>
struct siokit::argument<siokit::net::admin_count> {
  static void write(siokit::socketio::argument_writer& out, siokit::net::admin_count const& value) {
    out.json(R"({"timestamp":)");
    out.scalar(value.timestamp);
    out.json(R"(,"type":)");
    out.scalar(value.type);
    if (!value.sub_type.empty()) {
      out.json(R"(,"subType":)");
      out.scalar(value.sub_type);
    }
    out.json(R"(,"count":)");
    out.scalar(value.count);
    out.json("}");
  }
};
