// See socket_notifier.hpp.   SPDX-License-Identifier: MIT
#include "socket_notifier.hpp"

#include <algorithm>

#include "apps/http_api.hpp"
#include "apps/times.hpp"

namespace notifier {
namespace {

json notification(std::string_view type, std::string_view message, std::string_view severity,
                  json const& data) {
  json out{{"type", type}, {"message", message}, {"timestamp", apps::unix_ms()}};
  if (!data.is_null()) out["data"] = data;
  if (!severity.empty()) out["severity"] = severity;
  return out;
}

}  // namespace

std::string_view event_name(socket_action action) noexcept {
  switch (action) {
    case socket_action::ask_user_confirm: return "ask_user_confirm";
    case socket_action::ask_user_select: return "ask_user_select";
    case socket_action::get_client_status: return "get_client_status";
    case socket_action::get_current_page: return "get_current_page";
    case socket_action::get_client_config: return "get_client_config";
    case socket_action::get_connection_info: return "get_connection_info";
    case socket_action::get_capabilities: return "get_capabilities";
  }
  return {};
}

socket_response socket_response::failure(std::string request_id, socket_error_code code,
                                         std::string_view message) {
  socket_response out;
  out.request_id = std::move(request_id);
  out.error = {{"code", static_cast<int>(code)}, {"message", message}};
  out.timestamp = apps::unix_ms();
  return out;
}

json socket_response::to_json() const {
  json out{{"requestId", request_id}, {"success", success}, {"timestamp", timestamp}};
  if (!data.is_null()) out["data"] = data;
  if (!error.is_null()) out["error"] = error;
  return out;
}

json user_connection::to_json() const {
  json out{{"userId", user_id}, {"socketId", socket_id}, {"connectedAt", apps::iso8601(connected_at)}};
  if (!device_type.empty()) out["deviceType"] = device_type;
  if (!device_name.empty()) out["deviceName"] = device_name;
  if (!app_version.empty()) out["appVersion"] = app_version;
  return out;
}

// --- Pushing

bool socket_notifier::notify_user(std::string const& user_id, std::string_view event, json const& data) {
  if (!is_user_online(user_id)) {
    keep(user_id, event, data);
    return false;
  }
  io_.to(user_id).emit(event, data);
  return true;
}

void socket_notifier::notify_all(std::string_view event, json const& data) {
  io_.emit(event, data);
}

bool socket_notifier::send_notification(std::string const& user_id, std::string_view type,
                                        std::string_view message, std::string_view severity,
                                        json const& data) {
  return notify_user(user_id, "notification", notification(type, message, severity, data));
}

bool socket_notifier::notify_user_disabled(std::string const& user_id, std::string_view reason) {
  return send_notification(user_id, "user_disabled",
                           reason.empty() ? "Your account has been disabled by administrator" : reason,
                           "error");
}

bool socket_notifier::notify_permission_changed(std::string const& user_id, json const& capabilities,
                                                std::string_view message) {
  return send_notification(user_id, "permission_changed", message, "warning",
                           {{"capabilities", capabilities}});
}

bool socket_notifier::send_system_message(std::optional<std::string> const& user_id, std::string_view message,
                                          std::string_view severity) {
  if (user_id) return send_notification(*user_id, "system_message", message, severity);
  notify_all("notification", notification("system_message", message, severity, nullptr));
  return true;
}

bool socket_notifier::notify_online_sessions(std::string const& user_id, json const& sessions) {
  if (!is_user_online(user_id)) return false;
  return send_notification(user_id, "online_sessions",
                           "You have " + std::to_string(sessions.size()) + " active session(s)", "info",
                           {{"sessions", sessions}});
}

void socket_notifier::keep(std::string const& user_id, std::string_view event, json const& data) {
  auto const found = kept_.find(user_id);
  bool const full = kept_count_ >= kept_max;
  if (offline_queue_ == 0 || (full && found == kept_.end())) return;
  auto& his = found == kept_.end() ? kept_[user_id] : found->second;
  his.events.emplace_back(event, data);
  ++kept_count_;
  if (his.events.size() <= offline_queue_ && !full) return;
  his.events.pop_front();
  --kept_count_;
  ++his.dropped;
}

void socket_notifier::forget(std::string const& user_id) {
  if (auto const his = kept_.extract(user_id)) kept_count_ -= his.mapped().events.size();
}

void socket_notifier::deliver_kept(socket& s, std::string const& user_id) {
  auto const his = kept_.extract(user_id);
  if (!his) return;
  kept_count_ -= his.mapped().events.size();
  if (std::size_t const dropped = his.mapped().dropped; dropped > 0) {
    s.emit("notification",
           notification("system_message",
                        std::to_string(dropped) + " notification(s) were dropped while you were offline",
                        "warning", {{"dropped", dropped}}));
  }
  for (auto const& [event, data] : his.mapped().events) s.emit(event, data);
}

// --- Asking

void socket_notifier::send_request(std::string const& user_id, socket_action action, json const& data,
                                   response_handler then, std::chrono::milliseconds timeout) {
  auto const fail = [&](socket_error_code code, std::string const& why) {
    then(socket_response::failure({}, code, why));
  };
  auto const event = event_name(action);
  if (event.empty()) {
    return fail(socket_error_code::unknown_action,
                "Unknown action: " + std::to_string(static_cast<int>(action)));
  }
  if (!is_user_online(user_id))
    return fail(socket_error_code::user_offline, "User " + user_id + " is offline");
  if (pending_.size() >= pending_max)
    return fail(socket_error_code::service_unavailable, "Too many requests wait");

  std::string const id = apps::random_hex(16);
  pending_request& asked = pending_[id];
  asked.user_id = user_id;
  asked.action = action;
  asked.then = std::move(then);
  asked.timeout = io_.after(timeout, [this, id, timeout] {
    settle(socket_response::failure(id, socket_error_code::timeout,
                                    "Request timeout after " + std::to_string(timeout.count()) + "ms"));
  });
  io_.to(user_id).emit(event, json{{"requestId", id},
                                   {"action", static_cast<int>(action)},
                                   {"data", data},
                                   {"timestamp", apps::unix_ms()}});
}

void socket_notifier::ask_user_confirm(std::string const& user_id, std::string_view tool_name,
                                       std::string_view tool_description, std::string_view tool_params,
                                       siokit::unique_function<void(bool)> then,
                                       std::chrono::milliseconds timeout) {
  json const data{
      {"toolName", tool_name}, {"toolDescription", tool_description}, {"toolParams", tool_params}};
  send_request(
      user_id, socket_action::ask_user_confirm, data,
      [then = std::move(then)](socket_response const& answer) mutable {
        then(answer.success && answer.data.is_object() &&
             answer.data.value("confirmed", json()) == json(true));
      },
      timeout);
}

void socket_notifier::get_client_status(std::string const& user_id, siokit::unique_function<void(json)> then,
                                        std::chrono::milliseconds timeout) {
  send_request(
      user_id, socket_action::get_client_status, json::object(),
      [then = std::move(then)](socket_response const& answer) mutable {
        then(answer.success ? answer.data : json());
      },
      timeout);
}

void socket_notifier::get_capabilities(std::string const& user_id, siokit::unique_function<void(json)> then,
                                       std::chrono::milliseconds timeout) {
  send_request(
      user_id, socket_action::get_capabilities, json::object(),
      [then = std::move(then)](socket_response const& answer) mutable {
        then(answer.success && answer.data.is_object() ? answer.data.value("capabilities", json()) : json());
      },
      timeout);
}

bool socket_notifier::answered(std::string const& user_id, json const& response) {
  if (!response.is_object()) return false;
  auto const id = response.find("requestId"), success = response.find("success");
  if (id == response.end() || !id->is_string() || success == response.end() || !success->is_boolean())
    return false;
  auto const asked = pending_.find(id->get<std::string>());
  if (asked == pending_.end() || asked->second.user_id != user_id) return true;  // late, or not his
  socket_response out;
  out.request_id = *id;
  out.success = *success;
  out.data = response.value("data", json());
  out.timestamp = apps::unix_ms();
  if (auto const at = response.find("timestamp"); at != response.end() && at->is_number_integer())
    out.timestamp = *at;
  if (!out.success) {
    out.error = response.value("error", json());
    if (!out.error.is_object() || !out.error.contains("code")) {
      out.error = {{"code", static_cast<int>(socket_error_code::client_error)},
                   {"message", "Client error occurred"}};
    }
  }
  settle(std::move(out));
  return true;
}

void socket_notifier::settle(socket_response response) {
  auto asked = pending_.extract(response.request_id);
  if (!asked) return;
  asked.mapped().timeout.cancel();
  json const theirs = response.data.is_object() ? response.data.value("capabilities", json()) : json();
  bool const left_to_us =
      asked.mapped().action == socket_action::get_capabilities && response.success && theirs.empty();
  if (!left_to_us || !capabilities_) return asked.mapped().then(std::move(response));
  capabilities_(asked.mapped().user_id,
                [response = std::move(response), then = std::make_shared<response_handler>(
                                                     std::move(asked.mapped().then))](json ours) mutable {
                  if (!ours.is_null()) response.data = {{"capabilities", std::move(ours)}};
                  (*then)(std::move(response));
                });
}

// --- Who is there

std::size_t socket_notifier::get_user_device_count(std::string const& user_id) const {
  auto const found = online_.find(user_id);
  return found == online_.end() ? 0 : found->second.size();
}

std::vector<user_connection> socket_notifier::get_user_connections(std::string const& user_id) const {
  auto const found = online_.find(user_id);
  return found == online_.end() ? std::vector<user_connection>() : found->second;
}

std::vector<std::string> socket_notifier::get_online_user_ids() const {
  std::vector<std::string> out;
  for (auto const& each : online_) out.push_back(each.first);
  return out;
}

void socket_notifier::connected(socket& s, std::string const& user_id) {
  s.join(user_id);
  user_connection one;
  one.user_id = user_id;
  one.socket_id = s.id();
  one.connected_at = apps::unix_ms();
  online_[user_id].push_back(std::move(one));
  ++total_;
  deliver_kept(s, user_id);
}

void socket_notifier::disconnected(socket& s, std::string const& user_id) {
  auto const found = online_.find(user_id);
  if (found == online_.end()) return;
  total_ -= std::erase_if(found->second, [&s](auto const& each) { return each.socket_id == s.id(); });
  if (!found->second.empty()) return;
  online_.erase(found);
  std::vector<std::string> his;
  for (auto const& [id, asked] : pending_) {
    if (asked.user_id == user_id) his.push_back(id);
  }
  for (auto const& id : his) {
    settle(socket_response::failure(id, socket_error_code::user_offline, "User " + user_id + " is offline"));
  }
}

void socket_notifier::describe(socket& s, std::string const& user_id, json const& client_info) {
  for (auto& each : online_[user_id]) {
    if (each.socket_id != s.id()) continue;
    auto const take = [&client_info](char const* name, std::string& to) {
      auto const found = client_info.find(name);
      if (found != client_info.end() && found->is_string()) to = found->get<std::string>().substr(0, 256);
    };
    take("deviceType", each.device_type);
    take("deviceName", each.device_name);
    take("appVersion", each.app_version);
  }
}

}  // namespace notifier
