// A result must be looked at.   error: ignoring return value
#include "siokit/core/error.hpp"

void fail() {
#ifdef RIGHT
  auto const failure = siokit::local_error(siokit::errc::gone);
  static_cast<void>(failure);
#else
  siokit::local_error(siokit::errc::gone);
#endif
}
