// See story.hpp.   SPDX-License-Identifier: MIT
#include "story.hpp"

#include "siokit/socketio/msgpack_parser.hpp"

namespace {

using namespace siokit;
using engineio::recorded;
using engineio::replayed;
using engineio::session_input;

constexpr std::string_view from_client = "client -> server", to_client = "server -> client",
                           to_app = "server -> app", from_app = "app -> server", by_time = "time";

/// The beginning of a text, fit for a terminal.
std::string shown(std::string_view text, std::size_t size_max) {
  std::string out = utf8_scrubbed(text.substr(0, size_max));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '.';
  }
  // The control characters beyond ASCII, line ends, and what turns the direction of text.
  auto const at = [&out](std::size_t i) { return static_cast<unsigned char>(out[i]); };
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (at(i) == 0xC2 && at(i + 1) < 0xA0) out.replace(i, 2, "..");
    if (i + 2 == out.size() || at(i) != 0xE2) continue;
    bool const turns = at(i + 1) == 0x80 ? at(i + 2) >= 0xA8 && at(i + 2) <= 0xAE
                                         : at(i + 1) == 0x81 && at(i + 2) >= 0xA6 && at(i + 2) <= 0xA9;
    if (turns) out.replace(i, 3, "...");
  }
  if (text.size() > size_max) out += "... (" + std::to_string(text.size()) + " bytes)";
  return out;
}

std::string_view name_of(socketio::packet_type type) {
  constexpr std::string_view names[] = {"CONNECT",       "DISCONNECT",   "EVENT",     "ACK",
                                        "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"};
  return names[static_cast<std::size_t>(type)];
}

std::string_view name_of(engineio::packet_type type) {
  constexpr std::string_view names[] = {"open", "close", "ping", "pong", "message", "upgrade", "noop"};
  return names[static_cast<std::size_t>(type)];
}

/// A Socket.IO packet, whose text this is; empty when it is none.
std::string socketio_packet(std::string_view text, std::size_t size_max) {
  auto const packet =
      socketio::decode_packet(text, {.max_attachments = 255, .json_depth_max = json_depth_max});
  if (!packet) return {};
  std::string out = std::string(name_of(packet->type)) + " " + shown(packet->nsp, size_max);
  if (packet->has_id) out += " #" + std::to_string(packet->id);
  if (packet->attachments > 0) out += " +" + std::to_string(packet->attachments);
  return packet->data.empty() ? out : out + " " + shown(packet->data, size_max);
}

/// What a message carries: a Socket.IO packet, in text or as MessagePack, or anything else.
std::string message_data(frame const& data, std::size_t size_max) {
  if (data.kind == frame_kind::text) {
    std::string const packet = socketio_packet(data.data, size_max);
    return packet.empty() ? "text " + shown(data.data, size_max) : packet;
  }
  static socketio::msgpack_parser const msgpack;
  std::string out = "binary, " + std::to_string(data.data.size()) + " bytes";
  auto const read = msgpack.decode(data, {.json_depth_max = json_depth_max});
  std::string const packet = read ? socketio_packet(read->text, size_max) : "";
  return packet.empty() ? out : out + ": " + packet;
}

std::string engineio_packet(result<engineio::packet> const& packet, std::size_t size_max) {
  if (!packet) return "no packet (" + std::string(to_string(packet.error().code)) + ")";
  std::string const type(name_of(packet->type));
  if (packet->type == engineio::packet_type::message)
    return type + " " + message_data(packet->data, size_max);
  return packet->data.data.empty() ? type : type + " " + shown(packet->data.data, size_max);
}

/// What one WebSocket message carries.
std::string of_frame(frame const& in, std::uint8_t revision, std::size_t size_max) {
  namespace revision3 = engineio::revision3;
  if (in.kind == frame_kind::text && in.data.starts_with('b')) {
    std::string copy(in.data);
    if (revision == 3) return engineio_packet(revision3::decode_text(copy), size_max);
    return engineio_packet(engineio::payload_reader(copy).next(), size_max);
  }
  auto const packet = revision == 3 ? revision3::decode_packet(in) : engineio::decode_packet(in);
  return engineio_packet(packet, size_max);
}

/// The packets of a body, joined by bars.
std::string of_body(std::string_view body, engineio::payload_form form, std::size_t size_max) {
  std::string copy(body), out;
  for (engineio::payload_reader all(copy, form); !all.done();) {
    out += (out.empty() ? "" : " | ") + engineio_packet(all.next(), size_max);
  }
  return out;
}

std::string of_message(message const& item, std::uint8_t revision, std::size_t size_max) {
  std::string out;
  for (auto packets = item.packets(); !packets.done();) {
    out += (out.empty() ? "" : " | ") + of_frame(packets.next(), revision, size_max);
  }
  return out;
}

std::string in_words(error why) {
  std::string out = " cause=" + std::string(name_of(why.code));
  if (why.code != errc::ok) out += " (" + std::string(to_string(why.code)) + ")";
  return out;
}

std::string number(std::string_view of, std::uint64_t name) {
  return std::string(of) + " " + std::to_string(name);
}

