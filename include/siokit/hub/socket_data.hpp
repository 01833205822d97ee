// siokit/hub/socket_data.hpp - one value of any type that an application keeps with a socket.
// SPDX-License-Identifier: MIT
// Without RTTI: the address of a variable per type tells types apart. One allocation, on first use.
#pragma once

#include <utility>

#include "siokit/core/error.hpp"

namespace siokit::inline v0::hub {

class socket_data {
 public:
  socket_data() noexcept = default;
  socket_data(socket_data&& other) noexcept { swap(other); }
  socket_data& operator=(socket_data&& other) noexcept {
    socket_data taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~socket_data() { reset(); }

  /// The value, default constructed when there is none; a value of another type is replaced.
  template <class T>
  [[nodiscard]] T& get() {
    if (type_ != &type_of<T>) {
      reset();
      value_ = new T();
      destroy_ = &destroy<T>;
      type_ = &type_of<T>;
    }
    return *static_cast<T*>(value_);
  }

  void swap(socket_data& other) noexcept {
    std::swap(value_, other.value_);
    std::swap(type_, other.type_);
    std::swap(destroy_, other.destroy_);
  }
  void reset() noexcept {
    type_ = nullptr;
    if (destroy_ != nullptr) std::exchange(destroy_, nullptr)(std::exchange(value_, nullptr));
  }

 private:
  template <class T>
  static void destroy(void* value) noexcept {
    delete static_cast<T*>(value);
  }

  template <class T>
  static inline char type_of = 0;  // functions that do the same may be folded into one, variables may not

  void* value_ = nullptr;
  char const* type_ = nullptr;
  void (*destroy_)(void*) noexcept = nullptr;
};

}  // namespace siokit::inline v0::hub
