#include "net/certificate.hpp"
#include "net/websocket_client.hpp"

namespace net_engine_host_tls_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;
namespace opcodes = websocket::opcodes;

net::tls_context client_context() {
  return net::impl::make_tls_context(TLS_client_method());  // verifies nobody
}

/// A client behind TLS: pump() moves bytes both ways.
struct tls_client {
  explicit tls_client(world& home, std::optional<tcp::endpoint> at = {})
      : raw(home, at ? *at : home.listen(server_context())),
        context(client_context()),
        filter(context.get(), net::tls_role::client, "localhost") {}

  void pump() {
    raw.pull();
    if (!raw.in.empty()) {
      char buffer[65536];
      static_cast<void>(filter.feed(raw.in));
      for (auto size = filter.read(buffer); size && *size > 0; size = filter.read(buffer)) {
        in.append(buffer, *size);
      }
      raw.in.clear();
    }
    std::string out;
    if (filter.drain(out)) raw.send(out);
  }
  bool until(std::function<bool()> const& done) {
    return raw.around.until([&] { return pump(), done(); });
  }
  void send(std::string_view plain) {
    ASSERT_TRUE(until([&] { return filter.handshake_done(); }));
    ASSERT_TRUE(filter.write(plain));
    pump();
  }
  std::string take_until(std::string_view end) {
    until([&] { return in.find(end) != in.npos; });
    std::size_t const size = in.find(end);
    if (size == in.npos) return "nothing, but " + in;
    std::string const out = in.substr(0, size + end.size());
    in.erase(0, out.size());
    return out;
  }
  /// The next frame of the server.
  std::string next() {
    std::string out;
    until([&] {
      std::span<char> rest(in);
      auto const event = decoder.next(rest);
      if (event && *event) out = websocket_client::describe(**event);
      in.erase(0, in.size() - rest.size());
      return !out.empty() || raw.ended;
    });
    return out;
  }

  raw_client raw;
  net::tls_context context;
  net::tls_filter filter;
  websocket::decoder decoder{websocket::role::client, {.message_bytes_max = 100'000'000}};
  std::string in;
};

