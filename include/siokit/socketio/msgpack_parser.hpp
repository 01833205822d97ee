// siokit/socketio/msgpack_parser.hpp - packets as MessagePack.   SPDX-License-Identifier: MIT
// The form of the npm package socket.io-msgpack-parser, version 3: a packet is one binary Engine.IO message,
// a map {type: 0 to 4, data, nsp, id}; binary data stands where it belongs. In, out: see parser.hpp. Borrows
// binary data, allocates for the rest.
#pragma once

#include <algorithm>

#include "siokit/core/msgpack_json.hpp"
#include "siokit/socketio/parser.hpp"
#include "siokit/socketio/placeholder.hpp"

namespace siokit::inline v0::socketio {

class msgpack_parser final : public parser {
 public:
  /// `attachments_max`: of binary values in one packet of a peer. They cost little on the wire, so that
  /// decoder_limits::max_attachments, which counts messages, would refuse what the official package takes.
  explicit msgpack_parser(std::size_t attachments_max = 4096) noexcept : attachments_max_(attachments_max) {}

  /// Errors, remote: unexpected_text, those of msgpack_to_json(), unknown_packet_type, invalid_payload.
  [[nodiscard]] result<standard_packet> decode(frame const& in, decoder_limits const& limits) const override;

  /// Errors, local: those of decode_packet(), for what raw_json made of a packet; too_many_attachments above
  /// 255; attachments_too_large.
  [[nodiscard]] result<message> encode(message const& packet) const override;

 private:
  using kind = msgpack_token::kind;

  /// The members that count, as they were last given.
  struct members {
    std::uint64_t type = UINT64_MAX;
    std::string_view nsp{};
    std::string_view data{};  // a whole value, empty when there is none
    std::uint64_t id = 0;
    bool has_id = false;
  };
  [[nodiscard]] static result<members> read(std::string_view in);

  /// An attachment that several placeholders name is written for each of them. Where arguments of a peer are
  /// sent on, he chooses how many: a packet may not become longer than so many times what it was.
  static constexpr std::size_t copies_max = 16;

  std::size_t attachments_max_;
};

inline result<msgpack_parser::members> msgpack_parser::read(std::string_view in) {
  msgpack_reader reader(in);
  auto const top = reader.next();
  if (!top || top->is != kind::map) return remote_error(errc::bad_msgpack, reader.offset());
  members out;
  for (std::uint64_t left = top->number; left > 0; --left) {
    auto const key = reader.next();
    if (!key || key->is != kind::text) return remote_error(errc::bad_msgpack, reader.offset());
    auto const value = reader.skip();
    if (!value) return tl::unexpected(value.error());
    msgpack_token const head = *msgpack_reader(*value).next();
    if (key->bytes == "type") {
      out.type = head.is == kind::natural ? head.number : UINT64_MAX;
    } else if (key->bytes == "nsp") {
      out.nsp = head.is == kind::text ? head.bytes : std::string_view{};
    } else if (key->bytes == "data") {
      out.data = head.undefined() ? std::string_view{} : *value;
    } else if (key->bytes == "id") {
      out.has_id = !head.undefined();
      out.id = head.number;
      if (out.has_id && head.is != kind::natural) return remote_error(errc::invalid_payload, reader.offset());
    }
  }
  if (!reader.done()) return remote_error(errc::bad_msgpack, reader.offset());
  return out;
}

inline result<standard_packet> msgpack_parser::decode(frame const& in, decoder_limits const& limits) const {
  if (in.kind == frame_kind::text) return remote_error(errc::unexpected_text);
  auto const read = msgpack_parser::read(in.data);
  if (!read) return tl::unexpected(read.error());
  if (read->type > static_cast<std::uint64_t>(packet_type::connect_error)) {
    return remote_error(errc::unknown_packet_type);
  }
  auto const type = static_cast<packet_type>(read->type);
  bool const carries = type == packet_type::event || type == packet_type::ack;
  // A comma would end the name in the text, and no namespace has one.
  bool const plain = read->nsp.starts_with('/') && read->nsp.find(',') == read->nsp.npos;
  if (!plain) return remote_error(errc::invalid_payload);
  if (read->nsp.size() > limits.nsp_bytes_max) return remote_error(errc::namespace_too_long);
  standard_packet out;
  out.text += static_cast<char>('0' + static_cast<int>(type));
  out.text.append(read->nsp) += ',';
  if (read->has_id) json_write(out.text, read->id);
  if (read->data.empty()) {
    bool const needed = carries || type == packet_type::connect_error;
    return needed ? result<standard_packet>(remote_error(errc::invalid_payload)) : out;
  }
  kind const payload = msgpack_reader(read->data).next()->is;
  if (payload != kind::array && payload != kind::map && payload != kind::text) {
    return remote_error(errc::invalid_payload);  // the digits of a number would be those of the id
  }
  auto const written = msgpack_to_json(read->data, std::min(limits.json_depth_max, json_depth_max),
                                       {carries ? &out.attachments : nullptr, attachments_max_}, out.text);
  if (!written) return tl::unexpected(written.error());
  return out;
}

inline result<message> msgpack_parser::encode(message const& packet) const {
  auto packets = packet.packets();
  frame const text = packets.next();
  constexpr decoder_limits all{
      .max_attachments = UINT8_MAX, .json_depth_max = json_depth_max, .nsp_bytes_max = SIZE_MAX};
  auto const read = decode_packet(text.data.substr(1), all);
  if (!read) return local_error(read.error().code, read.error().offset);
  std::vector<bytes_view> attachments;
  std::size_t size = text.data.size() + 32;
  while (!packets.done()) {
    attachments.push_back(as_bytes(packets.next().data));
    size += attachments.back().size();
  }
  std::vector<json_binary> binaries;
  std::size_t copied = 0;
  if (!attachments.empty()) {
    for (auto const& each : find_placeholders(read->data)) {
      if (each.num >= attachments.size()) return local_error(errc::illegal_attachments);
      binaries.push_back({each.begin, each.end, attachments[each.num]});
      copied += attachments[each.num].size();
    }
  }
  if (copied / copies_max > size) return local_error(errc::attachments_too_large);
  auto type = static_cast<unsigned>(read->type);
  if (is_binary(read->type))
    type -= static_cast<unsigned>(packet_type::binary_event) - static_cast<unsigned>(packet_type::event);
  message_builder out(0, size);
  msgpack_writer writer(out);
  writer.map(2U + (read->data.empty() ? 0 : 1) + (read->has_id ? 1 : 0));
  writer.text("type"), writer.natural(type);
  if (!read->data.empty())
    writer.text("data"), json_to_msgpack(read->data, std::span<json_binary const>(binaries), out);
  writer.text("nsp"), writer.text(read->nsp);
  if (read->has_id) writer.text("id"), writer.natural(read->id);
  out.close_binary();
  return out.finish();
}

}  // namespace siokit::inline v0::socketio
