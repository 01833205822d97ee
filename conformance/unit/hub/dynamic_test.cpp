#include "siokit/hub/dynamic.hpp"

#include "unit/hub/world.hpp"

namespace hub_dynamic_test {

using namespace hub_test;

constexpr auto numbered = [](std::string_view name) { return name.starts_with("/room-"); };

TEST(dynamic_nsp, is_made_for_the_first_client_and_shared_by_the_others) {
  world w;
  hub::nsp& parent = w.io.of(numbered);
  std::string log;
  parent.on_connection([&](hub::socket& s) { log += "+" + std::string(s.nsp().name()) + " "; });
  parent.on("say",
            [](hub::socket& s, std::string_view text) { static_cast<void>(s.nsp().emit("said", text)); });
  parent.on_disconnect(
      [&](hub::socket& s, hub::disconnect_reason) { log += "-" + std::string(s.nsp().name()); });
  int const a = w.connect("/room-1"), b = w.connect("/room-1"), c = w.connect("/room-2");
  EXPECT_EQ(w.heard(a), R"(40/room-1,{"sid":"#"})");
  EXPECT_EQ(log, "+/room-1 +/room-1 +/room-2 ");
  EXPECT_EQ(parent.children().size(), 2u);
  EXPECT_EQ(&w.io.of("/room-1"), parent.children()[0]);
  static_cast<void>(w.heard(b));
  static_cast<void>(w.heard(c));
  w.say(a, R"(42/room-1,["say","hi"])");
  EXPECT_EQ(w.heard(b), R"(42/room-1,["said","hi"])");
  EXPECT_EQ(w.heard(c), "");
  static_cast<void>(parent.emit("all", 1));
  EXPECT_EQ(w.heard(c), R"(42/room-2,["all",1])") << "a parent reaches all of them, each under its own name";
  EXPECT_EQ(w.heard(b), R"(42/room-1,["all",1])");
  log.clear();
  w.leave(c);
  EXPECT_EQ(log, "-/room-2");
}

TEST(dynamic_nsp, other_names_are_invalid) {
  world w;
  static_cast<void>(w.io.of(numbered));
  int const client = w.connect("/other");
  EXPECT_EQ(w.heard(client), R"(44/other,{"message":"Invalid namespace"})");
  w.join(client, "/room-1");
  EXPECT_EQ(w.heard(client), R"(40/room-1,{"sid":"#"})") << "the connection goes on";
}

TEST(dynamic_nsp, middleware_of_the_parent_comes_first) {
  world w;
  hub::nsp& parent = w.io.of(numbered);
  std::string log;
  parent.use([&](hub::socket&, hub::next go_on) { log += "parent ", go_on(); });
  w.io.on_new_namespace([&](hub::nsp& made) {
    log += "new:" + std::string(made.name()) + " ";
    made.use([&](hub::socket&, hub::next go_on) { log += "child ", go_on.refuse("full"); });
  });
  int const client = w.connect("/room-9");
  EXPECT_EQ(w.heard(client), R"(44/room-9,{"message":"full"})");
  EXPECT_EQ(log, "new:/room-9 parent child ");
}

TEST(dynamic_nsp, the_matcher_may_answer_later_and_sees_auth) {
  world w;
  std::optional<hub::nsp_decision> kept;
  static_cast<void>(w.io.of([&](std::string_view name, std::string_view auth, hub::nsp_decision decide) {
    EXPECT_EQ(name, "/late");
    EXPECT_EQ(auth, R"({"t":1})");
    kept.emplace(std::move(decide));
  }));
  int const client = w.open();
  w.join(client, "/late", R"({"t":1})");
  EXPECT_EQ(w.heard(client), "");
  kept->accept();
  EXPECT_EQ(w.heard(client), R"(40/late,{"sid":"#"})");
  kept->deny();  // once

  int const gone = w.open();
  w.join(gone, "/late", R"({"t":1})");
  EXPECT_EQ(w.heard(gone), R"(40/late,{"sid":"#"})") << "it exists now: nobody is asked";
}

TEST(dynamic_nsp, parents_are_asked_in_order_and_silence_is_no) {
  world w;
  std::string log;
  static_cast<void>(
      w.io.of([&](std::string_view, std::string_view, hub::nsp_decision) { log += "silent "; }));
  static_cast<void>(w.io.of([&](std::string_view) { return log += "no ", false; }));
  hub::nsp& third = w.io.of([&](std::string_view) { return log += "yes ", true; });
  int const client = w.connect("/x");
  EXPECT_EQ(log, "silent no yes ");
  EXPECT_EQ(w.heard(client), R"(40/x,{"sid":"#"})");
  EXPECT_EQ(third.children().size(), 1u);
}

TEST(dynamic_nsp, a_client_that_leaves_meanwhile_makes_nothing) {
  world w;
  std::optional<hub::nsp_decision> kept;
  hub::nsp& parent = w.io.of(
      [&](std::string_view, std::string_view, hub::nsp_decision decide) { kept.emplace(std::move(decide)); });
  int const client = w.connect("/x");
  w.leave(client);
  kept->accept();
  w.pump();
  EXPECT_TRUE(parent.children().empty());
}

#ifdef __cpp_exceptions
TEST(dynamic_nsp, a_matcher_that_throws_does_not_match) {
  world w;
  static_cast<void>(w.io.of([](std::string_view) -> bool { throw 1; }));
  int const client = w.open();
  EXPECT_ANY_THROW(w.join(client, "/x"));
  EXPECT_EQ(w.heard(client), R"(44/x,{"message":"Invalid namespace"})");
}
#endif

TEST(dynamic_nsp, empty_ones_go_if_they_are_to) {
  for (bool const cleanup : {true, false}) {
    world w({.cleanup_empty_child_namespaces = cleanup});
    hub::nsp& parent = w.io.of(numbered);
    int const a = w.connect("/room-1"), b = w.connect("/room-1");
    w.leave(a);
    EXPECT_EQ(parent.children().size(), 1u);
    w.say(b, "41/room-1,");
    EXPECT_EQ(parent.children().size(), cleanup ? 0u : 1u);
    w.join(b, "/room-1");
    EXPECT_EQ(parent.children().size(), 1u) << "it is made again";
  }
}

TEST(dynamic_nsp, one_refused_by_its_middleware_does_not_stay_either) {
  world w({.cleanup_empty_child_namespaces = true});
  hub::nsp& parent = w.io.of(numbered);
  parent.use([](hub::socket&, hub::next go_on) { go_on.refuse("no"); });
  w.connect("/room-1");
  EXPECT_TRUE(parent.children().empty());
}

TEST(dynamic_nsp, there_is_a_limit) {
  world w({.child_namespaces_max = 2});
  static_cast<void>(w.io.of(numbered));
  int const client = w.open();
  for (auto const* name : {"/room-1", "/room-2", "/room-3"}) w.join(client, name);
  EXPECT_EQ(w.heard(client),
            R"(40/room-1,{"sid":"#"} 40/room-2,{"sid":"#"} 44/room-3,{"message":"Invalid namespace"})");
  w.join(client, "/room-1");
}

}  // namespace hub_dynamic_test
