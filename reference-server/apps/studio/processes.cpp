// See processes.hpp.   SPDX-License-Identifier: MIT
#include "processes.hpp"

#include <algorithm>
#include <asio/post.hpp>

#include "apps/times.hpp"

namespace studio {
namespace {

/// How many bytes at the end of `text` are the beginning of a character that goes on behind it.
std::size_t unfinished_tail(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    auto const byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    std::size_t const length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/// How it has ended, with the last line that it had to say about it.
std::string describe(exit_status how, std::string_view errors) {
  constexpr std::size_t line_max = 500;
  std::string out = how.code          ? "Process exited with code " + std::to_string(*how.code)
                    : how.signal != 0 ? "Process was killed by signal " + std::to_string(how.signal)
                                      : "Process ended in an unknown way";
  while (!errors.empty() && errors.back() == '\n') errors.remove_suffix(1);
  if (auto const line = errors.rfind('\n'); line != errors.npos) errors.remove_prefix(line + 1);
  return errors.empty() ? out : out + ": " + std::string(errors.substr(0, line_max));
}

}  // namespace

std::string_view to_string(process_status status) noexcept {
  constexpr std::string_view names[] = {"pending", "queued",  "running",  "completed",
                                        "failed",  "timeout", "cancelled"};
  return names[static_cast<std::size_t>(status)];
}

processes::~processes() {
  for (auto const& one : running_) one->runs.reset();  // which holds on to its entry
  end_orphans();
}

void processes::add(job wanted) {
  auto const one = std::make_shared<entry>(context_.get_executor());
  one->shown.id = wanted.id;
  one->shown.user_id = wanted.user_id;
  one->wanted = std::move(wanted);
  known_[one->shown.id] = one;
  queue_.push_back(one);
  set_clock(one, limits_.queue_timeout, [this, one] {
    std::erase(queue_, one);
    conclude(*one, process_status::timeout, process_failure::queue_timeout,
             "Process waited in the queue for " + std::to_string(limits_.queue_timeout.count()) + " ms");
    advance();
  });
  asio::post(context_, [this] { advance(); });
}

process const* processes::find(std::string const& id) {
  forget_old();
  auto const found = known_.find(id);
  return found == known_.end() ? nullptr : &found->second->shown;
}

std::optional<std::size_t> processes::position(std::string const& id) const {
  auto const found =
      std::find_if(queue_.begin(), queue_.end(), [&id](auto const& each) { return each->shown.id == id; });
  if (found == queue_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - queue_.begin());
}

bool processes::cancel(std::string const& id) {
  auto const found = known_.find(id);
  if (found == known_.end() || found->second->shown.completed_at != 0) return false;
  entry_ptr const one = found->second;
  std::erase(queue_, one);
  conclude(*one, process_status::cancelled, process_failure::cancelled, "Process was cancelled");
  asio::post(context_, [this] { advance(); });
  return true;
}

void processes::stop() {
  stopped_ = true;
  auto all = std::exchange(queue_, {});
  all.insert(all.end(), running_.begin(), running_.end());
  for (auto const& one : all) {
    if (one->shown.completed_at != 0) continue;
    conclude(*one, process_status::cancelled, process_failure::cancelled, "The server is shutting down");
  }
}

/// Starts what may start, and tells the others where they are.
void processes::advance() {
  while (running_.size() < limits_.running_max && !queue_.empty()) {
    entry_ptr const first = queue_.front();
    queue_.pop_front();
    start(first);
  }
  for (std::size_t at = 0; at < queue_.size(); ++at) {
    entry& one = *queue_[at];
    bool const first = one.shown.status == process_status::pending;
    if (first) {
      one.shown.status = process_status::queued;
      observer_.on_queued(one.shown, 0);
    }
    // Those far behind hear of every tenth place: else each start would tell a long queue.
    bool const worth_telling = first || at < 10 || at % 10 == 0;
    if (worth_telling && std::exchange(one.told_position, at) != at) observer_.on_queued(one.shown, at);
  }
}

void processes::start(entry_ptr const& one) {
  child_events events;
  events.on_output = [this, one](std::string_view bytes) { take_output(*one, bytes); };
  events.on_errors = [this, one](std::string_view bytes) { keep(*one, one->shown.errors, bytes); };
  events.on_stream_error = [this, one](std::string const& why) { lose(*one, "Output is lost: " + why); };
  events.on_exit = [this, one](exit_status how) { on_exit(one, how); };
  auto started = child::start(context_, one->wanted.words, one->wanted.directory, std::move(events));
  auto const timeout = one->wanted.timeout;
  one->wanted = {};
  one->shown.started_at = apps::unix_ms();
  if (!started) {
    return conclude(*one, process_status::failed, process_failure::execution, std::move(started.error()));
  }
  one->runs = std::move(*started);
  one->shown.status = process_status::running;
  running_.push_back(one);
  set_clock(one, timeout, [this, one, timeout] {
    conclude(*one, process_status::timeout, process_failure::execution,
             "Process timed out after " + std::to_string(timeout.count()) + " ms");
  });
  observer_.on_started(one->shown);
}

template <class Then>
void processes::set_clock(entry_ptr const& one, std::chrono::milliseconds delay, Then then) {
  one->clock.expires_after(delay);
  auto const due = one->clock.expiry();
  one->clock.async_wait([one, due, then = std::move(then)](std::error_code failure) {
    // It may have been on its way when the clock was set anew, or the process ended.
    if (!failure && one->clock.expiry() == due && one->shown.completed_at == 0) then();
  });
}

void processes::take_output(entry& one, std::string_view bytes) {
  std::size_t const before = one.shown.output.size();
  keep(one, one.shown.output, bytes);
  if (one.shown.completed_at != 0) return;
  std::string text = std::move(one.held);
  text.append(one.shown.output, before);
  std::size_t const whole = text.size() - unfinished_tail(text);
  one.held.assign(text, whole);
  if (whole > 0) observer_.on_output(one.shown, std::string_view(text).substr(0, whole));
}

void processes::keep(entry& one, std::string& to, std::string_view bytes) {
  if (one.shown.completed_at != 0) return;  // it is being ended
  std::size_t const room = limits_.output_max - to.size();
  to += bytes.substr(0, room);
  bool const first = bytes.size() > room && one.shown.error.empty();
  if (first) lose(one, "Output is cut after " + std::to_string(limits_.output_max) + " bytes");
}

void processes::lose(entry& one, std::string const& why) {
  if (one.shown.completed_at != 0) return;
  one.shown.error = why;
  observer_.on_stream_error(one.shown, why);
}

void processes::on_exit(entry_ptr const& one, exit_status how) {
  std::erase(running_, one);
  one->runs.reset();
  if (one->shown.completed_at == 0) {
    one->shown.exit_code = how.code;
    if (!one->held.empty()) observer_.on_output(one->shown, std::exchange(one->held, {}));
    if (how.code == 0) {
      conclude(*one, process_status::completed, process_failure::none, std::move(one->shown.error));
    } else {
      conclude(*one, process_status::failed, process_failure::execution, describe(how, one->shown.errors));
    }
  }
  advance();
}

/// What it has come to; its child, if it still runs, is ended.
void processes::conclude(entry& one, process_status status, process_failure failure, std::string why) {
  one.clock.cancel();
  one.shown.status = status;
  one.shown.failure = failure;
  one.shown.error = std::move(why);
  one.shown.completed_at = apps::unix_ms();
  if (one.runs) one.runs->end();
  observer_.on_ended(one.shown);
  for (auto* const text : {&one.shown.output, &one.shown.errors, &one.held}) std::string().swap(*text);
  one.wanted = {};
  ended_.push_back(known_.at(one.shown.id));
  forget_old();
}

void processes::forget_old() {
  auto const oldest =
      apps::unix_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(limits_.ended_for).count();
  while (!ended_.empty() &&
         (ended_.size() > limits_.ended_max || ended_.front()->shown.completed_at < oldest)) {
    known_.erase(ended_.front()->shown.id);
    ended_.pop_front();
  }
}

}  // namespace studio
