// See claude.hpp.   SPDX-License-Identifier: MIT
#include "claude.hpp"

#include <sys/stat.h>

#include <cmath>

#include "apps/http_api.hpp"
#include "apps/times.hpp"

namespace studio {
namespace {

constexpr std::size_t prompt_max = 100'000;
constexpr std::size_t word_bytes_max = 128 * 1024 - 1;  // Linux gives a program no longer argument
constexpr std::int64_t timeout_max = 3'600'000,
                       default_timeout = 300'000;  // milliseconds

/// `length` of a string in JavaScript.
std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

std::string const& user_of(socket& s) {
  return s.data<client>().user_id;
}

bool is_directory(std::string const& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

/// A member of a payload, null when it is absent.
json const& member(json const& payload, char const* name) {
  static json const absent;
  auto const found = payload.find(name);
  return found == payload.end() ? absent : *found;
}

/// Reads a member that may be absent. False when it is no text that a command can be given.
bool read_text(json const& payload, char const* name, std::string& out) {
  json const& value = member(payload, name);
  if (value.is_null()) return true;
  if (!value.is_string()) return false;
  out = value.get<std::string>();
  return out.find('\0') == out.npos;
}

/// The same for a whole number from 1 to `most`.
bool read_number(json const& payload, char const* name, std::int64_t most, std::int64_t& out) {
  json const& value = member(payload, name);
  if (value.is_null()) return true;
  if (!value.is_number()) return false;
  auto const given = value.get<double>();
  if (!(given >= 1) || given > static_cast<double>(most) || given != std::floor(given)) return false;
  out = static_cast<std::int64_t>(given);
  return true;
}

/// What is wrong with a payload; empty if nothing is. `out` gets all but id and user.
std::string read_payload(json const& payload, job& out) {
  if (!payload.is_object()) return "Payload must be an object";
  std::string prompt, system_prompt, model;
  std::int64_t max_tokens = 0, timeout = default_timeout;
  if (!read_text(payload, "prompt", prompt) || prompt.empty()) {
    return "prompt is required and must be a text";
  }
  if (utf16_length(prompt) > prompt_max) {
    return "prompt is longer than " + std::to_string(prompt_max) + " characters";
  }
  if (!read_text(payload, "systemPrompt", system_prompt)) return "systemPrompt must be a text";
  if (!read_text(payload, "model", model)) return "model must be a text";
  if (!read_number(payload, "maxTokens", INT32_MAX, max_tokens)) return "maxTokens must be a whole number";
  if (!read_number(payload, "timeoutMs", timeout_max, timeout)) {
    return "timeoutMs must be a whole number from 1 to " + std::to_string(timeout_max);
  }
  bool const folder = read_text(payload, "workingDirectory", out.directory);
  if (!folder || (!out.directory.empty() && !is_directory(out.directory))) {
    return "workingDirectory does not exist";
  }
  out.timeout = std::chrono::milliseconds(timeout);
  auto const add_option = [&out](char const* name, std::string value) {
    if (!value.empty()) out.words.insert(out.words.end(), {name, std::move(value)});
  };
  add_option("--model", model);
  add_option("--max-tokens", max_tokens == 0 ? "" : std::to_string(max_tokens));
  add_option("--system-prompt", system_prompt);
  out.words.push_back(std::move(prompt));
  bool const too_long = std::any_of(out.words.begin(), out.words.end(),
                                    [](std::string const& word) { return word.size() > word_bytes_max; });
  return too_long ? "prompt and systemPrompt may have " + std::to_string(word_bytes_max) + " bytes each"
                  : std::string();
}

/// `code` of a process that did not complete.
std::string_view code_of(process_failure failure) {
  return failure == process_failure::queue_timeout ? "QUEUE_TIMEOUT"
         : failure == process_failure::cancelled   ? "CANCELLED"
                                                   : "EXECUTION_ERROR";
}

json result_of(process const& one) {
  json out{{"id", one.id},
           {"userId", one.user_id},
           {"status", to_string(one.status)},
           {"stdout", one.output},
           {"stderr", one.errors},
           {"exitCode", one.exit_code ? json(*one.exit_code) : json()},
           {"startedAt", apps::iso8601(one.started_at)},
           {"completedAt", apps::iso8601(one.completed_at)},
           {"durationMs", one.completed_at - one.started_at}};
  if (!one.error.empty()) out["error"] = one.error;
  if (json parsed = parsed_response(one.output); !parsed.is_null()) out["parsedResponse"] = std::move(parsed);
  return out;
}

}  // namespace

json number(double value) {
  bool const whole = value == std::floor(value) && std::fabs(value) < 9e15;
  return whole ? json(static_cast<std::int64_t>(value)) : json(value);
}

json parsed_response(std::string_view output) {
  auto const read = apps::read_json(output);
  if (!read || !read->is_object()) return nullptr;
  json const& said = *read;
  auto const either = [](json const& in, char const* name, char const* other) -> json const& {
    return member(in, in.contains(name) ? name : other);
  };
  json const& content = either(said, "content", "result");
  if (!content.is_string()) return nullptr;
  json out{{"content", content}};
  if (json const& usage = member(said, "usage"); usage.is_object()) {
    auto const count = [&](char const* name, char const* other) {
      json const& value = either(usage, name, other);
      return value.is_number() ? value : json(0);
    };
    json const in = count("input_tokens", "inputTokens"), produced = count("output_tokens", "outputTokens");
    json const& total = either(usage, "total_tokens", "totalTokens");
    out["usage"] = {
        {"inputTokens", in},
        {"outputTokens", produced},
        {"totalTokens", total.is_number() ? total : number(in.get<double>() + produced.get<double>())}};
  }
  if (json const& model = member(said, "model"); model.is_string()) out["model"] = model;
  json const& reason = either(said, "stop_reason", "stopReason");
  if (reason.is_string()) out["stopReason"] = reason;
  return out;
}

claude::claude(siokit::server& io, std::vector<std::string> command, process_limits limits,
               std::optional<redis_address> const& redis)
    : io_(io),
      command_(std::move(command)),
      processes_(io.context(), limits, *this),
      limit_(io.context(), redis) {
  io_.on("claude:execute", [this](socket& s, siokit::args const& all, siokit::ack reply) {
    execute(s, argument_of(all), std::move(reply));
  });
  io_.on("claude:status", [this](socket& s, siokit::args const& all, siokit::ack reply) {
    status(s, argument_of(all), std::move(reply));
  });
  io_.on("claude:cancel", [this](socket& s, siokit::args const& all, siokit::ack reply) {
    cancel(s, argument_of(all), std::move(reply));
  });
}

void claude::stop() {
  processes_.stop();
  limit_.stop();
}

// --- What clients ask for

void claude::refuse(request& asked, std::string_view code, std::string_view why, json process_id) {
  json payload{{"code", code}, {"message", why}, {"timestamp", apps::iso8601_now()}};
  if (!process_id.is_null()) payload["processId"] = std::move(process_id);
  asked.from.emit("claude:error", payload);
  asked.reply(json{{"success", false}, {"error", why}});
}

void claude::execute(socket& s, json const& payload, siokit::ack reply) {
  request asked{s.ref(), std::move(reply)};
  job wanted;
  wanted.user_id = user_of(s);
  if (wanted.user_id.empty()) {
    return refuse(asked, "UNAUTHORIZED", "Authentication required to execute Claude commands");
  }
  if (command_.empty()) return refuse(asked, "EXECUTION_ERROR", "No command is configured: see --command");
  wanted.words = command_;
  if (auto const problem = read_payload(payload, wanted); !problem.empty()) {
    return refuse(asked, "INVALID_PAYLOAD", problem);
  }
  if (processes_.full()) return refuse(asked, "EXECUTION_ERROR", "Too many processes are queued");
  std::string const user_id = wanted.user_id;
  limit_.count(user_id, [this, asked = std::move(asked), wanted = std::move(wanted)](bool allowed) mutable {
    io_.in_turn([&] {
      if (allowed) return add(std::move(asked), std::move(wanted));
      refuse(asked, "RATE_LIMIT_EXCEEDED",
             "Rate limit exceeded: " + std::to_string(execute_limit::limit.times) + " requests in " +
                 std::to_string(execute_limit::limit.within.count()) + " seconds");
    });
  });
}

void claude::add(request asked, job wanted) {
  if (processes_.full()) return refuse(asked, "EXECUTION_ERROR", "Too many processes are queued");
  wanted.id = apps::random_hex(16);
  asked.reply(json{{"success", true}, {"processId", wanted.id}});
  told_[wanted.id] = {asked.from};
  processes_.add(std::move(wanted));
}

process const* claude::own_process(request& asked, json const& id, std::string_view what_for) {
  socket* const s = asked.from.get();
  if (user_of(*s).empty()) {
    refuse(asked, "UNAUTHORIZED", "Authentication required to " + std::string(what_for));
    return nullptr;
  }
  if (!id.is_string()) {
    refuse(asked, "INVALID_PAYLOAD", "processId is required and must be a text");
    return nullptr;
  }
  auto const* const found = processes_.find(id.get<std::string>());
  if (found == nullptr) {
    refuse(asked, "PROCESS_NOT_FOUND", "Process not found", id);
  } else if (found->user_id != user_of(*s)) {
    refuse(asked, "UNAUTHORIZED", "Access denied", id);
    return nullptr;
  }
  return found;
}

void claude::status(socket& s, json const& id, siokit::ack reply) {
  request asked{s.ref(), std::move(reply)};
  auto const* const found = own_process(asked, id, "query Claude processes");
  if (found == nullptr) return;
  json answer{{"success", true}, {"status", to_string(found->status)}};
  if (auto const position = processes_.position(found->id)) answer["queuePosition"] = *position;
  asked.reply(answer);
}

void claude::cancel(socket& s, json const& id, siokit::ack reply) {
  request asked{s.ref(), std::move(reply)};
  auto const* const found = own_process(asked, id, "cancel Claude processes");
  if (found == nullptr) return;
  if (found->completed_at != 0) {
    return refuse(asked, "EXECUTION_ERROR",
                  "Process is not running: it is " + std::string(to_string(found->status)), id);
  }
  auto& whom = told_[found->id];
  if (whom.empty() || whom.front().get() != &s) whom.push_back(s.ref());
  processes_.cancel(found->id);
  asked.reply(json{{"success", true}, {"message", "Process cancelled successfully"}});
}

// --- What is told of processes

void claude::tell(process const& one, std::string_view event, json payload) {
  payload["processId"] = one.id;
  payload["timestamp"] = apps::iso8601_now();
  io_.in_turn([&] {
    bool anybody = false;
    for (auto const& each : told_[one.id]) {
      auto* const s = each.get();
      if (s == nullptr || !s->connected() || user_of(*s) != one.user_id) continue;
      s->emit(event, payload);
      anybody = true;
    }
    if (!anybody) io_.to(room_of(one.user_id)).emit(event, payload);
  });
}

void claude::on_queued(process const& one, std::size_t position) {
  tell(one, "claude:queued",
       {{"queuePosition", position}, {"message", "Queue position: " + std::to_string(position)}});
}

void claude::on_started(process const& one) {
  tell(one, "claude:progress", {{"status", to_string(one.status)}, {"message", "Process started"}});
}

void claude::on_output(process const& one, std::string_view text) {
  tell(one, "claude:progress", {{"status", to_string(one.status)}, {"data", text}});
}

void claude::on_stream_error(process const& one, std::string_view why) {
  tell(one, "claude:error", {{"code", "STREAM_ERROR"}, {"message", why}});
}

void claude::on_ended(process const& one) {
  if (one.failure == process_failure::none) {
    tell(one, "claude:complete", {{"result", result_of(one)}});
  } else {
    tell(one, "claude:error", {{"code", code_of(one.failure)}, {"message", one.error}});
  }
  told_.erase(one.id);
}

}  // namespace studio
