// siokit/engineio/address_quota.hpp - what one address may have and do.   SPDX-License-Identifier: MIT
// Counts what each address holds, and how fast it comes. A client with IPv6 has 2^64 addresses, so there it
// is the network of 64 bits that counts. Pure; who holds nothing and has been quiet is forgotten.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "siokit/core/error.hpp"
#include "siokit/core/rate_limit.hpp"

namespace siokit::inline v0::engineio {

/// Stands for an address of IPv4, or for a network of IPv6. Zero: for nobody, such as the peer of a Unix
/// socket, who is not limited.
using network_key = std::uint64_t;

namespace impl {
/// The bits of 192.0.2.1, or nothing.
[[nodiscard]] inline std::optional<std::uint32_t> ipv4_bits(std::string_view text) noexcept {
  std::uint32_t bits = 0;
  for (int part = 0; part < 4; ++part) {
    std::uint8_t value = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc()) return std::nullopt;
    bits = bits << 8 | value;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return bits;
}

/// Groups of four hexadecimal digits, joined by colons, up to the end. How many there are, or -1.
[[nodiscard]] inline int read_groups(std::string_view text, std::array<std::uint16_t, 8>& out) noexcept {
  int count = 0;
  while (!text.empty()) {
    if (count == 8) return -1;
    auto const [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), out[static_cast<std::size_t>(count)], 16);
    if (failure != std::errc()) return -1;
    ++count;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) break;
    if (!text.starts_with(':') || text.size() == 1) return -1;
    text.remove_prefix(1);
  }
  return count;
}
}  // namespace impl

/// Who an address, in its usual text form, is counted as. Zero when it is none.
[[nodiscard]] inline network_key network_of(std::string_view address) noexcept {
  constexpr network_key ipv4_mark = network_key{0xFFFF} << 48;  // no host has such an address of IPv6
  address = address.substr(0, address.find('%'));               // the zone of a link-local address
  constexpr std::string_view mapped = "::ffff:";
  std::string_view const inner = address.starts_with(mapped) ? address.substr(mapped.size()) : address;
  if (auto const bits = impl::ipv4_bits(inner)) return ipv4_mark | *bits;
  std::array<std::uint16_t, 8> first{}, last{};
  auto const gap = address.find("::");
  int const before = impl::read_groups(address.substr(0, gap), first);
  int const after = gap == address.npos ? 0 : impl::read_groups(address.substr(gap + 2), last);
  if (before < 0 || after < 0 || (gap == address.npos ? before != 8 : before + after > 7)) return 0;
  for (int i = 0; i < after; ++i) {
    first[static_cast<std::size_t>(8 - after + i)] = last[static_cast<std::size_t>(i)];
  }
  network_key key = 0;
  for (int i = 0; i < 4; ++i) key = key << 16 | first[static_cast<std::size_t>(i)];
  return key == 0 ? 1 : key;  // such as ::1
}

/// How many things each address holds.
class address_quota {
 public:
  /// One more for this address, which has to leave() when it goes. Errors: `too_many` when it holds `max`
  /// already; handshake_rate when it comes faster than `rate`.
  [[nodiscard]] errc enter(network_key who, std::size_t max, errc too_many, rate_limit const& rate,
                           time_point now) {
    if (who == 0) return errc::ok;
    if (now >= sweep_at_) sweep(now);
    holder& one = holders_[who];
    if (one.count >= max) return too_many;
    if (!one.rate.take(rate, 1, now)) return errc::handshake_rate;
    ++one.count;
    return errc::ok;
  }
  void leave(network_key who) noexcept {
    if (auto const found = holders_.find(who); found != holders_.end()) --found->second.count;
  }
  /// Addresses that are known now.
  [[nodiscard]] std::size_t size() const noexcept { return holders_.size(); }

 private:
  struct holder {
    std::size_t count = 0;
    token_bucket rate;
  };
  static constexpr auto sweep_interval = std::chrono::seconds(10);

  void sweep(time_point now) {
    std::erase_if(holders_,
                  [now](auto const& each) { return each.second.count == 0 && each.second.rate.full(now); });
    sweep_at_ = later(now, sweep_interval);
  }

  std::unordered_map<network_key, holder> holders_;
  time_point sweep_at_{duration::min()};
};

}  // namespace siokit::inline v0::engineio
