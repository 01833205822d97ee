// siokit/net/client.hpp - a Socket.IO client, ready to run.   SPDX-License-Identifier: MIT
// Puts together the pure client and its host on an io_context. Not thread safe but for post(): one client
// belongs to the thread that runs its io_context. It may be destroyed at any moment, inside its own handlers
// too: connections end at once, no handler is called any more, what waits completes with operation_aborted.
#pragma once

#include <asio/async_result.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <thread>

#include "siokit/hub/client.hpp"
#include "siokit/net/client_host.hpp"
#include "siokit/net/hook.hpp"
#include "siokit/net/operation.hpp"
#include "siokit/net/report.hpp"
#include "siokit/siokit.hpp"

namespace siokit::inline v0::net {

class client_socket;

/// An event that waits for its acknowledgement: begun by a call with a completion token of the signature
/// void(std::error_code, Results...). Move-only, used once. `Results` own what they hold, and have a default.
template <class... Results>
class ack_operation {
 public:
  template <class Token>
  auto operator()(Token&& token) &&;

 private:
  friend class client_socket;
  friend class client_emit;
  ack_operation(client_socket& to, hub::client_emit how, std::string event, result<socketio::owned_args> args)
      : socket_(&to), how_(how), event_(std::move(event)), args_(std::move(args)) {}

  client_socket* socket_;
  hub::client_emit how_;
  std::string event_;
  result<socketio::owned_args> args_;
};

/// socket.timeout(5s), socket.volatile_(), or both.
class client_emit : public hub::client_emit {
 public:
  [[nodiscard]] client_emit timeout(duration within) const noexcept {
    return {*socket_, hub::client_emit::timeout(within)};
  }
  [[nodiscard]] client_emit volatile_() const noexcept { return {*socket_, hub::client_emit::volatile_()}; }
  template <class... Results, class... Args>
  [[nodiscard]] ack_operation<Results...> emit_with_ack(std::string_view event, Args const&... args) const;

 private:
  friend class client_socket;
  client_emit(client_socket& to, hub::client_emit how) noexcept : hub::client_emit(how), socket_(&to) {}

  client_socket* socket_;
};

class client_socket : public hub::client_socket {
 public:
  client_socket(hub::client& owner, std::uint32_t nsp, impl::executor at);
  ~client_socket() override { *alive_ = nullptr; }

  using hub::client_socket::connect;
  /// The same. Completes with void(std::error_code) when the namespace is joined, at the first failure (the
  /// client goes on trying, if it reconnects), or with operation_aborted after disconnect(). The detail is in
  /// last_error() and last_error_text().
  template <class Token>
  auto connect(Token&& token);
  void disconnect() override;

  /// Sends an event when called with a completion token: void(std::error_code, Results...).
  template <class... Results, class... Args>
  [[nodiscard]] ack_operation<Results...> emit_with_ack(std::string_view event, Args const&... args) {
    return client_emit(*this, hub::client_socket::plain()).emit_with_ack<Results...>(event, args...);
  }
  [[nodiscard]] client_emit timeout(duration within) noexcept {
    return {*this, hub::client_socket::timeout(within)};
  }
  [[nodiscard]] client_emit volatile_() noexcept { return {*this, hub::client_socket::volatile_()}; }

  /// Where completion handlers run that name no executor.
  [[nodiscard]] impl::executor executor() const noexcept { return executor_; }

 private:
  friend class client;
  template <class... Results>
  friend class ack_operation;

  struct connect_operation {
    unique_function<void(std::error_code)> complete;
    mutable unique_function<bool()> done;
  };
  void settle_connects(std::error_code outcome);
  [[nodiscard]] std::shared_ptr<client_socket*> alive() const noexcept { return alive_; }

