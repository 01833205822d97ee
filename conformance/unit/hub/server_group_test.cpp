// Servers of one program that speak to each other.
#include "siokit/hub/server_group.hpp"

#include "world.hpp"

namespace hub_server_group_test {

using namespace hub_test;

/// One member, with a host that does nothing by itself.
struct member {
  explicit member(hub::server_group* group) : io(engine, {.cluster = group}, [](auto) {}) {}
  void turn(time_point now) {
    io.advance(now);
    io.drain(now);
  }
  engineio::server engine{{}};
  hub::server io;
};

struct three {
  hub::server_group group;
  std::array<std::optional<member>, 3> all{};
  time_point now{1h};
  std::string log;

  three() {
    for (auto& each : all) each.emplace(&group), each->turn(now);
  }
  hub::server& io(std::size_t i) { return all[i]->io; }
  void pump() {
    for (int i = 0; i < 3; ++i) {
      for (auto& each : all) {
        if (each) each->turn(now);
      }
    }
  }
  auto answers() {
    return [this](std::error_code failure, responses const& got) {
      log += failure ? failure.message() : "all";
      for (std::size_t i = 0; i < got.size(); ++i) log += " " + got[i].get<std::string>(0).value_or("?");
      log += ";";
    };
  }
};

TEST(server_group, others_hear_it_but_not_the_sender) {
  three w;
  for (std::size_t i = 0; i < 3; ++i) {
    w.io(i).on_server_side("hello", [&w, i](nsp& space, std::string const& who, bytes_view data) {
      w.log += std::to_string(i) + std::string(space.name()) + who + std::string(as_text(data)) + ";";
    });
  }
  EXPECT_TRUE(w.io(1).server_side_emit("hello", "Ada", as_bytes("bin")));
  EXPECT_EQ(w.log, "") << "not inside the sender's call";
  EXPECT_LE(w.io(0).next_deadline(), w.now) << "the host hears of it";
  w.pump();
  EXPECT_EQ(w.log, "0/Adabin;2/Adabin;");
  EXPECT_EQ(w.io(0).next_deadline(), never);
  EXPECT_EQ(w.group.size(), 3u);
}

TEST(server_group, each_namespace_has_its_own) {
  three w;
  w.io(1).of("/a").on_server_side("x", [&] { w.log += "a;"; });
  w.io(1).of("/b").on_server_side("x", [&] { w.log += "b;"; });
  EXPECT_TRUE(w.io(0).of("/b").server_side_emit("x"));
  EXPECT_TRUE(w.io(0).of("/c").server_side_emit("x"));
  w.pump();
  EXPECT_EQ(w.log, "b;");
}

TEST(server_group, answers) {
  three w;
  std::optional<server_ack> kept;
  w.io(1).on_server_side("ask", [](server_ack reply) { EXPECT_TRUE(reply("one")); });
  auto const id = w.io(2).on_server_side("ask", [&](server_ack reply) { kept = std::move(reply); });
  EXPECT_TRUE(w.io(0).server_side_emit("ask", w.answers()));
  w.pump();
  EXPECT_EQ(w.log, "");
  EXPECT_TRUE((*kept)("two"));
  EXPECT_EQ((*kept)("two again").error().code, errc::gone);
  w.pump();
  EXPECT_EQ(w.log, "all one two;");
  w.io(2).off(id);
  EXPECT_EQ(w.io(0).next_deadline(), never);
}

TEST(server_group, who_does_not_answer_in_time) {
  three w;
  w.io(1).on_server_side("ask", [](server_ack reply) { EXPECT_TRUE(reply("one")); });
  EXPECT_TRUE(w.io(0).server_side_emit("ask", w.answers()));
  w.pump();
  w.now += 5s - 1ms;
  w.pump();
  EXPECT_EQ(w.log, "");
  EXPECT_EQ(w.io(0).next_deadline(), w.now + 1ms);
  w.now += 1ms;
  w.pump();
  EXPECT_EQ(w.log, "operation has timed out one;");
}

TEST(server_group, members_may_leave) {
  three w;
  std::optional<server_ack> kept;
  w.io(1).on_server_side("ask", [](server_ack reply) { EXPECT_TRUE(reply("one")); });
  w.io(2).on_server_side("ask", [&](server_ack reply) { kept = std::move(reply); });
  EXPECT_TRUE(w.io(0).server_side_emit("ask", w.answers()));
  w.pump();
  w.all[2].reset();
  EXPECT_EQ(w.log, "") << "no handler runs in a destructor";
  w.pump();
  EXPECT_EQ(w.log, "socket has been disconnected one;");
  w.all[0].reset();
  EXPECT_EQ((*kept)("late").error().code, errc::gone);
}

TEST(server_group, an_answer_outlives_who_gave_it) {
  three w;
  w.all[2].reset();
  w.io(1).on_server_side("ask", [](server_ack reply) { EXPECT_TRUE(reply("one")); });
  EXPECT_TRUE(w.io(0).server_side_emit("ask", w.answers()));
  w.all[1]->turn(w.now);
  w.all[1].reset();
  w.pump();
  EXPECT_EQ(w.log, "all one;");
}

TEST(server_group, nobody_else) {
  std::string log;
  for (bool const grouped : {false, true}) {
    hub::server_group group;
    member alone(grouped ? &group : nullptr);
    EXPECT_TRUE(alone.io.server_side_emit("x", 1));
    EXPECT_TRUE(alone.io.server_side_emit("x", 1, [&](std::error_code failure, responses const& got) {
      log += failure || !got.empty() ? "?" : "none;";
    }));
  }
  EXPECT_EQ(log, "none;none;");
}

}  // namespace hub_server_group_test
