// siokit/net/emit_with_ack.hpp - asks a client and waits for its answer.   SPDX-License-Identifier: MIT
// In: a socket of a server, an event and an Asio completion token. Out: the answer, on the token's terms.
//
//   int n = co_await siokit::emit_with_ack<int>(s, "how many", "apples").timeout(5s)(asio::use_awaitable);
//
// `s` is a socket, or a socket_ref, which coroutines take. Clients have an emit_with_ack() of their own.
#pragma once

#include "siokit/net/operation.hpp"
#include "siokit/net/server.hpp"

namespace siokit::inline v0::net {

/// An event that waits for its acknowledgement: begun by a call with a completion token of the signature
/// void(std::error_code, Results...). Move-only, used once. `Results` own what they hold, and have a default.
template <class... Results>
class question {
 public:
  question(hub::socket_ref to, std::string event, result<socketio::owned_args> args)
      : to_(std::move(to)), event_(std::move(event)), args_(std::move(args)) {}

  /// Fails with errc::timed_out when there is no answer `within` that time.
  [[nodiscard]] question timeout(duration within) && {
    within_ = within;
    return std::move(*this);
  }
  /// Errors: those of socket::emit() and its callback; gone when the socket is; operation_aborted when the
  /// server is destroyed, or the operation is cancelled. Cancelled, the answer still counts as pending.
  /// Preconditions: the socket is one of siokit::server, of which the caller is in a handler or post().
  template <class Token>
  auto operator()(Token&& token) && {
    static_assert((std::is_default_constructible_v<Results> && ...), "a failure has results too: empty ones");
    static_assert((!hub::impl::is_view<Results> && ...), "results are kept: take std::string and its like");
    return asio::async_initiate<Token, void(std::error_code, Results...)>(
        [self = std::move(*this)](auto&& handler) mutable {
          hub::server* const home = self.to_.server();
          if (home == nullptr) {
            auto const at = asio::get_associated_executor(handler);
            asio::post(at, [call = std::forward<decltype(handler)>(handler)]() mutable {
              std::move(call)(make_error_code(errc::gone), Results()...);
            });
            return;
          }
          auto waiting = impl::make_operation<Results...>(std::forward<decltype(handler)>(handler),
                                                          server::owning(*home).context().get_executor());
          auto const fail = [&waiting](errc why) { waiting->complete(make_error_code(why), Results()...); };
          hub::socket* const to = self.to_.get();
          if (to == nullptr) return fail(errc::gone);
          if (!self.args_) return fail(self.args_.error().code);
          auto const sent =
              to->timeout(self.within_)
                  .emit(self.event_, *self.args_, [waiting](std::error_code failure, Results... results) {
                    waiting->complete(failure, std::move(results)...);
                  });
          if (!sent) fail(sent.error().code);
        },
        token);
  }

 private:
  hub::socket_ref to_;
  duration within_ = never - time_point{};
  std::string event_;
  result<socketio::owned_args> args_;
};

template <class... Results, class... Args>
[[nodiscard]] question<Results...> emit_with_ack(hub::socket_ref const& to, std::string_view event,
                                                 Args const&... args) {
  return {to, std::string(event), socketio::own_args(args...)};
}
template <class... Results, class... Args>
[[nodiscard]] question<Results...> emit_with_ack(hub::socket const& to, std::string_view event,
                                                 Args const&... args) {
  return emit_with_ack<Results...>(to.ref(), event, args...);
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::emit_with_ack;
}  // namespace siokit::inline v0
