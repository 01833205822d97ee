// See misbehaviour.hpp.   SPDX-License-Identifier: MIT
#include "misbehaviour.hpp"

#include <array>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <charconv>

#include "siokit/core/frame_header.hpp"
#include "siokit/core/header.hpp"
#include "siokit/engineio/query.hpp"
#include "siokit/websocket/decoder.hpp"

namespace misbehaviour {
/// What a request asks for: `name:number:size`.
struct fault {
  std::string name;
  std::optional<std::size_t> number;
  std::optional<std::size_t> size;
};

/// What is to be known of a request.
struct request {
  std::string method;
  std::string sid;
  fault wanted;
  bool websocket = false;

  [[nodiscard]] bool handshake() const { return sid.empty(); }
  [[nodiscard]] bool poll() const { return !websocket && !handshake() && method == "GET"; }
};

namespace {

namespace engineio = siokit::engineio;
namespace websocket = siokit::websocket;

std::optional<std::size_t> take_number(std::string_view& text) {
  if (!text.starts_with(':')) return std::nullopt;
  std::size_t value = 0;
  auto const [end, failure] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return failure == std::errc() ? std::optional(value) : std::nullopt;
}

request read_request(std::string_view head) {
  request out;
  auto const blank = std::min(head.find(' '), head.size());
  out.method = head.substr(0, blank);
  std::string_view target = head.substr(std::min(blank + 1, head.size()));
  target = target.substr(0, target.find(' '));
  for (engineio::query_view pairs(target); auto const pair = pairs.next();) {
    std::string const value = engineio::percent_decode(pair->value);
    if (pair->key == "sid") out.sid = value;
    if (pair->key == "transport") out.websocket = value == "websocket";
    if (pair->key != "misbehave") continue;
    std::string_view rest = value;
    out.wanted.name = rest.substr(0, rest.find(':'));
    rest.remove_prefix(out.wanted.name.size());
    out.wanted.number = take_number(rest);
    out.wanted.size = take_number(rest);
  }
  return out;
}

/// The same request, after whose answer the server closes: then each connection carries one of them.
std::string for_one_answer(std::string const& head) {
  std::string out;
  for (std::size_t at = 0; at < head.size();) {
    auto const end = std::min(head.find("\r\n", at), head.size() - 2) + 2;
    std::string_view const line = std::string_view(head).substr(at, end - at);
    if (line == "\r\n") out += "Connection: close\r\n";
    if (!siokit::same_header_name(line.substr(0, line.find(':')), "connection")) out += line;
    at = end;
  }
  return out;
}

std::string answer(std::string_view status, std::string_view headers, std::string_view body) {
  std::string out = "HTTP/1.1 ";
  out.append(status).append("\r\n").append(headers);
  out.append("Connection: close\r\nContent-Length: ").append(std::to_string(body.size()));
  return out.append("\r\n\r\n").append(body);
}

/// Packets no server should send, one after the other.
std::vector<std::string> bad_packets(fault const& wanted) {
  if (wanted.name == "malformed") return {R"(42["the end is missing)"};
  if (wanted.name == "attachments") {
    return {R"(451-["file",{"_placeholder":true,"num":0}])", R"(42["the attachment is missing"])"};
  }
  constexpr std::size_t largest = 100'000'000;
  if (wanted.name == "oversize")
    return {"4" + std::string(std::min(wanted.size.value_or(largest), largest), 'x')};
  return {};
}

}  // namespace

/// One request and its answer, or a WebSocket.
class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(relay& owner, tcp_socket client)
      : owner_(&owner),
        client_(std::move(client)),
        server_(owner.get_executor()),
        delay_(owner.get_executor()) {}

  void start() {
    asio::async_read_until(client_, asio::dynamic_buffer(head_, head_max), "\r\n\r\n",
                           [self = shared_from_this()](std::error_code failure, std::size_t size) {
                             if (!failure) self->on_head(size);
                           });
  }
  void close() noexcept {
    owner_ = nullptr;
    std::error_code ignored;
    client_.close(ignored);
    server_.close(ignored);
    delay_.cancel();
  }

 private:
  static constexpr std::size_t head_max = 64 * 1024;

