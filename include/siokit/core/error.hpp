// siokit/core/error.hpp - errors as values: what, whose fault, where.   SPDX-License-Identifier: MIT
// Owns nothing, allocates nothing. errc is also a std::error_code, for hosts that speak that.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <tl/expected.hpp>

#include "siokit/version.hpp"

/// A bug of siokit itself, never something a peer or a user can cause. Define it yourself to hook in.
#ifndef SIOKIT_ASSERT
#include <cassert>
#define SIOKIT_ASSERT(condition) assert(condition)
#endif

namespace siokit::inline v0 {

/// Every way in which siokit can fail. One sentence each: what was expected, in the words of `to_string`.
enum class errc : std::uint8_t {
  ok,
  // Use of the API.
  events_pending,    ///< receive() before poll_event() returned nullopt
  gone,              ///< the session, socket or listener no longer exists
  wrong_state,       ///< the verb does not fit the state, e.g. admit() of a session already open
  invalid_argument,  ///< an argument or option outside its documented range
  outbox_full,       ///< the peer reads too slowly: a queue limit of its session is reached
  not_connected,     ///< the socket is not (or no longer) connected to its namespace
  timed_out,         ///< no answer within the given time
  refused,           ///< the server does not let this client into the namespace
  out_of_memory,     ///< an allocation failed
  bad_recording,     ///< bytes that are no recording, or not of this version
  // Text.
  bad_utf8,       ///< text that is not valid UTF-8
  bad_base64,     ///< characters outside the base64 alphabet
  bad_json,       ///< text that is not one JSON value of RFC 8259
  json_too_deep,  ///< JSON, or MessagePack, nested deeper than the limit
  bad_msgpack,    ///< bytes that are not one MessagePack value, or one with keys that are no text
  // Engine.IO.
  empty_packet,          ///< a packet without its type character
  unknown_packet_type,   ///< a type outside those the protocol names
  heartbeat_direction,   ///< a ping, or a pong, sent by the side that must not send it
  payload_too_large,     ///< a message or body longer than max_http_buffer_size
  too_many_packets,      ///< more packets in one polling body than the limit
  packet_rate,           ///< more packets a second than the limit
  byte_rate,             ///< more bytes a second than the limit
  bad_length,            ///< a length in a payload of revision 3 that is none, or does not fit
  overlapping_poll,      ///< a second GET while one is pending
  overlapping_post,      ///< a second POST while one is being read
  premature_close,       ///< a polling request was cut before its end
  bad_content_type,      ///< a binary body in revision 4
  bad_open_packet,       ///< an open packet without the fields of the handshake
  ping_timeout,          ///< no heartbeat within ping_timeout
  upgrade_failed,        ///< the probe of an upgrade was wrong or came too late
  bad_request,           ///< an HTTP request that Engine.IO does not serve
  handshake_rate,        ///< more handshakes a second from one address than the limit
  too_many_sessions,     ///< more sessions of one address than the limit
  too_many_connections,  ///< more TCP connections of one address than the limit
  slow_request,          ///< a head or a body that did not come in time
  // The transports of a client; the texts are those of the official one.
  poll_error,       ///< a GET was answered by an error, or not at all
  post_error,       ///< the same for a POST
  websocket_error,  ///< a WebSocket could not be opened, or broke
  open_timeout,     ///< no session within the time given
  // HTTP and TLS of net/.
  header_too_large,  ///< the head of an HTTP message above the limits
  tls_failed,        ///< TLS: the handshake, a record or the certificate of the peer
  // Socket.IO.
  illegal_attachments,    ///< a wrong number of attachments, or a placeholder that names none
  too_many_attachments,   ///< more attachments than max_attachments
  attachments_too_large,  ///< attachments of one packet longer than the limit
  invalid_payload,        ///< a payload that does not fit its packet type
  reserved_event,         ///< an event name that the protocol keeps for itself
  too_many_acks,          ///< more acknowledgements pending than the limit
  ack_id_too_large,       ///< an acknowledgement id above 2^53-1
  unexpected_text,        ///< a text packet while attachments are due
  unexpected_binary,      ///< an attachment while none is due
  invalid_state,          ///< a packet for a namespace that is not joined, or a second CONNECT
  connect_timeout,        ///< no namespace joined within connect_timeout
  too_many_namespaces,    ///< more namespaces on one connection than the limit
  too_many_rooms,         ///< more rooms of one socket than the limit
  namespace_too_long,     ///< a namespace name longer than the limit
  // Arguments of an event or an acknowledgement; the offset is the index of the argument.
  missing_argument,     ///< there is no argument at this index
  wrong_argument_type,  ///< the argument is of another type than the one asked for
  number_out_of_range,  ///< the number does not fit the type asked for
  argument_escaped,     ///< a string with escapes was asked for as string_view: ask for std::string
  // WebSocket.
  ws_reserved_bits,       ///< RSV bits set without an extension
  ws_bad_opcode,          ///< an opcode that RFC 6455 reserves
  ws_not_masked,          ///< a client frame without mask
  ws_masked,              ///< a server frame with mask
  ws_bad_control_frame,   ///< a control frame fragmented or longer than 125 bytes
  ws_bad_continuation,    ///< a continuation without start, or a start inside a message
  ws_bad_length,          ///< a length not in its shortest form, or above 2^63
  ws_message_too_large,   ///< a message longer than the limit
  ws_too_many_fragments,  ///< a message of more fragments than the limit
  ws_bad_close,           ///< a close frame with an illegal code or length
  ws_bad_handshake,       ///< a handshake that RFC 6455 does not allow
};

/// A sentence for people: what was expected, what was found.
[[nodiscard]] std::string_view to_string(errc code) noexcept;
/// The same for programs, such as "outbox_full": stays what it is when sentences change.
[[nodiscard]] std::string_view name_of(errc code) noexcept;

/// Whose fault. local: the API was misused, nothing changed. remote: the peer broke the protocol or a limit.
enum class side : std::uint8_t { local, remote };

/// What, whose fault, and where: `offset` is the byte (or the argument index, see errc) where reading
/// stopped.
struct error {
  errc code = errc::ok;
  side blame = side::local;
  std::uint64_t offset = 0;

