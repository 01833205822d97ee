// The operators that heap.hpp logs.
#include "unit/heap.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

using conformance::heap;

void* logged_allocation(std::size_t size) noexcept {
  if (heap.fail_after != 0 && --heap.fail_after == 0) return nullptr;
  ++heap.allocations;
  heap.bytes += size;
  return std::malloc(size == 0 ? 1 : size);
}

void* allocate_or_throw(std::size_t size) {
  void* const memory = logged_allocation(size);
#ifdef __cpp_exceptions
  if (memory == nullptr) throw std::bad_alloc();
#else
  if (memory == nullptr) std::abort();
#endif
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) ++heap.releases;
  std::free(memory);
}

}  // namespace

/// Where Asio takes memory for its operations. Not counted, for it is given back by free().
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (heap.fail_after != 0 && --heap.fail_after == 0) return nullptr;
  void* memory = nullptr;
  return ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) == 0 ? memory : nullptr;
}
void* operator new(std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
  return heap.refuse ? nullptr : logged_allocation(size);
}
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept {
  return heap.refuse ? nullptr : logged_allocation(size);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::nothrow_t const&) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::nothrow_t const&) noexcept {
  release(memory);
}
