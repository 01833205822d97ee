// siokit/net/connection_http.hpp - the HTTP half of a connection.   SPDX-License-Identifier: MIT
// Spec: RFC 9112.  In: bytes of requests.  Out: inputs to the engine or calls of a route, and answers.
// One request at a time: the next one is parsed when the present one was read and answered, and the answer
// has left. Answers thereby come in the order of the requests. A client that sends a POST behind a GET which
// waits for packets, on the same connection, has it read only after that GET is answered.
#pragma once

#include "siokit/net/connection_write.hpp"
#include "siokit/net/http_response.hpp"

namespace siokit::inline v0::net::impl {

/// Internet Explorer took the packets of a poll for an attack.
[[nodiscard]] inline bool is_internet_explorer(engineio::request const& in) noexcept {
  auto const agent = in.find("user-agent").value_or("");
  return agent.find(";MSIE") != agent.npos || agent.find("Trident/") != agent.npos;
}

// --- Requests

inline void connection::receive_requests(std::span<char>& in) {
  while (loop_ != nullptr && mode_ == mode::http && http_->may_read() && !backlog_) {
    bool const any = !in.empty();
    http_->heard |= any;
    std::span<char const> rest = in;
    auto const step = http_->parser.next(rest);
    in = in.last(rest.size());
    if (!step) return reject(http_->parser.status(), step.error().code);
    switch (step->type) {
      case http_parser::step::kind::need_more:
        if (http_->reading) {
          wait_for(http_state::phase::body);
        } else if (any) {
          wait_for(http_state::phase::head);
        }
        return;
      case http_parser::step::kind::head:
        if (loop* const home = home_of_request()) return move_to(*home, in);
        on_head();
        break;
      case http_parser::step::kind::body: on_body(step->body); break;
      case http_parser::step::kind::complete: on_complete(); break;
    }
  }
}

/// The loop that has the session of the request whose head was read; null if that is this one, or nobody.
inline loop* connection::home_of_request() const noexcept {
  if (!loop_->shared()) return nullptr;
  std::string_view const target = http_->parser.head().target;
  if (!loop_->engine().config().serves(target)) return nullptr;
  auto const id = engineio::query_view(target).find("sid");
  return id ? loop_->shard(shard_of(*id)) : nullptr;
}

/// The whole connection goes there, for its next request is likely to be for the same session.
inline void connection::move_to(loop& other, std::span<char>& in) {
  ++http_->moves;
  std::string read(in.data(), in.size());
  read += loop_->behind;
  in = {};
  stop_waiting();
  moved_connection moved{.socket = loose_socket(socket_),
                         .http = std::move(http_),
                         .tls = std::move(tls_),
                         .read = std::move(read),
                         .upgraded = upgraded_,
                         .input_ended = input_ended_};
  abandon();
  other.invite(std::move(moved));
}

/// The request as far as it is known. Borrows the state; good until the next request.
inline http_request connection::present_request() const noexcept {
  http_head const& head = http_->parser.head();
  http_request out;
  out.method = head.method;
  out.target = head.target;
  out.headers = head.headers;
  out.remote_address =
      loop_->options().trusted_proxies.empty() ? http_->remote_address : http_->client_address;
  out.secure = tls_ != nullptr || is_stream();
  out.body = http_->body;
  out.websocket = http_->websocket;
  return out;
}

/// Whether the request is a WebSocket handshake, of which the parser has checked half.
[[nodiscard]] inline bool is_handshake(http_head const& head) noexcept {
  if (!head.upgrade) return false;
  return websocket::verify_request({.method = head.method,
                                    .upgrade = "websocket",
                                    .connection = "upgrade",
                                    .version = head.find("sec-websocket-version").value_or(""),
                                    .key = head.find("sec-websocket-key").value_or("")})
      .has_value();
}

inline void connection::on_head() {
  http_state& state = *http_;
  http_head const& head = state.parser.head();
  state.reading = state.awaiting = true;
  state.websocket = is_handshake(head);
  state.close = !head.keep_alive || head.upgrade || loop_->closing() || is_stream() ||
                state.moves > http_state::moves_max;
  state.forget_body();  // left over when a handler has thrown
  state.skipped = 0;
  state.body_to = http_state::sink::nowhere;
  state.middlewares_done = 0;
  state.decision = http_state::verdict::none;
  if (!loop_->options().trusted_proxies.empty()) state.client_address = client_address();
  name_ = loop_->rename(name_);
  http_request const request = present_request();
  auto const& config = loop_->engine().config();
  bool const served = config.serves(head.target);
  if ((served || loop_->options().route_cors) && !apply_cors(request)) return;
  // A route below the path of the engine, such as that of a file, goes before it.
  if (served && (request.path() == config.path || !loop_->routes().has(request.path()))) {
    return run_middlewares();
  }
  if (auto const route = loop_->routes().find(head.method, request.path()); !route.call) {
    owned_header const allow[] = {{"Allow", route.allow}};
    return route.allow.empty() ? respond(404, {}, {}) : respond(405, {}, allow);
  }
  state.body_to = http_state::sink::route;
  await_body();
}

/// Who asks: the peer, or whom a trusted proxy names.
inline std::string connection::client_address() const {
  auto const& proxies = loop_->options().trusted_proxies;
  std::string forwarded;  // several headers are one list
  for (auto const& [name, value] : http_->parser.head().headers) {
    if (!same_header_name(name, "x-forwarded-for")) continue;
    if (!forwarded.empty()) forwarded += ',';
    forwarded += value;
  }
  return std::string(proxies.client_of(http_->remote_address, forwarded));
}

/// The headers of CORS. False when that was the answer, or nobody is left to be answered.
inline bool connection::apply_cors(http_request const& request) {
  auto const& configured = loop_->options().cors;
  if (!configured) return true;
  auto const* options = &*configured;
  std::optional<engineio::cors_options> changed;
  if (auto const hook = loop_->hooks().on_cors) {
    call_hook([&] { hook(changed.emplace(*configured), request); });
    if (loop_ == nullptr) return false;
    options = &*changed;
  }
  engineio::append_cors_headers(*options, request, http_->headers);
  if (!engineio::is_preflight(*options, request)) return true;
  respond(options->options_success_status, {}, {});
  return false;
}

/// Asks one after the other, as far as they answer at once; the engine comes last.
inline void connection::run_middlewares() {
  using verdict = http_state::verdict;
  http_state& state = *http_;
  while (state.decision != verdict::bad && state.middlewares_done < loop_->hooks().middlewares.size()) {
    auto const next = loop_->hooks().middlewares[state.middlewares_done++];
    state.decision = verdict::asked;
    next(present_request(), loop_->make_next(name_));
    if (loop_ == nullptr || !state.awaiting) return;
    if (state.decision != verdict::asked) continue;
    state.decision = verdict::awaited;
    return wait_for(http_state::phase::answer);
  }
  if (std::exchange(state.decision, verdict::none) != verdict::bad) return enter_engine();
  auto refused = engineio::refused_response(
      exchange{name_}, engineio::refusals::bad_request("MIDDLEWARE_FAILURE"), present_request().websocket);
  tell_refused(*refused.refused);
  answer(refused);
}

inline void connection::decide(bool good) {
  using verdict = http_state::verdict;
  bool const later = http_->decision == verdict::awaited;
  if (!later && http_->decision != verdict::asked) return;
  http_->decision = good ? verdict::good : verdict::bad;
  if (later) loop_->resume_later(*this);
}

inline void connection::enter_engine() {
  loop_->exchange_input([&](engineio::server& engine) {
    auto const routed = engine.request(exchange{name_}, present_request(), loop_->now());
    session_ = routed.session;
    if (routed.next == engineio::routed::kind::post) http_->body_to = http_state::sink::engine;
  });
  if (loop_ != nullptr && http_->body_to == http_state::sink::engine) await_body();
}

inline void connection::await_body() {
  http_head const& head = http_->parser.head();
  if (head.content_length.value_or(0) > body_max()) return on_body_too_large();
  if (head.expects_continue && !upgraded_) write("HTTP/1.1 100 Continue\r\n\r\n");
}

inline std::size_t connection::body_max() const noexcept {
  return http_->body_to == http_state::sink::route ? loop_->options().route_body_max
                                                   : loop_->engine().config().max_http_buffer_size;
}

inline void connection::on_body(std::string_view part) {
  http_state& state = *http_;
  if (state.body_to == http_state::sink::nowhere) {
    state.skipped += part.size();
    if (state.skipped <= body_max()) return;
    state.close = true;  // sooner than read it all
    if (!state.awaiting) finish();
  } else if (state.body.size() + part.size() > body_max()) {
    on_body_too_large();
  } else {
    state.body += part;
  }
}

inline void connection::on_body_too_large() {
  http_state& state = *http_;
  state.close = true;
  tell_refused(engineio::refusals::limit(413, errc::payload_too_large));
  if (std::exchange(state.body_to, http_state::sink::nowhere) == http_state::sink::route) {
    return respond(413, {}, {});
  }
  loop_->exchange_input(
      [this](engineio::server& engine) { engine.post_too_large(session_, exchange{name_}); });
}

inline void connection::on_complete() {
  http_state& state = *http_;
  state.reading = false;
  if (state.awaiting) wait_for(http_state::phase::answer);
  switch (std::exchange(state.body_to, http_state::sink::nowhere)) {
    case http_state::sink::engine: {
      http_request const request = present_request();
      auto const shown = loop_->show(request);
      loop_->exchange_input([&](engineio::server& engine) {
        engine.post_received(session_, exchange{name_}, {state.body.data(), state.body.size()}, loop_->now());
      });
      break;
    }
    case http_state::sink::route: {
      http_request request = present_request();
      auto const route = loop_->routes().find(request.method, request.path());
      request.route = route.route;
      loop_->input([&](engineio::server&) { route.call(request, loop_->make_reply(name_)); });
      break;
    }
    case http_state::sink::nowhere:
      if (!state.awaiting) on_answered();
  }
  if (http_) http_->forget_body();
}

// --- Answers

inline void connection::compress(engineio::response& what, http_request const& request,
                                 std::vector<owned_header>& headers) {
  auto const& options = loop_->options().http_compression;
  if (!options.enabled || what.body.size() < options.threshold) return;
  auto const coding = accepted_coding(request.find("accept-encoding").value_or(""));
  if (!coding) return;
  what.body = loop_->compressor().compress(*coding, what.body);
  headers.push_back({"Content-Encoding", std::string(to_string(*coding))});
}

inline void connection::answer(engineio::server_response& out) {
  engineio::response& what = out.answer;
  if (what.destroy) {
    session_ = {};
    return cut();
  }
  http_request const request = present_request();
  if (out.refused && loop_->hooks().on_connection_error) {
    call_hook([&] { loop_->hooks().on_connection_error(request, *out.refused); });
    if (loop_ == nullptr) return;
  }
  std::vector<owned_header> headers = std::exchange(http_->headers, {});
  if (out.refused_wire) headers.clear();
  std::array<header, 3> of_our_own;
  std::size_t count = 0;
  if (!what.content_type.empty()) of_our_own[count++] = {"Content-Type", what.content_type};
  if (what.status == 200) {
    of_our_own[count++] = {"Cache-Control", "no-store"};
    if (is_internet_explorer(request)) of_our_own[count++] = {"X-XSS-Protection", "0"};
  }
  std::span<header const> usual(of_our_own.data(), count);
  if (out.accept_wire || loop_->hooks().on_initial_headers || loop_->hooks().on_headers) {  // may change them
    headers.reserve(headers.size() + usual.size() + 1);
    for (auto const& [name, value] : usual) headers.push_back({std::string(name), std::string(value)});
    usual = {};
  }
  if (what.compress) compress(what, request, headers);
  auto const* session = loop_->engine().find(out.session ? out.session : session_);
  sid const id = session != nullptr ? session->id() : sid();
  auto const& cookie = loop_->options().cookie;
  if (out.initial && !out.accept_wire && cookie) {
    headers.push_back({"Set-Cookie", engineio::encode_cookie(*cookie, id)});
  }
  call_hook([&, &hooks = loop_->hooks()] {
    if (out.initial && hooks.on_initial_headers) hooks.on_initial_headers(headers, request, id);
    if (loop_ != nullptr && hooks.on_headers) hooks.on_headers(headers, request, id);
  });
  if (loop_ == nullptr) return;
  if (out.accept_wire) return accept_websocket(out.session, headers);
  http_->close |= what.close;
  respond(what.status, what.body, headers, usual);
}

/// Writes the answer to the present request.
inline void connection::respond(std::uint16_t status, std::string_view body,
                                std::span<owned_header const> headers, std::span<header const> usual) {
  if (upgraded_) {  // it is too late for an answer
    session_ = {};
    http_->awaiting = http_->reading = false;
    return close_websocket(websocket::close_codes::policy);
  }
  http_state& state = *http_;
  http_head const& head = state.parser.head();
  std::string& text = loop_->text;
  text.clear();
  auto& fields = loop_->fields;
  fields.assign(1, {"Date", loop_->date()});
  fields.insert(fields.end(), usual.begin(), usual.end());
  for (auto const& [name, value] : state.headers) fields.push_back({name, value});
  for (auto const& [name, value] : headers) fields.push_back({name, value});
  if (status < 200 ||
      !append_response_head(text, status, fields, body.size(), !state.close, head.minor_version)) {
    // A header of the application that can't be sent, or no final status.
    status = 500;
    body = {};
    fields.clear();
    static_cast<void>(append_response_head(text, 500, {}, 0, !state.close, head.minor_version));
  }
  bool const bodyless = head.method == "HEAD" || status == 204 || status == 304;
  if (state.parent) {
    state.parent->http_->http2->respond(state.stream, status, fields, body, bodyless);
  } else {
    write(text, bodyless ? std::string_view{} : body);
  }
  state.headers = {};
  state.awaiting = false;
  session_ = {};
  on_answered();
}

/// The answer is given. Goes on with this connection, if there is more to come.
inline void connection::on_answered() {
  http_state& state = *http_;
  if (state.close) return finish();
  if (backlog_) return wait_for(http_state::phase::answered);
  wait_for(state.reading ? http_state::phase::body : http_state::phase::idle);
  if (held_) loop_->resume_later(*this);
}

/// What can't be understood, or comes too slowly.
inline void connection::reject(std::uint16_t status, errc why) {
  http_state& state = *http_;
  tell_refused(engineio::refusals::limit(status, why));
  if (state.reading && !state.awaiting) return finish();  // it has its answer already
  handle const session = state.reading ? session_ : handle{};
  exchange const aborted{name_};
  state.close = true;
  respond(status, {}, {});
  if (session) {
    loop_->exchange_input([&](engineio::server& engine) { engine.exchange_aborted(session, aborted); });
  }
}

inline void connection::tell_refused(engineio::refusal const& why) const {
  if (auto* const observer = loop_->engine().config().observer) observer->on_refused(why);
}

inline void connection::wait_for(http_state::phase what) {
  if (std::exchange(http_->waits_for, what) == what) return;
  host_options const& options = loop_->options();
  switch (what) {
    case http_state::phase::head: return arm(options.header_timeout);
    case http_state::phase::body: return arm(options.body_timeout);
    case http_state::phase::answer: return;  // has none: what is armed still finds that when it comes
    case http_state::phase::answered: return arm(options.write_timeout);
    case http_state::phase::idle: return arm(options.keep_alive_timeout);
  }
}

}  // namespace siokit::inline v0::net::impl
