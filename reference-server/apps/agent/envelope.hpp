// What goes to the engine, and what comes from it.   SPDX-License-Identifier: MIT
// Pure. Members that are not known here pass through as they are.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace agent {

using nlohmann::json;

inline constexpr std::size_t id_bytes_max = 256;
inline constexpr std::size_t session_bytes_max = id_bytes_max + 32;  // participant_milliseconds
inline constexpr std::size_t type_bytes_max = 255;                   // it is a routing key of AMQP
inline constexpr std::size_t addresses_max = 10'000;

/// A member that is a text of 1 to `most` bytes, nullptr else.
[[nodiscard]] std::string const* text_member(json const& in, char const* name,
                                             std::size_t most = id_bytes_max);

/// One line for what is wrong with an Event; nullopt if nothing is.
[[nodiscard]] std::optional<std::string> event_problem(json const& event);
/// The same for where a message goes: a list of addresses.
[[nodiscard]] std::optional<std::string> addresses_problem(json const& to);
/// The same for a Message.
[[nodiscard]] std::optional<std::string> message_problem(json const& message);

/// {code, message, eventId?}: what is told of an event that went nowhere.
[[nodiscard]] json refusal_of(json const& event, std::string_view code, std::string_view message);

/// Whether a text fits a pattern, in which `*` is any text and `?` any one byte.
[[nodiscard]] bool fits(std::string_view pattern, std::string_view text) noexcept;

}  // namespace agent
