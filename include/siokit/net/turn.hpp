// siokit/net/turn.hpp - the parts of a loop that reach into its connections.   SPDX-License-Identifier: MIT
// Flush is what corks: within a turn it hands out a few outputs at once, which is all there is when one peer
// asks and is answered, and leaves the rest, such as a broadcast, to a turn that runs after all handlers that
// are ready now. So a burst of input leaves in one gathered write per connection.
#pragma once

#include "siokit/core/on_failure.hpp"
#include "siokit/core/reserve_one.hpp"
#include "siokit/net/connection_http2.hpp"
#include "siokit/net/connection_ready.hpp"
#include "siokit/net/connection_websocket.hpp"
#include "siokit/net/listener.hpp"

namespace siokit::inline v0::net {
namespace impl {

inline loop::loop(asio::io_context& context, engineio::server& engine, host_options options)
    : context_(context),
      engine_(engine),
      options_(std::move(options)),
      timer_(std::in_place, context.get_executor()) {
  if (options_.per_message_deflate) message_compressor_.emplace(*options_.per_message_deflate);
}

inline loop::~loop() = default;

// --- Flush

/// Hands out at most `quota` outputs of the engine now, and asks for a turn for the rest.
inline void loop::flush(std::size_t quota) {
  while (running_) {
    if (quota == 0 && !exchanges_due_) return schedule();
    if (auto out = engine_.poll_response()) {
      deliver(*out);
    } else if (exchanges_due_ = false; !resumed_.empty()) {
      place& next = places_[resumed_.back()];
      resumed_.pop_back();
      next.resumes = false;
      if (ref<connection> const who = next.who) who->attempt([&] { who->resume(); });
    } else if (quota == 0) {
      return schedule();
    } else if (auto const ready = engine_.poll_ready()) {
      transmit(*ready);
    } else if (drain_due_) {
      drain();
    } else {
      return arm_timer();
    }
    if (quota > 0) --quota;
  }
}

inline void loop::deliver(engineio::server_response& out) {
  auto const target = find(out.answer.to.value);
  if (!target || !target->awaits_answer()) return lose_accepted(out);
  try {
    target->attempt([&] { target->answer(out); });
  } catch (std::bad_alloc const&) {
    if (running_ && out.answer.packets > 0) {  // they are lost
      input([&](engineio::server& engine) { engine.close(out.session, now_, true); });
    }
    if (running_ && target->mode_ == connection::mode::http) lose_accepted(out);
    throw;
  }
}

/// The client of a WebSocket handshake is gone, and its session must be told so.
inline void loop::lose_accepted(engineio::server_response const& out) {
  if (!out.accept_wire || !out.initial) return;
  input([&](engineio::server& engine) {
    constexpr wire nobody{UINT64_MAX};
    if (engine.wire_opened(out.session, nobody, now_)) engine.wire_lost(out.session, nobody);
  });
}

inline void loop::transmit(handle session) {
  auto const* known = engine_.find(session);
  if (known == nullptr) return;
  for (wire const which : {known->main_wire(), known->probe_wire()}) {
    if (!running_) return;
    if (auto const target = find(which.value)) target->attempt([&] { target->transmit(); });
  }
}

inline void loop::schedule() noexcept {
  if (std::exchange(scheduled_, true)) return;
  asio::post(context_, schedule_memory_.bind([self = ref<loop>(this)] {
    self->scheduled_ = false;
    self->turn(
        [&self] {
          if (self->closing_due_) self->begin_closing();
        },
        SIZE_MAX);
  }));
}

inline bool loop::resumes(connection const& who) const noexcept {
  return places_[place_of(who.name_)].resumes;
}

/// Should it end meanwhile, who gets its place is asked in vain.
inline void loop::resume_later(connection& who) noexcept {
  std::uint32_t const at = place_of(who.name_);
  if (!running_ || std::exchange(places_[at].resumes, true)) return;
  resumed_.push_back(at);  // there is room for all places
  if (!in_turn_) schedule();
}

inline void loop::pause_reading(bool wanted) noexcept {
  if (std::exchange(reads_nothing_, wanted) == wanted || wanted) return;
  for (auto const& one : places_) {
    if (one.who && std::exchange(one.who->unread_, false)) resume_later(*one.who);
  }
}

// --- Readiness
#ifdef SIOKIT_EPOLL

inline bool loop::watch(stream& socket, std::uint64_t name, std::uint32_t events) {
  if (ready_.watch(socket, place_of(name), events)) return false;
  wait_ready();
  return true;
}

inline void loop::wait_ready() {
  ready_.wait([self = ref<loop>(this)](std::error_code) {
    if (self->running_) self->visit_ready();
  });
}

/// A place may have got another connection meanwhile: that finds nothing to read.
inline void loop::visit_ready() {
  try {
    ready_.visit([this](std::uint32_t at, std::uint32_t events) {
      if (ref<connection> const who = places_[at].who) who->on_ready(events);
    });
  } catch (...) {
    wait_ready();
    throw;
  }
  wait_ready();
}

#endif
// --- Time

inline void loop::arm_timer() {
  if (connections() == 0) cut_at_ = never;
  time_point next = earliest(engine_.next_deadline(), earliest(deadlines_.next_deadline(), cut_at_));
  for (auto const& one : listeners_) next = earliest(next, one->retry_at());
  if (paced_close_) next = earliest(next, paced_close_->next_deadline());
  if (hooks_.on_next_deadline) next = earliest(next, hooks_.on_next_deadline());
  if (!running_ || next == armed_) return;
  // A timer that fires too early finds nothing to do and is armed again: cheaper than moving it each time.
  if (next > armed_ && next != never) return;
  armed_ = never;
  timer_->expires_at(to_steady(next));  // withdraws the earlier wait
  if (next == never) return;
  timer_->async_wait([self = ref<loop>(this)](std::error_code failure) {
    if (failure || !self->running_) return;
    self->armed_ = never;
    self->turn([&self] { self->on_timer(); });
  });
  armed_ = next;
}

inline void loop::on_timer() {
  input([this](engineio::server& engine) { engine.advance(now_); });
  while (running_) {
    auto const at = deadlines_.expire_one(now_);
    if (at == deadline_heap::none) break;
    if (ref<connection> const who = places_[at].who) who->attempt([&] { who->expire(); });
  }
  for (std::size_t i = 0; running_ && i < listeners_.size(); ++i) {
    if (listeners_[i]->retry_at() <= now_) listeners_[i]->wait();
  }
  if (running_ && paced_close_ && paced_close_->next_deadline() <= now_) {
    bool over = false;
    input([&](engineio::server& engine) { over = paced_close_->advance(engine, now_); });
    if (running_ && over) paced_close_->finish();
  }
  if (running_ && cut_at_ <= now_) cut_all();
}

// --- Names

inline std::string_view loop::date() {
  auto const now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (date_.empty() || now != date_of_) {
    date_.clear();
    append_http_date(date_, now);
    date_of_ = now;
  }
  return date_;
}

inline std::uint64_t loop::enlist(ref<connection> who) {
  if (free_.empty()) {
    reserve_one(places_);
    free_.reserve(places_.capacity());  // so that to end needs no memory, nor to be put off
    resumed_.reserve(places_.capacity());
    places_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(places_.size() - 1));
  }
  std::uint32_t const at = free_.back();
  free_.pop_back();
  places_[at].who = std::move(who);
  ++load_;
  return rename(at);
}

inline std::uint64_t loop::rename(std::uint64_t name) noexcept {
  std::uint32_t const at = place_of(name);
  if (++places_[at].generation == 0) places_[at].generation = 1;
  return std::uint64_t{places_[at].generation} << 32 | at;
}

inline void loop::delist(std::uint64_t name) {
  std::uint32_t const at = place_of(name);
  deadlines_.disarm(at);
  free_.push_back(at);
  places_[at].who = {};
  --load_;
}

inline ref<connection> loop::find(std::uint64_t name) const noexcept {
  std::uint32_t const at = place_of(name);
  bool const known = at < places_.size() && places_[at].generation == name >> 32;
  return known ? places_[at].who : ref<connection>{};
}

// --- Beginning and end

inline void loop::open(stream socket, tls_context const& tls, stream_protocol::endpoint const& peer) {
  // To whom has the fewest: if they went in turn, clients that open two each would all stay with one of two.
  loop* chosen = this;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    loop* const each = shards_[(next_shard_ + i) % shards_.size()];
    if (i == 0 || each->load_ < chosen->load_) chosen = each;
  }
  ++next_shard_;
  if (chosen == this) return begin(std::move(socket), tls, peer);
  chosen->invite({.socket = loose_socket(socket), .peer = peer, .settings = tls});
}

