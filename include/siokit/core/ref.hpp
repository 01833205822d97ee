// siokit/core/ref.hpp - shared ownership with the count inside the object.   SPDX-License-Identifier: MIT
// One pointer per reference and four bytes per object, where a shared_ptr needs two and a control block.
// Plain count: everything that is shared here belongs to one loop, that is one thread.
#pragma once

#include <cstdint>
#include <utility>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

template <class T>
class ref;

/// Base of what `ref` can own.
class counted {
 public:
  counted() noexcept = default;
  counted(counted const&) = delete;
  counted& operator=(counted const&) = delete;

 protected:
  ~counted() = default;

 private:
  template <class T>
  friend class ref;
  std::uint32_t references_ = 0;
};

/// Keeps its object alive; the last one deletes it.
template <class T>
class ref {
 public:
  ref() noexcept = default;
  explicit ref(T* object) noexcept : object_(object) {
    if (object_ != nullptr) ++object_->references_;
  }
  ref(ref const& other) noexcept : ref(other.object_) {}
  ref(ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ref& operator=(ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~ref() {
    if (object_ != nullptr && --object_->references_ == 0) delete object_;
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace siokit::inline v0
