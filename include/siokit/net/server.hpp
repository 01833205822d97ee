// siokit/net/server.hpp - a Socket.IO server, ready to run.   SPDX-License-Identifier: MIT
// Puts together the Engine.IO server, the hub and the binding on an io_context. All verbs of hub::server are
// its own. Not thread safe but for post(): one server belongs to the thread that runs its io_context.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <exception>
#include <stdexcept>
#include <string>

#include "siokit/net/client_files.hpp"
#include "siokit/net/random.hpp"
#include "siokit/net/report.hpp"
#include "siokit/net/server_options.hpp"
#include "siokit/net/tls_context.hpp"
#include "siokit/siokit.hpp"

namespace siokit::inline v0::net {

namespace impl {
/// What must exist before the hub: its base class, so that it is made first and destroyed last.
struct server_parts {
  server_parts(asio::io_context* given, server_options wanted)
      : settings(std::move(wanted)),
        own_context(given == nullptr ? std::make_unique<asio::io_context>(ASIO_CONCURRENCY_HINT_UNSAFE_IO)
                                     : nullptr),
        context(given == nullptr ? *own_context : *given),
        sessions(settings.engine()) {}

  server_options settings;
  std::unique_ptr<asio::io_context> own_context;
  asio::io_context& context;
  engineio::server sessions;
  std::vector<std::shared_ptr<void>> kept;
};

/// A call of server::after().
struct server_timer {
  server_timer(executor const& at, duration delay) : clock(at, delay) {}
  void cancel() noexcept {
    cancelled = true;  // its handler may be on its way already
    clock.cancel();
  }
  steady_timer clock;
  bool cancelled = false;
};

class shard_bus;
}  // namespace impl

class server : private impl::server_parts, public hub::server {
 public:
  /// A server with an io_context of its own, to be run by run().
  explicit server(server_options options = {}) : server(nullptr, std::move(options)) {}
  /// A server on the caller's io_context, which outlives it and is run by one thread.
  server(asio::io_context& context, server_options options = {}) : server(&context, std::move(options)) {}
  /// Not inside a handler: those are its own.
  ~server() {
    cancel_timers();
    *alive_ = nullptr;
  }

  /// Opens the listener of the options. Returns its URL; on failure one line that says what and why.
  [[nodiscard]] tl::expected<std::string, std::string> listen();
  /// The URL that listen() returned; empty before.
  [[nodiscard]] std::string const& url() const noexcept { return url_; }
  /// Opens a listener, plain or TLS, as many as wanted; that of the options then opens only by listen(). Port
  /// 0 takes a free one. Returns where it listens; invalid_argument when an option is wrong.
  [[nodiscard]] tl::expected<asio::ip::tcp::endpoint, std::error_code> listen(
      asio::ip::tcp::endpoint const& at, tls_context tls = {}) {
    if (!prepare()) return tl::unexpected(std::make_error_code(std::errc::invalid_argument));
    auto bound = host_.listen(at, std::move(tls));
    listening_ |= bound.has_value();
    return bound;
  }
  /// Listens, unless listen() was called, and runs the io_context until nothing is left to do after close().
  /// Throws std::runtime_error when it can't listen.
  void run();
  /// Stops listening, disconnects every socket (`server shutting down`), withdraws what after() has pending,
  /// and lets connections end within `grace`.
  void close(duration grace = std::chrono::seconds(5));

  /// Takes over a connection that another HTTP server of this program has begun: see engine_host::attach().
  /// What was prepared by listen() is prepared here: invalid_argument when an option is wrong.
  template <class Socket>
  std::error_code attach(Socket socket, attached_request const& first, bool upgraded = false) {
    if (!prepare()) return std::make_error_code(std::errc::invalid_argument);
    return host_.attach(std::move(socket), first, upgraded);
  }

