// siokit/net/loop.hpp - what the connections of one host share.   SPDX-License-Identifier: MIT
// Owns the turn (input, drain, flush), its time, every deadline of net/ and the one timer, the names by which
// the engine knows exchanges and wires, and the buffers that no idle connection has to have.
#pragma once

#include <array>
#include <asio/post.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "siokit/core/deadlines.hpp"
#include "siokit/engineio/cookie.hpp"
#include "siokit/engineio/cors.hpp"
#include "siokit/engineio/server.hpp"
#include "siokit/net/backlog.hpp"
#include "siokit/net/clock.hpp"
#include "siokit/net/handler_memory.hpp"
#include "siokit/net/hook.hpp"
#include "siokit/net/http2_edge.hpp"
#include "siokit/net/http_compression.hpp"
#include "siokit/net/http_parser.hpp"
#include "siokit/net/http_response.hpp"
#include "siokit/net/http_route.hpp"
#include "siokit/net/message_compressor.hpp"
#include "siokit/net/paced_close.hpp"
#include "siokit/net/ready_set.hpp"
#include "siokit/net/stream.hpp"
#include "siokit/net/tls_context.hpp"
#include "siokit/net/trusted_proxies.hpp"

namespace siokit::inline v0::net {

struct host_options {
  /// For every request below the path of the engine, refusals and routes included; none: no such headers.
  std::optional<engineio::cors_options> cors{};
  /// They are for routes elsewhere too.
  bool route_cors = false;
  /// Set by the answer to a polling handshake; none: no cookie.
  std::optional<engineio::cookie_options> cookie{};
  /// Of answers to polls.
  http_compression_options http_compression{};
  /// Of messages on a WebSocket; none: they go as they are.
  std::optional<per_message_deflate_options> per_message_deflate{};
  /// Proxies whose X-Forwarded-For is believed: the address of a client is then the one they name.
  net::trusted_proxies trusted_proxies{};
  /// Off, unless made by net::http2() of http2.hpp.
  http2_options http2{};
  /// TCP connections of one address, or one network /64 of IPv6; more are closed at once. Trusted proxies and
  /// clients of a Unix socket may have any number.
  std::size_t connections_per_address_max = 10'000;
  /// Limits of the head of a request: see http_parser.
  http_limits head{};
  /// Longest body of a request that goes to a route, in bytes.
  std::size_t route_body_max = 1'000'000;
  /// From the connection, or the first byte of a request, to the end of its head.
  duration header_timeout = std::chrono::seconds(20);
  /// From the head of a request to the end of its body.
  duration body_timeout = std::chrono::seconds(60);
  /// From an answer to the next request.
  duration keep_alive_timeout = std::chrono::seconds(65);
  /// How long a peer may take nothing of an answer before it is cut.
  duration write_timeout = std::chrono::seconds(30);
  /// How long a peer may take to close its side after we closed ours.
  duration linger_timeout = std::chrono::seconds(3);
  /// Most frames of one WebSocket message.
  std::uint32_t fragments_max = 1024;
  /// Between two attempts to accept when the process is out of descriptors.
  duration accept_pause = std::chrono::milliseconds(100);
  /// Connections that the system keeps ready for a listener.
  int backlog = 511;
};

/// Where the application comes in. None may run the io_context; each may destroy the host.
struct host_hooks {
  /// After every input: pull engine.poll_event(now) until it returns nullopt.
  hook<void(time_point now)> on_drain;
  /// When the application itself wants on_drain to be called.
  hook<time_point()> on_next_deadline;
  /// May change a copy of the option cors for one request, e.g. its origin.
  hook<void(engineio::cors_options&, engineio::request const&)> on_cors;
  /// See requests for the engine before the engine does, in this order.
  std::vector<hook<void(http_request const&, request_next)>> middlewares;
  /// Adds to the headers of every answer of the engine, 101 included. `sid` is empty without a session.
  hook<void(std::vector<owned_header>&, engineio::request const&, std::string_view sid)> on_headers;
  /// The same, for answers to a handshake; called first.
  hook<void(std::vector<owned_header>&, engineio::request const&, std::string_view sid)> on_initial_headers;
  /// A request was refused.
  hook<void(engineio::request const&, engineio::refusal const&)> on_connection_error;
};

namespace impl {

class connection;
class listener;
struct moved_connection;

class loop final : public counted {
 public:
  loop(asio::io_context& context, engineio::server& engine, host_options options);
  ~loop();

