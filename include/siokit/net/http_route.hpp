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
  std::string route{};  ///< the path of the route that it came to, when that has parameters

  [[nodiscard]] std::string_view path() const noexcept { return target.substr(0, target.find('?')); }
  [[nodiscard]] engineio::query_view query() const noexcept { return engineio::query_view(target); }
  /// What stands in the path where the route has `{name}`, decoded; empty when the route has none.
  [[nodiscard]] std::string parameter(std::string_view name) const;
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
/// The first segment of a path that begins with '/', which is taken off.
[[nodiscard]] inline std::string_view take_segment(std::string_view& path) noexcept {
  auto const end = std::min(path.find('/', 1), path.size());
  std::string_view const segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}
/// "/{name}"
[[nodiscard]] inline bool is_parameter(std::string_view segment) noexcept {
  return segment.starts_with("/{") && segment.ends_with('}');
}
/// Whether a path fits a pattern, whose parameters stand for any text but none.
[[nodiscard]] inline bool fits(std::string_view pattern, std::string_view path) noexcept {
  while (!pattern.empty() && !path.empty()) {
    auto const wanted = take_segment(pattern), found = take_segment(path);
    if (is_parameter(wanted) ? found.size() < 2 : wanted != found) return false;
  }
  return pattern.empty() && path.empty();
}

/// Who answers which path.
class route_table {
 public:
  using handler = hook<void(http_request const&, http_reply)>;

  /// `route`: a path, or a method, a blank and a path.
  void add(std::string_view route, route_handler call) {
    auto const blank = route.find(' ');
    std::string const method(blank == route.npos ? "" : route.substr(0, blank));
    std::string const path(blank == route.npos ? route : route.substr(blank + 1));
    auto& places = path.find("/{") == path.npos ? exact_ : patterns_;
    places[path][method] = std::move(call);
  }
  void otherwise(route_handler call) { otherwise_ = std::move(call); }

  [[nodiscard]] bool has(std::string_view path) const { return place_of(path) != nullptr; }

  struct found {
    handler call{};       ///< none: nobody answers this
    std::string route{};  ///< its path when that has parameters
    std::string allow{};  ///< without a handler: the methods that the path knows, none for an unknown path
  };
  [[nodiscard]] found find(std::string_view method, std::string_view path) const {
    auto const* const place = place_of(path);
    if (place == nullptr) return {otherwise_};
    auto const& [route, methods] = *place;
    for (std::string_view const wanted :
         {method, std::string_view(method == "HEAD" ? "GET" : ""), std::string_view()}) {
      if (auto const known = methods.find(wanted); known != methods.end()) {
        return {known->second, route.find("/{") == route.npos ? std::string() : route};
      }
    }
    found none;
    for (auto const& [name, call] : methods) (none.allow += none.allow.empty() ? "" : ", ") += name;
    return none;
  }

 private:
  using by_method = std::map<std::string, handler, std::less<>>;  // "": any method
  using table = std::map<std::string, by_method, std::less<>>;

  [[nodiscard]] table::value_type const* place_of(std::string_view path) const {
    if (auto const known = exact_.find(path); known != exact_.end()) return &*known;
    for (auto const& each : patterns_) {
      if (fits(each.first, path)) return &each;
    }
    return nullptr;
  }

  table exact_;
  table patterns_;
  handler otherwise_;
};
}  // namespace impl

inline std::string http_request::parameter(std::string_view name) const {
  std::string_view pattern = route, rest = path();
  while (!pattern.empty()) {
    auto const wanted = impl::take_segment(pattern), found = impl::take_segment(rest);
    if (impl::is_parameter(wanted) && wanted.substr(2, wanted.size() - 3) == name) {
      return engineio::percent_decode(found.substr(1), engineio::plus::itself);
    }
  }
  return {};
}

}  // namespace siokit::inline v0::net
