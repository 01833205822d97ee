// See service.hpp: pages, and what is asked over HTTP.   SPDX-License-Identifier: MIT
#include <algorithm>

#include "apps/http_api.hpp"
#include "apps/times.hpp"
#include "pages.hpp"
#include "service.hpp"

namespace monitor {
namespace {

struct version_question {
  std::string client_version;
};

/// Reads a body that is a JSON object; nullopt if it is none, or not of this kind.
template <class Body>
std::optional<Body> read_body(std::string_view text) {
  auto const seen = siokit::scan_json(text);
  if (!seen || seen->kind != siokit::json_kind::object || !siokit::utf8_valid(text)) return std::nullopt;
  auto read = siokit::argument<Body>::read(text.substr(seen->begin), {});
  return read ? std::optional<Body>(std::move(*read)) : std::nullopt;
}

void send_json(siokit::net::http_reply& reply, json const& body) {
  reply.send_ok("application/json", body.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace
}  // namespace monitor

template <>
struct siokit::argument<monitor::version_question> : siokit::object_argument<monitor::version_question> {
  static constexpr auto fields =
      std::tuple(siokit::field("client_version", &monitor::version_question::client_version));
};

namespace monitor {

void service::install_pages() {
  std::string dashboard(pages::dashboard_html);  // it connects where this server answers
  std::string_view const mark = "/socket.io/";
  dashboard.replace(dashboard.find(mark), mark.size(), path_);
  auto const add = [this](std::string const& path, std::string const& type, std::string text) {
    io_.route("GET " + path, [type = type + "; charset=utf-8", text = std::move(text)](
                                 http_request const&, http_reply reply) { reply.send_ok(type, text); });
  };
  for (auto const* const path : {"/", "/dashboard", "/claude_mpm_socketio_dashboard.html"}) {
    add(path, "text/html", dashboard);
  }
  add("/dashboard/dashboard.css", "text/css", std::string(pages::dashboard_css));
  add("/dashboard/dashboard.js", "text/javascript", std::string(pages::dashboard_js));
  add("/dashboard/event_log.js", "text/javascript", std::string(pages::event_log_js));
  add("/dashboard/socketio.js", "text/javascript", std::string(pages::socketio_js));
  add("/admin", "text/html", std::string(pages::admin_html));
}

void service::install_routes() {
  auto const show = [this](std::string const& path, json (service::*what)() const) {
    io_.route("GET " + path,
              [this, what](http_request const&, http_reply reply) { send_json(reply, (this->*what)()); });
  };
  show("/health", &service::health);
  show("/status", &service::health);
  show("/version", &service::version);
  show("/stats", &service::stats);
  io_.route("POST /emit", [this](http_request const& in, http_reply reply) { emit(in, std::move(reply)); });
  io_.route("POST /compatibility",
            [this](http_request const& in, http_reply reply) { compatibility(in, std::move(reply)); });
}

void service::emit(http_request const& in, http_reply reply) {
  auto const given = apps::bearer(in.find("authorization").value_or(""));
  if (!token_.empty() && given.empty())
    return apps::answer_error(reply, 401, "Authorization: Bearer TOKEN is wanted");
  if (!token_.empty() && !apps::same_secret(given, token_))
    return apps::answer_error(reply, 403, "the token is wrong");
  bool const from_page = in.find("origin").has_value();  // which needs no leave for other types
  if (from_page && !in.find("content-type").value_or("").starts_with("application/json")) {
    return apps::answer_error(reply, 415, "Content-Type: application/json is wanted");
  }
  auto const wanted = read_body<wanted_event>(in.body);
  if (!wanted || !wanted->nsp || !wanted->event || wanted->event->empty()) {
    return apps::answer_error(reply, 400, "{namespace, event, data} is wanted");
  }
  std::string const nsp = (wanted->nsp->starts_with('/') ? "" : "/") + *wanted->nsp;
  if (std::find(namespaces.begin(), namespaces.end(), nsp) == namespaces.end()) {
    return apps::answer_error(reply, 404, "there is no namespace " + nsp);
  }
  if (auto const problem = publish(nsp, *wanted->event, wanted->data ? wanted->data->text : "null")) {
    return apps::answer_error(reply, 400, *problem);
  }
  send_json(reply, {{"status", "ok"}, {"namespace", nsp}, {"event", *wanted->event}});
}

void service::compatibility(http_request const& in, http_reply reply) {
  auto const question = read_body<version_question>(in.body);
  if (!question) return apps::answer_error(reply, 400, "{client_version} is wanted");
  send_json(reply, compatibility_of(question->client_version));
}

json service::health() const {
  return {{"status", "healthy"},
          {"server", "claude-mpm-socketio"},
          {"timestamp", apps::iso8601_now()},
          {"session_id", session_id_},
          {"claude_status", claude_status_}};
}

json service::stats() const {
  json sockets = json::object();
  for (auto const* const name : namespaces) sockets[name] = io_.of(name).size();
  return {{"server_id", server_id_},
          {"server_version", server_version},
          {"started_at", apps::iso8601(started_)},
          {"uptime_seconds", uptime_seconds()},
          {"clients", io_.engine().size()},
          {"sockets", sockets},
          {"events", events_},
          {"history", {{"size", history_.records().size()}, {"max_size", history_max_}}}};
}

}  // namespace monitor
