// siokit/net/handler_memory.hpp - memory for a handler of Asio that must not be lost for want of memory.
// SPDX-License-Identifier: MIT
// Owned by who posts or waits, one handler at a time; the memory is free again before the handler is called,
// which therefore may use it for the next one.
#pragma once

#include <asio/bind_allocator.hpp>
#include <cstddef>
#include <new>
#include <utility>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

class handler_memory {
 public:
  handler_memory() = default;
  handler_memory(handler_memory const&) = delete;
  handler_memory& operator=(handler_memory const&) = delete;

  /// `handler` with this memory for the operation that calls it. Precondition, when that begins: no other one
  /// has it.
  template <class Handler>
  [[nodiscard]] auto bind(Handler handler) noexcept {
    return asio::bind_allocator(allocator<std::byte>(*this), std::move(handler));
  }

 private:
  template <class T>
  struct allocator {
    using value_type = T;

    explicit allocator(handler_memory& of) noexcept : memory(&of) {}
    template <class U>
    explicit(false) allocator(allocator<U> const& other) noexcept : memory(other.memory) {}
    [[nodiscard]] T* allocate(std::size_t count) {
      static_assert(sizeof(T) <= size && alignof(T) <= alignof(std::max_align_t));
      if (count != 1 || std::exchange(memory->taken_, true)) throw std::bad_alloc();
      return reinterpret_cast<T*>(memory->bytes_);
    }
    void deallocate(T*, std::size_t) noexcept { memory->taken_ = false; }
    template <class U>
    [[nodiscard]] bool operator==(allocator<U> const& other) const noexcept {
      return memory == other.memory;
    }

    handler_memory* memory;
  };

  static constexpr std::size_t size = 256;
  alignas(std::max_align_t) std::byte bytes_[size];
  bool taken_ = false;
};

}  // namespace siokit::inline v0::net::impl
