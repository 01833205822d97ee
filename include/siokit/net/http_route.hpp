// siokit/net/http_route.hpp - plain HTTP next to Engine.IO.   SPDX-License-Identifier: MIT
// A handler is given a request and a reply. The reply may be kept and given later, from the same thread; it
// knows by itself when nobody waits for it any more.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "siokit/core/ref.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/engineio/request.hpp"
#include "siokit/net/hook.hpp"

namespace siokit::inline v0::net {

namespace impl {
class loop;
}

using siokit::owned_header;

/// An answer that is there at once.
struct plain_answer {
  std::uint16_t status = 200;
  std::vector<owned_header> headers{};
  std::string body{};
};

/// A whole request. Everything is borrowed until the handler returns.
struct http_request : engineio::request {
  std::string_view body{};

  [[nodiscard]] std::string_view path() const noexcept { return target.substr(0, target.find('?')); }
  [[nodiscard]] engineio::query_view query() const noexcept { return engineio::query_view(target); }
};

/// The right to answer one request, once. Dropped without an answer it answers 500 for you.
class http_reply {
 public:
  http_reply(http_reply&&) noexcept;
  http_reply& operator=(http_reply&&) = delete;
  ~http_reply();

  /// Answers. Content-Length, Connection and Date are added. False: the client is gone.
  bool send(std::uint16_t status, std::string_view body = {}, std::vector<owned_header> headers = {});
  /// The common case: 200 with a body of this type.
  bool send_ok(std::string_view content_type, std::string_view body) {
    return send(200, body, {{"Content-Type", std::string(content_type)}});
  }

 private:
  friend class impl::loop;
  http_reply(impl::loop& owner, std::uint64_t exchange) noexcept;

  ref<impl::loop> loop_;
  std::uint64_t exchange_;
};

/// The right of a middleware to say what becomes of a request for the engine, once, now or later from the
/// same thread. Dropped without a word it fails, so that no client waits for ever.
class request_next {
 public:
  request_next(request_next&&) noexcept;
  request_next& operator=(request_next&&) = delete;
  ~request_next();

  /// Adds a header to whatever this request is answered, 101 included, a refused WebSocket excepted.
  void header(std::string name, std::string value);
  /// Goes on: with the next middleware, or with the engine.
  void operator()();
  /// The client is told `Bad request`, connection_error says MIDDLEWARE_FAILURE.
  void fail();
  /// Answers in place of the engine. False: the client is gone.
  bool answer(plain_answer const& with);

 private:
  friend class impl::loop;
  request_next(impl::loop& owner, std::uint64_t exchange) noexcept;
  void decide(bool good);

  ref<impl::loop> loop_;
  std::uint64_t exchange_;
};

/// Sees requests before the engine does, their bodies not yet read. May throw: as if it had failed, and the
/// exception goes on to io_context::run().
using request_middleware = unique_function<void(http_request const&, request_next)>;

/// May throw: the client is then answered 500 and the exception goes on to io_context::run().
using route_handler = unique_function<void(http_request const&, http_reply)>;

namespace impl {
/// Who answers which path.
class route_table {
 public:
  void add(std::string path, route_handler handler) { exact_[std::move(path)] = std::move(handler); }
  void otherwise(route_handler handler) { otherwise_ = std::move(handler); }

  [[nodiscard]] bool has(std::string_view path) const { return exact_.find(path) != exact_.end(); }
  /// False when there is nothing at `path`.
  [[nodiscard]] hook<void(http_request const&, http_reply)> find(std::string_view path) const {
    auto const known = exact_.find(path);
    return known == exact_.end() ? otherwise_ : known->second;
  }

 private:
  std::map<std::string, hook<void(http_request const&, http_reply)>, std::less<>> exact_;
  hook<void(http_request const&, http_reply)> otherwise_;
};
}  // namespace impl

}  // namespace siokit::inline v0::net
