// Every order in which an upgrade can go: of requests and their answers, the frames of both sides, what both
// applications send, the end from either side, and time. Each run makes one choice after the other; the next
// one makes the last choice differently, until there is none left.
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "siokit/engineio/client_session.hpp"
#include "siokit/engineio/server.hpp"

namespace upgrade_race_test {

using namespace siokit;
using namespace siokit::engineio;
using namespace std::chrono_literals;

/// The choices of one run.
class choices {
 public:
  std::size_t choose(std::size_t count) {
    if (at_ == made_.size()) made_.push_back({0, count});
    return made_[at_++].first;
  }
  /// Goes to the next order. False: that was the last one.
  bool next() {
    at_ = 0;
    while (!made_.empty() && made_.back().first + 1 == made_.back().second) made_.pop_back();
    if (made_.empty()) return false;
    ++made_.back().first;
    return true;
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (auto const& [choice, count] : made_) all += std::to_string(choice) + " ";
    return all;
  }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> made_;
  std::size_t at_ = 0;
};

/// What the applications do, each at any time.
struct plan {
  int client_sends = 0, server_sends = 0;
  bool client_closes = false, server_closes = false;
  int ticks = 0;  ///< how often time may pass before it has to
};

class race {
 public:
  race(plan const& wanted, choices& by) : plan_(wanted), choices_(by) {
    static_cast<void>(client_.open(now_));
    client_turn();
    while (!client_.is_open() || !server_open_) deliver(channels_.begin()->first);  // there is one order only
  }

  void run() {
    while (step()) {
    }
  }

  std::string up, down;  ///< what was received
  int sent_up = 0, sent_down = 0;
  bool client_closed = false, server_closed = false, server_open_ = false, stuck = false;
  int upgrades = 0;
  bool upgrade_failed = false;  ///< for it took too long
  [[nodiscard]] bool over_websocket() const { return client_.current() == transport::websocket; }
  [[nodiscard]] bool both_agree() const {
    auto const* const theirs = server_.find(session_);
    return theirs != nullptr && theirs->current() == client_.current();
  }
  [[nodiscard]] std::size_t sessions() const { return server_.size(); }

 private:
  struct item {
    enum class kind { request, response, cut, open, accepted, frame, shut } type;
    std::string text{};
    std::string body{};
    std::uint16_t status = 200;
    frame_kind form = frame_kind::text;
  };
  using name = std::pair<std::uint64_t, bool>;  // of a wire or an exchange, and whether upwards

  bool step() {
    std::vector<name> ready;
    for (auto const& [which, items] : channels_) ready.push_back(which);
    std::size_t const sends_up = plan_.client_sends > 0, sends_down = plan_.server_sends > 0;
    std::size_t const ends_up = plan_.client_closes, ends_down = plan_.server_closes;
    std::size_t const others = ready.size() + sends_up + sends_down + ends_up + ends_down;
    bool const soon = deadline() < later(now_, 1min);
    std::size_t const passes = (plan_.ticks > 0 && soon) || (others == 0 && deadline() != never);
    std::size_t const count = others + passes;
    if (count == 0 || (done() && ready.empty())) return false;
    std::size_t at = choices_.choose(count);
    if (at < ready.size()) return deliver(ready[at]), true;
    at -= ready.size();
    if (at < sends_up) return client_sends(), true;
    at -= sends_up;
    if (at < sends_down) return server_sends(), true;
    at -= sends_down;
    if (at < ends_up) return client_ends(), true;
    at -= ends_up;
    if (at < ends_down) return server_ends(), true;
    return pass();
  }
  /// Nothing is left to happen but pings.
  [[nodiscard]] bool done() const {
    bool const idle =
        plan_.client_sends == 0 && plan_.server_sends == 0 && !plan_.client_closes && !plan_.server_closes;
    return idle &&
           ((client_closed && server_closed) || (upgrades == 1 && server_upgraded_) || upgrade_failed);
  }
  void client_sends() {
    --plan_.client_sends;
    if (client_.send(text_message("4" + std::to_string(sent_up)), now_)) ++sent_up;
    client_turn();
  }
  void server_sends() {
    --plan_.server_sends;
    if (server_.send(session_, text_message("4" + std::to_string(sent_down)))) ++sent_down;
    server_turn();
  }
  void client_ends() {
    plan_.client_closes = false;
    client_.close(now_);
    client_turn();
  }
  void server_ends() {
    plan_.server_closes = false;
    server_.close(session_, now_);
    server_turn();
  }
  [[nodiscard]] time_point deadline() const {
    return earliest(client_.next_deadline(), server_.next_deadline());
  }
  bool pass() {
    if (plan_.ticks > 0) --plan_.ticks;
    if (deadline() == never) return true;
    now_ = std::max(now_, deadline());
    if (now_ > time_point(10min)) return stuck = true, false;
    client_.advance(now_);
    client_turn();
    server_.advance(now_);
    server_turn();
    return true;
  }