inline void loop::begin(stream socket, tls_context const& tls, stream_protocol::endpoint const& peer) {
  ref<connection> const fresh(new connection(*this, std::move(socket)));
  if (fresh->greet(peer)) fresh->start(tls);
}

inline void loop::invite(moved_connection what) {
  // No reference to this loop: they are counted by its own thread.
  ++load_;  // at once, for who accepts many looks at it before this loop does anything
  on_failure lost([this]() noexcept { --load_; });
  asio::post(context_, [this, arriving = std::move(what)]() mutable {
    --load_;
    turn([&] { arrive(arriving); });
  });
  lost.done();
}

inline void loop::arrive(moved_connection& what) {
  if (closing_) return;
  stream socket(context_.get_executor());
  if (what.socket.settle(socket)) return;
  if (!what.http) return begin(std::move(socket), what.settings, what.peer);
  ref<connection> const fresh(new connection(*this, std::move(socket)));
  fresh->arrive(what);
}

inline void loop::adopt(stream socket, std::string read, bool upgraded) {
  refresh_time();
  std::error_code gone;
  auto const peer = socket.remote_endpoint(gone);
  socket.no_delay();
  ref<connection> const fresh(new connection(*this, std::move(socket)));
  if (!gone && fresh->greet(peer)) fresh->start_with(std::move(read), upgraded);
}

