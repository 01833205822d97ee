// A whole server on its binding: requests and frames of any clients, in any pieces, on sockets. Answers are
// whole and no more than was asked, and when the clients are gone nothing is left.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/local/stream_protocol.hpp>
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/net/server.hpp"

namespace fuzz {
namespace {

using namespace siokit;
using namespace std::chrono_literals;
using socketio::args;

constexpr net::http_limits head_limits{
    .request_line_bytes_max = 300, .head_bytes_max = 900, .headers_max = 12};

/// What a client has asked for on one connection.
class requests {
 public:
  struct one {
    bool head = false;  // by the method HEAD
    bool upgrade = false;
    bool continues = false;  // after an answer 100
  };

  void say(std::string_view bytes) {
    using kind = net::http_parser::step::kind;
    for (std::span<char const> rest(bytes); !over_;) {
      auto const step = parser_.next(rest);
      if (!step) {
        over_ = true;
        if (!reading_) all_.emplace_back();  // it has its answer too
        return;
      }
      if (step->type == kind::need_more) return;
      auto const& head = parser_.head();
      if (step->type == kind::head) {
        all_.push_back({head.method == "HEAD", head.upgrade, head.expects_continue});
        reading_ = true;
      }
      if (step->type != kind::complete) continue;
      reading_ = false;
      over_ = head.upgrade;
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] one at(std::size_t number) const { return all_[number]; }

 private:
  net::http_parser parser_{head_limits};
  std::vector<one> all_;
  bool reading_ = false;
  bool over_ = false;
};

/// What gzip or deflate was made of.
std::string unpacked(std::string const& body) {
  z_stream stream{};
  constexpr int either = 15 + 32;
  require(::inflateInit2(&stream, either) == Z_OK, "there is memory");
  net::impl::lend(stream, body);
  std::string out(100'000, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int const done = ::inflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  require(done == Z_STREAM_END && stream.avail_in == 0, "what is compressed is whole");
  ::inflateEnd(&stream);
  return out;
}

/// The client's end of a connection. It checks all that comes.
class peer {
 public:
  peer() = default;
  peer(peer const&) = delete;
  peer& operator=(peer const&) = delete;
  ~peer() { close(); }

  /// Returns the other end. `upgraded`: frames come, no answers.
  [[nodiscard]] int open(bool upgraded, bool narrow) {
    close();
    int both[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, both) == 0, "there are sockets");
    int const least = 1;  // the system makes more of it, but little
    if (narrow) ::setsockopt(both[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    fd_ = both[0];
    reads_ = true;
    ended_ = false;
    in_.clear();
    asked_.emplace();
    statuses.clear();
    continued_ = 0;
    frames_.reset();
    if (upgraded) begin_frames("");
    return both[1];
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void shut() const { ::shutdown(fd_, SHUT_WR); }
  void read_or_not() { reads_ = !reads_; }
  void read_on() { reads_ = true; }
  [[nodiscard]] bool upgraded() const noexcept { return frames_.has_value(); }

  void say(std::string_view bytes) {
    auto const sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) knows(bytes.substr(0, static_cast<std::size_t>(sent)));
  }
  /// This has been said by other means.
  void knows(std::string_view bytes) { asked_->say(bytes); }

  /// Takes what has come. False when there is nothing.
  bool pull(bool cut) {
    if (!reads_ || ended_ || fd_ < 0) return false;
    char buffer[16 * 1024];
    auto const size = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return false;
    ended_ = size <= 0;
    if (ended_) {
      require(upgraded() || in_.empty() || cut, "an answer that has begun is sent to its end");
      return true;
    }
    in_.append(buffer, static_cast<std::size_t>(size));
    while (!upgraded() && take_answer()) {
    }
    if (upgraded()) take_frames(std::exchange(in_, {}));
    return true;
  }

  std::vector<unsigned> statuses;  // of answers
  std::string sid;                 // of the last session that was begun

 private:
  /// The first answer of what has come, if it is there to its end.
  bool take_answer() {
    auto const end = in_.find("\r\n\r\n");
    if (end == in_.npos) return false;
    net::http_parser parser({}, HTTP_RESPONSE);
    std::span<char const> rest(in_.data(), end + 4);
    auto const step = parser.next(rest);
    auto const& head = parser.head();
    require(step && step->type == net::http_parser::step::kind::head && rest.empty(), "answers are HTTP");
    require(statuses.size() < asked_->size(), "there are no more answers than requests");
    auto const to = asked_->at(statuses.size());
    if (head.status == 100) {
      require(to.continues && std::exchange(continued_, statuses.size() + 1) != statuses.size() + 1,
              "100 is an answer to who waits for it, once");
      in_.erase(0, end + 4);
      return true;
    }
    bool const bodyless = to.head || head.status < 200 || head.status == 204 || head.status == 304;
    require(bodyless || head.content_length.has_value(), "it is said how long an answer is");
    std::size_t const size = bodyless ? 0 : static_cast<std::size_t>(*head.content_length);
    if (in_.size() - end - 4 < size) return false;
    statuses.push_back(head.status);
    std::string body = in_.substr(end + 4, size);
    if (!body.empty() && head.find("content-encoding")) body = unpacked(body);
    learn(body);
    if (head.status == 101) {
      require(to.upgrade, "101 is an answer to who asks for it");
      begin_frames(head.find("sec-websocket-extensions").value_or(""));
    }
    in_.erase(0, end + 4 + size);
    return true;
  }

  void begin_frames(std::string_view extensions) {
    bool const compressed = !extensions.empty();
    bool const keep = extensions.find("server_no_context_takeover") == extensions.npos;
    frames_.emplace(websocket::decoder(websocket::role::client, {}, compressed), net::inflater(keep));
  }
  void take_frames(std::string bytes) {
    auto& [decoder, inflate] = *frames_;
    for (std::span<char> rest(bytes);;) {
      if (decoder.ended()) return require(rest.empty(), "after a close there is silence");
      auto const next = decoder.next(rest);
      require(next.has_value(), "frames are well-formed");
      if (!*next) return;
      if ((*next)->type != websocket::event::kind::message) continue;
      std::string text((*next)->data);
      if ((*next)->compressed) {
        text.clear();
        require(inflate((*next)->data, text, 1'000'000).has_value(), "messages are compressed as agreed");
        require((*next)->payload != frame_kind::text || utf8_valid(text), "text is UTF-8");
      }
      learn(text);
    }
  }
  void learn(std::string const& text) {
    auto at = text.find("sid");
    if (at == text.npos || text.find("upgrades") == text.npos) return;
    at = text.find_first_not_of("\\\":", at + 3);
    if (at != text.npos) sid = text.substr(at, text.find_first_of("\\\"", at) - at);
  }

  int fd_ = -1;
  bool reads_ = true;
  bool ended_ = false;
  std::string in_;
  std::optional<requests> asked_;
  std::size_t continued_ = 0;  // the request that was answered 100
  std::optional<std::pair<websocket::decoder, net::inflater>> frames_;
};

std::string request(std::string_view first_line, std::string_view headers = "", std::string_view body = "") {
  std::string out(first_line);
  out.append(" HTTP/1.1\r\nHost: a\r\n").append(headers);
  if (first_line.starts_with("POST")) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out.append("\r\n").append(body);
}

/// The requests that clients send are long, so they have numbers.
std::string known_request(std::size_t number) {
  static constexpr std::string_view upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  static std::string const compressed =
      std::string(upgrade) + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  static std::string const all[] = {
      request("GET /socket.io/?EIO=4&transport=polling"),
      request("GET /socket.io/?EIO=4&transport=polling&sid={sid}"),
      request("GET /socket.io/?EIO=4&transport=websocket", upgrade),
      request("GET /socket.io/?EIO=4&transport=websocket&sid={sid}", upgrade),
      request("GET /socket.io/?EIO=4&transport=websocket", compressed),
      request("GET /socket.io/?EIO=4&transport=polling&j=0"),
      request("GET /socket.io/?EIO=3&transport=polling&b64=1"),
      request("GET /socket.io/?EIO=3&transport=websocket", upgrade),
      request("GET /socket.io/?EIO=4&transport=polling", "Accept-Encoding: gzip;q=0.5, deflate\r\n"),
      request("GET /socket.io/?EIO=4&transport=polling", "Origin: https://a.org\r\nX-Mine: 1\r\n"),
      request("OPTIONS /socket.io/", "Origin: https://a.org\r\nAccess-Control-Request-Method: POST\r\n"),
      request("GET /socket.io/?EIO=4&transport=polling", "X-Forwarded-For: 10.0.0.1, x\r\nX-Hold: 1\r\n"),
      request("HEAD /users/%41"),
      request("GET /later"),
      request("POST /users", "Expect: 100-continue\r\n", "body"),
      request("POST /socket.io/?EIO=4&transport=polling&sid={sid}", "", "40")};
  return all[number % std::size(all)];
}

net::server_options options(bool keep_contexts) {
  net::server_options out;
  out.max_http_buffer_size = 1000;
  out.outbox_bytes_max = 20'000;
  out.pending_acks_max = out.rooms_max = 5;
  out.limits.attachment_bytes_max = 500;
  out.allow_eio3 = true;
  out.cors.emplace().origin = {"https://*.org"};
  out.cookie.emplace();
  out.http_compression.threshold = 50;
  auto& deflate = out.per_message_deflate.emplace();
  deflate.threshold = 20;
  deflate.server_no_context_takeover = deflate.client_no_context_takeover = !keep_contexts;
  out.trusted_proxies = {"unix", "10.0.0.0/8"};
  out.http.head = head_limits;
  out.http.route_body_max = 300;
  out.http.fragments_max = 8;
  return out;
}

/// A server, whose clients do what the input says.
class binding {
 public:
  explicit binding(std::size_t how)
      : narrow_((how & 4) != 0), io_(std::in_place, context_, options((how & 8) != 0)) {
    io_->on_handler_error([](std::exception_ptr const&, hub::socket*) {});
    for (auto const* const name : {"/", "/a"}) set_up(io_->of(name));
    io_->use_engine([this](net::http_request const& in, net::request_next next) {
      if (in.find("x-throw")) throw std::runtime_error("x");
      in.find("x-hold") ? held_.push_back(std::move(next)) : next();
    });
    io_->on_headers([](std::vector<owned_header>& headers, engineio::request const& in, std::string_view) {
      if (auto const mine = in.find("x-mine")) headers.push_back({"X-Mine", std::string(*mine)});
    });
    io_->route("GET /later", [this](net::http_request const&, net::http_reply reply) {
      later_.push_back(std::move(reply));
    });
    io_->route("/users/{id}", [](net::http_request const& in, net::http_reply reply) {
      reply.send(200, in.parameter("id"), {{"X-User", in.parameter("id")}});
    });
    io_->route("POST /users", [](net::http_request const& in, net::http_reply reply) {
      if (in.body.starts_with("throw")) throw std::runtime_error("x");
      std::string text;
      for (int i = 0; i < 8; ++i) text += in.body;
      reply.send(201, text);
    });
    for (peer& each : peers_) connect(each);
  }

  void run(reader& in, std::size_t how) {
    while (!in.empty()) one(in);
    for (peer& each : peers_) each.read_on();
    turn();
    if ((how & 3) == 3) return destroy();
    if ((how & 3) == 2) close();
    answer_all();
    for (peer& each : peers_) each.close();
    turn();
    require(io_->host().connections() == 0, "who is gone has no connection");
    if ((how & 3) != 2) close();
    require(io_->host().engine().size() == 0, "no session is left");
    require(context_.stopped(), "nothing is waited for");
  }

  /// What one client is answered whose bytes come in pieces of this size.
  std::vector<unsigned> statuses(std::string_view bytes, std::size_t step) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
      peers_[0].say(bytes.substr(0, step));
      turn();
    }
    return peers_[0].statuses;
  }

 private:
  static void set_up(hub::nsp& space) {
    space.on("e", [](hub::socket& s, args all, hub::ack reply) {
      static_cast<void>(s.emit("e", all));
      static_cast<void>(s.broadcast().emit("b", all));
      reply(all);
    });
    space.on("j", [](hub::socket& s, std::string_view room) { static_cast<void>(s.join(room)); });
    space.on("m", [](hub::socket& s, int n) { static_cast<void>(s.emit("m", std::string(n & 4095, 'm'))); });
    space.on("k", [](hub::socket& s) {
      static_cast<void>(s.timeout(1h).emit("k", [](std::error_code, args const&) {}));
    });
    space.on("q", [](hub::socket& s) { s.disconnect(); });
    space.on("x", [](hub::socket& s) { s.disconnect(true); });
    space.on("t", [](hub::socket&) { throw std::runtime_error("t"); });
  }

  void one(reader& in) {
    std::size_t const what = in.byte();
    peer& who = peers_[what >> 4 & 1];
    switch (what & 15) {
      case 0:
      case 1:
      case 2: who.say(filled(who, in.text())); break;
      case 3:
      case 4: who.say(filled(who, known_request(in.byte()))); break;
      case 5:
      case 6: frame(who, 0x81, in.text()); break;
      case 7: {
        std::size_t const first = in.byte();
        frame(who, static_cast<std::uint8_t>(first), in.text());
        break;
      }
      case 8: {
        std::string packed;
        net::deflater()(in.text(), packed);
        frame(who, 0x81 | websocket::compressed_bit, packed);
        break;
      }
      case 9:
        who.say(filled(who, request("POST /socket.io/?EIO=4&transport=polling&sid={sid}", "", in.text())));
        break;
      case 10: who.read_or_not(); break;
      case 11: who.shut(); break;
      case 12: connect(who); break;
      case 13: hand_over(who, in); break;
      case 14: answer_all(); break;
      default: static_cast<void>(io_->emit("b", std::string(in.byte() * 16, 'b')));
    }
    if ((what & 32) == 0) turn();
  }
  /// By no mask, so that what is in it can be read in a corpus.
  static void frame(peer& who, std::uint8_t first, std::string_view payload) {
    char head[websocket::frame_header_max];
    std::size_t const size = write_frame_header(head, first, payload.size(), true);
    who.say(std::string(head, size).append(4, '\0').append(payload));
  }
  [[nodiscard]] std::string filled(peer const& who, std::string text) const {
    constexpr std::string_view mark = "{sid}";
    // The session of the other one, if this has none: so polling and WebSocket meet.
    std::string const& other = &who == &peers_[0] ? peers_[1].sid : peers_[0].sid;
    std::string const& sid = who.sid.empty() ? other : who.sid;
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + sid.size())) {
      text.replace(at, mark.size(), sid);
    }
    return text;
  }
  void connect(peer& who) { hand_over(who, {.method = "GET", .target = "/", .keep_alive = true}, false); }
  void hand_over(peer& who, reader& in) {
    std::size_t const how = in.byte();
    std::string const method = (how & 2) != 0 ? in.text() : "GET";
    std::string const target =
        (how & 4) != 0 ? filled(who, in.text()) : "/socket.io/?EIO=4&transport=websocket";
    std::string const name = in.text(), value = in.text(), body = in.text(), rest = in.text();
    header const headers[] = {{"Host", "a"}, {name, value}};
    hand_over(who,
              {.method = method,
               .target = target,
               .headers = std::span(headers).first((how & 8) != 0 ? 2 : 1),
               .body = body,
               .rest = rest,
               .keep_alive = (how & 16) != 0},
              (how & 1) != 0);
  }
  void hand_over(peer& who, net::attached_request const& first, bool upgraded) {
    asio::local::stream_protocol::socket socket(context_);
    socket.assign(asio::local::stream_protocol(), who.open(upgraded, narrow_));
    auto const text = net::impl::request_text(first, upgraded);
    auto const failure = io_->attach(std::move(socket), first, upgraded);
    require(!failure == text.has_value(), "what is a request is taken");
    if (text) who.knows(*text);
  }

