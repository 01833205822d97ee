#include "sim/story.hpp"

#include <array>
#include <memory>

#include "sim/ledger.hpp"
#include "siokit/sim/client.hpp"
#include "siokit/sim/server.hpp"
#include "tape.hpp"

namespace sim_test {
namespace {

using namespace siokit;
using namespace std::chrono_literals;
using socketio::disconnect_reason;

constexpr std::array<std::string_view, 2> places{"/", "/chat"};
constexpr std::uint64_t of_server = UINT64_MAX;  // who asks

/// Counts Engine.IO sessions.
struct lifetimes final : engineio::observer {
  void on_opened(engineio::server_session const&) noexcept override { ++opened; }
  void on_closed(engineio::server_session const&, engineio::close_reason, error) noexcept override {
    ++ended;
  }
  std::uint64_t opened = 0, ended = 0;
};

/// What the server keeps for a socket, also while it is away.
struct stay_data {
  std::uint64_t serial = 0;
  std::uint64_t events = 0;
};

/// One client process. Its sockets are lines of the ledger.
struct actor {
  /// What a socket has been told, and awaits.
  struct place {
    hub::client_socket* socket = nullptr;
    std::uint64_t line = 0;
    bool wanted = false;
    bool greeted = false;
    std::uint64_t serial = 0, next_event = 0, next_all = 0, next_room = 0, last_early = 0;
  };

  std::unique_ptr<sim::client> process;
  std::uint64_t run = 0;  // of the process: another one may come to lie at the same address
  std::array<place, places.size()> at;
};

class story {
 public:
  story(std::uint64_t seed, std::function<void(time_point, std::string_view)> hear)
      : mask_(seed % 4), world_(seed) {
    if (hear) world_.on_note([hear](time_point when, std::string_view fact) { hear(when, fact); });
    draw_configs();
    start_server();
    actors_.resize(2 + below(4));
    for (actor& each : actors_) start_client(each);
  }

  outcome run() {
    trouble();
    peace();
    end();
    expect_replay();
    return {world_.trace(), lifetimes_.opened, ledger_.received_count(), ledger_.faults()};
  }

 private:
  // Chance.

