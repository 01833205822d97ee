// See embedded_engine.hpp.   SPDX-License-Identifier: MIT
#include "embedded_engine.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "apps/http_api.hpp"
#include "envelope.hpp"

namespace agent {
namespace {

constexpr std::string_view the_source = "{source.id}";

/// A rule without `to`, and an engine without rules, answer the source.
json to_source() {
  return json::array({{{"participantId", the_source}}});
}

tl::expected<rule, std::string> read_rule(json const& from) {
  constexpr std::string_view known[] = {"type", "patternId", "to", "data"};
  if (!from.is_object()) return tl::unexpected(std::string("a rule is an object"));
  for (auto const& [name, value] : from.items()) {
    if (std::find(std::begin(known), std::end(known), name) != std::end(known)) continue;
    return tl::unexpected("a rule has no " + name);
  }
  auto const* const type = text_member(from, "type", type_bytes_max);
  if (type == nullptr) return tl::unexpected(std::string("type must be a text, such as user.*"));
  rule out{{}, *type, from.value("to", to_source()), from.value("data", json())};
  if (from.contains("patternId")) {
    auto const* const id = text_member(from, "patternId");
    if (id == nullptr) return tl::unexpected(std::string("patternId must be a text"));
    out.pattern_id = *id;
  }
  if (out.to.is_object()) out.to = json::array({out.to});
  if (auto problem = addresses_problem(out.to)) return tl::unexpected(std::move(*problem));
  return out;
}

bool is_for(rule const& one, json const& event) {
  auto const* const wanted = text_member(event, "patternId");
  return (wanted == nullptr || one.pattern_id.empty() || *wanted == one.pattern_id) &&
         fits(one.type, event["type"].get_ref<std::string const&>());
}

json message_by(rule const& one, json const& event) {
  json out{{"event", event}, {"to", one.to}};
  for (auto& each : out["to"]) {
    if (each["participantId"] == the_source) each["participantId"] = event["source"]["id"];
  }
  if (!one.data.is_null()) out["data"] = one.data;
  return out;
}

}  // namespace

tl::expected<std::vector<rule>, std::string> read_rules(std::string const& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!(text << file.rdbuf())) return tl::unexpected(path + " cannot be read");
  auto const list = apps::read_json(text.str());
  if (!list || !list->is_array()) return tl::unexpected(path + " is no JSON list");
  std::vector<rule> out;
  out.reserve(list->size());
  auto const wrong = [&](std::string const& why) {
    return tl::unexpected(path + ": rule " + std::to_string(out.size() + 1) + ": " + why);
  };
  for (auto const& each : *list) {
    auto one = read_rule(each);
    if (!one) return wrong(one.error());
    out.push_back(std::move(*one));
  }
  return out;
}

embedded_engine::embedded_engine(std::optional<std::vector<rule>> rules, message_handler then)
    : rules_(rules ? std::move(*rules) : std::vector{rule{{}, "*", to_source(), nullptr}}),
      then_(std::move(then)) {}

bool embedded_engine::take(json const& event) {
  for (auto const& each : rules_) {
    if (is_for(each, event)) then_(message_by(each, event));
  }
  return true;
}

json embedded_engine::state() const {
  return {{"kind", "embedded"}, {"connected", true}, {"pending", 0}};
}

}  // namespace agent