story_line start(replayed const& step) {
  auto const& begin = step.entry.begin;
  std::string what = "session " + shown(begin.id.view(), sid::size_max) + " by " +
                     std::string(to_string(begin.first)) + ", revision " + std::to_string(begin.revision);
  if (begin.base64_only) what += ", without binary frames";
  return {from_client, std::move(what), "start"};
}

story_line options(replayed const& step) {
  auto const& all = step.entry.options;
  auto const ms = [](duration span) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) + " ms";
  };
  return {"options",
          "ping_interval " + ms(all.ping_interval) + ", ping_timeout " + ms(all.ping_timeout) +
              ", upgrade_timeout " + ms(all.upgrade_timeout) + ", max_http_buffer_size " +
              std::to_string(all.max_http_buffer_size) + ", outbox_bytes_max " +
              std::to_string(all.outbox_bytes_max) + (all.allow_upgrades ? "" : ", no upgrades"),
          "options"};
}

/// The body of a POST, whose form the session knows and keeps to itself: that in which it can be read.
std::string of_post(std::string_view body, std::uint8_t revision, std::size_t size_max) {
  using engineio::payload_form;
  std::optional<std::string> form;
  if (body.starts_with("d=")) {
    form = engineio::jsonp_payload(body);
    if (!form) return shown(body, size_max);
    body = *form;
  }
  bool const binary = !body.empty() && static_cast<unsigned char>(body[0]) < 2;
  return of_body(body,
                 revision == 4 ? payload_form::separated
                 : binary      ? payload_form::binary
                               : payload_form::text,
                 size_max);
}

story_line input(replayed const& step, std::size_t size_max) {
  using kind = session_input::kind;
  session_input const& in = step.entry.input;
  auto const revision = step.state->revision();
  std::string const wire = number("WebSocket", in.name);
  switch (in.type) {
    case kind::wire_opened:
      return {from_client, wire + (step.outcome ? " opens" : " opens, and is not wanted"), "wire_opened"};
    case kind::receive: return {from_client, wire + ": " + of_frame(in.data, revision, size_max), "receive"};
    case kind::wire_lost:
      return {from_client, wire + " is gone" + (in.why.code == errc::ok ? "" : in_words(in.why)),
              "wire_lost"};
    case kind::poll_opened: return {from_client, number("GET", in.name), "poll_opened"};
    case kind::post_opened:
      return {from_client, number("POST", in.name) + (step.outcome ? " begins" : " is refused"),
              "post_opened"};
    case kind::post_received:
      return {from_client, number("POST", in.name) + ": " + of_post(in.data.data, revision, size_max),
              "post_received"};
    case kind::post_too_large:
      return {from_client, number("POST", in.name) + " is too large", "post_too_large"};
    case kind::exchange_aborted:
      return {from_client, number("request", in.name) + " breaks off", "exchange_aborted"};
    case kind::set_jsonp: return {from_client, "JSONP " + shown(in.data.data, size_max), "set_jsonp"};
    case kind::advance: return {by_time, "a deadline has come", "advance"};
    case kind::send:
      return {from_app,
              of_message(in.item, 4, size_max) + (step.outcome ? "" : ": " + in_words(step.outcome.error())),
              "send"};
    case kind::break_off: return {by_time, "no memory: the session is broken off", "break_off"};
    case kind::close: break;
  }
  return {from_app, in.flag ? "close at once" : "close", "close"};
}

story_line event(replayed const& step, std::size_t size_max) {
  using kind = engineio::session_event::kind;
  if (!step.event) return {to_app, "nothing more", "event"};
  switch (step.event->type) {
    case kind::opened: return {to_app, "opened", "event"};
    case kind::message: return {to_app, "message " + message_data(step.event->data, size_max), "event"};
    case kind::upgraded: return {to_app, "upgraded", "event"};
    case kind::closed: break;
  }
  return {
      to_app,
      "closed reason=\"" + std::string(to_string(step.event->reason)) + "\"" + in_words(step.event->detail),
      "event"};
}

story_line answer(replayed const& step, std::size_t size_max) {
  if (!step.answer) return {to_client, "no answer", "response"};
  engineio::response const& out = *step.answer;
  std::string what = number("answer to", out.to.value) + ": ";
  if (out.destroy) return {to_client, what + "the connection is cut", "response"};
  what += std::to_string(out.status);
  if (out.packets > 0 || out.content_type.starts_with("text/plain")) {
    bool const jsonp = out.body.starts_with("___eio[");
    what += " " + (jsonp ? shown(out.body, size_max) : of_post(out.body, step.state->revision(), size_max));
  }
  return {to_client, std::move(what), "response"};
}

}  // namespace

story_line tell(replayed const& step, std::size_t size_max) {
  switch (step.entry.type) {
    case recorded::kind::options: return options(step);
    case recorded::kind::start: return start(step);
    case recorded::kind::event: return event(step, size_max);
    case recorded::kind::response: return answer(step, size_max);
    case recorded::kind::input: return input(step, size_max);
    case recorded::kind::transmit: break;
  }
  std::string what = number("WebSocket", step.entry.input.name);
  if (!step.transmitted) return {to_client, what + ": nothing", "transmit"};
  what += step.transmitted->shut
              ? " is closed"
              : ": " + of_message(step.transmitted->data, step.state->revision(), size_max);
  return {to_client, std::move(what), "transmit"};
}
