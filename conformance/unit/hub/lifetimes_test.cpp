// What lives how long, and who is told: the corners of the handler rules.
#include "world.hpp"

namespace hub_lifetimes_test {

using namespace hub_test;
using hub::socket;

TEST(lifetimes, a_refused_client_leaves_the_rooms_of_its_middleware) {
  world w;
  bool refuse = true;
  std::string acks;
  w.io.use([&](socket& s, hub::next go_on) {
    if (!refuse) return go_on();
    EXPECT_TRUE(s.join("staff"));
    EXPECT_TRUE(
        s.emit("question", [&](std::error_code failure, siokit::args) { acks += failure.message(); }));
    go_on.refuse("no");
  });
  int const client = w.connect();
  EXPECT_EQ(w.heard(client), R"(420["question"] 44{"message":"no"})");
  EXPECT_EQ(acks, "socket has been disconnected");
  EXPECT_TRUE(w.io.of("/").members("staff").empty());
  refuse = false;
  int const other = w.guest();
  EXPECT_TRUE(w.io.to("staff").emit("secret"));
  EXPECT_EQ(w.heard(other), "");
}

TEST(lifetimes, a_late_refusal_does_not_suspend_the_connect_timeout) {
  world w;
  std::optional<hub::next> kept;
  w.io.use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  int const client = w.open();
  w.pass(44s);
  w.join(client);
  w.pass(2s);
  EXPECT_EQ(w.heard(client), "shut") << "a namespace that is only asked for does not count";
}

TEST(lifetimes, nobody_joins_a_connection_that_was_closed) {
  world w;
  std::optional<hub::next> kept;
  int connections = 0;
  w.io.of("/slow").use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  w.io.of("/slow").on_connection([&](socket&) { ++connections; });
  w.io.on("close", [](socket& s) { s.close_connection(); });
  int const client = w.guest();
  w.join(client, "/slow");
  w.say(client, R"(42["close"])");
  (*kept)();
  EXPECT_EQ(connections, 0);
  EXPECT_EQ(w.io.of("/slow").size(), 0u);
}

TEST(lifetimes, every_verb_outside_a_turn_wakes_the_host) {
  world w;
  int wakes = 0;
  w.io.on_wake([&] { return ++wakes, w.now; });
  std::optional<hub::next> kept;
  w.io.of("/slow").use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  int const client = w.guest();
  w.join(client, "/slow");
  ASSERT_EQ(wakes, 0);
  auto const wakes_now = [&](auto&& verb) {
    int const before = wakes;
    verb();
    return wakes - before;
  };
  EXPECT_EQ(wakes_now([&] { (*kept)(); }), 1);
  EXPECT_EQ(wakes_now([&] { w.io.emit("x"); }), 1);
  EXPECT_EQ(wakes_now([&] { w.io.in_turn([&] { w.io.emit("x"); }); }), 1);
  EXPECT_EQ(wakes_now([&] { w.io.of("/slow").disconnect_sockets(); }), 1);
  EXPECT_EQ(wakes_now([&] { w.io.find(w.id(client))->disconnect(); }), 1);
  EXPECT_EQ(wakes_now([&] { w.io.close(); }), 1);
}

TEST(lifetimes, a_deadline_set_after_a_wake_counts_from_then) {
  world w;
  w.io.on_wake([&] { return w.now; });
  std::optional<hub::next> kept;
  std::string log;
  w.io.use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  w.io.on_connection([&](socket& s) {
    static_cast<void>(s.timeout(5s).emit("question", [&](std::error_code, siokit::args) { log += "late;"; }));
  });
  static_cast<void>(w.connect());
  w.now += 20s;  // nothing happened meanwhile
  (*kept)();
  w.pass(4s);
  EXPECT_EQ(log, "");
  w.pass(2s);
  EXPECT_EQ(log, "late;");
}

TEST(lifetimes, attachments_outlive_the_close_of_the_server) {
  world w;
  std::string log;
  w.io.on("file", [&](socket&, siokit::args all) {
    w.io.close();
    log += std::string(as_text(*all.get<bytes_view>(0))) + *all.get<std::string>(1);
  });
  w.io.on_any([&](socket&, std::string_view name, siokit::args const&) { log += std::string(name) + ";"; });
  int const client = w.guest();
  w.say(client, R"(452-["file",{"_placeholder":true,"num":0},"text",{"_placeholder":true,"num":1}])");
  w.say_binary(client, "first attachment");
  w.say_binary(client, "second attachment");
  EXPECT_EQ(log, "file;first attachmenttext");
}

TEST(lifetimes, a_middleware_may_add_another) {
  world w;
  std::string log;
  std::string const captured = "captured, and long enough to have memory of its own";
  w.io.use([&, captured](socket&, hub::next go_on) {
    for (int i = 0; i < 20; ++i) w.io.use([](socket&, hub::next after) { after(); });
    log = captured;
    go_on();
  });
  w.io.allow_request([&, captured](auto const&, hub::admission decision) {
    w.io.allow_request([](auto const&, hub::admission after) { after.refuse(); });
    log += captured.substr(0, 8);
    decision.accept();
  });
  int const client = w.connect();
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})");
  EXPECT_EQ(log, captured);
}

