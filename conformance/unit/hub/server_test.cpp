// The hub as an application sees it: joining, events, acknowledgements, rooms, reasons.
#include "world.hpp"

namespace hub_server_test {

using namespace hub_test;
using hub::socket;

TEST(hub, connect_event_and_disconnect) {
  world w;
  std::string log;
  w.io.on_connection([&](socket& s) { log += "connection " + std::to_string(s.id().size()) + ";"; });
  w.io.on("say", [&](socket& s, std::string_view text, int number) {
    log += "say " + std::string(text) + " " + std::to_string(number) + ";";
    s.emit("said", text, number);
  });
  w.io.of("/").on_disconnect(
      [&](socket&, hub::disconnect_reason why) { log += std::string(to_string(why)) + ";"; });
  int const client = w.connect();
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})");
  w.say(client, R"(42["say","hi",7])");
  EXPECT_EQ(w.heard(client), R"(42["said","hi",7])");
  w.say(client, "41");
  EXPECT_EQ(log, "connection 20;say hi 7;client namespace disconnect;");
  w.join(client);
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})") << "the connection is still open";
}

TEST(hub, unknown_namespace_is_refused_and_the_connection_stays) {
  world w;
  int const client = w.connect("/nowhere");
  EXPECT_EQ(w.heard(client), R"(44/nowhere,{"message":"Invalid namespace"})");
  w.io.on_connection([](socket&) {});
  w.join(client);
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})");
}

TEST(hub, several_namespaces_on_one_connection) {
  world w;
  w.io.on("who", [](socket& s) { s.emit("root"); });
  w.io.of("chat").on("who", [](socket& s) { s.emit("chat", s.nsp().name()); });
  int const client = w.guest();
  w.join(client, "/chat");
  EXPECT_EQ(w.heard(client), R"(40/chat,{"sid":"#"})");
  w.say(client, R"(42/chat,["who"])");
  w.say(client, R"(42["who"])");
  EXPECT_EQ(w.heard(client), R"(42/chat,["chat","/chat"] 42["root"])");
}

TEST(hub, middleware_may_refuse_now_or_later) {
  world w;
  std::optional<hub::next> kept;
  std::string log;
  w.io.on_connection([&](socket&) { log += "connected;"; });
  w.io.use([&](socket& s, hub::next go_on) {
    if (s.handshake().auth() == R"({"token":"bad"})")
      return go_on.refuse("not authorized", siokit::raw_json{R"({"code":401})"});
    if (s.handshake().auth() == R"({"token":"slow"})") return void(kept.emplace(std::move(go_on)));
    if (s.handshake().auth() == R"({"token":"lost"})") return;
    go_on();
  });
  EXPECT_EQ(w.heard(w.connect("/", R"({"token":"bad"})")),
            R"(44{"message":"not authorized","data":{"code":401}})");
  EXPECT_EQ(w.heard(w.connect("/", R"({"token":"lost"})")), R"(44{"message":"refused"})");
  EXPECT_EQ(log, "");
  int const slow = w.connect("/", R"({"token":"slow"})");
  EXPECT_EQ(w.heard(slow), "");
  w.pass(10s);
  (*kept)();
  EXPECT_EQ(w.heard(slow), R"(40{"sid":"#"})");
  EXPECT_EQ(log, "connected;");
}

TEST(hub, middleware_refuses_with_data_of_any_type) {
  world w;
  w.io.use([&](socket& s, hub::next go_on) {
    std::string const how(*s.handshake().auth<std::string>("how"));
    if (how == "text") return go_on.refuse("no", "because \"x\"");
    if (how == "list") return go_on.refuse("no", std::vector<int>{1, 2});
    if (how == "bad") return go_on.refuse("no", siokit::raw_json{"} ["});
    go_on.refuse("no", as_bytes("binary"));
  });
  EXPECT_EQ(w.heard(w.connect("/", R"({"how":"text"})")), R"(44{"message":"no","data":"because \"x\""})");
  EXPECT_EQ(w.heard(w.connect("/", R"({"how":"list"})")), R"(44{"message":"no","data":[1,2]})");
  EXPECT_EQ(w.heard(w.connect("/", R"({"how":"bad"})")), R"(44{"message":"no"})");
  EXPECT_EQ(w.heard(w.connect("/", R"({"how":"binary"})")), R"(44{"message":"no"})");
}

TEST(hub, names_of_the_javascript_api_are_understood) {
  world w;
  std::string log;
  EXPECT_TRUE(w.io.on("connection", [&](socket& s) {
    log += "connection;";
    EXPECT_TRUE(s.on("disconnect", [&](socket&, hub::disconnect_reason) { log += "own disconnect;"; }));
  }));
  EXPECT_TRUE(w.io.on("disconnecting", [&](socket&, hub::disconnect_reason) { log += "disconnecting;"; }));
  EXPECT_TRUE(w.io.on("disconnect", [&](socket&, hub::disconnect_reason) { log += "disconnect;"; }));
  EXPECT_FALSE(w.io.on("connection", [](socket&, int) {})) << "no client can send it";
  EXPECT_FALSE(w.io.on("disconnect", [] {}));
  int const client = w.connect();
  w.say(client, R"(42["connection"])");
  w.leave(client);
  EXPECT_EQ(log, "connection;disconnecting;disconnect;own disconnect;");
}

TEST(hub, middleware_answers_for_a_client_that_has_left) {
  world w;
  std::optional<hub::next> kept;
  w.io.use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  int const client = w.connect();
  w.leave(client);
  (*kept)();
  kept.reset();
  EXPECT_EQ(w.io.connections(), 0u);
}

TEST(hub, event_in_the_same_turn_as_its_connect) {
  std::optional<hub::next> kept;  // outlives the server, which must not matter
  world w;
  std::string log;
  w.io.on("hi", [&](socket&) { log += "hi;"; });
  int const client = w.open();
  w.say(client, "40");
  w.say(client, R"(42["hi"])");
  EXPECT_EQ(log, "hi;") << "the join was accepted synchronously";

  w.io.of("/slow").use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  w.say(client, "40/slow,");
  w.say(client, R"(42/slow,["hi"])");
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"} shut)") << "the join was still undecided";
}

