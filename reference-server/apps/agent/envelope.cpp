// See envelope.hpp.   SPDX-License-Identifier: MIT
#include "envelope.hpp"

#include <algorithm>

#include "apps/times.hpp"

namespace agent {
namespace {

/// Attachments of a packet: neither HTTP nor a broker could carry them in JSON.
bool holds_bytes(json const& value) {
  if (!value.is_structured()) return value.is_binary();
  return std::any_of(value.begin(), value.end(), holds_bytes);
}

std::string must_be_text(std::string const& name, std::size_t most) {
  return name + " must be a text of 1 to " + std::to_string(most) + " bytes";
}

bool absent_or_text(json const& in, char const* name) {
  return !in.contains(name) || text_member(in, name) != nullptr;
}

}  // namespace

std::string const* text_member(json const& in, char const* name, std::size_t most) {
  auto const found = in.is_object() ? in.find(name) : in.end();
  if (found == in.end() || !found->is_string()) return nullptr;
  auto const& text = found->get_ref<std::string const&>();
  return text.empty() || text.size() > most ? nullptr : &text;
}

std::optional<std::string> event_problem(json const& event) {
  if (!event.is_object()) return "an event must be an object: {id, type, source: {id}, timestamp}";
  if (text_member(event, "id") == nullptr) return must_be_text("id", id_bytes_max);
  if (text_member(event, "type", type_bytes_max) == nullptr) return must_be_text("type", type_bytes_max);
  if (text_member(event.value("source", json()), "id") == nullptr)
    return must_be_text("source.id", id_bytes_max);
  auto const* const timestamp = text_member(event, "timestamp");
  if (timestamp == nullptr || !apps::read_iso8601(*timestamp)) {
    return "timestamp must be a time of ISO 8601, such as 2025-10-28T22:45:00.000Z";
  }
  for (auto const* const name : {"thredId", "patternId"}) {
    if (!absent_or_text(event, name)) return must_be_text(name, id_bytes_max) + ", or be absent";
  }
  if (holds_bytes(event)) return "an event must be JSON: it can't have binary data";
  return std::nullopt;
}

std::optional<std::string> addresses_problem(json const& to) {
  if (!to.is_array() || to.empty() || to.size() > addresses_max) {
    return "to must be a list of 1 to " + std::to_string(addresses_max) +
           " addresses {participantId, sessionId?, nodeId?}";
  }
  for (auto const& each : to) {
    if (text_member(each, "participantId") == nullptr) {
      return must_be_text("participantId of an address", id_bytes_max);
    }
    for (auto const* const name : {"sessionId", "nodeId"}) {
      bool const null = each.value(name, json()).is_null();  // as some serializers write what is absent
      if (!null && text_member(each, name, session_bytes_max) == nullptr)
        return must_be_text(std::string(name) + " of an address", session_bytes_max);
    }
  }
  return std::nullopt;
}

std::optional<std::string> message_problem(json const& message) {
  if (!message.is_object()) return "a message must be an object: {event, to, data?}";
  if (auto const problem = event_problem(message.value("event", json()))) return "event: " + *problem;
  return addresses_problem(message.value("to", json()));
}

json refusal_of(json const& event, std::string_view code, std::string_view message) {
  json out{{"code", code}, {"message", message}};
  if (auto const* const id = text_member(event, "id")) out["eventId"] = *id;
  return out;
}

bool fits(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0, t = 0, star = pattern.npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != pattern.npos) {  // the last star takes one byte more
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

}  // namespace agent
