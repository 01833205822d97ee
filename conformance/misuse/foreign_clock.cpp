// A time point of another clock is not a siokit time point.   error: (cannot convert|no known conversion|could not convert)
#include "siokit/core/time.hpp"

siokit::time_point deadline(std::chrono::steady_clock::time_point host) {
#ifdef RIGHT
  return siokit::time_point(host.time_since_epoch());
#else
  return siokit::earliest(siokit::never, host);
#endif
}
