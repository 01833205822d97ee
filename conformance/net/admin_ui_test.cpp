// The server's side of the Admin UI: who may look, what is shown, what is done, and the limits of all that.
#include "siokit/net/admin_ui.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "net/run_until.hpp"
#include "siokit/net/client.hpp"

namespace net_admin_ui_test {

using namespace std::chrono_literals;
using siokit::admin_auth;
using siokit::admin_ui_options;
using siokit::net::unix_time;

/// A client, and what it hears.
struct peer {
  peer(asio::io_context& context, std::string const& url, std::string_view nsp, std::string auth = {},
       siokit::client_options options = {})
      : manager(context, url, (options.reconnection = false, std::move(options))),
        socket(manager.socket(nsp)) {
    static_cast<void>(socket.auth(std::move(auth)));
    socket.on_any([this](std::string_view event, siokit::args const& all) {
      std::string line(event);
      for (auto const json : all) (line += ' ') += json;
      heard.push_back(std::move(line));
    });
    socket.on_connect_error([this](siokit::connect_error const& why) { error = why.message; });
    socket.connect();
  }

  /// The first thing heard that begins so; empty: there is none.
  [[nodiscard]] std::string find(std::string_view begin) const {
    for (auto const& each : heard) {
      if (each.starts_with(begin)) return each;
    }
    return {};
  }
  [[nodiscard]] std::size_t count(std::string_view begin) const {
    return static_cast<std::size_t>(std::count_if(
        heard.begin(), heard.end(), [begin](auto const& each) { return each.starts_with(begin); }));
  }
  [[nodiscard]] std::size_t place_of(std::string_view begin) const {
    for (std::size_t i = 0; i < heard.size(); ++i) {
      if (heard[i].starts_with(begin)) return i;
    }
    return heard.size();
  }
  [[nodiscard]] std::string id() const { return std::string(socket.id()); }

  siokit::client manager;
  siokit::client_socket& socket;
  std::vector<std::string> heard;
  std::string error;
};

/// A server with the Admin UI.
struct world {
  explicit world(admin_ui_options options = {.auth = admin_auth::nobody_is_asked()},
                 siokit::observer* observer = nullptr)
      : io(context, {.host = "127.0.0.1", .port = 0, .observer = observer}),
        admin(siokit::instrument(io, std::move(options))) {
    url = *io.listen();
  }
  bool until(std::function<bool()> const& done) { return siokit::test::run_until(context, done); }
  /// A client that has connected, or was refused.
  std::unique_ptr<peer> connect(std::string_view nsp, std::string auth = {},
                                siokit::client_options options = {}) {
    auto made = std::make_unique<peer>(context, url, nsp, std::move(auth), std::move(options));
    EXPECT_TRUE(until([&] { return made->socket.connected() || !made->error.empty(); }));
    return made;
  }
  /// An admin who has seen the list of all sockets.
  std::unique_ptr<peer> look(std::string auth = {}) {
    auto made = connect("/admin", std::move(auth));
    EXPECT_TRUE(until([&] { return !made->find("all_sockets").empty(); })) << made->error;
    return made;
  }
  bool hears(peer& who, std::string_view begin) {
    return until([&] { return !who.find(begin).empty(); });
  }

