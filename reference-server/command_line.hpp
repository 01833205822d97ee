// Reading the command line.   SPDX-License-Identifier: MIT
#pragma once

#include "apps/app.hpp"

/// Reads all options, from the weakest place to the strongest, and makes the application that they name.
/// Returns the exit code when the program is to end at once, -1 when it is to go on.
int read_command_line(int argc, char const* const* argv, settings& out, std::unique_ptr<apps::app>& chosen);
