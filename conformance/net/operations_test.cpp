// What operators need: an orderly end, Unix sockets, proxies in front.
#include <sys/stat.h>

#include <fstream>

#include "net/host_world.hpp"
#include "siokit/net/server.hpp"

namespace net_operations_test {

using namespace siokit::test;
using namespace std::chrono_literals;
using siokit::net::trusted_proxies;

std::string const handshake_target = "/socket.io/?EIO=4&transport=polling";

/// One request and its answer on a socket of any kind.
template <class Protocol>
std::string ask(siokit::server& io, typename Protocol::endpoint const& at, std::string const& request) {
  asio::basic_stream_socket<Protocol> socket(io.context());
  socket.connect(at);
  asio::write(socket, asio::buffer(request));
  socket.non_blocking(true);
  std::string in;
  run_until(io.context(), [&] {
    char buffer[4096];
    std::error_code failure;
    in.append(buffer, socket.read_some(asio::buffer(buffer), failure));
    return failure == asio::error::eof || in.find("\r\n\r\n") != in.npos;
  });
  return in;
}

TEST(Operations, DrainClosesSessionsOneByOne) {
  siokit::server io({.host = "127.0.0.1", .port = 0});
  auto const at = io.listen({asio::ip::address_v4::loopback(), 0});
  for (int i = 0; i < 40; ++i) ask<tcp>(io, *at, get(handshake_target));
  ASSERT_EQ(io.engine().size(), 40u);
  auto const begin = std::chrono::steady_clock::now();
  io.drain(1s, 1s);
  tcp::socket late(io.context());
  std::error_code failure;
  late.connect(*at, failure);
  EXPECT_TRUE(failure) << "it listens no more";
  // A polling session that is asked to close may wait for a poll to say so, but is open no more.
  auto const open = [&] {
    std::size_t count = 0;
    for (auto const each : io.engine().sessions()) count += io.engine().find(each)->open() ? 1 : 0;
    return count;
  };
  auto const passed = [&begin] { return std::chrono::steady_clock::now() - begin; };
  for (int const left : {30, 20, 10}) {
    EXPECT_TRUE(run_until(io.context(), [&] { return open() <= static_cast<std::size_t>(left); }));
    EXPECT_GE(passed(), 1s * (40 - left) / 40 - 50ms) << "evenly";
  }
  EXPECT_TRUE(run_until(io.context(), [&] { return io.engine().size() == 0; }));
}

TEST(Operations, DrainWithNobodyIsClose) {
  siokit::server io({.host = "127.0.0.1", .port = 0});
  ASSERT_TRUE(io.listen());
  io.drain(1h);
  io.run();  // returns
  EXPECT_EQ(io.engine().size(), 0u);
}

#ifdef ASIO_HAS_LOCAL_SOCKETS
using local = asio::local::stream_protocol;

struct socket_file {
  std::string path = ::testing::TempDir() + "siokit-test.sock";
  [[nodiscard]] bool exists() const {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0;
  }
  ~socket_file() { ::unlink(path.c_str()); }
};

TEST(Operations, UnixSockets) {
  socket_file const file;
  {
    siokit::server io({.host = "unix:" + file.path});
    EXPECT_EQ(io.listen(), "unix:" + file.path);
    EXPECT_TRUE(file.exists());
    EXPECT_TRUE(
        ask<local>(io, local::endpoint(file.path), get(handshake_target)).starts_with("HTTP/1.1 200 "));
    siokit::server second({.host = "unix:" + file.path});
    EXPECT_EQ(second.listen().error(), "cannot listen on unix:" + file.path + ": Address already in use");
    io.close();
    EXPECT_FALSE(file.exists()) << "it goes with its listener";
  }
  for (std::string const& path : {std::string(), std::string(108, 'x')}) {
    EXPECT_NE(siokit::server({.host = "unix:" + path}).listen().error().find("host"), std::string::npos);
  }
  EXPECT_NE(
      siokit::server({.host = "unix:/x", .tls_cert = "a", .tls_key = "b"}).listen().error().find("tls_cert"),
      std::string::npos);
  EXPECT_NE(siokit::server({.host = "unix:/nonexistent/x"}).listen().error().find("/nonexistent/x"),
            std::string::npos);
}

TEST(Operations, OnlyAbandonedSocketFilesAreReplaced) {
  socket_file const file;
  {
    asio::io_context context;
    local::acceptor abandoned(context, local::endpoint(file.path));
  }
  ASSERT_TRUE(file.exists());
  {
    siokit::server io({.host = "unix:" + file.path});
    EXPECT_TRUE(io.listen());
    io.close();
  }
  std::ofstream(file.path) << "data";
  siokit::server io({.host = "unix:" + file.path});
  EXPECT_FALSE(io.listen());
  std::string kept;
  std::ifstream(file.path) >> kept;
  EXPECT_EQ(kept, "data");
}
#endif

TEST(Operations, TrustedProxies) {
  trusted_proxies proxies;
  EXPECT_TRUE(proxies.empty());
  for (auto const* good : {"127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "::ffff:172.16.0.0/108"}) {
    EXPECT_TRUE(proxies.add(good));
  }
  for (auto const* bad : {"", "localhost", "10.0.0.0/33", "10.0.0/8", "1.2.3.4/"})
    EXPECT_FALSE(proxies.add(bad));
  struct {
    std::string_view peer, forwarded, client;
  } const cases[] = {
      {"8.8.8.8", "1.1.1.1", "8.8.8.8"},
      {"127.0.0.1", "", "127.0.0.1"},
      {"127.0.0.1", "1.1.1.1", "1.1.1.1"},
      {"127.0.0.1", "6.6.6.6, 1.1.1.1, 10.1.2.3", "1.1.1.1"},
      {"::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"},
      {"fd12::1", "1.1.1.1 ,\tfd00::7", "1.1.1.1"},
      {"127.0.0.1", "1.1.1.1, unknown", "127.0.0.1"},
      {"127.0.0.1", "10.0.0.1,10.0.0.2", "10.0.0.1"},
      {"172.31.0.1", "1.1.1.1", "1.1.1.1"},
      {"::ffff:172.31.0.1", "1.1.1.1", "1.1.1.1"},
      {"172.32.0.1", "1.1.1.1", "172.32.0.1"},
      {"", "1.1.1.1", ""},
  };
  for (auto const& [peer, forwarded, client] : cases) {
    EXPECT_EQ(proxies.client_of(peer, forwarded), client) << peer << " <- " << forwarded;
  }
  EXPECT_TRUE(proxies.add("unix"));
  EXPECT_EQ(proxies.client_of("", "1.1.1.1"), "1.1.1.1");
}

TEST(Operations, AHandshakeHasTheAddressThatATrustedProxyNames) {
  siokit::server io({.host = "127.0.0.1", .port = 0, .trusted_proxies = {"127.0.0.0/8"}});
  std::vector<std::string> seen;
  io.allow_request([&](siokit::engineio::request_head const& head, siokit::admission given) {
    seen.emplace_back(head.remote_address());
    given.accept();
  });
  auto const at = io.listen({asio::ip::address_v4::loopback(), 0});
  ask<tcp>(io, *at, get(handshake_target, "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n"));
  ask<tcp>(io, *at, get(handshake_target));
  EXPECT_EQ(seen, (std::vector<std::string>{"1.2.3.4", "127.0.0.1"}));
  EXPECT_NE(siokit::server({.trusted_proxies = {"proxy"}}).listen().error().find("trusted_proxies"),
            std::string::npos);
}

}  // namespace net_operations_test
