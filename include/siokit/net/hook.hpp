// siokit/net/hook.hpp - one callable of the application, which may replace itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "siokit/core/ref.hpp"
#include "siokit/core/unique_function.hpp"

namespace siokit::inline v0::net {

/// A callable that goes on existing while it runs, whatever is put in its place. Copies share it.
template <class Signature>
class hook {
 public:
  hook() noexcept = default;
  hook(unique_function<Signature> call) : kept_(call ? new shared(std::move(call)) : nullptr) {}

  explicit operator bool() const noexcept { return static_cast<bool>(kept_); }

  /// Precondition: there is one.
  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    auto const kept = kept_;
    return kept->call(std::forward<Args>(args)...);
  }

 private:
  struct shared final : counted {
    explicit shared(unique_function<Signature> given) noexcept : call(std::move(given)) {}
    unique_function<Signature> call;
  };
  ref<shared> kept_;
};

}  // namespace siokit::inline v0::net
