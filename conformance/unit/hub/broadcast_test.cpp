#include "siokit/hub/broadcast.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "unit/hub/world.hpp"

namespace hub_broadcast_test {

using namespace hub_test;

struct crowd : world {
  int a, b, c;
  std::string log;
  explicit crowd(hub::server_config config = {})
      : world(std::move(config)), a(guest()), b(guest()), c(guest()) {}
  hub::socket& at(int client) { return *io.find(id(client)); }
  auto note() {
    return [this](std::error_code failure, hub::responses const& all) {
      log += failure ? failure.message() + ":" : "ok:";
      auto const numbers = all.first<int>();
      for (int const each : *numbers) log += std::to_string(each);
    };
  }
};

TEST(broadcast, gathers_answers) {
  crowd w;
  EXPECT_TRUE(w.io.timeout(1s).emit("ask", "x", w.note()));
  for (int const each : {w.a, w.b, w.c})
    EXPECT_EQ(w.heard(each), R"(420["ask","x"])") << "one packet for all";
  w.say(w.b, "430[2]");
  w.say(w.a, "430[1]");
  EXPECT_EQ(w.log, "");
  w.say(w.c, "430[3]");
  EXPECT_EQ(w.log, "ok:213");
  w.say(w.c, "430[4]");
  w.pass(2s);
  EXPECT_EQ(w.log, "ok:213") << "once";
}

TEST(broadcast, gives_what_came_in_time) {
  crowd w;
  EXPECT_TRUE(w.io.timeout(1s).emit("ask", w.note()));
  w.say(w.b, "430[2]");
  w.pass(999ms);
  EXPECT_EQ(w.log, "");
  w.pass(1ms);
  EXPECT_EQ(w.log, "operation has timed out:2");
  w.say(w.a, "430[1]");
  EXPECT_EQ(w.log, "operation has timed out:2");
}

TEST(broadcast, who_leaves_is_waited_for_no_more) {
  crowd w;
  EXPECT_TRUE(w.io.emit("ask", w.note()));
  w.say(w.b, "430[2]");
  w.leave(w.a);
  EXPECT_EQ(w.log, "");
  w.leave(w.c);
  EXPECT_EQ(w.log, "socket has been disconnected:2");
}

TEST(broadcast, without_recipients_the_answer_is_there_at_once) {
  crowd w;
  EXPECT_TRUE(w.io.to("nobody").timeout(1s).emit("ask", w.note()));
  EXPECT_EQ(w.log, "ok:");
  EXPECT_EQ(w.io.timeout(1s).emit("disconnect", w.note()).error().code, errc::reserved_event);
  EXPECT_EQ(w.log, "ok:");
}

TEST(broadcast, asks_those_it_names) {
  crowd w;
  static_cast<void>(w.at(w.a).join("r"));
  static_cast<void>(w.at(w.b).join("r"));
  EXPECT_TRUE(w.at(w.a).to("r").timeout(1s).emit("ask", w.note()));
  EXPECT_EQ(w.heard(w.a) + w.heard(w.c), "");
  EXPECT_EQ(w.heard(w.b), R"(420["ask"])");
  w.say(w.b, "430[7]");
  EXPECT_EQ(w.log, "ok:7");
}

TEST(broadcast, an_answer_may_end_everything) {
  crowd w;
  EXPECT_TRUE(w.io.timeout(1s).emit("ask", [&](std::error_code, hub::responses const& all) {
    w.log += std::to_string(all.size());
    w.io.disconnect_sockets(true);
  }));
  w.say(w.a, "430[1]");
  w.say(w.b, "430[1]");
  w.say(w.c, "430[1]");
  EXPECT_EQ(w.log, "3");
  EXPECT_EQ(w.io.size(), 0u);
}

TEST(broadcast, finds_sockets) {
  crowd w;
  static_cast<void>(w.at(w.a).join("r"));
  static_cast<void>(w.at(w.b).join("r"));
  std::vector<hub::remote_socket> found;
  auto const keep = [&](std::error_code failure, std::vector<hub::remote_socket> all) {
    EXPECT_FALSE(failure);
    found = std::move(all);
  };
  w.io.in("r").except(w.id(w.b)).fetch_sockets(keep);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id(), w.id(w.a));
  EXPECT_EQ(found[0].rooms(), (std::vector<std::string>{w.id(w.a), "r"}));
  EXPECT_TRUE(found[0].emit("x"));
  EXPECT_EQ(w.heard(w.a), R"(42["x"])");
  EXPECT_TRUE(found[0].leave("r"));
  EXPECT_TRUE(found[0].join("s"));
  EXPECT_EQ(w.at(w.a).rooms()[1], "s");
  EXPECT_TRUE(found[0].disconnect());
  EXPECT_EQ(found[0].emit("x").error().code, errc::gone);
  EXPECT_EQ(found[0].get(), nullptr);
  w.io.fetch_sockets(keep);
  EXPECT_EQ(found.size(), 2u);
}

