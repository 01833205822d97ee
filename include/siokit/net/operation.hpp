// siokit/net/operation.hpp - a completion handler that waits for its result.   SPDX-License-Identifier: MIT
// In: any Asio completion handler. Out: one call of it on its executor, never from within the function that
// began the operation or ended it. It completes once: with a result, by cancellation, or with
// operation_aborted when nobody is left to complete it.
#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/error.hpp>
#include <asio/execution/context_as.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>

#include "siokit/core/unique_function.hpp"
#include "siokit/net/socket.hpp"

namespace siokit::inline v0::net::impl {

template <class Handler, class... Results>
class operation : public std::enable_shared_from_this<operation<Handler, Results...>> {
  using handler_executor = asio::associated_executor_t<Handler, executor>;

 public:
  operation(Handler handler, executor const& fallback)
      : handler_(std::move(handler)), at_(asio::get_associated_executor(*handler_, fallback)) {
    // The client itself keeps its io_context running, as long as it has something to do; another one would
    // run out of work.
    using context = asio::execution::context_as_t<asio::execution_context&>;
    if constexpr (asio::can_query_v<handler_executor const&, context>) {
      if (&asio::query(at_, context()) == &asio::query(fallback, context())) return;
    }
    work_.emplace(at_);
  }
  operation(operation const&) = delete;
  operation& operator=(operation const&) = delete;
  ~operation() { complete(asio::error::operation_aborted, Results()...); }

  /// From now on the caller may cancel.
  void begin() {
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([self = this->weak_from_this()](asio::cancellation_type) {
      auto const alive = self.lock();
      if (!alive || alive->done()) return;
      if (alive->on_cancel_) alive->on_cancel_();
      alive->complete(asio::error::operation_aborted, Results()...);
    });
  }
  /// Called when the caller cancels, before the operation completes.
  void on_cancel(unique_function<void()> callable) { on_cancel_ = std::move(callable); }

  [[nodiscard]] bool done() const noexcept { return !handler_; }

  void complete(std::error_code failure, Results... results) {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    asio::post(at_,
               [call = std::move(handler), failure, all = std::make_tuple(std::move(results)...)]() mutable {
                 std::apply([&](auto&... each) { std::move(call)(failure, std::move(each)...); }, all);
               });
    work_.reset();
  }

 private:
  std::optional<Handler> handler_;
  unique_function<void()> on_cancel_;
  handler_executor at_;
  std::optional<asio::executor_work_guard<handler_executor>> work_;
};

template <class... Results, class Handler>
[[nodiscard]] auto make_operation(Handler&& handler, executor const& fallback) {
  using made = operation<std::decay_t<Handler>, Results...>;
  auto out = std::make_shared<made>(std::forward<Handler>(handler), fallback);
  out->begin();
  return out;
}

}  // namespace siokit::inline v0::net::impl