TEST(hub, invalid_packets_end_the_whole_connection) {
  for (auto const* packet : {"4", "47", "42{}", "42[]", R"(42["connect"])", "40", "42/x,[\"a\"]", "41/x",
                             "44{}", "451-[\"a\"", "42[\"a\""}) {
    world w;
    std::string log;
    w.io.of("/").on_disconnect([&](socket&, hub::disconnect_reason why) { log += to_string(why); });
    int const client = w.guest();
    w.say(client, packet);
    EXPECT_EQ(w.heard(client), "shut") << packet;
    EXPECT_EQ(log, "forced close") << packet;
    EXPECT_EQ(w.io.connections(), 0u);
  }
}

TEST(hub, connect_timeout) {
  struct diary final : engineio::observer {
    void on_protocol_error(engineio::server_session const&, error why) noexcept override { cause = why.code; }
    errc cause = errc::ok;
  } heard;
  world w({}, {.observer = &heard});
  int const client = w.open();
  int const joined = w.guest("/");
  (void)w.io.of("/");
  w.pass(44s);
  EXPECT_EQ(w.io.connections(), 2u);
  static_cast<void>(joined);
  w.say(client, "3");
  EXPECT_EQ(heard.cause, errc::ok);
  w.pass(1s);
  EXPECT_EQ(w.heard(client), "shut");
  EXPECT_EQ(heard.cause, errc::connect_timeout);
}

TEST(hub, acknowledgements_from_the_server) {
  world w;
  std::optional<hub::ack> kept;
  w.io.on("now", [](args all, hub::ack reply) {
    EXPECT_TRUE(reply.wanted());
    reply(all);
    reply("twice is once");
  });
  w.io.on("later", [&](hub::ack reply) { kept.emplace(std::move(reply)); });
  int const client = w.guest();
  w.say(client, R"(421["now",1,"x",null])");
  EXPECT_EQ(w.heard(client), R"(431[1,"x",null])");
  w.say(client, R"(422["later"])");
  EXPECT_EQ(w.heard(client), "");
  (*kept)(true);
  EXPECT_EQ(w.heard(client), "432[true]");
  w.say(client, R"(423["later"])");
  w.leave(client);
  EXPECT_EQ((*kept)(1).error().code, errc::gone);
}

TEST(hub, acknowledgements_from_the_client) {
  world w;
  std::string log;
  w.io.on_connection([&](socket& s) {
    s.emit("ask", 1, [&](std::string_view answer) { log += "answer " + std::string(answer) + ";"; });
    s.timeout(5s).emit("ask", 2, [&](std::error_code failure, int) { log += failure.message() + ";"; });
    s.timeout(9s).emit("ask", 3, [&](std::error_code failure, int answer) {
      log += failure ? failure.message() : std::to_string(answer);
      log += ";";
    });
  });
  int const client = w.connect();
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"} 420["ask",1] 421["ask",2] 422["ask",3])");
  w.say(client, R"(430["yes"])");
  w.say(client, R"(430["again"])");
  w.say(client, R"(4399["unknown"])");
  EXPECT_EQ(log, "answer yes;");
  w.pass(5s);
  EXPECT_EQ(log, "answer yes;operation has timed out;");
  w.say(client, "431[7]");
  w.leave(client);
  EXPECT_EQ(log, "answer yes;operation has timed out;socket has been disconnected;");
}

