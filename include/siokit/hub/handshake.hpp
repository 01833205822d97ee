// siokit/hub/handshake.hpp - how a client introduced itself.   SPDX-License-Identifier: MIT
// A view over the HTTP request of the Engine.IO handshake and the auth payload of the CONNECT packet.
#pragma once

#include <string>

#include "siokit/engineio/request.hpp"
#include "siokit/socketio/args.hpp"

namespace siokit::inline v0::hub {

/// Borrowed from the socket. What the option keep_handshake drops is empty.
class handshake {
 public:
  handshake(engineio::request_head const* head, std::string_view auth, std::int64_t issued) noexcept
      : head_(head), auth_(auth), issued_(issued) {}

  /// The auth payload: a JSON object, "{}" when the client sent none.
  [[nodiscard]] std::string_view auth() const noexcept { return auth_; }
  /// One member of it: auth<std::string>("token"). Errors, remote: missing_argument unless T is optional,
  /// wrong_argument_type and others of args::get().
  template <class T>
  [[nodiscard]] result<T> auth(std::string_view member) const {
    return read_argument<T>(json_find(auth_, member), {});
  }
  /// A query parameter of the handshake URL, decoded; nullopt when it is absent.
  [[nodiscard]] std::optional<std::string> query(std::string_view key) const {
    std::optional<std::string> found;
    for (auto pairs = query(); auto pair = pairs.next();) {
      if (engineio::percent_decode(pair->key) == key) found = engineio::percent_decode(pair->value);
    }
    return found;
  }
  /// All query parameters, still encoded.
  [[nodiscard]] engineio::query_view query() const noexcept { return engineio::query_view(url()); }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept {
    return head_ == nullptr ? std::nullopt : head_->find(name);
  }
  /// The i-th header, nullopt past the last one.
  [[nodiscard]] std::optional<siokit::header> header_at(std::size_t index) const noexcept {
    return head_ == nullptr ? std::nullopt : head_->header_at(index);
  }
  [[nodiscard]] std::string_view url() const noexcept { return head_ == nullptr ? "" : head_->target(); }
  [[nodiscard]] std::string_view address() const noexcept {
    return head_ == nullptr ? "" : head_->remote_address();
  }
  [[nodiscard]] bool secure() const noexcept { return head_ != nullptr && head_->secure(); }
  /// Whether the request came from a page of another origin.
  [[nodiscard]] bool xdomain() const noexcept { return header("origin").has_value(); }
  /// When the handshake took place: Unix time in milliseconds.
  [[nodiscard]] std::int64_t issued() const noexcept { return issued_; }
  /// The same as a time.
  [[nodiscard]] std::chrono::sys_time<std::chrono::milliseconds> time() const noexcept {
    return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(issued_));
  }

 private:
  engineio::request_head const* head_;
  std::string_view auth_;
  std::int64_t issued_;
};

}  // namespace siokit::inline v0::hub