  /// Ends without a rush of clients elsewhere: stops listening, refuses new sessions, and closes those that
  /// are open one by one, in random order, the last one `within` that time. Then as close().
  void drain(duration within, duration grace = std::chrono::seconds(5));
  /// Reads the files of tls_cert and tls_key again: new connections get the new certificate. On failure one
  /// line that names option and file; all stays as it was.
  [[nodiscard]] tl::expected<void, std::string> reload_tls();

  /// Calls `f()` on the thread of the server, soon. The one verb that may be used from any thread.
  template <class Callable>
  void post(Callable&& f) {
    asio::post(context(), [alive = alive_, call = std::forward<Callable>(f)]() mutable {
      if (*alive != nullptr) (*alive)->guarded_turn(call);
    });
  }
  /// Names a call of after(), to be cancelled.
  class timer {
   public:
    void cancel() noexcept {
      if (auto const pending = timer_.lock()) pending->cancel();
    }

   private:
    friend class server;
    std::weak_ptr<impl::server_timer> timer_;
  };
  /// Calls `f()` after `delay`, unless the server is closed or gone by then.
  template <class Callable>
  timer after(duration delay, Callable&& f);

  /// Keeps what belongs to the server until its last handler and socket are gone.
  void keep(std::shared_ptr<void> what) { kept.push_back(std::move(what)); }
  /// Answers plain HTTP at this path: "/health", "POST /users", "/users/{id}"; see engine_host::route(). A
  /// handler that throws answers 500.
  void route(std::string_view path, route_handler handler);
  using header_hook = engine_host::header_hook;
  /// Adds a middleware for requests to the engine: `io.engine.use` of the official server. One that throws
  /// fails.
  void use_engine(request_middleware middleware) {
    host_.use([this, call = std::move(middleware)](http_request const& in, request_next next) mutable {
      guarded_turn([&] { call(in, std::move(next)); });
    });
  }
  /// May change a copy of the option cors for one request. One that throws leaves it as it was.
  void on_cors(unique_function<void(engineio::cors_options&, engineio::request const&)> callable) {
    host_.on_cors([this, call = std::move(callable)](auto& options, auto const& in) mutable {
      guarded_turn([&] { call(options, in); });
    });
  }
  /// Hears of requests that are refused, with code, message and context: the event of the official engine.
  void on_connection_error(
      unique_function<void(engineio::request const&, engineio::refusal const&)> callable) {
    host_.on_connection_error([this, call = std::move(callable)](auto const& in, auto const& why) mutable {
      guarded_turn([&] { call(in, why); });
    });
  }
  /// Adds headers to every answer of the engine, or to the answer of each handshake alone.
  void on_headers(header_hook callable) { host_.on_headers(guarded_hook(std::move(callable))); }
  void on_initial_headers(header_hook callable) {
    host_.on_initial_headers(guarded_hook(std::move(callable)));
  }
  /// Hears of exceptions that left a handler, and of the socket it ran for, null when there is none, as for a
  /// middleware: its client is refused. The connection of a socket is closed afterwards. Must not throw.
  /// Default: a line on stderr.
  void on_handler_error(unique_function<void(std::exception_ptr, hub::socket*)> callable) {
    on_error_ = std::move(callable);
  }

  /// The server of a socket. Precondition: it is one of this class.
  [[nodiscard]] static server& owning(hub::socket& s) noexcept { return owning(s.nsp().server()); }
  [[nodiscard]] static server& owning(hub::server& hub) noexcept {
    auto& io = static_cast<server&>(hub);
    SIOKIT_ASSERT(io.runs_tasks_);
    return io;
  }
  /// To be called with what a coroutine that ran for a socket has thrown, null when it has ended well.
  [[nodiscard]] auto on_end_of_task(hub::socket& s) {
    return [alive = alive_, at = s.ref()](std::exception_ptr const& failure) {
      if (*alive != nullptr && failure) (*alive)->report(failure, at);
    };
  }

  [[nodiscard]] asio::io_context& context() noexcept { return impl::server_parts::context; }
  [[nodiscard]] engine_host& host() noexcept { return host_; }

 private:
  friend class shards;
  friend class impl::shard_bus;
  server(asio::io_context* given, server_options wanted);

