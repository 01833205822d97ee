// See operations.hpp.   SPDX-License-Identifier: MIT
#include "operations.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

namespace {

using siokit::engineio::server_session;

/// Enough of a session's id to find it in the log; all of it would let a reader act as the client.
std::string_view shown(server_session const& session) {
  return std::string_view(session.id()).substr(0, 8);
}
std::string detail_of(siokit::error what) {
  if (what.code == siokit::errc::ok) return {};
  return fmt::format(" cause={} detail=\"{}\"", name_of(what.code), to_string(what.code));
}
std::string_view session_of(siokit::server& io, siokit::socket const& s) {
  auto const* session = io.engine().find(s.connection());
  return session == nullptr ? "-" : shown(*session);
}

}  // namespace

void session_log::on_opened(server_session const& session) noexcept {
  metrics::on_opened(session);
  spdlog::debug("session opened session={} transport={} revision={}", shown(session),
                to_string(session.current()), session.revision());
}
void session_log::on_upgraded(server_session const& session) noexcept {
  metrics::on_upgraded(session);
  spdlog::debug("session upgraded session={}", shown(session));
}
void session_log::on_closed(server_session const& session, siokit::engineio::close_reason reason,
                            siokit::error detail) noexcept {
  metrics::on_closed(session, reason, detail);
  spdlog::debug("session closed session={} reason=\"{}\"{}", shown(session), to_string(reason),
                detail_of(detail));
}
void session_log::on_refused(siokit::engineio::refusal const& why) noexcept {
  metrics::on_refused(why);
  spdlog::debug("request refused status={} code={} message=\"{}\" context=\"{}\"{}", why.status, why.code,
                why.message, why.context, detail_of({why.cause}));
}
void session_log::on_protocol_error(server_session const& session, siokit::error why) noexcept {
  metrics::on_protocol_error(session, why);
  spdlog::debug("protocol error session={}{}", shown(session), detail_of(why));
}

void refuse_strange_origins(siokit::server& io, settings const& s) {
  io.allow_request([named = s.cors ? s.cors->origin : siokit::engineio::cors_origin(false)](
                       siokit::engineio::request_head const& in, siokit::admission decision) {
    using kind = siokit::engineio::cors_origin::kind;
    auto const origin = in.find("origin").value_or("");
    auto const host = in.find("host").value_or("");
    bool const own = origin.ends_with(host) && origin.substr(0, origin.size() - host.size()).ends_with("://");
    bool const all = named.type() == kind::any || named.type() == kind::request;
    if (origin.empty() || own || all || named.has(origin)) return decision.accept();
    decision.refuse("origin not allowed");
  });
}

void log_sockets(siokit::server& io) {
  for (siokit::nsp* const each : io.nsps()) {
    each->on_connection([&io](siokit::socket& s) {
      spdlog::debug("connect nsp={} sid={} session={} address={} transport={}", s.nsp().name(), s.id(),
                    session_of(io, s), s.handshake().address(), to_string(s.transport()));
    });
    each->on_disconnect([&io](siokit::socket& s, siokit::disconnect_reason why) {
      spdlog::debug("disconnect nsp={} sid={} session={} reason=\"{}\"{}", s.nsp().name(), s.id(),
                    session_of(io, s), to_string(why), detail_of(s.last_error()));
    });
  }
  io.on_bad_arguments([](siokit::socket& s, std::string_view event, siokit::error why) {
    spdlog::debug("arguments sid={} event={} index={}{}", s.id(), event, why.offset, detail_of(why));
  });
  io.on_handler_error([](std::exception_ptr failure, siokit::socket* s) {
    try {
      std::rethrow_exception(std::move(failure));
    } catch (std::exception const& error) {
      spdlog::error("handler sid={} failed: {}", s == nullptr ? "-" : s->id(), error.what());
    } catch (...) {
      spdlog::error("handler sid={} failed", s == nullptr ? "-" : s->id());
    }
  });
}