TEST(lifetimes, decisions_kept_by_the_hub_itself_end_with_it) {
  auto kept = std::make_shared<std::vector<hub::next>>();
  {
    world w;
    w.io.use([inside = std::move(kept)](socket&, hub::next go_on) { inside->push_back(std::move(go_on)); });
    static_cast<void>(w.connect());
  }
  {
    world w;
    auto admissions = std::make_shared<std::vector<hub::admission>>();
    w.io.allow_request(
        [admissions](auto const&, hub::admission decision) { admissions->push_back(std::move(decision)); });
    static_cast<void>(w.open());
  }
  world w;
  struct data {
    std::optional<hub::next> go_on;
  };
  w.io.use([](socket& s, hub::next go_on) { s.data<data>().go_on.emplace(std::move(go_on)); });
  static_cast<void>(w.connect());
}

TEST(lifetimes, a_socket_lives_until_the_end_of_a_turn) {
  world w;
  int const client = w.guest();
  auto const ref = w.io.find(w.id(client))->ref();
  w.io.in_turn([&] {
    socket* s = ref.get();
    s->disconnect();
    EXPECT_FALSE(s->connected());
    EXPECT_EQ(s->id(), w.id(client));
  });
  EXPECT_EQ(ref.get(), nullptr);
}

TEST(lifetimes, text_with_escapes_reaches_every_kind_of_callback) {
  world w;
  std::string log;
  int const client = w.guest();
  auto* s = w.io.find(w.id(client));
  static_cast<void>(s->emit("a", [&](std::string_view text) { log += text; }));
  static_cast<void>(s->emit("b", [&](std::error_code failure, std::string_view text) {
    log += failure ? failure.message() : std::string(text);
  }));
  w.io.on("c", [&](socket&, std::optional<std::string_view> text) { log += text.value_or("none;"); });
  w.say(client, R"(430["one\n"])");
  w.say(client, R"(431["two\n"])");
  w.say(client, R"(42["c","three\n"])");
  w.say(client, R"(42["c"])");
  EXPECT_EQ(log, "one\ntwo\nthree\nnone;");
}

TEST(lifetimes, an_answer_without_an_id_answers_nothing) {
  world w;
  std::string log;
  int const client = w.guest();
  static_cast<void>(w.io.find(w.id(client))->emit("a", [&](siokit::args) { log += "answered;"; }));
  w.say(client, R"(43["x"])");
  EXPECT_EQ(log, "");
  w.say(client, R"(430["x"])");
  EXPECT_EQ(log, "answered;");
}

TEST(lifetimes, attachments_may_be_as_large_as_messages) {
  world w({}, {.max_http_buffer_size = 100'000'000});
  std::size_t size = 0;
  w.io.on("file", [&](socket&, bytes_view data) { size = data.size(); });
  int const client = w.guest();
  w.say(client, R"(451-["file",{"_placeholder":true,"num":0}])");
  w.say_binary(client, std::string(1'500'000, 'x'));
  EXPECT_EQ(size, 1'500'000u);
}

TEST(lifetimes, a_server_that_closed_admits_nobody) {
  world w;
  std::optional<hub::admission> kept;
  w.io.allow_request([&](auto const&, hub::admission decision) { kept.emplace(std::move(decision)); });
  static_cast<void>(w.open());
  w.io.close();
  ASSERT_TRUE(kept);
  kept->accept();
  w.pump();
  EXPECT_EQ(w.io.connections(), 0u);
  EXPECT_EQ(w.io.engine().size(), 0u);
}

