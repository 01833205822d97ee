// See service.hpp: what operators ask for, over HTTP with --admin-token.   SPDX-License-Identifier: MIT
//
//   POST   /admin/users {userId, token?, status?, expiresAt?, permissions?}   201, with what was made here
//   PATCH  /admin/users/{id} {token?, status?, expiresAt?, permissions?, reason?}
//   DELETE /admin/users/{id}
//   POST   /admin/notify {userId|null, event, data}              {delivered}
//   POST   /admin/system-message {userId|null, message, severity?}
//   POST   /admin/request {userId, action, data?, timeout?}      a SocketResponse
//   GET    /admin/online                                         {onlineUsers, totalConnections, ...}
//   GET    /admin/users/{id}/connections                         {userId, online, deviceCount, connections}
//   POST   /admin/sessions {userId, sessionId?, clientName?, userAgent?}      201
//   POST   /admin/sessions/{id}/initialize {clientName?}
//   DELETE /admin/sessions/{id}
//   PUT    /admin/servers                                        the catalogue, with permissions
#include <algorithm>

#include "service.hpp"

namespace notifier {
namespace {

constexpr std::int64_t last_expiry = 253'402'300'799'999;  // the end of the year 9999

/// A member of a request that is a text, nullopt when it is absent or something else.
std::optional<std::string> text_in(json const& body, char const* name) {
  auto const found = body.is_object() ? body.find(name) : body.end();
  return found != body.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::optional<std::string> id_in(json const& body, char const* name) {
  auto id = text_in(body, name);
  return id && !id->empty() && id->size() <= service::id_bytes_max ? id : std::nullopt;
}

/// Puts what the request says into a user. Returns what is wrong with it.
std::optional<std::string> apply_to(user& one, json const& body) {
  if (!body.is_object()) return "the body is no object";
  for (auto const& [name, value] : body.items()) {
    constexpr std::string_view known[] = {"userId", "token", "status", "expiresAt", "permissions", "reason"};
    if (std::find(std::begin(known), std::end(known), name) == std::end(known)) return "there is no " + name;
  }
  if (body.contains("status")) {
    auto const status = text_in(body, "status");
    if (status != "enabled" && status != "disabled") return "status is enabled or disabled";
    one.enabled = status == "enabled";
  }
  if (body.contains("expiresAt")) {
    auto const& at = body["expiresAt"];
    one.expires_at.reset();
    if (at.is_number_integer() && at >= 0 && at <= last_expiry) one.expires_at = at.get<std::int64_t>();
    if (at.is_string()) one.expires_at = apps::read_iso8601(at.get<std::string>());
    if (!at.is_null() && !one.expires_at)
      return "expiresAt is a time of ISO 8601, or in milliseconds since 1970";
  }
  if (body.contains("permissions")) {
    if (auto const problem = capabilities_problem(body["permissions"])) return "permissions: " + *problem;
    one.permissions = body["permissions"];
  }
  if (body.contains("token") && !id_in(body, "token")) return "token is a text of at most 256 bytes";
  return std::nullopt;
}

json shown(user const& one) {
  return {{"userId", one.id},
          {"status", one.enabled ? "enabled" : "disabled"},
          {"expiresAt", one.expires_at ? json(apps::iso8601(*one.expires_at)) : json()},
          {"permissions", one.permissions}};
}

bool is_severity(std::string_view name) {
  return name == "info" || name == "warning" || name == "error" || name == "success";
}

/// The user of a request, or null for everyone. False when it is neither.
bool read_recipient(json const& body, std::optional<std::string>& to) {
  to = id_in(body, "userId");
  return to || (body.is_object() && body.contains("userId") && body["userId"].is_null());
}

struct changed_user {
  user before, after;
  bool token_taken = false;  // nothing was changed
};

}  // namespace

void service::install_admin_api(std::string const& token) {
  auto const add = [&](std::string_view route, auto handler) { apps::api_route(io_, token, route, handler); };
  add("POST /admin/users",
      [this](auto const&, json const& body, http_reply reply) { add_user(body, std::move(reply)); });
  add("PATCH /admin/users/{id}", [this](auto const& in, json const& body, http_reply reply) {
    change_user(in.parameter("id"), body, std::move(reply));
  });
  add("DELETE /admin/users/{id}", [this](auto const& in, json const&, http_reply reply) {
    remove_user(in.parameter("id"), std::move(reply));
  });
  add("POST /admin/notify",
      [this](auto const&, json const& body, http_reply reply) { notify(body, std::move(reply)); });
  add("POST /admin/system-message", [this](auto const&, json const& body, http_reply reply) {
    send_system_message(body, std::move(reply));
  });
  add("POST /admin/request",
      [this](auto const&, json const& body, http_reply reply) { request(body, std::move(reply)); });
  add("GET /admin/online",
      [this](auto const&, json const&, http_reply reply) { show_online(std::move(reply)); });
  add("GET /admin/users/{id}/connections", [this](auto const& in, json const&, http_reply reply) {
    show_connections(in.parameter("id"), std::move(reply));
  });
  add("POST /admin/sessions",
      [this](auto const&, json const& body, http_reply reply) { add_session(body, std::move(reply)); });
  add("POST /admin/sessions/{id}/initialize", [this](auto const& in, json const& body, http_reply reply) {
    initialize_session(in.parameter("id"), body, std::move(reply));
  });
  add("DELETE /admin/sessions/{id}", [this](auto const& in, json const&, http_reply reply) {
    close_session(in.parameter("id"), std::move(reply));
  });
  add("PUT /admin/servers",
      [this](auto const&, json const& body, http_reply reply) { set_servers(body, std::move(reply)); });
}

// --- Users

void service::add_user(json const& body, http_reply reply) {
  user one;
  auto const id = id_in(body, "userId");
  if (!id) return apps::answer_error(reply, 400, "userId is a text of at most 256 bytes");
  one.id = *id;
  if (auto const problem = apply_to(one, body)) return apps::answer_error(reply, 400, *problem);
  auto const given = text_in(body, "token");
  std::string const token = given ? *given : apps::random_hex(24);
  worker_.run([this, one, token] { return users_.add(one, token); },
              [this, one, token, given, reply = std::move(reply)](apps::outcome<bool> added) mutable {
                if (!added) return apps::answer_error(reply, 500, added.error());
                if (!*added) return apps::answer_error(reply, 409, "there is such a user, or such a token");
                notifier_.forget(one.id);  // what was kept was not for him
                json out = shown(one);
                if (!given) out["token"] = token;
                apps::answer(reply, 201, out);
              });
}

void service::change_user(std::string const& id, json const& body, http_reply reply) {
  user tried;
  if (auto const problem = apply_to(tried, body)) return apps::answer_error(reply, 400, *problem);
  worker_.run(
      [this, id, body]() -> std::optional<changed_user> {
        auto before = users_.find(id);
        if (!before) return std::nullopt;
        user after = *before;
        static_cast<void>(apply_to(after, body));
        if (!users_.update(after, text_in(body, "token"))) return changed_user{*before, *before, true};
        return changed_user{std::move(*before), std::move(after)};
      },
      [this, body, reply = std::move(reply)](apps::outcome<std::optional<changed_user>> changed) mutable {
        if (!changed) return apps::answer_error(reply, 500, changed.error());
        if (!*changed) return apps::answer_error(reply, 404, "there is no such user");
        if ((*changed)->token_taken) return apps::answer_error(reply, 409, "another user has this token");
        apps::answer(reply, 200, shown((*changed)->after));
        tell_changes((*changed)->before, (*changed)->after, body);
      });
}

/// Tells first, then disconnects.
void service::tell_changes(user const& before, user const& after, json const& body) {
  if (before.permissions != after.permissions) push_capabilities({after.id});
  if (!before.enabled && after.enabled) {
    notifier_.send_notification(after.id, "user_enabled", "Your account has been enabled", "success");
  }
  if (before.enabled && !after.enabled) {
    notifier_.notify_user_disabled(after.id, text_in(body, "reason").value_or(""));
    return disconnect(after.id);
  }
  if (notifier_.is_user_online(after.id)) watch_expiry(after);
}

void service::remove_user(std::string const& id, http_reply reply) {
  worker_.run([this, id] { return users_.remove(id); },
              [this, id, reply = std::move(reply)](apps::outcome<bool> removed) mutable {
                if (!removed) return apps::answer_error(reply, 500, removed.error());
                if (!*removed) return apps::answer_error(reply, 404, "there is no such user");
                apps::answer(reply, 200, {{"userId", id}});
                notifier_.send_notification(id, "user_deleted", "Your account has been deleted", "error");
                notifier_.forget(id);
                sessions_.close_all_of(id);
                disconnect(id);
              });
}

// --- Pushing and asking

void service::notify(json const& body, http_reply reply) {
  std::optional<std::string> to;
  auto const event = id_in(body, "event");
  if (!event || !read_recipient(body, to))
    return apps::answer_error(reply, 400, "{userId|null, event, data} is wanted");
  auto const& reserved = siokit::socketio::reserved_events;
  if (std::find(reserved.begin(), reserved.end(), *event) != reserved.end()) {
    return apps::answer_error(reply, 400, *event + " is an event that Socket.IO keeps for itself");
  }
  json const data = body.value("data", json());
  bool delivered = true;
  to ? void(delivered = notifier_.notify_user(*to, *event, data)) : notifier_.notify_all(*event, data);
  apps::answer(reply, 200, {{"delivered", delivered}});
}

void service::send_system_message(json const& body, http_reply reply) {
  std::optional<std::string> to;
  auto const message = text_in(body, "message");
  std::string const severity = text_in(body, "severity").value_or("info");
  if (!message || !read_recipient(body, to) || !is_severity(severity)) {
    return apps::answer_error(reply, 400,
                              "{userId|null, message, severity: info, warning, error or success} is wanted");
  }
  apps::answer(reply, 200, {{"delivered", notifier_.send_system_message(to, *message, severity)}});
}

void service::request(json const& body, http_reply reply) {
  auto const to = id_in(body, "userId");
  json const action = body.is_object() ? body.value("action", json()) : json();
  json const timeout =
      body.is_object() ? body.value("timeout", json(socket_notifier::default_timeout.count())) : json();
  constexpr int longest = 600'000;  // ms
  bool const good =
      to && action.is_number_integer() && timeout.is_number_integer() && timeout > 0 && timeout <= longest;
  auto const send = [reply = std::make_shared<http_reply>(std::move(reply))](
                        socket_response const& response) { apps::answer(*reply, 200, response.to_json()); };
  if (!good) {
    return send(socket_response::failure({}, socket_error_code::invalid_request,
                                         "{userId, action, data, timeout in ms} is wanted"));
  }
  bool const fits = action >= 0 && action <= INT32_MAX;
  notifier_.send_request(*to, static_cast<socket_action>(fits ? action.get<int>() : -1),
                         body.value("data", json::object()), send,
                         std::chrono::milliseconds(timeout.get<int>()));
}

void service::show_online(http_reply reply) {
  apps::answer(reply, 200,
               {{"onlineUsers", notifier_.get_online_user_ids()},
                {"totalConnections", notifier_.get_total_connections()},
                {"pendingRequests", notifier_.get_pending_request_count()}});
}

void service::show_connections(std::string const& id, http_reply reply) {
  json list = json::array();
  for (auto const& each : notifier_.get_user_connections(id)) list.push_back(each.to_json());
  apps::answer(reply, 200,
               {{"userId", id},
                {"online", notifier_.is_user_online(id)},
                {"deviceCount", notifier_.get_user_device_count(id)},
                {"connections", list}});
}

// --- MCP sessions and servers

void service::add_session(json const& body, http_reply reply) {
  auto const user_id = id_in(body, "userId");
  if (!user_id)
    return apps::answer_error(reply, 400, "{userId, sessionId?, clientName?, userAgent?} is wanted");
  mcp_session one;
  one.user_id = *user_id;
  if (auto name = id_in(body, "clientName")) one.client_name = *name;
  if (auto agent = text_in(body, "userAgent"); agent && !agent->empty()) one.user_agent = *agent;
  std::string const id = id_in(body, "sessionId").value_or("sess_" + apps::random_hex(8));
  if (!sessions_.add(id, one))
    return apps::answer_error(reply, 409, "there is such a session, or there are too many");
  apps::answer(reply, 201, {{"sessionId", id}, {"userId", *user_id}});
}

void service::initialize_session(std::string const& id, json const& body, http_reply reply) {
  auto* const one = sessions_.find(id);
  if (one == nullptr) return apps::answer_error(reply, 404, "there is no such session");
  if (auto name = id_in(body, "clientName")) one->client_name = *name;
  one->initialized = true;
  one->last_active = apps::unix_ms();
  apps::answer(reply, 200, {{"sessionId", id}, {"userId", one->user_id}});
  push_sessions(one->user_id);
}

void service::close_session(std::string const& id, http_reply reply) {
  auto const closed = sessions_.close(id);
  if (!closed) return apps::answer_error(reply, 404, "there is no such session");
  apps::answer(reply, 200, {{"sessionId", id}, {"userId", closed->user_id}});
  push_sessions(closed->user_id);
}

void service::set_servers(json const& body, http_reply reply) {
  if (auto const problem = capabilities_problem(body)) return apps::answer_error(reply, 400, *problem);
  worker_.run([this, body] { return users_.set_catalogue(body), apps::done(); },
              [this, body, reply = std::move(reply)](apps::outcome<apps::done> kept) mutable {
                if (!kept) return apps::answer_error(reply, 500, kept.error());
                server_counts_ = counts_of(body);
                apps::answer(reply, 200, server_counts_);
                push_capabilities(notifier_.get_online_user_ids());
              });
}

}  // namespace notifier
