// See service.hpp.   SPDX-License-Identifier: MIT
#include "service.hpp"

#include <spdlog/spdlog.h>

#include "apps/jwt.hpp"
#include "apps/times.hpp"

namespace studio {
namespace {

constexpr std::size_t name_max = 256;            // bytes of the name of a room or of a media item
constexpr std::string_view everybody = "user:";  // the room of all who are authenticated

/// Who a token is for; empty when it is for nobody.
std::string subject(json const& claims) {
  for (auto const* const name : {"userId", "sub"}) {
    auto const found = claims.find(name);
    if (found == claims.end()) continue;
    if (found->is_string() && !found->get_ref<std::string const&>().empty()) return found->get<std::string>();
    if (found->is_number_integer()) return found->dump();
  }
  return {};
}

bool is_name(json const& value) {
  if (!value.is_string()) return false;
  auto const size = value.get_ref<std::string const&>().size();
  return size > 0 && size <= name_max;
}

/// Answers both ways: by the event, and by the callback without what only the event has.
void answer_room(socket& s, std::string_view event, std::string const& room, siokit::ack reply) {
  json const done{{"room", room}, {"success", true}};
  s.emit(event, done);
  reply(done);
}

void fail(siokit::ack& reply, std::string_view why) {
  reply(json{{"success", false}, {"error", why}});
}

/// Joins a room that the client has chosen, so that there is always place for those of a user.
bool join_chosen(socket& s, std::string const& room, std::size_t rooms_max) {
  constexpr std::size_t of_user = 2;  // everybody's and his own
  std::size_t const given =
      s.data<client>().user_id.empty() ? 1 : 1 + of_user;  // the first is the socket's own
  return s.rooms().size() - given + of_user < rooms_max && s.join(room);
}

void join_room(socket& s, json const& name, std::size_t rooms_max, siokit::ack reply) {
  if (!is_name(name)) return fail(reply, "Room name is required: a text of 1 to 256 bytes");
  auto const room = name.get<std::string>();
  // A user's room, and the one that each connection has of its own, are not for others.
  bool const own = room.starts_with(everybody) || (s.nsp().find(room) != nullptr && room != s.id());
  if (own) return fail(reply, "Access denied: this room can't be joined");
  if (!join_chosen(s, room, rooms_max)) return fail(reply, "Too many rooms");
  answer_room(s, "roomJoined", room, std::move(reply));
}

void leave_room(socket& s, json const& name, siokit::ack reply) {
  if (!is_name(name)) return fail(reply, "Room name is required: a text of 1 to 256 bytes");
  auto const room = name.get<std::string>();
  if (room.starts_with(everybody) || room == s.id())
    return fail(reply, "Access denied: this room can't be left");
  static_cast<void>(s.leave(room));
  answer_room(s, "roomLeft", room, std::move(reply));
}

void show_connection(socket& s, siokit::ack reply) {
  auto const& me = s.data<client>();
  auto rooms = s.rooms();
  std::erase(rooms, everybody);
  reply(json{{"socketId", s.id()},
             {"connected", s.connected()},
             {"rooms", rooms},
             {"authenticated", !me.user_id.empty()},
             {"connectedAt", apps::iso8601(me.connected_at)}});
}

void heartbeat(socket& s, json const& payload, siokit::ack reply) {
  auto const now = apps::unix_ms();
  json latency;
  if (payload.is_object() && payload.contains("timestamp") && payload["timestamp"].is_number()) {
    latency = number(static_cast<double>(now) - payload["timestamp"].get<double>());
  }
  json const answer{{"timestamp", now}, {"serverTime", apps::iso8601(now)}, {"latency", latency}};
  s.emit("heartbeatAck", answer);
  reply(answer);
}

/// Whether `data` has this member, of a type that `good` is true for.
template <class Good>
bool has(json const& data, char const* name, Good good) {
  auto const found = data.find(name);
  return found != data.end() && good(*found);
}

constexpr auto is_text = [](json const& value) { return value.is_string(); };

/// What a pushed event lacks; empty if nothing.
std::string_view problem_of(std::string const& event, json const& data) {
  if (event == "notification") {
    bool const type = has(data, "type", [](json const& value) {
      return value == "info" || value == "success" || value == "warning" || value == "error";
    });
    if (!type) return "type is info, success, warning or error";
    return has(data, "title", is_text) && has(data, "message", is_text) ? "" : "title and message are texts";
  }
  if (!has(data, "mediaId", is_name)) return "mediaId is a text of 1 to 256 bytes";
  if (event == "mediaComplete") return has(data, "url", is_text) ? "" : "url is a text";
  if (event == "mediaError") return has(data, "error", is_text) ? "" : "error is a text";
  bool const progress = has(
      data, "progress", [](json const& value) { return value.is_number() && value >= 0 && value <= 100; });
  return progress && has(data, "stage", is_text) ? "" : "progress is 0 to 100, stage is a text";
}

std::string media_room(json const& media_id) {
  return "media:" + media_id.get<std::string>();
}

}  // namespace

service::service(siokit::server& io, options given)
    : io_(io), options_(std::move(given)), claude_(io, options_.command, options_.limits, options_.redis) {
  if (options_.jwt_secret.empty()) spdlog::warn("without --jwt-secret nobody can authenticate");
  for (std::string_view const name : {"/", "/media", "/notifications"}) install(io_.of(name));
  install_media(io_.of("/media"));
  io_.of("/notifications").use([this](socket& s, siokit::next go_on) {
    auto const token = s.handshake().auth<std::optional<std::string>>("token").value_or(std::nullopt);
    auto const claims = token ? apps::verify_jwt(*token, options_.jwt_secret) : std::nullopt;
    claims && !subject(*claims).empty() ? go_on() : go_on.refuse("Authentication required");
  });
  apps::api_route(io_, options_.push_token, "POST /push",
                  [this](siokit::net::http_request const&, json const& body, siokit::net::http_reply reply) {
                    if (!body.is_object()) return apps::answer_error(reply, 400, "the body is an object");
                    push(body, std::move(reply));
                  });
  io_.route("GET /health", [this](siokit::net::http_request const&, siokit::net::http_reply reply) {
    show_health(std::move(reply));
  });
}

/// What all namespaces have.
void service::install(siokit::nsp& space) {
  space.on_connection([this](socket& s) { on_connection(s); });
  space.on("authenticate", [this](socket& s, siokit::args const& all, siokit::ack reply) {
    json const payload = argument_of(all);
    auto const token = payload.is_object() ? payload.find("token") : payload.end();
    auto const problem = authenticate(s, token == payload.end() ? json() : *token);
    if (!problem.empty()) return fail(reply, problem);
    reply(json{{"success", true}, {"userId", s.data<client>().user_id}});
  });
  space.on("logout", [this](socket& s, siokit::args const&, siokit::ack reply) {
    log_out(s);
    s.emit("loggedOut", json{{"message", "Successfully logged out"}});
    reply(json{{"success", true}});
  });
  space.on("joinRoom", [this](socket& s, siokit::args const& all, siokit::ack reply) {
    join_room(s, argument_of(all), options_.rooms_max, std::move(reply));
  });
  space.on("leaveRoom", [](socket& s, siokit::args const& all, siokit::ack reply) {
    leave_room(s, argument_of(all), std::move(reply));
  });
  space.on("getConnectionInfo",
           [](socket& s, siokit::args const&, siokit::ack reply) { show_connection(s, std::move(reply)); });
  space.on("ping", [](socket& s, siokit::args const&, siokit::ack reply) {
    json const answer{{"timestamp", apps::unix_ms()}};
    s.emit("pong", answer);
    reply(answer);
  });
  space.on("heartbeat", [](socket& s, siokit::args const& all, siokit::ack reply) {
    heartbeat(s, argument_of(all), std::move(reply));
  });
}

void service::install_media(siokit::nsp& media) {
  auto const subscription = [this, &media](char const* event, bool wanted) {
    media.on(event, [this, wanted](socket& s, siokit::args const& all, siokit::ack reply) {
      json const id = argument_of(all);
      if (!is_name(id)) return fail(reply, "mediaId is required: a text of 1 to 256 bytes");
      auto const room = media_room(id);
      bool const done = wanted ? join_chosen(s, room, options_.rooms_max) : s.leave(room).has_value();
      if (!done) return fail(reply, "Too many subscriptions");
      reply(json{{"success", true}, {"mediaId", id}});
    });
  };
  subscription("subscribeMedia", true);
  subscription("unsubscribeMedia", false);
}

void service::on_connection(socket& s) {
  auto const now = apps::unix_ms();
  s.data<client>().connected_at = now;
  s.emit("welcome", json{{"message", "Welcome to Slop Studios 3"},
                         {"socketId", s.id()},
                         {"serverTime", apps::iso8601(now)}});
  json const auth = json::parse(s.handshake().auth(), nullptr, false);
  auto const token = auth.is_object() ? auth.find("token") : auth.end();
  if (token != auth.end() && !token->is_null()) authenticate(s, *token);
}

std::string service::authenticate(socket& s, json const& token) {
  auto const claims = token.is_string() ? apps::verify_jwt(token.get<std::string>(), options_.jwt_secret)
                                        : std::optional<json>();
  auto const user_id = claims ? subject(*claims) : std::string();
  if (user_id.empty()) {
    std::string why = token.is_string() ? "Invalid or expired token" : "Token is required";
    s.emit("authError", json{{"message", why}});
    return why;
  }
  log_out(s);  // of whom it was before
  s.data<client>().user_id = user_id;
  if (!s.join({std::string(everybody), room_of(user_id)})) spdlog::warn("too many rooms for sid={}", s.id());
  json told{{"userId", user_id}, {"authenticatedAt", apps::iso8601_now()}};
  if (has(*claims, "email", is_text)) told["email"] = claims->at("email");
  s.emit("authenticated", told);
  return {};
}

void service::log_out(socket& s) {
  auto& user_id = s.data<client>().user_id;
  if (user_id.empty()) return;
  static_cast<void>(s.leave({std::string(everybody), room_of(user_id)}));
  user_id.clear();
}

/// {event, data, userId? | room?}
void service::push(json const& body, siokit::net::http_reply reply) {
  auto const text = [&body](char const* name) {
    return has(body, name, is_text) ? body[name].get<std::string>() : std::string();
  };
  std::string const event = text("event"), user_id = text("userId"), room = text("room");
  for (auto const* const name : {"userId", "room"}) {  // a bad address is not everybody
    bool const absent = body.value(name, json()).is_null();
    if (!absent && text(name).empty())
      return apps::answer_error(reply, 400, std::string(name) + " is a text");
  }
  if (!user_id.empty() && !room.empty()) {
    return apps::answer_error(reply, 400, "userId or room, not both");
  }
  json data = body.value("data", json());
  bool const media = event == "mediaProgress" || event == "mediaComplete" || event == "mediaError";
  bool const notification = event == "notification";
  if (event.empty()) return apps::answer_error(reply, 400, "event is a text, such as notification");
  if (media || notification) {
    if (auto const problem = problem_of(event, data); !problem.empty()) {
      return apps::answer_error(reply, 400, problem);
    }
  }
  if (notification) {
    if (!has(data, "id", is_text)) data["id"] = apps::random_hex(16);
    if (!has(data, "timestamp", is_text)) data["timestamp"] = apps::iso8601_now();
  }
  auto& space = io_.of(media ? "/media" : notification ? "/notifications" : "/");
  std::string const where = media              ? media_room(data["mediaId"])
                            : !user_id.empty() ? room_of(user_id)
                            : !room.empty()    ? room
                            : notification     ? std::string(everybody)
                                               : std::string();
  auto const sent = where.empty() ? space.emit(event, data) : space.to(where).emit(event, data);
  if (!sent) return apps::answer_error(reply, 400, to_string(sent.error().code));
  apps::answer(reply, 200, {{"success", true}});
}

void service::show_health(siokit::net::http_reply reply) const {
  apps::answer(reply, 200,
               {{"status", "healthy"},
                {"timestamp", apps::iso8601_now()},
                {"uptime", static_cast<double>(apps::unix_ms() - started_) / 1000},
                {"processes", {{"running", claude_.running()}, {"queued", claude_.queued()}}},
                {"sockets", io_.size()}});
}

}  // namespace studio
