// Clients of revision 3: what the hub does for them and for nobody else.
#include "world.hpp"

namespace hub_revision3_test {

using namespace hub_test;
using hub::socket;

struct older_world : world {
  explicit older_world(hub::server_config config = {}) : world(std::move(config), allowing()) {}
  static engineio::server_config allowing() {
    engineio::server_config config;
    config.allow_eio3 = true;
    return config;
  }
  int open_older() { return open("&EIO=3"); }  // the last one counts
};

TEST(hub_revision3, is_in_the_root_namespace_without_asking) {
  older_world w;
  std::string log;
  w.io.on_connection([&](socket& s) {
    log += "connection " + std::to_string(s.id().size()) + " " + std::string(s.handshake().auth()) + ";";
    s.emit("welcome");
  });
  w.io.on_disconnect([&](socket&, auto why) { log += std::string(to_string(why)) + ";"; });
  int const client = w.open_older();
  EXPECT_EQ(w.heard(client), R"(40 42["welcome"])");
  EXPECT_EQ(w.io.size(), 1u);
  w.pass(50s);
  EXPECT_EQ(w.heard(client), "shut");
  EXPECT_EQ(log, "connection 20 {};ping timeout;") << "not the connect_timeout";
}

TEST(hub_revision3, a_second_connect_is_one_too_many) {
  older_world w;
  int const client = w.open_older();
  w.say(client, "40");
  EXPECT_EQ(w.heard(client), "40 shut");
}

TEST(hub_revision3, events_and_acknowledgements) {
  older_world w;
  std::string log;
  w.io.on("sum", [](socket&, int a, int b, hub::ack reply) { reply(a + b); });
  w.io.on("data", [](socket& s, bytes_view data) { s.emit("data", data); });
  w.io.on_connection([&](socket& s) {
    s.emit("ask", 1, [&](std::error_code, int answer) { log += std::to_string(answer); });
  });
  int const client = w.open_older();
  EXPECT_EQ(w.heard(client), R"(40 420["ask",1])");
  w.say(client, "430[7]");
  EXPECT_EQ(log, "7");
  w.say(client, R"(425["sum",1,2])");
  EXPECT_EQ(w.heard(client), "435[3]");
  w.say(client, R"(451-["data",{"_placeholder":true,"num":0}])");
  w.say_binary(client, "\4AB");
  EXPECT_EQ(w.heard(client), "451-[\"data\",{\"_placeholder\":true,\"num\":0}] <\4AB>");
}

TEST(hub_revision3, namespaces_with_a_query) {
  older_world w;
  std::string auth, log;
  w.io.of("/adm").on_connection([&](socket& s) { auth = s.handshake().auth(); });
  w.io.of("/adm").on("hi", [&](socket&) { log += "hi;"; });
  int const client = w.open_older();
  w.say(client, "40/adm?tok=ab");
  EXPECT_EQ(w.heard(client), "40 40/adm,");
  EXPECT_EQ(auth, R"({"tok":"ab"})");
  w.say(client, R"(42/adm,["hi"])");
  w.say(client, R"(42/adm?tok=ab,["hi"])");
  EXPECT_EQ(log, "hi;hi;");
  w.say(client, "41/adm,");
  for (auto const& [query, expected] :
       {std::pair{"?a=1&b=x%20y+z&a=%22", R"({"a":"1","b":"x y z","a":"\""})"},
        {"?", "{}"},
        {"?&&", "{}"},
        {"", "{}"},
        {"?=", R"({"":""})"},
        {"?k", R"({"k":""})"},
        {"?%FF=1?2", "{\"\xEF\xBF\xBD\":\"1?2\"}"}}) {
    w.say(client, "40/adm" + std::string(query) + ",");
    EXPECT_EQ(auth, expected);
    w.say(client, "41/adm,");
  }
  EXPECT_EQ(w.heard(client), "40/adm, 40/adm, 40/adm, 40/adm, 40/adm, 40/adm, 40/adm,");
}

TEST(hub_revision3, a_query_belongs_to_the_name_in_revision_4) {
  older_world w;
  static_cast<void>(w.io.of("/adm"));
  int const client = w.guest();
  w.say(client, "40/adm?a=1,");
  EXPECT_EQ(w.heard(client), R"(44/adm?a=1,{"message":"Invalid namespace"})");
}

TEST(hub_revision3, refusals) {
  older_world w;
  w.io.of("/deny").use([](socket& s, hub::next go_on) {
    auto const how = s.handshake().auth<std::string>("how").value_or("");
    if (how == "object") return go_on.refuse("no", R"({"why":1})");
    if (how == "string") return go_on.refuse("no", R"("why")");
    if (how == "number") return go_on.refuse("no", "5");
    go_on.refuse("say \"no\"");
  });
  int const client = w.open_older();
  static_cast<void>(w.heard(client));
  for (auto const& [packet, expected] :
       {std::pair{"40/none?a=1", R"(44/none,{"message":"Invalid namespace"})"},
        {"40/deny", R"(44/deny,"say \"no\"")"},
        {"40/deny?how=object", R"(44/deny,{"why":1})"},
        {"40/deny?how=string", R"(44/deny,"why")"},
        {"40/deny?how=number", R"(44/deny,"no")"}}) {
    w.say(client, packet);
    EXPECT_EQ(w.heard(client), expected);
  }
}