TEST(EngineHostTls, ServesHttp) {
  world w;
  bool secure = false;
  w.host->route("/secure", [&](net::http_request const& in, net::http_reply reply) {
    secure = in.secure;
    reply.send(200, "yes");
  });
  tls_client c(w);
  c.send(get("/secure") + get(polling, "Connection: close\r\n"));
  EXPECT_TRUE(c.take_until("\r\n\r\nyes").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(secure);
  EXPECT_TRUE(c.take_until("}").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(w.engine.head(w.last)->secure());
  EXPECT_TRUE(c.until([&] { return c.raw.ended; }));
  EXPECT_TRUE(c.filter.closed()) << "with a close_notify";
}

TEST(EngineHostTls, EchoesThroughAWebsocket) {
  world w({.max_http_buffer_size = 4'000'000});
  tls_client c(w);
  c.send(websocket_handshake(websocket_target) + frame_of(opcodes::text, "4early"));
  EXPECT_TRUE(c.take_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(c.next().starts_with("text 0{"));
  EXPECT_EQ(c.next(), "text 4early");
  std::string const large = "4" + std::string(3'000'000, 'z');
  c.send(frame_of(opcodes::text, large) + frame_of(opcodes::text, "4x"));
  EXPECT_EQ(c.next().size(), large.size() + 5);
  EXPECT_EQ(c.next(), "text 4x");
  c.send(frame_of(opcodes::ping, "p"));
  EXPECT_EQ(c.next(), "pong p");
  c.send(frame_of(opcodes::close, "\x03\xe8"));
  EXPECT_EQ(c.next(), "close 1000");
  EXPECT_TRUE(c.until([&] { return c.raw.ended; }));
  EXPECT_TRUE(c.filter.closed());
}

TEST(EngineHostTls, KeepsTheOrderUnderPressureAndThroughExceptions) {
  world w;
  int number = 0, caught = 0;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    w.echo(event.session, event.data);
    if (++number % 40 == 0) throw std::runtime_error("handler");
    return true;
  };
  tls_client c(w);
  c.send(websocket_handshake(websocket_target));
  c.take_until("\r\n\r\n");
  c.next();
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(c.filter.write(frame_of(opcodes::text, "4" + std::to_string(i) + std::string(10'000, ' '))));
  }
  std::string cipher;
  c.filter.drain(cipher);
  std::string_view left = cipher;
  for (int i = 0; i < 200 && caught < 5; ++i) {
    try {
      std::error_code full;
      left.remove_prefix(c.raw.socket.write_some(asio::buffer(left.data(), left.size()), full));
      w.context.restart();
      w.context.run_one_for(2ms);
    } catch (std::runtime_error const&) {
      ++caught;
    }
  }
  EXPECT_EQ(caught, 5);
  for (int i = 0; i < 200; ++i) {
    std::string const message = c.next();
    ASSERT_EQ(message.substr(0, message.find(' ', 6)), "text 4" + std::to_string(i));
  }
}

TEST(EngineHostTls, EndsConnectionsThatDoNotSpeakIt) {
  net::host_options options;
  options.header_timeout = 30ms;
  world w({}, options);
  auto const at = w.listen(server_context());
  raw_client plain(w, at), silent(w, at);
  plain.send(get(polling));
  EXPECT_TRUE(plain.until_ended());
  EXPECT_TRUE(silent.until_ended());
  EXPECT_EQ(w.engine.size(), 0u);
}

TEST(EngineHostTls, ShakesHandsByteByByte) {
  world w;
  tls_client c(w);
  std::string hello;
  ASSERT_TRUE(c.filter.drain(hello));
  c.raw.send_by_byte(hello);
  c.send(get(polling));
  EXPECT_TRUE(c.take_until("}").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST(EngineHostTls, MayBeDestroyedInAHandshake) {
  world w;
  auto const at = w.listen(server_context());
  tls_client half(w, at), done(w, at);
  half.pump();
  done.send(get(polling));
  done.take_until("}");
  w.host.reset();
  EXPECT_TRUE(done.until([&] { return done.raw.ended; }));
  w.context.restart();
  w.context.run();
}

/// A poll is pending, so that what comes after it has to wait.
void leave_a_poll_pending(tls_client& c) {
  c.send(get(polling));
  EXPECT_TRUE(c.take_until("}").starts_with("HTTP/1.1 200 OK\r\n"));
  c.send(get(poll_of(0)));
}

TEST(EngineHostTls, HoldsNoMoreThanItHasRoomFor) {
  for (std::size_t const record : {1u, 100u, 1000u, 15'999u, 16'000u, 16'383u, 16'384u}) {
    world w;
    tls_client c(w);
    leave_a_poll_pending(c);
    std::string const plain(record, 'x');
    for (std::size_t sent = 0; sent < 400'000 && sent < record * 4000; sent += record) {
      ASSERT_TRUE(c.filter.write(plain));
      std::string cipher;
      if (c.filter.drain(cipher)) {
        std::error_code full;
        c.raw.socket.write_some(asio::buffer(cipher), full);
        if (full) break;
      }
      w.context.restart();
      w.context.poll();
    }
    EXPECT_EQ(w.host->connections(), 1u) << record;
  }
}

TEST(EngineHostTls, ListensToNobodyWhoTakesNoAnswer) {
  world w;
  raw_client raw(w, w.listen(server_context()));
  raw.socket.set_option(tcp::socket::receive_buffer_size(4096));  // so that the system keeps little
  raw.socket.set_option(tcp::socket::send_buffer_size(4096));
  net::tls_context const settings = client_context();
  SSL* const ssl = SSL_new(settings.get());
  BIO *const in = BIO_new(BIO_s_mem()), *const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  auto const drained = [&] {
    std::string text(BIO_ctrl_pending(out), '\0');
    if (!text.empty()) BIO_read(out, text.data(), static_cast<int>(text.size()));
    return text;
  };
  ASSERT_TRUE(w.until([&] {
    raw.pull();
    BIO_write(in, raw.in.data(), static_cast<int>(raw.in.size()));
    raw.in.clear();
    bool const done = SSL_do_handshake(ssl) == 1;
    raw.send(drained());
    return done;
  }));
  w.host->route("/large", [](net::http_request const&, net::http_reply reply) {
    reply.send(200, std::string(16'000'000, 'x'));
  });
  std::string const request = get("/large");
  SSL_write(ssl, request.data(), static_cast<int>(request.size()));
  raw.send(drained());
  // Nothing of that is read, nor any of the answers that these updates ask for.
  std::size_t taken = 0;
  bool stopped = false;
  for (int i = 0; i < 400'000 && !stopped; i += 100) {
    for (int k = 0; k < 100; ++k) SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), SSL_do_handshake(ssl);
    std::string const flood = drained();
    for (std::size_t at = 0; at < flood.size() && !stopped;) {
      std::error_code full;
      std::size_t const size =
          raw.socket.write_some(asio::buffer(flood.data() + at, flood.size() - at), full);
      at += size;
      taken += size;
      for (int k = 0; k < 20; ++k) w.context.restart(), w.context.poll();
      stopped = full && !size;
    }
  }
  EXPECT_TRUE(stopped) << "the server read " << taken << " bytes of one that never read";
  SSL_free(ssl);
}

TEST(EngineHostTls, EndsWhenItsPeerSaysGoodbye) {
  world w;
  tls_client c(w);
  c.send(get("/"));
  EXPECT_TRUE(c.take_until("\r\n\r\n").starts_with("HTTP/1.1 404 "));
  c.filter.shutdown();
  c.pump();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

}  // namespace net_engine_host_tls_test
