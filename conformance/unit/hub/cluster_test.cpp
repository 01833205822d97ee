// What reaches the sockets of other servers of a cluster.
#include "siokit/hub/cluster_bus.hpp"
#include "unit/heap.hpp"
#include "unit/hub/world.hpp"

namespace hub_cluster_test {

using namespace hub_test;

/// Two servers with clients, and a third that nobody has come to.
struct cluster {
  hub::server_group group;
  std::array<std::unique_ptr<world>, 3> all;
  int a, b, far;  // a and b at the first server, far at the second
  std::string log;

  explicit cluster(hub::server_config config = {}) {
    config.cluster = &group;
    for (auto& each : all) {
      ++config.shard;
      each = std::make_unique<world>(config);
    }
    a = here().guest(), b = here().guest(), far = there().guest();
  }
  world& here() { return *all[0]; }
  world& there() { return *all[1]; }
  hub::socket& socket_a() { return *here().io.find(here().id(a)); }
  hub::socket& socket_far() { return *there().io.find(there().id(far)); }
  /// All that is due now.
  void settle() { pass(0ms); }
  void pass(duration span) {
    for (int i = 0; i < 4; ++i) {
      for (auto const& each : all) {
        if (each) each->pass(i == 0 ? span : 0ms);
      }
    }
  }
  std::string heard_here() {
    settle();
    std::string const at_a = here().heard(a);
    return at_a + "|" + here().heard(b);
  }
  std::string heard_there() {
    settle();
    return there().heard(far);
  }
  auto note() {
    return [this](std::error_code failure, hub::responses const& got) {
      log += failure ? failure.message() + ":" : "ok:";
      for (std::size_t i = 0; i < got.size(); ++i) log += std::string(*got[i].raw(0));
    };
  }
};

TEST(cluster, an_event_reaches_all_servers) {
  cluster w;
  EXPECT_TRUE(w.here().io.emit("x", 1, as_bytes("bin")));
  std::string const packet = R"(451-["x",1,{"_placeholder":true,"num":0}] <bin>)";
  EXPECT_EQ(w.heard_there(), packet);
  EXPECT_EQ(w.heard_here(), packet + "|" + packet);
}

TEST(cluster, each_socket_gets_it_once) {
  cluster w;
  EXPECT_TRUE(w.there().io.emit("x"));
  EXPECT_EQ(w.heard_there(), R"(42["x"])");
  EXPECT_EQ(w.heard_here(), R"(42["x"]|42["x"])");
  w.settle();
  EXPECT_EQ(w.heard_here(), "|") << "what came from another server does not go on to others";
}

TEST(cluster, rooms_and_exceptions) {
  cluster w;
  EXPECT_TRUE(w.socket_a().join("r"));
  EXPECT_TRUE(w.socket_far().join({"r", "s"}));
  EXPECT_TRUE(w.here().io.to("r").emit("x"));
  EXPECT_EQ(w.heard_here() + w.heard_there(), R"(42["x"]|42["x"])");
  EXPECT_TRUE(w.here().io.to("r").except("s").emit("x"));
  EXPECT_EQ(w.heard_here() + w.heard_there(), R"(42["x"]|)");
  EXPECT_TRUE(w.socket_a().to("r").emit("x"));
  EXPECT_EQ(w.heard_here() + w.heard_there(), R"(|42["x"])");
  EXPECT_TRUE(w.here().io.to(w.there().id(w.far)).emit("x")) << "its own room";
  EXPECT_EQ(w.heard_here() + w.heard_there(), R"(|42["x"])");
}

TEST(cluster, local_stays) {
  cluster w;
  EXPECT_TRUE(w.here().io.local().emit("x"));
  EXPECT_TRUE(w.socket_a().local().emit("y"));
  EXPECT_EQ(w.heard_here(), R"(42["x"]|42["x"] 42["y"])");
  EXPECT_EQ(w.heard_there(), "");
}

TEST(cluster, a_namespace_that_is_not_there) {
  cluster w;
  int const guest = w.here().guest("/"), also = w.there().guest("/");
  static_cast<void>(also);
  EXPECT_EQ(w.here().io.of("/only").size(), 0u);
  w.here().join(guest, "/only");
  static_cast<void>(w.here().heard(guest));
  EXPECT_TRUE(w.here().io.of("/only").emit("x"));
  EXPECT_EQ(w.heard_there(), "");
  w.here().io.of("/only").timeout(1s).emit("ask", w.note());
  w.here().say(guest, R"(43/only,0[7])");
  w.settle();
  EXPECT_EQ(w.log, "ok:7") << "who has no such namespace says so";
}

TEST(cluster, parents_reach_the_children_of_all) {
  cluster w;
  auto const matcher = [](std::string_view name) { return name.starts_with("/room-"); };
  auto& parent = w.here().io.of(matcher);
  EXPECT_EQ(w.there().io.of(matcher).name(), parent.name());
  w.there().join(w.far, "/room-1");
  w.here().join(w.a, "/room-2");
  static_cast<void>(w.heard_here() + w.heard_there());
  EXPECT_TRUE(parent.emit("x", 1));
  EXPECT_EQ(w.heard_there(), R"(42/room-1,["x",1])");
  EXPECT_EQ(w.heard_here(), R"(42/room-2,["x",1]|)");
}

TEST(cluster, a_child_that_is_called_like_a_parent_is_not_taken_for_it) {
  cluster w;
  auto const matcher = [](std::string_view) { return true; };
  auto& parent = w.here().io.of(matcher);
  static_cast<void>(w.there().io.of(matcher));
  w.here().join(w.a, parent.name());
  w.there().join(w.far, parent.name());
  w.there().join(w.far, "/other");
  static_cast<void>(w.heard_here() + w.heard_there());
  std::string const child = "42" + std::string(parent.name());
  EXPECT_TRUE(parent.emit("x"));
  EXPECT_EQ(w.heard_there(), child + R"(,["x"] 42/other,["x"])") << "all children of the parent, there too";
  static_cast<void>(w.heard_here());
  EXPECT_TRUE(w.here().io.of(parent.name()).emit("y"));
  EXPECT_EQ(w.heard_there(), child + R"(,["y"])") << "only the child";
}

TEST(cluster, parents_are_not_answered) {
  cluster w;
  auto& parent = w.here().io.of([](std::string_view name) { return name.starts_with("/room-"); });
  auto const asked = parent.timeout(1s).emit("ask", w.note());
  ASSERT_FALSE(asked) << "though it has no child yet";
  EXPECT_EQ(asked.error().code, errc::invalid_argument);
  w.pass(2s);
  EXPECT_EQ(w.log, "");
}

TEST(cluster, joining_leaving_and_ending) {
  cluster w;
  w.here().io.sockets_join({"r", "s"});
  w.settle();
  EXPECT_EQ(w.socket_far().rooms().size(), 3u);
  w.here().io.in("r").sockets_leave("s");
  w.settle();
  EXPECT_EQ(w.socket_far().rooms().size(), 2u);
  w.here().io.except(w.here().id(w.a)).disconnect_sockets();
  EXPECT_EQ(w.heard_there(), "41");
  EXPECT_EQ(w.heard_here(), "|41");
  int const fresh = w.there().guest();
  w.here().io.to(w.there().id(fresh)).disconnect_sockets(true);
  w.settle();
  EXPECT_EQ(w.there().heard(fresh), "41 shut");
}

TEST(cluster, answers_of_all) {
  cluster w;
  EXPECT_TRUE(w.here().io.timeout(1s).emit("ask", 5, w.note()));
  EXPECT_EQ(w.heard_here(), R"(420["ask",5]|420["ask",5])");
  EXPECT_EQ(w.heard_there(), R"(420["ask",5])");
  w.here().say(w.a, "430[1]");
  w.there().say(w.far, "430[3]");
  w.settle();
  EXPECT_EQ(w.log, "");
  w.here().say(w.b, "430[2]");
  EXPECT_EQ(w.log, "ok:132");
  w.pass(6s);
  EXPECT_EQ(w.log, "ok:132");
}

TEST(cluster, the_ack_numbers_of_each_are_its_own) {
  cluster w;
  std::string answer;
  EXPECT_TRUE(w.socket_far().emit("own", [&](std::string const& got) { answer = got; }));
  EXPECT_TRUE(w.here().io.to(w.there().id(w.far)).emit("ask", w.note()));
  EXPECT_EQ(w.heard_there(), R"(420["own"] 421["ask"])");
  w.there().say(w.far, R"(431["second"])");
  w.there().say(w.far, R"(430["first"])");
  w.settle();
  EXPECT_EQ(w.log + answer, R"(ok:"second"first)");
}

TEST(cluster, answers_that_do_not_come) {
  cluster w;
  EXPECT_TRUE(w.here().io.timeout(1s).emit("ask", w.note()));
  w.settle();
  w.here().say(w.a, "430[1]");
  w.here().say(w.b, "430[2]");
  w.pass(999ms);
  EXPECT_EQ(w.log, "");
  w.pass(1ms);
  EXPECT_EQ(w.log, "operation has timed out:12");
  w.there().say(w.far, "430[3]");
  w.settle();
  EXPECT_EQ(w.log, "operation has timed out:12");
}

TEST(cluster, a_socket_that_leaves_without_an_answer) {
  cluster w;
  EXPECT_TRUE(w.here().io.except({w.here().id(w.a), w.here().id(w.b)}).emit("ask", w.note()));
  w.settle();
  w.there().leave(w.far);
  w.settle();
  EXPECT_EQ(w.log, "socket has been disconnected:");
}

TEST(cluster, a_server_that_ends_without_an_answer) {
  cluster w;
  EXPECT_TRUE(w.here().io.except({w.here().id(w.a), w.here().id(w.b)}).emit("ask", w.note()));
  w.settle();
  w.all[1].reset();
  EXPECT_EQ(w.log, "") << "no handler runs in a destructor";
  w.settle();
  EXPECT_EQ(w.log, "socket has been disconnected:");
}

TEST(cluster, a_server_that_ends_before_it_was_asked) {
  cluster w;
  EXPECT_TRUE(w.here().io.except({w.here().id(w.a), w.here().id(w.b)}).emit("ask", w.note()));
  w.all[1].reset();
  w.settle();
  EXPECT_EQ(w.log, "socket has been disconnected:");
  w.here().io.fetch_sockets([&](std::error_code failure, auto const& found) {
    w.log += failure ? "?" : std::to_string(found.size());
  });
  w.settle();
  EXPECT_EQ(w.log, "socket has been disconnected:2");
}

TEST(cluster, finds_sockets_everywhere) {
  cluster w;
  EXPECT_TRUE(w.socket_far().join("r"));
  std::vector<hub::remote_socket> found;
  w.here().io.fetch_sockets([&](std::error_code failure, std::vector<hub::remote_socket> all) {
    EXPECT_FALSE(failure);
    found = std::move(all);
  });
  EXPECT_TRUE(found.empty());
  w.settle();
  ASSERT_EQ(found.size(), 3u);
  auto const& far = found[2];
  EXPECT_EQ(far.id(), w.there().id(w.far));
  EXPECT_EQ(far.rooms(), (std::vector<std::string>{w.there().id(w.far), "r"}));
  EXPECT_EQ(far.get(), nullptr);
  EXPECT_TRUE(far.emit("x", 1));
  EXPECT_TRUE(far.join("s"));
  EXPECT_TRUE(far.leave("r"));
  EXPECT_TRUE(far.emit("ask", [&](std::error_code failure, int answer) {
    w.log += failure.message() + std::to_string(answer);
  }));
  EXPECT_EQ(w.heard_there(), R"(42["x",1] 420["ask"])");
  EXPECT_EQ(w.socket_far().rooms(), (std::vector<std::string_view>{far.id(), "s"}));
  w.there().say(w.far, "430[8]");
  w.settle();
  EXPECT_EQ(w.log, "Success8");
  EXPECT_TRUE(far.disconnect());
  EXPECT_EQ(w.heard_there(), "41");
  bool asked = false;
  EXPECT_TRUE(far.emit("ask", [&](std::error_code failure, int) { asked = failure == errc::gone; }));
  w.settle();
  EXPECT_TRUE(asked);
  EXPECT_TRUE(found[0].emit("near"));
  EXPECT_EQ(w.heard_here(), R"(42["near"]|)");
}

TEST(cluster, a_search_has_its_time) {
  cluster w;
  w.all[2].reset();
  std::string log;
  w.here().io.local().fetch_sockets(
      [&](std::error_code, auto const& all) { log += std::to_string(all.size()); });
  EXPECT_EQ(log, "2") << "nobody else is asked";
  w.here().io.fetch_sockets([&](std::error_code failure, auto const& all) {
    log += failure.message() + std::to_string(all.size());
  });
  w.here().pass(5s);  // the other server is at rest
  EXPECT_EQ(log, "2operation has timed out2");
  w.settle();
  EXPECT_EQ(log, "2operation has timed out2");
}

#ifdef __cpp_exceptions
/// An answer that there is no memory for is one that has not come. `ask(cluster&)` asks all servers;
/// `answers(cluster&)`: what is still to be said before they have answered.
template <class Ask, class Answers>
void expect_an_answer_without_memory(Ask const& ask, Answers const& answers) {
  std::size_t lost = 0;
  for (std::size_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    cluster w;
    ask(w);
    w.there().pass(0ms);
    w.all[2]->pass(0ms);
    answers(w);
    w.there().pass(0ms);
    bool const failed = conformance::allocation_fails(n, [&] { w.here().pass(0ms); });
    w.settle();
    bool const answered = !w.log.empty();
    lost += answered ? 0 : 1;
    EXPECT_TRUE(answered || failed);
    w.pass(5s);
    EXPECT_TRUE(w.log.starts_with(answered ? "ok:" : "operation has timed out:")) << w.log;
    EXPECT_EQ(w.log.find(':'), w.log.rfind(':')) << "told once: " << w.log;
    if (!failed) break;
  }
  EXPECT_GT(lost, 0u);
}

TEST(cluster, an_answer_without_memory_has_not_come) {
  expect_an_answer_without_memory(
      [](cluster& w) {
        w.here().io.fetch_sockets([&](std::error_code failure, auto const& all) {
          w.log += (failure ? failure.message() : "ok") + ":" + std::to_string(all.size());
        });
      },
      [](cluster&) {});
  expect_an_answer_without_memory(
      [](cluster& w) {
        EXPECT_TRUE(
            w.here().io.except({w.here().id(w.a), w.here().id(w.b)}).timeout(5s).emit("ask", w.note()));
      },
      [](cluster& w) { w.there().say(w.far, R"(430["a text that is as long as it is"])"); });
}
#endif

TEST(cluster, who_can_come_back_gets_what_other_servers_sent) {
  cluster w({.connection_state_recovery = hub::recovery_config{}});
  EXPECT_TRUE(w.here().io.emit("x"));
  w.settle();
  auto const heard = w.heard_there();
  EXPECT_TRUE(heard.starts_with(R"(42["x",")")) << heard;
  EXPECT_NE(heard, w.here().heard(w.a)) << "each server has offsets of its own";
}

TEST(cluster, volatile_and_uncompressed) {
  cluster w;
  auto const sent = [&w] {  // before anybody takes it
    std::string flags;
    w.there().io.drain(w.there().now);
    w.there().each_message(w.far, [&](message const& out) { flags += out.compress() ? "yes" : "no"; });
    return flags;
  };
  EXPECT_TRUE(w.here().io.compress(false).emit("x"));
  EXPECT_EQ(sent(), "no");
  EXPECT_TRUE(w.here().io.emit("x"));
  EXPECT_TRUE(w.here().io.volatile_().emit("y"));
  EXPECT_EQ(sent(), "yes") << "the first one is in the way of the other";
}

TEST(cluster, ids_tell_their_shard) {
  cluster w;
  EXPECT_EQ(shard_of(make_sid(std::array<std::uint8_t, 12>{}, session_counter(7, 70'000))), 7);
  EXPECT_EQ(shard_of(make_sid(std::array<std::uint8_t, 12>{}, session_counter(255, 0))), 255);
  EXPECT_EQ(shard_of(""), 0);
}

}  // namespace hub_cluster_test
