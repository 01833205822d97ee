// Sequences of calls with the bytes of hostile peers: the engine, the hub above it, and a client. Whatever
// comes, everything that was opened ends, and every request is answered once.
#include <map>
#include <set>

#include "fuzz/target.hpp"
#include "siokit/hub/client.hpp"
#include "siokit/hub/server.hpp"
#include "tape.hpp"

namespace fuzz {
namespace {

using namespace siokit;
using namespace std::chrono_literals;
using socketio::args;

/// A server, whose host does what the input says. With a hub, packets reach handlers. What it records is
/// replayed in the end.
class server_host {
 public:
  server_host(bool with_hub, engineio::recording_mask mask) : tape_(mask) {
    config_.recorder = &tape_;
    config_.max_http_buffer_size = 500;
    config_.outbox_bytes_max = 20'000;
    config_.allow_eio3 = true;
    engine_.emplace(config_);
    if (!with_hub) return;
    hub::server_config config{.limits = {.attachment_bytes_max = 500}, .pending_acks_max = 5, .rooms_max = 5};
    config.connection_state_recovery = hub::recovery_config{.sessions_max = 3, .packets_max = 5};
    hub_.emplace(*engine_, std::move(config), [this](std::span<std::uint8_t, 12> id) {
      for (auto& byte : id) byte = static_cast<std::uint8_t>(++ids_);
    });
    for (auto const* const name : {"/", "/a"}) set_up(hub_->of(name));
  }

  void run(reader& in) {
    while (!in.empty()) {
      one(in);
      turn();
    }
    end();
  }

 private:
  static void set_up(hub::nsp& space) {
    space.on("e", [](hub::socket& s, args all, hub::ack reply) {
      static_cast<void>(s.emit("e", all));
      static_cast<void>(s.broadcast().emit("b", all));
      reply(all);
    });
    space.on("j", [](hub::socket& s, std::string_view room) { static_cast<void>(s.join(room)); });
    space.on("l", [](hub::socket& s, std::string_view room) { static_cast<void>(s.leave(room)); });
    space.on("q", [](hub::socket& s) { s.disconnect(); });
    space.on("x", [](hub::socket& s) { s.disconnect(true); });
    space.on("k", [](hub::socket& s, int n) {
      static_cast<void>(s.timeout(1s).emit("k", n, [](std::error_code, args const&) {}));
    });
    space.on("a", [](hub::socket& s, args all) {
      static_cast<void>(s.nsp().timeout(1s).emit("a", all, [](std::error_code, hub::responses const&) {}));
    });
  }

