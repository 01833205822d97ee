// siokit/engineio/request.hpp - what an HTTP request wants of an Engine.IO server.
// SPDX-License-Identifier: MIT
// Spec: Engine.IO protocol, "HTTP long-polling", and the error table of docs/protocol.md. verify() is a
// pure function from a request and what is known of its session to a route or a refusal.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "siokit/core/error.hpp"
#include "siokit/core/header.hpp"
#include "siokit/engineio/config.hpp"
#include "siokit/engineio/query.hpp"

namespace siokit::inline v0::engineio {

/// A parsed HTTP request, borrowed from the host.
struct request {
  std::string_view method;
  std::string_view target;  ///< path and query, as in the request line
  std::span<header const> headers;
  std::string_view remote_address;
  bool secure = false;     ///< it came over TLS
  bool websocket = false;  ///< a WebSocket handshake, checked by the host

  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (auto const& field : headers) {
      if (same_header_name(field.name, name)) return field.value;
    }
    return std::nullopt;
  }
};

/// An answer instead of service. `code` < 0: an empty body; else a JSON body {"code","message"}.
struct refusal {
  std::uint16_t status = 400;
  std::int8_t code = 3;
  std::string message = "Bad request";
  /// For connection_error: what was wrong, when the code leaves that open. A literal.
  std::string_view context{};
  /// What limit it is, if it is that.
  errc cause = errc::ok;

  /// The JSON that polling clients are told. Messages come from the server's own code, so only quotes,
  /// backslashes and control characters need care.
  [[nodiscard]] std::string body() const {
    if (code < 0) return {};
    std::string text = "{\"code\":" + std::to_string(code) + ",\"message\":\"";
    for (char const c : message) {
      if (c == '"' || c == '\\') text += '\\';
      text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return text + "\"}";
  }
};

namespace refusals {
[[nodiscard]] inline refusal unknown_transport() {
  return {400, 0, "Transport unknown"};
}
[[nodiscard]] inline refusal unknown_sid() {
  return {400, 1, "Session ID unknown"};
}
[[nodiscard]] inline refusal bad_handshake_method() {
  return {400, 2, "Bad handshake method"};
}
[[nodiscard]] inline refusal bad_request(std::string_view context = {}) {
  return {400, 3, "Bad request", context};
}
[[nodiscard]] inline refusal forbidden(std::string message = "Forbidden") {
  return {403, 4, std::move(message)};
}
[[nodiscard]] inline refusal unsupported_version() {
  return {400, 5, "Unsupported protocol version"};
}
/// Of an address that has, or asks for, more than it may.
[[nodiscard]] inline refusal quota(errc which) {
  return {429, 4, "Too many requests", name_of(which), which};
}
/// Of a request that is answered by its status alone.
[[nodiscard]] inline refusal limit(std::uint16_t status, errc which) {
  return {status, -1, {}, name_of(which), which};
}
[[nodiscard]] inline refusal empty(std::uint16_t status) {
  return {status, -1, {}};
}
}  // namespace refusals

enum class route : std::uint8_t {
  handshake,  ///< a new session
  poll,       ///< GET of a polling session
  post,       ///< POST of a polling session
  upgrade,    ///< a WebSocket for a session that polls
};

/// What verify() must know of the session that a request names.
struct session_facts {
  transport current = transport::polling;
  std::uint8_t revision = 4;
};

/// The protocol's parameters in a request target.
struct request_parameters {
  std::optional<transport> wanted;
  std::optional<std::string_view> sid;
  std::uint8_t revision = 3;  ///< without EIO=4 a client is of revision 3
  bool base64_only =
      false;  ///< b64: the client wants no binary frames; any value but none counts, as upstream

  explicit request_parameters(std::string_view target) noexcept {
    query_view query(target);
    while (auto const pair = query.next()) {  // of the same the last one counts
      auto const& [key, value] = *pair;
      if (key == "transport") {
        wanted.reset();
        if (value == "polling") wanted = transport::polling;
        if (value == "websocket") wanted = transport::websocket;
      } else if (key == "sid") {
        sid = value;
      } else if (key == "EIO") {
        revision = value == "4" ? 4 : 3;
      } else if (key == "b64") {
        base64_only = !value.empty();
      }
    }
    if (sid && sid->empty()) sid.reset();
  }
};

/// A header may hold no control characters but TAB.
[[nodiscard]] constexpr bool valid_header_value(std::string_view value) noexcept {
  for (char const c : value) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return false;
  }
  return true;
}

