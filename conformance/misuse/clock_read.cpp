// The core's clock can't be read.   error: 'now' is not a member of|no member named 'now'
#include "siokit/core/time.hpp"

#ifdef RIGHT
siokit::time_point deadline(siokit::time_point now) {
  return siokit::later(now, std::chrono::seconds(1));
}
#else
siokit::time_point deadline() {
  return siokit::later(siokit::timeline::now(), std::chrono::seconds(1));
}
#endif
