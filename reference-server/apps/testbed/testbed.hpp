// The test-bed: servers with a written contract, for people who write Socket.IO clients.
// SPDX-License-Identifier: MIT
//
//   contract              offers
//   load (default)        message-with-ack, message -> message-back, broadcast, join, room
//   protocol              what the Socket.IO protocol document's test suite expects
//   app                   an application with every kind of event
//   client-suite          what the official JavaScript client's tests expect
//   engine-echo           Engine.IO without Socket.IO: every message comes back
//   engine-echo-v3        the same, for clients of revision 3 too
//   engine-client-suite   what the official Engine.IO client's tests expect
//   engine-bench          Engine.IO that does as it is told, in profiles: one set of options each
//
// docs/testbed.md has the tables: options, namespaces, events and answers of each.
#pragma once

#include "apps/app.hpp"

namespace testbed {

/// One contract: its option defaults, what its profile (settings.profile) changes in them, and what it
/// installs on a server. One of the two installers is set; without profiles, `profile` is null.
struct contract {
  std::string_view name;
  void (*defaults)(settings&);
  void (*socketio)(siokit::server&);
  void (*engineio)(siokit::server&, settings const&);
  bool (*profile)(settings&) = nullptr;  ///< false: there is none of this name
};

std::unique_ptr<apps::app> make();

void install_load(siokit::server& io);
void install_protocol(siokit::server& io);
void install_client_suite(siokit::server& io);
void install_app(siokit::server& io);
bool apply_app_profile(settings& s);
void install_engine_echo(siokit::server& io, settings const&);
void install_engine_client_suite(siokit::server& io, settings const&);
void install_engine_bench(siokit::server& io, settings const&);
bool apply_engine_bench_profile(settings& s);

}  // namespace testbed
