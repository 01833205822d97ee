// Times, counted in buckets.   SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <string>

/// Sixteen buckets to each power of two of nanoseconds: percentiles are right within 7 %.
class histogram {
 public:
  using nanoseconds = std::chrono::nanoseconds;

  void add(nanoseconds time) {
    auto const ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 1));
    ++buckets_[bucket_of(ns)];
    ++count_;
    sum_ += ns;
    least_ = std::min(least_, ns);
    most_ = std::max(most_, ns);
  }
  void add(histogram const& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double least_ms() const { return count_ == 0 ? 0 : static_cast<double>(least_) / 1e6; }
  [[nodiscard]] double most_ms() const { return static_cast<double>(most_) / 1e6; }
  [[nodiscard]] double mean_ms() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_) / 1e6;
  }
  /// `share`: from 0 to 1.
  [[nodiscard]] double percentile_ms(double share) const {
    auto const wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return std::clamp(static_cast<double>(upper(i)) / 1e6, least_ms(), most_ms());
    }
    return most_ms();
  }
  /// One line of bars, as wide as there are buckets between the least and the greatest.
  [[nodiscard]] std::string picture() const {
    static constexpr char const* bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                           "\u2585", "\u2586", "\u2587", "\u2588"};
    if (count_ == 0) return {};
    std::uint64_t const highest = *std::max_element(buckets_.begin(), buckets_.end());
    std::string out;
    for (std::size_t i = bucket_of(least_); i <= bucket_of(most_); ++i) {
      out += buckets_[i] == 0 ? " " : bars[buckets_[i] * 7 / highest];
    }
    return out;
  }

 private:
  static constexpr std::size_t per_octave = 16;

  static std::size_t bucket_of(std::uint64_t ns) {
    if (ns < per_octave) return static_cast<std::size_t>(ns);
    auto const octave = static_cast<std::size_t>(std::bit_width(ns)) - 5;
    return octave * per_octave + static_cast<std::size_t>(ns >> octave);
  }
  static std::uint64_t upper(std::size_t bucket) {
    if (bucket < 2 * per_octave) return bucket;
    std::size_t const octave = bucket / per_octave - 1;
    return ((bucket - octave * per_octave) + 1) << octave;
  }

  std::array<std::uint64_t, 64 * per_octave> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t least_ = UINT64_MAX;
  std::uint64_t most_ = 0;
};
