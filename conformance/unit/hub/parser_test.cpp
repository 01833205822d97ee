// Server and client with a parser: the default one, MessagePack, and one that is made here.
#include "siokit/socketio/parser.hpp"

#include <algorithm>

#include "unit/link.hpp"
#include "world.hpp"

namespace hub_parser_test {

using namespace hub_test;
using hub::client_socket;

/// Everything backwards: text, and each attachment, which stays a message of its own.
class backwards final : public parser {
 public:
  result<socketio::standard_packet> decode(frame const& in, socketio::decoder_limits const&) const override {
    std::string turned(in.data.rbegin(), in.data.rend());
    socketio::standard_packet out;
    if (in.kind == frame_kind::text) {
      out.text = std::move(turned);
    } else {
      out.memory.push_back(std::move(turned));
      out.attachments.push_back(as_bytes(out.memory.front()));
    }
    return out;
  }
  result<message> encode(message const& packet) const override {
    ++encoded;
    message_builder out(0);
    for (auto packets = packet.packets(); !packets.done();) {
      auto const [kind, data] = packets.next();
      if (kind == frame_kind::text) {
        out.append("4" + std::string(data.rbegin(), data.rend() - 1));
        out.close_text();
      } else {
        std::string const turned(data.rbegin(), data.rend());
        out.attach(as_bytes(turned));
      }
    }
    return out.finish();
  }
  mutable int encoded = 0;
};

/// Refuses whatever it is given, or says things that make no sense.
class nonsense final : public parser {
 public:
  explicit nonsense(socketio::standard_packet says = {}) : says_(std::move(says)) {}
  result<socketio::standard_packet> decode(frame const&, socketio::decoder_limits const&) const override {
    return socketio::standard_packet{says_.text, says_.attachments, {}};
  }
  result<message> encode(message const&) const override { return local_error(errc::invalid_argument); }

