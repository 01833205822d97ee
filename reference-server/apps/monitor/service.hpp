// The monitor at work: its namespaces, what clients ask, what operators ask.   SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/app.hpp"
#include "apps/versions.hpp"
#include "history.hpp"

namespace monitor {

using json = nlohmann::ordered_json;  // members in the order of the documents
using siokit::socket;

inline constexpr std::string_view server_version = "1.0.0";
inline constexpr std::array namespaces{"/",     "/system", "/session", "/claude", "/agent",
                                       "/hook", "/todo",   "/memory",  "/log"};

struct options {
  std::string history;  ///< a file; empty: memory
  apps::version_range client_versions;
  std::string client_versions_text;
};

/// An event that somebody wants to be told to a namespace. Its data is JSON text, empty for none.
struct wanted_event {
  std::optional<std::string> nsp;
  std::optional<std::string> event;
  std::optional<siokit::raw_json> data;
};

class service final : public apps::running {
 public:
  service(siokit::server& io, options given, settings const& s);

 private:
  using http_request = siokit::net::http_request;
  using http_reply = siokit::net::http_reply;

  // Clients: service.cpp
  void admit_by_token();
  void install_root();
  void install_system();
  void heartbeat();
  void claude_event(socket& s, siokit::args const& all, siokit::ack reply);
  /// Tells an event to a namespace and keeps it. Returns what is wrong with it.
  std::optional<std::string> publish(std::string_view nsp, std::string_view event, std::string_view data);
  /// Learns from an event how the session and its process are.
  void observe(std::string_view nsp, std::string_view event, std::string_view data);

  // HTTP: routes.cpp
  void install_pages();
  void install_routes();
  void emit(siokit::net::http_request const& in, http_reply reply);
  void compatibility(siokit::net::http_request const& in, http_reply reply);

  // What they are told
  [[nodiscard]] json status() const;
  [[nodiscard]] json version() const;
  [[nodiscard]] json server_status() const;
  [[nodiscard]] json server_info() const;
  [[nodiscard]] json health() const;
  [[nodiscard]] json stats() const;
  [[nodiscard]] json compatibility_of(std::string const& client_version) const;
  [[nodiscard]] std::int64_t uptime_seconds() const;

  siokit::server& io_;
  options options_;
  std::string token_;  // empty: everybody may connect
  std::string path_;   // of Socket.IO
  std::size_t history_max_;
  std::string server_id_;
  std::int64_t started_;
  std::uint64_t events_ = 0;  // published since then
  json session_id_, session_start_, claude_pid_;
  std::string claude_status_ = "stopped";
  history history_;
};

}  // namespace monitor

/// "namespace" is no name in C++.
template <>
struct siokit::argument<monitor::wanted_event> : siokit::object_argument<monitor::wanted_event> {
  static constexpr auto fields = std::tuple(siokit::field("namespace", &monitor::wanted_event::nsp),
                                            siokit::field("event", &monitor::wanted_event::event),
                                            siokit::field("data", &monitor::wanted_event::data));
};
