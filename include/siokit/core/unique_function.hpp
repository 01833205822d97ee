// siokit/core/unique_function.hpp - a callable that may own move-only state.   SPDX-License-Identifier: MIT
// The one type erasure of siokit, used by hub/ and net/ only. Small callables live in place, larger ones on
// the heap.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "siokit/version.hpp"

namespace siokit::inline v0 {

/// Whether a result is something that is still to be run, such as a coroutine: who drops it drops the work. A
/// binding specialises it.
template <class T>
inline constexpr bool is_task = false;

template <class Signature>
class unique_function;

/// Move-only std::function. Calling an empty one is a bug of the caller: test with operator bool.
template <class Result, class... Args>
class unique_function<Result(Args...)> {
 public:
  unique_function() noexcept = default;
  unique_function(std::nullptr_t) noexcept {}

  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, unique_function> &&
           std::is_invocable_r_v<Result, std::decay_t<Callable>&, Args...>)
      unique_function(Callable&& callable) {
    using stored = std::decay_t<Callable>;
    static_assert(!std::is_void_v<Result> || !is_task<std::invoke_result_t<stored&, Args...>>,
                  "this handler takes no coroutine: nobody would run it");
    if constexpr (fits_in_place<stored>) {
      ::new (static_cast<void*>(place_)) stored(std::forward<Callable>(callable));
      table_ = &in_place<stored>;
    } else {
      ::new (static_cast<void*>(place_)) stored*(new stored(std::forward<Callable>(callable)));
      table_ = &on_heap<stored>;
    }
  }

  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  explicit operator bool() const noexcept { return table_ != nullptr; }

  Result operator()(Args... args) { return table_->call(place_, std::forward<Args>(args)...); }

 private:
  struct operations {
    Result (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // to is raw memory; from is destroyed
    void (*destroy)(void*) noexcept;
  };

  static constexpr std::size_t place_size = 3 * sizeof(void*);

  template <class Stored>
  static constexpr bool fits_in_place =
      sizeof(Stored) <= place_size &&
      alignof(Stored) <= alignof(void*) && std::is_nothrow_move_constructible_v<Stored>;

  template <class Stored>
  static constexpr operations in_place{
      [](void* place, Args&&... args) -> Result {
        return static_cast<Result>((*static_cast<Stored*>(place))(std::forward<Args>(args)...));
      },
      [](void* from, void* to) noexcept {
        ::new (to) Stored(std::move(*static_cast<Stored*>(from)));
        static_cast<Stored*>(from)->~Stored();
      },
      [](void* place) noexcept { static_cast<Stored*>(place)->~Stored(); }};

  template <class Stored>
  static constexpr operations on_heap{
      [](void* place, Args&&... args) -> Result {
        return static_cast<Result>((**static_cast<Stored**>(place))(std::forward<Args>(args)...));
      },
      [](void* from, void* to) noexcept { ::new (to) Stored*(*static_cast<Stored**>(from)); },
      [](void* place) noexcept { delete *static_cast<Stored**>(place); }};

  void take(unique_function& other) noexcept {
    table_ = std::exchange(other.table_, nullptr);
    if (table_ != nullptr) table_->move(other.place_, place_);
  }
  void reset() noexcept {
    if (table_ != nullptr) std::exchange(table_, nullptr)->destroy(place_);
  }

  operations const* table_ = nullptr;
  alignas(void*) std::byte place_[place_size];
};

}  // namespace siokit::inline v0
