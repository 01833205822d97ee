// Engine.IO payloads of every form, Socket.IO packets of every parser: what was read is written, and read.
#include <vector>

#include "fuzz/target.hpp"
#include "siokit/engineio/payload.hpp"
#include "siokit/engineio/webtransport.hpp"
#include "siokit/socketio/args.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"
#include "siokit/socketio/msgpack_parser.hpp"

namespace fuzz {
namespace {

using namespace siokit;
using engineio::payload_form;

using packets = std::vector<std::pair<frame_kind, std::string>>;

packets read_payload(std::string body, payload_form form) {
  packets out;
  std::vector<char> exact(body.begin(), body.end());
  for (engineio::payload_reader reader({exact.data(), exact.size()}, form); !reader.done();) {
    auto const next = reader.next();
    if (!next) break;
    bool const message = next->type == engineio::packet_type::message;
    std::string text =
        next->data.kind == frame_kind::text ? std::to_string(static_cast<int>(next->type)) : "";
    if (form == payload_form::separated && text.empty()) require(message, "only messages are binary");
    out.emplace_back(next->data.kind, text + std::string(next->data.data));
  }
  return out;
}

void run_payload(std::string_view input) {
  reader in(input);
  auto const form = static_cast<payload_form>(in.below(3));
  packets const read = read_payload(std::string(in.rest()), form);
  if (form != payload_form::separated)
    return;  // writing those of revision 3 wants the type of binary packets
  std::string again;
  for (auto const& [kind, data] : read) engineio::append_packet(again, {kind, data});
  require(again.empty() || read_payload(again, form) == read, "there and back");
}

void run_webtransport(std::string_view input) {
  reader in(input);
  std::size_t const step = 1 + in.byte();
  std::string const bytes(in.rest());
  auto const read = [&](std::size_t size) {
    packets out;
    engineio::webtransport_decoder decoder(1000);
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      std::string const piece = bytes.substr(at, size);
      std::string_view rest = piece;
      for (;;) {
        auto const next = decoder.next(rest);
        if (!next) return out.emplace_back(frame_kind::text, "error"), out;
        if (!*next) break;
        out.emplace_back((*next)->kind, std::string((*next)->data));
      }
    }
    return out;
  };
  require(read(step) == read(bytes.size() + 1), "in pieces it is the same");
}

/// Reads everything there is to read of a packet.
void use(socketio::packet_view const& packet, std::span<bytes_view const> attachments) {
  socketio::args const all(packet, attachments);
  auto const kept = all.own();
  require(kept.view().size() == all.size(), "what is kept has the same arguments");
  for (std::size_t i = 0; i < all.size() + 1; ++i) {
    static_cast<void>(all.get<int>(i));
    static_cast<void>(all.get<double>(i));
    static_cast<void>(all.get<bool>(i));
    static_cast<void>(all.get<std::string>(i));
    static_cast<void>(all.get<std::string_view>(i));
    static_cast<void>(all.get<bytes_view>(i));
    auto const raw = all.raw(i);
    require(raw.has_value() == (i < all.size()), "as many as it says");
    require(!raw || *raw == *kept.view().raw(i), "what is kept is the same");
  }
  if (!is_event(packet.type) || packet.name_raw().empty()) return;
  auto const again = socketio::encode_event("/again", std::nullopt, "again", all);
  require(again.has_value(), "what was received can be sent");
  socketio::decoder decoder;
  int count = 0;
  for (auto walk = again->packets(); !walk.done();) {
    frame part = walk.next();
    if (part.kind == frame_kind::text) part.data.remove_prefix(1);
    auto const read = decoder.feed(part, {});
    require(read.has_value(), "what is sent can be received");
    if (!*read) continue;
    ++count;
    socketio::args const back(**read, decoder.attachments());
    require(back.size() == all.size(), "with as many arguments");
  }
  require(count == 1, "in one packet");
}

void feed_packets(std::string_view input, socketio::parser const* by) {
  reader in(input);
  socketio::decoder decoder;
  socketio::decoder_limits const limits{.attachment_bytes_max = 200};
  while (!in.empty()) {
    bool const binary = in.below(4) == 0;
    std::string const text = in.text();
    if (!binary && !utf8_valid(text)) continue;  // no transport lets that pass
    auto const read = decoder.feed({binary ? frame_kind::binary : frame_kind::text, text}, limits, by);
    if (read && *read) use(**read, decoder.attachments());
  }
}

void run_packets(std::string_view input) {
  feed_packets(input, nullptr);
}

void run_packet(std::string_view input) {
  std::string const text(input);
  if (!utf8_valid(text)) return;
  socketio::decoder decoder;
  auto const read = decoder.feed({frame_kind::text, text}, {});
  if (read && *read) use(**read, decoder.attachments());
}

void run_msgpack(std::string_view input) {
  static socketio::msgpack_parser const parser;
  std::string const bytes(input);
  socketio::decoder decoder;
  auto const read = decoder.feed({frame_kind::binary, bytes}, {}, &parser);
  if (read && *read) use(**read, decoder.attachments());
}

constexpr target all[] = {{"payload", run_payload},
                          {"webtransport", run_webtransport},
                          {"packet", run_packet},
                          {"packets", run_packets},
                          {"msgpack", run_msgpack}};

}  // namespace

std::span<target const> packet_targets() {
  return all;
}

}  // namespace fuzz