  void one(reader& in) {
    switch (in.below(10)) {
      case 0: return open(in);
      case 1: return frame_from(in);
      case 2: return frame_from(in);
      case 3: return request(in, "GET");
      case 4: return request(in, "POST");
      case 5: return lose(in);
      case 6: return abort(in);
      case 7: return pass(std::chrono::milliseconds(in.byte() * 200));
      case 8: return upgrade(in);
      default:
        if (auto const session = any(in)) {
          in.below(2) == 0 ? engine_->close(session, now_, in.below(2) == 0)
                           : static_cast<void>(engine_->send(session, text_message("4" + in.text())));
        }
    }
  }
  void open(reader& in) {
    bool const websocket = in.below(2) == 0;
    static constexpr std::string_view revisions[] = {"EIO=4",       "EIO=3",     "EIO=4&b64=1",
                                                     "EIO=3&b64=1", "EIO=4&j=0", ""};
    ask(websocket ? "GET" : "GET", std::string(revisions[in.below(6)]), "", websocket);
  }
  void request(reader& in, std::string_view method) {
    auto const session = any(in);
    auto const* const known = session ? engine_->find(session) : nullptr;
    std::string const revision = known != nullptr && known->revision() == 3 ? "EIO=3" : "EIO=4";
    std::string body = method == "POST" ? in.text() : "";
    if (in.below(8) == 0) body.clear(), ask(method, in.text(), std::move(body), in.below(2) == 0);
    if (known != nullptr) ask(method, revision + "&sid=" + std::string(known->id()), std::move(body), false);
  }
  void upgrade(reader& in) {
    auto const session = any(in);
    if (session) ask("GET", "EIO=4&sid=" + std::string(engine_->find(session)->id()), "", true);
  }
  void ask(std::string_view method, std::string const& query, std::string body, bool websocket) {
    exchange const name{++names_};
    std::string const target =
        "/engine.io/?transport=" + std::string(websocket ? "websocket" : "polling") + "&" + query;
    header const headers[] = {
        {"content-type", body.starts_with('\1') ? "application/octet-stream" : "text/plain"}};
    due_.insert(name.value);
    auto const routed = engine_->request(name,
                                         {.method = method,
                                          .target = target,
                                          .headers = headers,
                                          .remote_address = "x",
                                          .websocket = websocket},
                                         now_);
    sessions_of_[name.value] = routed.session;
    if (routed.next != engineio::routed::kind::post) return;
    if (body.size() > config_.max_http_buffer_size) return engine_->post_too_large(routed.session, name);
    std::string exact(body);
    engine_->post_received(routed.session, name, exact, now_);
    turn();  // while the body is there
  }
  void frame_from(reader& in) {
    if (wires_.empty()) return;
    auto at = wires_.begin();
    std::advance(at, static_cast<long>(in.below(wires_.size())));
    auto const [name, session] = *at;
    bool const binary = in.below(4) == 0;
    std::string const text = in.text();
    if (!binary && !utf8_valid(text)) return;
    require(engine_->receive(session, {name}, {binary ? frame_kind::binary : frame_kind::text, text}, now_)
                .has_value(),
            "what is received after a turn is taken");
    turn();  // while the frame is there
  }
  void lose(reader& in) {
    if (wires_.empty()) return;
    auto at = wires_.begin();
    std::advance(at, static_cast<long>(in.below(wires_.size())));
    auto const [name, session] = *at;
    wires_.erase(at);
    engine_->wire_lost(session, {name},
                       in.below(2) == 0 ? error{} : error{errc::ws_bad_close, side::remote, 0});
  }
  void abort(reader& in) {
    if (due_.empty()) return;
    auto at = due_.begin();
    std::advance(at, static_cast<long>(in.below(due_.size())));
    std::uint64_t const name = *at;
    due_.erase(at);
    aborted_.insert(name);  // its answer may be ready
    engine_->exchange_aborted(sessions_of_[name], {name});
  }
  void pass(duration span) {
    now_ += span;
    engine_->advance(now_);
    if (hub_) hub_->advance(now_);
  }
  [[nodiscard]] handle any(reader& in) {
    auto const all = engine_->sessions();
    if (all.empty()) return {};
    handle const one = all[in.below(all.size())];
    return engine_->find(one) != nullptr ? one : handle{};
  }

