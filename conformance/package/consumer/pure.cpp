// A user of the pure layers.
#include <siokit/engineio/packet.hpp>

int main() {
  auto const packet = siokit::engineio::decode_packet({siokit::frame_kind::text, "2probe"});
  return packet && packet->data.data == "probe" ? 0 : 1;
}
