// siokit/socketio/auth.hpp - the packets that open, refuse and leave a namespace.
// SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5, CONNECT, CONNECT_ERROR and DISCONNECT; connection state recovery adds
// pid and offset. Both sides: what one writes the other reads. Readers borrow the packet and allocate
// nothing; a message is one allocation. Text that a reader returns is raw: as it stands between its quotes.
#pragma once

#include <optional>

#include "siokit/core/ids.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/message.hpp"
#include "siokit/socketio/packet.hpp"

namespace siokit::inline v0::socketio {

namespace impl {

/// A packet without id and attachments.
class plain_packet {
 public:
  plain_packet(packet_type type, std::string_view nsp, std::size_t size_hint)
      : out_(0, nsp.size() + size_hint + 8) {
    char const head[] = {'4', static_cast<char>('0' + static_cast<int>(type))};
    out_.append(head, sizeof head);
    if (nsp == "/") return;
    out_.append(nsp);
    out_.push_back(',');
  }
  void json(std::string_view text) { out_.append(text); }
  void string(std::string_view text) { json_write(out_, text); }
  [[nodiscard]] message finish() noexcept {
    out_.close_text();
    return out_.finish();
  }

 private:
  message_builder out_;
};

}  // namespace impl

/// How many members an auth payload has; 0 if it is empty. Error, local: invalid_argument unless it is one
/// JSON object, no deeper than `depth_max`, or nothing.
[[nodiscard]] inline result<std::uint32_t> count_auth_members(std::string_view auth_json,
                                                              std::uint16_t depth_max) noexcept {
  if (auth_json.empty()) return 0;
  auto const scanned = scan_json(auth_json, depth_max);
  if (!scanned || scanned->kind != json_kind::object) return local_error(errc::invalid_argument);
  return scanned->count;
}

/// 40{"token":"..."}: a client asks to join. `auth_json`: empty, or one JSON object.
[[nodiscard]] inline message encode_connect(std::string_view nsp, std::string_view auth_json = {}) {
  impl::plain_packet out(packet_type::connect, nsp, auth_json.size());
  out.json(auth_json);
  return out.finish();
}

/// 40{"sid":"...","pid":"..."}: the client has joined. `pid`: empty unless its state can be recovered.
[[nodiscard]] inline message encode_connect_reply(std::string_view nsp, sid const& id, sid const& pid = {}) {
  impl::plain_packet out(packet_type::connect, nsp, 2 * sid::size_max + 20);
  out.json(R"({"sid":)");
  out.string(id.view());
  if (!pid.empty()) {
    out.json(R"(,"pid":)");
    out.string(pid.view());
  }
  out.json("}");
  return out.finish();
}

/// 44{"message":"...","data":...}: the client is refused. `data_json`: empty, or one JSON value.
[[nodiscard]] inline message encode_connect_error(std::string_view nsp, std::string_view text,
                                                  std::string_view data_json = {}) {
  impl::plain_packet out(packet_type::connect_error, nsp, text.size() + data_json.size() + 24);
  out.json(R"({"message":)");
  out.string(text);
  if (!data_json.empty()) {
    out.json(R"(,"data":)");
    out.json(data_json);
  }
  out.json("}");
  return out.finish();
}

/// The same for a client of revision 4, which is told less: 44{...} with the data, else 44"message".
[[nodiscard]] inline message encode_connect_error_4(std::string_view nsp, std::string_view text,
                                                    std::string_view data_json = {}) {
  impl::plain_packet out(packet_type::connect_error, nsp, text.size() + data_json.size() + 24);
  // A number would be read as the id of the packet, and `null` tells nothing.
  bool const tells = data_json.starts_with('{') || data_json.starts_with('[') || data_json.starts_with('"');
  tells ? out.json(data_json) : out.string(text);
  return out.finish();
}

/// 41: the namespace is left.
[[nodiscard]] inline message encode_disconnect(std::string_view nsp) {
  return impl::plain_packet(packet_type::disconnect, nsp, 0).finish();
}

/// The raw text between the quotes of a member, if there is one and it is a string.
[[nodiscard]] inline std::optional<std::string_view> find_string(std::string_view object,
                                                                 std::string_view key) noexcept {
  auto const value = json_find(object, key);
  if (!value || json_kind_at(*value) != json_kind::string) return std::nullopt;
  return json_string_raw(*value);
}

/// The session that a client asks to have back.
struct recovery_view {
  std::string_view pid;
  std::string_view offset;  ///< of the last event it received
};

/// What a CONNECT of a client says about recovery; nullopt unless it gives both as strings.
[[nodiscard]] inline std::optional<recovery_view> read_recovery(std::string_view auth) noexcept {
  auto const pid = find_string(auth, "pid");
  auto const offset = find_string(auth, "offset");
  if (!pid || !offset) return std::nullopt;
  return recovery_view{*pid, *offset};
}

/// A server's answer: joined.
struct connect_reply_view {
  std::string_view id;
  std::string_view pid;  ///< empty: the server recovers nothing
};

/// Reads a CONNECT of a server. Error, remote: invalid_payload if it has no sid, as that of a server before
/// revision 5.
[[nodiscard]] inline result<connect_reply_view> read_connect_reply(packet_view const& packet) noexcept {
  auto const id = find_string(packet.data, "sid");
  if (!id || id->empty()) return remote_error(errc::invalid_payload);
  return connect_reply_view{*id, find_string(packet.data, "pid").value_or(std::string_view{})};
}

/// A server's answer: refused.
struct connect_error_view {
  std::string_view text;  ///< of the error, may hold escapes
  std::string_view data;  ///< JSON, empty when there is none
};

/// Reads a CONNECT_ERROR. Revision 4 sends a string instead of an object.
[[nodiscard]] inline connect_error_view read_connect_error(packet_view const& packet) noexcept {
  if (json_kind_at(packet.data) == json_kind::string) {
    std::string_view const value = packet.data.substr(0, json_skip(packet.data, 0));
    return {json_string_raw(value), {}};
  }
  return {find_string(packet.data, "message").value_or(std::string_view{}),
          json_find(packet.data, "data").value_or(std::string_view{})};
}

}  // namespace siokit::inline v0::socketio
