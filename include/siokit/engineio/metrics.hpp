// siokit/engineio/metrics.hpp - counters of a server, for Prometheus.   SPDX-License-Identifier: MIT
// Spec: the text format of Prometheus, version 0.0.4.  In: what an observer hears.  Out: a page of text.
// Owns the counters; what is there now is asked of the server when the page is made.
#pragma once

#include <array>
#include <string>

#include "siokit/engineio/server.hpp"

namespace siokit::inline v0::engineio {

/// An observer that counts. Name it in the option `observer`, and serve text() at /metrics.
class metrics : public observer {
 public:
  metrics() = default;
  virtual ~metrics() = default;

  void on_opened(server_session const& session) noexcept override { ++of(session).opened; }
  void on_upgraded(server_session const&) noexcept override { ++upgrades_; }
  void on_closed(server_session const&, close_reason reason, error detail) noexcept override {
    ++closed_[static_cast<std::size_t>(reason)];
    if (detail.code != errc::ok) ++errors_[static_cast<std::size_t>(detail.code)];
  }
  void on_received(server_session const& session, frame const& in) noexcept override {
    ++of(session).packets_received;
    of(session).bytes_received += in.data.size();
  }
  void on_sent(server_session const& session, std::size_t packets, std::size_t bytes) noexcept override {
    of(session).packets_sent += packets;
    of(session).bytes_sent += bytes;
  }
  void on_pong(server_session const&, duration round_trip) noexcept override {
    std::size_t bucket = 0;
    while (bucket < bounds.size() && round_trip > bounds[bucket]) ++bucket;
    ++round_trips_[bucket];
    round_trip_sum_ += round_trip;
  }
  void on_refused(refusal const& why) noexcept override {
    if (why.cause != errc::ok) ++errors_[static_cast<std::size_t>(why.cause)];
    if (why.cause == errc::too_many_connections) return;  // nobody was told anything
    ++refused_[why.code >= 0 && why.code < 6 ? static_cast<std::size_t>(why.code) : refused_.size() - 1];
  }
  void on_protocol_error(server_session const&, error why) noexcept override {
    ++errors_[static_cast<std::size_t>(why.code)];
  }

  /// Content type of text().
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  /// What there is at one moment.
  struct present {
    std::array<std::uint64_t, 2> open{};  ///< sessions, by transport
    std::uint64_t messages = 0;           ///< that wait
    std::uint64_t bytes = 0;
  };
  /// A walk over all sessions.
  [[nodiscard]] static present now_in(server const& sessions) {
    present out;
    for (handle const each : sessions.sessions()) {
      auto const* session = sessions.find(each);
      if (session == nullptr || session->closed()) continue;
      ++out.open[static_cast<std::size_t>(session->current())];
      out.messages += session->messages_queued();
      out.bytes += session->bytes_queued();
    }
    return out;
  }
  /// The counters of several servers, one after the other.
  void add(metrics const& other) noexcept {
    auto const each = [](auto& mine, auto const& theirs) {
      for (std::size_t i = 0; i < mine.size(); ++i) mine[i] += theirs[i];
    };
    for (std::size_t i = 0; i < transports_.size(); ++i) {
      transports_[i].opened += other.transports_[i].opened;
      transports_[i].packets_received += other.transports_[i].packets_received;
      transports_[i].bytes_received += other.transports_[i].bytes_received;
      transports_[i].packets_sent += other.transports_[i].packets_sent;
      transports_[i].bytes_sent += other.transports_[i].bytes_sent;
    }
    each(closed_, other.closed_);
    each(refused_, other.refused_);
    each(round_trips_, other.round_trips_);
    each(errors_, other.errors_);
    round_trip_sum_ += other.round_trip_sum_;
    upgrades_ += other.upgrades_;
  }

  /// All counters, and what there is now in `sessions`.
  [[nodiscard]] std::string text(server const& sessions) const { return text(now_in(sessions)); }
  [[nodiscard]] std::string text(present const& now) const {
    std::string out;
    append_present(out, now);
    append_each(out, "siokit_sessions_opened_total", "Sessions, by the transport they began with",
                &by_transport::opened);
    head(out, "siokit_sessions_closed_total", "counter", "Sessions that ended, by reason");
    for (std::size_t i = 0; i < closed_.size(); ++i) {
      line(out, "siokit_sessions_closed_total", "reason", to_string(static_cast<close_reason>(i)),
           closed_[i]);
    }
    head(out, "siokit_upgrades_total", "counter", "Sessions that changed from polling to WebSocket");
    line(out, "siokit_upgrades_total", {}, {}, upgrades_);
    append_each(out, "siokit_packets_received_total", "Messages from clients",
                &by_transport::packets_received);
    append_each(out, "siokit_received_bytes_total", "Bytes of these messages", &by_transport::bytes_received);
    append_each(out, "siokit_packets_sent_total", "Packets to clients", &by_transport::packets_sent);
    append_each(out, "siokit_sent_bytes_total", "Bytes of these packets, framed, before compression",
                &by_transport::bytes_sent);
    append_round_trips(out);
    head(out, "siokit_errors_total", "counter", "What sessions ended for, and quotas that were used up");
    for (std::size_t code = 0; code < errors_.size(); ++code) {
      errc const kind = static_cast<errc>(code);
      if (errors_[code] > 0 || from_client(kind)) {
        line(out, "siokit_errors_total", "kind", name_of(kind), errors_[code]);
      }
    }
    head(out, "siokit_requests_refused_total", "counter", "Refused requests, by the code they were told");
    for (std::size_t i = 0; i < refused_.size(); ++i) {
      line(out, "siokit_requests_refused_total", "code",
           i + 1 < refused_.size() ? std::to_string(i) : "other", refused_[i]);
    }
    return out;
  }

