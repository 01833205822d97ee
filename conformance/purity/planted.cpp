// Shows that purity.py finds an impure function even when nobody calls it.
#include <chrono>

namespace siokit {

inline std::chrono::steady_clock::time_point forbidden() {
  return std::chrono::steady_clock::now();
}

}  // namespace siokit
