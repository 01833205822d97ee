// siokit/net/client_connection_io.hpp - what a connection to a server does.   SPDX-License-Identifier: MIT
// The second half of client_connection.hpp: connecting, requests, frames, endings.
#pragma once

#include "siokit/net/client_host.hpp"
#include "siokit/net/sha1.hpp"

namespace siokit::inline v0::net::impl {

namespace client_times {
inline constexpr duration address = std::chrono::seconds(5);  // before the next one is tried
inline constexpr duration post = std::chrono::seconds(30);    // for an answer
inline constexpr duration idle = std::chrono::seconds(4);     // servers close idle ones after five
inline constexpr duration linger = std::chrono::seconds(3);   // for the peer to close his side
}  // namespace client_times

inline client_connection::client_connection(client_host& host)
    : host_(&host), resolver_(host.context().get_executor()), socket_(host.context().get_executor()) {}

/// Runs a handler of Asio in a turn of the host, unless the connection is over.
template <class Work>
void client_connection::in_turn(Work&& work) {
  ref<client_connection> const self(this);
  host_->turn([&] {
    if (!over()) work();
  });
}

// Connecting.

inline void client_connection::start(client_request request) {
  request_ = std::move(request);
  leave_at_ = never;
  answered_ = false;
  if (mode_ == mode::idle) {
    ++served_;
    return send_request();
  }
  resolve();
}

inline void client_connection::resolve() {
  client_target const& to = host_->target();
  url const& at = to.proxy ? *to.proxy : to.server;
  std::error_code named;
  if (auto const address = asio::ip::make_address(at.host, named); !named) {  // nothing to be looked up
    addresses_.assign(1, {address, at.port});
    address_ = 0;
    return try_address();
  }
  resolver_.async_resolve(
      at.host, std::to_string(at.port),
      [self = ref<client_connection>(this)](std::error_code failure, tcp::resolver::results_type found) {
        self->in_turn([&] {
          if (failure) return self->fail("resolve: " + failure.message());
          for (auto const& each : found) self->addresses_.push_back(each.endpoint());
          self->address_ = 0;
          self->try_address();
        });
      });
}

inline void client_connection::try_address() {
  std::error_code ignored;
  socket_.close(ignored);
  bool const last = address_ + 1 >= addresses_.size();
  deadline_ = last ? never : later(host_->now(), client_times::address);
  socket_.async_connect(
      addresses_[address_], [self = ref<client_connection>(this), nth = address_](std::error_code failure) {
        self->in_turn([&] {
          if (self->mode_ != mode::connecting || nth != self->address_) return;  // it was given up
          if (!failure) return self->on_connected();
          if (++self->address_ < self->addresses_.size()) return self->try_address();
          auto const& at = self->addresses_.back();
          std::string where = at.address().to_string();
          if (at.address().is_v6()) where = "[" + where + "]";
          self->fail("connect to " + where + ":" + std::to_string(at.port()) + ": " + failure.message());
        });
      });
}

inline void client_connection::on_connected() {
  deadline_ = never;
  std::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  if (host_->target().proxy) return open_tunnel();
  if (host_->target().server.secure) return begin_tls();
  send_request();
}

inline void client_connection::open_tunnel() {
  url const& to = host_->target().server;
  url const& proxy = *host_->target().proxy;
  std::string const place = to.bracketed_host() + ":" + std::to_string(to.port);
  std::string text = "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n";
  if (!proxy.user_info.empty()) {
    std::string const plain = engineio::percent_decode(proxy.user_info);
    std::string encoded(base64_encoded_size(plain.size()), '\0');
    base64_encode(plain, encoded.data());
    text += "Proxy-Authorization: Basic " + encoded + "\r\n";
  }
  text += "\r\n";
  mode_ = mode::tunnel;
  head_.clear();
  write(text);
  wait_readable();
}

inline void client_connection::on_tunnel(std::span<char> in) {
  constexpr std::size_t head_max = 16 * 1024;
  head_.append(in.data(), in.size());
  auto const end = head_.find("\r\n\r\n");
  if (end == head_.npos) {
    if (head_.size() > head_max) fail("proxy: its answer is too long");
    return;
  }
  std::string_view const first = std::string_view(head_).substr(0, head_.find("\r\n"));
  bool const good = first.starts_with("HTTP/1.") && first.size() >= 12 && first.substr(8, 2) == " 2";
  if (!good || end + 4 != head_.size()) return fail("proxy: " + std::string(first));
  head_ = {};
  if (host_->target().server.secure) return begin_tls();
  send_request();
}

inline void client_connection::begin_tls() {
  mode_ = mode::tls;
  tls_ = std::make_unique<tls_filter>(host_->target().tls.get(), tls_role::client,
                                      host_->target().server.host, host_->target().tls_verify);
  if (std::string const why = tls_->last_error(); !why.empty()) return fail("TLS: " + why);
  static_cast<void>(tls_->drain(out_));
  flush();
  wait_readable();
}

inline void client_connection::send_request() {
  url const& to = host_->target().server;
  auto headers = host_->headers();
  std::string text;
  if (request_.on) {
    std::array<std::uint8_t, 16> random{};
    random_bytes(random);
    key_ = websocket::make_key(random);
    if (host_->target().deflate) headers.push_back({"Sec-WebSocket-Extensions", websocket::deflate_offer});
    if (!websocket::append_request(text, to.authority(), request_.target, {key_.data(), key_.size()},
                                   headers)) {
      return fail("a header or the path holds a line break or a blank");
    }
  } else {
    text.append(request_.is_get ? "GET " : "POST ").append(request_.target).append(" HTTP/1.1\r\nHost: ");
    text.append(to.authority()).append("\r\nAccept: */*\r\n");
    if (!request_.is_get) {
      text.append("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: ");
      text.append(std::to_string(request_.body.size())).append("\r\n");
    }
    for (auto const& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
    text.append("\r\n").append(request_.body);
  }
  mode_ = mode::http;
  deadline_ = request_.is_get || request_.on ? never : later(host_->now(), client_times::post);
  body_.clear();
  if (!parser_) parser_ = std::make_unique<http_parser>(http_limits{}, HTTP_RESPONSE);
  write(text);
  flush();
  wait_readable();
}

// Reading.

inline void client_connection::wait_readable() {
  // While it connects, readiness is not about reading: it has begun anew with the next address.
  if (over() || mode_ == mode::connecting || std::exchange(waits_readable_, true)) return;
  socket_.async_wait(asio::socket_base::wait_read, [self = ref<client_connection>(this)](std::error_code) {
    self->waits_readable_ = false;
    self->in_turn([&] { self->on_readable(); });
  });
}

inline void client_connection::on_readable() {
  if (mode_ == mode::connecting) return;
  // Bounded, so that a server which sends without end does not keep the others waiting.
  constexpr int reads_at_once = 4;
  for (int i = 0; i < reads_at_once && !over(); ++i) {
    auto const buffer = host_->input_buffer();
    std::error_code failure;
    std::size_t const size = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) break;
    if (failure) return end_input();
    receive(buffer.first(size));
    if (size < buffer.size()) break;
  }
  wait_readable();
}

inline void client_connection::receive(std::span<char> in) {
  if (!tls_) return consume(in);
  std::span<char> const plain = host_->plain_buffer();
  std::size_t size = 0;
  auto more = tls_->feed(in).and_then([&] { return tls_->read(plain); });
  for (; more && *more > 0; more = tls_->read(plain.subspan(size))) size += *more;
  static_cast<void>(tls_->drain(out_));
  flush();
  if (mode_ == mode::tls && tls_->handshake_done()) send_request();
  if (size > 0 && !over()) consume(plain.first(size));
  if (over()) return;
  if (!more) return fail("TLS: " + tls_->last_error());
  if (tls_->closed()) end_input();
}

inline void client_connection::consume(std::span<char> in) {
  switch (mode_) {
    case mode::tunnel: return on_tunnel(in);
    case mode::http: return receive_response(in);
    case mode::websocket: return receive_frames(in);
    case mode::idle: return abandon();  // nothing was asked for
    case mode::connecting:
    case mode::tls:
    case mode::closing:
    case mode::over: return;
  }
}

inline void client_connection::receive_response(std::span<char> in) {
  using kind = http_parser::step::kind;
  answered_ = true;
  std::span<char const> rest = in;
  while (mode_ == mode::http) {
    auto const step = parser_->next(rest);
    if (!step)
      return fail("expected HTTP, found something else: " + std::string(to_string(step.error().code)));
    switch (step->type) {
      case kind::need_more: return;
      case kind::head:
        if (!on_head()) return;
        break;
      case kind::body:
        body_ += step->body;
        if (body_.size() > host_->target().message_bytes_max) return fail("the answer is too long");
        break;
      case kind::complete:
        if (parser_->head().status == 101) return open_websocket(in.last(rest.size()));
        if (parser_->head().status >= 200) return on_complete();
        break;
    }
  }
}

/// False: the request has failed.
inline bool client_connection::on_head() {
  http_head const& head = parser_->head();
  for (header const& field : head.headers) {
    if (same_header_name(field.name, "Set-Cookie")) host_->on_cookie(field.value);
  }
  bool const upgraded = head.status == 101, asked = static_cast<bool>(request_.on);
  bool const interim = head.status < 200 && !upgraded;
  if (interim || upgraded == asked) return true;
  fail(asked ? "expected status 101, found " + std::to_string(head.status) : "status 101 was not asked for");
  return false;
}

/// The request is answered. The connection waits for the next one, if the server lets it.
inline void client_connection::on_complete() {
  http_head const& head = parser_->head();
  std::uint16_t const status = head.status;
  std::string body = std::exchange(body_, {});
  if (auto const location = head.find("Location"); location && status / 100 == 3) {
    body = "redirect to " + std::string(*location);
  }
  leave_at_ = never;
  mode_ = head.keep_alive ? mode::idle : mode::over;
  deadline_ = later(host_->now(), client_times::idle);
  ref<client_connection> const self(this);
  if (over()) abandon();
  host_->on_response(*this, status, body);
}

inline void client_connection::open_websocket(std::span<char> in) {
  auto const value = [this](std::string_view name) {
    return parser_->head().find(name).value_or(std::string_view());
  };
  auto const accept = websocket::accept_key({key_.data(), key_.size()}, sha1);
  auto const good = websocket::verify_response({.status = 101,
                                                .upgrade = value("Upgrade"),
                                                .connection = value("Connection"),
                                                .accept = value("Sec-WebSocket-Accept"),
                                                .protocol = value("Sec-WebSocket-Protocol")},
                                               {accept.data(), accept.size()});
  auto const agreed = websocket::read_deflate_answer(value("Sec-WebSocket-Extensions"));
  bool const offered = host_->target().deflate;
  if (!good || !agreed || (*agreed && !offered))
    return fail("the answer to the WebSocket handshake is wrong");
  deflates_ = *agreed;
  decoder_ = websocket::decoder(websocket::role::client,
                                {.message_bytes_max = host_->target().message_bytes_max}, deflates_);
  parser_.reset();
  mode_ = mode::websocket;
  host_->input([this](socketio::client_session& session) { session.wire_opened(request_.on, host_->now()); });
  if (mode_ == mode::websocket) receive_frames(in);
}

inline void client_connection::receive_frames(std::span<char> in) {
  using kind = websocket::event::kind;
  while (mode_ == mode::websocket) {
    auto const next = decoder_.next(in);
    if (!next) return break_websocket(next.error());
    if (!*next) return;
    websocket::event const& event = **next;
    switch (event.type) {
      case kind::message: receive_message(event); break;
      case kind::ping:
        // A server that sends pings and reads nothing is owed one pong, not all of them.
        if (!std::exchange(pong_queued_, !out_.empty())) send_control(websocket::opcodes::pong, event.data);
        break;
      case kind::pong: break;
      case kind::close: {
        std::string text;
        if (event.code != websocket::close_codes::none) {
          text = "closed with code " + std::to_string(event.code);
          if (!event.data.empty()) text.append(": ").append(event.data);
        }
        close_websocket(event.code);
        return host_->on_failed(*this, std::move(text), {});
      }
    }
  }
}

inline void client_connection::receive_message(websocket::event const& in) {
  std::string_view data = in.data;
  if (in.compressed) {
    std::string& whole = host_->scratch();
    whole.clear();
    auto const inflated = host_->inflate(in.data, whole, host_->target().message_bytes_max);
    if (!inflated) return break_websocket(inflated.error());
    if (in.payload == frame_kind::text && !utf8_valid(whole)) {
      return break_websocket({errc::bad_utf8, side::remote, 0});
    }
    data = whole;
  }
  host_->input([&](socketio::client_session& session) {
    static_cast<void>(session.receive(request_.on, {in.payload, data}, host_->now()));
  });
}

/// The server has broken the rules of the WebSocket.
inline void client_connection::break_websocket(error why) {
  close_websocket(websocket::close_code(why.code));
  host_->on_failed(*this, "WebSocket: " + std::string(to_string(why.code)), why);
}

/// The server has closed its side, or the connection broke.
inline void client_connection::end_input() {
  bool const reused = mode_ == mode::http && served_ > 0 && !answered_;
  if (reused && request_.is_get) {  // it was closed while it was idle: that is no answer
    served_ = 0;
    tls_.reset();
    parser_.reset();
    out_.clear();
    mode_ = mode::connecting;
    address_ = 0;
    return try_address();
  }
  if (mode_ == mode::http) {
    auto const last = parser_->finish();
    if (last && last->type == http_parser::step::kind::complete && !request_.on) return on_complete();
    return fail("the server closed the connection without an answer");
  }
  if (mode_ == mode::websocket) return fail("the connection was cut");
  if (busy()) return fail("the connection was closed before the handshake was over");
  abandon();
}

// Writing.

inline void client_connection::write(std::string_view plain) {
  if (!tls_) {
    out_ += plain;
    return;
  }
  static_cast<void>(tls_->write(plain));  // what fails here fails the next read
  static_cast<void>(tls_->drain(out_));
}

inline void client_connection::send(message const& item) {
  std::string frames;
  for (auto packets = item.packets(); !packets.done();) {
    frame const next = packets.next();
    std::uint8_t opcode =
        next.kind == frame_kind::text ? websocket::opcodes::text : websocket::opcodes::binary;
    std::string_view data = next.data;
    if (deflates_ && item.compress() && data.size() >= host_->target().deflate_threshold) {
      std::string& smaller = host_->scratch();
      smaller.clear();
      host_->deflate(data, smaller);
      data = smaller;
      opcode |= websocket::compressed_bit;
    }
    websocket::append_frame(tls_ ? frames : out_, opcode, data, host_->mask());
  }
  if (tls_) write(frames);
}

inline void client_connection::send_control(std::uint8_t opcode, std::string_view payload) {
  std::string text;
  websocket::append_frame(text, opcode, payload, host_->mask());
  write(text);
}

inline void client_connection::flush() {
  if (out_.empty() || waits_writable_ || over()) return;
  std::error_code failure;
  std::size_t const sent = socket_.write_some(asio::buffer(out_), failure);
  if (failure && failure != asio::error::would_block && failure != asio::error::try_again) {
    out_.clear();  // reading tells what is wrong
    return wait_readable();
  }
  out_.erase(0, sent);
  if (out_.empty()) {
    pong_queued_ = false;
    if (mode_ != mode::closing) return;
    std::error_code ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    return;
  }
  waits_writable_ = true;
  socket_.async_wait(asio::socket_base::wait_write, [self = ref<client_connection>(this)](std::error_code) {
    self->waits_writable_ = false;
    self->in_turn([&] { self->flush(); });
  });
}

// Ending.

/// Says goodbye. What the server may still send is of no interest.
inline void client_connection::close_websocket(std::uint16_t code) {
  char payload[websocket::control_payload_max];
  send_control(websocket::opcodes::close, {payload, websocket::encode_close(payload, code)});
  mode_ = mode::closing;
  deadline_ = later(host_->now(), client_times::linger);
  if (tls_) {
    tls_->shutdown();
    static_cast<void>(tls_->drain(out_));
  }
  flush();
  wait_readable();
}

inline void client_connection::shut() {
  if (mode_ != mode::websocket) return abandon();
  close_websocket(websocket::close_codes::none);
}

inline void client_connection::linger() {
  leave_at_ = later(host_->now(), client_times::linger);
}

inline void client_connection::abandon() noexcept {
  mode_ = mode::over;
  deadline_ = leave_at_ = never;
  resolver_.cancel();
  std::error_code ignored;
  socket_.close(ignored);
}

inline void client_connection::expire() {
  bool const given_up = leave_at_ <= host_->now();
  deadline_ = leave_at_ = never;
  if (!given_up && mode_ == mode::connecting && address_ + 1 < addresses_.size()) {
    ++address_;
    return try_address();
  }
  fail("no answer in time");
}

inline void client_connection::fail(std::string_view text, error why) {
  ref<client_connection> const self(this);
  std::string told = place();
  told.append(": ") += text;
  bool const was_busy = busy();
  abandon();
  if (was_busy) host_->on_failed(*this, std::move(told), why);
}

/// What was asked of whom.
inline std::string client_connection::place() const {
  url const& to = host_->target().server;
  std::string out = request_.on ? (to.secure ? "wss://" : "ws://") : (to.secure ? "https://" : "http://");
  return out + to.authority();
}

}  // namespace siokit::inline v0::net::impl
