// See service.hpp: what clients are told and say.   SPDX-License-Identifier: MIT
#include "service.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "apps/http_api.hpp"
#include "apps/times.hpp"
#include "siokit/json/nlohmann.hpp"
#include "siokit/net/url.hpp"

namespace monitor {
namespace {

using siokit::raw_json;

constexpr std::chrono::seconds heartbeat_interval{30};

/// Both answers to get_history must fit into what the server keeps for a client that does not read.
constexpr std::size_t history_share = 4;

/// What the server says on `/`: nobody else may.
constexpr std::array own_events{"connection_ack", "compatibility_warning", "server_status", "event_history",
                                "pong"};

/// What some events say of the session and its process.
struct session_event {
  std::optional<std::string> session_id, start_time, status;
  std::optional<std::int64_t> pid;
};

/// A record of the history, as it is read back.
struct record {
  std::string nsp, event;
  raw_json data;
};

/// An answer, by event and to who waits for it.
template <class Value>
void tell(socket& s, std::string_view event, Value const& value, siokit::ack& reply) {
  s.emit(event, value);
  reply(value);
}

template <class Value>
json or_null(std::optional<Value> const& value) {
  return value ? json(*value) : json();
}

}  // namespace
}  // namespace monitor

template <>
struct siokit::argument<monitor::session_event> : siokit::object_argument<monitor::session_event> {
  static constexpr auto fields = std::tuple(siokit::field("session_id", &monitor::session_event::session_id),
                                            siokit::field("start_time", &monitor::session_event::start_time),
                                            siokit::field("status", &monitor::session_event::status),
                                            siokit::field("pid", &monitor::session_event::pid));
};

template <>
struct siokit::argument<monitor::record> : siokit::object_argument<monitor::record> {
  static constexpr auto fields = std::tuple(siokit::field("namespace", &monitor::record::nsp),
                                            siokit::field("event", &monitor::record::event),
                                            siokit::field("data", &monitor::record::data));
};

namespace monitor {

service::service(siokit::server& io, options given, settings const& s)
    : io_(io),
      options_(std::move(given)),
      token_(s.connection_token),
      path_(s.path),
      history_max_(s.max_history_size),
      server_id_("socketio-" + apps::random_hex(4)),
      started_(apps::unix_ms()),
      history_(io, options_.history, {history_max_, s.outbox_bytes_max / history_share}) {
  for (auto const& [number, text] : history_.records()) {
    if (!siokit::scan_json(text)) continue;
    if (auto const past = siokit::argument<record>::read(text, {})) {
      observe(past->nsp, past->event, past->data.text);
    }
  }
  admit_by_token();
  install_root();
  install_system();
  install_pages();
  install_routes();
}

void service::admit_by_token() {
  if (token_.empty())
    spdlog::warn("development mode: without CLAUDE_MPM_SOCKETIO_TOKEN everybody may connect");
  for (auto const* const name : namespaces) {
    io_.of(name).use([this](socket& s, siokit::next go_on) {
      auto const given = s.handshake().auth<std::optional<std::string>>("token").value_or(std::nullopt);
      if (token_.empty() || apps::same_secret(given.value_or(""), token_)) return go_on();
      spdlog::warn("refused nsp={} address={}", s.nsp().name(), s.handshake().address());
      go_on.refuse("Invalid authentication token");
    });
  }
}

void service::install_root() {
  io_.on_connection([this](socket& s) {
    s.emit("connection_ack", json{{"id", s.id()},
                                  {"server_id", server_id_},
                                  {"server_version", server_version},
                                  {"timestamp", apps::iso8601_now()}});
    auto const client =
        s.handshake().auth<std::optional<std::string>>("client_version").value_or(std::nullopt);
    if (client) {
      if (json const fit = compatibility_of(*client); !fit["compatible"])
        s.emit("compatibility_warning", fit);
    }
    s.emit("server_status", server_status());
  });
  io_.on("claude_event", [this](socket& s, siokit::ack reply, siokit::args const& all) {
    claude_event(s, all, std::move(reply));
  });
  io_.on("ping", [this](socket& s, siokit::ack reply) {
    tell(s, "pong", json{{"timestamp", apps::iso8601_now()}, {"server_id", server_id_}}, reply);
  });
  io_.on("get_version",
         [this](socket& s, siokit::ack reply) { tell(s, "server_status", server_status(), reply); });
  io_.on("get_history", [this](socket& s, siokit::ack reply) {
    std::string const past = history_.json();
    tell(s, "event_history", raw_json{past}, reply);
  });
  for (auto const* const question : {"get_status", "status"}) {
    io_.on(question, [this](socket& s, siokit::ack reply) { tell(s, "status", status(), reply); });
  }
}

void service::install_system() {
  auto& system = io_.of("/system");
  system.on_connection([this](socket& s) { s.emit("server_info", server_info()); });
  system.on("get_status", [this](socket& s, siokit::ack reply) { tell(s, "status", status(), reply); });
  io_.after(heartbeat_interval, [this] { heartbeat(); });
}

void service::heartbeat() {
  io_.of("/system").emit("heartbeat", json{{"server_id", server_id_},
                                           {"uptime_seconds", uptime_seconds()},
                                           {"clients", io_.engine().size()},
                                           {"timestamp", apps::iso8601_now()}});
  io_.after(heartbeat_interval, [this] { heartbeat(); });
}

// --- Events that come in

void service::claude_event(socket& s, siokit::args const& all, siokit::ack reply) {
  auto const wanted = all.get<wanted_event>(0);
  std::optional<std::string> problem;
  if (!wanted) {
    problem = "claude_event is an object: {namespace, event, data}";
  } else if (!all.attachments().empty()) {
    problem = "data must be JSON";  // a history keeps no attachments
  } else {
    std::string nsp = wanted->nsp.value_or("/");
    if (!nsp.starts_with('/')) nsp.insert(0, 1, '/');
    bool const known = std::find(namespaces.begin(), namespaces.end(), nsp) != namespaces.end();
    bool const named = wanted->event && !wanted->event->empty();
    bool const whole = !named || !wanted->data;
    problem = publish(known ? nsp : "/", named ? *wanted->event : "claude_event",
                      whole ? *all.raw(0) : wanted->data->text);
  }
  if (problem) return tell(s, "error", json{{"message", *problem}}, reply);
  reply(json{{"status", "ok"}});
}

std::optional<std::string> service::publish(std::string_view nsp, std::string_view event,
                                            std::string_view data) {
  constexpr std::uint16_t depth_max = 100;  // it must still be read when it is wrapped in a history
  if (!siokit::scan_json(data, depth_max)) return "data is too deep";
  if (nsp == "/" && std::find(own_events.begin(), own_events.end(), event) != own_events.end())
    return std::string(event) + " is said by the server alone";
  if (!io_.of(nsp).emit(event, raw_json{data})) return std::string(event) + " is no name for an event";
  std::string record = R"({"namespace":")" + std::string(nsp) + R"(","event":)";
  siokit::json_write(record, event);
  record.append(R"(,"data":)").append(data);
  record.append(R"(,"timestamp":")").append(apps::iso8601_now()).append("\"}");
  history_.add(std::move(record));
  ++events_;
  observe(nsp, event, data);
  return std::nullopt;
}

