// A user of siokit::net: everything that it stands on is there, with nothing else asked for.
#include <llhttp.h>
#include <openssl/ssl.h>
#include <zlib.h>

#include <asio/io_context.hpp>
#include <siokit/version.hpp>

int main() {
  asio::io_context loop;
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  return loop.poll() == 0 && OPENSSL_VERSION_NUMBER != 0 && zlibVersion()[0] == '1' ? 0 : 1;
}
