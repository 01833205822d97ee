// siokit/net/socket.hpp - the kinds of Asio objects in use.   SPDX-License-Identifier: MIT
// With the executor's own type in place of any_executor an object is half as large. The protocol is generic:
// TCP now, local sockets the day they are wanted.
#pragma once

#include <algorithm>
#include <array>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstring>
#include <string>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

using executor = asio::io_context::executor_type;
using stream_protocol = asio::generic::stream_protocol;
using stream_socket = asio::basic_stream_socket<stream_protocol, executor>;
using stream_acceptor = asio::basic_socket_acceptor<stream_protocol, executor>;
using steady_timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                                asio::wait_traits<std::chrono::steady_clock>, executor>;

/// A flag of send(): the system may wait for more before a packet leaves.
#ifdef MSG_MORE
inline constexpr int more_follows = MSG_MORE;
#else
inline constexpr int more_follows = 0;
#endif

[[nodiscard]] inline bool is_tcp(stream_protocol::endpoint const& at) noexcept {
  int const family = at.protocol().family();
  return family == asio::ip::tcp::v4().family() || family == asio::ip::tcp::v6().family();
}

/// Precondition: is_tcp(at).
[[nodiscard]] inline asio::ip::tcp::endpoint to_tcp(stream_protocol::endpoint const& at) noexcept {
  asio::ip::tcp::endpoint out;
  std::memcpy(out.data(), at.data(), std::min(at.size(), out.capacity()));
  return out;
}

/// An address as text.
[[nodiscard]] inline std::string text_of(asio::ip::address const& address) {
  if (!address.is_v4()) return address.to_string();
  std::array<char, 16> out;  // Asio has it printed, which takes twenty times as long
  std::size_t size = 0;
  for (std::uint8_t const part : address.to_v4().to_bytes()) {
    auto const put = [&](int digit) { out[size++] = static_cast<char>('0' + digit); };
    if (part >= 100) put(part / 100);
    if (part >= 10) put(part / 10 % 10);
    put(part % 10);
    out[size++] = '.';
  }
  return {out.data(), size - 1};
}

}  // namespace siokit::inline v0::net::impl