  void turn() {
    for (bool again = true; again;) {
      again = false;
      if (hub_) hub_->drain(now_);
      while (auto const event = hub_ ? std::nullopt : engine_->poll_event(now_)) {
        if (event->type == engineio::event::kind::handshake_requested) {
          static_cast<void>(engine_->admit(event->session, sid("s" + std::to_string(++ids_)), now_));
        }
        if (event->type == engineio::event::kind::message && event->data.kind == frame_kind::text) {
          static_cast<void>(engine_->send(event->session, text_message("4" + std::string(event->data.data))));
        }
      }
      while (auto const response = engine_->poll_response()) again = true, answer(*response);
      while (auto const session = engine_->poll_ready()) again = true, pump(*session);
    }
  }
  void answer(engineio::server_response const& response) {
    std::uint64_t const name = response.answer.to.value;
    bool const awaited = due_.erase(name) == 1;
    require(awaited || aborted_.erase(name) == 1, "a request is answered once");
    if (!response.accept_wire || !awaited) return;
    if (engine_->wire_opened(response.session, {name}, now_)) wires_[name] = response.session;
  }
  void pump(handle session) {
    auto const* const known = engine_->find(session);
    if (known == nullptr) return;
    for (wire const which : {known->main_wire(), known->probe_wire()}) {
      while (auto const out = engine_->poll_transmit(session, which)) {
        if (out->shut) wires_.erase(which.value);
      }
    }
  }
  void end() {
    for (handle const session : engine_->sessions()) engine_->close(session, now_, true);
    turn();
    for (auto const& [name, session] : std::exchange(wires_, {})) engine_->wire_lost(session, {name});
    turn();
    pass(10min);
    turn();
    require(engine_->size() == 0, "no session is left");
    require(engine_->next_deadline() == never, "the engine waits for nothing");
    require(due_.empty(), "every request was answered");
    require(problem_of(tape_.bytes).empty(), "what was recorded happens again");
    if (!hub_) return;
    require(hub_->connections() == 0 && hub_->size() == 0, "no socket is left");
    require(hub_->next_deadline() == never, "the hub waits for nothing");
  }

  tape tape_;
  engineio::server_config config_;
  std::optional<engineio::server> engine_;
  std::optional<hub::server> hub_;
  time_point now_{1s};
  std::uint64_t names_ = 0;
  std::uint64_t ids_ = 0;
  std::set<std::uint64_t> due_, aborted_;        // requests
  std::map<std::uint64_t, handle> sessions_of_;  // of requests
  std::map<std::uint64_t, handle> wires_;
};

void run_server(std::string_view input, bool with_hub) {
  reader in(input);
  server_host(with_hub, static_cast<engineio::recording_mask>(input.size() % 3)).run(in);
}

void run_engine(std::string_view input) {
  run_server(input, false);
}

void run_hub(std::string_view input) {
  run_server(input, true);
}

/// A recording of anybody.
void run_recording(std::string_view input) {
  std::string const file = "siokit-recording 1 none\n" + std::string(input);
  static_cast<void>(problem_of(file));
  static_cast<void>(problem_of(input));
}

/// A client, whose server and application do what the input says.
class client_host {
 public:
  explicit client_host(reader& in) {
    config_.engine.max_message_bytes = 1000;
    config_.receive_buffer_max = 2000;
    config_.send_buffer_max = 2000;
    config_.pending_acks_max = 5;
    config_.limits.attachment_bytes_max = 500;
    using engineio::transport;
    std::size_t const how = in.byte();
    if ((how & 3) == 1) config_.engine.transports = {transport::polling};
    if ((how & 3) == 2) config_.engine.transports = {transport::websocket};
    config_.engine.try_all_transports = (how & 4) != 0;
    if ((how & 8) != 0) config_.retries = 2, config_.ack_timeout = 1s;
    client_.emplace(config_, how);
    for (auto const* const name : {"/", "/a"}) {
      auto& s = client_->socket(name);
      s.on("e", [&s](args all, hub::client_ack reply) {
        static_cast<void>(s.emit("e", all));
        reply(all);
      });
      s.on("q", [&s] { s.disconnect(); });
      s.connect();
    }
  }

  void run(reader& in) {
    turn();
    while (!in.empty()) {
      one(in);
      turn();
    }
    end();
  }

