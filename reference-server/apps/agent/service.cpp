// See service.hpp.   SPDX-License-Identifier: MIT
#include "service.hpp"

#include <spdlog/spdlog.h>

#include "apps/jwt.hpp"
#include "envelope.hpp"
#include "siokit/json/nlohmann.hpp"

namespace agent {
namespace {

constexpr std::string_view anonymous = "anonymous";

/// What is known of a socket.
struct client {
  std::string participant, session;
  bool proxy = false;
};

/// A text of a client, so that it can't begin a line of its own in the log.
std::string in_log(json const& text) {
  return text.dump(-1, ' ', true, json::error_handler_t::replace);
}

/// Whether an address means this session, or all of its participant.
bool means(json const& address, std::string const& session) {
  auto const* const wanted = text_member(address, "sessionId", session_bytes_max);
  return wanted == nullptr || *wanted == session;
}

}  // namespace

service::service(siokit::server& io, options given) : io_(io), options_(std::move(given)) {
  auto const then = [this](json const& message) { deliver(message); };
  if (options_.broker) {
    engine_ = std::make_unique<rabbitmq_engine>(io, *options_.broker, options_.node, options_.backlog, then);
  } else {
    engine_ = std::make_unique<embedded_engine>(options_.rules, then);
  }
  io_.use([this](siokit::socket& s, siokit::next go_on) {
    auto const token = s.handshake().auth<std::optional<std::string>>("token");
    auto participant = token ? participant_of(token->value_or("")) : std::nullopt;
    if (!participant) return go_on.refuse("Authentication error");
    s.data<client>().participant = std::move(*participant);
    go_on();
  });
  io_.on_connection([this](siokit::socket& s) { on_connection(s); });
  io_.of("/").on_disconnect([this](siokit::socket& s, siokit::disconnect_reason) { on_disconnect(s); });
  io_.on("message", [this](siokit::socket& s, siokit::args const& all) { on_message(s, all); });
  io_.route("GET /health", [this](auto const&, auto reply) { show_health(std::move(reply)); });
  io_.route("POST /event", [this](auto const& in, auto reply) { post_event(in, std::move(reply)); });
}

// --- Who is there

std::optional<std::string> service::participant_of(std::string const& token) const {
  if (!options_.validate_token) {
    if (token.size() > id_bytes_max) return std::nullopt;
    return token.empty() ? std::string(anonymous) : token;
  }
  auto const claims = apps::verify_jwt(token, options_.jwt_secret);
  if (!claims) return std::nullopt;
  auto const* const subject = text_member(*claims, "sub");
  auto const* const id = subject != nullptr ? subject : text_member(*claims, "userId");
  return id != nullptr ? std::optional(*id) : std::nullopt;
}

/// participant_milliseconds. A millisecond that another session has is skipped.
std::string service::new_session(std::string const& participant) {
  last_session_ = std::max(last_session_ + 1, apps::unix_ms());
  return participant + "_" + std::to_string(last_session_);
}

void service::on_connection(siokit::socket& s) {
  auto& [participant, session, proxy] = s.data<client>();
  if (session.empty()) session = new_session(participant);  // a socket that comes back has its own
  proxy = s.handshake().header("x-proxy-message") == "true";
  participants_[participant].push_back({s.ref(), participant, session, proxy});
  spdlog::info("connected participant={} session={} channel={} proxy={}", in_log(participant),
               in_log(session), s.id(), proxy);
}

void service::on_disconnect(siokit::socket& s) {
  auto const& who = s.data<client>();
  auto const found = participants_.find(who.participant);
  if (found == participants_.end()) return;
  std::erase_if(found->second, [&who](connection const& each) { return each.session == who.session; });
  if (found->second.empty()) participants_.erase(found);
  spdlog::info("disconnected participant={} session={} channel={}", in_log(who.participant),
               in_log(who.session), s.id());
}

// --- Events

void service::on_message(siokit::socket& s, siokit::args const& all) {
  json const event = all.get<json>(0).value_or(json());
  if (auto const refused = send(s.data<client>().participant, event)) {
    s.emit("error", refusal_of(event, refused->code, refused->message));
  }
}

void service::post_event(siokit::net::http_request const& in, siokit::net::http_reply reply) {
  auto const body = apps::read_json(in.body);
  json const event = body.value_or(json());
  auto const participant = participant_of(std::string(apps::bearer(in.find("authorization").value_or(""))));
  auto const refused = !participant ? refusal{401, "AUTHENTICATION_ERROR", "Authentication error"}
                       : !body      ? refusal{400, "INVALID_EVENT", "the body is no JSON"}
                                    : send(*participant, event);
  if (!refused) return apps::answer(reply, 202, {{"id", event["id"]}});
  apps::answer(reply, refused->status, refusal_of(event, refused->code, refused->message));
}

std::optional<service::refusal> service::send(std::string const& participant, json const& event) {
  if (!within_rate(participant)) return refusal{429, "RATE_LIMITED", "too many events: try again later"};
  if (auto problem = event_problem(event)) return refusal{400, "INVALID_EVENT", std::move(*problem)};
  if (options_.check_source && event["source"]["id"] != participant) {
    return refusal{403, "SOURCE_MISMATCH", "source.id must be " + participant};
  }
  if (!engine_->take(event)) return refusal{503, "ENGINE_BUSY", "the engine can't take more events now"};
  return std::nullopt;
}

bool service::within_rate(std::string const& participant) {
  auto const& limit = options_.event_rate;
  return !limit || counts_.allow(participant, *limit, std::chrono::steady_clock::now());
}

// --- Messages

bool service::is_here(json const& address) const {
  auto const* const node = text_member(address, "nodeId", session_bytes_max);
  return node == nullptr || *node == options_.node;
}

void service::deliver(json const& message) {
  std::map<std::string, connection> to;  // by session: each gets it once. An emit may end a connection
  for (auto const& address : message["to"]) {
    auto const found = participants_.find(address["participantId"].get_ref<std::string const&>());
    if (found == participants_.end() || !is_here(address)) continue;
    for (auto const& each : found->second) {
      if (each.proxy || means(address, each.session)) to.emplace(each.session, each);
    }
  }
  for (auto const& [session, one] : to) one.socket.emit("message", shown_to(one, message));
  if (to.empty()) spdlog::debug("message for nobody here event={}", in_log(message["event"]["id"]));
}

/// An address that means all connections of a participant becomes that of the one who reads it.
json service::shown_to(connection const& one, json message) const {
  for (auto& address : message["to"]) {
    bool const general =
        address["participantId"] == one.participant && address.value("sessionId", json()).is_null();
    if (!general || !is_here(address)) continue;
    address["sessionId"] = one.session;
    address["nodeId"] = options_.node;
  }
  return message;
}

void service::show_health(siokit::net::http_reply reply) const {
  json const engine = engine_->state();
  apps::answer(reply, 200,
               {{"status", engine["connected"] ? "healthy" : "degraded"},
                {"timestamp", apps::iso8601_now()},
                {"uptime", static_cast<double>(apps::unix_ms() - started_) / 1000},
                {"node", options_.node},
                {"participants", participants_.size()},
                {"connections", io_.of("/").size()},
                {"engine", engine}});
}

}  // namespace agent
