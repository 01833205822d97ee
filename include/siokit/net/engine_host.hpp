// siokit/net/engine_host.hpp - runs an Engine.IO server on Asio.   SPDX-License-Identifier: MIT
// One host, one engineio::server, one io_context, one thread. The host feeds the server with requests, frames
// and time, tells the application when there are events to pull, and sends what comes of it. Plain HTTP
// routes are served beside. Nothing here is thread safe: use asio::post to come from elsewhere.
//
//   asio::io_context context;
//   engineio::server engine({.path = "/engine.io/"});
//   net::engine_host host(context, engine);
//   host.on_drain([&](time_point now) { while (auto event = engine.poll_event(now)) handle(*event); });
//   host.listen({asio::ip::address_v4::loopback(), 3000});
//   context.run();
#pragma once

#include "siokit/net/attach.hpp"
#include "siokit/net/turn.hpp"

namespace siokit::inline v0::net {

class engine_host {
 public:
  /// `context` and `engine` outlive the host.
  engine_host(asio::io_context& context, engineio::server& engine, host_options options = {})
      : loop_(new impl::loop(context, engine, std::move(options))) {}
  engine_host(engine_host const&) = delete;
  engine_host& operator=(engine_host const&) = delete;
  /// Ends everything at once, without a word to peers. Allowed at any moment, inside a hook too; the engine
  /// is not touched any more, though sessions may still believe in their wires.
  ~engine_host() { loop_->stop(); }

  // --- Hooks, to be set before listen(). They run on the thread that runs the io_context, never in one of
  // --- one's own calls of the host. What they throw leaves through io_context::run(), which may be called
  // --- again: nothing is lost but, after a hook of headers, the connection it was for. So it is with
  // --- std::bad_alloc, whoever throws it: the connection that wanted the memory ends.

  /// After every input to the engine. Required: pull engine.poll_event(now) until it returns nullopt.
  void on_drain(unique_function<void(time_point now)> hook) { loop_->hooks().on_drain = std::move(hook); }
  /// When the application wants to be called without an input: asked at the end of a turn, `never` for none.
  void on_next_deadline(unique_function<time_point()> hook) {
    loop_->hooks().on_next_deadline = std::move(hook);
  }
  /// Adds a middleware, which sees every request for the engine first and lets it go on, answers it or fails.
  void use(request_middleware middleware) { loop_->hooks().middlewares.emplace_back(std::move(middleware)); }
  /// May change a copy of the option cors for one request, such as its origin. Only heard with that option.
  void on_cors(unique_function<void(engineio::cors_options&, engineio::request const&)> hook) {
    loop_->hooks().on_cors = std::move(hook);
  }
  using header_hook =
      unique_function<void(std::vector<owned_header>&, engineio::request const&, std::string_view sid)>;
  /// May add to and change the headers of every answer of the engine, of 101 too. `sid`: of the session,
  /// empty when there is none.
  void on_headers(header_hook hook) { loop_->hooks().on_headers = std::move(hook); }
  /// The same for the answer to a handshake, before on_headers.
  void on_initial_headers(header_hook hook) { loop_->hooks().on_initial_headers = std::move(hook); }
  /// Hears of requests that are refused: code, message and context of the official event, before the answer.
  void on_connection_error(unique_function<void(engineio::request const&, engineio::refusal const&)> hook) {
    loop_->hooks().on_connection_error = std::move(hook);
  }

  // --- Listening.

  /// Opens a listener, as many as wanted, until close(). Port 0 takes a free one. Returns where it listens.
  /// `tls`: empty for plain TCP. The unspecified address of IPv6 stands for all of IPv4 too.
  tl::expected<asio::ip::tcp::endpoint, std::error_code> listen(asio::ip::tcp::endpoint const& at,
                                                                tls_context tls = {});
#ifdef ASIO_HAS_LOCAL_SOCKETS
  /// Listens on a Unix socket; a file that nobody listens behind is replaced. It goes with the listener.
  std::error_code listen(asio::local::stream_protocol::endpoint const& at) {
    auto const bound = open_listener(at, {});
    return bound ? std::error_code() : bound.error();
  }
#endif
  /// Takes over a connection whose first request another server of this program has parsed, and answers it;
  /// see attached_request::keep_alive. `upgraded`: that server has answered 101 already, and what follows
  /// are the frames of a WebSocket; a session that is refused then ends with close code 1008. Plain TCP or a
  /// Unix socket, of any io_context, with no operation pending. Error: `first` can't be a request, or the
  /// system does not let the socket go; it is closed then.
  template <class Protocol, class Executor>
  std::error_code attach(asio::basic_stream_socket<Protocol, Executor> socket, attached_request const& first,
                         bool upgraded = false) {
    auto text = impl::request_text(first, upgraded);
    if (!text || loop_->closing()) return std::make_error_code(std::errc::invalid_argument);
    impl::stream moved(loop_->context().get_executor());
    if (auto const failure = impl::loose_socket(socket).settle(moved)) return failure;
    loop_->adopt(std::move(moved), std::move(*text), upgraded);
    return {};
  }
  /// Makes these hosts the shards of one server, each with an io_context and a thread of its own. Before any
  /// of them runs. A new connection goes to the one with the fewest, whoever listens; a request that names a
  /// session of another shard takes its connection there, before its body or the first frame is read. So ids
  /// of sessions are to be made with session_counter(): `hosts[i]` is shard i. Not with HTTP/2, whose streams
  /// can't move. No host may be destroyed before the io_contexts of all have ended to run.
  static void share(std::span<engine_host* const> hosts) {
    std::vector<impl::loop*> loops;
    for (engine_host* const each : hosts) loops.push_back(&*each->loop_);
    for (impl::loop* const each : loops) each->share(loops);
  }
  /// Gives listeners that have the settings `old` others, such as those with a new certificate. Connections
  /// keep theirs.
  void replace_tls(tls_context const& old, tls_context const& fresh) {
    for (auto const& one : loop_->listeners()) one->replace_tls(old, fresh);
  }
  /// Ends all listeners; connections stay.
  void stop_listening() {
    for (auto const& one : loop_->listeners()) one->close();
    loop_->listeners().clear();
  }