TEST(hub_revision3, may_be_kept_out_of_the_root_namespace) {
  older_world w;
  std::optional<hub::next> kept;
  w.io.use([&](socket&, hub::next go_on) { kept.emplace(std::move(go_on)); });
  static_cast<void>(w.io.of("/adm"));
  int const refused = w.open_older();
  EXPECT_EQ(w.heard(refused), "");
  kept->refuse("not you");
  EXPECT_EQ(w.heard(refused), R"(44"not you")");
  w.say(refused, "40/adm");
  EXPECT_EQ(w.heard(refused), "40/adm,") << "the connection stays";
  int const late = w.open_older();
  w.pass(30s);
  (*kept)();
  EXPECT_EQ(w.heard(late), "40");
  int const gone = w.open_older();
  w.leave(gone);
  kept.reset();
  EXPECT_EQ(w.io.connections(), 2u);
}

TEST(hub_revision3, ids_are_made_of_that_of_the_session) {
  older_world w;
  std::map<std::string, std::string> ids;
  std::string log;
  for (auto* space : {&w.io.of("/"), &w.io.of("/a-rather-long-name")}) {
    space->on_connection([&](socket& s) { ids[std::string(s.nsp().name())] = s.id(); });
    space->on_disconnecting([&, space](socket& s, auto) {
      log += space->find(s.id()) == &s && s.rooms().front() == s.id() ? "found;" : "lost;";
    });
    space->on_disconnect(
        [&, space](socket& s, auto) { log += space->find(s.id()) == nullptr ? "gone;" : "?"; });
  }
  hub::nsp& root = w.io.of("/");
  hub::nsp& named = w.io.of("/a-rather-long-name");
  int const newer = w.guest();
  int const client = w.open_older();
  w.say(client, "40/a-rather-long-name,");
  std::string const id = ids["/"];
  EXPECT_EQ(id.size(), 20u);
  EXPECT_EQ(ids["/a-rather-long-name"], "/a-rather-long-name#" + id);
  // They are found, and are rooms, as those of everybody.
  ASSERT_NE(root.find(id), nullptr);
  ASSERT_NE(named.find(ids["/a-rather-long-name"]), nullptr);
  EXPECT_EQ(root.find(ids["/a-rather-long-name"]), nullptr);
  EXPECT_EQ(named.find(id), nullptr);
  EXPECT_NE(root.find(w.id(newer)), nullptr);
  static_cast<void>(w.heard(client));
  root.to(id).emit("one");
  named.to(ids["/a-rather-long-name"]).emit("two");
  root.except(id).emit("three");
  EXPECT_EQ(w.heard(client), R"(42["one"] 42/a-rather-long-name,["two"])");
  EXPECT_EQ(w.heard(newer), R"(42["three"])");
  EXPECT_EQ(root.members(id), std::vector<std::string_view>{id});
  // Left and joined again in one go, the same id names the new socket.
  w.say(client, "41/a-rather-long-name,");
  EXPECT_EQ(log, "found;gone;");
  EXPECT_EQ(named.find(ids["/a-rather-long-name"]), nullptr);
  w.say(client, "40/a-rather-long-name,");
  EXPECT_NE(named.find("/a-rather-long-name#" + id), nullptr);
  w.leave(client);
  EXPECT_EQ(log, "found;gone;found;gone;found;gone;");
  EXPECT_EQ(root.find(id), nullptr);
  EXPECT_NE(root.find(w.id(newer)), nullptr);
}

TEST(hub_revision3, leaves_and_comes_back_within_one_handler) {
  older_world w;
  hub::nsp& space = w.io.of("/room");
  std::string id;
  space.on_connection([&](socket& s) { id = s.id(); });
  w.io.on("swap", [&](socket&) {
    space.find(id)->disconnect();
    EXPECT_EQ(space.find(id), nullptr);
  });
  int const client = w.open_older();
  w.say(client, "40/room,");
  w.say(client, R"(42["swap"])");
  w.say(client, "40/room,");
  EXPECT_EQ(w.heard(client), "40 40/room, 41/room, 40/room,");
  EXPECT_NE(space.find(id), nullptr);
}

TEST(hub_revision3, disconnects) {
  older_world w;
  std::string log;
  w.io.on_disconnect([&](socket&, auto why) { log += std::string(to_string(why)) + ";"; });
  w.io.on("out", [](socket& s) { s.disconnect(true); });
  int const first = w.open_older();
  w.say(first, "41");
  EXPECT_EQ(w.heard(first), "40");
  w.say(first, "40");
  EXPECT_EQ(w.heard(first), "40") << "it may come back";
  int const second = w.open_older();
  w.say(second, R"(42["out"])");
  EXPECT_EQ(w.heard(second), "40 41 shut");
  w.io.close();
  EXPECT_EQ(log, "client namespace disconnect;server namespace disconnect;server shutting down;");
  EXPECT_EQ(w.io.size(), 0u);
}

}  // namespace hub_revision3_test
