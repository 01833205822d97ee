// siokit/net/shards.hpp - one Socket.IO server on several threads.   SPDX-License-Identifier: MIT
// Each shard is a server with its thread, its io_context and its part of the sockets; the handlers of one
// never run at the same time. All are set up alike, and form a cluster: what is sent to rooms, asked of
// everybody or told to servers reaches the sockets of all. State that they share is the application's to
// lock.
//
//   siokit::shards all(4, {.port = 3000}, [](siokit::server& io) {
//     io.on("say", [](siokit::socket& s, std::string_view text) { s.nsp().emit("said", text); });
//   });
//   all.run();
#pragma once

#include <asio/executor_work_guard.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "siokit/net/shard_bus.hpp"

namespace siokit::inline v0::net {

class shards {
 public:
  static constexpr std::size_t size_max = 256;  ///< the id of a session has one byte for its shard

  /// Makes `count` servers, 1 to size_max, and calls `set_up(server&)` for each of them, on this thread.
  /// Quotas of one address are divided by `count`; what observes or records a server is to be given by
  /// `options_of(shard)`, where each needs its own.
  template <class SetUp>
  shards(std::size_t count, server_options const& options, SetUp&& set_up)
      : shards(
            count, [&](std::size_t) { return options; }, std::forward<SetUp>(set_up)) {}
  template <class OptionsOf, class SetUp>
  requires std::is_invocable_v<OptionsOf&, std::size_t> shards(std::size_t count, OptionsOf&& options_of,
                                                               SetUp&& set_up);
  shards(shards const&) = delete;
  shards& operator=(shards const&) = delete;
  /// Not while run() runs.
  ~shards() = default;

  [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }
  /// From other threads use its post() alone, once run() was called; close() and drain() are to be those of
  /// this class, which end all. Precondition: shard < size().
  [[nodiscard]] server& operator[](std::size_t shard) noexcept { return *servers_[shard]; }
  /// The shard of a server. Precondition: it is one of these.
  [[nodiscard]] std::size_t index_of(server const& io) const noexcept { return io.settings.shard; }

  /// The first one listens for all, also by its own listen() before run(): see there. Error also for what
  /// can't be had on several threads: HTTP/2, connection state recovery, and a cluster of one's own.
  [[nodiscard]] tl::expected<std::string, std::string> listen();
  /// Listens, unless the first one does, and runs all of them, the first one on this thread, until close().
  /// What is thrown out of one io_context closes all, and is thrown here; but std::bad_alloc, by which a
  /// connection ends, is told to on_handler_error() of its server. Throws std::runtime_error when it can't
  /// listen.
  void run();
  /// From any thread: see the same verbs of server.
  void close(duration grace = std::chrono::seconds(5)) {
    for_each([this, grace](server& io) {
      io.close(grace);
      busy_[index_of(io)].reset();  // its thread ends when it has nothing left to do
    });
  }
  /// None closes, nor ends its thread, before all have drained: clients of others may still come to it.
  void drain(duration within, duration grace = std::chrono::seconds(5)) {
    for_each([this, within, grace](server& io) {
      io.begin_drain(within, [this, grace, first = true, last = false]() mutable {  // again, should it throw
        if (std::exchange(first, false)) last = draining_.fetch_sub(1) == 1;
        if (last) close(grace);
      });
    });
  }
  /// From any thread: calls `f(server&)` on the thread of each.
  template <class Callable>
  void for_each(Callable const& f) {
    for (auto const& each : servers_) each->post([io = each.get(), f]() mutable { f(*io); });
  }
  /// Calls `ask(server&)` on the thread of each, and `done(std::vector<Result>)` on that of `asking`, with
  /// the results in the order of the shards. Where one has thrown, which its on_handler_error() is told, or
  /// this throws, for want of memory, `done` is not called; it is destroyed on that thread all the same.
  template <class Ask, class Done>
  void gather(server& asking, Ask const& ask, Done done);

 private:
  using work = asio::executor_work_guard<impl::executor>;

  [[nodiscard]] tl::expected<void, std::string> prepare();
  void run_one(std::size_t shard) noexcept;
  void run_to_end(std::size_t shard) noexcept;
  void end_all() noexcept;

