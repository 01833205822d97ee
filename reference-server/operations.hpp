// What operators see of the server and tell it.   SPDX-License-Identifier: MIT
// Log lines for sessions and sockets, /metrics, and signals: SIGINT ends, SIGTERM ends in good order, SIGHUP
// reads the certificate again.
#pragma once

#include <asio/basic_signal_set.hpp>
#include <chrono>
#include <deque>
#include <functional>

#include "settings.hpp"
#include "siokit/net/shards.hpp"

/// Counts what /metrics shows and writes a line for each session that comes, changes or ends.
class session_log final : public siokit::metrics {
 public:
  void on_opened(siokit::engineio::server_session const& session) noexcept override;
  void on_upgraded(siokit::engineio::server_session const& session) noexcept override;
  void on_closed(siokit::engineio::server_session const& session, siokit::engineio::close_reason reason,
                 siokit::error detail) noexcept override;
  void on_refused(siokit::engineio::refusal const& why) noexcept override;
  void on_protocol_error(siokit::engineio::server_session const& session,
                         siokit::error why) noexcept override;
};

/// Lines for sockets, handlers that fail, and arguments that don't fit.
void log_sockets(siokit::server& io);

/// Answers /metrics on each shard, for all; `counted`: what each has observed.
void serve_metrics(siokit::shards& all, std::deque<session_log> const& counted);

/// Answers /stats, the same way.
void serve_stats(siokit::shards& all, settings const& s);

/// Refuses sessions to pages of origins that are neither the server's own nor among those of --cors-origin,
/// also over a WebSocket, to which CORS does not apply.
void refuse_strange_origins(siokit::server& io, settings const& s);

/// Lets this process have as many descriptors as the system allows it, 65,536 at most: a connection is one.
void raise_descriptor_limit() noexcept;

/// Does what signals say until the server ends. `on_end` is called when that begins.
class signals {
 public:
  signals(siokit::shards& all, std::chrono::milliseconds drain_timeout, std::function<void()> on_end)
      : all_(all),
        drain_timeout_(drain_timeout),
        on_end_(std::move(on_end)),
        ends_(all[0].context().get_executor(), SIGINT, SIGTERM),
        reloads_(all[0].context().get_executor(), SIGHUP) {
    wait_for_end();
    wait_for_reload();
  }

 private:
  void wait_for_end();
  void wait_for_reload();

  siokit::shards& all_;
  std::chrono::milliseconds drain_timeout_;
  std::function<void()> on_end_;
  asio::basic_signal_set<asio::io_context::executor_type> ends_;
  asio::basic_signal_set<asio::io_context::executor_type> reloads_;
  bool ending_ = false;
};
