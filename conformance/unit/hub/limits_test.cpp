// What one socket, and one connection, may have.
#include "hub/world.hpp"

namespace hub_limits_test {

using namespace hub_test;

TEST(hub_limits, namespaces_of_a_connection) {
  world w({.limits = {.namespaces_max = 1}});
  for (auto const* name : {"/a", "/b"}) static_cast<void>(w.io.of(name));
  std::string log;
  w.io.on_disconnect([&](socket& gone, disconnect_reason why) {
    log += std::string(to_string(why)) + " " + std::string(name_of(gone.last_error().code));
  });
  int const client = w.guest();
  w.join(client, "/a");
  EXPECT_EQ(log, "");
  w.join(client, "/b");
  EXPECT_EQ(log, "forced close too_many_namespaces");
}

TEST(hub_limits, rooms_of_a_socket) {
  world w({.rooms_max = 2});
  socket* const s = w.io.find(w.id(w.guest()));
  EXPECT_TRUE(s->join({"a", "b"}));
  EXPECT_EQ(s->join("c").error(), (error{errc::invalid_argument, side::local, 0}));
  EXPECT_EQ(s->rooms().size(), 3u) << "its own is not counted";
  EXPECT_TRUE(s->leave("a"));
  EXPECT_TRUE(s->join("c"));
}

TEST(hub_limits, acknowledgements_that_a_socket_owes) {
  world w({.pending_acks_max = 2});
  int const client = w.guest();
  socket* const s = w.io.find(w.id(client));
  int answered = 0;
  auto const ask = [&] { return s->emit("q", [&](std::error_code) { ++answered; }); };
  EXPECT_TRUE(ask());
  EXPECT_TRUE(ask());
  EXPECT_EQ(ask().error(), (error{errc::too_many_acks, side::local, 0}));
  EXPECT_EQ(w.heard(client), R"(420["q"] 421["q"])") << "what can't be answered is not asked";
  w.say(client, "430[]");
  EXPECT_EQ(answered, 1);
  EXPECT_TRUE(ask());
}

}  // namespace hub_limits_test
