// siokit/net/shard_bus.hpp - what shards tell each other, from thread to thread.
// SPDX-License-Identifier: MIT
// What one turn of a shard has for another is posted to the other's thread at once, so that it leaves there
// in one write as well. A shard that is behind with what it was told makes who tells it more stop reading
// from his clients until it has caught up. What does not come from them, such as timers, goes on.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "siokit/core/on_failure.hpp"
#include "siokit/net/server.hpp"

namespace siokit::inline v0::net::impl {

class shard_bus final : public hub::cluster_bus {
 public:
  /// Of what is on its way to one shard, about, before the others wait: several large messages.
  static constexpr std::size_t bytes_max = 16 * 1024 * 1024;

  /// All servers, in the order in which they have joined. Before any of them runs.
  void connect(std::vector<server*> all) {
    servers_ = std::move(all);
    mail_ = std::vector<mail>(servers_.size());
    for (auto& each : mail_) {
      each.waiting = std::vector<std::atomic<bool>>(servers_.size());
      each.out.resize(servers_.size());
    }
  }

  [[nodiscard]] hub::cluster_node join(hub::server&) override { return joined_++; }
  void leave(hub::cluster_node) noexcept override {}  // all end together
  [[nodiscard]] std::vector<hub::cluster_node> others(hub::cluster_node self) const override {
    std::vector<hub::cluster_node> all;
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      if (node != self) all.push_back(node);
    }
    return all;
  }
  void publish(hub::cluster_node self, hub::cluster_message const& what) override {
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      if (node != self) send(self, node, what);
    }
  }
  bool send(hub::cluster_node self, hub::cluster_node to, hub::cluster_message what) override {
    std::size_t const size = cost_of(what);
    std::size_t const before = mail_[to].bytes.fetch_add(size);  // before it can be given back
    on_failure lost([&]() noexcept { mail_[to].bytes -= size; });
    bundle& out = mail_[self].out[to];
    out.letters.push_back(std::move(what));
    out.bytes += size;
    lost.done();
    if (!mail_[self].posts) {
      servers_[self]->post([this, self] { post_all(self); });
      mail_[self].posts = true;
    }
    if (before + size > bytes_max && !mail_[to].waiting[self].exchange(true)) wait_for(self, to);
    return true;
  }

 private:
  /// What one turn has for another server.
  struct bundle {
    std::vector<hub::cluster_message> letters{};
    std::size_t bytes = 0;
  };
  /// What is on its way to one server.
  struct mail {
    std::atomic<std::size_t> bytes = 0;
    std::vector<std::atomic<bool>> waiting{};  // who reads nothing until there is less of it
    // Of the thread of that server:
    std::vector<bundle> out{};  // for each of the others
    bool posts = false;         // it is about to give them that
    std::size_t received = 0;   // of these bytes, and not yet handled
    std::size_t waits_for = 0;  // servers that it waits for itself
  };

  [[nodiscard]] static std::size_t cost_of(hub::cluster_message const& what) noexcept {
    std::size_t cost = sizeof(what) + what.packet.size() + what.nsp.size();
    for (auto const* list : {&what.to.rooms, &what.to.except, &what.names}) {
      for (auto const& each : *list) cost += sizeof(std::string) + each.size();
    }
    for (auto const& each : what.sockets) cost += sizeof(each) + each.id.size() + 64 * each.rooms.size();
    return cost;
  }

  void post_all(hub::cluster_node self) {
    mail_[self].posts = false;
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      bundle out = std::exchange(mail_[self].out[node], {});
      if (out.letters.empty()) continue;
      on_failure lost([this, node, size = out.bytes]() noexcept { mail_[node].bytes -= size; });
      servers_[node]->post([this, self, node, all = std::move(out)]() mutable {
        note_received(node, all.bytes);
        for (auto& each : all.letters) servers_[node]->receive(self, std::move(each));
      });
      lost.done();
    }
  }

  /// Given back when all that has come by now is being handled.
  void note_received(hub::cluster_node self, std::size_t size) {
    if (std::exchange(mail_[self].received, mail_[self].received + size) > 0) return;
    on_failure lost([this, self]() noexcept { give_back(self); });
    servers_[self]->post([this, self] {
      if (give_back(self) <= bytes_max / 2) release_all(self);
    });
    lost.done();
  }
  /// What is left.
  std::size_t give_back(hub::cluster_node self) noexcept {
    std::size_t const done = std::exchange(mail_[self].received, 0);
    return mail_[self].bytes.fetch_sub(done) - done;
  }

  void wait_for(hub::cluster_node self, hub::cluster_node other) {
    servers_[self]->host().pause_reading(++mail_[self].waits_for > 0);
    if (mail_[other].bytes <= bytes_max / 2) release_all(other);  // it may have caught up meanwhile
  }
  void release_all(hub::cluster_node self) {
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      if (!mail_[self].waiting[node].exchange(false)) continue;
      on_failure lost([this, self, node]() noexcept { mail_[self].waiting[node] = true; });
      servers_[node]->post(
          [this, node] { servers_[node]->host().pause_reading(--mail_[node].waits_for > 0); });
      lost.done();
    }
  }

  std::vector<server*> servers_;
  std::vector<mail> mail_;
  hub::cluster_node joined_ = 0;
};

}  // namespace siokit::inline v0::net::impl
