// siokit/net/client_host.hpp - carries out what a client's session wants.   SPDX-License-Identifier: MIT
// Owns the turn (input, drain, flush), the one timer, the connections and the cookies. In: actions, messages
// and the next deadline of the session. Out: its inputs. The application comes in through on_drain.
#pragma once

#include <asio/post.hpp>
#include <optional>

#include "siokit/net/client_connection.hpp"
#include "siokit/net/client_options.hpp"
#include "siokit/net/cookie_jar.hpp"
#include "siokit/net/deflate.hpp"
#include "siokit/net/random.hpp"
#include "siokit/socketio/client_session.hpp"

namespace siokit::inline v0::net::impl {

/// Where requests go, and what they carry.
struct client_target {
  url server{};
  std::optional<url> proxy{};
  std::vector<owned_header> headers{};
  tls_context tls{};
  bool keep_cookies = true;
  std::size_t message_bytes_max = 0;
  std::size_t deflate_threshold = SIZE_MAX;
  bool deflate = false;
  bool tls_verify = true;
  /// Why nothing is to be asked of anybody; empty: it is.
  std::string refused{};
};

class client_host final : public counted {
 public:
  client_host(asio::io_context& context, client_target target, socketio::client_session& session)
      : context_(context), target_(std::move(target)), session_(session), timer_(context.get_executor()) {}

  /// Pulls session.poll_event() until it returns nullopt. Must not throw. May destroy whatever it likes but
  /// this host and the session.
  unique_function<void(time_point)> on_drain;
  /// What the failure that is told next is about.
  unique_function<void(std::string)> on_failure;

  [[nodiscard]] asio::io_context& context() const noexcept { return context_; }
  [[nodiscard]] client_target const& target() const noexcept { return target_; }
  [[nodiscard]] time_point now() const noexcept { return now_; }
  [[nodiscard]] bool running() const noexcept { return running_; }

  /// Runs `work`, then delivers what came of it.
  template <class Work>
  void turn(Work&& work);
  /// One input to the session, and the application's answer to it.
  template <class Input>
  void input(Input&& in) {
    if (!running_) return;
    in(session_);
    drain();
  }
  /// The application did something by itself.
  void wake();
  /// Ends every connection at once; nothing is called any more.
  void stop() noexcept;

  // For connections.

  void on_response(client_connection& from, std::uint16_t status, std::string& body);
  void on_failed(client_connection& from, std::string text, error why);
  void on_cookie(std::string_view value);
  /// Headers of a request, cookies included.
  [[nodiscard]] std::vector<header> headers();
  [[nodiscard]] std::uint32_t mask() {
    std::array<std::uint8_t, 12> bytes{};
    random_(bytes);
    std::uint32_t out;
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
  }
  [[nodiscard]] std::string& scratch() noexcept { return scratch_; }
  void deflate(std::string_view in, std::string& out) { deflater_(in, out); }
  [[nodiscard]] result<void> inflate(std::string_view in, std::string& out, std::size_t size_max) {
    return inflater_(in, out, size_max);
  }
  [[nodiscard]] std::span<char> input_buffer() { return {input_.get(), buffer_size}; }
  [[nodiscard]] std::span<char> plain_buffer() {
    if (!plain_) plain_.reset(new char[2 * buffer_size]);
    return {plain_.get(), 2 * buffer_size};
  }

 private:
  static constexpr std::size_t buffer_size = 64 * 1024;

  void drain() {
    if (running_) on_drain(now_);
  }
  bool flush();
  void transmit();
  void carry_out(engineio::client_action& action);
  void send(client_request request);
  void arm_timer();
  void on_timer();
  void sweep() {
    if (session_.at_rest()) {
      for (auto const& each : connections_) {
        if (each->idle()) each->abandon();
      }
    }
    std::erase_if(connections_, [](auto const& each) { return each->over(); });
  }