  // --- Plain HTTP.

  /// Answers requests for this path, which may lie below that of the engine but not be it: "/users",
  /// "POST /users" for one method alone, "/users/{id}" for any user, whom http_request::parameter("id")
  /// names. A path without parameters goes before one with them; methods that a path does not know are
  /// answered 405. The last handler of a route counts.
  void route(std::string_view path, route_handler handler) {
    loop_->routes().add(path, std::move(handler));
  }
  /// Answers requests that have no route: 404 unless set.
  void otherwise(route_handler handler) {
    loop_->routes().otherwise(std::move(handler));
  }

  // --- Verbs.

  /// The application did something outside a hook: have it drained and sent, soon.
  void wake() noexcept {
    loop_->wake();
  }
  /// While `wanted`, nothing is read from any peer: for who has more to do than he can keep. Pongs and
  /// requests are not read either, so a pause as long as one of the timeouts costs sessions. Of shards it is
  /// their own.
  void pause_reading(bool wanted) noexcept {
    loop_->pause_reading(wanted);
  }
  /// Closes the sessions one by one, in random order, the last one `within` that time, and calls `done` when
  /// that has passed or none is left; again if it throws. Of several calls the first counts, and none after
  /// close().
  void close_sessions(duration within, unique_function<void()> done) {
    loop_->close_sessions(within, std::move(done));
  }
  /// Stops listening, closes every session, and every connection when its answer has left. What is left after
  /// `grace` is cut. The io_context then runs out of work.
  void close(duration grace = std::chrono::seconds(5)) {
    loop_->close(grace);
  }

  // --- Queries.

  /// The time of this turn; what to tell the engine within a hook. Elsewhere take net::now().
  [[nodiscard]] time_point turn_time() const noexcept {
    return loop_->now();
  }
  /// Within on_drain: the POST that carried the messages being pulled; null when they came over a WebSocket.
  [[nodiscard]] http_request const* current_request() const noexcept {
    return loop_->request();
  }
  [[nodiscard]] bool reading_paused() const noexcept {
    return loop_->reads_nothing();
  }
  /// Connections that are open, or not yet closed by their peers.
  [[nodiscard]] std::size_t connections() const noexcept {
    return loop_->connections();
  }

  [[nodiscard]] engineio::server& engine() const noexcept {
    return loop_->engine();
  }

 private:
  tl::expected<impl::stream_protocol::endpoint, std::error_code> open_listener(
      impl::stream_protocol::endpoint const& at, tls_context tls);

  ref<impl::loop> loop_;
};

inline tl::expected<impl::stream_protocol::endpoint, std::error_code> engine_host::open_listener(
    impl::stream_protocol::endpoint const& at, tls_context tls) {
  if (loop_->closing()) return tl::unexpected(std::make_error_code(std::errc::operation_canceled));
  ref<impl::listener> const fresh(new impl::listener(*loop_, std::move(tls)));
  std::error_code failure = fresh->open(at);
  auto const bound = failure ? impl::stream_protocol::endpoint{} : fresh->local_endpoint(failure);
  if (failure) {
    fresh->close();
    return tl::unexpected(failure);
  }
  loop_->listeners().push_back(fresh);
  fresh->wait();
  return bound;
}

inline tl::expected<asio::ip::tcp::endpoint, std::error_code> engine_host::listen(
    asio::ip::tcp::endpoint const& at, tls_context tls) {
  return open_listener(at, std::move(tls)).map([](auto const& bound) { return impl::to_tcp(bound); });
}

}  // namespace siokit::inline v0::net