  impl::executor executor_;
  std::vector<connect_operation> connects_;
  std::shared_ptr<client_socket*> alive_ = std::make_shared<client_socket*>(this);
};

namespace impl {

/// What outlives a client that is destroyed by its own handler.
class client_core final : public counted {
 public:
  /// `auth`: of every socket, JSON or nothing.
  client_core(asio::io_context& context, client_target target, socketio::client_config wanted,
              std::string auth)
      : config(std::move(wanted)),
        manager(config, seed(),
                [at = context.get_executor(), auth = std::move(auth)](hub::client& owner, std::uint32_t nsp) {
                  std::unique_ptr<hub::client_socket> out = std::make_unique<client_socket>(owner, nsp, at);
                  if (!auth.empty()) static_cast<void>(out->auth(auth));
                  return out;
                }),
        host(new client_host(context, std::move(target), manager.session())) {
    host->on_drain = [this](time_point now) {
      ref<client_core> const self(this);
      while (!drain(now)) {
      }
    };
    host->on_failure = [this](std::string text) { manager.describe(std::move(text)); };
    manager.on_wake([this] {
      host->wake();
      return net::now();
    });
  }
  ~client_core() { host->stop(); }

  void stop() noexcept {
    host->stop();
    manager.abandon();
  }

  socketio::client_config const config;
  hub::client manager;
  ref<client_host> host;
  hook<void(std::exception_ptr)> on_handler_error;

 private:
  [[nodiscard]] static std::uint64_t seed() {
    std::uint64_t out = 0;
    random_bytes({reinterpret_cast<std::uint8_t*>(&out), sizeof out});
    return out;
  }
  /// False: a handler has thrown, and there may be more to do.
  bool drain(time_point now) noexcept {
    try {
      manager.drain(now);
      return true;
    } catch (...) {
      auto const failure = std::current_exception();
      on_handler_error ? on_handler_error(failure) : report(failure);
    }
    return !host->running();
  }
};

}  // namespace impl

namespace impl {
/// That of a client without one of the caller's.
struct own_context : asio::io_context {
  using asio::io_context::io_context;
  std::optional<asio::executor_work_guard<executor_type>> work{};  // of the thread of its own
};
}  // namespace impl

class client {
 public:
  /// A client on the caller's io_context, which outlives it and is run by one thread. The path of `url`, if
  /// it has one, names the namespace that socket() means. What is wrong with URL or options: see valid().
  client(asio::io_context& context, std::string_view url, client_options options = {}) {
    start(context, url, std::move(options));
  }
  /// A client with an io_context of its own, to be run by run() or run_in_background().
  explicit client(std::string_view url, client_options options = {})
      : own_context_(std::make_shared<impl::own_context>(1)) {
    start(*own_context_, url, std::move(options));
  }
  client(client const&) = delete;
  client& operator=(client const&) = delete;
  ~client();

  /// A sentence about what is wrong with the URL or an option; then every connect() fails with it.
  [[nodiscard]] tl::expected<void, std::string> const& valid() const noexcept { return valid_; }

  /// The socket of a namespace, made on first use; without a name that of the URL. Lives as long as this.
  [[nodiscard]] client_socket& socket(std::string_view name = {});
  /// Disconnects every socket. What was emitted before is still sent.
  void close();

  /// Runs the io_context until nothing is left to do, as after close().
  void run() {
    auto const kept = own_context_;  // a handler may destroy the client
    asio::io_context& context = *context_;
    if (context.stopped()) context.restart();
    context.run();
  }
  /// Runs the client's own io_context on a thread of its own, until the client is destroyed, which waits for
  /// it, and for a name that is being looked up: the system's resolver can't be interrupted. From then on
  /// post() is the only verb for other threads.
  void run_in_background();
  /// Calls `f()` on the thread of the client, soon. The one verb that may be used from any thread.
  template <class Callable>
  void post(Callable&& f) {
    asio::post(*context_, [alive = alive_, call = std::forward<Callable>(f)]() mutable {
      if (*alive) call();
    });
  }

  // Events of the connection: see hub::client.

