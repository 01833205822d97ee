// siokit/hub/dynamic.hpp - namespaces that come to be when a client asks for them.
// SPDX-License-Identifier: MIT
// A parent namespace has a matcher in place of a name. The first one whose matcher accepts the name that a
// client asks for makes a child of that name. What is registered on the parent holds for all its children.
#pragma once

#include <string>

#include "siokit/core/ids.hpp"
#include "siokit/core/unique_function.hpp"
#include "siokit/hub/handler.hpp"
#include "siokit/hub/lifeline.hpp"

namespace siokit::inline v0::hub {

class server;

/// The answer of a matcher, to be given once, now or later. Move-only. One that is dropped does not match.
class nsp_decision {
 public:
  nsp_decision(nsp_decision&&) noexcept = default;
  nsp_decision& operator=(nsp_decision&&) = delete;
  ~nsp_decision() {
    if (hub_.get() != nullptr) drop();
  }

  /// The namespace exists, and is made if need be: the client goes on to its middleware.
  void accept();
  /// The next parent is asked; when there is none, the client hears "Invalid namespace".
  void deny();

 private:
  friend class server;
  nsp_decision(lifeline_ref<server> hub, handle session, std::string name, std::string auth,
               std::size_t parent) noexcept
      : hub_(std::move(hub)),
        session_(session),
        name_(std::move(name)),
        auth_(std::move(auth)),
        parent_(parent) {}
  /// A destructor must run no handler: the others are asked in the next turn.
  void drop() noexcept;

  lifeline_ref<server> hub_;
  handle session_;
  std::string name_;
  std::string auth_;
  std::size_t parent_;
};

/// Decides about a name, which begins with '/', and the auth payload: a JSON object, or empty.
using nsp_matcher = unique_function<void(std::string_view name, std::string_view auth, nsp_decision)>;

namespace impl {
/// f(name, auth, decision), or bool f(name).
template <class Callable>
[[nodiscard]] nsp_matcher make_matcher(Callable&& callable) {
  if constexpr (std::is_invocable_r_v<bool, Callable&, std::string_view>) {
    return [call = std::forward<Callable>(callable)](std::string_view name, std::string_view,
                                                     nsp_decision decide) mutable {
      call(name) ? decide.accept() : decide.deny();
    };
  } else {
    return nsp_matcher(std::forward<Callable>(callable));
  }
}
}  // namespace impl

}  // namespace siokit::inline v0::hub
