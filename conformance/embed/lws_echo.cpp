// A Socket.IO server on libwebsockets, which does HTTP and WebSocket.   SPDX-License-Identifier: MIT
// Both transports, and the upgrade from one to the other; HTTP/1.1. Left out: CORS and cookies.
#include <map>

#include "lws_http.hpp"
#include "siokit/siokit.hpp"
#include "siokit/websocket/handshake.hpp"
using namespace siokit;

/// What there is of one connection: a request, or a WebSocket. It is named by its address.
struct peer {
  handle session{};
  std::string in{};  // a message or a body, as far as it came
  std::optional<engineio::server_response> answer{};
  bool body_due = false, posts = false;
  message out{};                         // a message on its way to a WebSocket,
  packet_walk rest{std::string_view{}};  // and the packets of it that are to come
};

struct host {
  struct timer : lws_sorted_usec_list_t {
    host* owner = nullptr;
  };
  lws_context* context = nullptr;
  engineio::server engine{{.path = "/socket.io/"}};
  hub::server io{engine, {}, [this](auto id) {
                   if (lws_get_random(context, id.data(), id.size()) != id.size()) std::abort();
                 }};
  std::map<lws*, peer> peers{};
  timer alarm{};

  static time_point now() { return time_point(std::chrono::steady_clock::now().time_since_epoch()); }
  static std::uint64_t name(lws* wsi) { return reinterpret_cast<std::uintptr_t>(wsi); }
  static lws* named(std::uint64_t name) { return reinterpret_cast<lws*>(static_cast<std::uintptr_t>(name)); }

  // Requests. What these return is for libwebsockets: 0, or that the connection is to be closed.

  int request(lws* wsi) {
    peer& p = peers[wsi] = {};
    lws_request const in(wsi);
    bool const chunked = !in.find("transfer-encoding").empty();  // libwebsockets would give the chunks raw
    bool const ours = !in.method.empty() && !chunked && engine.config().serves(in.target);
    if (!ours) return (void)lws_answer(wsi, chunked ? 411 : in.method.empty() ? 405 : 404), -1;
    p.body_due = in.method == "POST";
    if (!p.body_due) lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);  // a poll may wait for long
    auto const routed = engine.request({name(wsi)}, {in.method, in.target, in.headers, in.address}, now());
    p.session = routed.session;
    p.posts = routed.next == engineio::routed::kind::post;
    return turn();
  }
  int body(lws* wsi, std::string_view piece) {
    peer& p = peers[wsi];
    if (!p.posts) return 0;  // it is answered already
    p.posts = p.in.size() + piece.size() <= engine.config().max_http_buffer_size;
    if (p.posts) return p.in += piece, 0;
    engine.post_too_large(p.session, {name(wsi)});
    return turn();
  }
  int body_ends(lws* wsi) {
    peer& p = peers[wsi];
    p.body_due = false;
    if (p.posts) engine.post_received(p.session, {name(wsi)}, p.in, now());
    lws_callback_on_writable(wsi);
    return turn();
  }
  int answer(lws* wsi) {
    peer& p = peers[wsi];
    if (!p.answer || (p.body_due && !p.answer->answer.close)) return 0;
    auto const out = std::move(std::exchange(p, {}).answer->answer);
    if (out.destroy || !lws_answer(wsi, out.status, out.content_type, out.body)) return -1;
    return lws_http_transaction_completed(wsi) != 0 || out.close ? -1 : 0;
  }

  // WebSockets.

  int handshake(lws* wsi) {
    peer& p = peers[wsi] = {};
    lws_request const in(wsi);
    websocket::handshake_headers const wants{in.method, in.find("upgrade"), in.find("connection"),
                                             in.find("sec-websocket-version"), in.find("sec-websocket-key")};
    if (!websocket::verify_request(wants) || !engine.config().serves(in.target)) return -1;
    engineio::request const asks{in.method, in.target, in.headers, in.address, false, true};
    p.session = engine.request({name(wsi)}, asks, now()).session;
    turn();
    if (!p.answer) return -1;             // somebody wants to think it over, for which there is no time here
    if (p.answer->accept_wire) return 0;  // libwebsockets answers, and calls opened()
    auto const& out = p.answer->answer;
    return (void)lws_answer(wsi, out.status, out.content_type, out.body), -1;
  }
  int opened(lws* wsi) {
    bool const wanted = engine.wire_opened(peers[wsi].session, {name(wsi)}, now()).has_value();
    return wanted ? turn() : -1;
  }
  int received(lws* wsi, std::string_view piece) {
    peer& p = peers[wsi];
    if (p.in.size() + piece.size() > engine.config().max_http_buffer_size) return -1;
    p.in += piece;
    if (lws_remaining_packet_payload(wsi) != 0 || lws_is_final_fragment(wsi) == 0) return 0;
    auto const kind = lws_frame_is_binary(wsi) != 0 ? frame_kind::binary : frame_kind::text;
    (void)engine.receive(p.session, {name(wsi)}, {kind, p.in}, now());
    turn();
    p.in.clear();
    lws_rx_flow_control(wsi, 0);  // until all is said: who takes nothing can ask for nothing
    return lws_callback_on_writable(wsi), 0;
  }
  int writable(lws* wsi) {
    peer& p = peers[wsi];
    while (lws_send_pipe_choked(wsi) == 0) {
      if (p.rest.done()) {  // the core is asked only while the peer takes what there is
        auto next = engine.poll_transmit(p.session, {name(wsi)});
        if (!next) return lws_rx_flow_control(wsi, 1), 0;
        if (next->shut) return -1;
        p.out = std::move(next->data);
        p.rest = p.out.packets();
      }
      frame const packet = p.rest.next();
      auto const as = packet.kind == frame_kind::text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
      if (!lws_write_copy(wsi, packet.data, as)) return -1;
    }
    return lws_callback_on_writable(wsi), 0;
  }

  // Both.

  int closed(lws* wsi) {
    auto const p = peers.extract(wsi);
    if (p.empty()) return 0;
    engine.wire_lost(p.mapped().session, {name(wsi)});
    engine.exchange_aborted(p.mapped().session, {name(wsi)});
    return turn();
  }
  int turn() {  // after every input, and by the timer: time has passed, and what there is to say leaves
    engine.advance(now()), io.advance(now()), io.drain(now());
    while (auto response = engine.poll_response()) {
      auto const to = peers.find(named(response->answer.to.value));
      if (to == peers.end()) continue;
      if (response->session) to->second.session = response->session;
      to->second.answer = std::move(response);
      lws_callback_on_writable(to->first);
    }
    while (auto const session = engine.poll_ready()) {
      auto const* const s = engine.find(*session);
      for (wire const which : {s->main_wire(), s->probe_wire()}) {
        if (!which) continue;
        lws_callback_on_writable(named(which.value));
        if (s->closed()) lws_set_timeout(named(which.value), PENDING_TIMEOUT_USER_OK, 5);  // then it is cut
      }
    }
    auto const left = earliest(engine.next_deadline(), io.next_deadline()) - now();
    auto const us = std::clamp<duration>(left, {}, std::chrono::hours(1)).count() / 1000 + 1;
    auto const on_timer = [](lws_sorted_usec_list_t* of) { static_cast<timer*>(of)->owner->turn(); };
    lws_sul_schedule(context, 0, &alarm, on_timer, us);
    return 0;
  }
};