 private:
  socketio::standard_packet says_;
};

msgpack_parser const msgpack;

std::string turned(std::string_view text) {
  return {text.rbegin(), text.rend()};
}

TEST(hub_parser, a_parser_from_outside) {
  backwards const parser;
  world w({.parser = &parser});
  w.io.on("echo", [](socket& s, args const& all, ack reply) {
    s.emit("echo", all);
    reply(all);
  });
  int const client = w.open();
  w.say(client, "4" + turned("0"));
  EXPECT_TRUE(w.heard(client).ends_with(turned(R"(0{"sid":")")));
  w.say(client, "4" + turned(R"(27["echo",1,{"a":2}])"));
  EXPECT_EQ(w.heard(client), "4" + turned(R"(2["echo",1,{"a":2}])") + " 4" + turned(R"(37[1,{"a":2}])"));
  w.say(client, "4" + turned(R"(52-["echo",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])"));
  w.say_binary(client, "abc");
  w.say_binary(client, "xyz");
  EXPECT_EQ(w.heard(client),
            "4" + turned(R"(52-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])") +
                " <xyz> <abc>");
  w.say(client, "4" + turned("1"));
  w.say(client, "4" + turned("0/nowhere,"));
  EXPECT_EQ(w.heard(client), "4" + turned(R"(4/nowhere,{"message":"Invalid namespace"})"));
}

TEST(hub_parser, a_broadcast_is_encoded_once) {
  backwards const parser;
  world w({.parser = &parser});
  std::vector<int> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(w.open());
    w.say(clients.back(), "40");
    static_cast<void>(w.heard(clients.back()));
  }
  parser.encoded = 0;
  EXPECT_TRUE(w.io.emit("news", 1));
  EXPECT_EQ(parser.encoded, 1);
  for (int const client : clients) EXPECT_EQ(w.heard(client), "4" + turned(R"(2["news",1])"));
}

TEST(hub_parser, what_cannot_be_encoded_is_told_to_whoever_emits) {
  world w({.parser = &msgpack});
  std::string log;
  w.io.on_connection([&](socket& s) {
    auto const bad = raw_json{"{bad"};
    log += to_string(s.emit("a", bad).error().code);
    log += to_string(s.emit("a", bad, [&](std::error_code) { log += "called"; }).error().code);
    log += to_string(w.io.emit("a", bad).error().code);
  });
  int const client = w.open();
  w.say_binary(client, std::string_view("\x82\xa4type\x00\xa3nsp\xa1/", 13));
  std::string const once(to_string(errc::bad_json));
  EXPECT_EQ(log, once + once + once);
  EXPECT_EQ(w.heard_frames(client).size(), 1u) << "the welcome";
  w.leave(client);
  EXPECT_EQ(log, once + once + once);
}

TEST(hub_parser, a_parser_is_not_believed) {
  std::string const odd = "odd";
  bytes_view const data = as_bytes(odd);
  using says = socketio::standard_packet;
  says const cases[] = {
      {},
      {.attachments = {data}},
      {.text = "9"},
      {.text = "{"},
      {.text = R"(2["a",{"_placeholder":true,"num":1}])", .attachments = {data}},
      {.text = R"(51-["a",{"_placeholder":true,"num":0}])", .attachments = {data}},
      {.text = R"(2["a")"},
      {.text = "2[\"\xff\"]"},
  };
  for (auto const& each : cases) {
    nonsense const parser(says{each.text, each.attachments, {}});
    world w({.parser = &parser});
    int const client = w.open();
    w.say(client, "4x");
    EXPECT_EQ(w.heard(client), "shut") << each.text;
  }
}

TEST(hub_parser, text_closes_a_connection_of_msgpack) {
  world w({.parser = &msgpack});
  int const client = w.open();
  w.say(client, "40");
  EXPECT_EQ(w.heard(client), "shut");
  int const late = w.open();
  w.say_binary(late, std::string_view("\x82\xa4type\x00\xa3nsp\xa1/", 13));
  ASSERT_EQ(w.heard_frames(late).size(), 1u);
  std::string log;
  w.io.on_disconnect([&](socket& s, hub::disconnect_reason why) {
    log += std::string(to_string(why)) + ":" + std::string(to_string(s.last_error().code));
  });
  w.say(late, R"(42["a"])");
  EXPECT_EQ(w.heard(late), "shut");
  EXPECT_EQ(log, "forced close:" + std::string(to_string(errc::unexpected_text)));
}

/// Our client and our server, linked in memory, with the same parser.
struct pair {
  explicit pair(parser const* both, std::uint32_t retries = 0)
      : config{.engine = {.path = "/socket.io/", .transports = {transport::polling, transport::websocket}},
               .ack_timeout = 1s,
               .retries = retries,
               .parser = both},
        io(engine, {.parser = both},
           [this](std::span<std::uint8_t, 12> out) {
             for (auto& byte : out) byte = ++random;
           }),
        client(config, 7),
        link(client.session(), engine) {
    client.on_wake([this] { return link.now; });
    link.now = time_point(1h);
    link.drain_client = [this] { client.drain(link.now); };
    link.drain_server = [this] { io.drain(link.now); };
    link.advance_server = [this] { io.advance(link.now); };
    link.server_deadline = [this] { return io.next_deadline(); };
  }
  socketio::client_config config;
  engineio::server engine{engineio::server_config{.path = "/socket.io/"}};
  std::uint8_t random = 0;
  hub::server io;
  hub::client client;
  conformance::link<socketio::client_session> link;
};

class hub_parser_of : public testing::TestWithParam<parser const*> {};

TEST_P(hub_parser_of, carries_everything_both_ways) {
  pair p(GetParam());
  std::string log;
  p.io.of("/chat").use([](socket& s, hub::next go_on) {
    s.handshake().auth() == R"({"token":"good"})" ? go_on()
                                                  : go_on.refuse("not you", R"({"code":[401,null]})");
  });
  p.io.of("/chat").on("echo", [](socket& s, args const& all, ack reply) {
    s.emit("echo", all);
    reply(all);
  });
  p.io.of("/chat").on("ask me", [&](socket& s, bytes_view data) {
    s.emit("question", std::vector{data}, [&](std::vector<std::uint8_t> const& answer) {
      log += "answered " + std::to_string(answer.size()) + ";";
    });
  });
  p.io.of("/chat").on("kick", [](socket& s) { s.disconnect(); });
  client_socket& s = p.client.socket("/chat");
  s.on_connect_error(
      [&](hub::connect_error const& why) { log += std::string(why.message) + std::string(why.data) + ";"; });
  s.on_connect([&] { log += "connect;"; });
  s.on_disconnect([&](hub::disconnect_reason why) { log += std::string(to_string(why)) + ";"; });
  s.on("echo", [&](args const& all) {
    for (auto const json : all) log += std::string(json) + " ";
    log += std::to_string(all.attachments().size()) + ";";
  });
  s.on("question",
       [](std::vector<std::vector<std::uint8_t>> const& in, hub::client_ack reply) { reply(in[0]); });
  s.on_any_outgoing([&](std::string_view event, args const&) { log += "sent " + std::string(event) + ";"; });
  s.connect();
  p.link.pass(200ms);
  EXPECT_EQ(std::exchange(log, {}), R"(not you{"code":[401,null]};)");
  ASSERT_TRUE(s.auth(R"({"token":"good"})"));
  s.connect();
  std::string const data(300, '\x80');
  EXPECT_TRUE(s.emit("echo", 1, "e\"", nullptr, 0.5, std::map<std::string, int>{{"k", -7}}, as_bytes(data),
                     [&](args const& all) {
                       log += "ack " + std::to_string(all.size()) + " " +
                              std::to_string(all.get<bytes_view>(5)->size()) + ";";
                     }));
  p.link.pass(200ms);
  EXPECT_EQ(std::exchange(log, {}),
            "sent echo;connect;1 \"e\\\"\" null 0.5 {\"k\":-7} {\"_placeholder\":true,\"num\":0} "
            "1;ack 6 300;");
  EXPECT_TRUE(s.emit("ask me", as_bytes(data)));
  p.link.pass(200ms);
  EXPECT_EQ(std::exchange(log, {}), "sent ask me;answered 300;");
  EXPECT_TRUE(s.emit("kick"));
  p.link.pass(200ms);
  EXPECT_EQ(std::exchange(log, {}), "sent kick;io server disconnect;");
}

TEST_P(hub_parser_of, keeps_and_repeats_events) {
  pair p(GetParam(), 2);
  int heard = 0;
  p.io.on("hush", [&](socket&, bytes_view) { ++heard; });
  client_socket& s = p.client.socket();
  std::string log;
  EXPECT_TRUE(s.emit("hush", as_bytes("x"), [&](std::error_code failure) { log += failure.message(); }));
  s.connect();
  p.link.pass(10s);
  EXPECT_EQ(heard, 3);
  EXPECT_EQ(log, to_string(errc::timed_out));
}

backwards const turning;
INSTANTIATE_TEST_SUITE_P(each, hub_parser_of, testing::Values(nullptr, &msgpack, &turning));

TEST(hub_parser, a_client_hears_at_once_of_what_cannot_be_encoded) {
  pair p(&msgpack);
  client_socket& s = p.client.socket();
  bool called = false;
  EXPECT_EQ(s.emit("a", raw_json{"{bad"}, [&] { called = true; }).error().code, errc::bad_json);
  s.connect();
  EXPECT_TRUE(s.emit("b", 1));
  p.link.pass(5s);
  EXPECT_FALSE(called);
  nonsense const broken;
  pair q(&broken);
  q.client.socket().connect();
  q.link.pass(1s);
  EXPECT_FALSE(q.client.socket().connected());
}

}  // namespace hub_parser_test