  // The network.

  void put(name which, item what) { channels_[which].push_back(std::move(what)); }
  void deliver(name which) {
    item what = std::move(channels_[which].front());
    channels_[which].pop_front();
    if (channels_[which].empty()) channels_.erase(which);
    which.second ? to_server(which.first, what) : to_client(which.first, what);
  }
  void to_server(std::uint64_t number, item& what) {
    switch (what.type) {
      case item::kind::request:
      case item::kind::open: {
        bool const websocket = what.type == item::kind::open;
        request const in{.method = websocket || what.body.empty() ? "GET" : "POST",
                         .target = what.text,
                         .headers = {},
                         .remote_address = {},
                         .websocket = websocket};
        auto const routed = server_.request({number}, in, now_);
        exchanges_[number] = routed.session;
        if (routed.next == routed::kind::post)
          server_.post_received(routed.session, {number}, what.body, now_);
        break;
      }
      case item::kind::cut: server_.exchange_aborted(exchanges_[number], {number}); break;
      case item::kind::frame:
        static_cast<void>(server_.receive(session_, {number}, {what.form, what.text}, now_));
        break;
      case item::kind::shut: server_.wire_lost(session_, {number}); break;
      case item::kind::response:
      case item::kind::accepted: break;
    }
    server_turn();
  }
  void to_client(std::uint64_t number, item& what) {
    switch (what.type) {
      case item::kind::response:
        static_cast<void>(client_.response_received({number}, what.status, what.body, now_));
        break;
      case item::kind::cut: client_.request_failed({number}); break;
      case item::kind::accepted: client_.wire_opened({number}, now_); break;
      case item::kind::frame:
        static_cast<void>(client_.receive({number}, {what.form, what.text}, now_));
        break;
      case item::kind::shut: client_.wire_lost({number}); break;
      case item::kind::request:
      case item::kind::open: break;
    }
    client_turn();
  }

  void server_turn() {
    for (bool again = true; again;) {
      again = false;
      while (auto const out = server_.poll_event(now_)) on_server_event(*out);
      while (auto out = server_.poll_response()) {
        again = true;
        std::uint64_t const number = out->answer.to.value;
        if (out->answer.destroy) {
          put({number, false}, {.type = item::kind::cut});
        } else if (!out->accept_wire) {
          bool const wire = out->refused_wire;
          put({number, false}, wire ? item{.type = item::kind::shut}
                                    : item{.type = item::kind::response,
                                           .body = out->answer.body,
                                           .status = out->answer.status});
        } else {
          put({number, false}, {.type = item::kind::accepted});
          if (!server_.wire_opened(out->session, {number}, now_))
            put({number, false}, {.type = item::kind::shut});
        }
      }
      while (auto const ready = server_.poll_ready()) {
        auto const* const known = server_.find(*ready);
        if (known == nullptr) continue;
        for (wire const which : {known->main_wire(), known->probe_wire()}) {
          while (auto out = server_.poll_transmit(*ready, which)) transmit({which.value, false}, *out);
        }
        again = true;
      }
    }
  }
  void transmit(name which, engineio::transmit const& out) {
    if (out.shut) return put(which, {.type = item::kind::shut});
    for (auto packets = out.data.packets(); !packets.done();) {
      frame const next = packets.next();
      put(which, {.type = item::kind::frame, .text = std::string(next.data), .form = next.kind});
    }
  }
  void on_server_event(event const& out) {
    using kind = event::kind;
    if (out.type == kind::handshake_requested) {
      session_ = out.session;
      static_cast<void>(server_.admit(out.session, sid("the-session"), now_));
    }
    if (out.type == kind::opened) server_open_ = true;
    if (out.type == kind::message) up += out.data.data;
    if (out.type == kind::upgraded) server_upgraded_ = true;
    if (out.type == kind::closed) server_closed = true;
  }
  void client_turn() {
    using kind = client_event::kind;
    for (bool again = true; again;) {
      again = false;
      while (auto const out = client_.poll_event(now_)) {
        if (out->type == kind::message) down += out->data.data;
        if (out->type == kind::upgraded) ++upgrades;
        if (out->type == kind::upgrade_failed) upgrade_failed = true;
        if (out->type == kind::closed) client_closed = true;
      }
      for (wire const which : {client_.main_wire(), client_.probe_wire()}) {
        while (auto const out = client_.poll_transmit(which))
          transmit({which.value, true}, {*out}), again = true;
      }
      while (auto action = client_.poll_action()) carry_out(*action), again = true;
    }
  }
  void carry_out(client_action& action) {
    using kind = client_action::kind;
    switch (action.type) {
      case kind::open_wire:
        return put({action.on.value, true}, {.type = item::kind::open, .text = action.target});
      case kind::shut_wire: return put({action.on.value, true}, {.type = item::kind::shut});
      case kind::get:
      case kind::post:
        return put({action.request.value, true},
                   {.type = item::kind::request, .text = action.target, .body = action.body});
      case kind::abort: return put({action.request.value, true}, {.type = item::kind::cut});
      case kind::leave: return;  // its answer is of no interest, and may come
    }
  }

