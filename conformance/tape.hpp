// A recording in memory, and whether it replays.
#pragma once

#include <string>

#include "siokit/engineio/recorder.hpp"
#include "siokit/engineio/replay.hpp"

/// Keeps what a server of the core does.
class tape final : public siokit::engineio::recorder {
 public:
  explicit tape(siokit::engineio::recording_mask mask = siokit::engineio::recording_mask::secrets)
      : recorder(mask) {
    bytes.reserve(64 * 1024);  // for tests in which there is no memory
  }
  std::string bytes;

 private:
  void write(std::string_view more) noexcept override { bytes += more; }
};

/// What is wrong with a recording; empty when it is whole and everything is given out again as it was.
[[nodiscard]] inline std::string problem_of(std::string_view file) {
  if (file.empty()) return {};  // nothing has begun
  auto all = siokit::engineio::replay::open(file);
  if (!all) return "it is none";
  for (;;) {
    auto const step = all->next();
    if (!step) return "bad entry at " + std::to_string(step.error().offset);
    if (!*step) return all->file().cut() ? "it ends early" : "";
    if ((*step)->differs) return "another outcome at " + std::to_string((*step)->offset);
  }
}