namespace {

/// What a shard says of itself for /metrics.
struct shard_page {
  siokit::metrics counted;
  siokit::metrics::present now;
  std::map<std::string, std::size_t> sockets;  // by namespace
  std::size_t connections = 0;
};

std::string page_of(std::vector<shard_page> const& shards) {
  using siokit::metrics;
  shard_page all;
  for (auto const& each : shards) {
    all.counted.add(each.counted);
    for (std::size_t i = 0; i < all.now.open.size(); ++i) all.now.open[i] += each.now.open[i];
    all.now.messages += each.now.messages;
    all.now.bytes += each.now.bytes;
    all.connections += each.connections;
    for (auto const& [nsp, size] : each.sockets) all.sockets[nsp] += size;
  }
  std::string text = all.counted.text(all.now);
  metrics::head(text, "siokit_sockets", "gauge", "Connected sockets, by namespace");
  for (auto const& [nsp, size] : all.sockets) metrics::line(text, "siokit_sockets", "nsp", nsp, size);
  metrics::head(text, "siokit_connections", "gauge", "Open TCP connections");
  metrics::line(text, "siokit_connections", {}, {}, all.connections);
  return text;
}

}  // namespace

void serve_metrics(siokit::shards& all, std::deque<session_log> const& counted) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].route("/metrics", [&, i](siokit::net::http_request const&, siokit::net::http_reply reply) {
      all.gather(
          all[i],
          [&](siokit::server& io) {
            shard_page page{
                counted[all.index_of(io)], siokit::metrics::now_in(io.engine()), {}, io.host().connections()};
            for (siokit::nsp* const each : io.nsps()) page.sockets[std::string(each->name())] = each->size();
            return page;
          },
          [reply = std::move(reply)](std::vector<shard_page> const& pages) mutable {
            reply.send_ok(siokit::metrics::content_type, page_of(pages));
          });
    });
  }
}

void serve_stats(siokit::shards& all, settings const& s) {
  using nlohmann::json;
  using counts = std::array<std::size_t, 3>;
  auto const started = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].route("/stats", [&, i, started](siokit::net::http_request const&, siokit::net::http_reply reply) {
      all.gather(
          all[i],
          [](siokit::server& io) {
            return counts{io.engine().size(), io.size(), io.host().connections()};
          },
          [&, started, reply = std::move(reply)](std::vector<counts> const& shards) mutable {
            counts sum{};
            for (auto const& each : shards) {
              for (std::size_t at = 0; at < sum.size(); ++at) sum[at] += each[at];
            }
            auto const up = std::chrono::steady_clock::now() - started;
            json const stats{{"version", SIOKIT_VERSION_STRING},
                             {"app", s.app},
                             {"contract", s.app == "testbed" ? json(s.contract) : json()},
                             {"uptime_ms", std::chrono::duration_cast<std::chrono::milliseconds>(up).count()},
                             {"threads", shards.size()},
                             {"sessions", sum[0]},
                             {"sockets", sum[1]},
                             {"connections", sum[2]}};
            reply.send_ok("application/json", stats.dump());
          });
    });
  }
}

void raise_descriptor_limit() noexcept {
  constexpr rlim_t enough = 65'536;
  rlimit now{};
  if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= enough) return;
  now.rlim_cur = std::min(now.rlim_max, enough);
  setrlimit(RLIMIT_NOFILE, &now);
}

void signals::wait_for_end() {
  ends_.async_wait([this](std::error_code failure, int signal) {
    if (failure) return;
    all_.gather(
        all_[0], [](siokit::server& io) { return io.engine().size(); },
        [signal](std::vector<std::size_t> const& sessions) {
          spdlog::info("stopping signal={} sessions={}", signal,
                       std::accumulate(sessions.begin(), sessions.end(), std::size_t{0}));
        });
    if (on_end_) on_end_();
    signal == SIGTERM ? all_.drain(drain_timeout_) : all_.close();
    ends_.clear();  // the next one ends the program at once
    ending_ = true;
    reloads_.cancel();
  });
}

void signals::wait_for_reload() {
  reloads_.async_wait([this](std::error_code failure, int) {
    if (failure || ending_) return;
    if (auto const done = all_[0].reload_tls()) {
      spdlog::info("certificate read again");
    } else {
      spdlog::error("certificate kept: {}", done.error());
    }
    wait_for_reload();
  });
}