  plan plan_;
  choices& choices_;
  server_config server_config_{.ping_interval = 1h};  // what is to end has to end without it
  client_config client_config_{};
  engineio::server server_{server_config_};
  std::uint64_t names_ = 0;
  client_session client_{client_config_, names_, 1};
  time_point now_{1s};
  handle session_{};
  bool server_upgraded_ = false;
  std::map<name, std::deque<item>> channels_;
  std::map<std::uint64_t, handle> exchanges_;
};

[[nodiscard]] std::string numbers(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += std::to_string(i);
  return all;
}

/// How many orders there are; each is checked.
std::size_t explore(plan const& wanted) {
  choices by;
  std::size_t orders = 0;
  bool const failed_before = ::testing::Test::HasFailure();
  do {
    race one(wanted, by);
    one.run();
    ++orders;
    std::string const how = "order " + by.text();
    EXPECT_FALSE(one.stuck) << how;
    bool const ends = wanted.client_closes || wanted.server_closes;
    EXPECT_EQ(one.client_closed, ends) << how;
    EXPECT_EQ(one.server_closed, ends) << how;
    EXPECT_EQ(one.sessions(), ends ? 0u : 1u) << how;
    EXPECT_TRUE(ends || one.both_agree()) << how;
    EXPECT_TRUE(ends || one.over_websocket() || (wanted.ticks > 0 && one.upgrade_failed)) << how;
    EXPECT_EQ(one.upgrades, one.over_websocket() ? 1 : 0) << how;
    // Who closes has sent everything before, so the other one gets all of it, unless it closes, too.
    bool const all_up = !wanted.server_closes, all_down = !wanted.client_closes;
    EXPECT_EQ(one.up, numbers(all_up ? one.sent_up : static_cast<int>(one.up.size()))) << how;
    EXPECT_EQ(one.down, numbers(all_down ? one.sent_down : static_cast<int>(one.down.size()))) << how;
    if (!failed_before && ::testing::Test::HasFailure()) return orders;
  } while (by.next());
  return orders;
}

// The numbers are those of today: more or fewer mean that something has become possible, or impossible.

TEST(upgrade_race, nobody_sends) {
  EXPECT_EQ(explore({.ticks = 2}), 105u);
}
TEST(upgrade_race, the_client_sends) {
  EXPECT_EQ(explore({.client_sends = 2}), 6700u);
  EXPECT_EQ(explore({.client_sends = 1, .ticks = 2}), 18559u);
}
TEST(upgrade_race, the_server_sends) {
  EXPECT_EQ(explore({.server_sends = 2}), 2106u);
  EXPECT_EQ(explore({.server_sends = 1, .ticks = 2}), 3999u);
}
TEST(upgrade_race, both_send) {
  EXPECT_EQ(explore({.client_sends = 1, .server_sends = 1}), 21572u);
}
TEST(upgrade_race, one_side_closes) {
  EXPECT_EQ(explore({.client_closes = true, .ticks = 1}), 16129u);
  EXPECT_EQ(explore({.server_closes = true, .ticks = 1}), 775u);
  EXPECT_EQ(explore({.server_sends = 1, .server_closes = true}), 4913u);
}
TEST(upgrade_race, both_close) {
  EXPECT_EQ(explore({.client_closes = true, .server_closes = true}), 41866u);
}

// The same with more at once, for the long form.

TEST(upgrade_race_long, both_send_and_time_passes) {
  EXPECT_EQ(explore({.client_sends = 1, .server_sends = 1, .ticks = 1}), 402038u);
}
TEST(upgrade_race_long, one_sends_and_one_closes) {
  EXPECT_EQ(explore({.client_sends = 1, .client_closes = true}), 153472u);
  EXPECT_EQ(explore({.server_sends = 1, .client_closes = true}), 87516u);
  EXPECT_EQ(explore({.client_sends = 1, .server_closes = true}), 89870u);
}
TEST(upgrade_race_long, both_close_and_time_passes) {
  EXPECT_EQ(explore({.client_closes = true, .server_closes = true, .ticks = 1}), 190799u);
}

}  // namespace upgrade_race_test
