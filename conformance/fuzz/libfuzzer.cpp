// One program for all targets of libFuzzer: the name it is called by says which, as in `fuzz-json`.
#include "fuzz/target.hpp"

namespace {
fuzz::target const* chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** words) {
  std::string_view name = (*words)[0];
  name.remove_prefix(name.rfind('/') + 1);
  if (name.starts_with("fuzz-")) name.remove_prefix(5);
  chosen = fuzz::find(name);
  if (chosen != nullptr) return 0;
  std::fprintf(stderr, "call it by the name of a target, such as fuzz-json\n");
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  chosen->run({reinterpret_cast<char const*>(data), size});
  return 0;
}
