// What the contracts without Socket.IO have in common.   SPDX-License-Identifier: MIT
#pragma once

#include "siokit/net/random.hpp"
#include "testbed.hpp"

namespace testbed {

namespace engineio = siokit::engineio;

inline void say(engineio::server& engine, siokit::handle to, std::string_view text) {
  static_cast<void>(engine.send(to, engineio::encode_packet(engineio::packet_type::message, text)));
}

/// Sends a message back as it came.
inline void echo(engineio::server& engine, engineio::event const& in) {
  if (in.data.kind == siokit::frame_kind::text) return say(engine, in.session, in.data.data);
  static_cast<void>(engine.send(in.session, siokit::binary_message(siokit::as_bytes(in.data.data))));
}

/// Handles what the engine has to tell, admitting every handshake that `refused` has no refusal for.
template <class Refused, class OnEvent>
void install(siokit::net::engine_host& host, Refused refused, OnEvent on_event) {
  host.on_drain([&host, refused, on_event, ids = siokit::net::id_source()](siokit::time_point now) mutable {
    auto& engine = host.engine();
    while (auto const event = engine.poll_event(now)) {
      if (event->type != engineio::event::kind::handshake_requested) {
        on_event(engine, *event);
      } else if (std::optional<engineio::refusal> const why = refused(*engine.head(event->session))) {
        static_cast<void>(engine.refuse(event->session, *why));
      } else {
        static_cast<void>(engine.admit(event->session, ids.next(), now));
      }
    }
  });
}

}  // namespace testbed