  void on_head(std::size_t size) {
    if (owner_ == nullptr) return;  // it was closed meanwhile
    request_ = read_request(head_);
    body_ = head_.substr(size);
    head_.resize(size);
    std::string const& name = request_.wanted.name;
    auto const number = request_.wanted.number;
    std::chrono::milliseconds const time(std::min<std::size_t>(number.value_or(1000), 3'600'000));
    if (request_.handshake()) {
      if (name == "delay") return pass_on_after(time);
      if (name == "error") {
        std::string const status = std::to_string(number.value_or(503)) + " Error";
        return end_with(answer(status, "Content-Type: text/html\r\n", "<h1>Out of order</h1>"));
      }
      if (name == "redirect") return end_with(answer("302 Found", "Location: /elsewhere\r\n", ""));
      if (name == "cut" && number == 0u) return cut();
      if (name == "restart") return owner_->restart(time);
    } else if (request_.websocket && name == "refuse-upgrade") {
      return end_with(answer("400 Bad Request", "", R"({"code":3,"message":"Bad request"})"));
    }
    if (request_.poll() && !name.empty() && misbehave_in_poll()) return;
    pass_on();
  }

  /// In place of the answer to a poll. False when it is not this poll's turn.
  bool misbehave_in_poll() {
    std::size_t const turn = owner_->count_poll(request_.sid), chosen = request_.wanted.number.value_or(1);
    std::string const& name = request_.wanted.name;
    if (name == "mute" && turn >= chosen) return listen_to_client(), true;
    if (turn != chosen) return false;
    if (name == "cut") return cut(), true;
    if (name == "half") {
      std::string text = answer("200 OK", "Content-Type: text/plain; charset=UTF-8\r\n", "42[\"half\"]");
      text.resize(text.size() - 5);
      return end_with(std::move(text)), true;
    }
    std::string body;
    for (auto const& packet : bad_packets(request_.wanted))
      body.append(body.empty() ? "" : "\x1e").append(packet);
    if (body.empty()) return false;
    return end_with(answer("200 OK", "Content-Type: text/plain; charset=UTF-8\r\n", body)), true;
  }

  void pass_on_after(std::chrono::milliseconds delay) {
    delay_.expires_after(delay);
    delay_.async_wait([self = shared_from_this()](std::error_code failure) {
      if (!failure && self->owner_ != nullptr) self->pass_on();
    });
  }
  void pass_on() {
    server_.async_connect(owner_->server(), [self = shared_from_this()](std::error_code failure) {
      if (failure || self->owner_ == nullptr) return self->close();
      self->out_ = (self->request_.websocket ? self->head_ : for_one_answer(self->head_)) + self->body_;
      asio::async_write(self->server_, asio::buffer(self->out_), [self](std::error_code failed, std::size_t) {
        if (failed) return self->close();
        self->out_.clear();
        self->copy_to_server();
        self->copy_to_client();
      });
    });
  }

  void copy_to_server() {
    client_.async_read_some(asio::buffer(from_client_),
                            [self = shared_from_this()](std::error_code failure, std::size_t size) {
                              if (failure) return self->close();
                              asio::async_write(self->server_, asio::buffer(self->from_client_, size),
                                                [self](std::error_code failed, std::size_t) {
                                                  failed ? self->close() : self->copy_to_server();
                                                });
                            });
  }
  void copy_to_client() {
    server_.async_read_some(asio::buffer(from_server_), [self = shared_from_this()](std::error_code failure,
                                                                                    std::size_t size) {
      if (failure) return self->end_with({});
      std::string_view const text(self->from_server_.data(), size);
      if (!self->request_.websocket || self->request_.wanted.name.empty()) {
        self->out_ = text;
      } else {
        self->in_ += text;
        if (!self->take_frames()) return;
      }
      asio::async_write(self->client_, asio::buffer(self->out_), [self](std::error_code failed, std::size_t) {
        self->out_.clear();
        failed ? self->close() : self->copy_to_client();
      });
    });
  }

