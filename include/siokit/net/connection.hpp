// siokit/net/connection.hpp - one TCP connection: HTTP first, a WebSocket later perhaps.
// SPDX-License-Identifier: MIT
// In: readiness of the socket. on_readable() reads into the loop's buffer, takes TLS off, and parses in
// place: receive_requests() (connection_http.hpp) or receive_frames() (connection_websocket.hpp), which call
// the engine. Out: write() and transmit(), corked by the loop. An idle WebSocket is this object and nothing
// else; parser, TLS, unsent and unread bytes hang on pointers that are null until needed.
#pragma once

#include "siokit/core/on_failure.hpp"
#include "siokit/net/http_state.hpp"
#include "siokit/net/loop.hpp"
#include "siokit/net/moved_connection.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/frame.hpp"
#include "siokit/websocket/handshake.hpp"

namespace siokit::inline v0::net::impl {

struct pong_batch;

class connection final : public counted {
 public:
  connection(loop& shared, stream socket)
      : socket_(std::move(socket)), loop_(&shared), decoder_(make_decoder(shared, false)) {}

  /// Comes first. False when the address of the peer has too many connections.
  [[nodiscard]] bool greet(stream_protocol::endpoint const& peer);
  /// Joins the loop, within a turn. `tls`: may be empty.
  void start(tls_context const& tls);
  /// In place of start(), for one whose first bytes another server has read. `upgraded`: its answer was 101.
  void start_with(std::string read, bool upgraded);
  /// In place of greet() and start(), for one that comes from another loop in the middle of a request.
  void arrive(moved_connection& from);
  /// In place of start(), for a request of HTTP/2: it has no socket, its answer goes to a stream of `parent`.
  void start_stream(connection& parent, std::int32_t stream, std::string head);

  // --- From the loop, within a turn.

  /// The engine's answer to the present exchange.
  void answer(engineio::server_response& out);
  /// Sends `first`, then what the engine has for this wire, until it has no more or the peer reads no more.
  void transmit(std::string_view first = {});
  /// Goes on with what was put off.
  void resume();
  /// The deadline has come.
  void expire();
  /// The socket is ready for `events` of the ready_set.
  void on_ready(std::uint32_t events);
  /// No further request will be served.
  void close_soon();
  /// Ends the connection at once, and tells the engine what that breaks.
  void cut();

  // --- From anywhere.

  template <class Step>
  void attempt(Step&& step);

  [[nodiscard]] bool awaits_answer() const noexcept {
    return loop_ != nullptr && !broken_ && mode_ == mode::http && http_ && http_->awaiting;
  }

  /// What the middleware says that is asked, or waited for.
  void decide(bool good);
  /// Adds to the headers of the answer to the present request.
  void add_header(owned_header field) { http_->headers.push_back(std::move(field)); }
  /// Writes the answer to the present request.
  void respond(std::uint16_t status, std::string_view body, std::span<owned_header const> headers,
               std::span<header const> usual = {});
  /// Ends the connection at once, without a word to anybody.
  void abandon() noexcept;
  /// The same when the loop itself is at its end.
  void detach() noexcept;

 private:
  friend class loop;
  friend class http2_session;
  enum class mode : std::uint8_t { http, websocket, http2, closing };

  // Reading.
  [[nodiscard]] bool enter_quota();
  void in_turn(void (connection::*work)());
  void wait_readable();
  void watch(std::uint32_t events);
  void stop_waiting() noexcept;
  void on_readable();
  void receive(std::span<char> in);
  void consume(std::span<char> in);
  void hold(std::span<char const> in);
  void begin_with(std::string read);
  /// How much may be read. What has to wait must fit into the buffer of the loop, and a peer that takes none
  /// of our own words, such as TLS has in answer to his, is not listened to.
  [[nodiscard]] std::size_t room() const noexcept {
    if (input_ended_ || (backlog_ && backlog_->own_bytes() > loop::own_bytes_max)) return 0;
    // TLS may have held back part of a record, so this can be more than one buffer.
    std::size_t const held = held_ ? held_->size() : 0;
    return held < loop::buffer_size ? loop::buffer_size - held : 0;
  }
  void end_input();
  /// Whether the request that is being read lacks what has not come yet.
  [[nodiscard]] bool is_cut_short() const noexcept {
    return mode_ == mode::http && http_ && http_->reading && http_->may_read() && !held_ && !backlog_;
  }

  /// Whether the answer is one that may take its time.
  [[nodiscard]] bool polls() const noexcept {
    return mode_ == mode::http && http_ && http_->awaiting && !http_->reading && session_ && !is_stream();
  }

  // HTTP/2: connection_http2.hpp.
  void begin_http2();
  void receive_more(std::string_view part);
  void lose();
  void leave_stream() noexcept;
  [[nodiscard]] bool is_stream() const noexcept { return http_ && http_->parent; }