  /// Runs user code; what it throws goes to on_handler_error. False when it threw.
  template <class Callable>
  bool guarded(Callable&& call) noexcept;
  void report(std::exception_ptr const& failure, hub::socket_ref const& at_fault) noexcept;
  void give_up(handle session) noexcept;
  /// The same in a turn of the hub, for code that runs for no socket.
  template <class Callable>
  bool guarded_turn(Callable&& call) noexcept {
    return guarded([&] { in_turn(call); });
  }
  [[nodiscard]] header_hook guarded_hook(header_hook callable);
  void cancel_timers() noexcept;
  void begin_drain(duration within, unique_function<void()> done);
  /// Before the first listener: are the options good, and what of them is to be read?
  [[nodiscard]] tl::expected<void, std::string> prepare();

  engine_host host_;
  hook<void(std::exception_ptr, hub::socket*)> on_error_;
  // Shared with posted calls, which may outlive the server; written by the server's thread alone.
  std::shared_ptr<server*> alive_ = std::make_shared<server*>(this);
  std::vector<std::weak_ptr<impl::server_timer>> timers_;
  tls_context tls_;  // of the listener of the options
  std::string url_;  // the same
  bool prepared_ = false;
  bool listening_ = false;
  bool closed_ = false;
};

inline server::server(asio::io_context* given, server_options wanted)
    : impl::server_parts(given, std::move(wanted)),
      hub::server(impl::server_parts::sessions, settings.hub(), random_pool{}),
      host_(impl::server_parts::context, impl::server_parts::sessions, settings.binding()) {
  runs_tasks_ = true;
  // Again until nothing throws: what was pending when a handler threw is still to be handled.
  host_.on_drain([this](time_point now) {
    while (!guarded([&] { advance(now); })) {
    }
  });
  host_.on_next_deadline([this] { return next_deadline(); });
  on_wake([this] {
    host_.wake();
    return net::now();
  });
}

template <class Callable>
bool server::guarded(Callable&& call) noexcept {
  try {
    call();
    return true;
  } catch (...) {
    handle const unserved = take_unserved();
    report(std::current_exception(), running());
    if (unserved) give_up(unserved);
    return false;
  }
}

/// What the session said was lost for want of memory. It ends: to go on would be to lie.
inline void server::give_up(handle session) noexcept {
  try {
    if (!engine().refuse(session)) engine().close(session, net::now(), true);
  } catch (...) {  // nor is there any for an answer: the client will have to give up by itself
  }
}

inline void server::report(std::exception_ptr const& failure, hub::socket_ref const& at_fault) noexcept {
  in_turn([&] {  // which the socket outlives, whatever the hook does with it
    if (on_error_) {
      on_error_(failure, at_fault.get());
    } else {
      impl::report(failure);
    }
    if (hub::socket* const s = at_fault.get()) s->close_connection();
  });
}

template <class Callable>
server::timer server::after(duration delay, Callable&& f) {
  if (closed_) return {};
  auto pending = std::make_shared<impl::server_timer>(context().get_executor(), delay);
  std::erase_if(timers_, [](auto const& each) { return each.expired(); });
  timers_.push_back(pending);
  pending->clock.async_wait(
      [pending, alive = alive_, call = std::forward<Callable>(f)](std::error_code) mutable {
        if (!pending->cancelled && *alive != nullptr) (*alive)->guarded_turn(call);
      });
  timer named;
  named.timer_ = pending;
  return named;
}

inline void server::cancel_timers() noexcept {
  for (auto const& each : std::exchange(timers_, {})) {
    if (auto const pending = each.lock()) pending->cancel();
  }
}

inline void server::route(std::string_view path, route_handler handler) {
  host_.route(path, [this, call = std::move(handler)](http_request const& in, http_reply reply) mutable {
    guarded_turn([&] { call(in, std::move(reply)); });
  });
}

inline server::header_hook server::guarded_hook(header_hook callable) {
  if (!callable) return {};
  return [this, call = std::move(callable)](std::vector<owned_header>& headers, engineio::request const& in,
                                            std::string_view sid) mutable {
    guarded_turn([&] { call(headers, in, sid); });
  };
}

inline tl::expected<void, std::string> server::prepare() {
  if (prepared_) return {};
  if (auto problem = invalid_option(settings)) return tl::unexpected(std::move(*problem));
  if (!settings.serve_client.empty()) {
    auto files = read_client_files(settings.serve_client);
    if (!files) return tl::unexpected(std::move(files.error()));
    for (auto& each : *files) {
      host_.route(engineio::normalized_path(settings.path) + std::string(each.name),
                  [file = std::move(each.content)](http_request const& in, http_reply reply) {
                    file.answer(in, std::move(reply));
                  });
    }
  }
  prepared_ = true;
  return {};
}

inline tl::expected<std::string, std::string> server::listen() {
  if (auto const good = prepare(); !good) return tl::unexpected(good.error());
  tls_context tls;
  if (!settings.tls_cert.empty() || !settings.tls_key.empty()) {
    auto made = make_server_context(settings.tls_cert, settings.tls_key);
    if (!made) return tl::unexpected(made.error());
    tls = tls_ = std::move(*made);
  }
  std::error_code failure;
#ifdef ASIO_HAS_LOCAL_SOCKETS
  if (constexpr std::string_view scheme = "unix:"; settings.host.starts_with(scheme)) {
    failure = host_.listen(asio::local::stream_protocol::endpoint(settings.host.substr(scheme.size())));
    if (failure) return tl::unexpected("cannot listen on " + settings.host + ": " + failure.message());
    listening_ = true;
    return url_ = settings.host;
  }
#endif
  bool const anywhere = settings.host.empty();
  auto const address = asio::ip::make_address(anywhere                       ? "::"
                                              : settings.host == "localhost" ? "127.0.0.1"
                                                                             : settings.host,
                                              failure);
  if (failure) return tl::unexpected("host: " + settings.host + " is not an IP address");
  auto bound = listen({address, settings.port}, tls);
  // A machine without IPv6 still has every address of IPv4.
  bool const no_ipv6 = !bound && (bound.error() == std::errc::address_family_not_supported ||
                                  bound.error() == std::errc::address_not_available);
  if (no_ipv6 && anywhere) bound = listen({asio::ip::address_v4::any(), settings.port}, tls);
  std::string const shown = anywhere          ? "127.0.0.1"
                            : address.is_v6() ? "[" + settings.host + "]"
                                              : settings.host;
  if (!bound) {
    std::string const place = anywhere ? std::string("every address, port ") : shown + ":";
    return tl::unexpected("cannot listen on " + place + std::to_string(settings.port) + ": " +
                          bound.error().message());
  }
  listening_ = true;
  return url_ = (tls ? "https://" : "http://") + shown + ":" + std::to_string(bound->port());
}

inline void server::run() {
  if (!listening_) {
    auto const bound = listen();
    if (!bound) throw std::runtime_error(bound.error());
  }
  context().run();
}

inline void server::close(duration grace) {
  closed_ = true;
  while (!guarded([this] { hub::server::close(); })) {
  }
  cancel_timers();
  host_.close(grace);
}

inline void server::drain(duration within, duration grace) {
  begin_drain(within, [this, grace] { close(grace); });
}

inline void server::begin_drain(duration within, unique_function<void()> done) {
  if (closed_) return;
  host_.stop_listening();
  refuse_clients();
  host_.close_sessions(within, std::move(done));
}

inline tl::expected<void, std::string> server::reload_tls() {
  if (!tls_) return tl::unexpected(std::string("tls_cert: this server speaks no TLS"));
  auto made = make_server_context(settings.tls_cert, settings.tls_key);
  if (!made) return tl::unexpected(std::move(made.error()));
  host_.replace_tls(tls_, *made);
  tls_ = std::move(*made);
  return {};
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::server;
using net::server_options;
}  // namespace siokit::inline v0
