// siokit/net/awaitable.hpp - listeners that are coroutines.   SPDX-License-Identifier: MIT
// Include it, and a listener of siokit::server may return asio::awaitable<void>. It runs on the thread of
// the server. What it throws goes where the exceptions of other listeners go. Other handlers, such as that
// of on_connection(), take no coroutine, and the compiler says so.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>

#include "siokit/net/server.hpp"

#ifdef ASIO_HAS_CO_AWAIT  // not with Clang 14

template <class Executor>
inline constexpr bool siokit::is_task<asio::awaitable<void, Executor>> = true;

template <class Executor>
struct siokit::hub::handler_result<asio::awaitable<void, Executor>> {
  template <class Keep>
  static void start(socket& s, asio::awaitable<void, Executor> run, Keep keep) {
    net::server& io = net::server::owning(s);
    asio::co_spawn(io.context(), std::move(run),
                   [keep, done = io.on_end_of_task(s)](std::exception_ptr const& failure) { done(failure); });
  }
};

#endif
