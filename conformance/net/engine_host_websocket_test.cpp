#include <deque>

#include "net/websocket_client.hpp"

namespace net_engine_host_websocket_test {

using namespace siokit;
using namespace siokit::test;
using namespace std::chrono_literals;
namespace opcodes = websocket::opcodes;
namespace close_codes = websocket::close_codes;

TEST(EngineHostWebsocket, OpensAndEchoes) {
  world w;
  websocket_client c(w);
  std::string const answer = c.open();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << answer;
  EXPECT_NE(answer.find("\r\nUpgrade: websocket\r\n"), answer.npos);
  EXPECT_NE(answer.find("\r\nConnection: Upgrade\r\n"), answer.npos);
  EXPECT_NE(answer.find("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), answer.npos);
  EXPECT_TRUE(c.next().starts_with("text 0{\"sid\":\""));
  c.say(opcodes::text, "4hello");
  EXPECT_EQ(c.next(), "text 4hello");
  c.say(opcodes::binary, "\x01\xff");
  EXPECT_EQ(c.next(), "binary \x01\xff");
  EXPECT_EQ(w.log, std::vector<std::string>{"opened"});
}

TEST(EngineHostWebsocket, AddsTheHeadersOfTheApplication) {
  world w;
  w.host->on_headers(
      [](std::vector<net::owned_header>& headers, engineio::request const& in, std::string_view) {
        headers.push_back({"X-Key", std::string(in.find("sec-websocket-key").value_or(""))});
      });
  w.host->on_initial_headers(
      [](std::vector<net::owned_header>& headers, engineio::request const&, std::string_view) {
        headers.push_back({"X-Initial", "yes"});
      });
  websocket_client c(w);
  EXPECT_NE(c.open().find("\r\nX-Initial: yes\r\nX-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), std::string::npos);
}

TEST(EngineHostWebsocket, ReadsFramesRightBehindTheHandshake) {
  world w;
  websocket_client c(w);
  c.send(websocket_handshake(websocket_target) + frame_of(opcodes::text, "4one") +
         frame_of(opcodes::text, "4two"));
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(c.next().starts_with("text 0{"));
  EXPECT_EQ(c.next(), "text 4one");
  EXPECT_EQ(c.next(), "text 4two");
}

TEST(EngineHostWebsocket, ReadsByteByByte) {
  world w;
  websocket_client c(w);
  c.send_by_byte(websocket_handshake(websocket_target) + frame_of(opcodes::text, "4one"));
  EXPECT_TRUE(c.response().starts_with("HTTP/1.1 101 "));
  EXPECT_TRUE(c.next().starts_with("text 0{"));
  EXPECT_EQ(c.next(), "text 4one");
  c.send_by_byte(frame_of(opcodes::binary, std::string(300, 'x')) + frame_of(opcodes::text, "4two"));
  EXPECT_EQ(c.next(), "binary " + std::string(300, 'x'));
  EXPECT_EQ(c.next(), "text 4two");
}

TEST(EngineHostWebsocket, CarriesLargeMessages) {
  world w({.max_http_buffer_size = 4'000'000});
  websocket_client c(w);
  c.open();
  c.next();
  std::string const large = "4" + std::string(3'999'999, 'y');
  for (int i = 0; i < 3; ++i) c.say(opcodes::text, large);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(c.next().size(), large.size() + 5);
}

TEST(EngineHostWebsocket, AnswersPings) {
  world w;
  websocket_client c(w);
  c.open();
  c.next();
  c.say(opcodes::ping, "abc");
  EXPECT_EQ(c.next(), "pong abc");
  c.say(opcodes::pong, "unasked");
  c.say(opcodes::text, "4x");
  EXPECT_EQ(c.next(), "text 4x");
}

TEST(EngineHostWebsocket, AnswersThePingsOfOneReadInOneWrite) {
  world w;
  websocket_client c(w);
  c.open();
  c.next();
  std::string pings;
  for (int i = 0; i < 20; ++i) pings += frame_of(opcodes::ping, std::to_string(i));
  c.send(pings + frame_of(opcodes::text, "4x"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(c.next(), "pong " + std::to_string(i));
  EXPECT_EQ(c.next(), "text 4x");
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += frame_of(opcodes::ping, std::to_string(i));
  c.send(flood + frame_of(opcodes::text, "4y"));
  int pongs = 0;
  std::string last;
  for (std::string next = c.next(); next != "text 4y"; next = c.next(), ++pongs) last = next;
  EXPECT_EQ(last, "pong 4999");
  EXPECT_LT(pongs, 2500) << "of very many the last ones";
}

TEST(EngineHostWebsocket, AnswersACloseWithItsCode) {
  world w;
  auto const at = w.listen();
  struct {
    std::string payload, expected;
  } const cases[] = {{"", "close 1005"}, {"\x03\xe9going away", "close 1001"}, {"\x0f\xa0", "close 4000"}};
  for (auto const& one : cases) {
    websocket_client c(w, at);
    c.open();
    c.next();
    c.say(opcodes::close, one.payload);
    c.say(opcodes::text, "4ignored");
    EXPECT_EQ(c.next(), one.expected);
    EXPECT_EQ(w.log.back(), "closed: transport close");
    EXPECT_TRUE(c.until_ended());
    EXPECT_EQ(w.host->connections(), 0u) << "nobody is waited for";
  }
}

TEST(EngineHostWebsocket, NoticesAPeerThatIsGone) {
  world w;
  websocket_client c(w);
  c.open();
  c.next();
  c.close();
  EXPECT_TRUE(w.until_log("closed: transport close"));
  EXPECT_EQ(w.host->connections(), 0u);
}

TEST(EngineHostWebsocket, TellsPeersWhatTheyDidWrong) {
  world w({.max_http_buffer_size = 10});
  auto const at = w.listen();
  std::string unmasked;
  websocket::append_frame(unmasked, opcodes::text, "4x");
  struct {
    std::string bytes, close, reason;
  } const cases[] = {
      {frame_of(opcodes::text, "4\xff"), "close 1007", "expected UTF-8 text, found an invalid byte sequence"},
      {frame_of(opcodes::text, "4123456789x"), "close 1009", "Max payload size exceeded"},
      {unmasked, "close 1002", "expected a masked frame from a client, found an unmasked one"},
      {frame_of(0x3, "x"), "close 1002", "reserved WebSocket opcode"},
  };
  for (auto const& one : cases) {
    websocket_client c(w, at);
    c.open();
    c.next();
    c.send(one.bytes);
    EXPECT_EQ(c.next(), one.close);
    EXPECT_EQ(w.log.back(), "closed: transport error, " + one.reason);
    EXPECT_TRUE(c.until_ended());
  }
}

TEST(EngineHostWebsocket, AnswersWhatCameBeforeTheEnd) {
  world w({.max_http_buffer_size = 10});
  auto const at = w.listen();
  struct {
    std::string bytes, close;
  } const cases[] = {
      {frame_of(opcodes::close, "\x03\xe8"), "close 1000"},
      {frame_of(0x3, "x"), "close 1002"},
      {frame_of(opcodes::text, "4123456789x"), "close 1009"},
  };
  for (auto const& one : cases) {
    websocket_client c(w, at);
    c.open();
    c.next();
    c.send(frame_of(opcodes::text, "4one") + frame_of(opcodes::ping, "p") + frame_of(opcodes::text, "4two") +
           one.bytes);
    std::string said;
    for (int i = 0; i < 4; ++i) said += c.next() + ";";
    EXPECT_EQ(said, "pong p;text 4one;text 4two;" + one.close + ";");
    EXPECT_TRUE(c.until_ended());
  }
  // The session may have an end of its own to tell.
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    w.echo(event.session, event.data);
    w.engine.close(event.session, net::now());
    return true;
  };
  websocket_client c(w, at);
  c.open();
  c.next();
  c.send(frame_of(opcodes::text, "4one") + frame_of(opcodes::close, "\x03\xe8"));
  EXPECT_EQ(c.next(), "text 4one");
  EXPECT_EQ(c.next(), "close 1005");
  EXPECT_TRUE(c.until_ended());
}

TEST(EngineHostWebsocket, EndsASessionWithoutACode) {
  net::host_options options;
  options.linger_timeout = 30ms;
  world w({}, options);
  auto const at = w.listen();
  for (bool const polite : {true, false}) {
    websocket_client c(w, at);
    c.open();
    c.next();
    w.send(w.last, text_message("4last"));
    w.engine.close(w.last, net::now());
    w.host->wake();
    EXPECT_EQ(c.next(), "text 4last");
    EXPECT_EQ(c.next(), "close 1005");
    EXPECT_EQ(w.log.back(), "closed: forced close");
    EXPECT_EQ(w.engine.size(), 0u);
    EXPECT_TRUE(c.until_ended());
    EXPECT_EQ(w.host->connections(), 1u) << "it waits for the peer to close its side";
    if (polite) c.say(opcodes::close, ""), c.close();
    EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  }
}

TEST(EngineHostWebsocket, RefusesHandshakes) {
  world w;
  auto const at = w.listen();
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::handshake_requested) return false;
    static_cast<void>(w.engine.refuse(event.session));
    return true;
  };
  struct {
    std::string target, body;
  } const cases[] = {
      {"/engine.io/?EIO=4&transport=websocket&sid=no", "Session ID unknown"},
      {"/engine.io/?EIO=3&transport=websocket", "Forbidden"},  // the application is asked first
      {"/engine.io/?EIO=4&transport=polling", "Bad request"},
      {websocket_target, "Forbidden"},
  };
  for (auto const& one : cases) {
    websocket_client c(w, at);
    c.send(websocket_handshake(one.target));
    std::string const answer = c.response();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
    EXPECT_NE(answer.find("\r\nConnection: close\r\n"), answer.npos);
    EXPECT_NE(answer.find("\r\nContent-Type: text/html\r\n"), answer.npos);
    EXPECT_EQ(body_of(answer), one.body);
    EXPECT_TRUE(c.until_ended());
  }
  websocket_client elsewhere(w, at);
  elsewhere.send(websocket_handshake("/other"));
  EXPECT_TRUE(elsewhere.response().starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(elsewhere.until_ended());
  websocket_client old(w, at);
  std::string request = websocket_handshake(websocket_target);
  request.replace(request.find("Version: 13"), 11, "Version: 12");
  EXPECT_TRUE((old.send(request), old.response()).starts_with("HTTP/1.1 400 "));
}

TEST(EngineHostWebsocket, LetsNoHandshakeDangle) {
  world w;
  handle asked;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::handshake_requested) return false;
    asked = event.session;
    return true;
  };
  auto const at = w.listen();
  websocket_client c(w, at);
  c.send(websocket_handshake(websocket_target));
  ASSERT_TRUE(w.until([&] { return bool(asked); }));
  c.close();
  ASSERT_TRUE(w.until([&] { return w.engine.size() == 0; }));

  asked = {};
  websocket_client late(w, at);
  late.send(websocket_handshake(websocket_target));
  ASSERT_TRUE(w.until([&] { return bool(asked); }));
  // Admitted, but gone before the host hears of it.
  ASSERT_TRUE(w.engine.admit(asked, sid("late"), net::now()));
  late.close();
  ASSERT_TRUE(w.until([&] { return w.engine.size() == 0; }));
  EXPECT_EQ(w.log.back(), "closed: transport close");
}

// --- Upgrade

TEST(EngineHostUpgrade, MovesASessionFromPollingToAWire) {
  world w;
  auto const at = w.listen();
  raw_client polls(w, at);
  websocket_client c(w, at);
  polls.ask(get(polling));
  polls.send(get(poll_of(0)));
  EXPECT_TRUE(c.open(websocket_target + "&sid=" + sid_of(0)).starts_with("HTTP/1.1 101 "));
  c.say(opcodes::text, "2probe");
  EXPECT_EQ(c.next(), "text 3probe");
  EXPECT_EQ(body_of(polls.response()), "6") << "so that the client stops polling";
  c.say(opcodes::text, "5");
  ASSERT_TRUE(w.until_log("upgraded"));
  c.say(opcodes::text, "4hello");
  EXPECT_EQ(c.next(), "text 4hello");
}

TEST(EngineHostUpgrade, ClosesASecondWireAndAWrongProbe) {
  world w;
  auto const at = w.listen();
  raw_client polls(w, at);
  polls.ask(get(polling));
  websocket_client first(w, at), second(w, at);
  std::string const target = websocket_target + "&sid=" + sid_of(0);
  first.open(target);
  EXPECT_TRUE(second.open(target).starts_with("HTTP/1.1 101 "));
  EXPECT_EQ(second.next(), "close 1005");
  EXPECT_TRUE(second.until_ended());
  first.say(opcodes::text, "4x");
  EXPECT_EQ(first.next(), "close 1005");
  EXPECT_EQ(body_of(polls.ask(post(poll_of(0), "4still"))), "ok");
  EXPECT_EQ(body_of(polls.ask(get(poll_of(0)))), "4still");
}

// --- Pressure

TEST(EngineHostPressure, KeepsMessagesUntilTheirReaderReads) {
  world w;
  websocket_client c(w);
  c.open();
  c.next();
  int const count = 2000;
  for (int i = 0; i < count; ++i)
    w.send(w.last, text_message("4" + std::to_string(i) + std::string(8000, ' ')));
  w.host->wake();
  for (int i = 0; i < 20; ++i) w.context.restart(), w.context.run_one_for(1ms);
  std::size_t const queued = w.engine.find(w.last)->bytes_queued();
  EXPECT_GT(queued, 1'000'000u) << "it stays where the session counts it";
  c.say(opcodes::ping, "1");
  c.say(opcodes::ping, "2");
  for (int i = 0; i < count; ++i) {
    std::string message = c.next();
    while (message.starts_with("pong")) message = c.next();
    ASSERT_EQ(message.substr(0, message.find(' ', 6)), "text 4" + std::to_string(i));
  }
  EXPECT_EQ(w.engine.find(w.last)->bytes_queued(), 0u);
  c.say(opcodes::text, "4end");
  EXPECT_EQ(c.next(), "text 4end");
  c.say(opcodes::ping, "again");
  EXPECT_EQ(c.next(), "pong again");
}

TEST(EngineHostPressure, SendsWhatIsLeftThoughTheApplicationThrows) {
  world w;
  int failures = 0;
  w.host->on_drain([&](time_point now) {
    if (failures > 0) --failures, throw std::runtime_error("drain");
    w.drain(now);
  });
  websocket_client c(w);
  c.open();
  c.next();
  for (int i = 0; i < 1000; ++i) w.send(w.last, text_message("4" + std::string(10'000, ' ')));
  w.host->wake();
  for (int i = 0; i < 20; ++i) w.context.restart(), w.context.run_one_for(1ms);
  failures = 8;
  c.say(opcodes::text, "4end");
  for (int caught = 0; caught < 8;) {
    try {
      c.pull();
      w.context.restart();
      w.context.run_one_for(1ms);
    } catch (std::runtime_error const&) {
      ++caught;
    }
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(c.next().size(), 10'006u);
  EXPECT_EQ(c.next(), "text 4end");
}

TEST(EngineHostPressure, AnswersEveryRequestOfABurst) {
  world w({.max_http_buffer_size = 10});
  auto const at = w.listen();
  std::deque<websocket_client> listeners;
  std::vector<handle> all;
  for (int i = 0; i < 5; ++i) {
    listeners.emplace_back(w, at).open();
    listeners.back().next();
    all.push_back(w.last);
  }
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    for (handle const one : all) w.echo(one, event.data);
    return true;
  };
  std::deque<raw_client> posters;
  for (int i = 0; i < 8; ++i) posters.emplace_back(w, at);
  posters[0].ask(get(polling));
  ASSERT_TRUE(w.until([&] { return w.host->connections() == 13; }));
  // What the broadcast has to send waits for the end of the turn; the many answers of one session may not.
  listeners[0].say(opcodes::text, "4all");
  for (raw_client& one : posters) one.send(post(poll_of(5), "4123456789x"));
  for (raw_client& one : posters) EXPECT_TRUE(one.response().starts_with("HTTP/1.1 413 "));
  for (websocket_client& one : listeners) EXPECT_EQ(one.next(), "text 4all");
}

TEST(EngineHostPressure, OwesOnePongToAPeerThatReadsNothing) {
  world w;
  websocket_client c(w);
  c.open();
  c.next();
  for (int i = 0; i < 1000; ++i) w.send(w.last, text_message("4" + std::string(10'000, ' ')));
  w.host->wake();
  for (int i = 0; i < 1000; ++i) c.say(opcodes::ping, std::to_string(i));
  int messages = 0, pongs = 0;
  while (messages < 1000) ++(c.next().starts_with("pong") ? pongs : messages);
  c.say(opcodes::text, "4end");
  for (std::string next = c.next(); next != "text 4end"; next = c.next()) ++pongs;
  EXPECT_GE(pongs, 1);
  EXPECT_LT(pongs, 1000);
}

TEST(EngineHostPressure, CutsAPeerThatTakesNothingOfAClosedSession) {
  net::host_options options;
  options.write_timeout = 30ms;
  world w({}, options);
  websocket_client c(w);
  c.open();
  c.next();
  for (int i = 0; i < 1000; ++i) w.send(w.last, text_message("4" + std::string(10'000, ' ')));
  w.host->wake();
  EXPECT_TRUE(w.until([&] { return w.engine.find(w.last)->bytes_queued() < 9'000'000; }));
  w.engine.close(w.last, net::now());
  w.host->wake();
  EXPECT_TRUE(w.until([&] { return w.host->connections() == 0; }));
  EXPECT_EQ(w.engine.size(), 0u);
}

TEST(EngineHostPressure, EndsASessionWhoseQueueIsFull) {
  world w({.outbox_bytes_max = 100'000});
  websocket_client c(w);
  c.open();
  c.next();
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    for (int i = 0; i < 20; ++i) w.send(event.session, text_message("4" + std::string(10'000, ' ')));
    return true;
  };
  c.say(opcodes::text, "4go");
  EXPECT_EQ(c.next(), "close 1005");
  EXPECT_EQ(w.log.back(), "closed: transport error, the peer reads too slowly: its send queue is full");
}

// --- Exceptions and ends

TEST(EngineHostWebsocket, LosesNothingWhenTheApplicationThrows) {
  world w;
  w.on_event = [&](engineio::event const& event) {
    if (event.type != engineio::event::kind::message) return false;
    w.echo(event.session, event.data);
    if (event.data.data.ends_with('!')) throw std::runtime_error("handler");
    return true;
  };
  websocket_client c(w);
  c.open();
  c.next();
  std::string all;
  for (auto const data : {"4a!", "4b", "4c!", "4d!", "4e"}) all += frame_of(opcodes::text, data);
  c.send(all.substr(0, all.size() - 3));
  int caught = 0;
  auto const pump = [&] {
    for (int i = 0; i < 20; ++i) {
      try {
        w.context.restart();
        w.context.run_one_for(1ms);
      } catch (std::runtime_error const&) {
        ++caught;
      }
    }
  };
  pump();
  EXPECT_EQ(caught, 3);
  c.send(all.substr(all.size() - 3));
  for (auto const data : {"4a!", "4b", "4c!", "4d!", "4e"}) EXPECT_EQ(c.next(), std::string("text ") + data);
}

TEST(EngineHostWebsocket, SurvivesAnEventThatWasNotPulledBeforeTheException) {
  world w;
  bool fail = false;
  w.host->on_drain([&](time_point now) {
    if (std::exchange(fail, false)) throw std::runtime_error("before");
    w.drain(now);
  });
  auto const at = w.listen();
  websocket_client c(w, at), other(w, at);
  c.open();
  c.next();
  fail = true;
  c.send(frame_of(opcodes::text, "4one") + frame_of(opcodes::text, "4two"));
  other.send(
      websocket_handshake(websocket_target));  // its bytes must not come over those of the pending event
  EXPECT_THROW(w.until([] { return false; }), std::runtime_error);
  EXPECT_EQ(c.next(), "text 4one");
  EXPECT_EQ(c.next(), "text 4two");
  EXPECT_TRUE(other.response().starts_with("HTTP/1.1 101 "));
}

TEST(EngineHostWebsocket, StaysOpenWhenTheApplicationThrowsAtItsOpening) {
  using kind = engineio::event::kind;
  for (kind const when : {kind::handshake_requested, kind::opened}) {
    net::host_options options;
    options.header_timeout = options.keep_alive_timeout = 30ms;
    world w({}, options);
    w.on_event = [&](engineio::event const& event) {
      if (event.type != when) return false;
      static_cast<void>(w.engine.admit(event.session, sid("thrown"), net::now()));
      throw std::runtime_error("handler");
    };
    websocket_client c(w);
    c.send(websocket_handshake(websocket_target) + frame_of(opcodes::text, "4early"));
    EXPECT_THROW(w.until([] { return false; }), std::runtime_error);
    EXPECT_TRUE(c.response().starts_with("HTTP/1.1 101 "));
    EXPECT_TRUE(c.next().starts_with("text 0{"));
    EXPECT_EQ(c.next(), "text 4early");
    auto const later = std::chrono::steady_clock::now() + 60ms;
    EXPECT_TRUE(w.until([&] { return std::chrono::steady_clock::now() > later; }));
    c.say(opcodes::text, "4still");
    EXPECT_EQ(c.next(), "text 4still");
  }
}

TEST(EngineHostWebsocket, MayBeDestroyedAtAnyEvent) {
  using kind = engineio::event::kind;
  for (kind const when : {kind::handshake_requested, kind::opened, kind::message, kind::closed}) {
    world w;
    w.on_event = [&](engineio::event const& event) {
      if (event.type == when) w.host.reset();
      return false;
    };
    auto const at = w.listen();
    websocket_client c(w, at), other(w, at);
    other.send("GET ");
    c.send(websocket_handshake(websocket_target) + frame_of(opcodes::text, "4one") +
           frame_of(opcodes::text, "4two") + frame_of(opcodes::close, ""));
    EXPECT_TRUE(c.until_ended());
    EXPECT_FALSE(w.host);
    w.context.restart();
    w.context.run();
  }
}

TEST(EngineHostWebsocket, ClosesAllWires) {
  world w;
  auto const at = w.listen();
  websocket_client a(w, at), b(w, at);
  for (websocket_client* one : {&a, &b}) one->open(), one->next();
  w.host->close();
  for (websocket_client* one : {&a, &b}) {
    EXPECT_EQ(one->next(), "close 1005");
    EXPECT_TRUE(one->until_ended());
    one->close();
  }
  w.context.restart();
  w.context.run();
  EXPECT_EQ(w.engine.size(), 0u);
}

TEST(EngineHostWebsocket, BroadcastsOfOneTurnLeaveTogether) {
  world w;
  std::vector<handle> all;
  w.on_event = [&](engineio::event const& event) {
    if (event.type == engineio::event::kind::opened) all.push_back(event.session);
    if (event.type != engineio::event::kind::message) return false;
    for (handle const one : all) w.echo(one, event.data);
    return true;
  };
  auto const at = w.listen();
  std::deque<websocket_client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(w, at).open();
    clients.back().next();
  }
  for (int i = 0; i < 20; ++i)
    clients[static_cast<std::size_t>(i)].say(opcodes::text, "4" + std::to_string(i));
  for (auto& one : clients) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(one.next(), "text 4" + std::to_string(i));
  }
}

}  // namespace net_engine_host_websocket_test