  template <class F>
  listener_id on_open(F&& f) {
    return manager().on_open(std::forward<F>(f));
  }
  template <class F>
  listener_id on_error(F&& f) {
    return manager().on_error(std::forward<F>(f));
  }
  template <class F>
  listener_id on_ping(F&& f) {
    return manager().on_ping(std::forward<F>(f));
  }
  template <class F>
  listener_id on_upgrade(F&& f) {
    return manager().on_upgrade(std::forward<F>(f));
  }
  template <class F>
  listener_id on_close(F&& f) {
    return manager().on_close(std::forward<F>(f));
  }
  template <class F>
  listener_id on_reconnect_attempt(F&& f) {
    return manager().on_reconnect_attempt(std::forward<F>(f));
  }
  template <class F>
  listener_id on_reconnect(F&& f) {
    return manager().on_reconnect(std::forward<F>(f));
  }
  template <class F>
  listener_id on_reconnect_error(F&& f) {
    return manager().on_reconnect_error(std::forward<F>(f));
  }
  template <class F>
  listener_id on_reconnect_failed(F&& f) {
    return manager().on_reconnect_failed(std::forward<F>(f));
  }
  template <class F>
  void on_bad_arguments(F&& f) {
    manager().on_bad_arguments(
        [call = std::forward<F>(f)](hub::client_socket& s, std::string_view event, error why) mutable {
          call(static_cast<client_socket&>(s), event, why);
        });
  }
  void off(listener_id which) noexcept { core_->manager.off(which); }
  /// Hears of exceptions that left a handler. Must not throw. Default: a line on stderr.
  void on_handler_error(unique_function<void(std::exception_ptr)> callable) {
    core_->on_handler_error = std::move(callable);
  }

  /// The transport in use, nullopt while there is none.
  [[nodiscard]] std::optional<engineio::transport> transport() const noexcept {
    auto const* engine = core_->manager.session().engine();
    return engine != nullptr && engine->is_open() ? std::optional(engine->current()) : std::nullopt;
  }
  [[nodiscard]] asio::io_context& context() noexcept { return *context_; }
  [[nodiscard]] hub::client& manager() noexcept { return core_->manager; }

 private:
  void start(asio::io_context& context, std::string_view url, client_options options);

