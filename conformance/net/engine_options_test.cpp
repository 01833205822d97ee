// The options of the engine that the binding carries out, on real sockets.
#include "net/host_world.hpp"
#include "siokit/net/server.hpp"

namespace net_engine_options_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;

std::string const websocket =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
std::string const allowed = "\r\nAccess-Control-Allow-Origin: http://a\r\n";
std::string const origin = "Origin: http://a\r\n";

TEST(EngineOptions, Cors) {
  world w({}, {.cors = {{.origin = true, .options_success_status = 200}}});
  w.host->route("/engine.io/file", [](net::http_request const&, net::http_reply reply) { reply.send(200); });
  w.host->route("/outside", [](net::http_request const&, net::http_reply reply) { reply.send(200); });
  auto const at = w.listen();
  raw_client c(w, at), wire(w, at), refused(w, at);
  EXPECT_TRUE(has(c.ask(get(polling, origin)), allowed));
  EXPECT_TRUE(has(c.ask(post(poll_of(0), "4a", origin)), allowed));
  EXPECT_TRUE(has(c.ask(get(polling + "&sid=none", origin)), allowed));
  EXPECT_TRUE(has(c.ask(get("/engine.io/file", origin)), allowed));
  EXPECT_FALSE(has(c.ask(get("/outside", origin)), allowed));
  EXPECT_FALSE(has(c.ask(get("/nowhere", origin)), allowed));
  for (std::string const& path : {polling, poll_of(0), std::string("/engine.io/file")}) {
    std::string const preflight = c.ask("OPTIONS " + path + " HTTP/1.1\r\nHost: a\r\n" + origin + "\r\n");
    EXPECT_TRUE(preflight.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(has(preflight, allowed));
    EXPECT_TRUE(has(preflight, "\r\nContent-Length: 0\r\n"));
  }
  std::string const target = "/engine.io/?EIO=4&transport=websocket";
  EXPECT_TRUE(has(wire.ask(get(target, origin + websocket)), allowed));
  std::string const refusal = refused.ask(get(target + "&sid=none", origin + websocket));
  EXPECT_TRUE(has(refusal, "400 Bad Request"));
  EXPECT_FALSE(has(refusal, allowed));
}

TEST(EngineOptions, CorsOfRoutesElsewhere) {
  world w({}, {.cors = {{.origin = true}}, .route_cors = true});
  w.host->route("POST /outside", [](net::http_request const&, net::http_reply reply) { reply.send(200); });
  raw_client c(w);
  EXPECT_TRUE(has(c.ask(post("/outside", "", origin)), allowed));
  EXPECT_TRUE(has(c.ask(get("/outside", origin)), allowed));
  EXPECT_TRUE(has(c.ask(get("/nowhere", origin)), allowed));
  std::string const preflight = c.ask("OPTIONS /outside HTTP/1.1\r\nHost: a\r\n" + origin + "\r\n");
  EXPECT_TRUE(preflight.starts_with("HTTP/1.1 204 No Content\r\n"));
  EXPECT_TRUE(has(preflight, allowed));
}

TEST(EngineOptions, CorsDecidedForEachRequest) {
  world w({}, {.cors = {{.credentials = true}}});
  w.host->on_cors([](engineio::cors_options& options, engineio::request const& in) {
    options.origin = in.target.find("&open") != in.target.npos ? engineio::cors_origin("*") : false;
  });
  raw_client c(w);
  EXPECT_TRUE(has(c.ask(get(polling + "&open")), "\r\nAccess-Control-Allow-Origin: *\r\n"));
  EXPECT_FALSE(has(c.ask(get(polling)), "Access-Control"));
  EXPECT_TRUE(c.ask("OPTIONS " + polling + "&open HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 204 "));
  EXPECT_TRUE(c.ask("OPTIONS " + polling + " HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST(EngineOptions, CookieOfThePollingHandshakeAlone) {
  world w({}, {.cookie = {{.name = "woot"}}});
  auto const at = w.listen();
  raw_client c(w, at), wire(w, at);
  EXPECT_TRUE(
      has(c.ask(get(polling)), "\r\nSet-Cookie: woot=" + sid_of(0) + "; Path=/; HttpOnly; SameSite=Lax\r\n"));
  EXPECT_FALSE(has(c.ask(post(poll_of(0), "4a")), "Set-Cookie"));
  EXPECT_FALSE(has(c.ask(get(poll_of(0))), "Set-Cookie"));
  EXPECT_FALSE(has(wire.ask(get("/engine.io/?EIO=4&transport=websocket", websocket)), "Set-Cookie"));
}

TEST(EngineOptions, HeadersMayNameTheSession) {
  world w;
  std::string seen;
  w.host->on_initial_headers([&](auto&, auto const&, std::string_view sid) { seen += sid; });
  w.host->on_headers([&](auto&, auto const&, std::string_view sid) { (seen += '|') += sid; });
  auto const at = w.listen();
  raw_client c(w, at), wire(w, at);
  EXPECT_NE(c.ask(get(polling)), "");
  EXPECT_NE(c.ask(post(poll_of(0), "4a")), "");
  EXPECT_NE(c.ask(get(polling + "&sid=none")), "");
  EXPECT_NE(wire.ask(get("/engine.io/?EIO=4&transport=websocket", websocket)), "");
  EXPECT_EQ(seen, sid_of(0) + "|" + sid_of(0) + "|" + sid_of(0) + "|" + sid_of(1) + "|" + sid_of(1));
}

TEST(EngineOptions, CompressesLongAnswersToPolls) {
  world w({}, {.http_compression = {.threshold = 100}});
  raw_client c(w);
  std::string const zip = "Accept-Encoding: gzip\r\n", text = "4" + std::string(200, 'x');
  EXPECT_NE(c.ask(get(polling)), "");
  auto const compressed = [&](std::string const& packet, std::string const& headers) {
    EXPECT_EQ(body_of(c.ask(post(poll_of(0), packet, zip))), "ok");
    std::string const answer = c.ask(get(poll_of(0), headers));
    bool const encoded = answer.find("\r\nContent-Encoding: gzip\r\n") != answer.npos;
    EXPECT_EQ(body_of(answer) == packet, !encoded);
    return encoded;
  };
  EXPECT_TRUE(compressed(text, zip));
  EXPECT_FALSE(compressed(text, ""));
  EXPECT_FALSE(compressed(text, "Accept-Encoding: br, gzip;q=0\r\n"));
  EXPECT_FALSE(compressed(text.substr(0, 99), zip));
  EXPECT_TRUE(compressed(text.substr(0, 100), zip));
  world off({}, {.http_compression = {.enabled = false, .threshold = 0}});
  raw_client plain(off);
  EXPECT_FALSE(has(plain.ask(get(polling, zip)), "Content-Encoding"));
}

TEST(EngineOptions, MiddlewaresGoOnAnswerOrFail) {
  world w;
  std::string log;
  w.host->use([&](net::http_request const& in, net::request_next next) {
    log += 'a';
    next.header("X-One", "1");
    if (in.query().find("teapot")) {
      EXPECT_TRUE(next.answer({.status = 409, .headers = {{"X-Two", "2"}}, .body = "tea"}));
    } else if (in.query().find("fail")) {
      next.fail();
    } else if (!in.query().find("drop")) {
      next();
      next();  // once is enough
    }
  });
  w.host->use([&](net::http_request const&, net::request_next next) {
    log += 'b';
    next.header("X-Three", "3");
    next();
  });
  w.host->on_connection_error([&](engineio::request const&, engineio::refusal const& why) {
    log += "[" + std::to_string(why.code) + " " + std::string(why.context) + "]";
  });
  auto const at = w.listen();
  raw_client c(w, at), wire(w, at);
  std::string const shaken = c.ask(get(polling));
  EXPECT_TRUE(has(shaken, "HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(has(shaken, "\r\nX-One: 1\r\nX-Three: 3\r\n"));
  EXPECT_EQ(body_of(c.ask(post(poll_of(0), "4hello"))), "ok");
  EXPECT_EQ(body_of(c.ask(get(poll_of(0)))), "4hello");
  std::string const early = c.ask(post(poll_of(0) + "&teapot", "4ignored"));
  EXPECT_TRUE(early.starts_with("HTTP/1.1 409 Conflict\r\n"));
  EXPECT_TRUE(has(early, "\r\nX-One: 1\r\nX-Two: 2\r\n"));
  EXPECT_EQ(body_of(early), "tea");
  for (auto const* how : {"&fail", "&drop"}) {
    std::string const failed = c.ask(get(poll_of(0) + how));
    EXPECT_TRUE(failed.starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(has(failed, "\r\nX-One: 1\r\n"));
    EXPECT_EQ(body_of(failed), R"({"code":3,"message":"Bad request"})");
  }
  EXPECT_TRUE(has(wire.ask(get("/engine.io/?EIO=4&transport=websocket", websocket)), "\r\nX-Three: 3\r\n"));
  EXPECT_EQ(log, "abababaa[3 MIDDLEWARE_FAILURE]a[3 MIDDLEWARE_FAILURE]ab");
}

TEST(EngineOptions, MiddlewaresMayAnswerLater) {
  world w;
  std::vector<net::request_next> kept;
  w.host->use([&](net::http_request const&, net::request_next next) { kept.push_back(std::move(next)); });
  auto const at = w.listen();
  raw_client c(w, at), other(w, at);
  auto const held = [&](std::size_t count) { return w.until([&] { return kept.size() == count; }); };
  auto const go_on = [&] {
    auto next = std::move(kept.back());
    kept.pop_back();
    next();
  };
  c.send(get(polling));
  ASSERT_TRUE(held(1));
  EXPECT_TRUE(c.stays_quiet());
  go_on();
  EXPECT_TRUE(has(c.response(), "\r\n\r\n0{"));
  // The body of a POST that comes before the decision, with it, or after it; pipelined behind it a GET.
  for (std::size_t const early : {0u, 3u, 7u}) {
    std::string const text = post(poll_of(0), "4second");
    c.send(text.substr(0, text.size() - 7 + early));
    ASSERT_TRUE(held(1));
    EXPECT_TRUE(c.stays_quiet());
    go_on();
    c.send(text.substr(text.size() - 7 + early) + get(poll_of(0)));
    EXPECT_EQ(body_of(c.response()), "ok");
    ASSERT_TRUE(held(1));
    go_on();
    EXPECT_EQ(body_of(c.response()), "4second");
  }
  // A client that is gone, an answer, a failure, and a host that is gone.
  other.send(get(polling));
  ASSERT_TRUE(held(1));
  other.socket.set_option(tcp::socket::linger(true, 0));
  other.close();
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 1; }));
  EXPECT_FALSE(kept.back().answer({}));
  kept.clear();
  c.send(get(polling));
  ASSERT_TRUE(held(1));
  EXPECT_TRUE(kept.back().answer({.status = 200, .body = "mine"}));
  kept.clear();
  EXPECT_EQ(body_of(c.response()), "mine");
  c.send(get(polling));
  ASSERT_TRUE(held(1));
  kept.clear();
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 400 "));
  c.send(get(polling));
  ASSERT_TRUE(held(1));
  w.host.reset();
  kept.clear();
  EXPECT_TRUE(c.until_ended());
}

TEST(EngineOptions, AMiddlewareThatThrowsFails) {
  world w;
  bool good = false;
  w.host->use([&](net::http_request const&, net::request_next next) {
    if (!good) throw std::runtime_error("oh");
    next();
  });
  raw_client c(w);
  c.send(get(polling));
  EXPECT_THROW(w.until([] { return false; }), std::runtime_error);
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 400 "));
  good = true;
  EXPECT_TRUE(has(c.ask(get(polling)), "\r\n\r\n0{"));
}

TEST(EngineOptions, TellsWhatWasRefused) {
  world w;
  std::string log;
  w.on_event = [&](engineio::event const& in) {
    if (in.type != engineio::event::kind::handshake_requested) return false;
    return w.engine.refuse(in.session, engineio::refusals::forbidden("no \"you\"")).has_value();
  };
  w.host->on_connection_error([&](engineio::request const&, engineio::refusal const& why) {
    log += std::to_string(why.code) + " " + why.message + " " + std::string(why.context) + ";";
  });
  auto const at = w.listen();
  raw_client c(w, at), wire(w, at);
  static_cast<void>(c.ask(get("/engine.io/?EIO=4")));
  static_cast<void>(c.ask(get(polling + "&sid=none")));
  static_cast<void>(c.ask(post(polling, "")));
  static_cast<void>(c.ask(get("/engine.io/?EIO=4&transport=websocket")));
  static_cast<void>(c.ask(get(polling)));
  static_cast<void>(wire.ask(get("/engine.io/?EIO=4&transport=websocket", websocket)));
  EXPECT_EQ(log,
            "0 Transport unknown ;1 Session ID unknown ;2 Bad handshake method ;"
            "3 Bad request TRANSPORT_HANDSHAKE_ERROR;4 no \"you\" ;4 no \"you\" ;");
}

TEST(EngineOptions, TheApplicationMayGiveTheId) {
  asio::io_context context(1);
  siokit::server io(context, {.port = 0});
  std::string next = "mine-1", contexts;
  io.allow_request([&](engineio::request_head const&, siokit::admission decision) {
    next.empty() ? decision.fail() : decision.accept(next);
  });
  io.on_connection_error([&](engineio::request const&, engineio::refusal const& why) {
    contexts += std::to_string(why.code) + std::string(why.context) + ";";
  });
  auto const bound = io.listen({asio::ip::address_v4::loopback(), 0});
  ASSERT_TRUE(bound);
  auto const ask = [&] {
    tcp::socket socket(context);
    socket.connect(*bound);
    asio::write(socket, asio::buffer(get("/socket.io/?EIO=4&transport=polling", "Connection: close\r\n")));
    socket.non_blocking(true);
    std::string in;
    for (std::error_code failure; !failure || failure == asio::error::would_block;) {
      context.restart();
      context.run_one_for(1ms);
      char part[4096];
      in.append(part, socket.read_some(asio::buffer(part), failure));
    }
    return in;
  };
  EXPECT_TRUE(has(ask(), "0{\"sid\":\"mine-1\""));
  EXPECT_TRUE(has(ask(), R"({"code":3,"message":"Bad request"})")) << "an id in use";
  for (auto const* bad : {"", "a b", "a\"", "an-id-of-24-characters--", "a/b"}) {
    next = bad;
    EXPECT_TRUE(has(ask(), R"({"code":3,"message":"Bad request"})")) << bad;
  }
  EXPECT_EQ(contexts.substr(0, 22), "3ID_GENERATION_ERROR;3");
  next = "an-id-of-23-characters-";
  EXPECT_TRUE(has(ask(), next));
}

TEST(ServerOptions, AreCheckedAtTheStart) {
  using siokit::server_options;
  auto const problem = [](server_options options) {
    options.host = "127.0.0.1";
    options.port = 0;
    siokit::server io(std::move(options));
    auto const bound = io.listen();
    return bound ? "none" : bound.error().substr(0, bound.error().find(':'));
  };
  EXPECT_EQ(problem({}), "none");
  EXPECT_EQ(problem({.path = "no"}), "path");
  EXPECT_EQ(problem({.ping_interval = 0s}), "ping_interval");
  EXPECT_EQ(problem({.ping_timeout = -1s}), "ping_timeout");
  EXPECT_EQ(problem({.upgrade_timeout = 0s}), "upgrade_timeout");
  EXPECT_EQ(problem({.connect_timeout = 0s}), "connect_timeout");
  EXPECT_EQ(problem({.max_http_buffer_size = 0}), "max_http_buffer_size");
  EXPECT_EQ(problem({.transports = {false, false}}), "transports");
  EXPECT_EQ(problem({.initial_packet = "\xFF"}), "initial_packet");
  EXPECT_EQ(problem({.http_compression = {.level = 10}}), "http_compression.level");
  EXPECT_EQ(problem({.per_message_deflate = {{.server_max_window_bits = 8}}}),
            "per_message_deflate.server_max_window_bits");
  EXPECT_EQ(problem({.per_message_deflate = {{.client_max_window_bits = 16}}}),
            "per_message_deflate.client_max_window_bits");
  EXPECT_EQ(problem({.per_message_deflate = {{.level = -2}}}), "per_message_deflate.level");
  EXPECT_EQ(problem({.per_message_deflate = {{.mem_level = 0}}}), "per_message_deflate.mem_level");
  EXPECT_EQ(problem({.sessions_per_address_max = 0}), "sessions_per_address_max");
  EXPECT_EQ(problem({.handshake_rate = {1, 0.5}}), "handshake_rate");
  EXPECT_EQ(problem({.packet_rate = -1}), "packet_rate");
  EXPECT_EQ(problem({.byte_rate = 999'999}), "byte_rate");
  EXPECT_EQ(problem({.byte_rate = 1'000'000}), "none");
  EXPECT_EQ(problem({.byte_rate = 0}), "none");
  EXPECT_EQ(problem({.payload_packets_max = 0}), "payload_packets_max");
  EXPECT_EQ(problem({.outbox_bytes_max = 0}), "outbox_bytes_max");
  EXPECT_EQ(problem({.outbox_messages_max = 0}), "outbox_messages_max");
  EXPECT_EQ(problem({.http = {.connections_per_address_max = 0}}), "http.connections_per_address_max");
  EXPECT_EQ(problem({.serve_client = "/nowhere"}), "serve_client");
  EXPECT_EQ(problem({.tls_cert = "a.pem"}), "tls_cert");
  EXPECT_EQ(problem({.cookie = {{.name = "a b"}}}), "cookie.name");
  EXPECT_EQ(problem({.cookie = {{.path = "a"}}}), "cookie.path");
  EXPECT_EQ(problem({.cookie = {{.path = "/;a"}}}), "cookie.path");
  EXPECT_EQ(problem({.cookie = {{.domain = "a\nb"}}}), "cookie.domain");
  for (auto const& whose :
       {engineio::cors_origin{"http://a", "*"}, engineio::cors_origin{"http://a/"},
        engineio::cors_origin{"a.example"}, engineio::cors_origin(std::vector<std::string>{})}) {
    EXPECT_EQ(problem({.cors = {{.origin = whose}}}), "cors.origin");
  }
  for (auto const& whose :
       {engineio::cors_origin("*"), engineio::cors_origin(true), engineio::cors_origin(false),
        engineio::cors_origin("http://*.a:8080"), engineio::cors_origin{"null", "capacitor://localhost"}}) {
    EXPECT_EQ(problem({.cors = {{.origin = whose}}}), "none");
  }
  EXPECT_EQ(problem({.cors = {{.methods = "GET,P T"}}}), "cors.methods");
  EXPECT_EQ(problem({.cors = {{.allowed_headers = "a\r\nb"}}}), "cors.allowed_headers");
  EXPECT_EQ(problem({.cors = {{.exposed_headers = "a:"}}}), "cors.exposed_headers");
  EXPECT_EQ(problem({.cors = {{.max_age = -1s}}}), "cors.max_age");
  EXPECT_EQ(problem({.cors = {{.options_success_status = 404}}}), "cors.options_success_status");
  siokit::server io(server_options{.path = "no"});
  EXPECT_EQ(io.listen({asio::ip::address_v4::loopback(), 0}).error(), std::errc::invalid_argument);
}

TEST(ServerOptions, ClientFiles) {
  world w;
  net::static_file const file("application/javascript; charset=utf-8", std::string(5000, 'x'));
  w.host->route("/engine.io/socket.io.js", [&](net::http_request const& in, net::http_reply reply) {
    file.answer(in, std::move(reply));
  });
  raw_client c(w);
  std::string const path = "/engine.io/socket.io.js?x", plain = c.ask(get(path));
  EXPECT_TRUE(has(plain, "\r\nCache-Control: public, max-age=0\r\nETag: " + file.etag() + "\r\n"));
  EXPECT_TRUE(has(plain, "\r\nContent-Type: application/javascript; charset=utf-8\r\n"));
  EXPECT_EQ(body_of(plain), std::string(5000, 'x'));
  std::string const zipped = c.ask(get(path, "Accept-Encoding: gzip\r\n"));
  EXPECT_TRUE(has(zipped, "\r\nContent-Encoding: gzip\r\n"));
  EXPECT_LT(body_of(zipped).size(), 100u);
  for (std::string const& known :
       {file.etag(), "W/" + file.etag(), "\"a\", " + file.etag(), std::string("*")}) {
    c.send(get(path, "If-None-Match: " + known + "\r\n"));
    EXPECT_TRUE(c.response(false).starts_with("HTTP/1.1 304 ")) << known;
  }
  EXPECT_TRUE(c.ask(get(path, "If-None-Match: \"a\",\r\n")).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(c.ask(post(path, "")).starts_with("HTTP/1.1 405 "));
  EXPECT_NE(net::static_file("a/b", "y").etag(), net::static_file("a/b", "z").etag());
}

}  // namespace net_engine_options_test
