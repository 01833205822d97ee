// What one of each costs, checked when this compiles. docs/architecture.md has the table; a number that grows
// is a decision, not an accident.
#include "siokit/hub/server.hpp"
#include "siokit/websocket/decoder.hpp"

static_assert(sizeof(siokit::error) == 16);
static_assert(sizeof(siokit::message) == 8);
static_assert(sizeof(siokit::sid) == 24);
static_assert(sizeof(siokit::outbox) == 32);
static_assert(sizeof(siokit::engineio::server_session) <= 152);
static_assert(sizeof(siokit::socketio::server_session) <= 48);
static_assert(sizeof(siokit::hub::socket) <= 112);
static_assert(sizeof(siokit::hub::socket_ref) <= 16);
static_assert(sizeof(siokit::hub::ack) <= 32);
static_assert(sizeof(siokit::websocket::decoder) <= 24);

// Views that a handler is given are copied freely.
static_assert(std::is_trivially_copyable_v<siokit::engineio::event>);
static_assert(std::is_trivially_copyable_v<siokit::socketio::event>);