void service::observe(std::string_view nsp, std::string_view event, std::string_view data) {
  bool const starts = nsp == "/session" && event == "start";
  bool const ends = nsp == "/session" && event == "end";
  bool const changes = nsp == "/claude" && event == "status_changed";
  if (!starts && !ends && !changes) return;
  auto const told = siokit::argument<session_event>::read(data, {});
  if (!told) return;
  if (starts || ends) {
    session_id_ = starts ? or_null(told->session_id) : json();
    session_start_ = starts ? or_null(told->start_time) : json();
  }
  if (starts) return;
  claude_status_ = ends ? "stopped" : told->status.value_or(claude_status_);
  claude_pid_ = ends ? json() : or_null(told->pid);
}

// --- What they are told

std::int64_t service::uptime_seconds() const {
  return (apps::unix_ms() - started_) / 1000;
}

json service::status() const {
  return {{"session_id", session_id_},
          {"session_start", session_start_},
          {"claude_status", claude_status_},
          {"claude_pid", claude_pid_},
          {"server_info", server_info()}};
}

json service::server_info() const {
  auto const place = siokit::net::parse_url(io_.url());  // none of a Unix socket
  std::error_code failure;
  return {{"host", place ? place->host : io_.url()},
          {"port", place ? json(place->port) : json()},
          {"working_dir", std::filesystem::current_path(failure).string()},
          {"server_id", server_id_},
          {"server_version", server_version},
          {"timestamp", apps::iso8601_now()}};
}

json service::version() const {
  json const supported = json::array({options_.client_versions_text});
  json const features = {"persistent_server", "version_compatibility", "process_isolation",
                         "health_monitoring", "event_namespacing"};
  return {{"server_version", server_version},
          {"server_id", server_id_},
          {"socketio_version", "5.11.0"},
          {"compatibility_matrix",
           {{std::string(server_version),
             {{"claude_mpm_versions", supported},
              {"min_python", "3.8"},
              {"socketio_min", "5.11.0"},
              {"features", features}}}}},
          {"supported_client_versions", supported},
          {"features", features}};
}

json service::server_status() const {
  json out = version();
  out.update(
      {{"status", "running"}, {"uptime_seconds", uptime_seconds()}, {"timestamp", apps::iso8601_now()}});
  return out;
}

json service::compatibility_of(std::string const& client_version) const {
  auto const read = apps::version::read(client_version);
  bool const fits = read && options_.client_versions.has(*read);
  json warnings = json::array();
  if (!read) {
    warnings.push_back("'" + client_version + "' is no version");
  } else if (!fits) {
    warnings.push_back("client " + client_version + " is not supported: " + options_.client_versions_text);
  }
  return {{"compatible", fits},
          {"client_version", client_version},
          {"server_version", server_version},
          {"supported_client_versions", json::array({options_.client_versions_text})},
          {"warnings", warnings}};
}

}  // namespace monitor
