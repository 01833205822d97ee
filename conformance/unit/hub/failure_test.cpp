// One session's story, told again and again: each time something breaks after another of its steps. Whatever
// breaks and whenever, every socket ends once, every acknowledgement settles once, and nothing is left
// behind.
#include "world.hpp"

namespace hub_failure_test {

using namespace hub_test;

/// What the application counts.
struct tally {
  int connections = 0;
  int disconnects = 0;
  int questions = 0;
  int answers = 0;
};

void install(hub::server& io, tally& counts) {
  for (auto const* name : {"/", "/chat"}) {
    auto& space = io.of(name);
    space.on_connection([&](hub::socket& s) {
      ++counts.connections;
      s.join("everybody");
    });
    space.on_disconnect([&](hub::socket&, hub::disconnect_reason) { ++counts.disconnects; });
    space.on("ask", [&](hub::socket& s) {
      ++counts.questions;
      s.timeout(3s).emit("question", [&](std::error_code, args const&) { ++counts.answers; });
    });
    space.on("binary", [](hub::socket& s, bytes_view data) { s.nsp().emit("binary", data); });
    space.on("leave", [](hub::socket& s) { s.disconnect(); });
    space.on("room", [](hub::socket& s) { s.to("everybody").emit("room"); });
  }
}

using step = void (*)(world&, int);

constexpr step story[] = {
    [](world& w, int c) { w.join(c); },
    [](world& w, int c) { w.join(c, "/chat", R"({"a":1})"); },
    [](world& w, int c) { w.say(c, R"(42["ask"])"); },
    [](world& w, int c) { w.say(c, R"(42/chat,["ask"])"); },
    [](world& w, int c) { w.say(c, R"(430["answer"])"); },
    [](world& w, int c) {
      w.say(c, R"(452-["binary",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
    },
    [](world& w, int c) { w.say_binary(c, "one"); },
    [](world& w, int c) { w.say_binary(c, "two"); },
    [](world& w, int c) { w.say(c, R"(42["room"])"); },
    [](world& w, int) { w.pass(2s); },
    [](world& w, int c) { w.say(c, R"(42/chat,["leave"])"); },
    [](world& w, int c) { w.join(c, "/chat"); },
    [](world& w, int c) { w.say(c, "41"); },
    [](world& w, int c) { w.join(c); },
    [](world& w, int c) { w.say(c, R"(42["ask"])"); },
};

struct failure {
  char const* name;
  step act;
};

constexpr failure failures[] = {
    {"the wire is lost", [](world& w, int c) { w.leave(c); }},
    {"garbage of Engine.IO", [](world& w, int c) { w.say(c, "!"); }},
    {"garbage of Socket.IO", [](world& w, int c) { w.say(c, "4!"); }},
    {"an attachment that nobody announced",
     [](world& w, int c) {
       w.say_binary(c, "x");
       w.say_binary(c, "x");
       w.say_binary(c, "x");
     }},
    {"the wrong heartbeat", [](world& w, int c) { w.say(c, "2"); }},
    {"silence", [](world& w, int) { w.pass(1h); }},
    {"a clock that jumps",
     [](world& w, int) {
       w.now += 100h;
       w.pass(1h);
     }},
    {"the server closes", [](world& w, int) { w.io.close(); }},
    {"everybody is thrown out",
     [](world& w, int) {
       w.io.of("/").disconnect_sockets(true);
       w.io.of("/chat").disconnect_sockets(true);
       w.pass(1h);
     }},
};

TEST(failures, at_every_step) {
  for (failure const& broken : failures) {
    for (std::size_t last = 0; last <= std::size(story); ++last) {
      SCOPED_TRACE(std::string(broken.name) + " after step " + std::to_string(last));
      world w;
      tally counts;
      install(w.io, counts);
      int const bystander = w.open();
      w.join(bystander);
      int const client = w.open();
      for (std::size_t i = 0; i < last; ++i) story[i](w, client);
      broken.act(w, client);
      for (std::size_t i = last; i < std::size(story); ++i)
        story[i](w, client);  // a peer that goes on regardless
      w.leave(client);
      w.leave(bystander);
      w.pass(1min);
      EXPECT_EQ(counts.connections, counts.disconnects);
      EXPECT_EQ(counts.questions, counts.answers);
      EXPECT_EQ(w.io.connections(), 0u);
      EXPECT_EQ(w.io.engine().size(), 0u);
      EXPECT_EQ(w.io.of("/").size() + w.io.of("/chat").size(), 0u);
      EXPECT_TRUE(w.io.of("/").members("everybody").empty());
    }
  }
}

}  // namespace hub_failure_test
