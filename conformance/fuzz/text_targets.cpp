// UTF-8, base64, JSON, and the small texts of HTTP: against something simpler that knows the answer.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/core/base64.hpp"
#include "siokit/core/json_scan.hpp"
#include "siokit/core/utf8.hpp"
#include "siokit/engineio/jsonp.hpp"
#include "siokit/engineio/open_packet.hpp"
#include "siokit/engineio/query.hpp"
#include "siokit/socketio/args.hpp"
#include "siokit/socketio/auth.hpp"

namespace fuzz {
namespace {

using namespace siokit;

/// Table 3-7 of the Unicode standard, as it stands there.
bool valid_utf8_by_table(std::string_view text) {
  struct row {
    unsigned first_low, first_high, second_low, second_high;
    std::size_t size;
  };
  static constexpr row table[] = {
      {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
      {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
      {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  auto const at = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
  for (std::size_t i = 0; i < text.size();) {
    auto const* const found = std::find_if(std::begin(table), std::end(table), [&](row const& r) {
      return at(i) >= r.first_low && at(i) <= r.first_high;
    });
    if (found == std::end(table) || i + found->size > text.size()) return false;
    if (found->size > 1 && (at(i + 1) < found->second_low || at(i + 1) > found->second_high)) return false;
    for (std::size_t k = 2; k < found->size; ++k) {
      if (at(i + k) < 0x80 || at(i + k) > 0xBF) return false;
    }
    i += found->size;
  }
  return true;
}

void run_utf8(std::string_view input) {
  reader in(input);
  std::size_t const cut = in.byte();
  std::string const text(in.rest());
  bool const valid = valid_utf8_by_table(text);
  require(utf8_valid(text) == valid, "utf8_valid agrees with the table");
  utf8_stream pieces;
  bool good = true;
  for (std::size_t at = 0; at < text.size(); at += 1 + cut % 17) {
    good = pieces.feed(std::string_view(text).substr(at, 1 + cut % 17)) && good;
  }
  require((good && pieces.complete()) == valid, "in pieces it is the same");
  require(utf8_valid(utf8_scrubbed(text)), "what is scrubbed is valid");
  require(!valid || utf8_scrubbed(text) == text, "what is valid stays");
  if (!valid) return;
  std::size_t const units = utf16_size(text);
  require(utf16_prefix(text, units) == text.size(), "all units are all bytes");
  require(!utf16_prefix(text, units + 1), "there are no more units");
}

void run_base64(std::string_view input) {
  std::string const bytes(input);
  std::vector<char> text(base64_encoded_size(bytes.size()));
  require(base64_encode(bytes, text.data()) == text.size(), "the size is as said");
  std::vector<char> back(text.size());
  back.resize(base64_decode({text.data(), text.size()}, back.data()));
  require(std::string_view(back.data(), back.size()) == bytes, "there and back");
  std::vector<char> any(bytes.begin(), bytes.end());
  require(base64_decode({any.data(), any.size()}, any.data()) <= any.size(), "any text, in place");
}

/// Whether nlohmann refuses a text for a number beyond its own, not for how it is written.
bool only_too_large(std::string const& text) {
  try {
    return nlohmann::json::parse(text).is_discarded();  // never: who refuses throws
  } catch (nlohmann::json::out_of_range const&) {
    return true;
  } catch (nlohmann::json::exception const&) {
    return false;
  }
}

/// It takes a byte order mark, and what follows a NUL, for nothing; and lone surrogates for no text.
bool may_differ(std::string const& text, bool theirs) {
  if (theirs) return text.starts_with("\xEF\xBB\xBF") || text.find('\0') != text.npos;
  return text.find("\\ud") != text.npos || text.find("\\uD") != text.npos || only_too_large(text);
}

void run_json(std::string_view input) {
  std::string const text(input);
  if (!utf8_valid(text)) return;
  auto const scanned = scan_json(text);
  if (!scanned) require(scanned.error().offset <= text.size(), "an error lies within the text");
  if (scanned || scanned.error().code != errc::json_too_deep) {
    bool const theirs = nlohmann::json::accept(text);
    require(theirs == scanned.has_value() || may_differ(text, theirs), "nlohmann agrees");
  }
  for (std::size_t at = 0; at < text.size(); at = std::max(at + 1, json_skip(text, at))) {
    static_cast<void>(json_kind_at(std::string_view(text).substr(at)));
  }
  if (!scanned || scanned->kind != json_kind::array) return;
  auto const tree = nlohmann::json::parse(text, nullptr, false);
  if (tree.is_discarded()) return;
  require(scanned->count == tree.size(), "as many elements");
  socketio::args const all(text, scanned->count);
  for (std::size_t i = 0; i < tree.size(); ++i) {
    auto const raw = all.raw(i);
    require(raw && nlohmann::json::parse(*raw, nullptr, false) == tree[i], "each element is where it is");
    auto const real = all.get<double>(i);
    require(!real || tree[i].is_number(), "a number is a number");
    auto const integer = all.get<std::int64_t>(i);
    require(!integer || !tree[i].is_number_integer() || tree[i] == *integer, "an integer is that integer");
    auto const string = all.get<std::string>(i);
    require(!string || tree[i] == *string, "a string is that string");
  }
  require(!all.raw(tree.size()), "there are no more elements");
}

void run_http_texts(std::string_view input) {
  reader in(input);
  std::string const name = in.text();
  std::string const text(in.rest());
  engineio::query_view const query(text);
  static_cast<void>(query.find(name));
  auto const back = engineio::percent_decode(engineio::percent_encode(text), engineio::plus::itself);
  require(back == text || !utf8_valid(text), "there and back");
  static_cast<void>(engineio::percent_decode(text));
  if (auto const payload = engineio::jsonp_payload(text)) static_cast<void>(payload->size());
  static_cast<void>(engineio::jsonp_script(engineio::jsonp_head(name), text));
  static_cast<void>(engineio::decode_open_packet(text));
  static_cast<void>(socketio::count_auth_members(text, json_depth_default));
}

constexpr target all[] = {
    {"utf8", run_utf8}, {"base64", run_base64}, {"json", run_json}, {"http-texts", run_http_texts}};

}  // namespace

std::span<target const> text_targets() {
  return all;
}

}  // namespace fuzz
