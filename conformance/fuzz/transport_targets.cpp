// Frames of RFC 6455, its handshake, RFC 7692 and HTTP: cut anywhere, they are the same.
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/net/deflate.hpp"
#include "siokit/net/http_parser.hpp"
#include "siokit/websocket/decoder.hpp"
#include "siokit/websocket/deflate.hpp"
#include "siokit/websocket/handshake.hpp"

namespace fuzz {
namespace {

using namespace siokit;

std::vector<std::string> read_frames(std::string_view bytes, std::size_t step, bool server) {
  std::vector<std::string> out;
  websocket::decoder decoder(server ? websocket::role::server : websocket::role::client,
                             {.message_bytes_max = 2000, .fragments_max = 8});
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view const piece = bytes.substr(at, step);
    std::vector<char> exact(piece.begin(), piece.end());
    for (std::span<char> rest(exact);;) {
      auto const next = decoder.next(rest);
      if (!next) {
        require(next.error().code != errc::ok, "an error has a code");
        out.push_back("error " + std::to_string(static_cast<int>(next.error().code)));
        return out;
      }
      if (!*next) break;
      out.push_back(std::to_string(static_cast<int>((*next)->type)) + std::string((*next)->data));
      if ((*next)->type == websocket::event::kind::message && (*next)->payload == frame_kind::text) {
        require(utf8_valid((*next)->data), "text is UTF-8");
      }
      if ((*next)->type == websocket::event::kind::close) return out;
    }
  }
  return out;
}

void run_frames(std::string_view input) {
  reader in(input);
  std::size_t const how = in.byte();
  std::string_view const bytes = in.rest();
  auto const whole = read_frames(bytes, bytes.size() + 1, (how & 1) != 0);
  auto pieces = read_frames(bytes, 1 + how / 2, (how & 1) != 0);
  bool const failed = !whole.empty() && whole.back().starts_with("error");
  // Text in pieces is refused at its first wrong byte, which may be before something else is wrong.
  if (failed && !pieces.empty() && pieces.back().starts_with("error")) pieces.back() = whole.back();
  require(pieces == whole, "in pieces it is the same");
}

void run_handshake(std::string_view input) {
  std::string const text(input);
  if (auto const read = websocket::read_request(text)) {
    require(!read->key.empty() && !read->target.empty(), "a handshake has a key and a target");
  }
  if (auto const chosen = websocket::choose_deflate(text, {})) {
    require(!chosen->answer.empty(), "what is chosen is said");
    require(chosen->agreed.server_max_window_bits >= 9 && chosen->agreed.server_max_window_bits <= 15,
            "bits in range");
  }
  static_cast<void>(websocket::read_deflate_answer(text));
}

void run_deflate(std::string_view input) {
  reader in(input);
  bool const keep = in.below(2) == 1;
  net::inflater inflate(keep);
  net::deflater deflate(-1, 8, 15, keep);
  net::inflater back(keep);
  while (!in.empty()) {
    std::string const bytes = in.text();
    std::string out, packed, again;
    bool const good = inflate(bytes, out, 10'000).has_value();
    require(out.size() <= 10'000, "no more than was allowed");
    if (!good) inflate = net::inflater(keep);
    deflate(bytes, packed);
    require(back(packed, again, bytes.size()).has_value() && again == bytes, "there and back");
  }
}

std::vector<std::string> read_http(std::string_view bytes, std::size_t step, llhttp_type_t type) {
  std::vector<std::string> out;
  std::string body;
  net::http_parser parser({.request_line_bytes_max = 200, .head_bytes_max = 600, .headers_max = 8}, type);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string const piece(bytes.substr(at, step));
    for (std::span<char const> rest(piece);;) {
      auto const next = parser.next(rest);
      using kind = net::http_parser::step::kind;
      if (!next) return out.push_back("error"), out;
      if (next->type == kind::need_more) break;
      if (next->type == kind::body) body += next->body;
      auto const& head = parser.head();
      if (next->type == kind::head) {
        std::string text(head.method);
        (text += ' ') += head.target;
        for (auto const& field : head.headers) ((text += field.name) += ':') += field.value;
        out.push_back(text);
      }
      if (next->type != kind::complete) continue;
      out.push_back("body " + std::exchange(body, {}));
      if (head.upgrade || !head.keep_alive) return out;
    }
  }
  if (!body.empty()) out.push_back("part " + body);
  return out;
}

void run_http(std::string_view input) {
  reader in(input);
  std::size_t const how = in.byte();
  auto const type = (how & 1) != 0 ? HTTP_RESPONSE : HTTP_REQUEST;
  std::string_view const bytes = in.rest();
  require(read_http(bytes, 1 + how / 2, type) == read_http(bytes, bytes.size() + 1, type),
          "in pieces it is the same");
}

constexpr target all[] = {
    {"frames", run_frames}, {"handshake", run_handshake}, {"deflate", run_deflate}, {"http", run_http}};

}  // namespace

std::span<target const> transport_targets() {
  return all;
}

}  // namespace fuzz
