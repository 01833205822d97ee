// siokit/engineio/address_quota.hpp - what one address may have and do.   SPDX-License-Identifier: MIT
// Counts what each address holds, and how fast it comes. A client with IPv6 has 2^64 addresses, so there it
// is the network of 64 bits that counts. Pure; who holds nothing and has been quiet is forgotten.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "siokit/core/error.hpp"
#include "siokit/core/rate_limit.hpp"

namespace siokit::inline v0::engineio {

/// Stands for an address of IPv4, or for a network of IPv6. Zero: for nobody, such as the peer of a Unix
/// socket, who is not limited.
using network_key = std::uint64_t;

namespace impl {
inline constexpr network_key ipv4_mark = network_key{0xFFFF} << 48;  // no host has such an address of IPv6

/// Such as 192.0.2.1. Zero when it is none.
[[nodiscard]] inline network_key ipv4_key(std::string_view text) noexcept {
  std::uint32_t bits = 0;
  for (int part = 0; part < 4; ++part) {
    std::uint8_t value = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc()) return 0;
    bits = bits << 8 | value;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (part == 3) break;
    if (!text.starts_with('.')) return 0;
    text.remove_prefix(1);
  }
  return text.empty() ? ipv4_mark | bits : 0;
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

/// Such as 2001:db8::1. Zero when it is none.
[[nodiscard]] inline network_key ipv6_key(std::string_view text) noexcept {
  text = text.substr(0, text.find('%'));  // the zone of a link-local address
  std::array<std::uint16_t, 8> all{}, last{};
  auto const gap = text.find("::");
  int const before = read_groups(text.substr(0, gap), all);
  int const after = gap == text.npos ? 0 : read_groups(text.substr(gap + 2), last);
  if (before < 0 || after < 0 || (gap == text.npos ? before != 8 : before + after > 7)) return 0;
  std::copy_n(last.begin(), after, all.end() - after);
  network_key key = 0;
  for (std::size_t i = 0; i < 4; ++i) key = key << 16 | all[i];
  bool const holds_ipv4 = key == 0 && all[4] == 0 && all[5] == 0xFFFF;
  if (holds_ipv4) return ipv4_mark | network_key{all[6]} << 16 | all[7];
  return key == 0 ? 1 : key;  // such as ::1
}
}  // namespace impl

/// Who an address, in its usual text form and without a port, is counted as. Zero for none; what is not
/// understood stands for itself.
[[nodiscard]] inline network_key network_of(std::string_view address) noexcept {
  if (address.empty()) return 0;
  auto const dot = address.find('.');
  auto const colon = address.rfind(':');
  bool const ipv4_inside = dot != address.npos && colon != address.npos;  // such as ::ffff:192.0.2.1
  if (auto const key = impl::ipv4_key(ipv4_inside ? address.substr(colon + 1) : address)) return key;
  if (auto const key = impl::ipv6_key(address)) return key;
  network_key hash = 0xCBF2'9CE4'8422'2325;  // FNV-1a
  for (char const c : address) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
  return hash == 0 ? 1 : hash;
}

/// How many things each address holds. Outlives the places it has given.
class address_quota {
 public:
  /// One of the things that an address holds. Given back when it is destroyed.
  class place {
   public:
    place() noexcept = default;
    place(place&& other) noexcept : of_(std::exchange(other.of_, nullptr)), who_(other.who_) {}
    place& operator=(place other) noexcept {
      std::swap(of_, other.of_);
      std::swap(who_, other.who_);
      return *this;
    }
    ~place() {
      if (of_ != nullptr) of_->leave(who_);
    }

   private:
    friend class address_quota;
    place(address_quota& of, network_key who) noexcept : of_(&of), who_(who) {}

    address_quota* of_ = nullptr;
    network_key who_ = 0;
  };

  /// One more for this address. Errors, remote: `too_many` when it holds `max` already; handshake_rate when
  /// it comes faster than `rate`.
  [[nodiscard]] result<place> enter(network_key who, std::size_t max, errc too_many, rate_limit const& rate,
                                    time_point now) {
    if (who == 0) return place();
    if (now >= sweep_at_) sweep(now);
    holder& one = holders_[who];
    if (one.count >= max) return remote_error(too_many);
    if (!one.rate.take(rate, 1, now)) return remote_error(errc::handshake_rate);
    ++one.count;
    return place(*this, who);
  }
  /// Addresses that are known now.
  [[nodiscard]] std::size_t size() const noexcept { return holders_.size(); }

 private:
  struct holder {
    std::size_t count = 0;
    token_bucket rate;
  };
  static constexpr auto sweep_interval = std::chrono::seconds(10);

  void leave(network_key who) noexcept {
    if (auto const found = holders_.find(who); found != holders_.end()) --found->second.count;
  }
  void sweep(time_point now) {
    std::erase_if(holders_,
                  [now](auto const& each) { return each.second.count == 0 && each.second.rate.full(now); });
    sweep_at_ = later(now, sweep_interval);
  }

  std::unordered_map<network_key, holder> holders_;
  time_point sweep_at_{duration::min()};
};

}  // namespace siokit::inline v0::engineio
