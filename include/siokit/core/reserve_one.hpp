// siokit/core/reserve_one.hpp - memory for one more element, in advance.   SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// The next push_back onto `list` needs no memory. Grows by doubling, as push_back does: reserve(size() + 1)
/// would copy the list each time.
template <class T>
void reserve_one(std::vector<T>& list) {
  if (list.size() == list.capacity()) list.reserve(list.size() * 2 + 1);
}

}  // namespace siokit::inline v0
