// siokit/socketio/auth.hpp - the packets that open and refuse a namespace.   SPDX-License-Identifier: MIT
// Spec: Socket.IO protocol, revision 5, CONNECT and CONNECT_ERROR.
#pragma once

#include "siokit/core/ids.hpp"
#include "siokit/core/json_write.hpp"
#include "siokit/core/message.hpp"
#include "siokit/socketio/packet.hpp"

namespace siokit::inline v0::socketio {

namespace impl {
/// "4", the packet type, and the namespace with its comma unless it is "/".
inline void write_head(message_builder& out, packet_type type, std::string_view nsp) {
  char const head[] = {'4', static_cast<char>('0' + static_cast<int>(type))};
  out.append(head, sizeof head);
  if (nsp == "/") return;
  out.append(nsp);
  out.push_back(',');
}
}  // namespace impl

/// 40{"sid":"..."}: the client has joined.
[[nodiscard]] inline message encode_connect_reply(std::string_view nsp, sid const& id) {
  message_builder out(0);
  impl::write_head(out, packet_type::connect, nsp);
  out.append(R"({"sid":)");
  json_write(out, id.view());
  out.push_back('}');
  out.close_text();
  return out.finish();
}

/// 44{"message":"...","data":...}: the client is refused. `data_json`: empty, or one JSON value.
[[nodiscard]] inline message encode_connect_error(std::string_view nsp, std::string_view text,
                                                  std::string_view data_json = {}) {
  message_builder out(0);
  impl::write_head(out, packet_type::connect_error, nsp);
  out.append(R"({"message":)");
  json_write(out, text);
  if (!data_json.empty()) {
    out.append(R"(,"data":)");
    out.append(data_json);
  }
  out.push_back('}');
  out.close_text();
  return out.finish();
}

/// 41: the namespace is left.
[[nodiscard]] inline message encode_disconnect(std::string_view nsp) {
  message_builder out(0);
  impl::write_head(out, packet_type::disconnect, nsp);
  out.close_text();
  return out.finish();
}

}  // namespace siokit::inline v0::socketio
