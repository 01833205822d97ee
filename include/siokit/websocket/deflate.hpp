// siokit/websocket/deflate.hpp - what is agreed about compression.   SPDX-License-Identifier: MIT
// Spec: RFC 7692, sections 5 and 7.1.  In: values of Sec-WebSocket-Extensions, options. Out: what is agreed.
// The codec itself is the host's (net/deflate.hpp has zlib).
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "siokit/websocket/handshake.hpp"

namespace siokit::inline v0::websocket {

/// What a client of siokit asks for: no contexts, so that an idle connection owns no window.
inline constexpr std::string_view deflate_offer =
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// How a connection compresses, in the words of the RFC. Windows are base 2 logarithms, 8 to 15; what a
/// server compresses with 8 can't be made by zlib, so that 9 is the least there.
struct deflate_parameters {
  bool server_no_context_takeover = true;
  bool client_no_context_takeover = true;
  std::uint8_t server_max_window_bits = 15;
  std::uint8_t client_max_window_bits = 15;
};

namespace impl {
/// The parameters of one offer or answer, as they stand there.
struct deflate_words {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<std::uint8_t> server_max_window_bits{};
  std::optional<std::uint8_t> client_max_window_bits{};  // 0: named without a value
};

/// 8 to 15, in quotes or not; else nothing.
[[nodiscard]] constexpr std::optional<std::uint8_t> read_window_bits(std::string_view value) noexcept {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (value == "8" || value == "9") return static_cast<std::uint8_t>(value[0] - '0');
  if (value.size() != 2 || value[0] != '1' || value[1] < '0' || value[1] > '5') return std::nullopt;
  return static_cast<std::uint8_t>(10 + value[1] - '0');
}

/// Takes what stands before the next `end`, without blanks around it, from the front of `list`.
[[nodiscard]] constexpr std::string_view take_part(std::string_view& list, char end) noexcept {
  std::size_t const size = std::min(list.find(end), list.size());
  std::string_view const part = trimmed(list.substr(0, size));
  list.remove_prefix(std::min(size + 1, list.size()));
  return part;
}

/// Nothing, if one is unknown, has a wrong value, or comes twice.
[[nodiscard]] constexpr std::optional<deflate_words> read_deflate_words(std::string_view list) noexcept {
  deflate_words out;
  do {
    std::string_view value = take_part(list, ';');
    std::string_view const name = take_part(value, '=');
    bool good = false;
    if (name == "server_no_context_takeover") {
      good = value.empty() && !std::exchange(out.server_no_context_takeover, true);
    } else if (name == "client_no_context_takeover") {
      good = value.empty() && !std::exchange(out.client_no_context_takeover, true);
    } else if (name == "server_max_window_bits" || name == "client_max_window_bits") {
      bool const of_client = name[0] == 'c';
      auto& bits = of_client ? out.client_max_window_bits : out.server_max_window_bits;
      bool const first = !bits;
      bits = of_client && value.empty() ? std::uint8_t{0} : read_window_bits(value);
      good = first && bits;
    }
    if (!good) return std::nullopt;
  } while (!list.empty());
  return out;
}
}  // namespace impl

/// A server's choice among the offers of a client.
struct deflate_choice {
  deflate_parameters agreed;
  std::string answer;  ///< the value of Sec-WebSocket-Extensions
};

/// The first offer that can be taken, narrowed to what the server is ready for; nothing: decline. An offer
/// that makes no sense is passed over, as the RFC wants it.
[[nodiscard]] inline std::optional<deflate_choice> choose_deflate(std::string_view offers,
                                                                  deflate_parameters const& ready) {
  while (!offers.empty()) {
    std::string_view offer = impl::take_part(offers, ',');
    if (impl::take_part(offer, ';') != "permessage-deflate") continue;
    auto const asked = offer.empty() ? impl::deflate_words{} : impl::read_deflate_words(offer);
    if (!asked || asked->server_max_window_bits == 8) continue;
    deflate_choice out{ready, "permessage-deflate"};
    auto const& [no_server_context, no_client_context, server_bits, client_bits] = *asked;
    out.agreed.server_no_context_takeover |= no_server_context;
    out.agreed.client_no_context_takeover |= no_client_context;
    out.agreed.server_max_window_bits = std::min(ready.server_max_window_bits, server_bits.value_or(15));
    // One who did not say that he can be limited must not be.
    out.agreed.client_max_window_bits = !client_bits ? 15
                                        : *client_bits == 0
                                            ? ready.client_max_window_bits
                                            : std::min(ready.client_max_window_bits, *client_bits);
    if (out.agreed.server_no_context_takeover) out.answer += "; server_no_context_takeover";
    if (out.agreed.client_no_context_takeover) out.answer += "; client_no_context_takeover";
    if (server_bits || out.agreed.server_max_window_bits < 15) {
      out.answer += "; server_max_window_bits=" + std::to_string(out.agreed.server_max_window_bits);
    }
    if (out.agreed.client_max_window_bits < 15) {
      out.answer += "; client_max_window_bits=" + std::to_string(out.agreed.client_max_window_bits);
    }
    return out;
  }
  return std::nullopt;
}

/// Reads a server's answer to deflate_offer. False: it declines, nothing is compressed. Error, remote:
/// ws_bad_handshake, if it answers what was not offered, or names something twice.
[[nodiscard]] constexpr result<bool> read_deflate_answer(std::string_view extensions) noexcept {
  if (extensions.empty()) return false;
  if (impl::take_part(extensions, ';') != "permessage-deflate") return remote_error(errc::ws_bad_handshake);
  auto const words = impl::read_deflate_words(extensions);
  // It must keep to what was asked, and may not ask for what was not offered.
  if (!words || !words->server_no_context_takeover || words->client_max_window_bits)
    return remote_error(errc::ws_bad_handshake);
  return true;
}

}  // namespace siokit::inline v0::websocket