  friend bool operator==(error const&, error const&) = default;
};
// So a result<void> is returned in memory, of which the caller reads just whether it is good. One of 12 bytes
// comes in registers, put together from pieces that the processor has to wait for.
static_assert(sizeof(error) == 16);

template <class T>
using result = tl::expected<T, error>;

/// The failure half of a result<T>.
[[nodiscard]] inline tl::unexpected<error> local_error(errc code, std::size_t offset = 0) noexcept {
  return tl::unexpected<error>(error{code, side::local, offset});
}
[[nodiscard]] inline tl::unexpected<error> remote_error(errc code, std::size_t offset = 0) noexcept {
  return tl::unexpected<error>(error{code, side::remote, offset});
}

namespace impl {
struct errc_words {
  std::string_view name;
  std::string_view sentence;
};
[[nodiscard]] inline errc_words words_of(errc code) noexcept {
  switch (code) {
    case errc::ok: return {"ok", "no error"};
    case errc::events_pending:
      return {"events_pending",
              "input refused: drain poll_event() until it returns nullopt, then call again"};
    case errc::gone: return {"gone", "the session or socket no longer exists"};
    case errc::wrong_state: return {"wrong_state", "this call does not fit the present state"};
    case errc::invalid_argument: return {"invalid_argument", "an argument is outside its documented range"};
    case errc::outbox_full: return {"outbox_full", "the peer reads too slowly: its send queue is full"};
    case errc::not_connected: return {"not_connected", "socket has been disconnected"};
    case errc::timed_out: return {"timed_out", "operation has timed out"};
    case errc::refused: return {"refused", "the server refused the connection to the namespace"};
    case errc::out_of_memory: return {"out_of_memory", "an allocation failed"};
    case errc::bad_recording:
      return {"bad_recording", "expected a recording of this version, found something else"};
    case errc::bad_utf8: return {"bad_utf8", "expected UTF-8 text, found an invalid byte sequence"};
    case errc::bad_base64: return {"bad_base64", "expected base64, found a character outside its alphabet"};
    case errc::bad_json: return {"bad_json", "expected one JSON value (RFC 8259), found something else"};
    case errc::json_too_deep: return {"json_too_deep", "JSON is nested deeper than the limit"};
    case errc::bad_msgpack: return {"bad_msgpack", "expected one MessagePack value, found something else"};
    case errc::empty_packet: return {"empty_packet", "expected a packet type, found an empty packet"};
    case errc::unknown_packet_type: return {"unknown_packet_type", "unknown packet type"};
    case errc::heartbeat_direction: return {"heartbeat_direction", "invalid heartbeat direction"};
    case errc::payload_too_large: return {"payload_too_large", "Max payload size exceeded"};
    case errc::too_many_packets: return {"too_many_packets", "more packets in one payload than the limit"};
    case errc::packet_rate: return {"packet_rate", "more packets a second than the limit"};
    case errc::byte_rate: return {"byte_rate", "more bytes a second than the limit"};
    case errc::bad_length:
      return {"bad_length", "expected the length of a packet, found none or one that does not fit"};
    case errc::overlapping_poll: return {"overlapping_poll", "overlap from client: a GET is already pending"};
    case errc::overlapping_post:
      return {"overlapping_post", "data request overlap from client: a POST is already being read"};
    case errc::premature_close: return {"premature_close", "a polling request was closed before its end"};
    case errc::bad_content_type:
      return {"bad_content_type", "invalid content: binary bodies do not exist in revision 4"};
    case errc::bad_open_packet:
      return {"bad_open_packet", "expected an open packet with sid, pingInterval and pingTimeout"};
    case errc::ping_timeout: return {"ping_timeout", "no heartbeat from the peer within ping_timeout"};
    case errc::upgrade_failed:
      return {"upgrade_failed", "the probe of the new transport was wrong or came too late"};
    case errc::bad_request: return {"bad_request", "Bad request"};
    case errc::handshake_rate:
      return {"handshake_rate", "more handshakes a second from one address than the limit"};
    case errc::too_many_sessions: return {"too_many_sessions", "more sessions of one address than the limit"};
    case errc::slow_request: return {"slow_request", "a request did not come in time"};
    case errc::too_many_connections:
      return {"too_many_connections", "more connections of one address than the limit"};
    case errc::poll_error: return {"poll_error", "xhr poll error"};
    case errc::post_error: return {"post_error", "xhr post error"};
    case errc::websocket_error: return {"websocket_error", "websocket error"};
    case errc::open_timeout: return {"open_timeout", "timeout"};
    case errc::header_too_large:
      return {"header_too_large", "the head of an HTTP message exceeds the limits"};
    case errc::tls_failed: return {"tls_failed", "TLS failed"};
    case errc::illegal_attachments: return {"illegal_attachments", "Illegal attachments"};
    case errc::too_many_attachments: return {"too_many_attachments", "too many attachments"};
    case errc::attachments_too_large:
      return {"attachments_too_large", "the attachments of one packet exceed the limit"};
    case errc::invalid_payload: return {"invalid_payload", "invalid payload"};
    case errc::reserved_event: return {"reserved_event", "the event name is reserved by the protocol"};
    case errc::too_many_acks:
      return {"too_many_acks", "more acknowledgements are pending than the limit: wait, or use timeout()"};
    case errc::ack_id_too_large: return {"ack_id_too_large", "an acknowledgement id must not exceed 2^53-1"};
    case errc::unexpected_text: return {"unexpected_text", "got plaintext data when reconstructing a packet"};
    case errc::unexpected_binary:
      return {"unexpected_binary", "got binary data when not reconstructing a packet"};
    case errc::invalid_state:
      return {"invalid_state", "invalid state: the packet does not fit the state of its namespace"};
    case errc::connect_timeout: return {"connect_timeout", "no namespace was joined within connect_timeout"};
    case errc::too_many_namespaces:
      return {"too_many_namespaces", "more namespaces on one connection than the limit"};
    case errc::too_many_rooms: return {"too_many_rooms", "more rooms of one socket than the limit"};
    case errc::namespace_too_long:
      return {"namespace_too_long", "the namespace name is longer than the limit"};
    case errc::missing_argument: return {"missing_argument", "there is no argument at this index"};
    case errc::wrong_argument_type:
      return {"wrong_argument_type", "the argument has another type than the one asked for"};
    case errc::number_out_of_range:
      return {"number_out_of_range", "the number does not fit the type asked for"};
    case errc::argument_escaped:
      return {"argument_escaped",
              "the string holds escapes: ask for std::string instead of std::string_view"};
    case errc::ws_reserved_bits:
      return {"ws_reserved_bits", "reserved bits set without a negotiated extension"};
    case errc::ws_bad_opcode: return {"ws_bad_opcode", "reserved WebSocket opcode"};
    case errc::ws_not_masked:
      return {"ws_not_masked", "expected a masked frame from a client, found an unmasked one"};
    case errc::ws_masked:
      return {"ws_masked", "expected an unmasked frame from a server, found a masked one"};
    case errc::ws_bad_control_frame:
      return {"ws_bad_control_frame", "a control frame must be whole and at most 125 bytes long"};
    case errc::ws_bad_continuation: return {"ws_bad_continuation", "continuation frame out of place"};
    case errc::ws_bad_length: return {"ws_bad_length", "frame length not in its shortest form, or too large"};
    case errc::ws_message_too_large: return {"ws_message_too_large", "Max payload size exceeded"};
    case errc::ws_too_many_fragments:
      return {"ws_too_many_fragments", "more fragments in one message than the limit"};
    case errc::ws_bad_close: return {"ws_bad_close", "close frame with an illegal code or length"};
    case errc::ws_bad_handshake: return {"ws_bad_handshake", "not a WebSocket handshake of RFC 6455"};
  }
  return {"unknown", "unknown error"};
}
}  // namespace impl

inline std::string_view to_string(errc code) noexcept {
  return impl::words_of(code).sentence;
}
inline std::string_view name_of(errc code) noexcept {
  return impl::words_of(code).name;
}

namespace impl {
class error_category final : public std::error_category {
 public:
  [[nodiscard]] char const* name() const noexcept override { return "siokit"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string(to_string(static_cast<errc>(code)));
  }
};
}  // namespace impl

[[nodiscard]] inline std::error_category const& error_category() noexcept {
  static impl::error_category const instance;
  return instance;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

}  // namespace siokit::inline v0

template <>
struct std::is_error_code_enum<siokit::errc> : std::true_type {};