  /// Writes what stands before the values of a metric: for pages with more of them.
  static void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name);
    out.append(" ").append(type).append("\n");
  }
  /// One value; no label when `label` is empty.
  static void line(std::string& out, std::string_view name, std::string_view label, std::string_view value,
                   std::uint64_t count) {
    out += name;
    if (!label.empty()) {
      out.append("{").append(label).append("=\"");
      for (char const c : value) {
        if (c == '"' || c == '\\') out += '\\';
        c == '\n' ? out += "\\n" : out += c;
      }
      out += "\"}";
    }
    out.append(" ").append(std::to_string(count)).append("\n");
  }

 private:
  struct by_transport {
    std::uint64_t opened = 0;
    std::uint64_t packets_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t bytes_sent = 0;
  };
  static constexpr std::array<duration, 12> bounds = {
      std::chrono::milliseconds(1),   std::chrono::milliseconds(2),   std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),  std::chrono::milliseconds(25),  std::chrono::milliseconds(50),
      std::chrono::milliseconds(100), std::chrono::milliseconds(250), std::chrono::milliseconds(500),
      std::chrono::seconds(1),        std::chrono::seconds(5),        std::chrono::seconds(20)};

  /// Whether a client can end its session, or be refused, by it. These are on the page from the start, with
  /// 0: else nobody sees the first one as an increase.
  [[nodiscard]] static constexpr bool from_client(errc kind) noexcept {
    return kind == errc::outbox_full ||
           (kind >= errc::bad_utf8 && kind <= errc::slow_request && kind != errc::bad_open_packet) ||
           kind == errc::header_too_large ||
           (kind >= errc::illegal_attachments && kind <= errc::namespace_too_long) ||
           (kind >= errc::ws_reserved_bits && kind <= errc::ws_bad_handshake && kind != errc::ws_masked);
  }

  [[nodiscard]] by_transport& of(server_session const& session) noexcept {
    return transports_[static_cast<std::size_t>(session.current())];
  }

  void append_each(std::string& out, std::string_view name, std::string_view help,
                   std::uint64_t by_transport::*member) const {
    head(out, name, "counter", help);
    for (auto const each : {transport::polling, transport::websocket}) {
      line(out, name, "transport", to_string(each), transports_[static_cast<std::size_t>(each)].*member);
    }
  }

  static void append_present(std::string& out, present const& now) {
    head(out, "siokit_sessions", "gauge", "Open sessions");
    for (auto const each : {transport::polling, transport::websocket}) {
      line(out, "siokit_sessions", "transport", to_string(each), now.open[static_cast<std::size_t>(each)]);
    }
    head(out, "siokit_queued_messages", "gauge", "Messages that wait for their clients");
    line(out, "siokit_queued_messages", {}, {}, now.messages);
    head(out, "siokit_queued_bytes", "gauge", "Memory behind these messages");
    line(out, "siokit_queued_bytes", {}, {}, now.bytes);
  }

  void append_round_trips(std::string& out) const {
    constexpr std::string_view name = "siokit_ping_round_trip_seconds";
    head(out, name, "histogram", "From a ping to its pong");
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < round_trips_.size(); ++i) {
      total += round_trips_[i];
      std::string const bound = i < bounds.size() ? seconds(bounds[i]) : "+Inf";
      line(out, std::string(name) + "_bucket", "le", bound, total);
    }
    out.append(name).append("_sum ").append(seconds(round_trip_sum_)).append("\n");
    line(out, std::string(name) + "_count", {}, {}, total);
  }
  /// A decimal fraction, as JavaScript and C write it, whatever the locale.
  [[nodiscard]] static std::string seconds(duration time) {
    auto const us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    std::string fraction = std::to_string(us % 1'000'000);
    fraction.insert(0, 6 - fraction.size(), '0');
    return std::to_string(us / 1'000'000) + "." + fraction;
  }

  std::array<by_transport, 2> transports_{};
  std::array<std::uint64_t, 5> closed_{};
  std::array<std::uint64_t, 7> refused_{};  // the last one: codes of the application
  std::array<std::uint64_t, bounds.size() + 1> round_trips_{};
  std::array<std::uint64_t, 256> errors_{};
  duration round_trip_sum_{};
  std::uint64_t upgrades_ = 0;
};

}  // namespace siokit::inline v0::engineio
