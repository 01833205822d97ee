// See capabilities.hpp.   SPDX-License-Identifier: MIT
#include "capabilities.hpp"

namespace notifier {
namespace {

constexpr char const* item_kinds[] = {"tools", "resources", "prompts"};
constexpr std::size_t description_max = 4096;  // bytes that a user may store with an item

/// The member of an object, an empty object when there is none or it is something else.
json const& member(json const& in, std::string const& name) {
  static json const nothing = json::object();
  auto const found = in.find(name);
  return found != in.end() && found->is_object() ? *found : nothing;
}

bool enabled(json const& item) {
  auto const flag = item.find("enabled");
  return flag == item.end() || !flag->is_boolean() || flag->get<bool>();
}

/// Copies the fields that a user may set.
void keep_fields(json& to, json const& from) {
  auto const keep = [&](char const* name, bool good) {
    if (good) to[name] = from[name];
  };
  keep("enabled", from.contains("enabled") && from["enabled"].is_boolean());
  keep("dangerLevel", from.contains("dangerLevel") && from["dangerLevel"].is_number_integer());
  keep("description", from.contains("description") && from["description"].is_string() &&
                          from["description"].get_ref<std::string const&>().size() <= description_max);
}

}  // namespace

json merged_capabilities(json const& catalogue, json const& permissions, json const& preferences) {
  json out = catalogue;
  for (auto const& [server, its] : out.items()) {
    auto const& allowed = member(permissions, server);
    auto const& wanted = member(preferences, server);
    its["enabled"] = enabled(its) && enabled(allowed) && enabled(wanted);
    for (auto const* const kind : item_kinds) {
      if (!its.contains(kind)) its[kind] = json::object();
      for (auto const& [name, item] : its[kind].items()) {
        item["enabled"] = enabled(item) && enabled(member(member(allowed, kind), name)) &&
                          enabled(member(member(wanted, kind), name));
      }
    }
  }
  return out;
}

json updated_preferences(json const& catalogue, json stored, json const& wanted) {
  for (auto const& [server, its] : wanted.items()) {
    auto const known = catalogue.find(server);
    if (known == catalogue.end() || !its.is_object()) continue;
    keep_fields(stored[server], its);
    for (auto const* const kind : item_kinds) {
      for (auto const& [name, item] : member(its, kind).items()) {
        if (item.is_object() && member(*known, kind).contains(name))
          keep_fields(stored[server][kind][name], item);
      }
    }
  }
  return stored;
}

std::optional<std::string> capabilities_problem(json const& capabilities) {
  if (!capabilities.is_object()) return "servers are an object of objects";
  std::string path;
  auto const problem = [&path](json const& item) -> std::optional<std::string> {
    if (!item.is_object()) return path + " is no object";
    if (item.contains("enabled") && !item["enabled"].is_boolean()) return path + ".enabled is no boolean";
    return std::nullopt;
  };
  for (auto const& [server, its] : capabilities.items()) {
    path = server;
    if (auto found = problem(its)) return found;
    for (auto const* const kind : item_kinds) {
      if (!its.contains(kind)) continue;
      path = server;
      path.append(".").append(kind);
      if (!its[kind].is_object()) return path + " is no object";
      std::string const prefix = path + ".";
      for (auto const& [name, item] : its[kind].items()) {
        path = prefix;
        path += name;
        if (auto found = problem(item)) return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace notifier
