// The parser vectors of conformance/vectors.json: inputs with the answers of the official parsers.
// A frame is {text} or {hex}; inside data {"$bin": hex} is binary. Cases marked `quirk` may be refused.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "siokit/engineio/payload.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"

namespace vectors_test {

using namespace siokit;
using nlohmann::json;

json const& vectors() {
  static json const all = [] {
    std::ifstream file(SIOKIT_VECTORS);
    return json::parse(file);
  }();
  return all;
}

std::string from_hex(std::string const& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return out;
}
std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (char const c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

struct owned_frame {
  frame_kind kind;
  std::string data;
  friend bool operator==(owned_frame const&, owned_frame const&) = default;
};
owned_frame frame_of(json const& in) {
  if (in.contains("text")) return {frame_kind::text, in["text"].get<std::string>()};
  return {frame_kind::binary, from_hex(in["hex"].get<std::string>())};
}

// Engine.IO.

json engine_packet(engineio::packet const& in) {
  constexpr std::array names{"open", "close", "ping", "pong", "message", "upgrade", "noop"};
  json out{{"type", names[static_cast<std::size_t>(in.type)]}};
  if (in.data.kind == frame_kind::binary) {
    out["data"] = {{"$bin", to_hex(in.data.data)}};
  } else if (!in.data.data.empty()) {
    out["data"] = std::string(in.data.data);
  }
  return out;
}

std::vector<json> read_payload(std::string body) {
  std::vector<json> out;
  for (engineio::payload_reader reader(body); !reader.done();) {
    auto const packet = reader.next();
    out.push_back(packet ? engine_packet(*packet) : json{{"type", "error"}, {"data", "parser error"}});
  }
  return out;
}

TEST(vectors, engineio_packets) {
  int count = 0;
  for (auto const& each : vectors()["engine_io_v4"]["packet"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    auto const wire = frame_of(each["wire"]);
    ++count;
    // Text with 'b' is the form of payloads, and of clients without binary frames.
    if (wire.kind == frame_kind::text && wire.data.starts_with('b')) {
      EXPECT_EQ(read_payload(wire.data), std::vector<json>{each["packet"]});
      std::string body;
      engineio::append_packet(body, {frame_kind::binary, from_hex(each["packet"]["data"]["$bin"])});
      EXPECT_EQ(body, wire.data);
      continue;
    }
    auto const decoded = engineio::decode_packet({wire.kind, wire.data});
    ASSERT_TRUE(decoded);
    EXPECT_EQ(engine_packet(*decoded), each["packet"]);
    if (wire.kind == frame_kind::binary) continue;
    auto const encoded = engineio::encode_packet(decoded->type, decoded->data.data);
    EXPECT_EQ(encoded.packets().next().data, wire.data);
  }
  EXPECT_EQ(count, 37);
}

TEST(vectors, engineio_payloads_and_errors) {
  for (auto const& each : vectors()["engine_io_v4"]["payload"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    EXPECT_EQ(read_payload(frame_of(each["wire"]).data), each["packets"].get<std::vector<json>>());
  }
  for (auto const& each : vectors()["engine_io_v4"]["errors"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    auto const wire = frame_of(each["wire"]);
    if (each["unit"] == "payload") {
      EXPECT_EQ(read_payload(wire.data), each["expect"].get<std::vector<json>>());
    } else {
      EXPECT_FALSE(engineio::decode_packet({wire.kind, wire.data}));
    }
  }
}

// Socket.IO.

/// Puts {"$bin": hex} where placeholders stand.
void fill_in(json& value, std::span<bytes_view const> attachments) {
  if (value.is_object() && value.value("_placeholder", false)) {
    value = {{"$bin", to_hex(as_text(attachments[value["num"].get<std::size_t>()]))}};
  } else if (value.is_structured()) {
    for (auto& element : value) fill_in(element, attachments);
  }
}

/// The other way round: collects binary data, depth first, in the order of keys.
void take_out(nlohmann::ordered_json& value, std::vector<std::string>& parts) {
  if (value.is_object() && value.contains("$bin")) {
    parts.push_back(from_hex(value["$bin"].get<std::string>()));
    value = {{"_placeholder", true}, {"num", parts.size() - 1}};
  } else if (value.is_structured()) {
    for (auto& element : value) take_out(element, parts);
  }
}

json socket_packet(socketio::packet_view const& in, std::span<bytes_view const> attachments) {
  int type = static_cast<int>(in.type);
  json out{{"type", type > 4 ? type - 3 : type}, {"nsp", in.nsp}};
  if (in.has_id) out["id"] = in.id;
  if (!in.data.empty()) {
    out["data"] = json::parse(in.data);
    if (in.attachments > 0) fill_in(out["data"], attachments);
  }
  return out;
}

/// Feeds frames; returns the packets, or null when one is refused.
json decode_all(json const& wire, socketio::decoder_limits const& limits = {}) {
  socketio::decoder decoder;
  json out = json::array();
  for (auto const& step : wire) {
    if (step.contains("reset")) {
      decoder.reset();
      continue;
    }
    auto const in = frame_of(step);
    auto const packet = decoder.feed({in.kind, in.data}, limits);
    if (!packet) return nullptr;
    if (*packet) out.push_back(socket_packet(**packet, decoder.attachments()));
  }
  return out;
}

std::vector<owned_frame> frames_of(message const& item) {
  std::vector<owned_frame> out;
  for (auto packets = item.packets(); !packets.done();) {
    auto const each = packets.next();
    bool const text = each.kind == frame_kind::text;
    out.push_back({each.kind, std::string(text ? each.data.substr(1) : each.data)});
  }
  return out;
}

/// Nullopt: a kind of packet that a server never sends.
std::optional<result<message>> encode(std::string const& text) {
  auto packet = nlohmann::ordered_json::parse(text);
  std::vector<std::string> parts;
  if (packet.contains("data")) take_out(packet["data"], parts);
  std::vector<bytes_view> views;
  for (auto const& part : parts) views.push_back(as_bytes(part));
  std::string const nsp = packet["nsp"];
  auto const arguments = [&](std::size_t skip, std::string& kept) {
    auto rest = packet["data"];
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(skip));
    kept = rest.dump();
    return socketio::args(kept, static_cast<std::uint32_t>(rest.size()), views);
  };
  std::optional<std::uint64_t> id;
  if (packet.contains("id")) id = packet["id"].get<std::uint64_t>();
  std::string kept;
  switch (packet["type"].get<int>()) {
    case 1: return socketio::encode_disconnect(nsp);
    case 2:
      if (!packet["data"][0].is_string()) return std::nullopt;
      return socketio::encode_event(nsp, id, packet["data"][0].get<std::string>(), arguments(1, kept));
    case 3: return socketio::encode_ack(nsp, *id, arguments(0, kept));
    case 4: {
      if (!packet["data"].is_object()) return std::nullopt;
      auto const more = packet["data"].contains("data") ? packet["data"]["data"].dump() : "";
      return socketio::encode_connect_error(nsp, packet["data"]["message"].get<std::string>(), more);
    }
    default: return std::nullopt;
  }
}

TEST(vectors, socketio_packets_both_ways) {
  int encoded = 0;
  for (auto const& each : vectors()["socket_io_v5"]["packet"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    EXPECT_EQ(decode_all(each["wire"]), json::array({each["packet"]}));
    // The order of keys counts here, so the text is read again without losing it.
    std::ifstream file(SIOKIT_VECTORS);
    static auto const ordered = nlohmann::ordered_json::parse(file);
    auto const& all = ordered["socket_io_v5"]["packet"];
    for (auto const& same : all) {
      if (same["id"] != each["id"].get<std::string>()) continue;
      auto const out = encode(same["packet"].dump());
      if (!out) continue;
      ASSERT_TRUE(*out);
      std::vector<owned_frame> expected;
      for (auto const& wire : each["wire"]) expected.push_back(frame_of(wire));
      EXPECT_EQ(frames_of(**out), expected);
      ++encoded;
    }
  }
  EXPECT_GT(encoded, 20);
}

TEST(vectors, socketio_decoding) {
  for (auto const& each : vectors()["socket_io_v5"]["decode_only"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    json const out = decode_all(each["wire"]);
    if (each.value("quirk", false) && out.is_null()) continue;
    EXPECT_EQ(out, each["expect"]);
  }
  for (auto const& each : vectors()["socket_io_v5"]["stream"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    EXPECT_EQ(decode_all(each["steps"]), each["expect"]);
  }
}

TEST(vectors, socketio_errors) {
  int count = 0;
  for (auto const& each : vectors()["socket_io_v5"]["errors"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    socketio::decoder_limits limits;
    if (each.contains("options"))
      limits.max_attachments = each["options"]["maxAttachments"].get<std::uint8_t>();
    EXPECT_TRUE(decode_all(each["wire"], limits).is_null());
    ++count;
  }
  EXPECT_EQ(count, 47);
}

TEST(vectors, socketio_packets_are_valid_or_not) {
  for (auto const& each : vectors()["socket_io_v5"]["packet_valid"]) {
    SCOPED_TRACE(each["id"].get<std::string>());
    auto const& packet = each["packet"];
    if (packet.contains("id") && !packet["id"].is_number()) continue;  // such an id can't be written
    std::string text = packet["type"].dump() + packet["nsp"].get<std::string>() + ",";
    if (packet.contains("id")) text += packet["id"].dump();
    if (packet.contains("data")) text += packet["data"].dump();
    EXPECT_EQ(socketio::decode_packet(text, {}).has_value(), each["expect"].get<bool>()) << text;
  }
}

}  // namespace vectors_test
