#include "siokit/hub/packet_middleware.hpp"

#include "unit/hub/world.hpp"

namespace hub_packet_middleware_test {

using namespace hub_test;

struct guarded : world {
  int client;
  std::string log;
  guarded() : client(guest()) {
    io.on("x", [this](hub::socket&, args const& all, hub::ack reply) {
      log += "x" + std::string(all.empty() ? "" : *all.raw(0)) + " ";
      static_cast<void>(reply("done"));
    });
  }
  hub::socket& at() { return *io.find(id(client)); }
};

TEST(packet_middleware, sees_events_in_order_and_lets_them_pass) {
  guarded w;
  w.at().use([&](hub::socket&, std::string_view event, args const& all, hub::packet_next go_on) {
    w.log += "1:" + std::string(event) + std::to_string(all.size()) + " ";
    go_on();
  });
  w.at().use([&](hub::socket&, std::string_view, args const&, hub::packet_next go_on) {
    w.log += "2 ";
    go_on();
  });
  w.say(w.client, R"(427["x",5])");
  EXPECT_EQ(w.log, "1:x1 2 x5 ");
  EXPECT_EQ(w.heard(w.client), R"(437["done"])");
}

TEST(packet_middleware, stops_events) {
  guarded w;
  w.at().on_error(
      [&](hub::socket&, std::string_view message) { w.log += "error:" + std::string(message) + " "; });
  w.at().use([&](hub::socket&, std::string_view event, args const&, hub::packet_next go_on) {
    event == "x" ? go_on.fail("forbidden") : go_on();
  });
  w.io.on("y", [&](hub::socket&) { w.log += "y "; });
  w.say(w.client, R"(421["x"])");
  w.say(w.client, R"(42["y"])");
  EXPECT_EQ(w.log, "error:forbidden y ");
  EXPECT_EQ(w.heard(w.client), "") << "the client is told nothing";
}

TEST(packet_middleware, may_decide_later_or_never) {
  guarded w;
  std::vector<hub::packet_next> kept;
  w.at().use([&](hub::socket&, std::string_view event, args const&, hub::packet_next go_on) {
    if (event != "never") kept.push_back(std::move(go_on));
  });
  w.say(w.client, R"(420["x",1])");
  w.say(w.client, R"(42["x","\u0041"])");
  w.say(w.client, R"(42["never"])");
  EXPECT_EQ(w.log, "");
  kept[1]();
  kept[0]();
  kept[0]();  // once
  kept[0].fail("x");
  EXPECT_EQ(w.log, R"(x"\u0041" x1 )");
  EXPECT_EQ(w.heard(w.client), R"(430["done"])");
}

TEST(packet_middleware, binary_data_lives_until_the_decision) {
  guarded w;
  std::optional<hub::packet_next> kept;
  w.io.on("b", [&](hub::socket&, bytes_view data) { w.log += as_text(data); });
  w.at().use([&](hub::socket&, std::string_view, args const&, hub::packet_next go_on) {
    kept.emplace(std::move(go_on));
  });
  w.say(w.client, R"(451-["b",{"_placeholder":true,"num":0}])");
  w.say_binary(w.client, "data");
  (*kept)();
  EXPECT_EQ(w.log, "data");
}

TEST(packet_middleware, a_decision_about_a_socket_that_is_gone_does_nothing) {
  guarded w;
  std::optional<hub::packet_next> kept;
  w.at().use([&](hub::socket&, std::string_view, args const&, hub::packet_next go_on) {
    kept.emplace(std::move(go_on));
  });
  w.say(w.client, R"(42["x"])");
  w.leave(w.client);
  (*kept)();
  EXPECT_EQ(w.log, "");
}

TEST(packet_middleware, may_add_others_and_disconnect) {
  guarded w;
  w.at().use([&](hub::socket& s, std::string_view, args const&, hub::packet_next go_on) {
    s.use([&](hub::socket& me, std::string_view, args const&, hub::packet_next last) {
      me.disconnect();
      last();
    });
    go_on();
  });
  w.say(w.client, R"(42["x"])");
  EXPECT_EQ(w.log, "");
  EXPECT_EQ(w.heard(w.client), "41");
}

}  // namespace hub_packet_middleware_test
