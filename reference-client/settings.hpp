// What the command line says.   SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "siokit/net/client_options.hpp"

/// What scripts can rely on.
enum exit_code : int {
  exit_done = 0,
  exit_failed = 1,     ///< not connected, refused, or disconnected
  exit_usage = 2,      ///< a wrong option or argument
  exit_timed_out = 3,  ///< an acknowledgement, or what was waited for, did not come in time
};

struct settings {
  enum class verb : std::uint8_t { listen, emit, repl, ping, load, discover };

  std::string url;
  siokit::client_options client;
  std::string nsp;
  bool json = false;
  bool verbose = false;

  verb command = verb::listen;
  std::string event;
  std::vector<std::string> arguments;

  bool ack = false;                              // emit
  std::chrono::milliseconds ack_timeout{5'000};  // emit, ping
  std::vector<std::string> only;                 // listen: events
  std::vector<std::string> fallbacks;            // listen: servers to go to when the first one dies
  std::string client_version;                    // discover: what servers are to be compatible with
  std::uint64_t count = 0;                       // listen, ping; 0: without end
  std::chrono::milliseconds wait{0};             // listen; 0: for ever
  std::chrono::milliseconds interval{1'000};     // ping
  std::uint32_t clients = 10;                    // load
  double rate = 0;                             // load: events per second of each; 0: as many as are answered
  std::uint32_t in_flight = 1;                 // load, with rate 0
  std::chrono::milliseconds duration{10'000};  // load
};

/// Reads the command line. Returns the exit code when the program is to end at once, -1 when it is to go on.
int read_command_line(int argc, char const* const* argv, settings& out);
