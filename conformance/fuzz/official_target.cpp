// The packet parser beside that of the official package, which a child process runs: official_parser.mjs.
// What they may differ in is in docs/fuzzing.md, and in may_differ() below.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/socketio/decoder.hpp"

namespace fuzz {
namespace {

using namespace siokit;
using nlohmann::json;
using packet_frame = std::pair<frame_kind, std::string>;

/// The child process; it ends with this one.
class official_parser {
 public:
  official_parser() {
    int in[2], out[2];
    require(::pipe(in) == 0 && ::pipe(out) == 0, "pipes");
    ::signal(SIGPIPE, SIG_IGN);
    if (::fork() == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      for (int const fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
      ::execlp("node", "node", SIOKIT_OFFICIAL_PARSER, nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }

  json decode(std::vector<packet_frame> const& frames) {
    std::string out(1, static_cast<char>(frames.size()));
    for (auto const& [kind, data] : frames) {
      out += kind == frame_kind::binary ? '\1' : '\0';
      for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(data.size() >> shift);
      out += data;
    }
    write(out);
    std::string const size = read(4);
    std::size_t length = 0;
    for (char const c : size) length = length << 8 | static_cast<unsigned char>(c);
    return json::parse(read(length));
  }

 private:
  // The alarm by which libFuzzer looks at the time may interrupt both.
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto const taken = TEMP_FAILURE_RETRY(::write(to_, bytes.data(), bytes.size()));
      require(taken > 0, "the official parser listens");
      bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
  }
  std::string read(std::size_t size) const {
    std::string all(size, '\0');
    for (std::size_t at = 0; at < size;) {
      auto const got = TEMP_FAILURE_RETRY(::read(from_, all.data() + at, size - at));
      require(got > 0, "the official parser answers: is `npm ci` done in conformance/official?");
      at += static_cast<std::size_t>(got);
    }
    return all;
  }

  int to_ = -1, from_ = -1;
};

/// Attachments in place of what names them, and numbers as JavaScript has them.
json plain(json value, std::span<bytes_view const> attachments) {
  if (value.is_number()) return value.get<double>();
  if (value.is_array()) {
    for (auto& each : value) each = plain(std::move(each), attachments);
  }
  if (!value.is_object()) return value;
  auto const number = value.find("num");
  if (value.value("_placeholder", json()) == json(true) && number != value.end() && !attachments.empty()) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (std::byte const byte : attachments[number->get<std::size_t>()]) {
      (hex += digits[std::to_integer<int>(byte) >> 4]) += digits[std::to_integer<int>(byte) & 15];
    }
    return {{"_bytes", hex}};
  }
  for (auto& each : value) each = plain(std::move(each), attachments);
  return value;
}

/// What is decoded, as JSON; and why it ended, if it did.
std::pair<json, errc> decode(std::vector<packet_frame> const& frames) {
  json out = json::array();
  socketio::decoder decoder;
  for (auto const& [kind, data] : frames) {
    auto const read = decoder.feed({kind, data}, {});
    if (!read) return {out, read.error().code};
    if (!*read) continue;
    socketio::packet_view const& packet = **read;
    int type = static_cast<int>(packet.type);
    if (is_binary(packet.type)) type -= 3;  // as upstream: they are events and acknowledgements then
    json one = {{"type", static_cast<double>(type)}, {"nsp", packet.nsp}};
    if (packet.has_id) one["id"] = static_cast<double>(packet.id);
    if (!packet.data.empty()) one["data"] = plain(json::parse(packet.data), decoder.attachments());
    out.push_back(std::move(one));
  }
  return {out, errc::ok};
}

/// The head of a packet as the protocol has it: type [attachments '-'] [nsp ','] [id], and JSON right behind.
bool has_strict_head(std::string_view text) {
  auto const digits = [&] {
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
  };
  bool const binary = text.starts_with('5') || text.starts_with('6');
  if (text.empty() || text.front() < '0' || text.front() > '6') return false;
  text.remove_prefix(1);
  if (binary) {
    digits();
    if (!text.starts_with('-')) return false;
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) {
    std::size_t const comma = text.find(',');
    if (comma == text.npos) return true;
    text.remove_prefix(comma + 1);
  }
  digits();
  return text.empty() || std::strchr("[{\"", text.front()) != nullptr;
}

/// The list of differences that are meant, for an input that one of them refuses.
bool may_differ(std::vector<packet_frame> const& frames, errc ours) {
  if (ours == errc::ok) return false;
  switch (ours) {
    case errc::ack_id_too_large:     // exact integers only
    case errc::json_too_deep:        // the stack of JavaScript is deeper
    case errc::namespace_too_long:   // no limit there
    case errc::illegal_attachments:  // there a placeholder is looked at while it is filled in
      return true;
    default: break;
  }
  for (auto const& [kind, data] : frames) {
    if (kind == frame_kind::text && !has_strict_head(data)) return true;  // a number of JavaScript
  }
  return false;
}

/// What nlohmann refuses or changes, so that our packets can't be shown: lone surrogates, large numbers, NUL.
bool cannot_be_shown(std::string const& text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    bool const exponent = text[i] == 'e' || text[i] == 'E';
    if (exponent && text[i - 1] >= '0' && text[i - 1] <= '9') return true;
  }
  return text.find("\\ud") != text.npos || text.find("\\uD") != text.npos || text.find('\0') != text.npos ||
         text.size() > 300;
}

void run_official(std::string_view input) {
  static official_parser theirs;
  reader in(input);
  std::vector<packet_frame> frames;
  while (!in.empty() && frames.size() < 20) {
    auto const kind = in.below(4) == 0 ? frame_kind::binary : frame_kind::text;
    std::string text = in.text();
    if (kind == frame_kind::text && (!utf8_valid(text) || cannot_be_shown(text))) return;
    frames.emplace_back(kind, std::move(text));
  }
  auto [ours, failure] = decode(frames);
  json official = theirs.decode(frames);
  bool const refused = !official.empty() && official.back() == "error";
  if (refused) official.erase(official.size() - 1);
  official = plain(std::move(official), {});
  if (may_differ(frames, failure)) return;
  if (refused == (failure != errc::ok) && official == ours) return;
  std::fprintf(stderr, "ours: %s, %s\ntheirs: %s%s\n", ours.dump().c_str(),
               std::string(to_string(failure)).c_str(), official.dump().c_str(), refused ? ", error" : "");
  require(false, "both parsers agree");
}

constexpr target all[] = {{"official", run_official}};

}  // namespace

std::span<target const> official_targets() {
  return all;
}

}  // namespace fuzz
