// The options of siokit-server that concern HTTP.   SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>

#include "settings.hpp"

void add_engine_options(CLI::App& app, settings& s);