  // HTTP: connection_http.hpp.
  void receive_requests(std::span<char>& in);
  [[nodiscard]] loop* home_of_request() const noexcept;
  void move_to(loop& other, std::span<char>& in);
  void reject(std::uint16_t status, errc why);
  void tell_refused(engineio::refusal const& why) const;
  void on_head();
  [[nodiscard]] bool apply_cors(http_request const& request);
  void run_middlewares();
  void enter_engine();
  void await_body();
  void on_body(std::string_view part);
  void on_body_too_large();
  void on_complete();
  void on_answered();
  void wait_for(http_state::phase what);
  void compress(engineio::response& what, http_request const& request, std::vector<owned_header>& headers);
  [[nodiscard]] http_request present_request() const noexcept;
  [[nodiscard]] std::string client_address() const;
  [[nodiscard]] std::size_t body_max() const noexcept;

  // WebSocket: connection_websocket.hpp.
  [[nodiscard]] static websocket::decoder make_decoder(loop const& shared, bool compressed) noexcept {
    return websocket::decoder(websocket::role::server,
                              {.message_bytes_max = shared.engine().config().max_http_buffer_size,
                               .fragments_max = shared.options().fragments_max},
                              compressed);
  }
  void accept_websocket(handle session, std::vector<owned_header>& headers);
  void agree_to_compress(std::vector<owned_header>& headers);
  void receive_frames(std::span<char>& in);
  void receive_message(websocket::event const& in);
  void break_websocket(error why);
  void send_pongs(pong_batch& pongs);
  void send_control(std::uint8_t opcode, std::string_view payload);
  void close_websocket(std::uint16_t code);
  void lose_wire(error why);
  void await_reader();

  // Writing.
  void write(std::string_view first, std::string_view second = {});
  void write_messages(std::string_view first, std::size_t count);
  void write_plain(std::string_view first, std::string_view second = {});
  [[nodiscard]] std::size_t write_some(gather_list& from);
  void encrypt(std::string_view plain);
  void encrypt_messages(std::span<message const> items);
  void flush_tls();
  void wait_writable();
  void on_writable();

  // Ending.
  void finish();
  void shut_down();
  template <class Hook>
  void call_hook(Hook&& hook);
  void arm(duration from_now) { loop_->arm(name_, later(loop_->now(), from_now)); }

