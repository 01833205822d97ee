#include "siokit/net/http2.hpp"

#include "net/certificate.hpp"
#include "net/websocket_client.hpp"
#include "siokit/net/server_options.hpp"

namespace net_http2_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;

net::tls_context secured() {
  net::tls_context const out = server_context();
  net::allow_http2(out);
  return out;
}

net::host_options with_http2(net::http2_options http2 = {}) {
  net::host_options out;
  out.http2 = net::http2(http2);
  return out;
}

/// A TLS connection that offers protocols by ALPN; bytes after that are the user's.
struct tls_peer {
  tls_peer(world& home, tcp::endpoint at, std::string_view offers)
      : raw(home, at), settings(net::impl::make_tls_context(TLS_client_method())) {
    SSL_CTX_set_alpn_protos(settings.get(), reinterpret_cast<unsigned char const*>(offers.data()),
                            static_cast<unsigned>(offers.size()));
    filter.emplace(settings.get(), net::tls_role::client, "localhost");
  }

  void pump() {
    raw.pull();
    if (!raw.in.empty()) {
      char buffer[65536];
      static_cast<void>(filter->feed(raw.in));
      for (auto size = filter->read(buffer); size && *size > 0; size = filter->read(buffer)) {
        in.append(buffer, *size);
      }
      raw.in.clear();
    }
    std::string out;
    if (filter->drain(out)) raw.send(out);
  }
  bool until(std::function<bool()> const& done) {
    return raw.around.until([&] { return pump(), done(); });
  }
  void send(std::string_view plain) {
    ASSERT_TRUE(until([&] { return filter->handshake_done(); }));
    ASSERT_TRUE(filter->write(plain));
    pump();
  }
  bool until_in(std::string_view text) {
    return until([&] { return in.find(text) != in.npos; });
  }

  raw_client raw;
  net::tls_context settings;
  std::optional<net::tls_filter> filter;
  std::string in;
};

using fields = std::vector<std::pair<std::string, std::string>>;

/// A client of HTTP/2 on one connection. Requests are named by the ids of their streams.
struct h2_client {
  struct exchange {
    fields headers;
    std::string body;
    std::string upload;
    int interim = 0;
    std::optional<std::uint32_t> closed;  // with this code

    [[nodiscard]] std::string header(std::string_view name) const {
      for (auto const& [each, value] : headers) {
        if (each == name) return value;
      }
      return {};
    }
    [[nodiscard]] std::string status() const { return header(":status"); }
  };

