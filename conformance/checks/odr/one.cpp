// Every header in two translation units of one program: whatever is not inline is defined twice.
#include "all_headers.hpp"

siokit::time_point const* never_of_two();

int main() {
  return &siokit::never == never_of_two() ? 0 : 1;
}
