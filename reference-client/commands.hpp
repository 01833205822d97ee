// The verbs of siokit-client. Each returns the exit code.   SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "arguments.hpp"
#include "settings.hpp"
#include "siokit/net/client.hpp"

int run_listen(settings const& s);
int run_emit(settings const& s);
int run_repl(settings const& s);
int run_ping(settings const& s);
int run_load(settings const& s);
int run_discover(settings const& s);

/// A line on standard output, at once: the reader may be a pipe.
inline void print(std::string_view text) {
  std::string const line = printable(text);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

/// A line on standard error.
inline void complain(std::string_view line) {
  std::fprintf(stderr, "siokit-client: %s\n", printable(line).c_str());
}

/// "websocket error (ws://127.0.0.1:1: connect ...)".
inline std::string text_of(siokit::connect_error const& why) {
  std::string out(why.message);
  if (!why.data.empty()) out.append(" ").append(why.data);
  if (!why.description.empty()) out.append(" (").append(why.description).append(")");
  return out;
}

/// What the official Manager tells, a line each.
void show_connection_events(siokit::client& io, bool as_json, std::function<void(std::string const&)> show);