  stream socket_;
  loop* loop_;  // null once this connection is over
  engineio::address_quota::place place_;
  std::uint64_t name_ = 0;  // of the present exchange, or of the wire
  handle session_;          // of the exchange that awaits its answer, or of the wire
  websocket::decoder decoder_;
  std::unique_ptr<http_state> http_;
  std::unique_ptr<tls_filter> tls_;
  std::unique_ptr<backlog> backlog_;   // what the socket did not take
  std::unique_ptr<std::string> held_;  // what was read too early
  std::unique_ptr<deflate_contexts> contexts_;
  mode mode_ = mode::http;
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool unread_ = false;       // its turn to be read came while nothing is
  bool broken_ = false;       // a write failed
  bool pong_queued_ = false;  // in the backlog: one is enough
  bool compresses_ = false;   // messages, on a WebSocket
  bool upgraded_ = false;     // another server has answered the handshake
  bool input_ended_ = false;  // the peer has closed its side, or its WebSocket, and waits for an answer
};

inline http_state::http_state(http_limits const& limits) : parser(limits) {}
inline http_state::~http_state() = default;

// --- Reading

/// The peer is asked for now: once he has broken the connection the system does not know him any more.
inline bool connection::greet(stream_protocol::endpoint const& peer) {
  http_ = std::make_unique<http_state>(loop_->options().head);
  if (is_tcp(peer)) http_->remote_address = text_of(to_tcp(peer).address());
  return enter_quota();
}

/// Only TCP has addresses.
inline bool connection::enter_quota() {
  host_options const& options = loop_->options();
  if (http_->remote_address.empty()) return true;
  if (options.trusted_proxies.trusts(http_->remote_address)) return true;
  auto entered =
      loop_->peers().enter(engineio::network_of(http_->remote_address), options.connections_per_address_max,
                           errc::too_many_connections, {}, loop_->now());
  if (entered) {
    place_ = std::move(*entered);
    return true;
  }
  tell_refused(engineio::refusals::quota(entered.error().code));
  return false;
}

inline void connection::start(tls_context const& tls) {
  if (tls) tls_ = std::make_unique<tls_filter>(tls.get(), tls_role::server);
  if (tls && loop_->options().http2.make != nullptr) tls_->offer_http2();
  name_ = loop_->enlist(ref<connection>(this));
  on_failure unread([this]() noexcept {
    if (loop_ != nullptr) loop_->resume_later(*this);
  });
  attempt([this] {
    arm(loop_->options().header_timeout);
    on_readable();  // who connects speaks at once, and mostly it is there: nothing is waited for then
  });
  unread.done();
}

inline void connection::start_with(std::string read, bool upgraded) {
  upgraded_ = upgraded;
  name_ = loop_->enlist(ref<connection>(this));
  begin_with(std::move(read));
}

/// It is handled before anything that comes.
inline void connection::begin_with(std::string read) {
  attempt([&] {
    arm(loop_->options().header_timeout);
    held_ = std::make_unique<std::string>(std::move(read));
    loop_->resume_later(*this);
  });
}

/// The deadline is that of a head: what comes behind it sets its own.
inline void connection::arrive(moved_connection& from) {
  http_ = std::move(from.http);
  tls_ = std::move(from.tls);
  upgraded_ = from.upgraded;
  input_ended_ = from.input_ended;
  if (!enter_quota()) return;
  name_ = loop_->enlist(ref<connection>(this));
  attempt([&] {
    http_->waits_for = http_state::phase::head;
    arm(loop_->options().header_timeout);
    if (!from.read.empty()) held_ = std::make_unique<std::string>(std::move(from.read));
    loop_->resume_later(*this);
    on_head();
  });
}

/// Runs a handler; whatever the application throws, the connection goes on.
inline void connection::in_turn(void (connection::*work)()) {
  if (loop_ == nullptr) return;
  try {
    loop_->turn([this, work] { attempt([this, work] { (this->*work)(); }); });
  } catch (...) {
    if (loop_ != nullptr) loop_->resume_later(*this);
    throw;
  }
}

inline void connection::on_readable() {
  if (loop_->reads_nothing()) {
    unread_ = true;
    return;
  }
  // Bounded, so that a peer which sends without end does not keep the others waiting.
  constexpr int reads_at_once = 2;
  for (int i = 0; i < reads_at_once && room() > 0; ++i) {
    auto const buffer = loop_->input_buffer().first(room());
    std::error_code failure;
    std::size_t const size = socket_.read_some(buffer, failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) break;
    if (failure == asio::error::eof) return end_input();
    if (failure) return cut();
    receive(buffer.first(size));
    if (loop_ == nullptr) return;
    if (size < buffer.size()) break;
  }
  if (room() > 0) wait_readable();
}

/// Nothing more will come. Who asked a route, or has not taken his whole answer, gets it all the same; who
/// polls has given up.
inline void connection::end_input() {
  bool const asks_a_route = mode_ == mode::http && http_ && http_->awaiting && !session_;
  bool const answers = mode_ == mode::http || mode_ == mode::closing;
  bool const waits = asks_a_route || (backlog_ && answers);
  if (!waits || broken_ || (is_cut_short() && !loop_->resumes(*this))) return cut();
  input_ended_ = true;
  if (http_) http_->close = true;
}

/// Takes TLS off, if there is any. The buffer has room for all that can come of one read.
inline void connection::receive(std::span<char> in) {
  if (http_) http_->moves = 0;
  if (!tls_) return consume(in);
  std::span<char> const plain = loop_->plain_buffer();
  std::size_t size = 0;
  auto more = tls_->feed(in).and_then([&] { return tls_->read(plain); });
  for (; more && *more > 0; more = tls_->read(plain.subspan(size))) size += *more;
  flush_tls();  // of a handshake, or an alert
  if (mode_ == mode::http && loop_->options().http2.make != nullptr) begin_http2();
  consume(plain.first(size));
  if (loop_ == nullptr) return;
  if (!more) return cut();
  if (tls_->closed()) loop_->resume_later(*this);
}

/// Reads what can be read now, and keeps what can't. When the application throws, the rest is kept too.
inline void connection::consume(std::span<char> in) {
  if (held_) return hold(in);
  try {
    if (mode_ == mode::http) receive_requests(in);
    if (mode_ == mode::websocket) receive_frames(in);
    if (mode_ == mode::http2) http_->http2->receive(std::exchange(in, {}));
  } catch (...) {
    if (loop_ != nullptr) {
      hold(in);
      loop_->resume_later(*this);
    }
    throw;
  }
  if (loop_ != nullptr) hold(in);
}

inline void connection::hold(std::span<char const> in) {
  if (in.empty() || mode_ == mode::closing) return;
  if (!held_) held_ = std::make_unique<std::string>();
  held_->append(in.data(), in.size());
}

inline void connection::resume() {
  if (loop_ == nullptr) return;
  bool const lost = broken_;
  if (lost && !(is_stream() && held_)) return cut();  // a request of HTTP/2 that came before the end is read
  if (backlog_) wait_writable();
  if (mode_ == mode::http2) http_->http2->resume();
  if (input_ended_ && polls()) return cut();
  if (mode_ == mode::http && http_ && http_->is_decided()) {
    bool const alone = input_ended_ && !is_stream();
    if (alone && http_->websocket) return cut();  // which nobody would read
    run_middlewares();
    if (loop_ == nullptr) return;
    if (alone) loop_->resume_later(*this);  // when it has its answer, unless it polls
  }
  if (mode_ == mode::http && http_ && http_->reading && !held_) {
    consume({});  // the parser may not have said yet that the request is complete
    if (loop_ == nullptr) return;
  }
  if (held_ && loop_->reads_nothing()) {
    unread_ = true;
    return;
  }
  if (held_) {
    // Back into the loop's buffer: there it outlives an exception, until the engine has been drained. Only
    // what another server has read may be more.
    auto const in = loop_->whole_buffer().first(std::min(held_->size(), loop::whole_size));
    std::memcpy(in.data(), held_->data(), in.size());
    std::string const more = held_->substr(in.size());
    held_.reset();
    loop& shared = *loop_;
    shared.behind = more;
    try {
      consume(in);
    } catch (...) {
      shared.behind = {};
      if (loop_ != nullptr) hold({more.data(), more.size()});
      throw;
    }
    shared.behind = {};
    if (loop_ == nullptr) return;
    bool const moved_on = !held_ || held_->size() < in.size();  // else an answer is awaited, or a reader
    hold({more.data(), more.size()});
    if (!more.empty() && held_ && moved_on) loop_->resume_later(*this);
  }
  if (loop_ == nullptr) return;
  if (lost) return cut();
  if (tls_ && tls_->closed() && !input_ended_ && (!held_ || polls())) return end_input();
  if (input_ended_ && !is_stream() && is_cut_short()) return cut();
  if (is_stream() && !held_) http_->parent->http_->http2->taken(http_->stream);
  if (room() > 0) wait_readable();
}

// --- Ending

/// Nothing more will be said. The peer has some time to take what is on its way, and to close its side.
inline void connection::finish() {
  mode_ = mode::closing;
  if (held_) loop_->resume_later(*this);  // it may have stopped reading
  held_.reset();
  if (backlog_ || is_stream()) return arm(loop_->options().write_timeout);
  shut_down();
}

inline void connection::shut_down() {
  if (tls_) {
    tls_->shutdown();
    flush_tls();
    if (backlog_) return arm(loop_->options().write_timeout);
  }
  if (input_ended_) {  // there is nobody to wait for
    broken_ = true;
    return loop_->resume_later(*this);
  }
  arm(loop_->options().linger_timeout);
  socket_.shut_down_send();
}

/// Ends the connection at once, and tells the engine what that breaks. The application may do anything then,
/// so this comes last.
inline void connection::cut() {
  loop& shared = *loop_;
  handle const session = session_;
  bool const was_wire = !http_;  // a WebSocket, which may be closing
  if (mode_ == mode::http2) http_->http2->lose_streams();
  abandon();
  if (!session) return;
  if (was_wire) {
    shared.input([&](engineio::server& engine) { engine.wire_lost(session, wire{name_}); });
  } else {
    shared.exchange_input(
        [&](engineio::server& engine) { engine.exchange_aborted(session, exchange{name_}); });
  }
}

/// One step of this connection. Without the memory for it the connection ends: who knows what is lost.
template <class Step>
void connection::attempt(Step&& step) {
  try {
    step();
  } catch (std::bad_alloc const&) {
    if (loop_ != nullptr) cut();
    throw;
  }
}

/// Runs a hook about the present request. When it throws, there is nobody left to answer that request.
template <class Hook>
void connection::call_hook(Hook&& hook) {
  try {
    hook();
  } catch (...) {
    if (loop_ != nullptr) abandon();
    throw;
  }
}

/// Ends the connection at once, without a word to anybody.
inline void connection::abandon() noexcept {
  loop_->delist(name_);
  detach();
}

inline void connection::detach() noexcept {
  contexts_.reset();
  leave_stream();
  place_ = {};
  stop_waiting();
  loop_ = nullptr;
  std::error_code ignored;
  socket_.close(ignored);
}

inline void connection::expire() {
  if (mode_ == mode::http && http_ && http_->waits_for == http_state::phase::answer) return;
  bool const slow_request = mode_ == mode::http && http_ && http_->is_slow();
  if (mode_ == mode::http2 && !backlog_) return http_->http2->close_soon();
  if (!slow_request) return cut();
  reject(408, errc::slow_request);
}

inline void connection::close_soon() {
  if (mode_ == mode::http2) return http_->http2->close_soon();
  if (mode_ != mode::http || is_stream()) return;  // which ends with its answer
  if (!http_ || http_->is_idle()) return finish();
  http_->close = true;
}

}  // namespace siokit::inline v0::net::impl