TEST(lifetimes, empty_callables_are_no_listeners) {
  world w;
  w.io.use({});
  w.io.on_connection({});
  w.io.on_any({});
  w.io.on_disconnect({});
  w.io.allow_request({});
  w.io.on_bad_arguments({});
  w.io.on("n", [](socket&, int) {});
  int const client = w.connect();
  EXPECT_EQ(w.heard(client), R"(40{"sid":"#"})");
  w.say(client, R"(42["n","no number"])");
  w.leave(client);
}

TEST(lifetimes, reserved_names_are_no_events) {
  world w;
  EXPECT_FALSE(w.io.on("disconnect", [](socket&) {}));
  EXPECT_FALSE(w.io.once("connect", [](socket&) {}));
  EXPECT_TRUE(w.io.on("message", [](socket&) {}));
  w.io.on_connection([](socket& s) { EXPECT_FALSE(s.on("disconnecting", [](socket&) {})); });
  static_cast<void>(w.guest());
}

TEST(lifetimes, once_waits_for_arguments_that_fit) {
  world w;
  std::string log;
  w.io.once("n", [&](socket&, int n) { log += std::to_string(n) + ";"; });
  int const client = w.guest();
  w.say(client, R"(42["n","no number"])");
  w.say(client, R"(42["n",1])");
  w.say(client, R"(42["n",2])");
  EXPECT_EQ(log, "1;");
}

TEST(lifetimes, an_emit_that_failed_has_no_callback) {
  world w({}, {.outbox_bytes_max = 1000});
  int called = 0;
  int const client = w.guest();
  auto const failed =
      w.io.find(w.id(client))->emit("x", std::string(2000, 'x'), [&](std::error_code) { ++called; });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, errc::outbox_full);
  w.pump();
  w.pass(1min);
  EXPECT_EQ(called, 0);
}

TEST(lifetimes, nobody_listens_for_a_socket_that_was_disconnected) {
  world w;
  std::string log;
  w.io.on_any([&](socket& s, std::string_view, siokit::args const&) {
    log += "first;";
    s.disconnect();
  });
  w.io.on_any([&](socket&, std::string_view, siokit::args const&) { log += "second;"; });
  int const client = w.guest();
  w.say(client, R"(42["x"])");
  EXPECT_EQ(log, "first;");
}

TEST(lifetimes, a_socket_is_in_its_own_room_once) {
  world w;
  int const client = w.guest();
  auto* s = w.io.find(w.id(client));
  EXPECT_TRUE(s->join(s->id()));
  EXPECT_EQ(s->rooms().size(), 1u);
  EXPECT_EQ(w.io.of("/").members(s->id()).size(), 1u);
  EXPECT_TRUE(s->join("room"));
  w.io.sockets_leave(s->rooms()[1]);
  EXPECT_EQ(s->rooms(), std::vector<std::string_view>{s->id()});
}

TEST(lifetimes, auth_is_read_by_member) {
  world w;
  std::string log;
  w.io.on_connection([&](socket& s) {
    log += s.handshake().auth<std::string>("token").value_or("none");
    log += std::to_string(*s.handshake().auth<std::optional<int>>("age").value_or(0)) + ";";
    EXPECT_EQ(s.handshake().auth<int>("token").error().code, errc::wrong_argument_type);
  });
  static_cast<void>(w.connect("/", R"({"token":"a\"b","age":7})"));
  EXPECT_EQ(log, "a\"b7;");
}

TEST(lifetimes, a_request_can_be_read_after_its_decision) {
  for (auto const keep : {engineio::keep_handshake::all, engineio::keep_handshake::none,
                          engineio::keep_handshake::query_and_auth}) {
    world w({}, {.keep = keep});
    std::string log;
    bool admits = false;
    w.io.allow_request([&](engineio::request_head const& in, hub::admission decision) {
      admits ? decision.accept() : decision.refuse("no");
      log += std::string(in.remote_address()) + std::string(*in.find("x-token")) + ";";
    });
    w.open();
    admits = true;
    w.open();
    EXPECT_EQ(log, "10.0.0.1abc;10.0.0.1abc;");
  }
}

TEST(lifetimes, a_listener_that_did_not_fit_may_be_removed_meanwhile) {
  world w;
  std::string log;
  auto const once = w.io.once("number", [&](int) { log += "called"; });
  w.io.on_bad_arguments([&](socket&, std::string_view, error) { w.io.off(once); });
  int const client = w.guest();
  w.say(client, R"(42["number","bad"])");
  w.say(client, R"(42["number",3])");
  EXPECT_EQ(log, "");
}

TEST(lifetimes, many_rooms_are_left_and_joined_again) {
  world w;
  int const client = w.guest(), other = w.guest();
  socket& s = *w.io.find(w.id(client));
  socket& t = *w.io.find(w.id(other));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(s.join("room " + std::to_string(i)));
    EXPECT_TRUE(i % 2 == 0 || t.join("room " + std::to_string(i)));
  }
  EXPECT_TRUE(s.join("room 7")) << "again: nothing changes";
  EXPECT_EQ(s.rooms().size(), 101u);
  for (int i = 0; i < 100; i += 3) EXPECT_TRUE(s.leave("room " + std::to_string(i)));
  EXPECT_EQ(s.rooms().size(), 67u);
  EXPECT_EQ(w.io.of("/").members("room 7").size(), 2u);
  EXPECT_EQ(w.io.of("/").members("room 9").size(), 1u);
}

}  // namespace hub_lifetimes_test
