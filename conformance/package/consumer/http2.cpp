// A user of siokit::http2.
#include <siokit/net/http2.hpp>
#include <siokit/net/server.hpp>

int main() {
  siokit::server io{{.host = "127.0.0.1", .port = 0, .http = {.http2 = siokit::net::http2()}}};
  if (!io.listen()) return 1;
  io.close();
  io.run();
}