/// The checks of the official server, in its order. That of the revision of a handshake is none of them: it
/// comes after allow_request, in server::admit(). `session`: what is known of the session that the request
/// names, null if it names none or an unknown one.
[[nodiscard]] inline tl::expected<route, refusal> verify(server_config const& config, request const& in,
                                                         request_parameters const& wants,
                                                         session_facts const* session) {
  if (!wants.wanted || !config.transports.has(*wants.wanted))
    return tl::unexpected(refusals::unknown_transport());
  auto const bad_request = [](std::string_view context) {
    return tl::unexpected(refusals::bad_request(context));
  };
  if (!valid_header_value(in.find("origin").value_or(""))) return bad_request("INVALID_ORIGIN");
  bool const asks_for_wire = in.websocket && *wants.wanted == transport::websocket;
  if (in.websocket && !asks_for_wire) return bad_request("TRANSPORT_HANDSHAKE_ERROR");
  if (wants.sid) {
    if (session == nullptr) return tl::unexpected(refusals::unknown_sid());
    if (!in.websocket && session->current != *wants.wanted) return bad_request("TRANSPORT_MISMATCH");
    if (session->revision != wants.revision) return bad_request("PROTOCOL_MISMATCH");
    if (in.websocket) return route::upgrade;
    if (in.method == "GET") return route::poll;
    if (in.method == "POST") return route::post;
    return tl::unexpected(refusals::empty(500));
  }
  if (in.method != "GET") return tl::unexpected(refusals::bad_handshake_method());
  if (*wants.wanted == transport::websocket && !in.websocket) return bad_request("TRANSPORT_HANDSHAKE_ERROR");
  return route::handshake;
}

/// The handshake request of a session, kept in one block and read on access.
class request_head {
 public:
  explicit request_head(request const& in) : secure_(in.secure) {
    std::size_t size = in.method.size() + in.target.size() + in.remote_address.size() + 3;
    for (auto const& field : in.headers) size += field.name.size() + field.value.size() + 2;
    block_.resize(size);
    char* to = block_.data();
    auto const put = [&to](std::string_view text, char end) {
      to += text.copy(to, text.size());
      *to++ = end;
    };
    for (auto const part : {in.method, in.target, in.remote_address}) put(part, '\n');
    for (auto const& field : in.headers) put(field.name, ':'), put(field.value, '\n');
  }

  /// Keeps the request line and the address only, and gives the memory of the rest back.
  void drop_headers() {
    auto const kept = static_cast<std::size_t>(line(2).data() + line(2).size() + 1 - block_.data());
    block_ = std::string(block_, 0, kept);
  }

  [[nodiscard]] std::string_view method() const noexcept { return line(0); }
  [[nodiscard]] std::string_view target() const noexcept { return line(1); }
  [[nodiscard]] std::string_view remote_address() const noexcept { return line(2); }
  [[nodiscard]] bool secure() const noexcept { return secure_; }
  [[nodiscard]] query_view query() const noexcept { return query_view(target()); }

  /// The i-th header, nullopt past the last one.
  [[nodiscard]] std::optional<header> header_at(std::size_t index) const noexcept {
    std::string_view const text = line(3 + index);
    auto const colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    return header{text.substr(0, colon), text.substr(colon + 1)};
  }
  /// The value of the first header of this name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (std::size_t i = 0;; ++i) {
      auto const field = header_at(i);
      if (!field) return std::nullopt;
      if (same_header_name(field->name, name)) return field->value;
    }
  }

 private:
  // Header values hold no line feed: an HTTP parser lets none pass, so lines are a safe container.
  [[nodiscard]] std::string_view line(std::size_t index) const noexcept {
    std::string_view rest = block_;
    for (; index > 0; --index) {
      auto const end = rest.find('\n');
      if (end == std::string_view::npos) return {};
      rest.remove_prefix(end + 1);
    }
    return rest.substr(0, rest.find('\n'));
  }

  std::string block_;
  bool secure_;
};

}  // namespace siokit::inline v0::engineio
