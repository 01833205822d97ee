#include "fuzz/target.hpp"

namespace fuzz {

target const* find(std::string_view name) {
  for (auto const group : {text_targets(), packet_targets(), transport_targets(), session_targets(),
                           binding_targets(), net_text_targets(), official_targets()}) {
    for (target const& each : group) {
      if (each.name == name) return &each;
    }
  }
  return nullptr;
}

}  // namespace fuzz
