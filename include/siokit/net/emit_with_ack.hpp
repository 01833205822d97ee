// siokit/net/emit_with_ack.hpp - asks a client and waits for its answer.   SPDX-License-Identifier: MIT
// In: a socket of a server, an event and an Asio completion token. Out: the answer, on the token's terms.
//
//   int n = co_await siokit::emit_with_ack<int>(s.timeout(5s), "how many", "apples")(asio::use_awaitable);
//
// A coroutine takes a socket_ref and asks by it: emit_with_ack<int>(at, "how many"). Clients have
// emit_with_ack() of their own.
#pragma once

#include "siokit/net/operation.hpp"
#include "siokit/net/server.hpp"

namespace siokit::inline v0::net {

/// An event that waits for its acknowledgement: begun by a call with a completion token of the signature
/// void(std::error_code, Results...). Move-only, used once. `Results` own what they hold, and have a default.
template <class... Results>
class question {
 public:
  question(hub::socket_ref to, std::optional<hub::socket_emit> how, std::string event,
           result<socketio::owned_args> args)
      : to_(std::move(to)), how_(how), event_(std::move(event)), args_(std::move(args)) {}

  /// Errors: those of socket::emit() and its callback; gone when the socket is; operation_aborted when the
  /// server is destroyed, or the operation is cancelled. Cancelled, the answer still counts as pending.
  /// Precondition: the socket is one of siokit::server, of which the caller is in a handler or post().
  template <class Token>
  auto operator()(Token&& token) && {
    static_assert((std::is_default_constructible_v<Results> && ...), "a failure has results too: empty ones");
    static_assert((!std::is_same_v<Results, std::string_view> && ...), "results are kept: take std::string");
    return asio::async_initiate<Token, void(std::error_code, Results...)>(
        [self = std::move(*this)](auto&& handler) mutable {
          hub::socket* const to = self.to_.get();
          if (to == nullptr) {
            auto const at = asio::get_associated_executor(handler);
            asio::post(at, [call = std::forward<decltype(handler)>(handler)]() mutable {
              std::move(call)(make_error_code(errc::gone), Results()...);
            });
            return;
          }
          auto waiting = impl::make_operation<Results...>(std::forward<decltype(handler)>(handler),
                                                          server::owning(*to).context().get_executor());
          auto const fail = [&waiting](errc why) { waiting->complete(make_error_code(why), Results()...); };
          if (!self.args_) return fail(self.args_.error().code);
          auto const how = self.how_.value_or(to->compress(true));
          auto const sent =
              how.emit(self.event_, *self.args_, [waiting](std::error_code failure, Results... results) {
                waiting->complete(failure, std::move(results)...);
              });
          if (!sent) fail(sent.error().code);
        },
        token);
  }

 private:
  hub::socket_ref to_;
  std::optional<hub::socket_emit> how_;  // good as long as the socket is
  std::string event_;
  result<socketio::owned_args> args_;
};

template <class... Results, class... Args>
[[nodiscard]] question<Results...> emit_with_ack(hub::socket_emit const& how, std::string_view event,
                                                 Args const&... args) {
  return {how.target().ref(), how, std::string(event), socketio::own_args(args...)};
}
template <class... Results, class... Args>
[[nodiscard]] question<Results...> emit_with_ack(hub::socket_ref const& to, std::string_view event,
                                                 Args const&... args) {
  return {to, std::nullopt, std::string(event), socketio::own_args(args...)};
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
