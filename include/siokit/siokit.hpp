// siokit/siokit.hpp - the pure layers, and the names applications use.   SPDX-License-Identifier: MIT
#pragma once

#include "siokit/engineio/metrics.hpp"
#include "siokit/hub/client.hpp"
#include "siokit/hub/server.hpp"
#include "siokit/hub/server_group.hpp"
#include "siokit/socketio/msgpack_parser.hpp"

namespace siokit::inline v0 {

using engineio::keep_handshake;
using engineio::metrics;
using engineio::observer;
using engineio::transport;
using hub::ack;
using hub::admission;
using hub::auth_reply;
using hub::broadcast;
using hub::client_ack;
using hub::cluster_bus;
using hub::cluster_message;
using hub::cluster_node;
using hub::connect_error;
using hub::handshake;
using hub::listener_id;
using hub::next;
using hub::nsp;
using hub::nsp_decision;
using hub::packet_next;
using hub::recovery_config;
using hub::remote_socket;
using hub::responses;
using hub::server_ack;
using hub::server_group;
using hub::slow_consumer;
using hub::socket;
using hub::socket_observer;
using hub::socket_ref;
using hub::why_not_recovered;
using socketio::args;
using socketio::disconnect_reason;
using socketio::msgpack_parser;
using socketio::owned_args;
using socketio::parser;

}  // namespace siokit::inline v0