  /// Moves whole frames from in_ to out_. False when that was the end.
  bool take_frames() {
    if (!answered_) {
      auto const end = in_.find("\r\n\r\n");
      if (end == in_.npos) return true;
      out_ += in_.substr(0, end + 4);
      in_.erase(0, end + 4);
      answered_ = true;
    }
    while (in_.size() >= 2) {
      if (in_.size() < websocket::impl::head_length(in_)) return true;
      auto const [head, size] = siokit::read_frame_header(in_);
      std::size_t const whole = head + size;
      if (in_.size() < whole) return true;
      if (!mute_) out_ += in_.substr(0, whole);
      in_.erase(0, whole);
      if (++frames_ == request_.wanted.number.value_or(1) && !misbehave_in_stream()) return false;
    }
    return true;
  }
  /// After the frame that was chosen. False when that was the end.
  bool misbehave_in_stream() {
    std::string const& name = request_.wanted.name;
    mute_ = name == "mute";
    for (auto const& packet : bad_packets(request_.wanted)) {
      websocket::append_frame(out_, websocket::opcodes::text, packet);
    }
    if (name == "half") {
      websocket::append_frame(out_, websocket::opcodes::text, R"(42["half"])");
      out_.resize(out_.size() - 5);
    }
    if (name == "close") {
      std::array<char, websocket::control_payload_max> code{};
      auto const size = websocket::encode_close(
          code.data(), static_cast<std::uint16_t>(request_.wanted.size.value_or(1011)));
      websocket::append_frame(out_, websocket::opcodes::close, {code.data(), size});
    }
    if (name != "cut" && name != "half" && name != "close") return true;
    end_with(std::move(out_));
    return false;
  }

  /// Sends the last that the client gets.
  void end_with(std::string text) {
    out_ = std::move(text);
    asio::async_write(client_, asio::buffer(out_),
                      [self = shared_from_this()](std::error_code failure, std::size_t) {
                        if (failure) return self->close();
                        std::error_code ignored;
                        self->client_.shutdown(asio::socket_base::shutdown_send, ignored);
                        self->server_.close(ignored);
                        self->listen_to_client();
                      });
  }
  /// Says nothing until the client leaves.
  void listen_to_client() {
    client_.async_read_some(asio::buffer(from_client_),
                            [self = shared_from_this()](std::error_code failure, std::size_t) {
                              failure ? self->close() : self->listen_to_client();
                            });
  }
  void cut() {
    std::error_code ignored;
    client_.set_option(asio::socket_base::linger(true, 0), ignored);  // a reset
    close();
  }

  relay* owner_;  // null once it is closed
  tcp_socket client_;
  tcp_socket server_;
  timer delay_;
  request request_;
  std::string head_;
  std::string body_;
  std::string in_;   // from the server, no whole frame yet
  std::string out_;  // on its way
  std::array<char, 16 * 1024> from_client_{};
  std::array<char, 16 * 1024> from_server_{};
  std::size_t frames_ = 0;
  bool answered_ = false;  // the handshake of the WebSocket
  bool mute_ = false;
};

asio::ip::tcp::endpoint relay::listen(asio::ip::tcp::endpoint const& at) {
  acceptor_.emplace(context_.get_executor(), at);
  at_ = acceptor_->local_endpoint();
  accept();
  return at_;
}

void relay::accept() {
  acceptor_->async_accept([this, alive = std::weak_ptr(alive_)](std::error_code failure, tcp_socket client) {
    if (failure == asio::error::operation_aborted || alive.expired()) return;
    if (!failure) {
      std::erase_if(connections_, [](auto const& each) { return each.expired(); });
      auto const fresh = std::make_shared<connection>(*this, std::move(client));
      connections_.push_back(fresh);
      fresh->start();
    }
    if (acceptor_) accept();
  });
}

void relay::close() {
  pause_.cancel();
  acceptor_.reset();
  for (auto const& each : std::exchange(connections_, {})) {
    if (auto const open = each.lock()) open->close();
  }
}

void relay::restart(std::chrono::milliseconds pause) {
  close();
  pause_.expires_after(pause);
  pause_.async_wait([this, pause, alive = std::weak_ptr(alive_)](std::error_code failure) {
    if (failure || alive.expired()) return;
    try {
      listen(at_);
    } catch (std::system_error const&) {
      restart(pause);  // somebody has taken the port
    }
  });
}

std::size_t relay::count_poll(std::string const& sid) {
  constexpr std::size_t sessions_max = 10'000;
  if (polls_.size() >= sessions_max) polls_.clear();
  return ++polls_[sid];
}

}  // namespace misbehaviour