TEST(broadcast, is_heard_of_by_those_who_listen_to_outgoing_events) {
  crowd w;
  auto const listen = [&](int client) {
    return w.at(client).on_any_outgoing([&w](hub::socket&, std::string_view event, args const& all) {
      w.log += std::string(event) + std::string(all.empty() ? "" : *all.raw(0)) + " ";
    });
  };
  auto const first = listen(w.a);
  listen(w.b);
  static_cast<void>(w.io.emit("all", 1));
  static_cast<void>(w.at(w.a).emit("own", bytes_view(as_bytes("ab"))));
  static_cast<void>(w.at(w.c).emit("other"));
  static_cast<void>(w.at(w.b).timeout(1s).emit("ask", [](std::error_code) {}));
  EXPECT_EQ(w.log, R"(all1 all1 own{"_placeholder":true,"num":0} ask )");
  w.at(w.a).off(first);
  static_cast<void>(w.at(w.a).emit("own"));
  EXPECT_TRUE(w.log.ends_with("ask "));
}

TEST(broadcast, outgoing_listeners_may_disconnect) {
  crowd w;
  for (int const each : {w.a, w.b, w.c}) {
    w.at(each).on_any_outgoing(
        [&](hub::socket&, std::string_view, args const&) { w.io.disconnect_sockets(); });
  }
  static_cast<void>(w.io.emit("all"));
  EXPECT_EQ(w.io.size(), 0u);
  EXPECT_EQ(w.heard(w.c), R"(42["all"] 41)");
}

TEST(broadcast, that_asks_is_heard_of_too) {
  crowd w;
  w.at(w.b).on_any_outgoing([&](hub::socket&, std::string_view event, args const& all) {
    w.log += std::string(event) + std::string(*all.raw(0)) + " ";
  });
  EXPECT_TRUE(w.io.timeout(1s).emit("ask", 1, w.note()));
  w.pass(1s);
  EXPECT_EQ(w.log, "ask1 operation has timed out:");
}

std::string made_name(int number) {
  return "room " + std::to_string(number) + ", a long name that is made on the way";
}
/// Such as std::views::transform() gives, which Clang 14 can't read.
struct made_names {
  struct iterator {
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = std::string;
    int number;
    std::string operator*() const { return made_name(number); }
    iterator& operator++() { return ++number, *this; }
    iterator operator++(int) { return {number++}; }
    bool operator==(iterator const&) const = default;
  };
  [[nodiscard]] iterator begin() const { return {1}; }
  [[nodiscard]] iterator end() const { return {3}; }
};

TEST(broadcast, names_several_rooms_in_any_way) {
  crowd w;
  std::vector<std::string> const two = {"r1", "r2"};
  EXPECT_TRUE(w.at(w.a).join({"r1", "r2"}));  // not one name from here to there
  EXPECT_TRUE(w.at(w.b).join(two));
  EXPECT_TRUE(w.at(w.c).join({"r3"}));
  EXPECT_EQ(w.at(w.a).rooms().size(), 3u);
  std::vector<std::string_view> all = w.io.of("/").rooms();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string_view>{"r1", "r2", "r3"}));
  EXPECT_TRUE(w.io.to({"r2", "r3"}).emit("1"));
  EXPECT_TRUE(w.io.to(two).except({"r3", w.at(w.a).id()}).emit("2"));
  EXPECT_TRUE(w.at(w.a).to(std::set<std::string_view>{"r3"}).emit("3"));
  EXPECT_TRUE(w.io.to(std::vector<std::string>()).emit("4")) << "no room named: everybody";
  EXPECT_EQ(w.heard(w.a), R"(42["1"] 42["4"])");
  EXPECT_EQ(w.heard(w.b), R"(42["1"] 42["2"] 42["4"])");
  EXPECT_EQ(w.heard(w.c), R"(42["1"] 42["3"] 42["4"])");
  EXPECT_TRUE(w.at(w.c).join(made_names{}));
  EXPECT_EQ(w.at(w.c).rooms()[2], made_name(1));
  EXPECT_TRUE(w.at(w.c).leave({made_name(1), made_name(2)}));
  w.io.in({"r1", "r3"}).sockets_leave(two);
  EXPECT_EQ(w.io.of("/").rooms(), std::vector<std::string_view>{"r3"});
  EXPECT_TRUE(w.at(w.a).leave(w.at(w.a).rooms()));
}