  std::shared_ptr<impl::own_context> own_context_;  // shared with the thread, which ends last
  asio::io_context* context_ = nullptr;
  tl::expected<void, std::string> valid_;
  std::string default_nsp_ = "/";
  ref<impl::client_core> core_;
  // Shared with posted calls, which may outlive the client; written by the client's thread alone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

// client.

inline void client::start(asio::io_context& context, std::string_view text, client_options options) {
  context_ = &context;
  impl::client_target target;
  socketio::client_config config;
  auto const set = [this](auto& into, auto&& from) {
    if (from) {
      into = std::move(*from);
    } else if (valid_) {
      valid_ = tl::unexpected(from.error());
    }
  };
  set(target.server, parse_url(text));
  if (!options.proxy.empty()) set(target.proxy, parse_url(options.proxy));
  set(config, options.config(target.server));
  if (target.server.secure) set(target.tls, options.make_tls());
  if (target.proxy && target.proxy->secure && valid_) {
    valid_ = tl::unexpected(std::string("proxy: expected http, TLS to a proxy is not supported"));
  }
  if (!valid_) config.reconnection = false;
  if (target.server.path.size() > 1) default_nsp_ = target.server.path;
  target.headers = std::move(options.extra_headers);
  target.keep_cookies = options.with_credentials;
  target.message_bytes_max = options.max_message_bytes;
  target.tls_verify = options.tls_verify;
  target.deflate = options.per_message_deflate;
  target.deflate_threshold = options.deflate_threshold;
  if (!valid_) target.refused = valid_.error();
  core_ = ref<impl::client_core>(
      new impl::client_core(context, std::move(target), std::move(config), std::move(options.auth)));
}

inline client::~client() {
  // The thread ends before what it works on; a handler of its own can't wait for it, and goes on.
  bool const joins = thread_.joinable() && thread_.get_id() != std::this_thread::get_id();
  if (joins) {
    own_context_->stop();
    thread_.join();
  } else if (thread_.joinable()) {
    own_context_->work.reset();  // it ends when the operations that are aborted now have completed
    thread_.detach();
  }
  *alive_ = false;
  core_->stop();
  if (!joins) return;
  own_context_->restart();
  own_context_->poll();  // operations that were aborted complete
}

inline client_socket& client::socket(std::string_view name) {
  return static_cast<client_socket&>(manager().socket(name.empty() ? default_nsp_ : name));
}

inline void client::close() {
  manager().close();
}

inline void client::run_in_background() {
  SIOKIT_ASSERT(own_context_ && !thread_.joinable());
  own_context_->work.emplace(own_context_->get_executor());
  thread_ = std::thread([context = own_context_] { context->run(); });
}

// client_socket.

inline client_socket::client_socket(hub::client& owner, std::uint32_t nsp, impl::executor at)
    : hub::client_socket(owner, nsp), executor_(std::move(at)) {
  on_connect([this] { settle_connects({}); });
  on_disconnect([this](disconnect_reason why) {                  // before it was joined
    if (why == disconnect_reason::io_client_disconnect) return;  // disconnect() has settled those before it
    settle_connects(make_error_code(last_error().code == errc::ok ? errc::not_connected : last_error().code));
  });
  on_connect_error([this](connect_error const& why) {
    settle_connects(make_error_code(why.refused() ? errc::refused : why.detail.code));
  });
}

inline void client_socket::settle_connects(std::error_code outcome) {
  for (auto& each : std::exchange(connects_, {})) each.complete(outcome);
}

inline void client_socket::disconnect() {
  hub::client_socket::disconnect();
  settle_connects(asio::error::operation_aborted);
}

template <class Token>
auto client_socket::connect(Token&& token) {
  return asio::async_initiate<Token, void(std::error_code)>(
      [this](auto&& handler) {
        auto waiting = impl::make_operation<>(std::forward<decltype(handler)>(handler), executor_);
        if (connected()) return waiting->complete({});
        std::erase_if(connects_, [](connect_operation const& each) { return each.done(); });
        connects_.push_back({[waiting](std::error_code outcome) { waiting->complete(outcome); },
                             [waiting] { return waiting->done(); }});
        connect();
      },
      token);
}

template <class... Results, class... Args>
ack_operation<Results...> client_emit::emit_with_ack(std::string_view event, Args const&... args) const {
  return {*socket_, *this, std::string(event), socketio::own_args(args...)};
}

template <class... Results>
template <class Token>
auto ack_operation<Results...>::operator()(Token&& token) && {
  static_assert((std::is_default_constructible_v<Results> && ...), "a failure has results too: empty ones");
  static_assert((!hub::impl::is_view<Results> && ...), "results are kept: take std::string and its like");
  return asio::async_initiate<Token, void(std::error_code, Results...)>(
      [self = std::move(*this)](auto&& handler) mutable {
        auto waiting = impl::make_operation<Results...>(std::forward<decltype(handler)>(handler),
                                                        self.socket_->executor());
        auto const fail = [&waiting](error why) {
          waiting->complete(make_error_code(why.code), Results()...);
        };
        if (!self.args_) return fail(self.args_.error());
        auto const sent =
            self.how_.emit(self.event_, *self.args_, [waiting](std::error_code failure, Results... results) {
              waiting->complete(failure, std::move(results)...);
            });
        if (!sent) return fail(sent.error());
        // Cancelled, the acknowledgement is not waited for any more.
        waiting->on_cancel([to = self.socket_->alive(), ack = self.socket_->last_ack()] {
          if (*to != nullptr) (*to)->forget(ack);
        });
      },
      token);
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::client;
using net::client_socket;
}  // namespace siokit::inline v0
