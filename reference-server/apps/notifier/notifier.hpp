// The notifier: pushes notifications to users on all their devices, asks them, and keeps what they allow.
// SPDX-License-Identifier: MIT
//
// Who connects brings a token, as auth.token or as `Authorization: Bearer T`. The token names a user, whose
// sockets are in a room of his name. A refused handshake is a connect_error with the line that is logged, of
// type USER_NOT_FOUND, USER_DISABLED or USER_EXPIRED.
//
//   client -> server                                     server -> client
//   client-info {deviceType?, deviceName?, appVersion?}  notification {type, message, timestamp, ...}
//   client-message anything -> ack                       ack {message, timestamp}
//   set_capabilities {requestId?, data} -> ack           error {message}
//   get_capabilities {requestId} -> socket_response      ask_user_confirm, get_client_status, ...
//   socket_response {requestId, success, ...}              and others: {requestId, action, data, timestamp}
//   refresh_token -> acknowledged {token, expiresAt}
//
// Over HTTP: /health, and for operators with --admin-token the routes of admin_api.cpp. See docs/apps.md.
#pragma once

#include "apps/app.hpp"

namespace notifier {

std::unique_ptr<apps::app> make();

}  // namespace notifier
