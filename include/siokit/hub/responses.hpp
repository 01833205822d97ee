// siokit/hub/responses.hpp - the answers to an event that many were asked.   SPDX-License-Identifier: MIT
#pragma once

#include <system_error>
#include <vector>

#include "siokit/core/ref.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

/// In the order in which they came. Owns them.
class responses {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  /// What one recipient has answered. Precondition: index < size().
  [[nodiscard]] socketio::args operator[](std::size_t index) const noexcept { return all_[index].view(); }
  /// The first argument of each answer. Error, remote: that of args::get(); the offset is the index of the
  /// answer.
  template <class T>
  [[nodiscard]] result<std::vector<T>> first() const {
    std::vector<T> out;
    out.reserve(all_.size());
    for (std::size_t i = 0; i < all_.size(); ++i) {
      auto value = all_[i].view().get<T>(0);
      if (!value) return remote_error(value.error().code, i);
      out.push_back(std::move(*value));
    }
    return out;
  }
  void add(socketio::owned_args answer) { all_.push_back(std::move(answer)); }

 private:
  std::vector<socketio::owned_args> all_;
};

/// Called once, when everybody has answered, has been disconnected, or the time is over. The error is
/// errc::timed_out when an answer came too late, errc::not_connected when a recipient left without one; the
/// answers of all others are there in either case.
using responses_handler = unique_function<void(std::error_code, responses const&)>;

struct cluster_message;

namespace impl {
/// What is asked of many, and comes in pieces.
struct awaited : counted {
  virtual ~awaited() = default;
  /// A piece that another server sends, or null and why it does not come. Does not count it; without the
  /// memory for it nothing is changed.
  virtual void take(cluster_message const* piece, std::error_code why) = 0;
  /// All pieces are there.
  virtual void complete() = 0;
  /// One of them is.
  void release() {
    if (--missing == 0) complete();
  }

  std::error_code failure;
  std::size_t missing = 1;  // pieces; who asks is one, until all were asked
};

/// What the recipients of one event answer.
struct gathering final : awaited {
  explicit gathering(responses_handler handler) : call(std::move(handler)) {}

  void take(cluster_message const* piece, std::error_code why) override;  // in cluster_member.hpp
  void complete() override { call(failure, got); }
  void add(std::error_code why, socketio::args const& answer) {
    if (!why) got.add(answer.own());
    if (why && failure != make_error_code(errc::timed_out)) failure = why;
  }
  void settle(std::error_code why, socketio::args const& answer) {
    add(why, answer);
    release();
  }

  responses got;
  responses_handler call;
};
}  // namespace impl

}  // namespace siokit::inline v0::hub
