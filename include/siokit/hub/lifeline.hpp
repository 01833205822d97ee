// siokit/hub/lifeline.hpp - a reference that notices the end of what it refers to.
// SPDX-License-Identifier: MIT
// One small counted block per owner. Plain count: belongs to one shard, like everything in a hub.
#pragma once

#include <utility>

#include "siokit/core/bytes.hpp"

namespace siokit::inline v0::hub {

template <class T>
class lifeline;

/// A copyable reference to an owner of a lifeline; null once the owner is gone.
template <class T>
class lifeline_ref {
 public:
  lifeline_ref() noexcept = default;
  lifeline_ref(lifeline_ref const& other) noexcept : block_(other.block_) {
    // The owner holds one, which an analyzer can't see from its users.
    if (block_ != nullptr) ++block_->references;  // NOLINT(clang-analyzer-cplusplus.NewDelete)
  }
  lifeline_ref(lifeline_ref&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  lifeline_ref& operator=(lifeline_ref other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~lifeline_ref() {
    if (block_ != nullptr && --block_->references == 0) delete block_;
  }

  [[nodiscard]] T* get() const noexcept { return block_ == nullptr ? nullptr : block_->target; }

 private:
  friend class lifeline<T>;
  struct block {
    T* target;
    std::size_t references;
  };
  explicit lifeline_ref(block* shared) noexcept : block_(shared) {}

  block* block_ = nullptr;
};

/// Held by the owner; its end turns every reference null.
template <class T>
class lifeline {
 public:
  explicit lifeline(T& owner) : ref_(new typename lifeline_ref<T>::block{&owner, 1}) {}
  lifeline(lifeline const&) = delete;
  lifeline& operator=(lifeline const&) = delete;
  ~lifeline() { ref_.block_->target = nullptr; }

  [[nodiscard]] lifeline_ref<T> const& ref() const noexcept { return ref_; }

 private:
  lifeline_ref<T> ref_;
};

}  // namespace siokit::inline v0::hub
