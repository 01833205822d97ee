// Who watches all sockets of a server, and who hears of what it sends.
#include "world.hpp"

namespace hub_socket_observer_test {

using namespace hub_test;
using hub::socket;

/// Writes down what it is told; ids are shown as those of the clients.
struct diary final : hub::socket_observer {
  explicit diary(world& w) : of(&w) { w.io.observe(this); }

  void on_connected(socket& s) override {
    note("connected " + name(s.id()) + " in " + std::string(s.nsp().name()));
  }
  void on_disconnected(socket& s, hub::disconnect_reason why) override {
    note("disconnected " + name(s.id()) + ": " + std::string(to_string(why)));
  }
  void on_joined(hub::nsp&, std::string_view room, std::string_view id) override {
    note(name(id) + " joined " + name(room));
  }
  void on_left(hub::nsp&, std::string_view room, std::string_view id) override {
    note(name(id) + " left " + name(room));
  }
  void on_received(socket& s, std::string_view event, args const& all) override {
    note(name(s.id()) + " said " + std::string(event) + " " + shown(all));
#ifdef __cpp_exceptions
    if (event == "throw") throw std::runtime_error("oh");
#endif
    if (event == "leave") s.disconnect();
  }
  void on_sent(socket& s, std::string_view event, args const& all) override {
    note(name(s.id()) + " was told " + std::string(event) + " " + shown(all));
  }

  void note(std::string_view line) {
    (text += line) += "; ";
  }
  [[nodiscard]] std::string take() {
    return std::exchange(text, {});
  }
  [[nodiscard]] static std::string shown(args const& all) {
    std::string out;
    for (auto const json : all) (out += out.empty() ? "" : ",") += json;
    return "[" + out + "]";
  }
  [[nodiscard]] static std::string name(std::string_view id) {
    return id.size() == 20 ? "#" : std::string(id);
  }

  world* of;
  std::string text;
};

TEST(socket_observer, is_told_before_the_listeners_of_all_namespaces) {
  world w;
  diary seen(w);
  auto const listen = [&](hub::nsp& space) {
    space.on_connection([&](socket& s) {
      seen.note("listener");
      static_cast<void>(s.emit("hi", 1));
    });
    space.on_disconnect([&](socket&, hub::disconnect_reason) { seen.note("listener"); });
  };
  listen(w.io.of("/"));
  listen(w.io.of([](std::string_view name) { return name.starts_with("/made-"); }));
  w.guest();
  EXPECT_EQ(seen.take(), "# joined #; connected # in /; listener; # was told hi [1]; ");
  int const client = w.guest("/made-1");
  EXPECT_EQ(seen.take(), "# joined #; connected # in /made-1; listener; # was told hi [1]; ");
  w.leave(client);
  EXPECT_EQ(seen.take(), "# left #; disconnected #: transport close; listener; ");
}

TEST(socket_observer, rooms_and_events) {
  world w;
  int const first = w.guest(), second = w.guest();
  diary seen(w);
  w.io.on("say", [&](socket& s, int) { static_cast<void>(s.join("r")); });
  w.say(first, R"(42["say",7])");
  EXPECT_EQ(seen.take(), "# said say [7]; # joined r; ");
  w.say(second, R"(42["say","no number"])");
  EXPECT_EQ(seen.take(), R"(# said say ["no number"]; )") << "whatever becomes of it";
  EXPECT_TRUE(w.io.emit("all", "x"));
  EXPECT_EQ(seen.take(), R"(# was told all ["x"]; # was told all ["x"]; )");
  EXPECT_TRUE(w.io.to("r").emit("some", [](std::error_code, hub::responses const&) {}));
  EXPECT_EQ(seen.take(), "# was told some []; ");
  w.io.sockets_leave("r");
  EXPECT_EQ(seen.take(), "# left r; ");
  w.io.observe(nullptr);
  w.io.sockets_join("r");
  w.say(first, R"(42["say",7])");
  EXPECT_EQ(seen.take(), "");
}

TEST(socket_observer, may_use_every_verb_and_throw) {
  world w;
  diary seen(w);
  int listened = 0;
  w.io.on_any([&](socket&, std::string_view, args const&) { ++listened; });
  int const client = w.guest(), other = w.guest();
  static_cast<void>(seen.take());
  w.say(client, R"(42["leave"])");
  EXPECT_EQ(seen.take(), "# said leave []; # left #; disconnected #: server namespace disconnect; ");
  EXPECT_EQ(w.heard(client), "41");
#ifdef __cpp_exceptions
  EXPECT_THROW(w.say(other, R"(42["throw"])"), std::runtime_error);
#endif
  EXPECT_EQ(listened, 0);
  w.say(other, R"(42["again"])");
  EXPECT_EQ(listened, 1);
}

TEST(socket_observer, namespaces_are_found_by_name) {
  world w;
  hub::nsp& chat = w.io.of("chat");
  EXPECT_EQ(w.io.find_nsp("/chat"), &chat);
  EXPECT_EQ(w.io.find_nsp("/"), &w.io.of("/"));
  EXPECT_EQ(w.io.find_nsp("/other"), nullptr);
}

TEST(engine_observer, hears_of_queued_messages_and_may_be_replaced) {
  struct counter final : engineio::observer {
    void on_queued(engineio::server_session const&, message const& item) noexcept override {
      for (auto packets = item.packets(); !packets.done();) text += std::string(packets.next().data) + ";";
    }
    std::string text;
  } first, second;
  world w({}, {.observer = &first});
  int const client = w.guest();
  EXPECT_TRUE(first.text.starts_with(R"(40{"sid":")")) << first.text;
  first.text.clear();
  w.io.engine().observe(&second);
  std::byte const bytes[] = {std::byte{'x'}};
  EXPECT_TRUE(w.io.emit("e", std::span(bytes)));
  w.leave(client);
  EXPECT_TRUE(w.io.emit("to nobody"));
  EXPECT_EQ(second.text, R"(451-["e",{"_placeholder":true,"num":0}];x;)");
  EXPECT_EQ(first.text, "");
}

}  // namespace hub_socket_observer_test
