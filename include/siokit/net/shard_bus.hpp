// siokit/net/shard_bus.hpp - what shards tell each other, from thread to thread.
// SPDX-License-Identifier: MIT
// What one turn of a shard has for another comes to the other's thread as a whole, so that it leaves there in
// one write as well. Who sends asks for the memory; no later step is lost for want of it. A shard that is
// behind with what it was told makes who tells it more stop reading from his clients until it has caught up.
// What does not come from them, such as timers, goes on.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "siokit/net/handler_memory.hpp"
#include "siokit/net/server.hpp"

namespace siokit::inline v0::net::impl {

class shard_bus final : public hub::cluster_bus {
 public:
  shard_bus() = default;
  shard_bus(shard_bus const&) = delete;
  shard_bus& operator=(shard_bus const&) = delete;
  /// No server is left.
  ~shard_bus() override {
    for (mail& each : mail_) {  // while there are all of them, for postage goes back to others
      each.out.clear();
      for (bundle* list : {each.come.load(), each.unread}) {
        while (list != nullptr) delete std::exchange(list, list->next);
      }
    }
  }

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
  /// All end together, one after the other, and nobody runs any more.
  void leave(hub::cluster_node self) noexcept override {
    if (self < servers_.size()) servers_[self] = nullptr;
  }
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
    if (servers_[to] == nullptr) return false;
    std::unique_ptr<bundle>& out = mail_[self].out[to];
    if (!out) out = std::make_unique<bundle>(self, postage(*this, to));
    std::size_t const size = cost_of(what);
    out->letters.push_back(std::move(what));
    out->cost.add(size);
    if (!std::exchange(mail_[self].posts, true)) {
      asio::post(context_of(self), mail_[self].post_memory.bind([this, self] { post_all(self); }));
    }
    if (mail_[to].bytes > bytes_max && !mail_[to].waiting[self].exchange(true)) wait_for(self, to);
    return true;
  }

 private:
  /// The share of one bundle in the bytes that are on their way to a server, given back when it has taken it.
  class postage {
   public:
    postage(shard_bus& bus, hub::cluster_node to) noexcept : bus_(&bus), to_(to) {}
    postage(postage&& other) noexcept
        : bus_(other.bus_), to_(other.to_), size_(std::exchange(other.size_, 0)) {}
    postage& operator=(postage&&) = delete;
    ~postage() {
      if (size_ > 0) bus_->give_back(to_, size_);
    }
    void add(std::size_t size) noexcept {
      size_ += size;
      bus_->mail_[to_].bytes += size;
    }

   private:
    shard_bus* bus_;
    hub::cluster_node to_;
    std::size_t size_ = 0;
  };
  /// What one turn has for another server.
  struct bundle {
    bundle(hub::cluster_node sender, postage paid) noexcept : from(sender), cost(std::move(paid)) {}

    hub::cluster_node from;
    postage cost;
    std::vector<hub::cluster_message> letters{};
    std::size_t read = 0;  // of them
    bundle* next = nullptr;
  };
  /// What is on its way to one server. A step that is posted at most once at a time has memory of its own.
  struct mail {
    std::atomic<std::size_t> bytes = 0;
    std::atomic<bundle*> come = nullptr;       // the last one first
    std::vector<std::atomic<bool>> waiting{};  // who reads nothing until there is less of it
    std::atomic<bool> fetches = false;         // it is about to take what has come
    std::atomic<bool> looks = false;           // it is about to look whether it still has to wait
    handler_memory fetch_memory{}, look_memory{};
    // Of the thread of that server:
    bundle* unread = nullptr;                    // the first one first
    std::vector<std::unique_ptr<bundle>> out{};  // for each of the others
    bool posts = false;                          // it is about to give them that
    handler_memory post_memory{};
  };

  [[nodiscard]] static std::size_t cost_of(hub::cluster_message const& what) noexcept {
    std::size_t cost = sizeof(what) + what.packet.size() + what.nsp.size();
    for (auto const* list : {&what.to.rooms, &what.to.except, &what.names}) {
      for (auto const& each : *list) cost += sizeof(std::string) + each.size();
    }
    for (auto const& each : what.sockets) cost += sizeof(each) + each.id.size() + 64 * each.rooms.size();
    return cost;
  }
  [[nodiscard]] asio::io_context& context_of(hub::cluster_node node) noexcept {
    return servers_[node]->context();
  }

  void post_all(hub::cluster_node self) noexcept {
    mail_[self].posts = false;
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      bundle* const fresh = mail_[self].out[node].release();
      if (fresh == nullptr) continue;
      auto& come = mail_[node].come;
      fresh->next = come;
      while (!come.compare_exchange_weak(fresh->next, fresh)) {
      }
      fetch_later(node);
    }
  }
  void fetch_later(hub::cluster_node self) noexcept {
    if (mail_[self].fetches.exchange(true)) return;
    asio::post(context_of(self), mail_[self].fetch_memory.bind([this, self] { fetch(self); }));
  }
  void fetch(hub::cluster_node self) noexcept {
    mail_[self].fetches = false;  // who has more from here on says so again
    bundle* fresh = nullptr;      // in the order in which they came
    for (bundle* each = mail_[self].come.exchange(nullptr); each != nullptr;) {
      bundle* const before = std::exchange(each->next, fresh);
      fresh = std::exchange(each, before);
    }
    bundle** end = &mail_[self].unread;
    while (*end != nullptr) end = &(*end)->next;
    *end = fresh;
    servers_[self]->guarded_turn([&] { read(self); });
    if (mail_[self].unread != nullptr) fetch_later(self);  // without memory for it: others may give some back
  }
  void read(hub::cluster_node self) {
    for (bundle*& first = mail_[self].unread; first != nullptr;) {
      for (; first->read < first->letters.size(); ++first->read) {
        servers_[self]->receive(first->from, std::move(first->letters[first->read]));
      }
      delete std::exchange(first, first->next);
    }
  }

  // Who is to wait has said so before he looks at the bytes again, and who gives bytes back looks afterwards
  // for who waits: so one of the two notices.

  void wait_for(hub::cluster_node self, hub::cluster_node other) noexcept {
    if (mail_[other].bytes <= bytes_max / 2) mail_[other].waiting[self] = false;  // it has caught up
    look(self);
  }
  void give_back(hub::cluster_node self, std::size_t size) noexcept {
    if (mail_[self].bytes.fetch_sub(size) - size > bytes_max / 2) return;
    for (hub::cluster_node node = 0; node < servers_.size(); ++node) {
      if (!mail_[self].waiting[node].exchange(false) || servers_[node] == nullptr) continue;
      if (mail_[node].looks.exchange(true)) continue;
      asio::post(context_of(node), mail_[node].look_memory.bind([this, node] {
        mail_[node].looks = false;  // at once: who waits no more from here on wants another look
        look(node);
      }));
    }
  }
  void look(hub::cluster_node self) noexcept {
    bool const waits = std::any_of(mail_.begin(), mail_.end(),
                                   [self](mail const& each) { return each.waiting[self].load(); });
    servers_[self]->host().pause_reading(waits);
  }

  std::vector<server*> servers_;
  std::vector<mail> mail_;
  hub::cluster_node joined_ = 0;
};

}  // namespace siokit::inline v0::net::impl
