// What is fuzzed: functions of bytes that end the program when what must hold of any input does not.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fuzz {

/// A decoder, or a sequence of calls, that is given arbitrary bytes.
struct target {
  std::string_view name;
  void (*run)(std::string_view input);
};

[[nodiscard]] std::span<target const> text_targets();
[[nodiscard]] std::span<target const> packet_targets();
[[nodiscard]] std::span<target const> transport_targets();
[[nodiscard]] std::span<target const> session_targets();
[[nodiscard]] std::span<target const> binding_targets();
[[nodiscard]] std::span<target const> net_text_targets();
[[nodiscard]] std::span<target const> official_targets();

/// The target of this name, null when there is none.
[[nodiscard]] target const* find(std::string_view name);

inline void require(bool holds, char const* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// Takes an input apart: a number here, some text there. When it is used up there are zeros and empty texts.
class reader {
 public:
  explicit reader(std::string_view input) noexcept : rest_(input) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    auto const first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  [[nodiscard]] std::size_t below(std::size_t count) noexcept { return byte() % count; }
  /// As long as the next byte says; in memory of its own, so that a read behind its end is found.
  [[nodiscard]] std::string text() {
    std::size_t const wanted = byte();
    std::size_t const size = std::min(wanted, rest_.size());
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] std::string_view rest() noexcept { return std::exchange(rest_, {}); }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