  impl::shard_bus bus_;  // outlives the servers
  std::vector<std::unique_ptr<server>> servers_;
  std::vector<work> busy_;
  std::vector<std::exception_ptr> failures_;  // one for each thread
  std::atomic<std::size_t> running_ = 0;      // servers that have not ended
  std::atomic<std::size_t> draining_;         // those that have not drained
  std::string alone_;                         // an option that wants one shard
};

template <class OptionsOf, class SetUp>
requires std::is_invocable_v<OptionsOf&, std::size_t> shards::shards(std::size_t count,
                                                                     OptionsOf&& options_of, SetUp&& set_up)
    : failures_(count), draining_(count) {
  SIOKIT_ASSERT(count > 0 && count <= size_max);
  auto const part = [count](std::size_t whole) { return whole / count + (whole % count != 0 ? 1 : 0); };
  std::vector<server*> all;
  std::vector<engine_host*> hosts;
  for (std::size_t i = 0; i < count; ++i) {
    server_options options = options_of(i);
    if (count > 1) {
      if (options.http.http2.make != nullptr) alone_ = "http2";
      if (options.connection_state_recovery) alone_ = "connection_state_recovery";
      if (options.cluster != nullptr) alone_ = "cluster";
      options.cluster = &bus_;
    }
    options.shard = static_cast<std::uint8_t>(i);
    options.sessions_per_address_max = part(options.sessions_per_address_max);
    options.http.connections_per_address_max = part(options.http.connections_per_address_max);
    auto const& rate = options.handshake_rate;
    auto const parts = static_cast<double>(count);
    options.handshake_rate = {rate.per_second() / parts, std::max(1.0, rate.burst() / parts)};
    servers_.push_back(std::make_unique<server>(std::move(options)));
    all.push_back(servers_.back().get());
    hosts.push_back(&servers_.back()->host());
    busy_.emplace_back(servers_.back()->context().get_executor());
  }
  bus_.connect(std::move(all));
  if (count > 1) engine_host::share(hosts);
  for (auto const& each : servers_) set_up(*each);
}

inline tl::expected<void, std::string> shards::prepare() {
  if (!alone_.empty()) return tl::unexpected(alone_ + ": it can't be had with several shards");
  for (auto const& each : servers_) {
    if (auto good = each->prepare(); !good) return good;
  }
  return {};
}

inline tl::expected<std::string, std::string> shards::listen() {
  if (auto const good = prepare(); !good) return tl::unexpected(good.error());
  return servers_[0]->listen();
}

/// None ends before all have: others may still send connections and messages, which are to find somebody.
inline void shards::run_one(std::size_t shard) noexcept {
  asio::io_context& context = servers_[shard]->context();
  run_to_end(shard);
  if (running_.fetch_sub(1) == 1) {
    for (auto const& each : servers_) each->context().stop();
    return;
  }
  work const listening(context.get_executor());
  context.restart();
  if (running_ > 0) run_to_end(shard);  // else the last one may have stopped it before this
}

inline void shards::end_all() noexcept {
  try {
    close();
  } catch (...) {  // no memory, not even for that
    for (auto const& each : servers_) each->context().stop();
  }
}

inline void shards::run_to_end(std::size_t shard) noexcept {
  for (bool ended = false; !ended;) {
    try {
      servers_[shard]->context().run();
      ended = true;
    } catch (std::bad_alloc const&) {
      servers_[shard]->report(std::current_exception(), {});
    } catch (...) {
      if (!failures_[shard]) failures_[shard] = std::current_exception();
      end_all();
    }
  }
}

inline void shards::run() {
  if (auto const good = prepare(); !good) throw std::runtime_error(good.error());
  if (!servers_[0]->listening_) {
    if (auto const bound = listen(); !bound) throw std::runtime_error(bound.error());
  }
  std::vector<std::thread> threads;
  threads.reserve(size());
  running_ = size();
  try {
    for (std::size_t i = 1; i < size(); ++i) threads.emplace_back([this, i] { run_one(i); });
  } catch (...) {  // the system has no more threads
    failures_[0] = std::current_exception();
    running_ -= size() - 1 - threads.size();
    end_all();
  }
  run_one(0);
  for (auto& each : threads) each.join();
  for (auto const& failure : failures_) {
    if (failure) std::rethrow_exception(failure);
  }
}

template <class Ask, class Done>
void shards::gather(server& asking, Ask const& ask, Done done) {
  struct piece {
    std::optional<std::invoke_result_t<Ask const&, server&>> answer;
    impl::handler_memory way_home;
  };
  struct collection {
    collection(std::size_t size, Done&& wanted) : pieces(size), missing(size), done(std::move(wanted)) {}

    std::vector<piece> pieces;
    std::size_t missing;
    Done done;
    impl::handler_memory way_home{};

    void finish() {
      std::vector<std::invoke_result_t<Ask const&, server&>> all;
      all.reserve(pieces.size());
      for (piece& each : pieces) {
        if (!each.answer) return;
        all.push_back(std::move(*each.answer));
      }
      done(std::move(all));
    }
  };
  auto found = std::make_shared<collection>(size(), std::move(done));
  // Whatever fails, nothing of it stays where it was: `done` ends on the thread that it belongs to.
  std::exception_ptr failure;
  try {
    for (std::size_t i = 0; i < size(); ++i) {
      servers_[i]->post([this, i, found, ask, home = &asking]() mutable {
        piece& mine = found->pieces[i];
        try {
          mine.answer.emplace(ask(*servers_[i]));
        } catch (...) {
          servers_[i]->report(std::current_exception(), {});
        }
        asio::post(home->context(), mine.way_home.bind([home, all = std::move(found)] {
          if (--all->missing == 0) home->guarded_turn([&] { all->finish(); });
        }));
      });
    }
  } catch (...) {
    failure = std::current_exception();
  }
  impl::handler_memory& way_home = found->way_home;
  asio::post(asking.context(), way_home.bind([all = std::move(found)] {}));
  if (failure) std::rethrow_exception(failure);
}

}  // namespace siokit::inline v0::net

namespace siokit::inline v0 {
using net::shards;
}  // namespace siokit::inline v0
