// What siokit-server does beside serving: start, stop, status, health, restart, install.
// SPDX-License-Identifier: MIT
//
//   start     runs the server in the background and waits until it listens; one server a port
//   stop      ends it as SIGTERM does, and by force when it does not end
//   restart   stop, if it runs, and start, with the options that are given now
//   status    whether it runs; with -v what it says of itself; exit code 3 if it does not
//   health    what it answers at /health; 1 unless that is well
//   install   writes a systemd unit, of the user or of the system
//
// Each returns the exit code: 0 done, 1 failed, 3 see above.
#pragma once

#include "settings.hpp"

namespace verbs {

/// `argc`, `argv`: the command line, which the server in the background is given too.
int run(settings const& s, int argc, char const* const* argv);

/// Writes the option pid_file, if it is set, and removes the file at its end.
class announcement {
 public:
  announcement(settings const& s, std::string const& url);
  ~announcement();
  announcement(announcement const&) = delete;
  announcement& operator=(announcement const&) = delete;

 private:
  std::string path_;
};

/// Writes the unit that runs this program with these options.
int install(settings const& s, int argc, char const* const* argv);

/// The path of this program.
std::string program_path();

}  // namespace verbs
