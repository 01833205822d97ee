// See service.hpp: what clients say.   SPDX-License-Identifier: MIT
#include "service.hpp"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <fstream>

namespace notifier {
namespace {

/// What is known of a socket.
struct client {
  std::string user_id;
  std::uint32_t asked = 0;  // of the worker, and not yet answered
};

std::string const& user_of(socket& s) {
  return s.data<client>().user_id;
}

void tell_error(socket& s, std::string_view message) {
  s.emit("error", json{{"message", message}});
}

void acknowledge(socket& s, std::string_view message, json const& request_id = nullptr) {
  json out{{"message", message}, {"timestamp", apps::unix_ms()}};
  if (!request_id.is_null()) out["requestId"] = request_id;
  s.emit("ack", out);
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

service::service(siokit::server& io, options given, std::string const& admin_token)
    : io_(io),
      options_(std::move(given)),
      notifier_(io, options_.offline_queue),
      users_(options_.db),
      worker_(io) {
  notifier_.on_capabilities([this](std::string const& user_id, std::function<void(json)> then) {
    worker_.run(
        [this, user_id] { return capabilities_of(user_id); },
        [then = std::move(then)](apps::outcome<json> const& merged) { then(merged.value_or(json())); });
  });
  io_.use([this](socket& s, siokit::next go_on) { authenticate(s, std::move(go_on)); });
  io_.on_connection([this](socket& s) { on_connection(s); });
  io_.of("/").on_disconnect([this](socket& s, siokit::disconnect_reason) {
    auto const& user_id = user_of(s);
    notifier_.disconnected(s, user_id);
    if (notifier_.is_user_online(user_id)) return;
    if (auto const watched = expiries_.extract(user_id)) watched.mapped().cancel();
    auto const count = event_counts_.find(user_id);
    bool const over = count != event_counts_.end() &&
                      count->second.idle(*options_.event_rate, std::chrono::steady_clock::now());
    if (over) event_counts_.erase(count);
  });
  install_events();
  install_admin_api(admin_token);
  io_.route("GET /health", [this](http_request const&, http_reply reply) { show_health(std::move(reply)); });
}

// --- Who may connect

void service::authenticate(socket& s, siokit::next go_on) {
  auto token = s.handshake().auth<std::optional<std::string>>("token").value_or(std::nullopt).value_or("");
  if (token.empty()) token = apps::bearer(s.handshake().header("authorization").value_or(""));
  if (token.size() > id_bytes_max) token.clear();  // nobody's, and not worth a thread's time
  worker_.run(
      [this, token] { return users_.find_by_token(token); },
      [this, s = s.ref(), go_on = std::move(go_on)](apps::outcome<std::optional<user>> const& found) mutable {
        if (auto* const here = s.get()) admit(*here, found, std::move(go_on));
      });
}

void service::admit(socket& s, apps::outcome<std::optional<user>> const& found, siokit::next go_on) {
  auto const refuse = [&](std::string const& why, std::string const& type) {
    std::string const line = "\u274c Socket authentication failed: " + why + " (type: " + type + ")";
    spdlog::warn("{}", line);
    go_on.refuse(line);
  };
  if (!found) return refuse(found.error(), "SERVER_ERROR");
  if (!*found) return refuse("User not found", "USER_NOT_FOUND");
  user const& one = **found;
  if (!one.enabled) return refuse("User is Disabled", "USER_DISABLED");
  if (one.expired(apps::unix_ms())) return refuse("User authorization has expired", "USER_EXPIRED");
  if (options_.devices_max != 0 && notifier_.get_user_device_count(one.id) >= options_.devices_max) {
    return refuse("User has " + std::to_string(options_.devices_max) + " devices already",
                  "TOO_MANY_DEVICES");
  }
  s.data<client>().user_id = one.id;
  watch_expiry(one);
  go_on();
}

void service::on_connection(socket& s) {
  auto const& user_id = user_of(s);
  s.use([this](socket& from, std::string_view event, siokit::args const&, siokit::packet_next go_on) {
    auto const& allowed = options_.event_allow;
    if (!allowed.empty() && !allowed.contains(event))
      return go_on.fail("Event not allowed: " + std::string(event));
    if (options_.event_rate &&
        !event_counts_[user_of(from)].allow(*options_.event_rate, std::chrono::steady_clock::now())) {
      return go_on.fail("Rate limit exceeded");
    }
    go_on();
  });
  s.on_error([](socket& from, std::string_view why) { tell_error(from, why); });
  notifier_.connected(s, user_id);
  push_sessions(user_id);
}

// --- What clients say

void service::install_events() {
  io_.on("client-info", [this](socket& s, std::optional<json> const& info) {
    if (!info || !info->is_object()) return tell_error(s, "client-info is an object");
    notifier_.describe(s, user_of(s), *info);
  });
  io_.on("client-message", [](socket& s, siokit::args const&) { acknowledge(s, "Message received"); });
  io_.on("socket_response", [this](socket& s, std::optional<json> const& response) {
    if (!response || !notifier_.answered(user_of(s), *response)) {
      tell_error(s, "socket_response is {requestId, success, data?, error?}");
    }
  });
  io_.on("get_capabilities", [this](socket& s, std::optional<json> const& request) {
    get_capabilities(s, request.value_or(json()));
  });
  io_.on("set_capabilities", [this](socket& s, std::optional<json> const& request) {
    set_capabilities(s, request.value_or(json()));
  });
  io_.on("refresh_token", [this](socket& s, siokit::ack reply) { refresh_token(s, std::move(reply)); });
}

void service::get_capabilities(socket& s, json const& request) {
  if (!request.is_object() || !request.contains("requestId") || !request["requestId"].is_string()) {
    return tell_error(s, "get_capabilities is {requestId, data}");
  }
  ask_worker(
      s, [this, id = user_of(s)] { return capabilities_of(id); },
      [s = s.ref(), request_id = request["requestId"].get<std::string>()](apps::outcome<json> const& merged) {
        auto response = socket_response::failure(request_id, socket_error_code::server_error,
                                                 merged ? "" : merged.error());
        if (merged) {
          response.success = true;
          response.error = nullptr;
          response.data = {{"capabilities", *merged}};
        }
        s.emit("socket_response", response.to_json());
      });
}

void service::set_capabilities(socket& s, json const& request) {
  if (!request.is_object() || !request.contains("data") || !request["data"].is_object()) {
    return tell_error(
        s, "set_capabilities is {requestId?, data: {server: {enabled, tools, resources, prompts}}}");
  }
  ask_worker(
      s,
      [this, id = user_of(s), wanted = request["data"]] {
        auto one = users_.find(id);
        if (!one) throw std::runtime_error("User not found");
        json const catalogue = users_.catalogue();
        one->preferences = updated_preferences(catalogue, one->preferences, wanted);
        users_.update(*one);
        return merged_capabilities(catalogue, one->permissions, one->preferences);
      },
      [this, s = s.ref(), id = user_of(s),
       request_id = request.value("requestId", json())](apps::outcome<json> const& merged) {
        auto* const here = s.get();
        if (!merged) return here != nullptr ? tell_error(*here, merged.error()) : void();
        if (here != nullptr) acknowledge(*here, "Capabilities updated", request_id);
        notifier_.notify_permission_changed(id, *merged);
      });
}

void service::refresh_token(socket& s, siokit::ack reply) {
  if (!reply.wanted()) return tell_error(s, "refresh_token needs an acknowledgement");
  std::string const token = apps::random_hex(24);
  ask_worker(
      s,
      [this, id = user_of(s), token] {
        auto const one = users_.find(id);
        if (!one || !users_.set_token(id, token)) throw std::runtime_error("User not found");
        return one->expires_at;
      },
      [s = s.ref(), token,
       reply = std::move(reply)](apps::outcome<std::optional<std::int64_t>> const& expiry) mutable {
        if (expiry) {
          reply(json{{"token", token}, {"expiresAt", *expiry ? json(apps::iso8601(**expiry)) : json()}});
        } else if (auto* const here = s.get()) {
          tell_error(*here, expiry.error());
        }
      });
}

template <class Job, class Then>
void service::ask_worker(socket& s, Job job, Then then) {
  auto& asked = s.data<client>().asked;
  if (asked >= questions_max) return tell_error(s, "Too many requests at once");
  ++asked;
  worker_.run(std::move(job), [s = s.ref(), then = std::move(then)](auto outcome) mutable {
    if (auto* const here = s.get()) --here->template data<client>().asked;
    then(outcome);
  });
}

json service::capabilities_of(std::string const& user_id) {
  auto const one = users_.find(user_id);
  return one ? merged_capabilities(users_.catalogue(), one->permissions, one->preferences) : json();
}

json service::counts_of(json const& catalogue) {
  std::size_t enabled = 0;
  for (auto const& each : catalogue) enabled += each.value("enabled", true) ? 1 : 0;
  return {{"total", catalogue.size()}, {"enabled", enabled}};
}

// --- What follows a change of a user

void service::watch_expiry(user const& one) {
  if (auto const watched = expiries_.extract(one.id)) watched.mapped().cancel();
  if (!one.expires_at) return;
  constexpr std::int64_t day = 24 * 3600 * 1000;  // far dates are looked at once more each day
  auto const left = std::clamp<std::int64_t>(*one.expires_at - apps::unix_ms(), 0, day);
  expiries_[one.id] = io_.after(std::chrono::milliseconds(left), [this, one] {
    one.expired(apps::unix_ms()) ? end_expired(one.id) : watch_expiry(one);
  });
}

void service::end_expired(std::string const& user_id) {
  expiries_.erase(user_id);
  notifier_.send_notification(user_id, "user_expired", "Your authorization has expired", "error");
  disconnect(user_id);
}

void service::disconnect(std::string const& user_id) {
  io_.in(user_id).disconnect_sockets(true);
}

void service::push_capabilities(std::vector<std::string> const& user_ids) {
  worker_.run(
      [this, user_ids] {
        std::vector<std::pair<std::string, json>> all;
        all.reserve(user_ids.size());
        for (auto const& id : user_ids) all.emplace_back(id, capabilities_of(id));
        return all;
      },
      [this](apps::outcome<std::vector<std::pair<std::string, json>>> const& all) {
        if (!all) return spdlog::error("capabilities are not told: {}", all.error());
        for (auto const& [id, merged] : *all) {
          if (!merged.is_null()) notifier_.notify_permission_changed(id, merged);
        }
      });
}

void service::push_sessions(std::string const& user_id) {
  notifier_.notify_online_sessions(user_id, sessions_.shown_to(user_id));
}

void service::show_health(http_reply reply) {
  apps::answer(reply, 200,
               {{"status", "healthy"},
                {"timestamp", apps::iso8601_now()},
                {"uptime", static_cast<double>(apps::unix_ms() - started_) / 1000},
                {"sessions", {{"active", sessions_.active()}, {"total", sessions_.total()}}},
                {"socketio",
                 {{"onlineUsers", notifier_.get_online_user_count()},
                  {"totalConnections", notifier_.get_total_connections()},
                  {"pendingRequests", notifier_.get_pending_request_count()}}},
                {"servers", server_counts_},
                {"memory", {{"rss", resident_bytes()}, {"heapUsed", mallinfo2().uordblks}}}});
}

}  // namespace notifier
