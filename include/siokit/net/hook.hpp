// siokit/net/hook.hpp - one callable of the application, which may replace itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include "siokit/core/unique_function.hpp"

namespace siokit::inline v0::net {

/// A callable that goes on existing while it runs, whatever is put in its place. Copies share it.
template <class Signature>
class hook {
 public:
  hook() noexcept = default;
  hook(unique_function<Signature> call)
      : call_(call ? std::make_shared<unique_function<Signature>>(std::move(call)) : nullptr) {}

  explicit operator bool() const noexcept { return call_ != nullptr; }

  /// Precondition: there is one.
  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    auto const kept = call_;
    return (*kept)(std::forward<Args>(args)...);
  }

 private:
  std::shared_ptr<unique_function<Signature>> call_;
};

}  // namespace siokit::inline v0::net
