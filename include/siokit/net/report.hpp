// siokit/net/report.hpp - the last resort of an exception.   SPDX-License-Identifier: MIT
// One that no hook takes must not vanish: the one place where the library writes to a console.
#pragma once

#include <cstdio>
#include <exception>

#include "siokit/version.hpp"

namespace siokit::inline v0::net::impl {

/// One line on stderr about an exception that left a handler.
inline void report(std::exception_ptr const& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (std::exception const& error) {
    static_cast<void>(std::fprintf(stderr, "siokit: a handler has thrown: %s\n", error.what()));
  } catch (...) {
    static_cast<void>(std::fprintf(stderr, "siokit: a handler has thrown\n"));
  }
}

}  // namespace siokit::inline v0::net::impl
