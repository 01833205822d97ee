// What a server at work asks of the heap, from the bytes of a socket to those of the answer: nothing.
#include <asio/write.hpp>

#include "net/websocket_client.hpp"
#include "siokit/net/server.hpp"
#include "unit/heap.hpp"

namespace net_allocations_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;
using conformance::heap;
using conformance::heap_log;
using conformance::heap_since;

/// A server with one client, who has joined "/". Both are on this thread; only the server is counted.
class stage {
 public:
  stage() {
    io.on("echo", [](siokit::socket&, siokit::args all, siokit::ack reply) { reply(all); });
    client_.connect(*io.listen({asio::ip::address_v4::loopback(), 0}));
    asio::write(client_, asio::buffer(websocket_handshake("/socket.io/?EIO=4&transport=websocket")));
    static_cast<void>(heard(1, "\"maxPayload\""));
    asio::write(client_, asio::buffer(frame_of(websocket::opcodes::text, "40")));
    static_cast<void>(heard(1, "40{"));
  }
  /// Sends `times` events at once, and waits for the answers to all.
  void ask(int times) {
    std::string all;
    for (int i = 0; i < times; ++i)
      all += frame_of(websocket::opcodes::text, R"(421["echo","0123456789abcdef0123456789abcdef"])");
    asio::write(client_, asio::buffer(all));
    EXPECT_TRUE(heard(times, R"(431["0123456789abcdef0123456789abcdef"])"));
  }
  /// How often the server has asked the heap.
  std::size_t allocations = 0;

 private:
  /// Lets the server work until the client has got `word` so many times.
  bool heard(int times, std::string_view word) {
    auto const limit = std::chrono::steady_clock::now() + 10s;
    std::string in;
    for (int got = 0; got < times;) {
      if (std::chrono::steady_clock::now() > limit) return false;
      heap_log const before = heap;
      context_.restart();
      context_.run_one_for(1ms);
      allocations += heap_since(before).allocations;
      std::size_t const old = in.size();
      in.resize(old + client_.available());
      client_.read_some(asio::buffer(in.data() + old, in.size() - old));
      for (std::size_t at; (at = in.find(word)) != std::string::npos; ++got) in.erase(0, at + word.size());
    }
    return true;
  }

  asio::io_context context_{1}, elsewhere_;
  siokit::server io{context_, {}};
  asio::ip::tcp::socket client_{elsewhere_};
};

TEST(net_allocations, an_acknowledged_event_costs_none) {
  stage at;
  for (int const in_flight : {1, 16}) {
    at.ask(in_flight);
    EXPECT_GT(std::exchange(at.allocations, 0), 0u) << "the first has to ask for what stays";
    for (int i = 0; i < 20; ++i) at.ask(in_flight);
    EXPECT_EQ(at.allocations, 0u) << in_flight << " in flight";
  }
}

}  // namespace net_allocations_test