TEST(broadcast, who_hears_of_rooms_may_end_the_socket_in_their_midst) {
  crowd w;
  w.io.of("/").on_join_room([&](std::string_view room, std::string_view) {
    w.log += std::string(room) + ";";
    w.at(w.a).disconnect();
  });
  hub::socket& leaving = w.at(w.a);
  EXPECT_EQ(leaving.join({"r1", "r2"}).error().code, errc::not_connected);
  EXPECT_EQ(w.log, "r1;");
  EXPECT_TRUE(w.io.of("/").rooms().empty());
  w.io.of("/").off();
  static_cast<void>(w.at(w.b).join({"a", "b"}));
  w.io.of("/").on_leave_room([&](std::string_view room, std::string_view) {
    w.log += "-" + std::string(room) + ";";
    if (room == "a") static_cast<void>(w.at(w.b).leave("b"));
  });
  EXPECT_TRUE(w.at(w.b).leave(w.at(w.b).rooms())) << "the name of b is gone by then";
  EXPECT_EQ(w.log, "r1;-a;-b;");
}

TEST(broadcast, words_leave_the_one_they_are_said_to_alone) {
  crowd w;
  EXPECT_TRUE(w.at(w.a).join("r"));
  auto const in_r = w.io.to("r");
  EXPECT_TRUE(in_r.to("nobody").except("r").emit("1"));
  auto const& kept = w.io.to("r").volatile_().timeout(1s).compress(false).local();
  EXPECT_TRUE(kept.emit("2"));
  EXPECT_TRUE(in_r.send("3"));
  EXPECT_TRUE(w.io.send("4"));
  EXPECT_TRUE(w.at(w.b).send("5", 6));
  EXPECT_EQ(w.heard(w.a), R"(42["2"] 42["message","3"] 42["message","4"])");
  EXPECT_EQ(w.heard(w.b), R"(42["message","4"] 42["message","5",6])");
}

TEST(socket_emit, combines_its_words) {
  crowd w;
  EXPECT_TRUE(w.at(w.a).volatile_().timeout(1s).emit("ask", [&](std::error_code failure, int answer) {
    w.log += failure.message() + std::to_string(answer);
  }));
  EXPECT_EQ(w.heard(w.a), R"(420["ask"])");
  w.say(w.a, "430[5]");
  EXPECT_EQ(w.log, "Success5");
}

TEST(socket_emit, may_say_that_compressing_is_not_worth_it) {
  crowd w;
  static_cast<void>(w.at(w.a).emit("a"));
  static_cast<void>(w.at(w.a).compress(false).emit("b"));
  static_cast<void>(w.at(w.a).compress(false).emit("c", [](int) {}));
  static_cast<void>(w.io.compress(false).emit("d"));
  static_cast<void>(w.io.emit("e"));
  std::string flags;
  w.each_message(w.a, [&](message const& each) { flags += each.compress() ? '1' : '0'; });
  EXPECT_EQ(flags, "10001");
}

TEST(rooms, tell_of_their_coming_and_going) {
  world w;
  std::string log;
  hub::nsp& space = w.io.of("/");
  space.on_create_room([&](std::string_view room) { log += "create:" + std::string(room) + " "; });
  space.on_delete_room([&](std::string_view room) { log += "delete:" + std::string(room) + " "; });
  space.on_join_room([&](std::string_view room, std::string_view id) {
    log += (room == id ? "join-own " : "join:" + std::string(room) + " ");
  });
  auto const leaving = space.on_leave_room([&](std::string_view room, std::string_view id) {
    log += (room == id ? "leave-own " : "leave:" + std::string(room) + " ");
  });
  auto const take = [&] { return std::exchange(log, {}); };
  int const a = w.guest();
  EXPECT_EQ(take(), "create:" + w.id(a) + " join-own ");
  int const b = w.guest();
  static_cast<void>(take());
  hub::socket& s = *w.io.find(w.id(a));
  static_cast<void>(s.join("r"));
  static_cast<void>(s.join("r"));
  static_cast<void>(w.io.find(w.id(b))->join("r"));
  EXPECT_EQ(take(), "create:r join:r join:r ");
  static_cast<void>(s.leave("r"));
  static_cast<void>(s.leave("r"));
  EXPECT_EQ(take(), "leave:r ");
  w.leave(b);
  EXPECT_EQ(take(), "leave-own delete:" + w.id(b) + " leave:r delete:r ");
  space.off(leaving);
  w.leave(a);
  EXPECT_EQ(take(), "delete:" + w.id(a) + " ");
}

TEST(rooms, a_listener_may_disconnect_who_joins) {
  world w;
  w.io.of("/").on_join_room([&](std::string_view room, std::string_view id) {
    if (room == "trap") w.io.find(id)->disconnect();
  });
  int const a = w.guest(), b = w.guest();
  w.io.sockets_join("trap");
  EXPECT_EQ(w.io.size(), 0u);
  EXPECT_EQ(w.heard(a) + w.heard(b), "4141");
}

}  // namespace hub_broadcast_test
