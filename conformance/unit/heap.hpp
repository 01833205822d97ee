// What the heap is asked for by each thread of this program, and when it refuses. heap.cpp has the operators.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace conformance {

struct heap_log {
  std::size_t allocations = 0;
  std::size_t bytes = 0;
  std::size_t releases = 0;
  bool refuse = false;         ///< only allocations that may fail
  std::size_t fail_after = 0;  ///< how many until one fails, which ends this; 0: none fails
};
inline constinit thread_local heap_log heap;

/// What was asked for since `before`.
[[nodiscard]] inline heap_log heap_since(heap_log const& before) noexcept {
  return {heap.allocations - before.allocations, heap.bytes - before.bytes, heap.releases - before.releases};
}

#ifdef __cpp_exceptions
/// Does it; whether an allocation has failed, of which the `n`-th is to.
template <class Action>
bool allocation_fails(std::size_t n, Action&& action) {
  heap.fail_after = n;
  bool thrown = false;
  try {
    action();
  } catch (std::bad_alloc const&) {
    thrown = true;
  }
  return std::exchange(heap.fail_after, 0) == 0 && thrown;
}
#endif

}  // namespace conformance