int on_event(lws* wsi, lws_callback_reasons what, void*, void* in, std::size_t size) {
  auto& h = *static_cast<host*>(lws_context_user(lws_get_context(wsi)));
  auto const bytes = [&] { return std::string_view(static_cast<char const*>(in), size); };
  switch (what) {
    case LWS_CALLBACK_HTTP: return h.request(wsi);
    case LWS_CALLBACK_HTTP_BODY: return h.body(wsi, bytes());
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return h.body_ends(wsi);
    case LWS_CALLBACK_HTTP_WRITEABLE: return h.answer(wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
      return std::string_view(static_cast<char const*>(in)) == "websocket" ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return h.handshake(wsi);
    case LWS_CALLBACK_ESTABLISHED: return h.opened(wsi);
    case LWS_CALLBACK_RECEIVE: return h.received(wsi, bytes());
    case LWS_CALLBACK_SERVER_WRITEABLE: return h.writable(wsi);
    case LWS_CALLBACK_WSI_DESTROY: return h.closed(wsi);
    default: return 0;
  }
}

int main() {
  host h;
  h.alarm.owner = &h;
  h.io.on("echo", [](siokit::socket& s, args all) { s.emit("echo", all); });
  lws_protocols const protocols[] = {{"socket.io", on_event, 0, 0, 0, nullptr, 0}, {}};
  lws_context_creation_info info{};
  info.iface = "127.0.0.1";
  info.port = 0;  // a free one
  info.protocols = protocols;
  info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
  info.pt_serv_buf_size = 65536;
  info.user = &h;
  lws_set_log_level(0, nullptr);  // errors of peers are no news
  h.context = lws_create_context(&info);
  if (h.context == nullptr) return 1;
  std::printf("listening on http://127.0.0.1:%d\n",
              lws_get_vhost_port(lws_get_vhost_by_name(h.context, "default")));
  std::fflush(stdout);
  while (lws_service(h.context, 0) >= 0) continue;
  lws_context_destroy(h.context);
}