  [[nodiscard]] asio::io_context& context() const noexcept { return context_; }
  [[nodiscard]] engineio::server& engine() const noexcept { return engine_; }
  [[nodiscard]] host_options const& options() const noexcept { return options_; }
  [[nodiscard]] host_hooks& hooks() noexcept { return hooks_; }
  [[nodiscard]] route_table& routes() noexcept { return routes_; }
  [[nodiscard]] std::vector<ref<listener>>& listeners() noexcept { return listeners_; }
  /// The time of this turn.
  [[nodiscard]] time_point now() const noexcept { return now_; }
  /// False once the host is destroyed: nothing may be touched any more but this object.
  [[nodiscard]] bool running() const noexcept { return running_; }
  void refresh_time() noexcept {
    if (!in_turn_) now_ = net::now();
  }
  /// Whether close() was called: connections end with their next answer.
  [[nodiscard]] bool closing() const noexcept { return closing_; }
  [[nodiscard]] std::size_t connections() const noexcept { return places_.size() - free_.size() - streams; }
  /// How many of those who have a name are requests of HTTP/2, which have no socket.
  std::size_t streams = 0;

  // --- The turn. A handler of Asio does all its work inside one turn().

  /// Runs `work`, then delivers what came of it, `quota` outputs at most. An exception leaves everything
  /// consistent and is passed on; a turn of its own then finishes what was left.
  template <class Work>
  void turn(Work&& work, std::size_t quota = outputs_at_once);
  /// One input to the engine, and the application's answer to it.
  template <class Input>
  void input(Input&& in);
  /// The same for an exchange. Its answers are pulled in this turn: a session has room for few of them.
  template <class Input>
  void exchange_input(Input&& in) {
    exchanges_due_ = true;
    input(std::forward<Input>(in));
  }
  /// Asks for a turn of its own, once, after the handlers that are ready now.
  void schedule() noexcept;
  /// The application did something by itself.
  void wake() noexcept {
    drain_due_ = true;
    if (!in_turn_) schedule();
  }
  /// A WebSocket that the engine has accepted will not come to be.
  void lose_accepted(engineio::server_response const& out);
  /// Asks for `who.resume()` in this turn.
  void resume_later(connection& who) noexcept;
  [[nodiscard]] bool resumes(connection const& who) const noexcept;
  void arm_timer();

  /// A connection was accepted: it is this loop's, or that of the shard with the fewest.
  void open(stream socket, tls_context const& tls, stream_protocol::endpoint const& peer);
  /// How many connections each address has.
  [[nodiscard]] engineio::address_quota& peers() noexcept { return peers_; }
  /// The same for a connection that another server has begun.
  void adopt(stream socket, std::string read, bool upgraded);
  /// Closes every session within that time, one by one; then `done`. The first call counts.
  void close_sessions(duration within, unique_function<void()> done);
  void close(duration grace);
  void stop() noexcept;

  /// While it is so, nothing is read from peers.
  void pause_reading(bool wanted) noexcept;
  [[nodiscard]] bool reads_nothing() const noexcept { return reads_nothing_; }

  /// From now on the connection `name` is told of `events` of its socket. False: they can't be had.
  [[nodiscard]] bool watch(stream& socket, std::uint64_t name, std::uint32_t events);
  void forget(stream& socket) noexcept { ready_.forget(socket); }

  // --- Other loops, each with its own thread, which outlive its handlers: see engine_host::share().

  void share(std::vector<loop*> all) { shards_ = std::move(all); }
  [[nodiscard]] bool shared() const noexcept { return !shards_.empty(); }
  /// The loop of a shard; null if there is none, or it is this one.
  [[nodiscard]] loop* shard(std::size_t number) const noexcept {
    loop* const found = number < shards_.size() ? shards_[number] : nullptr;
    return found == this ? nullptr : found;
  }
  /// The one verb for the thread of another loop: this one takes over the connection, soon.
  void invite(moved_connection what);

  // --- Names. The low half is the place of a connection, the high half counts the uses of that place, so
  // --- that what is meant for a former exchange or wire finds nobody.

  [[nodiscard]] std::uint64_t enlist(ref<connection> who);
  void delist(std::uint64_t name);
  [[nodiscard]] std::uint64_t rename(std::uint64_t name) noexcept;
  [[nodiscard]] ref<connection> find(std::uint64_t name) const noexcept;
  /// Sets the one deadline of a connection; `never` withdraws it.
  void arm(std::uint64_t name, time_point at) { deadlines_.arm(place_of(name), at); }
  [[nodiscard]] http_reply make_reply(std::uint64_t exchange) noexcept { return {*this, exchange}; }
  [[nodiscard]] request_next make_next(std::uint64_t exchange) noexcept { return {*this, exchange}; }

  /// The POST whose packets are being handled, null outside of that.
  [[nodiscard]] http_request const* request() const noexcept { return request_; }
  /// Makes `one` the present request for the life of the result.
  [[nodiscard]] auto show(http_request const& one) {
    struct scope {
      ref<loop> owner;
      ~scope() { owner->request_ = nullptr; }
    };
    request_ = &one;
    return scope{ref<loop>(this)};
  }