  asio::io_context& context_;
  client_target target_;
  socketio::client_session& session_;
  steady_timer timer_;
  std::vector<ref<client_connection>> connections_;
  cookie_jar cookies_;
  std::string cookie_;  // of the present request
  random_pool random_;
  deflater deflater_;
  inflater inflater_;
  std::string scratch_;  // one message, in its other form
  std::unique_ptr<char[]> input_{new char[buffer_size]};
  std::unique_ptr<char[]> plain_;
  time_point now_ = net::now();
  time_point armed_ = never;
  bool running_ = true;
  bool in_turn_ = false;
  bool scheduled_ = false;
};

template <class Work>
void client_host::turn(Work&& work) {
  if (!running_) return;
  ref<client_host> const self(this);
  now_ = net::now();
  if (in_turn_) return work();
  in_turn_ = true;
  work();
  drain();
  while (running_ && flush()) drain();
  in_turn_ = false;
  if (!running_) return;
  sweep();
  arm_timer();
}

inline void client_host::wake() {
  if (in_turn_ || std::exchange(scheduled_, true)) return;
  asio::post(context_, [self = ref<client_host>(this)] {
    self->scheduled_ = false;
    self->turn([] {});
  });
}

inline void client_host::stop() noexcept {
  running_ = false;
  timer_.cancel();
  for (auto const& each : std::exchange(connections_, {})) each->abandon();
}

/// Everything that the session wants now. False: nothing.
inline bool client_host::flush() {
  transmit();
  bool any = false;
  while (running_) {
    auto action = session_.poll_action();
    if (!action) break;
    any = true;
    carry_out(*action);
  }
  return any;
}

/// Whatever wires have to send, in as few writes as there is room for: until there is no more, or the system
/// takes no more.
inline void client_host::transmit() {
  for (auto const& to : connections_) {
    bool more = true;
    do {
      while (more && to->takes_more()) {
        auto const item = session_.poll_transmit(to->request().on);
        more = item.has_value();
        if (more) to->send(*item);
      }
      to->flush();
    } while (more && to->takes_more());
  }
}

inline void client_host::carry_out(engineio::client_action& action) {
  using kind = engineio::client_action::kind;
  switch (action.type) {
    case kind::open_wire: return send({.on = action.on, .target = std::move(action.target)});
    case kind::get: return send({.name = action.request, .target = std::move(action.target)});
    case kind::post:
      return send({.name = action.request,
                   .is_get = false,
                   .target = std::move(action.target),
                   .body = std::move(action.body)});
    case kind::shut_wire:
    case kind::leave:
    case kind::abort: break;
  }
  for (auto const& each : connections_) {
    bool const meant =
        action.type == kind::shut_wire ? each->serves(action.on) : each->serves(action.request);
    if (!meant) continue;
    if (action.type == kind::shut_wire) return each->shut();
    return action.type == kind::leave ? each->linger() : each->abandon();
  }
}

inline void client_host::send(client_request request) {
  if (!target_.refused.empty()) {
    on_failure(target_.refused);
    error const why{errc::invalid_argument, side::local, 0};
    return input([&](socketio::client_session& session) {
      request.on ? session.wire_lost(request.on, why) : session.request_failed(request.name, why);
    });
  }
  if (!request.on) {
    for (auto const& each : connections_) {
      if (each->idle()) return each->start(std::move(request));
    }
  }
  auto const made = ref<client_connection>(new client_connection(*this));
  connections_.push_back(made);
  made->start(std::move(request));
}

inline void client_host::on_response(client_connection& from, std::uint16_t status, std::string& body) {
  exchange const name = from.request().name;
  if (status != 200) {
    std::string text = "status " + std::to_string(status);
    constexpr std::size_t shown = 200;
    if (!body.empty()) text.append(": ").append(body, 0, shown);
    on_failure(std::move(text));
  }
  input([&](socketio::client_session& session) {
    static_cast<void>(session.response_received(name, status, body, now_));
  });
}

inline void client_host::on_failed(client_connection& from, std::string text, error why) {
  if (!running_) return;
  wire const on = from.request().on;
  exchange const name = from.request().name;
  if (!text.empty()) on_failure(std::move(text));
  input([&](socketio::client_session& session) {
    on ? session.wire_lost(on, why) : session.request_failed(name, why);
  });
}

inline void client_host::on_cookie(std::string_view value) {
  if (!target_.keep_cookies) return;
  auto const unix_now = std::chrono::system_clock::now().time_since_epoch();
  cookies_.keep(value, now_, std::chrono::duration_cast<std::chrono::seconds>(unix_now).count());
}

inline std::vector<header> client_host::headers() {
  std::vector<header> out;
  out.reserve(target_.headers.size() + 2);
  bool has_agent = false;
  for (auto const& [name, value] : target_.headers) {
    out.push_back({name, value});
    has_agent |= same_header_name(name, "User-Agent");
  }
  if (!has_agent) out.push_back({"User-Agent", "siokit"});
  cookie_ = cookies_.header(now_);
  if (!cookie_.empty()) out.push_back({"Cookie", cookie_});
  return out;
}

inline void client_host::arm_timer() {
  time_point next = session_.next_deadline();
  for (auto const& each : connections_) next = earliest(next, each->deadline());
  if (next == armed_) return;
  armed_ = next;
  if (next == never) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(to_steady(next));
  timer_.async_wait([self = ref<client_host>(this)](std::error_code failure) {
    if (!failure) self->turn([&] { self->on_timer(); });
  });
}

inline void client_host::on_timer() {
  armed_ = never;
  for (auto const& each : std::vector(connections_)) {
    if (each->deadline() <= now_) each->expire();
  }
  input([this](socketio::client_session& session) { session.advance(now_); });
}

}  // namespace siokit::inline v0::net::impl

#include "siokit/net/client_connection_io.hpp"