  asio::io_context context{1};
  siokit::server io;
  siokit::admin_ui& admin;
  std::string url;
};

::testing::AssertionResult has(std::string_view text, std::string_view part) {
  if (text.find(part) != text.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no " << part << " in " << text;
}

siokit::client_options by_websocket() {
  return {.transports = {siokit::transport::websocket}};
}

/// Knows the password, at once.
admin_auth known_password() {
  return [](std::string_view name, std::string_view password, siokit::admin_answer answer) {
    answer(name == "joe" && password == "secret");
  };
}
std::string const joe = R"({"username":"joe","password":"secret"})";

TEST(AdminUi, TimesAreWrittenAsJavaScriptDoes) {
  using std::chrono::milliseconds;
  EXPECT_EQ(siokit::net::iso_time(unix_time(milliseconds(1795301672007))), "2026-11-21T22:54:32.007Z");
  EXPECT_EQ(siokit::net::iso_time(unix_time(milliseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(siokit::net::date_text(unix_time(milliseconds(1795301672007))),
            "Sat Nov 21 2026 22:54:32 GMT+0000 (Coordinated Universal Time)");
  EXPECT_EQ(siokit::net::date_text(unix_time(milliseconds(1709208000000))),
            "Thu Feb 29 2024 12:00:00 GMT+0000 (Coordinated Universal Time)");
}

TEST(AdminUi, AnAdminIsToldInTheOrderOfUpstream) {
  world w;
  auto const guest = w.connect("/");
  auto const admin = w.look();
  ASSERT_TRUE(w.hears(*admin, "server_stats"));
  std::string const own = "\"" + admin->id() + "\"";
  EXPECT_TRUE(admin->heard[0].starts_with("room_joined \"/admin\" " + own + " " + own + " \"20"))
      << admin->heard[0];
  EXPECT_TRUE(admin->heard[1].starts_with("socket_connected {\"id\":" + own)) << admin->heard[1];
  EXPECT_EQ(
      admin->heard[2],
      R"(config {"supportedFeatures":["EMIT","JOIN","LEAVE","DISCONNECT","MJOIN","MLEAVE","MDISCONNECT",)"
      R"("AGGREGATED_EVENTS","ALL_EVENTS"]})");
  EXPECT_TRUE(admin->heard[3].starts_with("all_sockets [{\"id\":"));
  EXPECT_TRUE(has(admin->heard[3], "\"" + guest->id() + "\""));
  EXPECT_TRUE(has(admin->heard[3], own));
  std::string const stats = admin->find("server_stats");
  EXPECT_TRUE(has(stats, "\"hostname\":\"" + asio::ip::host_name() +
                             "\",\"pid\":" + std::to_string(::getpid()) + ",\"uptime\":"));
  EXPECT_TRUE(has(stats, R"("clientsCount":2,"pollingClientsCount":)"));
  EXPECT_TRUE(has(stats, R"({"name":"/","socketsCount":1})"));
  EXPECT_TRUE(has(stats, R"({"name":"/admin","socketsCount":1})"));
  EXPECT_TRUE(has(stats, R"("type":"rawConnection","count":)"));
  EXPECT_EQ(stats.find("null"), stats.npos);
}

TEST(AdminUi, ASocketIsShownWithItsHandshake) {
  world w;
  auto const admin = w.look();
  siokit::client_options options = by_websocket();
  options.query = {{"one", "1 &"}, {"two", "a"}, {"two", "b"}};
  options.extra_headers = {{"X-Twice", "a"},
                           {"x-twice", "b"},
                           {"X-Forwarded-For", "1.2.3.4"},
                           {"Cookie", "c=\"x\""},
                           {"Origin", "http://page"}};
  auto const guest = w.connect("/", {}, std::move(options));
  ASSERT_TRUE(w.hears(*admin, "socket_connected {\"id\":\"" + guest->id()));
  std::string const shown = admin->find("socket_connected {\"id\":\"" + guest->id());
  auto const s = w.io.find(guest->id());
  ASSERT_NE(s, nullptr);
  auto const session = w.io.engine().find(s->connection())->id().view();
  EXPECT_TRUE(has(shown, "\"clientId\":\"" + std::string(session.substr(0, 12)) +
                             "\",\"transport\":\"websocket\",\"nsp\":\"/"
                             "\",\"data\":{},\"handshake\":{\"address\":\"1.2.3.4\",\"headers\":{"));
  EXPECT_EQ(shown.find(session), shown.npos) << "nobody could take its session over";
  EXPECT_TRUE(has(shown, R"("cookie":"c=\"x\"")"));
  EXPECT_TRUE(has(shown, R"("x-twice":"a, b")"));
  EXPECT_TRUE(has(shown, R"("one":"1 &")"));
  EXPECT_TRUE(has(shown, R"("two":["a","b"])"));
  EXPECT_TRUE(has(shown, R"("secure":false,"time":")"));
  EXPECT_TRUE(has(shown, R"("xdomain":true},"rooms":[")" + guest->id() + R"("]} "20)"));
}

TEST(AdminUi, RoomsEventsAndTheEndOfASocket) {
  world w;
  w.io.on("say", [](siokit::socket& s, std::string_view text, siokit::ack reply) {
    static_cast<void>(s.join("r"));
    static_cast<void>(s.emit("said", text));
    static_cast<void>(s.leave("r"));
    static_cast<void>(reply("not shown"));
  });
  auto const admin = w.look();
  auto const guest = w.connect("/", {}, by_websocket());
  std::string const id = "\"" + guest->id() + "\"";
  static_cast<void>(guest->socket.emit("say", "hi", [](std::string const&) {}));
  ASSERT_TRUE(w.hears(*admin, "room_left"));
  EXPECT_TRUE(has(admin->find("event_received"), "event_received \"/\" " + id + " [\"say\",\"hi\"] \"20"));
  EXPECT_TRUE(has(admin->find("event_sent"), "event_sent \"/\" " + id + " [\"said\",\"hi\"] \"20"));
  EXPECT_TRUE(has(admin->find("room_joined \"/\" \"r\""), "room_joined \"/\" \"r\" " + id + " \"20"));
  EXPECT_TRUE(has(admin->find("room_left"), "room_left \"/\" \"r\" " + id + " \"20"));
  EXPECT_EQ(admin->count("event_"), 2u) << "neither answers nor what the admin hears";
  admin->heard.clear();
  w.io.sockets_join("r");
  guest->socket.disconnect();
  ASSERT_TRUE(w.until([&] { return admin->count("room_left") == 2; }));
  EXPECT_TRUE(has(admin->find("socket_disconnected"),
                  "socket_disconnected \"/\" " + id + " \"client namespace disconnect\" \"20"));
  EXPECT_LT(admin->place_of("socket_disconnected"), admin->place_of("room_left"));
}

TEST(AdminUi, AnUpgradeAndNewData) {
  struct name {
    std::string json = R"({"name":"n"})";
  };
  world w(
      {.auth = admin_auth::nobody_is_asked(), .data = [](siokit::socket& s) { return s.data<name>().json; }});
  auto const admin = w.look();
  auto const guest = w.connect("/");
  std::string const id = guest->id();
  ASSERT_TRUE(w.hears(*admin, "socket_updated {\"id\":\"" + id + R"(","nsp":"/","transport":"websocket"})"));
  EXPECT_TRUE(has(admin->find("socket_connected {\"id\":\"" + id),
                  R"("transport":"polling","nsp":"/","data":{"name":"n"})"));
  siokit::socket* const s = w.io.find(id);
  s->data<name>().json = R"({"name":"m"})";
  w.admin.update(*s);
  ASSERT_TRUE(w.hears(*admin, "socket_updated {\"id\":\"" + id + R"(","nsp":"/","data":{"name":"m"}})"));
  s->data<name>().json = "no JSON";
  w.admin.update(*s);
  ASSERT_TRUE(w.hears(*admin, "socket_updated {\"id\":\"" + id + R"(","nsp":"/","data":{}})"));
}

TEST(AdminUi, OrdersReachWhomTheyAreFor) {
  world w;
  auto& chat = w.io.of("/chat");
  auto const admin = w.look();
  auto const first = w.connect("/chat", {}, by_websocket()), second = w.connect("/chat", {}, by_websocket());
  for (peer* const each : {&*first, &*second}) {  // so that they have no reason to go by themselves
    each->manager.socket("/").connect();
    ASSERT_TRUE(w.until([&] { return each->manager.socket("/").connected(); }));
  }
  auto& to = admin->socket;
  static_cast<void>(to.emit("join", "/chat", "all", nullptr));
  static_cast<void>(to.emit("join", "/chat", "one", first->id()));
  ASSERT_TRUE(w.until([&] { return chat.members("one").size() == 1; }));
  EXPECT_EQ(chat.members("all").size(), 2u);
  EXPECT_EQ(chat.members("one")[0], first->id());
  std::byte const bytes[] = {std::byte{1}};
  static_cast<void>(to.emit("emit", "/chat", "one", "hello", 1, std::span(bytes)));
  static_cast<void>(to.emit("emit", "/chat", nullptr, "hello", "everybody"));
  ASSERT_TRUE(w.hears(*second, "hello") && w.until([&] { return first->heard.size() == 2; }));
  EXPECT_EQ(first->heard[0], R"(hello 1 {"_placeholder":true,"num":0})");
  EXPECT_EQ(second->heard, std::vector<std::string>{R"(hello "everybody")"});
  static_cast<void>(to.emit("leave", "/chat", "all", "one"));
  ASSERT_TRUE(w.until([&] { return chat.members("all").size() == 1; }));
  // What can't be done is not done.
  static_cast<void>(to.emit("join", "/nowhere", "r"));
  static_cast<void>(to.emit("emit", "/chat", nullptr, "disconnect"));
  static_cast<void>(to.emit("emit", 1, 2, 3));
  static_cast<void>(to.emit("_disconnect", "/chat", "yes"));
  static_cast<void>(to.emit("_disconnect", "/chat", false, first->id()));
  ASSERT_TRUE(w.until([&] { return !first->socket.connected(); }));
  EXPECT_TRUE(second->socket.connected());
  EXPECT_EQ(w.io.find_nsp("/nowhere"), nullptr);
  static_cast<void>(to.emit("_disconnect", "/chat", true, nullptr));
  ASSERT_TRUE(w.until([&] { return w.io.engine().size() == 2; })) << "the session of the second went, too";
  static_cast<void>(to.emit("_disconnect", "/admin", true));
  ASSERT_TRUE(w.until([&] { return !to.connected(); }));
}

TEST(AdminUi, WhoLooksMayNotChangeWhatIsReadonly) {
  world w({.auth = admin_auth::nobody_is_asked(), .readonly = true});
  auto const admin = w.look();
  auto const guest = w.connect("/", {}, by_websocket());
  EXPECT_EQ(admin->find("config"), R"(config {"supportedFeatures":["AGGREGATED_EVENTS","ALL_EVENTS"]})");
  static_cast<void>(admin->socket.emit("_disconnect", "/", true, nullptr));
  static_cast<void>(admin->socket.emit("join", "/", "r", nullptr));
  static_cast<void>(admin->socket.emit("emit", "/", nullptr, "x"));
  ASSERT_TRUE(w.hears(*admin, "server_stats"));
  EXPECT_TRUE(guest->socket.connected());
  EXPECT_TRUE(guest->heard.empty());
  EXPECT_TRUE(w.io.of("/").rooms().empty());
}

TEST(AdminUi, ProductionShowsFiguresAlone) {
  world w({.auth = known_password(), .mode = siokit::admin_mode::production, .server_id = "one"});
  auto const admin = w.connect("/admin", joe);
  auto const guest = w.connect("/");
  static_cast<void>(guest->socket.emit("x"));
  ASSERT_TRUE(w.hears(*admin, "server_stats {\"serverId\":\"one\""));
  ASSERT_EQ(admin->heard.size(), 4u);
  EXPECT_TRUE(admin->heard[0].starts_with("session \""));
  EXPECT_EQ(admin->heard[1], admin->heard[0]) << "before the connect, and behind it";
  EXPECT_EQ(
      admin->heard[2],
      R"(config {"supportedFeatures":["EMIT","JOIN","LEAVE","DISCONNECT","MJOIN","MLEAVE","MDISCONNECT",)"
      R"("AGGREGATED_EVENTS"]})");
}

TEST(AdminUi, CredentialsAndSessions) {
  world w({.auth = known_password(), .sessions_max = 2});
  for (auto const* wrong :
       {"", R"({"username":"joe"})", R"({"username":"joe","password":"wrong"})",
        R"({"username":"eve","password":"secret"})", R"({"username":1,"password":[]})",
        R"({"sessionId":"0123456789abcdef"})", R"({"sessionId":""})", R"({"sessionId":null})"}) {
    EXPECT_EQ(w.connect("/admin", wrong)->error, "invalid credentials") << wrong;
  }
  auto const session_of = [&](std::string const& auth) {
    std::string const line = w.look(auth)->find("session ");
    return line.empty() ? line : line.substr(9, line.size() - 10);
  };
  std::string const first = session_of(joe);
  EXPECT_EQ(first.size(), 16u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), first.npos);
  std::string const back = R"({"sessionId":")" + first + "\"}";
  EXPECT_EQ(session_of(back), "") << "it is still good";
  static_cast<void>(session_of(joe));
  EXPECT_NE(session_of(joe), first);
  EXPECT_EQ(w.connect("/admin", back)->error, "invalid credentials") << "two are kept";
}

TEST(AdminUi, AnEmptyCheckLetsNobodyIn) {
  world w({.auth = admin_auth::check_function()});
  EXPECT_EQ(w.connect("/admin", joe)->error, "invalid credentials");
  static_assert(!std::is_default_constructible_v<admin_auth> &&
                !std::is_constructible_v<admin_auth, std::nullptr_t>);
}

TEST(AdminUi, SessionsEnd) {
  world w({.auth = known_password(), .session_lifetime = 1ms});
  auto const admin = w.look(joe);
  std::string const line = admin->find("session ");
  std::this_thread::sleep_for(2ms);
  EXPECT_EQ(w.connect("/admin", R"({"sessionId":)" + line.substr(8) + "}")->error, "invalid credentials");
}

TEST(AdminUi, PasswordsAreCheckedElsewhereAndOnlySoManyAtATime) {
  std::vector<siokit::admin_answer> asked;
  world w({.auth = [&](std::string_view, std::string_view,
                       siokit::admin_answer answer) { asked.push_back(answer); },
           .logins_max = 2});
  auto const wait = [&] { return std::make_unique<peer>(w.context, w.url, "/admin", joe); };
  auto first = wait(), second = wait();
  ASSERT_TRUE(w.until([&] { return asked.size() == 2; }));
  EXPECT_EQ(w.connect("/admin", joe)->error, "too many logins at once");
  std::thread([&] { asked[0](true), asked[0](false); }).join();
  ASSERT_TRUE(w.hears(*first, "all_sockets"));
  second.reset();
  ASSERT_TRUE(w.until([&] { return w.io.engine().size() == 1; }));
  asked[1](true);  // he is gone
  auto third = wait(), fourth = wait();
  ASSERT_TRUE(w.until([&] { return asked.size() == 4; }));
  asked[3](false);
  ASSERT_TRUE(w.until([&] { return !fourth->error.empty(); }));
  EXPECT_EQ(fourth->error, "invalid credentials");
}

TEST(AdminUi, WhoIsGoneMakesNoRoomForAnotherLogin) {
  std::vector<siokit::admin_answer> asked;
  world w({.auth = [&](std::string_view, std::string_view,
                       siokit::admin_answer answer) { asked.push_back(answer); },
           .logins_max = 2});
  auto const wait = [&] { return std::make_unique<peer>(w.context, w.url, "/admin", joe); };
  auto first = wait(), second = wait();
  ASSERT_TRUE(w.until([&] { return asked.size() == 2; }));
  first.reset();
  second.reset();
  ASSERT_TRUE(w.until([&] { return w.io.engine().size() == 0; }));
  EXPECT_EQ(w.connect("/admin", joe)->error, "too many logins at once");
  asked[0](true);
  asked[1](false);
  auto const third = wait(), fourth = wait();
  ASSERT_TRUE(w.until([&] { return asked.size() == 4; })) << "both were answered";
  asked[2](true);
  ASSERT_TRUE(w.hears(*third, "all_sockets"));
}

TEST(AdminUi, LongNamesAreCutBetweenCharacters) {
  using siokit::net::shown_name;
  std::string const fits(256, 'x');
  EXPECT_EQ(shown_name(fits), fits);
  EXPECT_EQ(shown_name(fits + "y"), fits);
  std::string const x255(255, 'x');
  EXPECT_EQ(shown_name(x255 + "\u00e9"), x255);
  EXPECT_EQ(shown_name(std::string(300, '\x80')), "");
  world w;
  w.io.on_connection([&](siokit::socket& s) {
    static_cast<void>(s.join(fits + "y"));
    static_cast<void>(s.emit(fits + "y"));
    static_cast<void>(s.leave(fits + "y"));
  });
  auto const admin = w.look();
  auto const guest = w.connect("/");
  ASSERT_TRUE(w.hears(*admin, "room_left"));
  EXPECT_TRUE(has(admin->find("room_joined \"/\" \"xxxx"), "\"" + fits + "\""));
  EXPECT_TRUE(has(admin->find("event_sent"), "[\"" + fits + "\"]"));
  EXPECT_TRUE(has(admin->find("room_left"), "\"" + fits + "\""));
}

TEST(AdminUi, TooMuchIsNotShown) {
  world w({.auth = admin_auth::nobody_is_asked(), .events_per_second_max = 3, .args_bytes_max = 20});
  w.io.on("many", [&](siokit::socket& s) {
    for (int i = 0; i < 5; ++i) static_cast<void>(s.join("r" + std::to_string(i)));
    for (int i = 0; i < 5; ++i) static_cast<void>(s.emit("n", i));
  });
  auto const guest = w.connect("/", {}, by_websocket());
  auto const admin = w.look();
  admin->heard.clear();
  std::byte const large[100] = {};
  ASSERT_TRUE(w.hears(*admin, "server_stats"));
  ASSERT_TRUE(w.hears(*admin, "server_stats"));
  static_cast<void>(guest->socket.emit("large", "short", std::string(30, 'x'), std::span(large), 7));
  ASSERT_TRUE(w.hears(*admin, "event_received"));
  EXPECT_TRUE(has(admin->find("event_received"), R"x(["large","short","(3 more arguments, 162 bytes)"])x"));
  static_cast<void>(guest->socket.emit("many"));
  ASSERT_TRUE(w.hears(*guest, "n 4"));
  ASSERT_TRUE(w.hears(*admin, "all_sockets")) << "in place of changes that were not told";
  EXPECT_LE(admin->count("room_joined"), 3u);
  EXPECT_LE(admin->count("event_sent"), 3u);
  EXPECT_TRUE(has(admin->find("all_sockets"), R"("r4")"));
}

TEST(AdminUi, TheListOfSocketsHasAnEnd) {
  world w({.auth = admin_auth::nobody_is_asked(), .list_bytes_max = 1500});
  std::vector<std::unique_ptr<peer>> guests;
  for (int i = 0; i < 5; ++i) guests.push_back(w.connect("/", {}, by_websocket()));
  auto const admin = w.look();
  std::string const list = admin->find("all_sockets");
  EXPECT_GT(list.size(), 300u);
  EXPECT_LT(list.size(), 1520u);
}

TEST(AdminUi, CountsWhatThePageDraws) {
  struct earlier final : siokit::observer {
    void on_received(siokit::engineio::server_session const&, siokit::frame const&) noexcept override {
      ++received;
    }
    void on_sent(siokit::engineio::server_session const&, std::size_t, std::size_t) noexcept override {
      ++sent;
    }
    int received = 0, sent = 0;
  } before;
  siokit::net::admin_counts counts(&before);
  siokit::engineio::server_config config;
  siokit::engineio::server_session session(config, siokit::sid("x"), siokit::transport::websocket,
                                           siokit::time_point{});
  auto const text = [](std::string_view data) { return siokit::frame{siokit::frame_kind::text, data}; };
  counts.on_opened(session);
  counts.on_received(session, text("2[\"ab\"]"));
  counts.on_received(session, text("1"));
  counts.on_received(session, text(""));
  counts.on_queued(session, siokit::text_message("40{}"));
  counts.on_queued(session, siokit::text_message("4"));
  counts.on_sent(session, 1, 4);
  counts.on_closed(session, siokit::engineio::close_reason::transport_close, {});
  counts.on_closed(session, siokit::engineio::close_reason::ping_timeout, {});
  std::map<std::string, std::uint64_t> sums;
  for (auto const& each : counts.take()) {
    EXPECT_EQ(each.timestamp % 1000, 0);
    sums[std::string(each.type) + std::string(each.sub_type)] += each.count;
  }
  std::map<std::string, std::uint64_t> const expected{{"rawConnection", 1},
                                                      {"packetsIn", 2},
                                                      {"bytesIn", 8},
                                                      {"packetsOut", 1},
                                                      {"bytesOut", 3},
                                                      {"rawDisconnectiontransport close", 1},
                                                      {"rawDisconnectionping timeout", 1}};
  EXPECT_EQ(sums, expected);
  EXPECT_TRUE(counts.take().empty());
  EXPECT_EQ(before.received, 3);
  EXPECT_EQ(before.sent, 1);
  auto const json =
      siokit::socketio::encode_json(siokit::net::admin_count{1000, "rawDisconnection", "transport close", 2});
  EXPECT_EQ(json, R"({"timestamp":1000,"type":"rawDisconnection","subType":"transport close","count":2})");
}

TEST(AdminUi, LivesAsLongAsHandlersDo) {
  std::string log;
  auto const says = [&log](std::string_view word) {
    return std::shared_ptr<void>(nullptr, [&log, word](void*) { log += word; });
  };
  {
    siokit::server io({.host = "127.0.0.1", .port = 0});
    io.keep(says("kept;"));
    io.on("x", [held = says("handler;")](siokit::socket&) {});
  }
  EXPECT_EQ(log, "handler;kept;");
}

TEST(AdminUi, PassesOnToTheObserverOfTheOptions) {
  siokit::metrics counted;
  world w({.auth = admin_auth::nobody_is_asked()}, &counted);
  static_cast<void>(w.look());
  EXPECT_TRUE(has(counted.text(w.io.engine()), "siokit_sessions_opened_total{transport=\"polling\"} 1"));
}

}  // namespace net_admin_ui_test