  explicit h2_client(world& home, std::optional<tcp::endpoint> at = {}, bool windows = true)
      : tls(home, at ? *at : home.listen(secured()), "\x02h2\x08http/1.1") {
    nghttp2_session_callbacks* calls = nullptr;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(
        calls, [](nghttp2_session*, nghttp2_frame const* frame, std::uint8_t const* name, std::size_t a,
                  std::uint8_t const* value, std::size_t b, std::uint8_t, void* self) {
          auto& to = static_cast<h2_client*>(self)->all[frame->hd.stream_id];
          std::pair<std::string, std::string> field(std::string(reinterpret_cast<char const*>(name), a),
                                                    std::string(reinterpret_cast<char const*>(value), b));
          if (field.first == ":status" && field.second == "100") {
            ++to.interim;
          } else {
            to.headers.push_back(std::move(field));
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        calls, [](nghttp2_session*, std::uint8_t, std::int32_t id, std::uint8_t const* data, std::size_t size,
                  void* self) {
          static_cast<h2_client*>(self)->all[id].body.append(reinterpret_cast<char const*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        calls, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* self) {
          static_cast<h2_client*>(self)->all[id].closed = code;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        calls, [](nghttp2_session*, nghttp2_frame const* frame, void* self) {
          if (frame->hd.type == NGHTTP2_GOAWAY) {
            static_cast<h2_client*>(self)->goaway = frame->goaway.error_code;
          }
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    if (!windows) nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session, calls, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  h2_client(h2_client const&) = delete;
  ~h2_client() { nghttp2_session_del(session); }

  void pump() {
    if (!corked) tls.pump();
    if (!tls.in.empty()) {
      nghttp2_session_mem_recv(session, reinterpret_cast<std::uint8_t const*>(tls.in.data()), tls.in.size());
      tls.in.clear();
    }
    if (!tls.filter->handshake_done()) return;
    std::uint8_t const* data = nullptr;
    while (auto const size = nghttp2_session_mem_send(session, &data)) {
      if (size < 0) break;
      static_cast<void>(
          tls.filter->write({reinterpret_cast<char const*>(data), static_cast<std::size_t>(size)}));
    }
    std::string out;
    if (!corked && tls.filter->drain(out)) tls.raw.send(out);
  }
  bool until(std::function<bool()> const& done) {
    return tls.raw.around.until([&] { return pump(), done(); });
  }

  /// Begins a request. With a body it is given a Content-Length if `sized`.
  std::int32_t ask(std::string method, std::string target, std::optional<std::string> body = {},
                   fields more = {}, bool sized = true) {
    fields all_fields{{":method", std::move(method)},
                      {":path", std::move(target)},
                      {":scheme", "https"},
                      {":authority", "test"}};
    if (body && sized) more.emplace_back("content-length", std::to_string(body->size()));
    all_fields.insert(all_fields.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : all_fields) {
      list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                      reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
    }
    nghttp2_data_provider source{{},
                                 [](nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t size,
                                    std::uint32_t* flags, nghttp2_data_source*, void* self) {
                                   auto& upload = static_cast<h2_client*>(self)->all[id].upload;
                                   std::size_t const count = std::min(size, upload.size());
                                   std::memcpy(to, upload.data(), count);
                                   upload.erase(0, count);
                                   if (upload.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
                                   return static_cast<ssize_t>(count);
                                 }};
    auto const id =
        nghttp2_submit_request(session, nullptr, list.data(), list.size(), body ? &source : nullptr, nullptr);
    if (body) all[id].upload = *body;
    pump();
    return id;
  }
  /// The answer to a request, whole.
  exchange const& wait(std::int32_t id) {
    EXPECT_TRUE(until([&] { return all[id].closed.has_value(); })) << "stream " << id;
    return all[id];
  }
  exchange const& get(std::string target, fields more = {}) {
    return wait(ask("GET", std::move(target), {}, std::move(more)));
  }
  exchange const& post(std::string target, std::string body, fields more = {}, bool sized = true) {
    return wait(ask("POST", std::move(target), std::move(body), std::move(more), sized));
  }
  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    pump();
  }
  /// Begins requests and breaks them off, all in one piece: the server reads of none without its end.
  void break_off(int count) {
    corked = true;
    for (int i = 0; i < count; ++i) reset(ask("GET", "/count"));
    corked = false;
    pump();
  }
  /// Opens a session and takes what the world sends first.
  void handshake(int number = 0) {
    EXPECT_TRUE(get(polling).body.starts_with("0{\"sid\":\"" + sid_of(number)));
  }
  /// Opens two sessions, and a poll of each, which the server has when this returns.
  void poll_for_two() {
    handshake(0);
    handshake(1);
    ask("GET", poll_of(0));
    ask("GET", poll_of(1));
    EXPECT_EQ(get("/").status(), "404");
  }

  tls_peer tls;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, exchange> all;
  std::optional<std::uint32_t> goaway;
  bool corked = false;
};

TEST(Http2, PollsAndPostsAtOnceOnOneConnection) {
  world w({}, with_http2());
  h2_client c(w);
  auto const& opened = c.get(polling);
  EXPECT_EQ(opened.status(), "200");
  EXPECT_EQ(opened.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(opened.header("cache-control"), "no-store");
  EXPECT_EQ(opened.header("content-length"), std::to_string(opened.body.size()));
  EXPECT_FALSE(opened.header("date").empty());
  EXPECT_EQ(opened.header("connection"), "");
  EXPECT_TRUE(w.engine.head(w.last)->secure());
  for (int i = 0; i < 20; ++i) {
    auto const poll = c.ask("GET", poll_of(0));
    EXPECT_EQ(c.post(poll_of(0), "4hello").body, "ok");
    EXPECT_EQ(c.wait(poll).body, "4hello");
  }
  EXPECT_EQ(w.host->connections(), 1u) << "streams are none";
  EXPECT_EQ(w.engine.size(), 1u);
}

TEST(Http2, ServesSeveralSessions) {
  world w({}, with_http2());
  h2_client c(w);
  c.handshake(0);
  c.handshake(1);
  auto const first = c.ask("GET", poll_of(0)), second = c.ask("GET", poll_of(1));
  EXPECT_EQ(c.post(poll_of(1), "4two").body, "ok");
  EXPECT_EQ(c.wait(second).body, "4two");
  EXPECT_FALSE(c.all[first].closed);
  EXPECT_EQ(c.post(poll_of(0), "4one").body, "ok");
  EXPECT_EQ(c.wait(first).body, "4one");
}

TEST(Http2, KeepsOtherProtocolsOnTheSameListener) {
  world w({}, with_http2());
  auto const at = w.listen(secured());
  tls_peer old(w, at, "\x08http/1.1"), older(w, at, {}), strange(w, at, "\x04nope");
  old.send(websocket_handshake(websocket_target));
  EXPECT_TRUE(old.until_in("0{\"sid\""));
  EXPECT_TRUE(old.in.starts_with("HTTP/1.1 101 "));
  EXPECT_FALSE(old.filter->chose_http2());
  for (auto* const each : {&older, &strange}) {
    each->send(test::get(polling));
    EXPECT_TRUE(each->until_in("0{\"sid\""));
  }
}

TEST(Http2, IsNotOfferedWithoutTheOption) {
  world w;
  tls_peer c(w, w.listen(secured()), "\x02h2\x08http/1.1");
  c.send(test::get(polling));
  EXPECT_TRUE(c.until_in("0{\"sid\""));
}

TEST(Http2, GivesRoutesTheWholeRequest) {
  auto options = with_http2();
  ASSERT_TRUE(options.trusted_proxies.add("127.0.0.1"));
  world w({}, options);
  std::string seen;
  w.host->route("/echo", [&](net::http_request const& in, net::http_reply reply) {
    seen = std::string(in.method) + " " + std::string(in.target) + " " + std::string(in.remote_address) +
           (in.secure ? " secure " : " ") + std::string(in.find("host").value_or("")) + " " +
           std::string(in.find("cookie").value_or(""));
    std::string const body(in.body);
    reply.send(201, body, {{"X-Small", "Yes"}, {"Connection", "close"}});
  });
  h2_client c(w);
  auto const& sized = c.post("/echo?a=b", "the body",
                             {{"cookie", "a=1"}, {"cookie", "b=2"}, {"x-forwarded-for", "10.1.2.3"}});
  EXPECT_EQ(sized.status(), "201");
  EXPECT_EQ(sized.body, "the body");
  EXPECT_EQ(sized.header("x-small"), "Yes");
  EXPECT_EQ(sized.header("connection"), "");
  EXPECT_EQ(seen, "POST /echo?a=b 10.1.2.3 secure test a=1; b=2");
  std::string const large(500'000, 'x');
  EXPECT_EQ(c.post("/echo", large, {}, false).body, large) << "more than a window, of unknown length";
  EXPECT_EQ(c.post("/echo", "", {}, false).body, "");
  auto const& expecting = c.post("/echo", "asked first", {{"expect", "100-continue"}});
  EXPECT_EQ(expecting.body, "asked first");
  EXPECT_EQ(expecting.interim, 1);
  auto const& head = c.wait(c.ask("HEAD", "/echo"));
  EXPECT_EQ(head.status(), "201");
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(c.get("/nowhere").status(), "404");
}

TEST(Http2, GoesThroughMiddlewaresCookiesCorsAndCompression) {
  auto options = with_http2();
  options.cors.emplace().origin = "https://example.org";
  options.cookie.emplace();
  options.http_compression.threshold = 100;
  world w({}, options);
  std::optional<net::request_next> held;
  bool hold = false;
  w.host->use([&](net::http_request const&, net::request_next next) {
    next.header("X-Seen", "1");
    hold ? void(held.emplace(std::move(next))) : next();
  });
  h2_client c(w);
  auto const& opened = c.get(polling, {{"origin", "https://example.org"}});
  EXPECT_EQ(opened.header("access-control-allow-origin"), "https://example.org");
  EXPECT_TRUE(opened.header("set-cookie").starts_with("io=" + sid_of(0)));
  EXPECT_EQ(opened.header("x-seen"), "1");
  hold = true;
  auto const late = c.ask("POST", poll_of(0), "4" + std::string(90'000, 'x'), {}, false);
  ASSERT_TRUE(c.until([&] { return held.has_value(); }));
  hold = false;
  (*held)();
  EXPECT_EQ(c.wait(late).body, "ok");
  auto const& packed = c.get(poll_of(0), {{"accept-encoding", "gzip"}});
  EXPECT_EQ(packed.header("content-encoding"), "gzip");
  EXPECT_LT(packed.body.size(), 1000u);
}

TEST(Http2, SendsMoreThanAWindow) {
  world w({}, with_http2());
  std::string const large(3'000'000, 'z');
  w.host->route("/large", [&](net::http_request const&, net::http_reply reply) { reply.send(200, large); });
  h2_client c(w);
  auto const first = c.ask("GET", "/large"), second = c.ask("GET", "/large");
  EXPECT_EQ(c.wait(first).body.size(), large.size());
  EXPECT_EQ(c.wait(second).body.size(), large.size());
}

TEST(Http2, RefusesBodiesAndHeadsThatAreTooLarge) {
  auto options = with_http2();
  options.route_body_max = 100;
  world w({.max_http_buffer_size = 1000}, options);
  w.host->route("/route", [](net::http_request const&, net::http_reply reply) { reply.send(200); });
  h2_client c(w);
  c.handshake();
  EXPECT_EQ(c.post("/route", std::string(101, 'x')).status(), "413");
  EXPECT_EQ(c.post("/route", std::string(300'000, 'x')).status(), "413");
  EXPECT_EQ(c.post("/route", std::string(300'000, 'x'), {}, false).status(), "413");
  EXPECT_EQ(c.post(poll_of(0), "4" + std::string(1000, 'x')).status(), "413");
  EXPECT_EQ(c.get("/route", {{"x-long", std::string(20'000, 'x')}}).status(), "431");
  EXPECT_EQ(c.get("/" + std::string(9'000, 'x')).status(), "414");
  EXPECT_EQ(c.get("/route", fields(101, {"x", "y"})).status(), "431");
  EXPECT_EQ(c.get("/route", fields(1300, {"cookie", "a=b"})).status(), "431") << "nothing is left out";
  EXPECT_EQ(c.get("/a b").closed, NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(c.get("/route").status(), "200") << "the connection goes on";
}

TEST(Http2, RefusesBodiesThatAreNotAsLongAsSaidOrDoNotCome) {
  auto options = with_http2();
  options.body_timeout = 30ms;
  world w({}, options);
  w.host->route("/slow", [](net::http_request const&, net::http_reply reply) { reply.send(200); });
  h2_client c(w);
  EXPECT_EQ(c.post("/slow", "short", {{"content-length", "100"}}, false).closed, NGHTTP2_PROTOCOL_ERROR);
  std::vector<nghttp2_nv> list;  // of a request that does not end
  fields request{{":method", "POST"}, {":path", "/slow"}, {":scheme", "https"}, {":authority", "t"}};
  for (auto& [name, value] : request) {
    list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                    reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
  }
  auto const silent =
      nghttp2_submit_headers(c.session, NGHTTP2_FLAG_NONE, -1, nullptr, list.data(), list.size(), nullptr);
  EXPECT_EQ(c.wait(silent).status(), "408");
}

TEST(Http2, AResetPollIsALostOne) {
  world w({}, with_http2());
  h2_client c(w);
  c.handshake();
  auto const poll = c.ask("GET", poll_of(0));
  ASSERT_TRUE(c.until([&] { return w.host->connections() == 1 && c.all[1].closed; }));
  EXPECT_EQ(c.get("/").status(), "404");  // so the poll is there
  c.reset(poll);
  EXPECT_TRUE(w.until([&] { return c.pump(), w.log.back().starts_with("closed: "); }));
  EXPECT_EQ(w.log.back(), "closed: transport error, a polling request was closed before its end");
  EXPECT_EQ(w.engine.size(), 0u);
  c.handshake(1);
}

TEST(Http2, ALostConnectionLosesAllItsPolls) {
  world w({}, with_http2());
  h2_client c(w);
  c.poll_for_two();
  c.tls.raw.close();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0 && w.engine.size() == 0; }));
}

TEST(Http2, MayBeToldSomethingWhileItsConnectionIsLost) {
  world w({}, with_http2());
  std::vector<handle> open;
  w.on_event = [&](engineio::event const& event) {
    if (event.type == engineio::event::kind::opened) open.push_back(event.session);
    if (event.type == engineio::event::kind::closed) {
      for (handle const each : open) w.send(each, text_message("4somebody has left"));
    }
    return false;
  };
  h2_client c(w);
  c.poll_for_two();
  c.tls.raw.close();  // the answer to one of the polls is on its way when its connection is over
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0 && w.engine.size() < 2; }));
}

TEST(Http2, OutlivesHandlersThatThrow) {
  world w({}, with_http2());
  int thrown = 0;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::closed) return false;
    ++thrown;
    throw std::runtime_error("handler");
  };
  h2_client c(w);
  c.poll_for_two();
  c.tls.raw.close();
  for (int i = 0; i < 1000 && (thrown < 2 || w.host->connections() > 0); ++i) {
    try {
      w.context.restart();
      w.context.run_one_for(2ms);
    } catch (std::runtime_error const&) {
    }
  }
  EXPECT_EQ(thrown, 2);
  EXPECT_EQ(w.host->connections(), 0u);
}

TEST(Http2, MayBeDestroyedWithRequestsPending) {
  world w({}, with_http2());
  h2_client c(w);
  c.handshake();
  c.ask("GET", poll_of(0));
  std::optional<net::http_reply> held;
  w.host->route("/held",
                [&](net::http_request const&, net::http_reply reply) { held.emplace(std::move(reply)); });
  c.ask("GET", "/held");
  ASSERT_TRUE(c.until([&] { return held.has_value(); }));
  w.host.reset();
  EXPECT_FALSE(held->send(200));
  EXPECT_TRUE(c.until([&] { return c.tls.raw.ended; }));
}

TEST(Http2, SaysGoodbyeAndAnswersWhatWasBegun) {
  world w({}, with_http2());
  h2_client c(w), idle(w);
  c.handshake();
  idle.handshake(1);
  std::optional<net::http_reply> held;
  w.host->route("/held",
                [&](net::http_request const&, net::http_reply reply) { held.emplace(std::move(reply)); });
  auto const asked = c.ask("GET", "/held"), poll = c.ask("GET", poll_of(0));
  ASSERT_TRUE(c.until([&] { return held.has_value(); }));
  w.host->close();
  EXPECT_TRUE(idle.until([&] { return idle.goaway && idle.tls.filter->closed(); }));
  EXPECT_EQ(c.wait(poll).body, "1") << "of Engine.IO: close";
  EXPECT_EQ(c.goaway, NGHTTP2_NO_ERROR);
  held->send(200, "late");
  EXPECT_EQ(c.wait(asked).body, "late");
  EXPECT_TRUE(c.until([&] { return c.tls.filter->closed(); }));
  c.tls.raw.close();
  idle.tls.raw.close();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
}

TEST(Http2, EndsConnectionsThatAreIdle) {
  auto options = with_http2();
  options.keep_alive_timeout = 30ms;
  world w({}, options);
  h2_client c(w);
  EXPECT_EQ(c.get("/").status(), "404");
  EXPECT_TRUE(c.until([&] { return c.tls.filter->closed(); }));
  EXPECT_EQ(c.goaway, NGHTTP2_NO_ERROR);
}

TEST(Http2, EndsConnectionsThatAskNothing) {
  auto options = with_http2();
  options.header_timeout = 30ms;
  world w({}, options);
  h2_client c(w);
  EXPECT_TRUE(c.until([&] { return c.tls.raw.ended; }));
}

TEST(Http2, CutsWhoOpensNoWindow) {
  auto options = with_http2();
  options.write_timeout = 30ms;
  world w({}, options);
  w.host->route("/large", [](net::http_request const&, net::http_reply reply) {
    reply.send(200, std::string(200'000, 'x'));
  });
  h2_client c(w, {}, false);
  auto const& answer = c.get("/large");
  EXPECT_EQ(answer.closed, NGHTTP2_CANCEL);
  EXPECT_EQ(answer.body.size(), 65'535u);
}

/// Asks for an answer that no window holds back, as long as the client reads.
std::int32_t ask_for_much(world& w, h2_client& c) {
  w.host->route("/large", [](net::http_request const&, net::http_reply reply) {
    reply.send(200, std::string(50'000'000, 'x'));
  });
  c.tls.raw.socket.set_option(tcp::socket::receive_buffer_size(65'536));
  EXPECT_EQ(c.get("/").status(), "404");
  nghttp2_submit_window_update(c.session, NGHTTP2_FLAG_NONE, 0, 1'000'000'000);
  auto const id = c.ask("GET", "/large");
  nghttp2_submit_window_update(c.session, NGHTTP2_FLAG_NONE, id, 1'000'000'000);
  EXPECT_TRUE(c.until([&] { return c.all[id].body.size() > 100'000; }));
  return id;
}

TEST(Http2, ListensToNobodyWhoTakesNoAnswer) {
  auto options = with_http2();
  options.write_timeout = 200ms;
  world w({}, options);
  h2_client c(w);
  ask_for_much(w, c);
  // It reads nothing any more, and asks for answers all the time.
  std::string pings, cipher;
  for (int i = 0; i < 20; ++i) pings += std::string("\0\0\x08\x06\0\0\0\0\0........", 17);
  std::size_t taken = 0;
  EXPECT_TRUE(w.until([&] {
    static_cast<void>(c.tls.filter->write(pings));
    c.tls.filter->drain(cipher);
    std::error_code full;
    std::size_t const size = c.tls.raw.socket.write_some(asio::buffer(cipher), full);
    cipher.erase(0, size);
    taken += size;
    return w.host->connections() == 0;
  }));
  EXPECT_LT(taken, 20'000'000u);
}

TEST(Http2, LetsNoAnswerWaitForALongOne) {
  world w({}, with_http2());
  h2_client c(w);
  auto const large = ask_for_much(w, c);
  w.host->route("/small", [](net::http_request const&, net::http_reply reply) { reply.send(200, "small"); });
  EXPECT_EQ(c.get("/small").body, "small");
  EXPECT_FALSE(c.all[large].closed);
}

TEST(Http2, WaitsForWhoReadsSlowly) {
  auto options = with_http2();
  options.write_timeout = 300ms;
  world w({}, options);
  h2_client c(w);
  ask_for_much(w, c);
  std::string piece(32 * 1024, '\0');
  auto const begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(w.until([&] {
    std::error_code ended;
    c.tls.raw.socket.read_some(asio::buffer(piece), ended);
    EXPECT_TRUE(!ended || ended == asio::error::would_block);
    return ended == asio::error::eof || std::chrono::steady_clock::now() > begin + 900ms;
  }));
  EXPECT_EQ(w.host->connections(), 1u);
}

/// Sends frames as they are, behind a good beginning. What the server makes of them, as the code of GOAWAY.
std::optional<std::uint32_t> answer_to(world& w, std::string_view bytes) {
  h2_client c(w);
  EXPECT_EQ(c.get("/").status(), "404");
  c.tls.send(bytes);
  EXPECT_TRUE(c.until([&] { return c.tls.filter->closed() || c.tls.raw.ended; }));
  c.tls.raw.close();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  return c.goaway;
}

std::string frame(char type, char flags, std::uint32_t id, std::string_view payload) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  out += type;
  out += flags;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(id >> shift);
  return out.append(payload);
}

TEST(Http2, EndsWhoBreaksTheRules) {
  world w({}, with_http2());
  EXPECT_EQ(answer_to(w, frame(NGHTTP2_DATA, 0, 0, "x")), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(answer_to(w, frame(NGHTTP2_HEADERS, 4, 2, "\x82")), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(answer_to(w, frame(NGHTTP2_HEADERS, 4, 5, "\xff\xff\xff\xff\xff\xff")),
            NGHTTP2_COMPRESSION_ERROR);
  EXPECT_EQ(answer_to(w, frame(NGHTTP2_PING, 0, 0, "short")), NGHTTP2_FRAME_SIZE_ERROR);
  std::string const pings = [] {
    std::string out;
    for (int i = 0; i < 3000; ++i) out += frame(NGHTTP2_PING, 0, 0, "........");
    return out;
  }();
  EXPECT_TRUE(answer_to(w, pings)) << "they come at once, and so are answered by none";
  std::string empty = frame(NGHTTP2_HEADERS, 0, 5, "\x82\x87");
  for (int i = 0; i < 100; ++i) empty += frame(NGHTTP2_CONTINUATION, 0, 5, "");
  answer_to(w, empty);
}

TEST(Http2, EndsWhoDoesNotSpeakIt) {
  world w({}, with_http2());
  tls_peer c(w, w.listen(secured()), "\x02h2");
  c.send(test::get(polling));
  EXPECT_TRUE(c.until([&] { return c.filter->closed() || c.raw.ended; }));
  EXPECT_EQ(w.engine.size(), 0u);
}

TEST(Http2, EndsWhoBeginsMoreThanHeEnds) {
  world w({}, with_http2({.resets_max = 20}));
  h2_client c(w);
  int served = 0;
  w.host->route("/count", [&](net::http_request const&, net::http_reply reply) {
    ++served;
    reply.send(200);
  });
  EXPECT_EQ(c.get("/count").status(), "200");
  c.break_off(15);
  EXPECT_EQ(c.get("/count").status(), "200") << "a few are nothing unusual";
  c.break_off(15);
  EXPECT_TRUE(c.until([&] { return c.goaway.has_value(); }));
  EXPECT_EQ(c.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(c.until([&] { return c.tls.filter->closed(); }));
  EXPECT_EQ(served, 2) << "what was broken off at once is not begun";
}

TEST(Http2, EndsWhoHasItsRequestsReset) {
  world w({}, with_http2({.resets_max = 20}));
  h2_client c(w);
  std::vector<net::http_reply> held;
  w.host->route("/held",
                [&](net::http_request const&, net::http_reply reply) { held.push_back(std::move(reply)); });
  EXPECT_EQ(c.get("/").status(), "404");
  for (int i = 0; i < 30; ++i) {
    auto const id = static_cast<std::uint32_t>(c.ask("GET", "/held"));
    c.tls.send(frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff"));
  }
  EXPECT_TRUE(c.until([&] { return c.goaway.has_value(); }));
  EXPECT_EQ(c.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2, ServesNoMoreStreamsThanItSays) {
  world w({}, with_http2({.streams_max = 3}));
  h2_client c(w);
  std::vector<net::http_reply> held;
  w.host->route("/held",
                [&](net::http_request const&, net::http_reply reply) { held.push_back(std::move(reply)); });
  for (int i = 0; i < 3; ++i) c.ask("GET", "/held");
  ASSERT_TRUE(c.until([&] { return held.size() == 3; }));
  EXPECT_EQ(nghttp2_session_get_remote_settings(c.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 3u);
  auto const fourth = c.ask("GET", "/held");  // which nghttp2 keeps back
  held[0].send(200, "one");
  EXPECT_TRUE(c.until([&] { return held.size() == 4; }));
  held[3].send(200, "four");
  EXPECT_EQ(c.wait(fourth).body, "four");
}

TEST(Http2, OutlivesFramesAtRandom) {
  auto options = with_http2();
  options.linger_timeout = 1ms;
  world w({}, options);
  int served = 0;
  w.host->route("/", [&](net::http_request const&, net::http_reply reply) {
    ++served;
    reply.send(200, std::string(100, 'x'));
  });
  auto const at = w.listen(secured());
  std::uint32_t state = 1;
  auto const random = [&state](std::uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  std::string const request = "\x83\x84\x87\x41\x01t";  // POST / https t
  for (int round = 0; round < 100; ++round) {
    h2_client c(w, at);
    EXPECT_EQ(c.get("/").status(), "200");
    std::string noise;
    for (std::uint32_t i = 1; i < 90; ++i) {
      bool const any = i > 1 && random(60) == 0;
      std::uint32_t const kind = random(5);
      std::string payload(kind < 3 && !any ? 4 : random(20), '\0');
      for (char& each : payload) each = static_cast<char>(random(256));
      auto const end = static_cast<char>(random(2));
      if (any) {
        noise += frame(static_cast<char>(random(11)), static_cast<char>(random(64)), random(80), payload);
      } else if (kind == 0) {
        noise += frame(NGHTTP2_RST_STREAM, 0, 2 * random(i) + 1, payload);
      } else if (kind == 1) {
        payload[0] = payload[1] = '\0';
        noise += frame(NGHTTP2_WINDOW_UPDATE, 0, 2 * random(i) + 1, payload);
      } else if (kind == 2 && i > 1) {
        noise += frame(NGHTTP2_DATA, end, 2 * i + 1, payload);  // of the request before
      }
      noise += frame(NGHTTP2_HEADERS, 4, 2 * i + 3, request);
    }
    c.tls.send(noise);
    for (int i = 0; i < 5; ++i) w.context.restart(), w.context.poll(), c.tls.pump();
    c.tls.raw.close();
  }
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  EXPECT_GT(served, 200) << "so it was not all noise";
}

TEST(Http2, OptionsThatCanNotBeMeant) {
  net::server_options options;
  options.http.http2 = net::http2({.streams_max = 0});
  EXPECT_EQ(net::invalid_option(options), "http.http2.streams_max: no request would be served");
}

}  // namespace net_http2_test
