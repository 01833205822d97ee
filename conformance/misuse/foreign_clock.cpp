// Time points of other clocks do not fit.   error: cannot convert|no known conversion|could not convert
#include "siokit/core/time.hpp"

siokit::time_point deadline(std::chrono::steady_clock::time_point host) {
#ifdef RIGHT
  return siokit::time_point(host.time_since_epoch());
#else
  return siokit::earliest(siokit::never, host);
#endif
}