TEST(hub, binary_both_ways) {
  world w;
  std::string log;
  w.io.on("bin", [&](socket& s, bytes_view data, args rest) {
    log += as_text(data);
    s.emit("back", data, rest);
  });
  int const client = w.guest();
  w.say(client, R"(452-["bin",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}])");
  w.say_binary(client, "one");
  EXPECT_EQ(log, "");
  w.say_binary(client, "two");
  EXPECT_EQ(log, "one");
  EXPECT_EQ(w.heard(client),
            R"(452-["back",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}] <one> <two>)");
}

TEST(hub, rooms_and_broadcast) {
  world w;
  w.io.on("join", [](socket& s, std::string_view room) { s.join(room); });
  w.io.on("leave", [](socket& s, std::string_view room) { s.leave(room); });
  w.io.on("others", [](socket& s) { s.broadcast().emit("x"); });
  w.io.on("to", [](socket& s, std::string_view room) { s.to(room).emit("x"); });
  int const a = w.guest();
  int const b = w.guest();
  int const c = w.guest();
  auto const who_hears = [&](auto&& act) {
    act();
    std::string all;
    for (auto const& [client, name] : {std::pair{a, 'a'}, {b, 'b'}, {c, 'c'}}) {
      if (w.heard(client) == R"(42["x"])") all += name;
    }
    return all;
  };
  w.say(a, R"(42["join","red"])");
  w.say(b, R"(42["join","red"])");
  w.say(b, R"(42["join","blue"])");
  w.say(c, R"(42["join","blue"])");
  EXPECT_EQ(who_hears([&] { w.io.emit("x"); }), "abc");
  EXPECT_EQ(who_hears([&] { w.io.to("red").emit("x"); }), "ab");
  EXPECT_EQ(who_hears([&] { w.io.to("red").to("blue").emit("x"); }), "abc") << "each once";
  EXPECT_EQ(who_hears([&] { w.io.in("red").except("blue").emit("x"); }), "a");
  EXPECT_EQ(who_hears([&] { w.io.except("red").emit("x"); }), "c");
  EXPECT_EQ(who_hears([&] { w.io.to("nobody").emit("x"); }), "");
  EXPECT_EQ(who_hears([&] { w.io.to(w.id(c)).emit("x"); }), "c") << "an id is a room";
  EXPECT_EQ(who_hears([&] { w.io.except(w.id(c)).emit("x"); }), "ab");
  EXPECT_EQ(who_hears([&] { w.say(a, R"(42["others"])"); }), "bc");
  EXPECT_EQ(who_hears([&] { w.say(a, R"(42["to","red"])"); }), "b");
  EXPECT_EQ(w.io.of("/").members("red").size(), 2u);
  w.say(b, R"(42["leave","red"])");
  EXPECT_EQ(who_hears([&] { w.io.to("red").emit("x"); }), "a");
  w.leave(a);
  EXPECT_EQ(who_hears([&] { w.io.to("red").emit("x"); }), "");
  EXPECT_EQ(w.io.of("/").size(), 2u);
}

TEST(hub, verbs_on_many) {
  world w;
  int const a = w.guest();
  int const b = w.guest();
  w.io.to(w.id(a)).sockets_join("red");
  w.io.to("red").emit("x");
  EXPECT_EQ(w.heard(a) + "|" + w.heard(b), R"(42["x"]|)");
  w.io.of("/").sockets_leave("red");
  w.io.to("red").emit("x");
  EXPECT_EQ(w.heard(a), "");
  w.io.of("/").disconnect_sockets();
  EXPECT_EQ(w.heard(a) + "|" + w.heard(b), "41|41");
  EXPECT_EQ(w.io.of("/").size(), 0u);
  EXPECT_EQ(w.io.connections(), 2u);
}

