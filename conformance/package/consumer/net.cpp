// A user of siokit::net, and of nothing else.
#include <siokit/net/server.hpp>

int main() {
  siokit::server io{{.host = "127.0.0.1", .port = 0}};
  io.of("/").on("say", [](siokit::socket& s, std::string_view text) { s.broadcast().emit("said", text); });
  if (!io.listen()) return 1;
  io.close();
  io.run();
}
