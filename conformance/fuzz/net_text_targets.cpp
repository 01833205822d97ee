// Texts of peers that the binding reads: addresses that proxies name, cookies, URLs, paths, codings.
#include <algorithm>
#include <set>
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/net/cookie_jar.hpp"
#include "siokit/net/engine_host.hpp"
#include "siokit/net/http_compression.hpp"
#include "siokit/net/http_parser.hpp"
#include "siokit/net/http_response.hpp"
#include "siokit/net/trusted_proxies.hpp"
#include "siokit/net/url.hpp"

namespace fuzz {
namespace {

using namespace siokit;
using namespace std::chrono_literals;

std::vector<std::string_view> split(std::string_view list, char at) {
  std::vector<std::string_view> out(1, list);
  for (auto end = list.find(at); end != list.npos; end = out.back().find(at)) {
    out.push_back(out.back().substr(end + 1));
    out[out.size() - 2] = out[out.size() - 2].substr(0, end);
  }
  return out;
}

bool is_address(std::string_view text) {
  std::error_code failure;
  static_cast<void>(asio::ip::make_address(std::string(text), failure));
  return !failure;
}

/// Behind the client there are proxies alone; he is none, or nobody before him is an address.
void run_proxies(reader& in) {
  net::trusted_proxies proxies;
  bool any = false;
  for (std::size_t count = in.below(4); count > 0; --count) {
    std::string const text = in.text();
    bool const added = proxies.add(text);
    any |= added;
    if (added && is_address(text)) require(proxies.trusts(text), "an address that was added is trusted");
  }
  require(any != proxies.empty(), "what is refused is not added");
  std::string const peer = in.text();
  std::string const forwarded(in.rest());
  std::string_view const client = proxies.client_of(peer, forwarded);
  if (client.data() == peer.data()) {
    std::string_view const last = trimmed(split(forwarded, ',').back());
    require(!proxies.trusts(peer) || !is_address(last), "who is trusted is believed");
    return;
  }
  require(proxies.trusts(peer), "who is not trusted is not believed");
  require(is_address(client), "a client has an address");
  auto const offset = static_cast<std::size_t>(client.data() - forwarded.data());
  require(offset + client.size() <= forwarded.size(), "the address is one of the header");
  auto before = split(std::string_view(forwarded).substr(0, offset), ',');
  auto behind = split(std::string_view(forwarded).substr(offset + client.size()), ',');
  require(trimmed(before.back()).empty() && trimmed(behind.front()).empty(), "all of it");
  before.pop_back();
  behind.erase(behind.begin());
  for (auto const each : behind) require(proxies.trusts(trimmed(each)), "who is behind it is a proxy");
  require(!proxies.trusts(client) || before.empty() || !is_address(trimmed(before.back())),
          "a proxy is a client when nobody else is");
}

/// What can come in the headers of an answer: the parser is what keeps control characters out.
std::vector<std::string> set_cookies(reader& in) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  while (!in.empty()) head.append("Set-Cookie: ").append(in.text()).append("\r\n");
  head += "\r\n";
  net::http_parser parser({.head_bytes_max = 1 << 20}, HTTP_RESPONSE);
  std::span<char const> rest(head);
  auto const step = parser.next(rest);
  std::vector<std::string> out;
  if (!step || step->type != net::http_parser::step::kind::head) return out;
  for (auto const& [name, value] : parser.head().headers) {
    if (same_header_name(name, "Set-Cookie")) out.emplace_back(value);
  }
  return out;
}

void check_cookies(std::string const& header, std::vector<std::string> const& fed) {
  require(is_field_value(header), "a header stays in its line");
  if (header.empty()) return;
  auto const pairs = split(header, ';');
  require(pairs.size() <= net::cookie_jar::cookies_max, "the number of cookies has a limit");
  std::set<std::string_view> names;
  for (std::string_view pair : pairs) {
    pair = trimmed(pair);
    require(pair.size() <= net::cookie_jar::cookie_bytes_max, "their size has a limit");
    auto const equals = pair.find('=');
    require(equals != pair.npos, "a cookie has a name");
    require(names.insert(pair.substr(0, equals)).second, "a name is there once");
    require(
        std::any_of(fed.begin(), fed.end(),
                    [&](std::string const& each) { return each.find(pair.substr(equals + 1)) != each.npos; }),
        "nothing is made up");
  }
}

void run_cookies(reader& in) {
  net::cookie_jar jar;
  time_point now{1s};
  std::size_t const step = in.byte();
  std::int64_t const today = std::int64_t{1} << in.below(40);
  std::size_t const times = 1 + in.below(8);  // with more names than there are cookies in the input
  auto const fed = set_cookies(in);
  for (std::size_t i = 0; i < times; ++i) {
    for (auto const& each : fed) {
      jar.keep(i == 0 ? each : std::to_string(i) + each, now, today);
      now += std::chrono::seconds(step);
    }
    check_cookies(jar.header(now), fed);
  }
  std::string const later = jar.header(now + 400 * 24h);
  for (auto const pair : split(later, ';')) {
    require(jar.header(now).find(trimmed(pair)) != later.npos, "cookies go, and do not come");
  }
  jar.keep("a=" + std::string(net::cookie_jar::cookie_bytes_max, 'x'), now, today);
  check_cookies(jar.header(now), fed);
}

void run_url(std::string_view text) {
  auto const read = net::parse_url(text);
  if (!read) return require(!read.error().empty(), "it is said what is wrong");
  require(!read->host.empty() && read->port != 0 && read->path.starts_with('/'), "a URL is whole");
  for (std::string const* part : {&read->host, &read->path, &read->query, &read->user_info}) {
    bool const added = part == &read->path && *part == "/";
    require(added || text.find(*part) != text.npos, "its parts are in the text");
    require(std::all_of(part->begin(), part->end(), [](char c) { return c > ' ' && c <= '~'; }),
            "they can stand in a request");
  }
  std::string const again = (read->secure ? "wss://" : "ws://") +
                            (read->user_info.empty() ? "" : read->user_info + "@") + read->authority() +
                            read->path + (read->query.empty() ? "" : "?" + read->query);
  auto const back = net::parse_url(again);
  require(back && back->secure == read->secure && back->host == read->host && back->port == read->port &&
              back->path == read->path && back->query == read->query && back->user_info == read->user_info,
          "there and back");
}

void run_route(reader& in) {
  net::impl::route_table routes;
  for (auto const* const each : {"/users", "POST /users", "GET /users/{id}", "/{a}/x/{b}", "PUT /only"}) {
    routes.add(each, [](net::http_request const&, net::http_reply) {});
  }
  std::string const method = in.text();
  std::string const target(in.rest());
  net::http_request request;
  request.target = target;
  auto const found = routes.find(method, request.path());
  require(routes.has(request.path()) == (found.call || !found.allow.empty()), "a path is known or is not");
  request.route = found.route;
  for (auto const* const name : {"id", "a", "b"}) {
    bool const has = found.route.find("{" + std::string(name) + "}") != found.route.npos;
    require(has || request.parameter(name).empty(), "a route has the parameters that it names");
    require(!has || !request.parameter(name).empty(), "they are never empty");
  }
}

void run_coding(std::string_view accept) {
  auto const coding = net::accepted_coding(accept);
  if (!coding) return;
  std::string lower(accept);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  require(lower.find(to_string(*coding)) != lower.npos || lower.find('*') != lower.npos,
          "a coding is one that was named");
}

void run_net_text(std::string_view input) {
  reader in(input);
  switch (in.below(5)) {
    case 0: return run_proxies(in);
    case 1: return run_cookies(in);
    case 2: return run_url(in.rest());
    case 3: return run_route(in);
    default: return run_coding(in.rest());
  }
}

constexpr target all[] = {{"net-text", run_net_text}};

}  // namespace

std::span<target const> net_text_targets() {
  return all;
}

}  // namespace fuzz
