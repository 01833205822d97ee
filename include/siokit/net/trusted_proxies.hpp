// siokit/net/trusted_proxies.hpp - whose word counts about an address.   SPDX-License-Identifier: MIT
// Spec: X-Forwarded-For, as proxies write it: each adds the address it saw at the end.  In: networks, the
// header. Out: the address of the client. Owns the networks.
#pragma once

#include <asio/ip/address.hpp>
#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <string>
#include <vector>

#include "siokit/core/header.hpp"

namespace siokit::inline v0::net {

class trusted_proxies {
 public:
  /// Adds an address or a network, such as 127.0.0.1, 10.0.0.0/8 or fd00::/8; or "unix", the clients of Unix
  /// sockets. False when it is none of these.
  [[nodiscard]] bool add(std::string const& text) {
    std::error_code failure;
    if (text == "unix") return unix_ = true;
    bool const network = text.find('/') != text.npos;
    auto const v4 = asio::ip::make_network_v4(network ? text : text + "/32", failure);
    if (!failure) return v4_.push_back(v4), true;
    auto const v6 = asio::ip::make_network_v6(network ? text : text + "/128", failure);
    if (failure) return false;
    if (constexpr unsigned of_mapped = 96; v6.address().is_v4_mapped() && v6.prefix_length() >= of_mapped) {
      auto const inner = asio::ip::make_address_v4(asio::ip::v4_mapped, v6.address());  // as trusts() has it
      v4_.emplace_back(inner, static_cast<unsigned short>(v6.prefix_length() - of_mapped));
    } else {
      v6_.push_back(v6);
    }
    return true;
  }

  [[nodiscard]] bool empty() const noexcept { return !unix_ && v4_.empty() && v6_.empty(); }

  /// Whether this address, empty for the peer of a Unix socket, is one of them.
  [[nodiscard]] bool trusts(std::string_view text) const {
    if (text.empty()) return unix_;
    if (v4_.empty() && v6_.empty()) return false;
    std::error_code failure;
    auto address = asio::ip::make_address(std::string(text), failure);
    if (failure) return false;
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    auto const holds = [](auto const& network, auto const& one) {
      return network.canonical() == decltype(network.canonical())(one, network.prefix_length()).canonical();
    };
    if (address.is_v4()) {
      for (auto const& each : v4_) {
        if (holds(each, address.to_v4())) return true;
      }
      return false;
    }
    for (auto const& each : v6_) {
      if (holds(each, address.to_v6())) return true;
    }
    return false;
  }

  /// `peer`: who has connected, empty over a Unix socket. Returns the last address in `forwarded` that is not
  /// one of a proxy; `peer` when he is none himself. What does not look like an address ends the search.
  [[nodiscard]] std::string_view client_of(std::string_view peer, std::string_view forwarded) const {
    std::string_view client = peer;
    while (trusts(client) && !forwarded.empty()) {
      auto const comma = forwarded.rfind(',');
      std::string_view const last =
          trimmed(comma == forwarded.npos ? forwarded : forwarded.substr(comma + 1));
      std::error_code failure;
      static_cast<void>(asio::ip::make_address(std::string(last), failure));
      if (failure) break;
      client = last;
      forwarded = comma == forwarded.npos ? std::string_view() : forwarded.substr(0, comma);
    }
    return client;
  }

 private:
  std::vector<asio::ip::network_v4> v4_;
  std::vector<asio::ip::network_v6> v6_;
  bool unix_ = false;
};

}  // namespace siokit::inline v0::net
