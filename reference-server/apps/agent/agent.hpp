// The agent: takes events from participants to an engine, and messages of the engine to participants.
// SPDX-License-Identifier: MIT
//
// Who connects is the participant that auth.token names, "anonymous" without one. With --validate-token the
// token is a JSON Web Token, its claim `sub` or `userId` the participant; who has none gets connect_error
// "Authentication error". A participant may have any number of connections. Each has a sessionId, shown in
// `to`, and a channelId, shown in the log.
//
//   client -> server                          server -> client
//   message Event                             message Message
//                                             error {code, message, eventId?}
//
//   Event    {id, type, source: {id}, timestamp, data?, thredId?, patternId?}
//   Message  {event: Event, to: [{participantId, sessionId?, nodeId?}], data?}
//   code     INVALID_EVENT, SOURCE_MISMATCH, RATE_LIMITED, ENGINE_BUSY, and over HTTP AUTHENTICATION_ERROR:
//            the event has gone nowhere
//
// A message goes to all connections of a participant, or to the one that its sessionId names; those that came
// with the header `x-proxy-message: true` get every message for their participant. An address with a nodeId
// is for that node alone. A sessionId or nodeId that is null is absent.
//
//   GET /health        {status, timestamp, uptime, node, participants, connections,
//                       engine: {kind, connected, pending}}
//   POST /event Event  202 {id}; 400, 401, 403, 429 or 503 {code, message, eventId?}
//                      `Authorization: Bearer T` is what auth.token is to a socket
#pragma once

#include "apps/app.hpp"

namespace agent {

std::unique_ptr<apps::app> make();

}  // namespace agent