  void answer_all() {
    do {  // behind one that has waited there may be another
      for (auto& each : std::exchange(later_, {})) each.send(200, "later");
      for (auto& each : std::exchange(held_, {})) each();
      turn();
    } while (!later_.empty() || !held_.empty());
  }
  void turn() {
    for (bool again = true; again;) {
      context_.restart();
      context_.poll();
      again = false;
      for (peer& each : peers_) again = each.pull(!io_) || again;
    }
  }
  void close() {
    io_->close();
    turn();
  }
  /// In the middle of everything.
  void destroy() {
    io_.reset();
    turn();
    require(context_.stopped(), "nothing is waited for");
    for (auto& each : later_) require(!each.send(200), "there is nobody to be answered");
    answer_all();
  }

  bool narrow_;  // sockets take little at once
  asio::io_context context_{1};
  std::optional<net::server> io_;
  std::vector<net::http_reply> later_;
  std::vector<net::request_next> held_;
  std::array<peer, 2> peers_;
};

void run_binding(std::string_view input) {
  reader in(input);
  std::size_t const how = in.byte();
  if ((how & 16) == 0) return binding(how).run(in, how);
  std::size_t const step = in.byte();
  std::string_view const bytes = in.rest();
  auto const whole = binding(how).statuses(bytes, bytes.size() + 1);
  auto const pieces = binding(how).statuses(bytes, 1 + std::max(step, bytes.size() / 32));
  require(whole == pieces, "in pieces it is answered the same");
}

constexpr target all[] = {{"binding", run_binding}};

}  // namespace

std::span<target const> binding_targets() {
  return all;
}

}  // namespace fuzz
