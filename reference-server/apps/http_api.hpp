// JSON over plain HTTP, for those who bring a token.   SPDX-License-Identifier: MIT
// Answers: 200 and 201 with a JSON body; 400 for what is no JSON, 401 without a token, 403 with a wrong one,
// as {"error": "..."}.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "siokit/net/server.hpp"

namespace apps {

using nlohmann::json;

/// A JSON value with at most siokit::json_depth_default arrays and objects in each other: more would exhaust
/// the stack of who walks through them. nullopt for another text.
[[nodiscard]] std::optional<json> read_json(std::string_view text);

/// Answers with a JSON body.
void answer(siokit::net::http_reply& reply, std::uint16_t status, json const& body);
/// {"error": why}
void answer_error(siokit::net::http_reply& reply, std::uint16_t status, std::string_view why);

/// The token of `Authorization: Bearer T`, empty without one.
[[nodiscard]] std::string_view bearer(std::string_view authorization) noexcept;
/// Compares in a time that tells nothing of the texts but their lengths.
[[nodiscard]] bool same_secret(std::string_view left, std::string_view right) noexcept;
/// `bytes` random bytes of the system, as hexadecimal digits.
[[nodiscard]] std::string random_hex(std::size_t bytes);

using api_handler =
    std::function<void(siokit::net::http_request const&, json const& body, siokit::net::http_reply)>;

/// Adds a route whose requests must bring `token`; none is added when that is empty. `body` is the JSON of
/// the request, null without one.
void api_route(siokit::server& io, std::string const& token, std::string_view route, api_handler handler);

}  // namespace apps