TEST(hub, disconnect_one_namespace_or_the_connection) {
  world w;
  std::string log;
  for (auto const* name : {"/", "/chat"}) {
    w.io.of(name).on("out", [](socket& s, bool all) { s.disconnect(all); });
    w.io.of(name).on_disconnecting([&, name](socket& s, hub::disconnect_reason) {
      log += std::string("-") + name + std::to_string(s.rooms().size()) + ";";
    });
    w.io.of(name).on_disconnect([&, name](socket& s, hub::disconnect_reason why) {
      log += name + std::to_string(s.rooms().size()) + " " + std::string(to_string(why)) + ";";
    });
    w.io.of(name).on_connection([](socket& s) { s.join("r"); });
  }
  int const client = w.guest();
  w.join(client, "/chat");
  static_cast<void>(w.heard(client));
  w.say(client, R"(42["out",false])");
  EXPECT_EQ(w.heard(client), "41");
  EXPECT_EQ(log, "-/2;/0 server namespace disconnect;");
  w.join(client);
  static_cast<void>(w.heard(client));
  log.clear();
  w.say(client, R"(42["out",true])");
  EXPECT_EQ(w.heard(client), "41 41/chat, shut");
  EXPECT_EQ(log, "-/2;/0 server namespace disconnect;-/chat2;/chat0 server namespace disconnect;");
  EXPECT_EQ(w.io.connections(), 0u);
}

TEST(hub, reasons_of_the_connection) {
  struct row {
    std::string_view reason;
    void (*act)(world&, int);
  };
  for (row const &each : std::initializer_list<row>{
           {"transport close", [](world&w, int c) { w.leave(c); }},
           {"ping timeout", [](world&w, int) { w.pass(45s); }},
           {"parse error", [](world&w, int c) { w.say(c, "9"); }},
           {"transport error", [](world&w, int c) { w.say(c, "2"); }},
           {"forced close", [](world&w, int c) { w.say(c, "4?"); }},
           {"server shutting down", [](world&w, int) { w.io.close(); }},
       }) {
    world w;
    std::string log;
    w.io.of("/").on_disconnect([&](socket&, hub::disconnect_reason why) { log += to_string(why); });
    int const client = w.guest();
    each.act(w, client);
    EXPECT_EQ(log, each.reason);
  }
}

TEST(hub, handshake_is_what_the_client_sent) {
  world w;
  std::string log;
  w.io.on_connection([&](socket& s) {
    auto const h = s.handshake();
    log = h.query("&a").value_or("-") + "|" + h.query("none").value_or("-") + "|" + std::string(h.auth()) +
          "|" + std::string(h.address()) + "|" + std::string(h.header("x-token").value_or("-")) + "|" +
          (h.secure() ? "secure" : "plain") + (h.xdomain() ? "|x" : "|") + std::to_string(h.issued());
    EXPECT_EQ(h.time(), std::chrono::sys_time<std::chrono::milliseconds>(3600s));
  });
  int const client = w.open("&%26a=%26%3D%3Fa");
  w.join(client, "/", R"({"a":1})");
  EXPECT_EQ(log, R"(&=?a|-|{"a":1}|10.0.0.1|abc|plain|3600000)");
}

TEST(hub, allow_request_decides_later) {
  world w;
  std::optional<hub::admission> kept;
  w.io.allow_request([&](engineio::request_head const& in, hub::admission decision) {
    in.query().find("deny") ? decision.refuse("go away") : void(kept.emplace(std::move(decision)));
  });
  int const refused = w.open("&deny=1");
  EXPECT_EQ(w.io.engine().size(), 0u);
  int const client = w.open();
  EXPECT_EQ(w.io.connections(), 0u);
  kept->accept();
  w.pump();
  EXPECT_EQ(w.io.connections(), 1u);
  w.join(client);
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})");
  static_cast<void>(refused);
}

TEST(hub, close_refuses_new_handshakes) {
  world w;
  w.io.close();
  w.open();
  EXPECT_EQ(w.io.connections(), 0u);
  EXPECT_EQ(w.io.engine().size(), 0u);
}

TEST(hub, emit_before_the_connection_is_accepted) {
  world w;
  w.io.use([](socket& s, hub::next go_on) {
    s.emit("early");
    go_on();
  });
  EXPECT_EQ(w.heard(w.connect()), R"(42["early"] 40{"sid":"#"})");
}

TEST(hub, reserved_events_cannot_be_sent) {
  world w;
  w.io.on_connection([](socket& s) {
    EXPECT_EQ(s.emit("disconnect").error().blame, side::local);
    EXPECT_FALSE(s.nsp().emit("connect_error", 1));
  });
  EXPECT_EQ(w.heard(w.connect()), R"(40{"sid":"#"})");
}

TEST(hub, volatile_events_need_a_ready_transport) {
  world w;
  w.io.on("burst", [](socket& s, int n) {
    for (int i = 0; i < n; ++i) s.volatile_().emit("volatile", i);
    s.nsp().volatile_().emit("volatile", "all");
    s.emit("end");
  });
  int const client = w.guest();
  w.say(client, R"(42["burst",3])");
  EXPECT_EQ(w.heard(client), R"(42["volatile",0] 42["end"])");
}

}  // namespace hub_server_test
