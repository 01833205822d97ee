// See http_api.hpp.   SPDX-License-Identifier: MIT
#include "http_api.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace apps {
namespace {

std::optional<json> body_of(siokit::net::http_request const& in) {
  return in.body.empty() ? json() : read_json(in.body);
}

}  // namespace

std::optional<json> read_json(std::string_view text) {
  if (!siokit::scan_json(text)) return std::nullopt;
  json value = json::parse(text, nullptr, false);  // which also asks for UTF-8
  return value.is_discarded() ? std::nullopt : std::optional(std::move(value));
}

void answer(siokit::net::http_reply& reply, std::uint16_t status, json const& body) {
  reply.send(status, body.dump(-1, ' ', false, json::error_handler_t::replace),
             {{"Content-Type", "application/json"}});
}

void answer_error(siokit::net::http_reply& reply, std::uint16_t status, std::string_view why) {
  answer(reply, status, {{"error", why}});
}

std::string_view bearer(std::string_view authorization) noexcept {
  constexpr std::string_view scheme = "Bearer ";
  bool const is_bearer = siokit::same_header_name(authorization.substr(0, scheme.size()), scheme);
  return is_bearer ? authorization.substr(scheme.size()) : std::string_view();
}

bool same_secret(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0'), out;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
  for (char const c : raw) {
    unsigned const byte = static_cast<unsigned char>(c);
    for (unsigned const digit : {byte >> 4, byte & 15}) out += "0123456789abcdef"[digit];
  }
  return out;
}

void api_route(siokit::server& io, std::string const& token, std::string_view route, api_handler handler) {
  if (token.empty()) return;
  io.route(route, [token, call = std::move(handler)](siokit::net::http_request const& in,
                                                     siokit::net::http_reply reply) {
    auto const given = bearer(in.find("authorization").value_or(""));
    if (given.empty()) return answer_error(reply, 401, "this route needs Authorization: Bearer TOKEN");
    if (!same_secret(given, token)) return answer_error(reply, 403, "the token is wrong");
    auto const body = body_of(in);
    if (!body) return answer_error(reply, 400, "the body is no JSON");
    call(in, *body, std::move(reply));
  });
}

}  // namespace apps