 private:
  void one(reader& in) {
    auto& session = client_->session();
    auto& s = client_->socket(in.below(4) == 0 ? "/a" : "/");
    switch (in.below(12)) {
      case 0: return with(wires_, in, [&](std::uint64_t name) { session.wire_opened({name}, now_); });
      case 1:
      case 2:
      case 3: return frame_to(in);
      case 4:
        return with(wires_, in, [&](std::uint64_t name) { wires_.erase(name), session.wire_lost({name}); });
      case 5:
      case 6: return respond(in);
      case 7:
        return with(requests_, in,
                    [&](std::uint64_t name) { requests_.erase(name), session.request_failed({name}); });
      case 8: now_ += std::chrono::milliseconds(in.byte() * 100); return client_->advance(now_);
      case 9: return in.below(2) == 0 ? s.connect() : s.disconnect();
      case 10: return static_cast<void>(s.emit("x", in.text()));
      default: return static_cast<void>(s.emit("y", in.byte(), [](std::error_code, args const&) {}));
    }
  }
  /// The packets that a server begins with are long, so they have numbers.
  [[nodiscard]] static std::string server_text(reader& in) {
    static constexpr std::string_view known[] = {
        R"(0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":99})",
        R"(40{"sid":"s1","pid":"p1"})",
        R"(40/a,{"sid":"s2","pid":"p2"})",
        "41",
        R"(44{"message":"no"})",
        R"(42["e",1,"o1"])",
        R"(420["e"])",
        "430[1]",
        "2",
        "3probe",
        R"(0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000})"};
    std::size_t const number = in.below(16);
    return number < std::size(known) ? std::string(known[number]) : in.text();
  }
  void frame_to(reader& in) {
    with(wires_, in, [&](std::uint64_t name) {
      bool const binary = in.below(4) == 0;
      std::string const text = server_text(in);
      if (!binary && !utf8_valid(text)) return;
      require(client_->session()
                  .receive({name}, {binary ? frame_kind::binary : frame_kind::text, text}, now_)
                  .has_value(),
              "what is received after a turn is taken");
      turn();  // while the frame is there
    });
  }
  void respond(reader& in) {
    with(requests_, in, [&](std::uint64_t name) {
      requests_.erase(name);
      std::string body = server_text(in);
      while (in.below(4) == 1) body += "\x1e" + server_text(in);
      auto const status = static_cast<std::uint16_t>(in.below(8) == 0 ? 400 : 200);
      require(client_->session().response_received({name}, status, body, now_).has_value(),
              "an answer is taken");
      turn();  // while the body is there
    });
  }
  template <class Call>
  static void with(std::set<std::uint64_t> const& names, reader& in, Call&& call) {
    if (names.empty()) return;
    auto at = names.begin();
    std::advance(at, static_cast<long>(in.below(names.size())));
    call(*at);
  }
  void turn() {
    for (bool again = true; again;) {
      again = false;
      client_->drain(now_);
      for (std::uint64_t const name : std::set(wires_)) {
        while (client_->session().poll_transmit({name})) again = true;
      }
      while (auto const action = client_->session().poll_action()) {
        again = true;
        using kind = engineio::client_action::kind;
        switch (action->type) {
          case kind::open_wire: wires_.insert(action->on.value); break;
          case kind::shut_wire: wires_.erase(action->on.value); break;
          case kind::get:
          case kind::post: requests_.insert(action->request.value); break;
          case kind::leave:
          case kind::abort: requests_.erase(action->request.value); break;
        }
      }
    }
  }
  void end() {
    client_->close();
    turn();
    for (std::uint64_t const name : std::exchange(wires_, {})) client_->session().wire_lost({name});
    for (std::uint64_t const name : std::exchange(requests_, {})) client_->session().request_failed({name});
    turn();
    now_ += 10min;
    client_->advance(now_);
    turn();
    require(client_->session().at_rest(), "a client that was closed is at rest");
    require(client_->next_deadline() == never, "and waits for nothing");
  }

  socketio::client_config config_;
  std::optional<hub::client> client_;
  time_point now_{1s};
  std::set<std::uint64_t> wires_, requests_;
};

void run_client(std::string_view input) {
  reader in(input);
  client_host(in).run(in);
}

constexpr target all[] = {
    {"engine", run_engine}, {"hub", run_hub}, {"recording", run_recording}, {"client", run_client}};

}  // namespace

std::span<target const> session_targets() {
  return all;
}

}  // namespace fuzz
