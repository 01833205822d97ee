// siokit/sim/client.hpp - a client program in a simulated world.   SPDX-License-Identifier: MIT
// A host of hub::client on simulated connections: one for each WebSocket, and one for each request. Register
// handlers on io(); its end is the sudden death of the process.
#pragma once

#include <charconv>
#include <map>
#include <memory>

#include "siokit/hub/client.hpp"
#include "siokit/sim/clock.hpp"
#include "siokit/sim/peer.hpp"

namespace siokit::inline v0::sim {

class client {
 public:
  /// A new connection to the server, null when there is none to be had.
  using connector = unique_function<ref<connection>()>;

  /// `in` and `config` outlive it.
  client(world& in, socketio::client_config const& config, connector connect)
      : world_(&in),
        clock_(in, [this] { advance(); }),
        connect_(std::move(connect)),
        hub_(config, in.random().next()),
        lifeline_(*this) {
    hub_.on_wake([this] {
      clock_.ring_at(now());
      return now();
    });
  }
  client(client const&) = delete;
  client& operator=(client const&) = delete;
  /// No handler is called any more; the server finds the connections closed.
  ~client() {
    hub_.abandon();
    peers_.clear();
  }

  [[nodiscard]] hub::client& io() noexcept { return hub_; }
  /// Its own clock, which may be ahead of the world's.
  [[nodiscard]] time_point now() const noexcept { return clock_.now(); }
  /// Its clock jumps: it learns of the time when it is woken next, as a laptop does.
  void jump(duration by) { clock_.jump(by); }
  /// Whether it reads what comes.
  void read(bool wanted) {
    reads_ = wanted;
    for (auto const& [name, each] : peers_) {
      if (each->line() != nullptr) each->line()->read(connection::end::client, wanted);
    }
  }
  /// Its connections, for faults.
  template <class Visit>
  void for_each_connection(Visit&& visit) {
    for (auto const& [name, each] : peers_) {
      if (each->line() != nullptr) visit(*each->line());
    }
  }
  [[nodiscard]] std::size_t connections() const noexcept { return peers_.size(); }

 private:
  /// A WebSocket, or a request.
  class server_peer final : public peer {
   public:
    server_peer(client& owner, std::uint64_t name, ref<connection> by, bool request)
        : peer(std::move(by), connection::end::client), owner_(&owner), name_(name), request_(request) {}

   private:
    void on_envelope(envelope in) override {
      auto& session = owner_->hub_.session();
      if (request_) {
        close();
        owner_->forget(name_);
        std::uint16_t status = 0;
        std::from_chars(in.head.data(), in.head.data() + in.head.size(), status);
        static_cast<void>(session.response_received({name_}, status, in.body, owner_->now()));
      } else if (in.head == "101") {
        become_websocket();
        session.wire_opened({name_}, owner_->now());
      } else {
        close();
        on_lost({errc::websocket_error, side::remote, 0});
      }
      owner_->turn();
    }
    void on_message(frame const& in) override {
      static_cast<void>(owner_->hub_.session().receive({name_}, in, owner_->now()));
      owner_->turn();
    }
    void on_sent() override { owner_->turn(); }
    void on_lost(error why) override {
      owner_->forget(name_);
      owner_->fail(name_, request_, why);
      owner_->turn();
    }

    client* owner_;
    std::uint64_t name_;
    bool request_;
  };
  static constexpr auto answer_patience = std::chrono::seconds(10);
  static constexpr auto post_patience = std::chrono::seconds(30);

  void fail(std::uint64_t name, bool request, error why) {
    if (request) return hub_.session().request_failed({name}, why);
    hub_.session().wire_lost({name}, why);
  }
  [[nodiscard]] server_peer* find(std::uint64_t name) const noexcept {
    auto const known = peers_.find(name);
    return known == peers_.end() ? nullptr : known->second.get();
  }
  /// A peer is destroyed when none of its functions runs.
  void forget(std::uint64_t name) { forget_at(world_->now(), name); }
  void forget_at(time_point when, std::uint64_t name) {
    world_->at(when, [self = lifeline_.ref(), name] {
      if (self.get() != nullptr) self.get()->peers_.erase(name);
    });
  }

  /// A GET is answered when the server wants; a POST is not to take for ever.
  void give_up_later(std::uint64_t name) {
    world_->after(post_patience, [self = lifeline_.ref(), name] {
      client* const owner = self.get();
      if (owner == nullptr || owner->peers_.erase(name) == 0) return;
      owner->fail(name, true, {});
      owner->turn();
    });
  }

  /// All that follows from an input.
  void turn() {
    for (bool again = true; again;) {
      hub_.drain(now());
      again = false;
      for (auto const& [name, each] : peers_) {
        while (each->is_websocket() && !each->closed() && each->has_room()) {
          auto const item = hub_.session().poll_transmit({name});
          if (!item) break;
          each->write(*item, static_cast<std::uint32_t>(world_->random().next()));
          again = true;
        }
      }
      while (auto action = hub_.session().poll_action()) {
        carry_out(*action);
        again = true;
      }
    }
    clock_.ring_at(hub_.next_deadline());
  }
  void carry_out(engineio::client_action const& action) {
    using kind = engineio::client_action::kind;
    std::uint64_t const name = action.on ? action.on.value : action.request.value;
    switch (action.type) {
      case kind::open_wire: return open(name, "WEBSOCKET " + action.target, {}, false);
      case kind::get: return open(name, "GET " + action.target, {}, true);
      case kind::post: {
        open(name, "POST " + action.target, action.body, true);
        return give_up_later(name);
      }
      case kind::leave: return forget_at(later(world_->now(), answer_patience), name);
      case kind::shut_wire:
      case kind::abort: break;
    }
    server_peer* const one = find(name);
    if (one == nullptr) return;
    action.type == kind::shut_wire ? one->finish() : one->close();
    forget_at(later(world_->now(), one->closed() ? duration{} : answer_patience), name);
  }
  void open(std::uint64_t name, std::string const& head, std::string_view body, bool request) {
    auto by = connect_();
    if (!by) {
      return world_->after(std::chrono::milliseconds(5), [self = lifeline_.ref(), name, request] {
        if (self.get() == nullptr) return;
        self.get()->fail(name, request, {});
        self.get()->turn();
      });
    }
    by->read(connection::end::client, reads_);
    auto const made =
        peers_.emplace(name, std::make_unique<server_peer>(*this, name, std::move(by), request));
    made.first->second->write(to_bytes(head, body));
  }

  void advance() {
    hub_.advance(now());
    turn();
  }

  world* world_;
  clock clock_;
  connector connect_;
  hub::client hub_;
  std::map<std::uint64_t, std::unique_ptr<server_peer>> peers_;
  bool reads_ = true;
  hub::lifeline<client> lifeline_;
};

}  // namespace siokit::inline v0::sim
