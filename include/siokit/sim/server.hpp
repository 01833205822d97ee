// siokit/sim/server.hpp - a server program in a simulated world.   SPDX-License-Identifier: MIT
// A host of engineio::server and hub::server, as docs/embedding.md describes one, on simulated connections.
// Register handlers on io(); its end is the sudden death of the process.
#pragma once

#include <map>
#include <memory>

#include "siokit/hub/server.hpp"
#include "siokit/sim/clock.hpp"
#include "siokit/sim/peer.hpp"

namespace siokit::inline v0::sim {

class server {
 public:
  /// `in` outlives it.
  server(world& in, engineio::server_config engine, hub::server_config hub)
      : world_(&in),
        clock_(in, [this] { advance(); }),
        engine_(std::move(engine)),
        hub_(engine_, std::move(hub), [this](std::span<std::uint8_t, 12> id) { draw_id(id); }),
        lifeline_(*this) {
    hub_.on_wake([this] {
      clock_.ring_at(now());
      return now();
    });
  }
  server(server const&) = delete;
  server& operator=(server const&) = delete;
  /// No handler is called any more; the other ends find their connections closed.
  ~server() { peers_.clear(); }

  [[nodiscard]] hub::server& io() noexcept { return hub_; }
  [[nodiscard]] engineio::server& engine() noexcept { return engine_; }
  /// Its own clock, which may be ahead of the world's.
  [[nodiscard]] time_point now() const noexcept { return clock_.now(); }
  /// Its clock jumps, as after the sleep of a machine.
  void jump(duration by) { clock_.jump(by); }
  /// A client has connected.
  void accept(ref<connection> from) {
    std::uint64_t const name = ++names_;
    peers_.emplace(name, std::make_unique<client_peer>(*this, name, std::move(from)));
    give_up_later(name, [](client_peer const& one) { return !one.waits && !one.is_websocket(); });
  }
  [[nodiscard]] std::size_t connections() const noexcept { return peers_.size(); }
  [[nodiscard]] time_point next_deadline() const noexcept {
    return earliest(engine_.next_deadline(), hub_.next_deadline());
  }

 private:
  /// Its number is that of its wire, and of its exchange: it has one at a time.
  class client_peer final : public peer {
   public:
    client_peer(server& owner, std::uint64_t name, ref<connection> by)
        : peer(std::move(by), connection::end::server), owner_(&owner), name_(name) {}

    handle session;
    bool waits = false;  // a request of it is not answered yet

   private:
    void on_envelope(envelope in) override { owner_->on_request(*this, name_, std::move(in)); }
    void on_message(frame const& in) override {
      static_cast<void>(owner_->engine_.receive(session, {name_}, in, owner_->now()));
      owner_->turn();
    }
    void on_sent() override { owner_->pump(session); }
    void on_lost(error why) override {
      if (is_websocket()) owner_->engine_.wire_lost(session, {name_}, why);
      if (!is_websocket() && waits) owner_->engine_.exchange_aborted(session, {name_});
      owner_->forget(name_);
      owner_->turn();
    }

    server* owner_;
    std::uint64_t name_;
  };

  void draw_id(std::span<std::uint8_t, 12> id) noexcept {
    for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(world_->random().next());
  }
  [[nodiscard]] client_peer* find(std::uint64_t name) const noexcept {
    auto const known = peers_.find(name);
    return known == peers_.end() ? nullptr : known->second.get();
  }
  /// A peer is destroyed when none of its functions runs.
  void forget(std::uint64_t name) {
    world_->at(world_->now(), [self = lifeline_.ref(), name] {
      if (self.get() != nullptr) self.get()->peers_.erase(name);
    });
  }

  void on_request(client_peer& from, std::uint64_t name, envelope in) {
    std::size_t const space = in.head.find(' ');
    bool const websocket = in.head.starts_with("WEBSOCKET");
    engineio::request const request{.method = websocket ? "GET" : std::string_view(in.head).substr(0, space),
                                    .target = std::string_view(in.head).substr(space + 1),
                                    .headers = {},
                                    .remote_address = "sim",
                                    .websocket = websocket};
    from.waits = true;
    auto const routed = engine_.request({name}, request, now());
    from.session = routed.session;
    if (routed.next == engineio::routed::kind::post) {
      if (in.body.size() > engine_.config().max_http_buffer_size) {
        engine_.post_too_large(routed.session, {name});
      } else {
        engine_.post_received(routed.session, {name}, in.body, now());
      }
    }
    turn();
  }

  /// All that follows from an input.
  void turn() {
    hub_.drain(now());
    while (auto const response = engine_.poll_response()) {
      answer(*response);
      hub_.drain(now());
    }
    while (auto const session = engine_.poll_ready()) pump(*session);
    clock_.ring_at(next_deadline());
  }
  void answer(engineio::server_response const& response) {
    client_peer* const to = find(response.answer.to.value);
    if (to == nullptr) return;
    to->waits = false;
    if (response.answer.destroy) {
      to->close();
      return forget(response.answer.to.value);
    }
    to->write(to_bytes(std::to_string(response.answer.status), response.answer.body));
    if (response.accept_wire) {
      to->become_websocket();
      to->session = response.session;
      if (engine_.wire_opened(response.session, {response.answer.to.value}, now())) return;
    }
    finish(response.answer.to.value);  // one request a connection
  }
  void pump(handle session) {
    auto const* const known = engine_.find(session);
    if (known == nullptr) return;
    bool const last_words = known->closed();  // there are few; then nobody waits for room
    for (wire const which : {known->main_wire(), known->probe_wire()}) {
      client_peer* const to = which ? find(which.value) : nullptr;
      while (to != nullptr && (to->has_room() || last_words)) {
        auto const item = engine_.poll_transmit(session, which);
        if (!item) break;
        if (item->shut) finish(which.value);
        if (item->shut) break;
        to->write(item->data);
      }
    }
  }
  /// Closes a connection when all is sent, or after a while.
  void finish(std::uint64_t name) {
    client_peer* const one = find(name);
    if (one == nullptr) return;
    one->finish();
    if (one->closed()) return forget(name);
    give_up_later(name, [](client_peer const&) { return true; });
  }
  template <class Condition>
  void give_up_later(std::uint64_t name, Condition condition) {
    world_->after(std::chrono::seconds(30), [self = lifeline_.ref(), name, condition] {
      client_peer* const one = self.get() != nullptr ? self.get()->find(name) : nullptr;
      if (one != nullptr && condition(*one)) self.get()->peers_.erase(name);
    });
  }

  void advance() {
    engine_.advance(now());
    hub_.advance(now());
    turn();
  }

  world* world_;
  clock clock_;
  engineio::server engine_;
  hub::server hub_;
  std::map<std::uint64_t, std::unique_ptr<client_peer>> peers_;
  std::uint64_t names_ = 0;
  hub::lifeline<server> lifeline_;
};

}  // namespace siokit::inline v0::sim
