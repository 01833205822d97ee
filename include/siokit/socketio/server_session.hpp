// siokit/socketio/server_session.hpp - the Socket.IO half of one connection, seen from the server.
// SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5, and revision 4, which runs on revision 3 of Engine.IO. Composed on
// any Engine.IO session: its messages go in, encoded packets come out as return values, for the host to send.
// Knows which namespaces are joined. Since one Engine.IO message is at most one event, receive() returns it:
// there is no queue. Owns the attachments of an unfinished packet, and a list of the namespaces beside "/";
// allocates for nothing else.
//
//   namespace   packet                    next       event
//   none        CONNECT                   asked      connect_requested
//   asked       accept() | reject()       joined | none
//   joined      EVENT, ACK                joined     received, acknowledged
//   joined      DISCONNECT, leave()       none       disconnected (the peer's only)
//   otherwise                             -          error invalid_state: close the connection
//
// A client of revision 4 is in "/" without asking, see join_root().
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "siokit/core/ids.hpp"
#include "siokit/engineio/query.hpp"
#include "siokit/socketio/args.hpp"
#include "siokit/socketio/auth.hpp"
#include "siokit/socketio/decoder.hpp"
#include "siokit/socketio/encoder.hpp"

namespace siokit::inline v0::socketio {

/// What the peer did. Views live until the next input, and as long as the frame they were read from.
struct event {
  enum class kind : std::uint8_t { connect_requested, received, acknowledged, disconnected } type{};
  bool wants_ack = false;    ///< received: the peer waits for acknowledge()
  std::uint32_t cookie = 0;  ///< of the namespace, as given to accept()
  std::uint64_t id = 0;      ///< of the acknowledgement, asked for or given
  std::string_view nsp{};
  std::string_view name{};  ///< received: the raw event name, between its quotes; may hold escapes
  std::string_view auth{};  ///< connect_requested: JSON object, empty if none was sent
  args arguments{};         ///< received, acknowledged
};

class server_session {
 public:
  /// `limits` and `other` outlive the session. `revision`: 5 or 4. `other`: reads the peer in place of the
  /// default parser; what is to be sent is encoded by the host, see encode_for().
  explicit server_session(decoder_limits const& limits, std::uint8_t revision = 5,
                          parser const* other = nullptr)
      : limits_(&limits),
        parser_(other),
        revision4_auth_(revision == 4 ? std::make_unique<std::string>() : nullptr) {}

  [[nodiscard]] std::uint8_t revision() const noexcept { return revision4_auth_ ? 4 : 5; }
  /// The CONNECT for "/" that a client of revision 4 leaves unsaid. Call once, when the session is open.
  [[nodiscard]] event join_root() noexcept {
    root_.state = stage::asked;
    return event{.type = event::kind::connect_requested, .nsp = "/"};
  }

  /// One message of the Engine.IO session below. Nullopt: an attachment, more are due.
  /// Errors, all remote: those of decoder::feed, invalid_state, too_many_namespaces. After one the connection
  /// is to be closed: its packets can no longer be trusted.
  [[nodiscard]] result<std::optional<event>> receive(frame const& in);

  /// Answers connect_requested; the result is to be sent. `cookie` comes back with every event of the
  /// namespace.
  /// `pid`: empty unless the state of the client can be recovered.
  [[nodiscard]] result<message> accept(std::string_view nsp, std::uint32_t cookie, sid const& id,
                                       sid const& pid = {});
  /// Answers connect_requested with a refusal. `data_json`: empty, or one JSON value.
  [[nodiscard]] result<message> reject(std::string_view nsp, std::string_view text,
                                       std::string_view data_json = {});
  /// Answers connect_requested for a namespace that there is not.
  [[nodiscard]] result<message> reject_unknown(std::string_view nsp);
  /// Leaves a namespace; the result is to be sent. Error, local: not_connected.
  [[nodiscard]] result<message> leave(std::string_view nsp);

  [[nodiscard]] bool joined(std::string_view nsp) const noexcept {
    membership const* found = find(nsp);
    return found != nullptr && found->state == stage::joined;
  }
  [[nodiscard]] bool any_joined() const noexcept {
    if (root_.state == stage::joined) return true;
    return others_ && std::any_of(others_->begin(), others_->end(),
                                  [](named_membership const& each) { return each.state == stage::joined; });
  }
  /// The event of the last receive() was handled: frees what it was made of.
  void release() noexcept {
    if (!decoder_.pending()) decoder_.reset();
  }

 private:
  enum class stage : std::uint8_t { none, asked, joined };
  struct membership {
    stage state = stage::none;
    std::uint32_t cookie = 0;
  };
  struct named_membership : membership {
    std::string nsp;
  };

  [[nodiscard]] membership const* find(std::string_view nsp) const noexcept {
    if (is_root(nsp)) return &root_;
    if (others_ == nullptr) return nullptr;
    for (auto const& other : *others_) {
      if (other.nsp == nsp) return &other;
    }
    return nullptr;
  }
  [[nodiscard]] membership* find(std::string_view nsp) noexcept {
    return const_cast<membership*>(static_cast<server_session const*>(this)->find(nsp));
  }
  void forget(std::string_view nsp) noexcept {
    if (is_root(nsp)) {
      root_ = {};
    } else if (others_ != nullptr) {
      std::erase_if(*others_, [&](named_membership const& other) { return other.nsp == nsp; });
    }
  }
  [[nodiscard]] error read(frame const& in, std::optional<event>& out);
  [[nodiscard]] error connect(packet_view const& in, event& out);
  [[nodiscard]] std::string_view take_query(std::string_view& nsp);
  [[nodiscard]] result<message> rejected(std::string_view nsp, message refusal);

