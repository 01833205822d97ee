// The studio: users have commands run, follow media items, and are notified.
// SPDX-License-Identifier: MIT
//
// Three namespaces: "/", "/media", and "/notifications", which only those with a good token may join. A token
// is a JSON Web Token (HS256, --jwt-secret) whose userId, else sub, names the user; it comes as auth.token or
// with `authenticate`. A bad one leaves the connection as it was, with authError. Where a callback and an
// event exist both are sent; a callback that has failed gets {success: false, error}.
//
//   client -> server                                 server -> client
//   everywhere:
//     authenticate {token} -> {success, userId}      welcome {message, socketId, serverTime}
//                                                    authenticated {userId, email?, authenticatedAt}
//                                                    authError {message}
//     logout -> {success}                            loggedOut {message}
//     joinRoom name -> {success, room}               roomJoined {room, success}
//     leaveRoom name -> {success, room}              roomLeft {room, success}
//     getConnectionInfo -> {socketId, connected,
//       rooms, authenticated, connectedAt}
//     ping -> {timestamp}                            pong {timestamp}
//     heartbeat {timestamp?}                         heartbeatAck {timestamp, serverTime, latency}
//       -> {timestamp, serverTime, latency}
//   /media:
//     subscribeMedia id -> {success, mediaId}        mediaProgress {mediaId, progress, stage, message?}
//     unsubscribeMedia id -> {success, mediaId}      mediaComplete {mediaId, url, thumbnailUrl?, metadata?}
//                                                    mediaError {mediaId, error, code?}
//   /notifications:                                  notification {id, type, title, message, timestamp,
//                                                      data?}
//   /:
//     claude:execute {prompt, systemPrompt?, model?, claude:progress {processId, status, data?, message?,
//         maxTokens?, workingDirectory?, timeoutMs?}   timestamp}
//       -> {success, processId}                      claude:queued {processId, queuePosition, message,
//     claude:status id                                 timestamp}
//       -> {success, status, queuePosition?}         claude:complete {processId, result, timestamp}
//     claude:cancel id -> {success, message}         claude:error {processId?, code, message, timestamp}
//
// Codes: UNAUTHORIZED, INVALID_PAYLOAD, RATE_LIMIT_EXCEEDED, EXECUTION_ERROR, STREAM_ERROR (output is lost,
// the process goes on), CANCELLED, PROCESS_NOT_FOUND, QUEUE_TIMEOUT.
//
// claude:execute runs --command CMD [--model M] [--max-tokens N] [--system-prompt S] PROMPT, never through a
// shell. The prompt is given as it is: a command that would take one that begins with "-" for an option needs
// a wrapper. Linux limits one argument to 128 KiB. Standard output is streamed; the result has standard error
// too.
//
// Over HTTP: GET /health, and with --push-token POST /push {event, data, userId? | room?}.
#pragma once

#include "apps/app.hpp"

namespace studio {

std::unique_ptr<apps::app> make();

}  // namespace studio