inline void loop::close_sessions(duration within, unique_function<void()> done) {
  if (!running_ || closing_ || paced_close_) return;
  paced_close_.emplace(net::now(), within, std::move(done));
  wake();  // at the end of whose turn the timer is set
}

inline void loop::close(duration grace) {
  if (!running_) return;
  closing_ = true;
  for (auto const& one : listeners_) one->close();
  cut_at_ = earliest(cut_at_, later(net::now(), grace));
  closing_due_ = true;
  schedule();
}

/// Ends what can be ended without harm; the rest ends with its next answer, or when its peer has closed.
inline void loop::begin_closing() {
  // NOLINTNEXTLINE(modernize-loop-convert): what a connection does in its end may change the table
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (ref<connection> const who = places_[i].who) who->attempt([&] { who->close_soon(); });
  }
  input([this](engineio::server& engine) {
    for (handle const session : engine.sessions()) engine.close(session, now_, true);
    closing_due_ = false;
  });
}

inline void loop::cut_all() {
  for (std::size_t i = 0; running_ && i < places_.size(); ++i) {
    if (ref<connection> const who = places_[i].who) who->cut();
  }
  cut_at_ = never;
}

/// At once, and from anywhere: no handler that still runs or is still queued will do anything.
inline void loop::stop() noexcept {
  running_ = false;
  for (auto const& one : listeners_) one->close();
  listeners_.clear();
  resumed_.clear();
  free_.clear();
  for (auto& one : std::exchange(places_, {})) {
    if (one.who) one.who->detach();
  }
  ready_.close();
  timer_.reset();
  if (!in_turn_) release_hooks();
}

inline void loop::release_hooks() noexcept {
  hooks_ = {};
  routes_ = {};
  paced_close_.reset();
}

}  // namespace impl

inline http_reply::http_reply(impl::loop& owner, std::uint64_t exchange) noexcept
    : loop_(&owner), exchange_(exchange) {}

inline http_reply::http_reply(http_reply&&) noexcept = default;

inline http_reply::~http_reply() {
  if (!loop_) return;
  try {
    send(500);
  } catch (...) {  // out of memory: the client will have to give up by itself
  }
}

inline bool http_reply::send(std::uint16_t status, std::string_view body, std::vector<owned_header> headers) {
  auto const owner = std::exchange(loop_, {});
  if (!owner || !owner->running()) return false;
  auto const client = owner->find(exchange_);
  if (!client || !client->awaits_answer()) return false;
  owner->refresh_time();
  client->attempt([&] { client->respond(status, body, headers); });
  owner->resume_later(*client);  // in any case there is a deadline to be armed
  return true;
}

inline request_next::request_next(impl::loop& owner, std::uint64_t exchange) noexcept
    : loop_(&owner), exchange_(exchange) {}

inline request_next::request_next(request_next&&) noexcept = default;

inline request_next::~request_next() {
  if (!loop_) return;
  try {
    fail();
  } catch (...) {  // out of memory: the client will have to give up by itself
  }
}

inline void request_next::header(std::string name, std::string value) {
  if (!loop_ || !loop_->running()) return;
  auto const client = loop_->find(exchange_);
  if (client && client->awaits_answer()) client->add_header({std::move(name), std::move(value)});
}

inline void request_next::operator()() {
  decide(true);
}

inline void request_next::fail() {
  decide(false);
}

inline void request_next::decide(bool good) {
  auto const owner = std::exchange(loop_, {});
  if (!owner || !owner->running()) return;
  auto const client = owner->find(exchange_);
  if (client && client->awaits_answer()) client->decide(good);
}

inline bool request_next::answer(plain_answer const& with) {
  auto const owner = std::exchange(loop_, {});
  return owner && owner->running() && owner->make_reply(exchange_).send(with.status, with.body, with.headers);
}

}  // namespace siokit::inline v0::net
