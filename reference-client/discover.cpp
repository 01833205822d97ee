// siokit-client discover: which servers run on this machine.   SPDX-License-Identifier: MIT
// Looks at the files of those in the background, then at ports 8765 to 8785. The first one that is compatible
// is the one to be used.
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "verbs/http_get.hpp"
#include "verbs/pid_file.hpp"

namespace {

using nlohmann::json;

struct found_server {
  std::string url;
  json version;  ///< what /version says; null without
  bool compatible = true;
};

constexpr std::chrono::milliseconds patience{1000};

/// What a server says at a path: null when it says nothing, or no JSON.
json said(siokit::net::url const& at, std::string_view path, std::string const& body = {}) {
  auto const answer = verbs::http_get(at, path, patience, body);
  if (!answer || answer->status != 200) return nullptr;
  auto out = json::parse(answer->body, nullptr, false);
  return out.is_object() ? out : json();
}

/// A server that says how it is. Who asks for a version wants one that says it is compatible.
std::optional<found_server> look_at(std::string const& url, std::string const& client_version) {
  auto at = siokit::net::parse_url(url);
  if (!at) return std::nullopt;
  if (at->host == "0.0.0.0" || at->host == "::") at->host = "127.0.0.1";  // it listens everywhere
  found_server out{url, said(*at, "/version")};
  if (out.version.is_null() && said(*at, "/health").is_null()) return std::nullopt;
  if (!client_version.empty()) {
    auto const verdict = said(*at, "/compatibility", json{{"client_version", client_version}}.dump());
    out.compatible = verdict.is_object() && verdict.value("compatible", json(false)) == json(true);
  }
  return out;
}

std::string text(json const& in, char const* name) {
  auto const member = in.is_object() ? in.find(name) : in.end();
  return member != in.end() && member->is_string() ? member->get<std::string>() : "-";
}

}  // namespace

int run_discover(settings const& s) {
  std::vector<std::string> urls;
  for (auto const& each : verbs::running_servers()) urls.push_back(each.url);
  for (unsigned port = 8765; port <= 8785; ++port) {
    std::string const end = ":" + std::to_string(port);
    bool const known =
        std::any_of(urls.begin(), urls.end(), [&](auto const& url) { return url.ends_with(end); });
    if (!known) urls.push_back("http://127.0.0.1" + end);
  }
  bool chosen = false;
  for (auto const& url : urls) {
    auto const server = look_at(url, s.client_version);
    if (!server) continue;
    bool const this_one = server->compatible && !std::exchange(chosen, chosen || server->compatible);
    auto const version = text(server->version, "server_version"), id = text(server->version, "server_id");
    if (s.json) {
      print(json{{"url", url},
                 {"server_version", version},
                 {"server_id", id},
                 {"compatible", server->compatible},
                 {"chosen", this_one}}
                .dump());
    } else {
      std::string line(this_one ? "* " : "  ");
      line.append(url).append("  version ").append(version).append("  id ").append(id);
      if (!server->compatible) line.append("  not compatible with ").append(s.client_version);
      print(line);
    }
  }
  if (!chosen) complain("no server that can be used");
  return chosen ? exit_done : exit_failed;
}