  [[nodiscard]] sim::random& random() noexcept { return world_.random(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t count) noexcept { return random().below(count); }
  [[nodiscard]] bool chance(unsigned percent) noexcept { return random().chance(percent); }
  [[nodiscard]] actor& any_actor() { return actors_[below(actors_.size())]; }
  void note(std::string const& fact) { world_.note(fact); }
  void expect(bool holds, std::string const& what) {
    if (!holds) note("FAULT " + what);
    ledger_.expect(holds, what);
  }

  void draw_configs() {
    engine_.path = "/socket.io/";
    engine_.observer = &lifetimes_;
    engine_.ping_interval = random().between(2s, 25s);
    engine_.ping_timeout = random().between(2s, 20s);
    engine_.upgrade_timeout = random().between(1s, 10s);
    engine_.allow_upgrades = !chance(15);
    if (chance(20)) engine_.outbox_bytes_max = 20'000;
    if (chance(10)) engine_.outbox_messages_max = 100;
    if (chance(15)) engine_.handshake_rate = {2, 10};
    if (chance(10)) engine_.packet_rate = {200, 500};
    hub_.connect_timeout = random().between(5s, 45s);
    if (chance(60)) hub_.connection_state_recovery.emplace();
    if (chance(20)) hub_.connection_state_recovery = hub::recovery_config{.max_disconnection_duration = 5s};
    if (hub_.connection_state_recovery) hub_.connection_state_recovery->skip_middlewares = chance(50);
    slow_middleware_ = chance(30);
    refusals_ = chance(30) ? 10 : 0;
    slow_auth_ = chance(20);
    client_.backoff = {random().between(20ms, 1s), random().between(1s, 5s), 50};
    client_.timeout = random().between(2s, 20s);
    client_.remember_upgrade = chance(50);
    client_.engine.try_all_transports = chance(30);
    client_.engine.upgrade = !chance(15);
    if (chance(25)) client_.engine.transports = {engineio::transport::websocket};
    if (chance(25)) client_.engine.transports = {engineio::transport::polling};
    if (chance(20)) client_.retries = 100'000, client_.ack_timeout = 1s;
  }
  [[nodiscard]] sim::line draw_line() {
    sim::line out;
    if (chance(20)) out.latency_max = 400ms;
    if (chance(10)) out.segment_max = 3;
    if (chance(10)) out.window = 300;
    return out;
  }

  // The server.

  void start_server() {
    if (mask_ < 3) tape_ = std::make_unique<tape>(static_cast<engineio::recording_mask>(mask_));
    engine_.recorder = tape_.get();
    server_ = std::make_unique<sim::server>(world_, engine_, hub_);
    for (std::size_t i = 0; i < places.size(); ++i) set_up(server_->io().of(places[i]), i);
    all_sent_ = room_sent_ = {};
  }
  void stop_server() {
    note("server dies");
    silent_.clear();
    lifetimes_.ended = lifetimes_.opened;
    server_.reset();
    expect_replay();
    ledger_.died(of_server);
  }
  /// What the server has recorded happens again when it is replayed.
  void expect_replay() {
    std::string const problem = tape_ ? problem_of(tape_->bytes) : "";
    expect(problem.empty(), "the recording: " + problem);
  }

  void set_up(hub::nsp& space, std::size_t place) {
    space.use([this](hub::socket& s, hub::next go) {
      bool const refused = chance(refusals_);
      if (!slow_middleware_) return refused ? go.refuse("no") : go();
      auto later = std::make_shared<hub::next>(std::move(go));
      if (chance(50)) static_cast<void>(s.emit("early", ++earlies_));
      if (troubled_ && chance(3)) return silent_.push_back(std::move(later));
      world_.after(random().between(0ms, 300ms),
                   [later, refused] { refused ? later->refuse("no") : (*later)(); });
    });
    space.on_connection([this, place](hub::socket& s) { on_connection(s, place); });
    space.on("up", [this](hub::socket& s, std::uint64_t line, std::uint64_t number, std::string_view,
                          hub::ack reply) {
      ledger_.received(line, number, s.data<stay_data>().serial);
      reply();  // with retries each event wants that
      note("server: up " + std::to_string(line) + " " + std::to_string(number));
    });
    space.on("blob",
             [this](hub::socket& s, std::uint64_t line, std::uint64_t number, bytes_view, hub::ack reply) {
               ledger_.received(line, number, s.data<stay_data>().serial);
               reply();
             });
    space.on("ask", [this](hub::socket& s, std::uint64_t line, std::uint64_t number, hub::ack reply) {
      ledger_.received(line, number, s.data<stay_data>().serial);
      if (chance(20)) return answer_later(std::move(reply), number);
      reply(number);
      if (troubled_ && chance(3)) s.disconnect(chance(50));
    });
    space.on_disconnect([this](hub::socket& s, disconnect_reason why) {
      note("server: " + std::to_string(s.data<stay_data>().serial) + " gone, " + std::string(to_string(why)));
    });
  }
  void answer_later(hub::ack reply, std::uint64_t number) {
    auto kept = std::make_shared<hub::ack>(std::move(reply));
    world_.after(random().between(1ms, 3s), [kept, number] { (*kept)(number); });
  }
  void on_connection(hub::socket& s, std::size_t place) {
    auto& mine = s.data<stay_data>();
    if (s.recovered()) {
      expect(mine.serial != 0, "a recovered socket has lost its data");
      expect(s.rooms().size() == 2, "a recovered socket has lost its rooms");
      return note("server: " + std::to_string(mine.serial) + " is back");
    }
    mine.serial = ++serials_;
    note("server: " + std::to_string(mine.serial) + " has come");
    static_cast<void>(s.join("room"));
    static_cast<void>(s.emit("hello", mine.serial, all_sent_[place] + 1, room_sent_[place] + 1));
    if (troubled_ && chance(3)) s.disconnect();
  }

  // The clients.

  void start_client(actor& one) {
    ++one.run;
    one.process = std::make_unique<sim::client>(world_, client_, [this]() -> ref<sim::connection> {
      if (!server_ || (troubled_ && chance(5))) return {};
      ref<sim::connection> line(new sim::connection(world_, troubled_ ? draw_line() : sim::line{}));
      server_->accept(line);
      return line;
    });
    for (std::size_t i = 0; i < places.size(); ++i) {
      one.at[i] = {.socket = &one.process->io().socket(places[i]),
                   .line = ledger_.new_line(client_.retries > 0)};
      set_up(one, one.at[i]);
    }
  }
  void stop_client(actor& one) {
    note("client dies");
    for (auto const& place : one.at) ledger_.died(place.line);
    one.process.reset();
  }

  void set_up(actor& one, actor::place& at) {
    hub::client_socket& s = *at.socket;
    std::string const me = "client " + std::to_string(at.line) + ": ";
    if (slow_auth_) {
      s.auth([this](hub::auth_reply reply) {
        auto later = std::make_shared<hub::auth_reply>(std::move(reply));
        world_.after(random().between(0ms, 3s), [later] { static_cast<void>((*later)("{}")); });
      });
    }
    s.on_any_outgoing([this, &at](std::string_view, socketio::args const& in) {
      ledger_.sent(at.line, in.get<std::uint64_t>(1).value_or(0));
    });
    s.on_connect([this, &at, me] {
      note(me + (at.socket->recovered() ? "recovered" : "connected"));
      if (at.socket->recovered()) return expect(at.greeted, me + "recovered what never was");
      at.greeted = false;
    });
    s.on("early", [this, &at, me](std::uint64_t number) {
      note(me + "early " + std::to_string(number));
      expect(number > at.last_early, me + "early " + std::to_string(number) + " again");
      at.last_early = number;
    });
    s.on("hello", [this, &at, me](std::uint64_t serial, std::uint64_t all, std::uint64_t room) {
      expect(serial > at.serial, me + "an old greeting");
      if (!at.socket->recovered()) ledger_.greeted(at.line, serial);  // else it was sent in the stay before
      at.greeted = true;
      at.serial = serial;
      at.next_event = 1;
      at.next_all = all;
      at.next_room = room;
    });
    s.on("down", [this, &at, me](std::uint64_t serial, std::uint64_t number, std::string_view) {
      note(me + "down " + std::to_string(number));
      expect(at.greeted && serial == at.serial, me + "an event of another stay");
      expect(number == at.next_event,
             me + "down " + std::to_string(number) + ", not " + std::to_string(at.next_event));
      at.next_event = number + 1;
    });
    s.on("all", [this, &at, me](std::uint64_t number) {
      on_broadcast(at.greeted, number, at.next_all, me + "all ");
    });
    s.on("room", [this, &at, me](std::uint64_t number) {
      on_broadcast(at.greeted, number, at.next_room, me + "room ");
    });
    s.on("question", [this](std::uint64_t number, hub::client_ack reply) {
      if (chance(80)) reply(number);
    });
    s.on_disconnect([this, &one, &at, me](disconnect_reason why) {
      ledger_.left(at.line);
      note(me + "left, " + std::string(to_string(why)));
      if (why == disconnect_reason::io_server_disconnect) want_again(one, at);
    });
    s.on_connect_error([this, &one, &at, me](hub::connect_error const& why) {
      note(me + "connect_error " + std::string(why.message));
      if (!at.socket->active()) want_again(one, at);
    });
  }
  void on_broadcast(bool greeted, std::uint64_t number, std::uint64_t& next, std::string const& what) {
    note(what + std::to_string(number));
    expect(greeted && number == next, what + std::to_string(number) + ", not " + std::to_string(next));
    next = number + 1;
  }
  /// The server's word is not the last one.
  void want_again(actor& one, actor::place& at) {
    world_.after(random().between(1ms, 2s), [&one, &at, run = one.run] {
      if (one.process && one.run == run && at.wanted && !at.socket->active()) at.socket->connect();
    });
  }

  // What happens.

  void trouble() {
    troubled_ = true;
    time_point const until = world_.now() + random().between(20s, 90s);
    while (world_.now() < until) {
      one_thing();
      world_.run_for(chance(30) ? random().between(0ms, 5ms) : random().between(5ms, 1s));
    }
    troubled_ = false;
  }
  void one_thing() {
    actor& one = any_actor();
    auto& at = one.at[chance(70) ? 0 : 1];
    std::uint64_t const what = below(100);
    if (!one.process) return static_cast<void>(what < 40 ? start_client(one) : void());
    if (!server_) return static_cast<void>(what < 40 ? start_server() : void());
    if (!at.wanted) return want(at);
    if (what < 40) return client_speaks(at);
    if (what < 75) return server_speaks();
    if (what < 90) return line_fails(one);
    process_fails(one, at);
  }
  void client_speaks(actor::place& at) {
    for (std::uint64_t count = 1 + below(chance(10) ? 20 : 3); count > 0; --count) {
      std::uint64_t const number = ledger_.next_event(at.line);
      result<void> said;
      std::uint64_t const how = below(10);
      if (how < 5) {
        said = at.socket->emit("up", at.line, number, padding());
      } else if (how < 6) {
        std::string const bytes = padding();
        said = at.socket->emit("blob", at.line, number, bytes_view(std::as_bytes(std::span(bytes))));
      } else {
        said = ask(at, number);
      }
      if (!said) ledger_.dropped(at.line, number);
    }
  }
  result<void> ask(actor::place& at, std::uint64_t number) {
    std::uint64_t const question = ledger_.asked(at.line);
    std::uint64_t const line = at.line;
    auto on_answer = [this, question, line, number](std::error_code why, std::uint64_t answer) {
      ledger_.settled(question);
      if (why) return ledger_.given_up(line, number);
      expect(answer == number, "the answer to another question");
      expect(ledger_.was_received(line, number), "an answer to what was not received");
    };
    auto const said =
        chance(40) ? at.socket->timeout(random().between(10ms, 4s)).emit("ask", line, number, on_answer)
                   : at.socket->emit("ask", line, number, on_answer);
    if (!said) ledger_.settled(question);
    return said;
  }
  [[nodiscard]] std::string padding() {
    bool const much = troubled_ && chance(5);  // on a slow line that may take longer than a ping may
    return std::string(below(much ? 20'000 : 40), 'x');
  }

  void server_speaks() {
    std::size_t const place = chance(70) ? 0 : 1;
    hub::nsp& space = server_->io().of(places[place]);
    std::uint64_t const how = below(10);
    if (how < 3) return static_cast<void>(space.emit("all", ++all_sent_[place]));
    if (how < 5) return static_cast<void>(space.to("room").emit("room", ++room_sent_[place]));
    if (how < 6) return question_all(space);
    auto const sockets = space.sockets();
    if (sockets.empty()) return;
    hub::socket* const s = sockets[below(sockets.size())].get();
    if (s == nullptr || !s->connected()) return;
    if (how < 7) return question(*s);
    for (std::uint64_t count = 1 + below(4); count > 0 && s->connected(); --count) {
      auto& mine = s->data<stay_data>();
      static_cast<void>(s->emit("down", mine.serial, ++mine.events, padding()));
    }
  }
  void question_all(hub::nsp& space) {
    std::uint64_t const question = ledger_.asked(of_server);
    auto const said =
        space.timeout(random().between(10ms, 3s))
            .emit("question", question, [this, question](std::error_code, hub::responses const& answers) {
              ledger_.settled(question);
              for (std::size_t i = 0; i < answers.size(); ++i) {
                expect(answers[i].get<std::uint64_t>(0) == question, "an answer to another question");
              }
            });
    if (!said) ledger_.settled(question);
  }
  void question(hub::socket& s) {
    std::uint64_t const question = ledger_.asked(of_server);
    auto const said =
        s.timeout(random().between(10ms, 3s))
            .emit("question", question, [this, question](std::error_code why, std::uint64_t answer) {
              ledger_.settled(question);
              expect(why || answer == question, "the answer to another question");
            });
    if (!said) ledger_.settled(question);
  }

  void line_fails(actor& one) {
    bool const cut = chance(50);
    unsigned const who_hears = static_cast<unsigned>(below(4));
    note(cut ? "line is cut" : "line stalls");
    one.process->for_each_connection([&](sim::connection& line) {
      if (chance(30)) return;
      if (cut) return line.cut((who_hears & 1) != 0, (who_hears & 2) != 0);
      line.stall_until(world_.now() + random().between(10ms, chance(20) ? duration(40s) : duration(2s)));
    });
  }
  void process_fails(actor& one, actor::place& at) {
    switch (below(8)) {
      case 0: return chance(40) ? stop_server() : server_->jump(random().between(1s, 60s));
      case 1: return stop_client(one);
      case 2: return note("client sleeps"), one.process->jump(random().between(1s, 90s));
      case 3: return stop_reading(one);
      case 4:
      case 5: return leave(at);
      case 6: return server_->io().of(places[below(2)]).disconnect_sockets(chance(50));
      default: return one.process->io().close(), forget_wishes(one);
    }
  }
  void leave(actor::place& at) {
    at.wanted = false;
    at.socket->disconnect();
    if (chance(50)) want(at);  // and back at once
  }
  static void want(actor::place& at) {
    at.wanted = true;
    at.socket->connect();
  }
  void forget_wishes(actor& one) {
    for (auto& at : one.at) at.wanted = false;
  }
  void stop_reading(actor& one) {
    note("client stops reading");
    one.process->read(false);
    world_.after(random().between(1s, 40s), [&one, run = one.run] {
      if (one.process && one.run == run) one.process->read(true);
    });
  }

  // How it ends.

  /// Nothing fails any more: everybody finds each other, and nothing is missing.
  void peace() {
    note("peace");
    if (!server_) start_server();
    for (actor& one : actors_) {
      if (!one.process) start_client(one);
      one.process->read(true);
      one.process->for_each_connection([](sim::connection& line) { line.become({}); });
    }
    refusals_ = 0;
    for (auto const& each : std::exchange(silent_, {})) (*each)();
    for (actor& one : actors_) {
      for (auto& at : one.at) want(at);
    }
    world_.run_for(200s);  // what is half open has been given up by both sides
    for (actor& one : actors_) {
      for (auto& at : one.at) {
        expect(at.socket->connected(), "line " + std::to_string(at.line) + " hangs");
        client_speaks(at);
      }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      static_cast<void>(server_->io().of(places[i]).emit("all", ++all_sent_[i]));
      static_cast<void>(server_->io().of(places[i]).to("room").emit("room", ++room_sent_[i]));
    }
    world_.run_for(60s);
    compare();
  }
  void compare() {
    ledger_.expect_no_open_questions();
    std::size_t const wanted = actors_.size() * places.size();
    for (actor& one : actors_) {
      for (std::size_t i = 0; i < places.size(); ++i) {
        auto const& at = one.at[i];
        std::string const me = "line " + std::to_string(at.line);
        hub::socket* const theirs = server_->io().of(places[i]).find(at.socket->id());
        expect(theirs != nullptr, me + ": the server does not know it");
        if (theirs == nullptr) continue;
        auto const& data = theirs->data<stay_data>();
        expect(at.serial == data.serial, me + ": both sides mean another stay");
        expect(at.next_event == data.events + 1, me + ": events are missing");
        expect(at.next_all == all_sent_[i] + 1, me + ": broadcasts are missing");
        expect(at.next_room == room_sent_[i] + 1, me + ": events of a room are missing");
        ledger_.expect_complete(at.line);
      }
    }
    expect(server_->io().size() == wanted, "the server has sockets that nobody wants");
  }
  /// Everybody goes, and nothing stays behind.
  void end() {
    note("the end");
    bool const by_server = chance(30);
    if (by_server) server_->io().close();
    for (actor& one : actors_) one.process->io().close();
    world_.run_for(200s);
    expect(lifetimes_.opened == lifetimes_.ended, "a session was opened and never ended");
    expect(server_->io().size() == 0 && server_->engine().size() == 0, "sessions are left");
    expect(server_->connections() == 0, "the server has connections left");
    expect(server_->next_deadline() == never, "the server waits for something");
    for (actor& one : actors_) {
      expect(one.process->connections() == 0, "a client has connections left");
      expect(one.process->io().next_deadline() == never, "a client waits for something");
    }
    ledger_.expect_no_open_questions();
  }

  std::uint64_t mask_;  // of what is recorded; 3: nothing is
  sim::world world_;
  ledger ledger_;
  lifetimes lifetimes_;
  engineio::server_config engine_;
  hub::server_config hub_;
  socketio::client_config client_;
  bool slow_middleware_ = false;
  unsigned refusals_ = 0;
  bool slow_auth_ = false;
  std::vector<std::shared_ptr<hub::next>> silent_;  // middlewares that have not answered yet
  bool troubled_ = true;
  std::unique_ptr<tape> tape_;
  std::unique_ptr<sim::server> server_;
  std::vector<actor> actors_;
  std::array<std::uint64_t, places.size()> all_sent_{}, room_sent_{};
  std::uint64_t serials_ = 0;
  std::uint64_t earlies_ = 0;  // events of middlewares
};

}  // namespace

outcome tell(std::uint64_t seed, std::function<void(time_point, std::string_view)> hear) {
  return story(seed, std::move(hear)).run();
}

}  // namespace sim_test
