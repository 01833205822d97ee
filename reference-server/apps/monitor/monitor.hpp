// The monitor: what happens in the sessions of an assistant, told to whoever watches, and kept for those who
// come later.   SPDX-License-Identifier: MIT
//
// Namespaces: / /system /session /claude /agent /hook /todo /memory /log. With CLAUDE_MPM_SOCKETIO_TOKEN
// clients must bring it as auth.token; the others are refused with "Invalid authentication token".
//
//   on /      client -> server                           server -> client
//             claude_event {namespace?, event?, data?}   that event to all of its namespace; without its name
//                                                        the whole as claude_event to all of /
//             ping                                       pong {timestamp, server_id}
//             get_version                                server_status, also at connect
//             get_history                                event_history {events, total}; each of the events is
//                                                        {namespace, event, data, timestamp}
//             get_status, status                         status {session_id, claude_status, ...}
//                                                        at connect: connection_ack; if
//                                                        auth.client_version is not supported,
//                                                        compatibility_warning
//   /system   get_status                                 status; server_info at connect; heartbeat every 30 s
//
// Every question is answered by an event and by the acknowledgement, if one is wanted; one that makes no
// sense by error {message}.
//
//   POST /emit {namespace, event, data}   an event from outside; with a token, Authorization: Bearer TOKEN
//   POST /compatibility {client_version}
//   GET  /health /status /version /stats, and pages: / /dashboard /claude_mpm_socketio_dashboard.html /admin
//
// What the server says on / itself is no event for others to send there; data is JSON, without attachments.
// History is every claude_event and every /emit. docs/apps.md has more.
#pragma once

#include "apps/app.hpp"

namespace monitor {

std::unique_ptr<apps::app> make();

}  // namespace monitor