  decoder_limits const* limits_;
  parser const* parser_;
  decoder decoder_;
  std::unique_ptr<std::vector<named_membership>> others_;
  membership root_;
  std::unique_ptr<std::string> revision4_auth_;  // of the last CONNECT; null in revision 5
};

inline error server_session::connect(packet_view const& in, event& out) {
  membership const* known = find(in.nsp);
  if (known != nullptr && known->state != stage::none) return {errc::invalid_state, side::remote, 0};
  if (is_root(in.nsp)) {
    root_.state = stage::asked;
  } else {
    if (!others_) others_ = std::make_unique<std::vector<named_membership>>();
    if (others_->size() >= limits_->namespaces_max) return {errc::too_many_namespaces, side::remote, 0};
    others_->push_back({{stage::asked, 0}, std::string(in.nsp)});
  }
  out.type = event::kind::connect_requested;
  out.nsp = in.nsp;
  out.auth = in.data;
  return {};
}

/// A client of revision 4 has no auth payload, but may say /admin?token=abc for /admin. Cuts the query off,
/// and gives it as a JSON object of strings, which lives until the next input; empty if there is none.
inline std::string_view server_session::take_query(std::string_view& nsp) {
  std::string& json = *revision4_auth_;
  json.clear();
  engineio::query_view pairs(nsp);
  while (auto const pair = pairs.next()) {
    json += json.empty() ? '{' : ',';
    json_write(json, engineio::percent_decode(pair->key));
    json += ':';
    json_write(json, engineio::percent_decode(pair->value));
  }
  if (!json.empty()) json += '}';
  nsp = nsp.substr(0, nsp.find('?'));
  return json;
}

inline result<std::optional<event>> server_session::receive(frame const& in) {
  result<std::optional<event>> out(tl::in_place, std::in_place);  // read where it is returned
  if (error const why = read(in, *out); why.code != errc::ok) out = tl::unexpected(why);
  return out;
}

/// Precondition: there is an event in `out`, a new one.
inline error server_session::read(frame const& in, std::optional<event>& out) {
  constexpr error fine{}, invalid{errc::invalid_state, side::remote, 0};
  auto decoded = decoder_.feed(in, *limits_, parser_);
  if (!decoded) return decoded.error();
  if (!*decoded) return out.reset(), fine;
  packet_view& packet = **decoded;
  if (revision4_auth_) {
    std::string_view const auth = take_query(packet.nsp);
    if (packet.type == packet_type::connect) packet.data = auth;
  }
  if (packet.type == packet_type::connect) return connect(packet, *out);
  membership const* known = find(packet.nsp);
  if (known == nullptr || known->state != stage::joined) return invalid;
  out->nsp = packet.nsp;
  out->cookie = known->cookie;
  out->id = packet.id;
  switch (packet.type) {
    case packet_type::event:
    case packet_type::binary_event:
      out->type = event::kind::received;
      out->wants_ack = packet.has_id;
      out->name = packet.name_raw();
      std::construct_at(&out->arguments, packet, decoder_.attachments());
      return fine;
    case packet_type::ack:
    case packet_type::binary_ack:
      if (!packet.has_id) return out.reset(), fine;  // it answers nothing; ignored, as upstream
      out->type = event::kind::acknowledged;
      std::construct_at(&out->arguments, packet, decoder_.attachments());
      return fine;
    case packet_type::disconnect:
      out->type = event::kind::disconnected;
      forget(packet.nsp);
      return fine;
    case packet_type::connect:
    case packet_type::connect_error: break;
  }
  return invalid;
}

inline result<message> server_session::accept(std::string_view nsp, std::uint32_t cookie, sid const& id,
                                              sid const& pid) {
  membership* known = find(nsp);
  if (known == nullptr || known->state != stage::asked) return local_error(errc::wrong_state);
  known->state = stage::joined;
  known->cookie = cookie;
  if (revision4_auth_) return encode_connect(nsp);
  return encode_connect_reply(nsp, id, pid);
}

inline result<message> server_session::reject(std::string_view nsp, std::string_view text,
                                              std::string_view data_json) {
  return rejected(nsp, revision4_auth_ ? encode_connect_error_4(nsp, text, data_json)
                                       : encode_connect_error(nsp, text, data_json));
}

inline result<message> server_session::reject_unknown(std::string_view nsp) {
  return rejected(nsp, encode_connect_error(nsp, "Invalid namespace"));
}

inline result<message> server_session::rejected(std::string_view nsp, message refusal) {
  membership const* known = find(nsp);
  if (known == nullptr || known->state != stage::asked) return local_error(errc::wrong_state);
  forget(nsp);
  return refusal;
}

inline result<message> server_session::leave(std::string_view nsp) {
  if (!joined(nsp)) return local_error(errc::not_connected);
  message out = encode_disconnect(nsp);
  forget(nsp);
  return out;
}

}  // namespace siokit::inline v0::socketio