  // --- Scratch memory, good until the next use by anybody.

  /// What one read fills.
  [[nodiscard]] std::span<char> input_buffer() const noexcept { return {input_.get(), buffer_size}; }
  /// For what had to wait, which is what one read has brought, and the record that TLS had not completed.
  [[nodiscard]] std::span<char> whole_buffer() const noexcept { return {input_.get(), whole_size}; }
  /// For what TLS has deciphered; allocated on first use.
  [[nodiscard]] std::span<char> plain_buffer() {
    if (!plain_) plain_.reset(new char[whole_size]);
    return {plain_.get(), whole_size};
  }
  std::array<message, gather_max> messages;
  gather_list gather;
  std::string text;
  std::vector<header> fields;
  std::string_view behind;  // what the connection that resumes has not in its buffer yet
  [[nodiscard]] http_compressor& compressor() noexcept { return compressor_; }
  /// Null without the option per_message_deflate.
  [[nodiscard]] message_compressor* messages_compressor() noexcept {
    return message_compressor_ ? &*message_compressor_ : nullptr;
  }
  /// The Date header of this second.
  [[nodiscard]] std::string_view date();

  // A message of 64 KiB with its header is read at once, and not put together.
  static constexpr std::size_t buffer_size = 128 * 1024;
  static constexpr std::size_t whole_size = buffer_size + 32 * 1024;
  /// How much of our own words, such as pongs, may wait for a peer until he is not listened to.
  static constexpr std::size_t own_bytes_max = 64 * 1024;

 private:
  struct place {
    ref<connection> who;
    std::uint32_t generation = 0;
    bool resumes = false;  // it is listed in resumed_
  };
  static constexpr std::size_t outputs_at_once = 2;

  [[nodiscard]] static std::uint32_t place_of(std::uint64_t name) noexcept {
    return static_cast<std::uint32_t>(name);
  }
  void drain();
  void end_turn() noexcept {
    in_turn_ = false;
    if (!running_) release_hooks();
  }
  void flush(std::size_t quota);
  void deliver(engineio::server_response& out);
  void transmit(handle session);
  void on_timer();
  void begin_closing();
  void cut_all();
  void release_hooks() noexcept;
  void arrive(moved_connection& what);
  void wait_ready();
  void visit_ready();
  void begin(stream socket, tls_context const& tls, stream_protocol::endpoint const& peer);

  asio::io_context& context_;
  engineio::server& engine_;
  host_options const options_;
  http_compressor compressor_{options_.http_compression.level};
  std::optional<message_compressor> message_compressor_;
  host_hooks hooks_;
  route_table routes_;
  std::vector<ref<listener>> listeners_;
  engineio::address_quota peers_;
  std::vector<loop*> shards_;
  std::size_t next_shard_ = 0;         // who is asked first whether the next connection is his
  std::atomic<std::size_t> load_ = 0;  // connections that are here or on their way
  handler_memory schedule_memory_;
  ready_set ready_{context_};
  std::optional<steady_timer> timer_;
  time_point armed_ = never;   // what timer_ waits for
  time_point cut_at_ = never;  // when close() loses its patience
  std::optional<paced_close> paced_close_;
  time_point now_ = net::now();
  std::chrono::sys_seconds date_of_{};
  std::string date_;
  std::vector<place> places_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> resumed_;  // places
  deadline_heap deadlines_;
  std::unique_ptr<char[]> input_{new char[whole_size]};
  std::unique_ptr<char[]> plain_;
  http_request const* request_ = nullptr;
  bool running_ = true;
  bool reads_nothing_ = false;
  bool closing_ = false;
  bool closing_due_ = false;
  bool in_turn_ = false;
  bool scheduled_ = false;      // a turn is posted
  bool drain_due_ = false;      // an exception left events behind
  bool exchanges_due_ = false;  // answers must not wait for the end of the turn
};

template <class Work>
void loop::turn(Work&& work, std::size_t quota) {
  if (!running_) return;
  ref<loop> const self(this);  // the application may destroy the host meanwhile
  now_ = net::now();
  in_turn_ = true;
  try {
    if (drain_due_) drain();
    if (running_) work();
    flush(scheduled_ ? 0 : quota);
  } catch (...) {
    end_turn();
    if (running_) schedule();
    throw;
  }
  end_turn();
}

template <class Input>
void loop::input(Input&& in) {
  drain_due_ = true;
  in(engine_);
  if (running_) drain();  // a route handler may have destroyed the host
}

inline void loop::drain() {
  drain_due_ = true;
  if (hooks_.on_drain) hooks_.on_drain(now_);
  drain_due_ = false;
}

}  // namespace impl
}  // namespace siokit::inline v0::net
