// A user of the pure layers: a whole server, without a socket.
#include <siokit/siokit.hpp>

int main() {
  siokit::engineio::server engine{{}};
  siokit::hub::server io(engine, {}, [](std::span<std::uint8_t, 12> id) { id[0] = 1; });
  io.of("/chat").on("say", [](siokit::socket& s, std::string_view text, siokit::ack reply) {
    s.broadcast().emit("said", text);
    reply("ok");
  });
  io.drain(siokit::time_point{});
  return engine.next_deadline() == siokit::never && io.connections() == 0 ? 0 : 1;
}
