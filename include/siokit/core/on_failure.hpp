// siokit/core/on_failure.hpp - what is to be done when a step is broken off.   SPDX-License-Identifier: MIT
// The pure layers catch nothing, for they are built without exceptions too: when memory ends in the middle of
// a step, this leaves things in order. Owns the callable, allocates nothing.
#pragma once

#include <utility>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// Calls `undo()`, which throws nothing, at the end of its scope, unless done() was said.
template <class Undo>
class on_failure {
 public:
  explicit on_failure(Undo undo) noexcept : undo_(std::move(undo)) {}
  on_failure(on_failure const&) = delete;
  on_failure& operator=(on_failure const&) = delete;
  ~on_failure() {
    if (!done_) undo_();
  }

  void done() noexcept { done_ = true; }

 private:
  Undo undo_;
  bool done_ = false;
};

}  // namespace siokit::inline v0
