// See redis.hpp.   SPDX-License-Identifier: MIT
#include "redis.hpp"

#include <hiredis/async.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/basic_waitable_timer.hpp>
#include <asio/ip/basic_resolver.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <charconv>
#include <deque>

namespace studio {
namespace {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    unsigned value = 0;
    char const* const digits = text.data() + i + 1;
    if (std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

template <class Number>
bool digits_of(std::string_view text, Number& out) {
  auto const [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc() && end == text.data() + text.size();
}

using redis_executor = asio::io_context::executor_type;
using steady = std::chrono::steady_clock;

}  // namespace

std::optional<redis_address> redis_address::read(std::string_view url) {
  constexpr std::string_view scheme = "redis://";
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  redis_address out;
  if (auto const slash = url.find('/'); slash != url.npos) {
    auto const database = url.substr(slash + 1);
    if (!database.empty() && !digits_of(database, out.database)) return std::nullopt;
    url = url.substr(0, slash);
  }
  if (auto const at = url.rfind('@'); at != url.npos) {
    auto const who = url.substr(0, at);
    auto const colon = who.find(':');
    if (colon == who.npos) return std::nullopt;
    auto const user = percent_decoded(who.substr(0, colon)), word = percent_decoded(who.substr(colon + 1));
    if (!user || !word) return std::nullopt;
    out.user = *user;
    out.password = *word;
    url.remove_prefix(at + 1);
  }
  bool const bracketed = url.starts_with('[');
  auto const colon = url.rfind(':');
  auto const bracket = url.rfind(']');
  if (colon != url.npos && (!bracketed || colon == bracket + 1)) {
    if (!digits_of(url.substr(colon + 1), out.port)) return std::nullopt;
    url = url.substr(0, colon);
  }
  if (bracketed && (bracket == url.npos || bracket + 1 != url.size())) return std::nullopt;
  out.host = bracketed ? url.substr(1, url.size() - 2) : url;
  return out.host.empty() || out.port == 0 ? std::nullopt : std::optional(out);
}

/// One after another: hiredis makes a context for each attempt, and frees it itself when that is over.
struct redis::connection : std::enable_shared_from_this<connection> {
  connection(asio::io_context& at, redis_address to)
      : address(std::move(to)),
        shown(address.host + ":" + std::to_string(address.port)),
        socket(at.get_executor()),
        retry(at.get_executor()),
        late(at.get_executor()),
        resolver(at.get_executor()) {}

  // Coming and going.
  void open();
  void connect(std::string const& ip);
  void greet();
  void close();
  void lost(std::string const& why);

  // Commands.
  void send(std::vector<std::string> const& words, answer_handler then);
  void answered(redisReply const* reply);
  void watch_deadline();

  // What hiredis wants of an event loop.
  static connection& of(void* data) { return *static_cast<connection*>(data); }
  void want(bool& wanted, bool& waits, asio::posix::descriptor_base::wait_type what,
            void (*handle)(redisAsyncContext*));
  void wait(bool& wanted, bool& waits, asio::posix::descriptor_base::wait_type what,
            void (*handle)(redisAsyncContext*));
  void attach();
  void detach();

  struct pending {
    steady::time_point due;
    answer_handler then;
  };

  redis_address const address;
  std::string const shown;
  redisAsyncContext* context = nullptr;  // null between attempts
  asio::posix::basic_stream_descriptor<redis_executor> socket;
  asio::basic_waitable_timer<steady, asio::wait_traits<steady>, redis_executor> retry, late;
  asio::ip::basic_resolver<asio::ip::tcp, redis_executor> resolver;
  std::deque<pending> unanswered;  // in the order in which they were sent
  std::chrono::milliseconds backoff = backoff_min;
  std::size_t attempts = 0;
  bool wants_read = false, waits_read = false, wants_write = false, waits_write = false;
  bool away = false;  // and that was said
  bool stopped = false;
};

void redis::connection::open() {
  std::error_code no_address;
  asio::ip::make_address(address.host, no_address);
  if (!no_address) return connect(address.host);
  resolver.async_resolve(address.host, std::to_string(address.port),
                         [self = shared_from_this()](std::error_code failure, auto const& found) {
                           if (self->stopped) return;
                           if (failure) return self->lost(failure.message());
                           // Each attempt takes the next of its addresses.
                           auto at = found.begin();
                           std::advance(at, self->attempts++ % found.size());
                           self->connect(at->endpoint().address().to_string());
                         });
}

void redis::connection::connect(std::string const& ip) {
  auto* const made = redisAsyncConnect(ip.c_str(), address.port);
  if (made == nullptr || made->err != 0) {
    std::string const why = made == nullptr ? "no memory" : made->errstr;
    if (made != nullptr) redisAsyncFree(made);
    return lost(why);
  }
  context = made;
  attach();
  greet();
}

/// What comes before all others. It also finds out whether there is somebody.
void redis::connection::greet() {
  auto const ignore = [](std::optional<long long>) {};  // what is wrong is logged, and the last one fails too
  if (!address.password.empty()) {
    address.user.empty() ? send({"AUTH", address.password}, ignore)
                         : send({"AUTH", address.user, address.password}, ignore);
  }
  if (address.database != 0) send({"SELECT", std::to_string(address.database)}, ignore);
  // An integer is the one answer that says: we are served.
  send({"EXISTS", "ws:claude:ratelimit:"}, [this](std::optional<long long> served) {
    if (!served) return close();
    if (std::exchange(away, false)) spdlog::info("redis {} is back", shown);
    backoff = backoff_min;
  });
}

void redis::connection::close() {
  if (context != nullptr) redisAsyncFree(context);
}

void redis::connection::lost(std::string const& why) {
  if (stopped) return;
  if (!std::exchange(away, true)) spdlog::warn("redis {} is away: {}", shown, why);
  retry.expires_after(backoff);
  backoff = std::min(backoff * 2, backoff_max);
  retry.async_wait([self = shared_from_this()](std::error_code failure) {
    if (!failure && !self->stopped) self->open();
  });
}

void redis::connection::send(std::vector<std::string> const& words, answer_handler then) {
  std::vector<char const*> texts;
  std::vector<std::size_t> sizes;
  texts.reserve(words.size());
  sizes.reserve(words.size());
  for (auto const& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  auto const on_reply = [](redisAsyncContext*, void* reply, void* self) {
    of(self).answered(static_cast<redisReply const*>(reply));
  };
  bool const sent = context != nullptr && unanswered.size() < pending_max &&
                    redisAsyncCommandArgv(context, on_reply, this, static_cast<int>(words.size()),
                                          texts.data(), sizes.data()) == REDIS_OK;
  if (!sent) return then(std::nullopt);
  unanswered.push_back({steady::now() + deadline, std::move(then)});
  if (unanswered.size() == 1) watch_deadline();
}

/// `reply`: null when the connection ends without one.
void redis::connection::answered(redisReply const* reply) {
  auto then = std::move(unanswered.front().then);
  unanswered.pop_front();
  unanswered.empty() ? static_cast<void>(late.cancel()) : watch_deadline();
  if (reply != nullptr && reply->type == REDIS_REPLY_ERROR) {
    spdlog::warn("redis {}: {}", shown, std::string_view(reply->str, reply->len));
  }
  bool const number = reply != nullptr && reply->type == REDIS_REPLY_INTEGER;
  then(number ? std::optional(reply->integer) : std::nullopt);
}

/// Who does not answer the oldest in time is given up: all are told at once.
void redis::connection::watch_deadline() {
  late.expires_at(unanswered.front().due);
  late.async_wait([self = shared_from_this()](std::error_code failure) {
    if (failure || self->unanswered.empty() || self->unanswered.front().due > steady::now()) return;
    if (!std::exchange(self->away, true)) spdlog::warn("redis {} is away: no answer in time", self->shown);
    self->close();
  });
}

void redis::connection::want(bool& wanted, bool& waits, asio::posix::descriptor_base::wait_type what,
                             void (*handle)(redisAsyncContext*)) {
  wanted = true;
  if (!waits) wait(wanted, waits, what, handle);
}

void redis::connection::wait(bool& wanted, bool& waits, asio::posix::descriptor_base::wait_type what,
                             void (*handle)(redisAsyncContext*)) {
  waits = true;
  socket.async_wait(what, [self = shared_from_this(), at = context, &wanted, &waits, what,
                           handle](std::error_code failure) {
    if (failure || self->context != at) return;  // of a connection that is gone
    waits = false;
    if (!wanted) return;
    handle(at);
    if (self->context == at && wanted && !waits) self->wait(wanted, waits, what, handle);
  });
}

void redis::connection::attach() {
  socket.assign(context->c.fd);
  wants_read = waits_read = wants_write = waits_write = false;
  auto& ev = context->ev;
  ev.data = this;
  ev.addRead = [](void* self) {
    auto& me = of(self);
    me.want(me.wants_read, me.waits_read, asio::posix::descriptor_base::wait_read, redisAsyncHandleRead);
  };
  ev.delRead = [](void* self) { of(self).wants_read = false; };
  ev.addWrite = [](void* self) {
    auto& me = of(self);
    me.want(me.wants_write, me.waits_write, asio::posix::descriptor_base::wait_write, redisAsyncHandleWrite);
  };
  ev.delWrite = [](void* self) { of(self).wants_write = false; };
  ev.cleanup = [](void* self) { of(self).detach(); };
}

/// hiredis is about to close the descriptor, and to free the context, whatever
/// the reason.
void redis::connection::detach() {
  std::string const why = context->errstr != nullptr && *context->errstr != '\0' ? context->errstr : "closed";
  socket.release();
  context = nullptr;
  lost(why);
}

redis::redis(asio::io_context& context, redis_address address)
    : connection_(std::make_shared<connection>(context, std::move(address))) {
  connection_->open();
}

redis::~redis() {
  stop();
}

void redis::send(std::vector<std::string> const& words, answer_handler then) {
  connection_->send(words, std::move(then));
}

void redis::stop() {
  connection_->stopped = true;
  connection_->retry.cancel();
  connection_->late.cancel();
  connection_->resolver.cancel();
  connection_->close();
}

}  // namespace studio
